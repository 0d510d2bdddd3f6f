"""Break one fact of FLUX.2 at a time: parity must notice. A fact whose mutation passes unnoticed is not tested.

`pytest tests/engine/parity/test_mutations.py -s` prints the list with the error of each.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from flux2engine import autoencoder, latents, pipeline, references, sampler, schedule, transformer
from tests.engine.parity import measures

Patch = pytest.MonkeyPatch
Broken = Callable[[Patch], None]


@dataclass(frozen=True)
class Mutation:
    """Break one fact and name the measure that must notice."""

    fact: str
    measure: Callable[[], float]
    broken: Broken


def replaced(target: Any, name: str, value: Any) -> Broken:
    """Set an attribute to a value."""
    return lambda patch: patch.setattr(target, name, value)


def missing(target: Any, name: str, value: Any) -> Broken:
    """Set an attribute that is not there yet, to stand before a builtin."""
    return lambda patch: patch.setattr(target, name, value, raising=False)


def wrapped(target: Any, name: str, change: Callable[..., Any]) -> Broken:
    """Replace a function by `change(original, *arguments)`."""
    original = getattr(target, name)
    return lambda patch: patch.setattr(target, name, lambda *args, **kwargs: change(original, *args, **kwargs))


# --- the transformer ---------------------------------------------------------------------------------------------


def sinusoid_of(
    halves: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] = lambda cosine, sine: (cosine, sine),
    divisor: float = 128,
    scale_first: bool = False,
    keep_product: bool = False,
) -> Callable[[Tensor, torch.dtype], Tensor]:
    """Return a sinusoid with one fact changed."""

    def sinusoid(values: Tensor, dtype: torch.dtype) -> Tensor:
        scaled = (values * 1000).to(dtype) if scale_first else values.to(dtype) * 1000
        if keep_product:
            scaled = values.to(dtype).float() * 1000
        angles = scaled.float()[:, None] * torch.exp(-math.log(10000) * torch.arange(128).float() / divisor)
        return torch.cat(halves(angles.cos(), angles.sin()), dim=-1).to(dtype)

    return sinusoid


def triples_reordered(order: tuple[int, int, int]) -> Broken:
    """Read shift, scale and gate in another order."""
    original = transformer.Modulation.forward

    def forward(self: transformer.Modulation, condition: Tensor) -> Any:
        return tuple(tuple(triple[index] for index in order) for triple in original(self, condition))

    return replaced(transformer.Modulation, "forward", forward)


def modulation_changed(change: Callable[[Any], Any]) -> Broken:
    """Change what a modulation gives."""
    original = transformer.Modulation.forward
    return replaced(transformer.Modulation, "forward", lambda self, condition: change(original(self, condition)))


def modulation_without_activation(self: transformer.Modulation, condition: Tensor) -> Any:
    chunks = self.lin(condition)[:, None].chunk(3 * self.triples, dim=-1)
    return tuple(chunks[i : i + 3] for i in range(0, 3 * self.triples, 3))


def single_block(
    concatenated: Callable[[Tensor, Tensor], list[Tensor]] = lambda attended, mlp: [attended, mlp],
    mlp_first: bool = False,
    sequential: bool = False,
    norm_last: bool = False,
) -> Callable[..., Tensor]:
    """Return a single-stream block's forward with one fact changed."""

    def forward(self: Any, joint: Tensor, modulation: Any, rotation: Any, mask: Any, kept: Any = None) -> Tensor:
        shift, scale, gate = modulation[0]
        states = self.linear1(transformer.modulate(joint, shift, scale))
        qkv, mlp = states.split(self.split, dim=-1)
        if mlp_first:
            mlp, qkv = states.split(self.split[::-1], dim=-1)
        query, key, value = transformer.split_heads(qkv, self.heads)
        if norm_last:
            query, key = self.norm(transformer.rotate(query, rotation), transformer.rotate(key, rotation))
        else:
            query, key = (transformer.rotate(part, rotation) for part in self.norm(query, key))
        attended = transformer.attention(query, key, value, mask, kept)
        if sequential:
            mlp = mlp + attended.repeat(1, 1, 6)
        return joint + gate * self.linear2(torch.cat(concatenated(attended, self.mlp_activation(mlp)), dim=-1))

    return forward


def double_modulation_for_single(patch: Patch) -> None:
    model = measures.peer.transformer(True, False)
    borrowed = transformer.Modulation(model.config.hidden_size, triples=1)
    borrowed.lin.weight = nn.Parameter(model.double_stream_modulation_img.lin.weight.chunk(2)[0], requires_grad=False)
    patch.setitem(model._modules, "single_stream_modulation", borrowed)


