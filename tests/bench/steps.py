"""Times one denoising step of a whole transformer at true size, ours beside diffusers', with random weights.

    PYTHONPATH=.:engine python tests/bench/steps.py --variant klein-4b --references 0 1 4 --log tests/bench/logs

Seconds a step (median of interleaved runs), peak memory above the weights, and the part of the machine's own matmul
rate that the step's arithmetic reaches. Both sides hold the same tensors, so that one copy of the weights is enough.
Random weights time like real ones. `--small` rehearses the whole run on a CPU. Asserts nothing.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from flux2engine import latents
from flux2engine.transformer import Flux2Transformer
from flux2engine.variants import PIXELS_PER_TOKEN, VARIANTS, TransformerConfig

TEXT_TOKENS = 512
MATMUL_SIZE = 8192


@dataclass(frozen=True)
class Row:
    """One line of the result."""

    variant: str
    side: str
    references: int
    pixels: int
    seconds: float
    teraflop: float
    rate: float
    """TFLOP/s."""
    part_of_matmul: float
    peak_gib: float
    """Above the weights; 0 where the device does not say."""


def teraflop(config: TransformerConfig, output_tokens: int, reference_tokens: int) -> float:
    """Count one step's multiplications and additions in the blocks, in 10¹²."""
    tokens = TEXT_TOKENS + output_tokens + reference_tokens
    blocks = config.double_blocks + config.single_blocks
    linear = 26 * config.hidden_size**2 * blocks * tokens
    attention = 4 * tokens**2 * config.hidden_size * blocks
    return (linear + attention) / 1e12


def random_transformer(config: TransformerConfig, device: torch.device, dtype: torch.dtype) -> Flux2Transformer:
    """Return ours with weights of 1/√fan_in, made on the device."""
    with torch.device("meta"):
        model = Flux2Transformer(config)
    model = model.to(dtype).to_empty(device=device).eval().requires_grad_(False)
    torch.manual_seed(0)
    for parameter in model.parameters():
        if parameter.ndim < 2:
            parameter.fill_(1.0)
        else:
            parameter.normal_(std=parameter.shape[1] ** -0.5)
    return model


def diffusers_twin(ours: Flux2Transformer) -> Any:
    """Return diffusers' transformer on the same storage; None where diffusers is not installed."""
    try:
        from tests.engine.parity.peer import diffusers_transformer
    except ImportError as error:
        print(f"no peer: {error}")
        return None
    return diffusers_transformer(ours, shared=True)


@dataclass(frozen=True)
class Inputs:
    """Hold one call's arguments."""

    img: Tensor
    img_ids: Tensor
    txt: Tensor
    txt_ids: Tensor
    timestep: Tensor
    guidance: Tensor | None
    reference_tokens: Tensor | None
    reference_ids: Tensor | None

    @classmethod
    def draw(cls, config: TransformerConfig, side: int, count: int, device: torch.device, dtype: torch.dtype) -> Inputs:
        """Draw a square output and so many square references of the same size."""
        grid = side // PIXELS_PER_TOKEN
        generator = torch.Generator(device).manual_seed(1)

        def random(*shape: int) -> Tensor:
            return torch.randn(*shape, device=device, dtype=dtype, generator=generator)

        return cls(
            img=random(1, grid * grid, config.in_channels),
            img_ids=latents.image_ids(grid, grid)[None].to(device),
            txt=random(1, TEXT_TOKENS, config.context_dim),
            txt_ids=latents.text_ids(TEXT_TOKENS)[None].to(device),
            timestep=torch.tensor([0.75], device=device, dtype=dtype),
            guidance=torch.tensor([4.0], device=device, dtype=dtype) if config.guidance_embedding else None,
            reference_tokens=random(1, count * grid * grid, config.in_channels) if count else None,
            reference_ids=latents.reference_ids([(grid, grid)] * count)[None].to(device) if count else None,
        )

    def ours(self, model: Flux2Transformer) -> Tensor:
        """Run ours."""
        velocity: Tensor = model(**self.__dict__)
        return velocity

    def peer(self, model: Any) -> Tensor:
        """Run diffusers'."""
        tokens, ids = self.img, self.img_ids
        if self.reference_tokens is not None and self.reference_ids is not None:
            tokens = torch.cat([tokens, self.reference_tokens], dim=1)
            ids = torch.cat([ids, self.reference_ids], dim=1)
        velocity: Tensor = model(
            hidden_states=tokens,
            encoder_hidden_states=self.txt,
            timestep=self.timestep,
            img_ids=ids,
            txt_ids=self.txt_ids,
            guidance=self.guidance,
            return_dict=False,
        )[0]
        return velocity[:, : self.img.shape[1]]


