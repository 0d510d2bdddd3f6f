"""A GGUF file's header → where a language model's tensors lie, under the names that transformers gives them.

llama.cpp names tensors its own way and, for the Llama and Mistral families, stores the rows of queries and keys in
another order, which is undone. Knows headers only; an architecture whose order is not known is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from flux2engine.errors import UnknownLayoutError, WeightsError
from flux2engine.weights.gguf_file import GgufHeader

# Whether the rows of queries and keys are interleaved: llama.cpp rotates neighbouring values in these architectures
# (LLAMA_ROPE_TYPE_NORM), transformers rotates values half a head apart.
_INTERLEAVED = {"qwen3": False, "llama": True, "mistral3": True}
_TOP = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
}
_LAYER = {
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_HEADS = {"attn_q": "attention.head_count", "attn_k": "attention.head_count_kv"}
_BLOCK = re.compile(r"blk\.(\d+)\.(\w+)\.weight", re.ASCII)


@dataclass(frozen=True)
class Place:
    """Say where a tensor is found: its name in the file, and its heads if their rows are interleaved there."""

    name: str
    heads: int = 0

    def ordered(self, stored: Tensor) -> Tensor:
        """Return the rows in transformers' order: first halves of a head's pairs before second halves."""
        if not self.heads:
            return stored
        return stored.reshape(self.heads, -1, 2, *stored.shape[1:]).transpose(1, 2).reshape(stored.shape)


def language_model_places(file: str, header: GgufHeader) -> Mapping[str, Place] | None:
    """Return the places by transformers' names, or None if the names are not llama.cpp's.

    Names that a language model of ours has no place for keep their own, so that `identify` lists them. WeightsError for
    another architecture, and for rows that do not make whole heads.
    """
    if not any(name in _TOP or _BLOCK.fullmatch(name) for name in header.tensors):
        return None
    architecture = header.metadata.get("general.architecture", "none")
    if architecture not in _INTERLEAVED:
        raise UnknownLayoutError(
            f"{file} is a language model of the architecture {ascii(architecture)[:40]}, whose order of rows is not"
            f" known here; bring one that llama.cpp wrote as {', '.join(_INTERLEAVED)}, or the safetensors file"
        )
    places: dict[str, Place] = {}
    for name in header.tensors:
        match = _BLOCK.fullmatch(name)
        part = match[2] if match else ""
        if match and part in _LAYER:
            heads = _heads(file, header, name, architecture, part) if _INTERLEAVED[architecture] else 0
            ours, place = f"model.layers.{match[1]}.{_LAYER[part]}.weight", Place(name, heads)
        else:
            ours, place = _TOP.get(name, name), Place(name)
        if ours in places:
            raise WeightsError(f"{file}: {name} and {places[ours].name} are both {ours}")
        places[ours] = place
    return places


def _heads(file: str, header: GgufHeader, name: str, architecture: str, part: str) -> int:
    if part not in _HEADS:
        return 0
    key, rows = f"{architecture}.{_HEADS[part]}", header.tensors[name].shape[0]
    text = header.metadata.get(key, "")
    heads = int(text) if text.isdecimal() and len(text) < 10 else 0
    if heads < 1 or rows % (2 * heads):
        raise WeightsError(f"{file}: {name} has {rows} rows, which are not the heads that {key} counts: {text[:20]!r}")
    return heads
