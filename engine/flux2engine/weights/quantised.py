"""A header → a refusal by name where weights are quantised and no format has read them: others, or broken halves."""

from __future__ import annotations

import re

import torch

from flux2engine.errors import UnknownLayoutError
from flux2engine.weights.checkpoint import WeightSource

_FLOAT8 = frozenset({torch.float8_e4m3fn, torch.float8_e5m2})
# The first that matches names the format, so the particular ones come first.
_MARKERS = (
    (re.compile(r"\.quant_state\.|\.absmax$|\.quant_map$|\.nested_absmax$"), "bitsandbytes (nf4 or int8)"),
    (re.compile(r"\.SCB$"), "bitsandbytes (nf4 or int8)"),
    (re.compile(r"\.weight_scale_2$"), "nvfp4"),
    (re.compile(r"\.comfy_quant$"), "ComfyUI's quantised"),
    (re.compile(r"(?:^|\.)scaled_fp8$|\.scale_weight$"), "fp8, scaled as ComfyUI does it"),
    (re.compile(r"\.weight_scale$|\.input_scale$"), "fp8, scaled"),
    (re.compile(r"\.qweight$|\.qzeros$|\.wscales$|\.proj_down$"), "4-bit integer (GPTQ, AWQ or SVDQuant)"),
)


def refuse_quantised(checkpoint: WeightSource) -> None:
    """Raise UnknownLayoutError, naming the format, if any tensor is quantised."""
    found = _format(checkpoint)
    if found is not None:
        name, example = found
        raise UnknownLayoutError(
            f"{checkpoint.name} holds {name} weights ({example}), which are quantised in a way that is not read yet, or"
            " without parts that belong to them; get the file again, whole, or bring the bf16 one"
        )


def _format(checkpoint: WeightSource) -> tuple[str, str] | None:
    for pattern, name in _MARKERS:
        for key in checkpoint.forms:
            if pattern.search(key):
                return name, key
    for key, form in checkpoint.forms.items():
        if form.dtype in _FLOAT8:
            return "fp8", key
        if form.dtype in (torch.uint8, torch.int8) and key.endswith(".weight"):
            return "packed", key
    return None
