"""Prompts → one state per text token, joined from chosen layers of a language model.

The model is of Qwen3 form, with the keys of the Hugging Face checkpoints, and stops after its last tapped layer.
Knows nothing of pictures; the transformer sees every position, padding included, as FLUX.2 was trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from flux2engine.variants import PAD_TOKEN as PAD_TOKEN
from flux2engine.variants import TextEncoderConfig

if TYPE_CHECKING:
    from tokenizers import Tokenizer

NORM_EPSILON = 1e-6


@dataclass(frozen=True)
class TextEmbeddings:
    """Hold encoded prompts."""

    states: Tensor  # (B, T, context)
    token_counts: tuple[int, ...]  # before truncation, template included
    truncated: tuple[bool, ...]


class TextEncoder(Protocol):
    """Turn prompts into embeddings of one fixed length."""

    def encode(self, prompts: Sequence[str]) -> TextEmbeddings:
        """Encode `prompts`, one item each."""
        ...


class Qwen3FormEncoder(nn.Module):
    """Encode prompts with a decoder of Qwen3 form and a byte-level tokenizer."""

    def __init__(
        self,
        config: TextEncoderConfig,
        tokenizer: Tokenizer,
        prompt_prefix: str = "",
        prompt_suffix: str = "",
        pad_token: str = PAD_TOKEN,
    ) -> None:
        super().__init__()
        if config.padding_side != "right":
            raise ValueError("this encoder pads on the right only")
        if tokenizer.get_vocab_size() > config.vocabulary:
            raise ValueError(f"the tokenizer has {tokenizer.get_vocab_size()} tokens, the model {config.vocabulary}")
        pad_id = tokenizer.token_to_id(pad_token)
        if pad_id is None:
            raise ValueError(f"the tokenizer has no padding token {pad_token!r}")
        self.config = config
        self.tokenizer = tokenizer
        self.prompt_prefix = prompt_prefix
        self.prompt_suffix = prompt_suffix
        self.pad_id = int(pad_id)
        self.model = Qwen3Layers(config)

    def tokenize(self, prompts: Sequence[str]) -> tuple[Tensor, tuple[int, ...]]:
        """Return ids (B, T), cut or padded on the right, and each prompt's full token count."""
        length = self.config.tokens
        encoded = [
            self.tokenizer.encode(f"{self.prompt_prefix}{prompt}{self.prompt_suffix}", add_special_tokens=False).ids
            for prompt in prompts
        ]
        rows = [(ids[:length] + [self.pad_id] * length)[:length] for ids in encoded]
        return torch.tensor(rows, dtype=torch.int64).reshape(-1, length), tuple(len(ids) for ids in encoded)

    def states(self, token_ids: Tensor, lengths: Tensor) -> Tensor:
        """Return the joined states (B, T, context) of ids (B, T) whose first `lengths` (B,) tokens are real."""
        return self.model(token_ids, lengths)  # type: ignore[no-any-return]

    @torch.inference_mode()
    def encode(self, prompts: Sequence[str]) -> TextEmbeddings:
        """Encode `prompts`, one item each."""
        device = self.model.embed_tokens.weight.device
        token_ids, counts = self.tokenize(prompts)
        lengths = torch.tensor([min(count, self.config.tokens) for count in counts], device=device)
        return TextEmbeddings(
            states=self.states(token_ids.to(device), lengths),
            token_counts=counts,
            truncated=tuple(count > self.config.tokens for count in counts),
        )


class Qwen3Layers(nn.Module):
    """Run token ids through the layers up to the last tap; attribute names are the checkpoint's keys."""

    def __init__(self, config: TextEncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(config.vocabulary, config.hidden_size)
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(max(config.taps)))

    def forward(self, token_ids: Tensor, lengths: Tensor) -> Tensor:
        """Return the tapped states side by side, layer by layer: (B, T, taps · hidden). No final norm is applied."""
        length = token_ids.shape[1]
        positions = torch.arange(length, device=token_ids.device)
        # Padding is never a key; the first position always is, so that no query is left without one.
        real = positions < lengths.clamp(min=1)[:, None]
        mask = (positions[:, None] >= positions[None])[None, None] & real[:, None, None]  # (B, 1, T, T)
        rotation = _rotation(positions, self.config.head_dim, self.config.rope_theta)
        states = self.embed_tokens(token_ids)
        tapped = {0: states}
        for index, layer in enumerate(self.layers, start=1):
            states = layer(states, rotation, mask)
            tapped[index] = states
        return torch.cat([tapped[tap] for tap in self.config.taps], dim=-1)