def timed(run: Callable[[], object], device: torch.device) -> float:
    """Return the seconds of one run, the device's queue included."""
    _wait(device)
    begun = time.perf_counter()
    run()
    _wait(device)
    return time.perf_counter() - begun


def peak_gib(run: Callable[[], object], device: torch.device) -> float:
    """Return how much one run takes above what was held before it."""
    if device.type != "cuda":
        return 0.0
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    run()
    _wait(device)
    return (torch.cuda.max_memory_allocated(device) - before) / 2**30


def matmul_rate(device: torch.device, dtype: torch.dtype, size: int) -> float:
    """Measure the machine's own rate in TFLOP/s with one large product: the median of ten."""
    left, right = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    timed(lambda: left @ right, device)
    return 2 * size**3 / statistics.median(timed(lambda: left @ right, device) for _ in range(10)) / 1e12


def measure(
    name: str, config: TransformerConfig, counts: list[int], side: int, device: torch.device, runs: int
) -> list[Row]:
    """Measure one variant, both sides in turn."""
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    rate = matmul_rate(device, dtype, MATMUL_SIZE if device.type == "cuda" else 1024)
    print(f"{name}: this machine multiplies at {rate:.2f} TFLOP/s in {dtype}")
    model = random_transformer(config, device, dtype)
    twin = diffusers_twin(model)
    tokens = (side // PIXELS_PER_TOKEN) ** 2
    rows = []
    for count in counts:
        inputs = Inputs.draw(config, side, count, device, dtype)
        sides: dict[str, Callable[[], Tensor]] = {"ours": lambda inputs=inputs: inputs.ours(model)}
        if twin is not None:
            sides["diffusers"] = lambda inputs=inputs: inputs.peer(twin)
        answers = {label: run() for label, run in sides.items()}  # also the warm-up
        if "diffusers" in answers:
            ours, theirs = answers["ours"].float(), answers["diffusers"].float()
            apart = float((ours - theirs).abs().max() / theirs.abs().max())
            print(f"  {count} references: relative difference {apart:.1e}")
        answers.clear()
        peaks = {label: peak_gib(run, device) for label, run in sides.items()}
        seconds: dict[str, list[float]] = {label: [] for label in sides}
        for _ in range(runs):
            for label, run in sides.items():
                seconds[label].append(timed(run, device))
        work = teraflop(config, tokens, count * tokens)
        for label in sides:
            median = statistics.median(seconds[label])
            row = Row(name, label, count, side * side, median, work, work / median, work / median / rate, peaks[label])
            rows.append(row)
            print(
                f"  {label:10} {count:2} references: {row.seconds:8.4f} s a step, {row.rate:7.2f} TFLOP/s"
                f" ({row.part_of_matmul:5.1%} of matmul), peak +{row.peak_gib:.2f} GiB"
            )
    return rows


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--variant", nargs="+", default=["klein-4b"], choices=sorted(VARIANTS))
    parser.add_argument("--references", nargs="+", type=int, default=[0, 1, 4])
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--small", action="store_true", help="a sixteenth of the width and two blocks of each kind")
    parser.add_argument("--log", type=Path, help="folder for the dated JSON")
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    rows = []
    with torch.inference_mode():
        for name in arguments.variant:
            config = VARIANTS[name].transformer
            if arguments.small:
                config = replace(config, hidden_size=256, heads=2, double_blocks=2, single_blocks=2)
            rows += measure(name, config, arguments.references, arguments.side, device, arguments.runs)
            if device.type == "cuda":
                torch.cuda.empty_cache()
    if arguments.log:
        arguments.log.mkdir(parents=True, exist_ok=True)
        facts = {
            "date": datetime.now(UTC).date().isoformat(),
            "device": torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine(),
            "torch": torch.__version__,
            "small": arguments.small,
            "rows": [asdict(row) for row in rows],
        }
        path = arguments.log / f"{facts['date']}-steps-{'-'.join(arguments.variant)}.json"
        path.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
        print(path)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


if __name__ == "__main__":
    main()
