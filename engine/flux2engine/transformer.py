"""The FLUX.2 transformer: image, text and reference tokens at one time → the velocity of the image tokens.

Attribute names are the keys of the official checkpoint, so its files load without renaming. Knows nothing of
pictures, prompts or schedules. Plain autograd throughout: the same module is trained and sampled. Without autograd,
wide states exist for a slice of the tokens at a time: beside the weights a call takes no more than `peak_bytes`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from flux2engine.key_values import KeyValue, ReferenceKeyValues
from flux2engine.variants import TransformerConfig
from flux2engine.working_memory import SLICE_BYTES

NORM_EPSILON = 1e-6
TIME_EMBEDDING_SIZE = 256
TIME_SCALE = 1000.0
TIME_PERIOD = 10000.0
# References whose keys and values are kept are modulated as if they were always at the end of the way.
KEPT_REFERENCE_TIME = 0.0

# What can be streamed, in the order in which a pass runs it.
BLOCK_LISTS = ("double_blocks", "single_blocks")

Rotation = tuple[Tensor, Tensor]  # cosines and sines, each (B, 1, S, head_dim / 2), fp32
Triple = tuple[Tensor, Tensor, Tensor]  # shift, scale, gate, each (B, 1, hidden)
Triples = tuple[Triple, ...]


class Flux2Transformer(nn.Module):
    """Predict the velocity (noise − picture) of packed, normalised latents."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        hidden = config.hidden_size
        self.img_in = _linear(config.in_channels, hidden)
        self.txt_in = _linear(config.context_dim, hidden)
        self.time_in = VectorEmbedder(hidden)
        if config.guidance_embedding:
            self.guidance_in = VectorEmbedder(hidden)
        self.double_stream_modulation_img = Modulation(hidden, triples=2)
        self.double_stream_modulation_txt = Modulation(hidden, triples=2)
        self.single_stream_modulation = Modulation(hidden, triples=1)
        self.double_blocks = nn.ModuleList(DoubleStreamBlock(config) for _ in range(config.double_blocks))
        self.single_blocks = nn.ModuleList(SingleStreamBlock(config) for _ in range(config.single_blocks))
        self.final_layer = FinalLayer(hidden, config.in_channels)

    @property
    def device(self) -> torch.device:
        """Where it computes. Read from what is neither packed nor streamed."""
        return self._stays.device

    @property
    def dtype(self) -> torch.dtype:
        """In which dtype it computes."""
        return self._stays.dtype

    @property
    def _stays(self) -> Tensor:
        return cast(SingleStreamBlock, self.single_blocks[0]).norm.query_norm.scale

    def forward(
        self,
        img: Tensor,
        img_ids: Tensor,
        txt: Tensor,
        txt_ids: Tensor,
        timestep: Tensor,
        guidance: Tensor | None = None,
        reference_tokens: Tensor | None = None,
        reference_ids: Tensor | None = None,
        reference_mask: Tensor | None = None,
        key_values: ReferenceKeyValues | None = None,
        key_values_mask: Tensor | None = None,
    ) -> Tensor:
        """Return the velocity (B, L, 128) of `img`.

        `img` (B, L, 128), `txt` (B, T, context), `reference_tokens` (B, R, 128) or None; ids (B, length, 4), each item
        with its own; `timestep` (B,) in [0, 1]; `guidance` (B,) where the model embeds it. `reference_mask` (B, R) is
        True for real tokens and lets items with different references share a batch. Instead of tokens, references may
        come as the `key_values` that `reference_key_values` gave, wherever they are kept, with a mask of their own; a
        set of one item serves all items.
        """
        if reference_tokens is not None and key_values is not None:
            raise ValueError("references come as tokens or as kept keys and values, not as both")
        image_length = img.shape[1]
        ids = [txt_ids, img_ids]
        tokens = img
        if reference_tokens is not None:
            if reference_ids is None:
                raise ValueError("reference_tokens need reference_ids")
            tokens = torch.cat([img, reference_tokens], dim=1)
            ids.append(reference_ids)
        condition = self._condition(timestep, guidance, img.dtype)  # (B, hidden)
        rotation = rotary_embedding(torch.cat(ids, dim=1), self.config.axes_dim, self.config.theta)
        mask = _attention_mask(reference_mask if key_values is None else key_values_mask, txt.shape[1] + image_length)
        kept_double = [None] * len(self.double_blocks) if key_values is None else key_values.double
        kept_single = [None] * len(self.single_blocks) if key_values is None else key_values.single

        image = self.img_in(tokens)
        text = self.txt_in(txt)
        image_modulation = self.double_stream_modulation_img(condition)
        text_modulation = self.double_stream_modulation_txt(condition)
        for block, kept in zip(self.double_blocks, kept_double, strict=True):
            image, text = block(image, text, image_modulation, text_modulation, rotation, mask, kept)

        joint = torch.cat([text, image], dim=1)
        del text, image  # as large as the joint states, which live through all single blocks
        modulation = self.single_stream_modulation(condition)
        for block, kept in zip(self.single_blocks, kept_single, strict=True):
            joint = block(joint, modulation, rotation, mask, kept)
        # Text leads and references trail; only the output's own tokens have a velocity.
        image = joint[:, txt.shape[1] : txt.shape[1] + image_length]
        velocity: Tensor = self.final_layer(image, condition)
        return velocity

    def reference_key_values(self, tokens: Tensor, ids: Tensor) -> ReferenceKeyValues:
        """Return the keys and values of one set of references per item: `tokens` (B, R, 128), `ids` (B, R, 4).

        The official code computes them in its first step, among text and image, and reuses them in the others. There,
        references are modulated as at time 0, whatever the step's time, and attend to references only; text reaches the
        image stream through attention alone, and every other layer treats each token by itself. So nothing but the
        references enters what they leave behind: computed alone it is the same, and the first step, whose text and
        image attend to exactly these keys and values, is a step like the others.
        """
        time = torch.full((tokens.shape[0],), KEPT_REFERENCE_TIME, device=tokens.device)
        condition = self._condition(time, None, tokens.dtype)
        rotation = rotary_embedding(ids, self.config.axes_dim, self.config.theta)
        double: list[KeyValue] = []
        single: list[KeyValue] = []

        states = self.img_in(tokens)
        modulation = self.double_stream_modulation_img(condition)
        for module in self.double_blocks:
            states, kept = cast(DoubleStreamBlock, module).references(states, modulation, rotation)
            double.append(kept)

        modulation = self.single_stream_modulation(condition)
        for index, module in enumerate(self.single_blocks, start=1):
            # What the last block makes of the references, nobody asks.
            last = index == len(self.single_blocks)
            states, kept = cast(SingleStreamBlock, module).references(states, modulation, rotation, last)
            single.append(kept)
        return ReferenceKeyValues(tuple(double), tuple(single))

    def _condition(self, timestep: Tensor, guidance: Tensor | None, dtype: torch.dtype) -> Tensor:
        vector: Tensor = self.time_in(sinusoid(timestep, dtype))
        if self.config.guidance_embedding:
            if guidance is None:
                raise ValueError("this transformer embeds guidance, and none was given")
            vector = vector + self.guidance_in(sinusoid(guidance, dtype))
        elif guidance is not None:
            raise ValueError("this transformer embeds no guidance, and some was given")
        return vector