class DecoderLayer(nn.Module):
    """Attend causally, then run the gated MLP."""

    def __init__(self, config: TextEncoderConfig) -> None:
        super().__init__()
        self.input_layernorm = nn.RMSNorm(config.hidden_size, eps=NORM_EPSILON)
        self.self_attn = CausalAttention(config)
        self.post_attention_layernorm = nn.RMSNorm(config.hidden_size, eps=NORM_EPSILON)
        self.mlp = GatedMLP(config)

    def forward(self, states: Tensor, rotation: tuple[Tensor, Tensor], mask: Tensor) -> Tensor:
        """Return states of the same shape."""
        states = states + self.self_attn(self.input_layernorm(states), rotation, mask)
        result: Tensor = states + self.mlp(self.post_attention_layernorm(states))
        return result


class CausalAttention(nn.Module):
    """Attend with grouped keys and values, queries and keys normalised per head."""

    def __init__(self, config: TextEncoderConfig) -> None:
        super().__init__()
        self.head_dim = config.head_dim
        self.groups = config.heads // config.key_value_heads
        self.q_proj = nn.Linear(config.hidden_size, config.heads * config.head_dim, bias=False)
        self.k_proj = nn.Linear(config.hidden_size, config.key_value_heads * config.head_dim, bias=False)
        self.v_proj = nn.Linear(config.hidden_size, config.key_value_heads * config.head_dim, bias=False)
        self.o_proj = nn.Linear(config.heads * config.head_dim, config.hidden_size, bias=False)
        self.q_norm = nn.RMSNorm(config.head_dim, eps=NORM_EPSILON)
        self.k_norm = nn.RMSNorm(config.head_dim, eps=NORM_EPSILON)

    def forward(self, states: Tensor, rotation: tuple[Tensor, Tensor], mask: Tensor) -> Tensor:
        """Return (B, T, hidden)."""
        query = _rotate_halves(self.q_norm(self._heads(self.q_proj(states))), rotation)
        key = _rotate_halves(self.k_norm(self._heads(self.k_proj(states))), rotation)
        value = self._heads(self.v_proj(states))
        key, value = (part.repeat_interleave(self.groups, dim=1) for part in (key, value))
        attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        projected: Tensor = self.o_proj(attended.transpose(1, 2).flatten(2))
        return projected

    def _heads(self, states: Tensor) -> Tensor:
        split: Tensor = states.reshape(*states.shape[:-1], -1, self.head_dim)
        return split.transpose(1, 2)  # (B, heads, T, head_dim)


class GatedMLP(nn.Module):
    """Gate the up projection by SiLU of the gate projection."""

    def __init__(self, config: TextEncoderConfig) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, config.feed_forward_size, bias=False)
        self.up_proj = nn.Linear(config.hidden_size, config.feed_forward_size, bias=False)
        self.down_proj = nn.Linear(config.feed_forward_size, config.hidden_size, bias=False)

    def forward(self, states: Tensor) -> Tensor:
        """Return (B, T, hidden)."""
        projected: Tensor = self.down_proj(functional.silu(self.gate_proj(states)) * self.up_proj(states))
        return projected


def _rotation(positions: Tensor, head_dim: int, theta: float) -> tuple[Tensor, Tensor]:
    exponents = torch.arange(0, head_dim, 2, device=positions.device, dtype=torch.float32) / head_dim
    angles = positions[:, None].float() / theta**exponents  # (T, head_dim / 2)
    return angles.cos(), angles.sin()


def _rotate_halves(states: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
    """Rotate pairs (i, i + half): the language model's convention, not the picture transformer's."""
    cosine, sine = (part.to(states.dtype) for part in rotation)
    first, second = states.chunk(2, dim=-1)
    return torch.cat([first * cosine - second * sine, second * cosine + first * sine], dim=-1)
