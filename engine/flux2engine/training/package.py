r"""Checkpoints → a model folder that `Flux2Pipeline.from_folder` reads.

    python -m flux2engine.training.package --tokenizer FILE --flow FILE.pt --decoder FILE.pt --encoder FILE.pt \
        --out DIR --version 0.3.0 --size S --steps 4

Takes the averaged weights, stores them in bf16, and with them the running statistics of the latents.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from torch import nn

from flux2engine.autoencoder import TinyAutoencoder
from flux2engine.manifest import ModelManifest
from flux2engine.model_folder import save_model
from flux2engine.training import checkpoint
from flux2engine.training.flow_matching import Nano, read_statistics
from flux2engine.training.sizes import SIZES, overrides, transformer_config

MAX_PIXELS = 512 * 1024


def load_averaged(module: nn.Module, path: Path) -> dict[str, Any]:
    """Put the averaged weights of a checkpoint into `module`; return the checkpoint."""
    state = checkpoint.load(path)
    if state is None:
        raise FileNotFoundError(path)
    checkpoint.put_averaged(module, state["average"])
    return state


PICTURE_GUIDANCE = 1.25  # measured on edits, as LOG.md has it


def defaults(steps: int, guidance: float, reference: int, base: int, sampled: int | None = None) -> dict[str, Any]:
    """Return how the model is run if nothing else is asked; sides of references are those that training showed."""
    return {
        "default_steps": steps,
        "default_guidance": guidance,
        "max_pixels": MAX_PIXELS,
        "reference_area_single": reference * reference,
        "reference_area_several": reference * reference,
        "base_area": base * base,
        "frames_cut_outs": True,
        "picture_guidance": PICTURE_GUIDANCE,
        "sampled_area": sampled and sampled * sampled,
    }


def package(
    tokenizer: Path,
    flow: Path,
    decoder: Path,
    encoder: Path,
    out: Path,
    version: str,
    size: str = "S",
    run_as: dict[str, Any] | None = None,
) -> None:
    """Write the model folder; `run_as` are what `defaults` returns."""
    model = Nano(Tokenizer.from_file(str(tokenizer)), transformer_config(size))
    statistics = read_statistics(load_averaged(model, flow))
    autoencoder = TinyAutoencoder()
    load_averaged(autoencoder.decoder, decoder)
    load_averaged(autoencoder.encoder, encoder)
    autoencoder.bn.running_mean.copy_(statistics.mean)
    autoencoder.bn.running_var.copy_(statistics.variance)
    manifest = ModelManifest(
        variant="nano",
        version=version,
        defaults=run_as or defaults(4, 1.0, 64, 128),
        transformer=overrides(size),
    )
    save_model(out, manifest, model.transformer, autoencoder, model.encoder)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("tokenizer", "flow", "decoder", "encoder", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--version", default="0.3.0")
    parser.add_argument("--size", choices=SIZES, default="S")
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--guidance", type=float, default=1.0)
    parser.add_argument("--reference", type=int, default=64, help="pixels: its square is the largest area")
    parser.add_argument("--base", type=int, default=128, help="pixels: the same of a picture that is edited")
    parser.add_argument("--sampled", type=int, help="pixels: pictures larger than its square are enlarged from it")
    a = parser.parse_args()
    run_as = defaults(a.steps, a.guidance, a.reference, a.base, a.sampled)
    package(a.tokenizer, a.flow, a.decoder, a.encoder, a.out, a.version, a.size, run_as)


if __name__ == "__main__":
    main()