class VectorEmbedder(nn.Module):
    """Lift a sinusoid to the hidden size."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.in_layer = _linear(TIME_EMBEDDING_SIZE, hidden)
        self.out_layer = _linear(hidden, hidden)

    def forward(self, values: Tensor) -> Tensor:
        """Return (B, hidden)."""
        lifted: Tensor = self.out_layer(functional.silu(self.in_layer(values)))
        return lifted


class Modulation(nn.Module):
    """Turn the condition into (shift, scale, gate) triples, shared by all blocks of a kind."""

    def __init__(self, hidden: int, triples: int) -> None:
        super().__init__()
        self.triples = triples
        self.lin = _linear(hidden, 3 * triples * hidden)

    def forward(self, condition: Tensor) -> Triples:
        """Return one (shift, scale, gate) per triple, each (B, 1, hidden): attention first, then the MLP."""
        chunks = self.lin(functional.silu(condition))[:, None].chunk(3 * self.triples, dim=-1)
        return tuple((chunks[i], chunks[i + 1], chunks[i + 2]) for i in range(0, 3 * self.triples, 3))


class QueryKeyScale(nn.Module):
    """Normalise by root mean square over the head and scale."""

    def __init__(self, head_dim: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(head_dim))

    def forward(self, states: Tensor) -> Tensor:
        """Return states of the same shape; the division is in fp32, the scale in the parameter's dtype."""
        normed = functional.rms_norm(states.float(), (states.shape[-1],), eps=NORM_EPSILON)
        return normed.to(states.dtype) * self.scale