def final_scale_first(self: transformer.FinalLayer, image: Tensor, condition: Tensor) -> Tensor:
    scale, shift = self.adaLN_modulation(condition)[:, None].chunk(2, dim=-1)
    return self.linear(transformer.modulate(image, shift, scale))


def final_without_activation(self: transformer.FinalLayer, image: Tensor, condition: Tensor) -> Tensor:
    shift, scale = self.adaLN_modulation[1](condition)[:, None].chunk(2, dim=-1)
    return self.linear(transformer.modulate(image, shift, scale))


def modulate_with(epsilon: float = 1e-6, one: float = 1.0) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """Return a modulate with one fact changed."""
    return lambda states, shift, scale: (
        (one + scale) * functional.layer_norm(states, states.shape[-1:], eps=epsilon) + shift
    )


def query_key_scale(epsilon: float) -> Callable[..., Tensor]:
    return lambda self, states: functional.rms_norm(states, states.shape[-1:], eps=epsilon) * self.scale


def rotate_halves(states: Tensor, rotation: transformer.Rotation) -> Tensor:
    first, second = states.chunk(2, dim=-1)
    cosine, sine = rotation
    return torch.cat([first * cosine - second * sine, second * cosine + first * sine], dim=-1)


def rotary_changed(change: Callable[[Tensor, tuple[int, ...], int], tuple[Tensor, tuple[int, ...], int]]) -> Broken:
    """Change the arguments of the rotation table."""
    return wrapped(transformer, "rotary_embedding", lambda original, *args: original(*change(*args)))


def image_ids_first(ids: Tensor, axes: tuple[int, ...], theta: int) -> tuple[Tensor, tuple[int, ...], int]:
    text = measures.peer.TEXT_TOKENS
    return torch.cat([ids[:, text:], ids[:, :text]], dim=1), axes, theta


def text_unrotated(ids: Tensor, axes: tuple[int, ...], theta: int) -> tuple[Tensor, tuple[int, ...], int]:
    return torch.cat([torch.zeros_like(ids[:, :12]), ids[:, 12:]], dim=1), axes, theta


def rotary_full_exponent(ids: Tensor, axes: tuple[int, ...], theta: int) -> transformer.Rotation:
    angles = [
        ids[..., axis, None] * theta ** (-torch.arange(0, dim // 2, dtype=torch.float64) / dim)
        for axis, dim in enumerate(axes)
    ]
    angle = torch.cat(angles, dim=-1)[:, None]
    return angle.cos().float(), angle.sin().float()


def heads_changed(change: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]) -> Broken:
    """Reorder what fused rows are read as."""
    return wrapped(transformer, "split_heads", lambda original, *args: change(*original(*args)))


def heads_inside(fused: Tensor, heads: int) -> tuple[Tensor, Tensor, Tensor]:
    query, key, value = (
        part.reshape(*part.shape[:-1], -1, heads).permute(0, 3, 1, 2) for part in fused.chunk(3, dim=-1)
    )
    return query, key, value


def attention_with(scale: float | None = None, masked_text: int = 0) -> Callable[..., Tensor]:
    """Return an attention with one fact changed."""

    def attention(query: Tensor, key: Tensor, value: Tensor, mask: Any, kept: Any = None) -> Tensor:
        if masked_text:
            seen = torch.ones(key.shape[2], dtype=torch.bool)
            seen[12 - masked_text : 12] = False
            mask = seen[None, None, None]
        attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=scale)
        return attended.transpose(1, 2).flatten(2)

    return attention


def streams_swapped(part: str) -> Broken:
    """Give the text stream the image stream's part and the reverse."""

    def patched(patch: Patch) -> None:
        original = transformer.DoubleStreamBlock.forward

        def forward(self: Any, *arguments: Any) -> Any:
            with pytest.MonkeyPatch.context() as inner:
                image, text = self.img_attn, self.txt_attn
                image_norm, text_norm = image.norm, text.norm
                inner.setitem(image._modules, part, text_norm)
                inner.setitem(text._modules, part, image_norm)
                return original(self, *arguments)

        patch.setattr(transformer.DoubleStreamBlock, "forward", forward)

    return patched


