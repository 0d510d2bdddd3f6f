"""A tensor's name in a LoRA file → the layer's name and what the tensor is to it; refusals by name for other algebras.

All trainers share these endings, whatever they call the layers. Reads no file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from flux2engine.errors import UnknownLayoutError

# PEFT puts its adapter's name (`default`) before or in place of the last part.
_ADAPTER = r"(?:\.\w+)?"
_ENDINGS: tuple[tuple[str, str], ...] = (
    (rf"lora_A{_ADAPTER}\.weight|lora_down\.weight|lora\.down\.weight|lora_linear_layer\.down\.weight", "down"),
    (rf"lora_B{_ADAPTER}\.weight|lora_up\.weight|lora\.up\.weight|lora_linear_layer\.up\.weight", "up"),
    (r"alpha", "alpha"),
    (rf"dora_scale|lora_magnitude_vector{_ADAPTER}(?:\.weight)?", "magnitude"),
    *((rf"hada_{part}{_ADAPTER}", f"hada_{part}") for part in ("w1_a", "w1_b", "w2_a", "w2_b")),
    *((rf"lokr_{part}{_ADAPTER}", f"lokr_{part}") for part in ("w1", "w1_a", "w1_b", "w2", "w2_a", "w2_b")),
)
_PARAMETERS = tuple((re.compile(rf"(.+?)\.(?:{ending})"), meaning) for ending, meaning in _ENDINGS)

# By a key that only they have. The first that matches names it, so the particular ones come first.
_REFUSED = (
    (re.compile(r"\.boft_\w+|\.oft_blocks\.boft"), "BOFT (butterfly orthogonal rotations)"),
    (re.compile(r"\.oft_(?:blocks|diag|r|R|s)\b"), "OFT or BOFT (orthogonal rotations)"),
    (re.compile(r"\.ia3_l\b|\.on_input$"), "IA3 (learned scales of activations)"),
    (re.compile(r"\.(?:a1|a2|b1|b2|bm1|bm2)\.weight$|\.glora_\w+"), "GLoRA"),
    (re.compile(r"\.(?:w_norm|b_norm)$"), "trained norms (w_norm, b_norm)"),
    (re.compile(r"\.(?:diff|diff_b|set_weight|reshape_weight)$"), "full differences of weights (diff)"),
    (re.compile(r"\.lora_mid\.weight$|\.hada_t[12]\b|\.lokr_t2\b"), "Tucker factors, which convolutions have"),
    (re.compile(r"\.lora_(?:A|B|up|down)(?:\.\w+)?\.bias$"), "LoRA with biases, which no layer of FLUX.2 has"),
    (re.compile(r"\.vera_lambda_\w+|\.lora_embedding_[AB]\b"), "VeRA or embeddings"),
)

# Text encoders of FLUX.2 and of other models, as PEFT, kohya and ComfyUI call them.
_TEXT_ENCODER = re.compile(
    r"(?:text_encoder\w*|text_model|language_model|te\d?|lora_te\d?|lora_llm|clip_[lg]|t5xxl|qwen\w*|mistral\w*)[._].*"
    r"|.*(?:^|[._])(?:self_attn|layers[._]\d+[._]mlp)[._].*"
)


@dataclass(frozen=True)
class Parameter:
    """Say what a tensor is: `down` of the layer `double_blocks.0.img_attn.qkv`, prefix included."""

    layer: str
    meaning: str


def parameter_of(key: str) -> Parameter | None:
    """Return what a key means, None where it has no ending that LoRAs have."""
    for pattern, meaning in _PARAMETERS:
        match = pattern.fullmatch(key)
        if match is not None:
            return Parameter(match[1], meaning)
    return None


def is_text_encoders(layer: str) -> bool:
    """Return whether a layer is a text encoder's, by its name."""
    return _TEXT_ENCODER.fullmatch(layer.removeprefix("base_model.model.")) is not None


def refuse_other_algebras(source: str, keys: Iterable[str]) -> None:
    """Raise UnknownLayoutError, naming the algebra, if any key is of one that is recognised and not read."""
    for key in keys:
        for pattern, algebra in _REFUSED:
            if pattern.search(key):
                raise UnknownLayoutError(
                    f"{source} holds {algebra} ({key}), which is not read; LoRA, LoKr, LoHa and DoRA are. Merge it"
                    " into the model with the program that trained it and import the merged model, or train it as LoRA"
                )