class QueryKeyNorm(nn.Module):
    """Normalise queries and keys, each with its own scale."""

    def __init__(self, head_dim: int) -> None:
        super().__init__()
        self.query_norm = QueryKeyScale(head_dim)
        self.key_norm = QueryKeyScale(head_dim)

    def forward(self, query: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
        """Return both, normalised."""
        return self.query_norm(query), self.key_norm(key)


class StreamAttention(nn.Module):
    """Hold one stream's projections; the attention itself joins the streams."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.qkv = _linear(config.hidden_size, 3 * config.hidden_size)
        self.norm = QueryKeyNorm(config.head_dim)
        self.proj = _linear(config.hidden_size, config.hidden_size)

    def project(self, states: Tensor, modulation: Triple, rotation: Rotation) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries and keys, normalised and rotated, and values, each (B, heads, L, head_dim)."""
        shift, scale, _ = modulation

        def part(states: Tensor, *rotation: Tensor) -> tuple[Tensor, ...]:
            query, key, value = split_heads(self.qkv(modulate(states, shift, scale)), self.heads)
            query, key = self.norm(query, key)
            return rotate(query, rotation), rotate(key, rotation), value

        query, key, value = by_slices(part, states, *rotation, width=3 * states.shape[-1])
        return query, key, value


class SwiGLU(nn.Module):
    """Gate the second half by SiLU of the first."""

    def forward(self, states: Tensor) -> Tensor:
        """Return half the width."""
        gate, value = states.chunk(2, dim=-1)
        return functional.silu(gate) * value


class DoubleStreamBlock(nn.Module):
    """Let text and image attend to each other while each keeps its own weights."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.mlp_width = 2 * config.mlp_size
        self.img_attn = StreamAttention(config)
        self.img_mlp = _mlp(config)
        self.txt_attn = StreamAttention(config)
        self.txt_mlp = _mlp(config)

    def forward(
        self,
        image: Tensor,
        text: Tensor,
        image_mod: Triples,
        text_mod: Triples,
        rotation: Rotation,
        mask: Tensor | None,
        kept: KeyValue | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return the new image and text states."""
        attended = self._attended(image, text, image_mod, text_mod, rotation, mask, kept)
        length = text.shape[1]
        text = close_stream(text, text_mod, attended[:, :length], self.txt_attn, self.txt_mlp, self.mlp_width)
        image = close_stream(image, image_mod, attended[:, length:], self.img_attn, self.img_mlp, self.mlp_width)
        return image, text

    def references(self, states: Tensor, modulation: Triples, rotation: Rotation) -> tuple[Tensor, KeyValue]:
        """Let references attend to each other alone; return their new states, and their keys and values."""
        query, key, value = self.img_attn.project(states, modulation[0], rotation)
        attended = attention(query, key, value, None)
        kept = key.contiguous(), value.contiguous()
        return close_stream(states, modulation, attended, self.img_attn, self.img_mlp, self.mlp_width), kept

    def _attended(
        self,
        image: Tensor,
        text: Tensor,
        image_mod: Triples,
        text_mod: Triples,
        rotation: Rotation,
        mask: Tensor | None,
        kept: KeyValue | None,
    ) -> Tensor:
        length = text.shape[1]
        cosine, sine = rotation
        streams = (
            self.txt_attn.project(text, text_mod[0], (cosine[:, :, :length], sine[:, :, :length])),
            self.img_attn.project(image, image_mod[0], (cosine[:, :, length:], sine[:, :, length:])),
        )
        query, key, value = (torch.cat(pair, dim=2) for pair in zip(*streams, strict=True))  # text first
        return attention(query, key, value, mask, kept)


class SingleStreamBlock(nn.Module):
    """Run attention and MLP side by side over the joined tokens."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.split = [3 * config.hidden_size, 2 * config.mlp_size]
        self.linear1 = _linear(config.hidden_size, sum(self.split))
        self.linear2 = _linear(config.hidden_size + config.mlp_size, config.hidden_size)
        self.norm = QueryKeyNorm(config.head_dim)
        self.mlp_activation = SwiGLU()

    def forward(
        self,
        joint: Tensor,
        modulation: Triples,
        rotation: Rotation,
        mask: Tensor | None,
        kept: KeyValue | None = None,
    ) -> Tensor:
        """Return the new joint states."""
        query, key, value, gated = self.project(joint, modulation[0], rotation)
        attended = attention(query, key, value, mask, kept)
        del query, key, value  # three times the hidden size that nothing below needs
        return self.close(joint, modulation[0], attended, gated)

    def references(
        self, states: Tensor, modulation: Triples, rotation: Rotation, last: bool
    ) -> tuple[Tensor, KeyValue]:
        """Let references attend to each other alone; return their new states, and their keys and values."""
        query, key, value, gated = self.project(states, modulation[0], rotation)
        kept = key.contiguous(), value.contiguous()  # a view would keep the whole projection alive
        if not last:
            states = self.close(states, modulation[0], attention(query, key, value, None), gated)
        return states, kept

    def project(self, joint: Tensor, modulation: Triple, rotation: Rotation) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return rotated queries and keys, and values, each (B, heads, S, head_dim), and the MLP up to its gate."""
        shift, scale, _ = modulation

        def part(joint: Tensor, *rotation: Tensor) -> tuple[Tensor, ...]:
            qkv, mlp = self.linear1(modulate(joint, shift, scale)).split(self.split, dim=-1)
            query, key, value = split_heads(qkv, self.heads)
            query, key = self.norm(query, key)
            return rotate(query, rotation), rotate(key, rotation), value, self.mlp_activation(mlp)

        query, key, value, gated = by_slices(part, joint, *rotation, width=sum(self.split))
        return query, key, value, gated

    def close(self, joint: Tensor, modulation: Triple, attended: Tensor, gated: Tensor) -> Tensor:
        """Add what attention and MLP found."""
        gate = modulation[2]

        def part(joint: Tensor, attended: Tensor, gated: Tensor) -> tuple[Tensor, ...]:
            return (joint + gate * self.linear2(torch.cat([attended, gated], dim=-1)),)

        return by_slices(part, joint, attended, gated, width=attended.shape[-1] + gated.shape[-1])[0]


class FinalLayer(nn.Module):
    """Modulate once more and project to latent channels."""

    def __init__(self, hidden: int, out_channels: int) -> None:
        super().__init__()
        self.linear = _linear(hidden, out_channels)
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), _linear(hidden, 2 * hidden))

    def forward(self, image: Tensor, condition: Tensor) -> Tensor:
        """Return (B, L, out channels). Shift stands first in the official weight (diffusers swaps the halves)."""
        shift, scale = self.adaLN_modulation(condition)[:, None].chunk(2, dim=-1)
        velocity: Tensor = self.linear(modulate(image, shift, scale))
        return velocity