def forward_with(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Broken:
    """Change the arguments of a whole call."""
    original = transformer.Flux2Transformer.forward
    return replaced(
        transformer.Flux2Transformer, "forward", lambda self, **arguments: original(self, **change(arguments))
    )


def references_first(arguments: dict[str, Any]) -> dict[str, Any]:
    """Hand over the last tokens of [image | references] as the image."""
    length = arguments["img"].shape[1]
    tokens = torch.cat([arguments["img"], arguments["reference_tokens"]], dim=1)
    ids = torch.cat([arguments["img_ids"], arguments["reference_ids"]], dim=1)
    return arguments | {
        "img": tokens[:, -length:],
        "img_ids": ids[:, -length:],
        "reference_tokens": tokens[:, :-length],
        "reference_ids": ids[:, :-length],
    }


def double_block_mlp_before_attention(patch: Patch) -> None:
    modulation_changed(lambda triples: triples[::-1])(patch)


def swapped_gate(self: transformer.SwiGLU, states: Tensor) -> Tensor:
    value, gate = states.chunk(2, dim=-1)
    return functional.silu(gate) * value


TRANSFORMER = [
    Mutation("cosines first", measures.velocity, replaced(transformer, "sinusoid", sinusoid_of(lambda c, s: (s, c)))),
    Mutation("time × 1000", measures.velocity, replaced(transformer, "TIME_SCALE", 999.0)),
    Mutation("period 10000", measures.velocity, replaced(transformer, "TIME_PERIOD", 9000.0)),
    Mutation("frequencies i / 128", measures.velocity, replaced(transformer, "sinusoid", sinusoid_of(divisor=127))),
    Mutation(
        "t rounded to bf16 before × 1000",
        measures.bfloat16_velocity,
        replaced(transformer, "sinusoid", sinusoid_of(scale_first=True)),
    ),
    Mutation(
        "the product rounded to bf16",
        measures.bfloat16_velocity,
        replaced(transformer, "sinusoid", sinusoid_of(keep_product=True)),
    ),
    Mutation(
        "guidance is added",
        measures.velocity,
        forward_with(lambda arguments: arguments | {"guidance": torch.zeros_like(arguments["guidance"])}),
    ),
    Mutation(
        "guidance × 1000 too",
        measures.velocity,
        forward_with(lambda arguments: arguments | {"guidance": arguments["guidance"] / 1000}),
    ),
    Mutation("shift before scale", measures.velocity, triples_reordered((1, 0, 2))),
    Mutation("scale before gate", measures.velocity, triples_reordered((0, 2, 1))),
    Mutation("gate last", measures.velocity, triples_reordered((2, 1, 0))),
    Mutation("attention's triple first", measures.velocity, double_block_mlp_before_attention),
    Mutation(
        "SiLU before modulation",
        measures.velocity,
        replaced(transformer.Modulation, "forward", modulation_without_activation),
    ),
    Mutation(
        "residuals are gated",
        measures.velocity,
        modulation_changed(lambda triples: tuple((a, b, torch.ones_like(c)) for a, b, c in triples)),
    ),
    Mutation("1 + scale", measures.velocity, replaced(transformer, "modulate", modulate_with(one=0.0))),
    Mutation("layer norm 1e-6", measures.quiet_velocity, replaced(transformer, "modulate", modulate_with(1e-5))),
    Mutation(
        "query and key norm 1e-6",
        measures.quiet_velocity,
        replaced(transformer.QueryKeyScale, "forward", query_key_scale(1e-5)),
    ),
    Mutation(
        "norms before the rotation",
        measures.velocity,
        replaced(transformer.SingleStreamBlock, "forward", single_block(norm_last=True)),
    ),
    Mutation("single blocks have their own modulation", measures.velocity, double_modulation_for_single),
    Mutation("text and image have their own norms", measures.velocity, streams_swapped("norm")),
    Mutation("rows are q, k, v", measures.velocity, heads_changed(lambda q, k, v: (k, q, v))),
    Mutation("values stand last", measures.velocity, heads_changed(lambda q, k, v: (q, v, k))),
    Mutation("rows are head, then dimension", measures.velocity, replaced(transformer, "split_heads", heads_inside)),
    Mutation("attention / √head_dim", measures.velocity, replaced(transformer, "attention", attention_with(scale=1.0))),
    Mutation(
        "padding text is attended", measures.velocity, replaced(transformer, "attention", attention_with(masked_text=4))
    ),
    Mutation("rotated pairs are neighbours", measures.velocity, replaced(transformer, "rotate", rotate_halves)),
    Mutation(
        "rotation's direction",
        measures.pixels,
        wrapped(transformer, "rotate", lambda original, states, rot: original(states, (rot[0] * 0 + 1, rot[1]))),
    ),
    Mutation("theta 2000", measures.velocity, rotary_changed(lambda ids, axes, theta: (ids, axes, 10000))),
    Mutation("equal axes", measures.velocity, rotary_changed(lambda ids, axes, theta: (ids, (4, 10, 10, 8), theta))),
    Mutation("exponents 2k / dim", measures.velocity, replaced(transformer, "rotary_embedding", rotary_full_exponent)),
    Mutation("text stands first", measures.velocity, rotary_changed(image_ids_first)),
    Mutation("text is rotated", measures.velocity, rotary_changed(text_unrotated)),
    Mutation(
        "SwiGLU gates by the first half", measures.velocity, replaced(transformer.SwiGLU, "forward", swapped_gate)
    ),
    Mutation(
        "linear2 takes attention, then MLP",
        measures.velocity,
        replaced(transformer.SingleStreamBlock, "forward", single_block(lambda attended, mlp: [mlp, attended])),
    ),
    Mutation(
        "linear1 gives q, k, v, then MLP",
        measures.velocity,
        replaced(transformer.SingleStreamBlock, "forward", single_block(mlp_first=True)),
    ),
    Mutation(
        "attention and MLP run side by side",
        measures.velocity,
        replaced(transformer.SingleStreamBlock, "forward", single_block(sequential=True)),
    ),
    Mutation("final shift first", measures.velocity, replaced(transformer.FinalLayer, "forward", final_scale_first)),
    Mutation("final SiLU", measures.velocity, replaced(transformer.FinalLayer, "forward", final_without_activation)),
    Mutation("the image leads, references trail", measures.velocity, forward_with(references_first)),
]


# --- the autoencoder ---------------------------------------------------------------------------------------------


def swapped_modulations(patch: Patch) -> None:
    """Modulate text by the image's triples and the reverse."""
    original = transformer.DoubleStreamBlock.forward
    patch.setattr(
        transformer.DoubleStreamBlock,
        "forward",
        lambda self, image, text, image_mod, text_mod, *rest: original(self, image, text, text_mod, image_mod, *rest),
    )


def encode_with(take: Callable[[Tensor, Tensor], Tensor], signed: bool = True) -> Broken:
    """Take something else than the mean, or feed another range."""

    def encode(self: autoencoder.AutoencoderKLFlux2, pixels: Tensor) -> Tensor:
        moments = self.encoder(pixels * 2 - 1 if signed else pixels)
        return take(*moments.chunk(2, dim=1))

    return replaced(autoencoder.AutoencoderKLFlux2, "encode", encode)


def sampled(mean: Tensor, log_variance: Tensor) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return mean + torch.exp(log_variance.clamp(-30, 20) / 2) * torch.randn(mean.shape, generator=generator)


def symmetric_padding(self: autoencoder.Downsample, states: Tensor) -> Tensor:
    return functional.conv2d(states, self.conv.weight, self.conv.bias, stride=2, padding=1)


def bilinear(self: autoencoder.Upsample, states: Tensor) -> Tensor:
    return self.conv(functional.interpolate(states, scale_factor=2.0, mode="bilinear"))


def group_norm_epsilon(patch: Patch) -> None:
    original = functional.group_norm
    patch.setattr(
        nn.functional, "group_norm", lambda states, groups, weight, bias, eps: original(states, groups, weight, bias)
    )


def more_heads(original: Callable[..., Tensor], query: Tensor, key: Tensor, value: Tensor, **rest: Any) -> Tensor:
    parts = [
        part.reshape(*part.shape[:2], -1, 2, part.shape[-1] // 2)[:, 0].transpose(1, 2) for part in (query, key, value)
    ]
    attended = original(*parts, **rest)
    return attended.transpose(1, 2).flatten(2)[:, None]


AUTOENCODER = [
    Mutation("the text has its own modulation", measures.velocity, swapped_modulations),
    Mutation("the mean, not a sample", measures.latents_encoded, encode_with(sampled)),
    Mutation("the mean is the first half", measures.latents_encoded, encode_with(lambda mean, variance: variance)),
    Mutation("the encoder takes [−1, 1]", measures.latents_encoded, encode_with(lambda mean, _: mean, signed=False)),
    Mutation(
        "padding right and bottom",
        measures.latents_encoded,
        replaced(autoencoder.Downsample, "forward", symmetric_padding),
    ),
    Mutation("nearest upsampling", measures.pixels_decoded, replaced(autoencoder.Upsample, "forward", bilinear)),
    Mutation("group norm 1e-6", measures.quiet_autoencoder, group_norm_epsilon),
    Mutation(
        "attention has one head",
        measures.latents_encoded,
        wrapped(autoencoder.functional, "scaled_dot_product_attention", more_heads),
    ),
    Mutation("SiLU, not ReLU", measures.pixels_decoded, replaced(autoencoder.functional, "silu", functional.relu)),
]


# --- latents, references, schedule, sampler ----------------------------------------------------------------------


def patches(order: tuple[int, ...]) -> Callable[[Tensor], Tensor]:
    """Return a patchify in another order of (batch, channel, row, column, y, x)."""

    def patchify(raw: Tensor) -> Tensor:
        batch, channels, height, width = raw.shape
        blocks = raw.reshape(batch, channels, height // 2, 2, width // 2, 2).permute(*order)
        return blocks.reshape(batch, channels * 4, height // 2, width // 2)

    return patchify


def unpatches_column_first(packed: Tensor) -> Tensor:
    batch, channels, height, width = packed.shape
    blocks = packed.reshape(batch, channels // 4, 2, 2, height, width).permute(0, 1, 4, 3, 5, 2)
    return blocks.reshape(batch, channels // 4, height * 2, width * 2)


def references_going_on(sizes: Any, within: int | None = None) -> Tensor:
    grids, row = [], 0
    for index, (height, width) in enumerate(sizes):
        ids = latents.image_ids(height, width, 10 + 10 * index)
        ids[:, 1] += row
        row += height
        grids.append(ids)
    return torch.cat(grids)


def text_on_time_axis(length: int) -> Tensor:
    ids = torch.zeros(length, 4, dtype=torch.int64)
    ids[:, 0] = torch.arange(length)
    return ids


def columns_first(original: Callable[..., Tensor], *sizes: Any, **rest: Any) -> Tensor:
    return original(*sizes, **rest)[:, [0, 2, 1, 3]]


def counting_references(original: Callable[[int, int], Any], steps: int, image_tokens: int) -> Any:
    return original(steps, image_tokens + 4000)


def shift_linearly(time: float, mu: float) -> float:
    return mu * time / (1 + (mu - 1) * time)


def predict_without_references(original: Any, model: Any, tokens: Any, ids: Any, conditions: Any, *rest: Any) -> Any:
    unconditional = rest[0] is conditions.unconditional_text
    return original(model, tokens, ids, replace(conditions, references=None) if unconditional else conditions, *rest)


def sample_changed(change: Callable[[Any], Any]) -> Broken:
    """Change the conditions of the sampler."""
    return wrapped(
        pipeline, "sample", lambda original, model, noise, given, times: original(model, noise, change(given), times)
    )


def resized_by(filter_: Image.Resampling) -> Broken:
    original = Image.Image.resize
    return replaced(Image.Image, "resize", lambda self, size, _=None: original(self, size, filter_))


def corner_crop(rgb: Image.Image, index: int) -> Image.Image:
    return rgb.crop((0, 0, rgb.width // 16 * 16, rgb.height // 16 * 16))


def enlarge_first(original: Any, picture: Image.Image, index: int, area: int) -> Image.Image:
    return original(picture.resize((picture.width * 2, picture.height * 2)), index, area)


AROUND = [
    Mutation(
        "patches are (channel, row, column)",
        measures.pixels,
        replaced(latents, "patchify", patches((0, 1, 5, 3, 2, 4))),
    ),
    Mutation("channels outermost", measures.pixels, replaced(latents, "patchify", patches((0, 3, 5, 1, 2, 4)))),
    Mutation("unpatchify undoes it", measures.pixels, replaced(latents, "unpatchify", unpatches_column_first)),
    Mutation("normalisation 1e-4", measures.pixels, replaced(latents, "NORMALISATION_EPSILON", 1e-5)),
    Mutation(
        "references are normalised",
        measures.pixels,
        replaced(latents, "normalise", lambda packed, mean, variance: packed),
    ),
    Mutation(
        "variance, not deviation",
        measures.pixels,
        replaced(latents, "denormalise", lambda packed, mean, var: packed * var[:, None, None] + mean[:, None, None]),
    ),
    Mutation(
        "the mean is added back",
        measures.pixels,
        wrapped(latents, "denormalise", lambda original, packed, mean, var: original(packed, mean * 0, var)),
    ),
    Mutation(
        "no scaling factor",
        measures.pixels,
        wrapped(latents, "denormalise", lambda original, *args: original(*args) / 0.3611),
    ),
    Mutation(
        "tokens run row by row",
        measures.pixels,
        wrapped(latents, "to_tokens", lambda original, packed: original(packed.transpose(2, 3))),
    ),
    Mutation("rows before columns", measures.pixels, wrapped(latents, "image_ids", columns_first)),
    Mutation("text ids on the last axis", measures.pixels, replaced(latents, "text_ids", text_on_time_axis)),
    Mutation("text ids count", measures.pixels, replaced(latents, "text_ids", lambda length: torch.zeros(length, 4))),
    Mutation("references start at 10", measures.pixels, replaced(latents, "REFERENCE_TIME_START", 11)),
    Mutation("references step by 10", measures.pixels, replaced(latents, "REFERENCE_TIME_STEP", 9)),
    Mutation(
        "rows restart in each reference", measures.pixels, replaced(latents, "reference_ids", references_going_on)
    ),
    Mutation("references not counted in mu", measures.pixels, wrapped(pipeline, "sampling_times", counting_references)),
    Mutation("mu at 10 steps", measures.time_shift, replaced(schedule, "MU_AT_10_STEPS", (8.7e-05, 1.9))),
    Mutation("mu at 200 steps", measures.time_shift, replaced(schedule, "MU_AT_200_STEPS", (0.00016, 0.457))),
    Mutation("mu jumps above 4300", measures.time_shift, replaced(schedule, "LARGE_IMAGE_TOKENS", 4096)),
    Mutation("4300 itself is below the jump", measures.time_shift, replaced(schedule, "LARGE_IMAGE_TOKENS", 4299)),
    Mutation("the jump exists", measures.time_shift, replaced(schedule, "LARGE_IMAGE_TOKENS", 10**9)),
    Mutation(
        "mu depends on steps",
        measures.time_shift,
        wrapped(schedule, "time_shift", lambda original, tokens, steps: original(tokens, 50)),
    ),
    Mutation("times are shifted by e^mu", measures.sampling_times, replaced(schedule, "shift_time", shift_linearly)),
    Mutation(
        "one time more than steps",
        measures.sampling_times,
        wrapped(schedule, "shift_time", lambda original, time, mu: original(time * 0.99, mu)),
    ),
    Mutation(
        "t = 1 is noise",
        measures.pixels,
        wrapped(sampler, "model_scalar", lambda original, value, *rest: original(1 - value, *rest)),
    ),
    Mutation(
        "Euler goes from t to the next",
        measures.pixels,
        wrapped(sampler, "_velocity", lambda original, *args: -original(*args)),
    ),
    Mutation(
        "guidance u + g (c − u)",
        measures.guided_pixels,
        sample_changed(lambda given: replace(given, guidance_scale=given.guidance_scale + 1)),
    ),
    Mutation(
        "an empty prompt is the unconditional one",
        measures.guided_pixels,
        sample_changed(lambda given: replace(given, unconditional_text=torch.zeros_like(given.text))),
    ),
    Mutation(
        "both passes see the references",
        measures.guided_pixels,
        wrapped(sampler, "_predict", predict_without_references),
    ),
    Mutation("shrinking by Lanczos", measures.prepared_references, resized_by(Image.Resampling.BICUBIC)),
    Mutation("sizes are cut, not rounded", measures.prepared_references, missing(references, "int", math.ceil)),
    Mutation("crop around the centre", measures.prepared_references, replaced(references, "_centre_crop", corner_crop)),
    Mutation("never enlarged", measures.prepared_references, wrapped(references, "_prepared", enlarge_first)),
]

MUTATIONS = TRANSFORMER + AUTOENCODER + AROUND


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.fact)
def test_parity_notices(mutation: Mutation, monkeypatch: Patch) -> None:
    """Parity holds, one fact is broken, parity fails."""
    limit = measures.LIMITS[mutation.measure]
    whole = mutation.measure()
    mutation.broken(monkeypatch)
    broken = mutation.measure()
    print(f"{mutation.fact:45} {mutation.measure.__name__:20} {whole:.1e} -> {broken:.1e} (limit {limit:.0e})")
    assert whole <= limit < broken


def test_facts_have_one_mutation_each() -> None:
    """No fact is listed twice."""
    facts = [mutation.fact for mutation in MUTATIONS]
    assert len(facts) == len(set(facts))
