"""Tensors named as in the official files → a module that has memory already, strictly; this is how nano loads.

Knows the prefixes and suffixes such files are met with; says every missing, unexpected and misshapen key by name. Other
layouts, and modules on the meta device, are loading.py's.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from flux2engine.errors import UnknownLayoutError, WeightsError
from flux2engine.weights.layouts import IGNORED, TRANSFORMER_PREFIXES
from flux2engine.weights.safetensors_file import read_tensors

MARKER = "double_stream_modulation_img.lin.weight"
_NORM_ENDINGS = (".query_norm", ".key_norm")


def official_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Strip known prefixes and settle the norms' suffix; raise UnknownLayoutError for anything but a FLUX.2 file."""
    for prefix in TRANSFORMER_PREFIXES:
        if prefix + MARKER in tensors:
            return {_settled(name.removeprefix(prefix)): tensor for name, tensor in tensors.items()}
    if any(name.startswith(("transformer_blocks.", "single_transformer_blocks.")) for name in tensors):
        raise UnknownLayoutError("these are weights in the diffusers layout, which no model folder holds: import them")
    raise UnknownLayoutError(f"no FLUX.2 transformer: {MARKER} is not among the {len(tensors)} tensors")


def load_transformer(module: nn.Module, path: Path) -> None:
    """Load the official single file `path` into a Flux2Transformer."""
    load_state(module, official_names(read_tensors(path)), path.name)


def load_module(module: nn.Module, path: Path) -> None:
    """Load `path`, whose keys are the module's own, into any module."""
    load_state(module, read_tensors(path), path.name)


def load_state(module: nn.Module, tensors: Mapping[str, Tensor], source: str) -> None:
    """Copy `tensors` into `module`, cast to its dtypes; raise WeightsError unless keys and shapes agree exactly."""
    expected = module.state_dict()
    given = {name: tensor for name, tensor in tensors.items() if not IGNORED.fullmatch(name) or name in expected}
    missing = expected.keys() - given.keys()
    unexpected = given.keys() - expected.keys()
    mismatched = [
        f"{name} {_form(given[name])} instead of {_form(expected[name])}"
        for name in expected.keys() & given.keys()
        if _form(given[name]) != _form(expected[name])
    ]
    if missing or unexpected or mismatched:
        raise WeightsError(
            f"{source} does not fit this {type(module).__name__}",
            missing=missing,
            unexpected=unexpected,
            mismatched=mismatched,
        )
    module.load_state_dict(given)


def _form(tensor: Tensor) -> str:
    # Whole numbers in the place of weights are a packed format that has to be unpacked, never cast.
    return f"{tuple(tensor.shape)}{'' if tensor.is_floating_point() else f' of {tensor.dtype}'}"


def _settled(name: str) -> str:
    stem, _, suffix = name.rpartition(".")
    return f"{stem}.scale" if suffix == "weight" and stem.endswith(_NORM_ENDINGS) else name