def sinusoid(values: Tensor, dtype: torch.dtype) -> Tensor:
    """Return (B, 256) in `dtype`: cosines first. Values are rounded to `dtype` before and after the × 1000."""
    scaled = (values.to(dtype) * TIME_SCALE).float()
    half = TIME_EMBEDDING_SIZE // 2
    frequencies = torch.exp(-math.log(TIME_PERIOD) * torch.arange(half, device=values.device).float() / half)
    angles = scaled[:, None] * frequencies[None]
    return torch.cat([angles.cos(), angles.sin()], dim=-1).to(dtype)


def rotary_embedding(ids: Tensor, axes_dim: tuple[int, ...], theta: int) -> Rotation:
    """Return the rotation of every token from its integer ids (B, S, axes), all axes side by side."""
    # Angles in fp64 where the device has it: at id 2000 an fp32 angle is off by 1e-4.
    precise = torch.float32 if ids.device.type == "mps" else torch.float64
    angles = []
    for axis, dim in enumerate(axes_dim):
        frequencies = theta ** (-torch.arange(0, dim, 2, dtype=precise, device=ids.device) / dim)
        angles.append(ids[..., axis, None].to(precise) * frequencies)
    angle = torch.cat(angles, dim=-1)[:, None]  # (B, 1, S, head_dim / 2)
    return angle.cos().float(), angle.sin().float()


def rotate(states: Tensor, rotation: tuple[Tensor, ...]) -> Tensor:
    """Rotate interleaved pairs (2i, 2i + 1) of the head dimension, in fp32."""
    cosine, sine = rotation
    even, odd = states.float().reshape(*states.shape[:-1], -1, 2).unbind(-1)
    turned = torch.stack([even * cosine - odd * sine, odd * cosine + even * sine], dim=-1)
    return turned.flatten(-2).to(states.dtype)


def attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, kept: KeyValue | None = None) -> Tensor:
    """Attend over all tokens, (B, heads, S, head_dim) → (B, S, hidden), and over `kept` keys and values behind them."""
    if kept is not None:
        # Copied in every block and step: 0.9 % of a step of 1536 tokens beside 4096 kept ones (CPU, fp32, 2026-11-23).
        # Sets kept on the host cross to the device here, block by block, and once for the whole batch.
        kept_key, kept_value = (part.to(key).expand(len(key), -1, -1, -1) for part in kept)
        key, value = torch.cat([key, kept_key], dim=2), torch.cat([value, kept_value], dim=2)
    attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
    return attended.transpose(1, 2).flatten(2)


def close_stream(
    states: Tensor, modulation: Triples, attended: Tensor, attention: StreamAttention, mlp: nn.Sequential, width: int
) -> Tensor:
    """Add what a stream's attention found, then what its MLP, `width` at its widest, makes of the sum."""
    (_, _, attention_gate), (shift, scale, gate) = modulation

    def part(states: Tensor, attended: Tensor) -> tuple[Tensor, ...]:
        states = states + attention_gate * attention.proj(attended)
        return (states + gate * mlp(modulate(states, shift, scale)),)

    return by_slices(part, states, attended, width=width)[0]


def peak_bytes(config: TransformerConfig, tokens: int, kept_tokens: int = 0, element_size: int = 2) -> int:
    """Return a bound on what one call without autograd takes beside weights, arguments and kept keys and values.

    `tokens` are those of text, output and references of all items together, padding included; `kept_tokens` those that
    come as keys and values. A token takes 55 KiB in klein 4B, 73 in 9B, 109 in dev (bf16): dev at 1024² beside ten
    references of a megapixel, 45,568 tokens, stays under 5.2 GiB. Measured in tests/engine/test_batches.py.
    """
    # The joint states, queries, keys, values, what was attended to (twice while it is turned), the MLP up to its gate.
    states = (6 * config.hidden_size + config.mlp_size) * element_size
    around = 4 * config.head_dim + 2 * config.in_channels * element_size + 64  # rotation, tokens, ids and mask
    behind = 2 * config.hidden_size * element_size * (tokens + kept_tokens) if kept_tokens else 0
    return tokens * (states + around) + behind + 3 * SLICE_BYTES


def by_slices(function: Callable[..., tuple[Tensor, ...]], *tokens: Tensor, width: int) -> tuple[Tensor, ...]:
    """Apply a function of single tokens, which stand on the second to last axis, to slices of them.

    `width` is what the function holds per token at its widest; no slice holds more than SLICE_BYTES. In training
    everything is one slice: autograd would keep the states anyway.
    """
    first = tokens[0]
    length = first.shape[-2]
    step = max(SLICE_BYTES // (first.shape[0] * width * first.element_size()), 1)
    if length <= step or torch.is_grad_enabled():
        return function(*tokens)
    results: tuple[Tensor, ...] = ()
    for start in range(0, length, step):
        parts = function(*(states[..., start : start + step, :] for states in tokens))
        if not results:
            results = tuple(part.new_empty(*part.shape[:-2], length, part.shape[-1]) for part in parts)
        for result, part in zip(results, parts, strict=True):
            result[..., start : start + step, :] = part
    return results


def split_heads(fused: Tensor, heads: int) -> tuple[Tensor, Tensor, Tensor]:
    """Split (B, S, 3·hidden), ordered q, k, v then head then dimension, into three (B, heads, S, head_dim)."""
    query, key, value = (part.reshape(*part.shape[:-1], heads, -1).transpose(1, 2) for part in fused.chunk(3, dim=-1))
    return query, key, value


def modulate(states: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """Normalise without learned weights, then scale and shift."""
    return (1 + scale) * functional.layer_norm(states, states.shape[-1:], eps=NORM_EPSILON) + shift


def _attention_mask(reference_mask: Tensor | None, others: int) -> Tensor | None:
    """Return (B, 1, 1, S), True where a key may be seen: padding references hide, everything else is seen."""
    if reference_mask is None:
        return None
    return functional.pad(reference_mask.bool(), (others, 0), value=True)[:, None, None]


def _linear(inputs: int, outputs: int) -> nn.Linear:
    return nn.Linear(inputs, outputs, bias=False)  # no Linear of FLUX.2 has a bias


def _mlp(config: TransformerConfig) -> nn.Sequential:
    return nn.Sequential(
        _linear(config.hidden_size, 2 * config.mlp_size), SwiGLU(), _linear(config.mlp_size, config.hidden_size)
    )
