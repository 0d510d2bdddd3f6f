"""A checkpoint's header → which component it is, in which layout and of which shape; nothing is read but names.

A layout is recognised by what it shares with the known ones and accepted only if every key and shape is as its rule
says. Distilled, base and KV weights cannot be told apart: all rows of that shape are named. Runs nothing from a folder.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, NoReturn

from flux2engine.errors import UnknownLayoutError, WeightsError
from flux2engine.variants import (
    AUTOENCODERS,
    TEXT_ENCODERS,
    VARIANTS,
    AutoencoderConfig,
    TextEncoderConfig,
    TransformerConfig,
)
from flux2engine.weights import layouts
from flux2engine.weights.checkpoint import TensorForm, WeightSource
from flux2engine.weights.component_config import require_agreement
from flux2engine.weights.language_model_config import read_language_model_config
from flux2engine.weights.layouts import LEVELS, Kind, Layout, Shape, piece
from flux2engine.weights.quantised import refuse_quantised
from flux2engine.weights.safetensors_file import DTYPE_NAMES

Config = TransformerConfig | AutoencoderConfig | TextEncoderConfig

GROUPS = 32  # of the autoencoder's norms; no file shows them, a config.json may
_STATISTICS = ("bn.running_mean", "bn.running_var")
_NUMBER = re.compile(r"(?<=\.)\d+(?=\.)")

# What a layout's keys are listed from where a file does not show its own shape.
_PUBLISHED_EXAMPLES: Mapping[Kind, Config] = {
    "transformer": VARIANTS["klein-4b"].transformer,
    "autoencoder": AUTOENCODERS["flux2"].config,
    "text_encoder": TEXT_ENCODERS["qwen3-4b"].config,
}

# What users bring by mistake, by a key that nothing here has.
_MISTAKES = (
    (re.compile(r"lora_(?:A|B|up|down|unet)|\.lora[._]|hada_w|lokr_w"), "it looks like a LoRA, which changes a model"),
    (re.compile(r"img_mod\.lin\.|time_text_embed\."), "it looks like FLUX.1"),
    (re.compile(r"input_blocks\.\d+\.|down_blocks\.\d+\.attentions\."), "it looks like Stable Diffusion"),
)


@dataclass(frozen=True)
class Identified:
    """Say what a checkpoint holds."""

    kind: Kind
    layout: Layout
    prefix: str
    shape: Config
    published: tuple[str, ...]  # rows of the tables with exactly this shape; none for a custom one
    parameters: int
    dtypes: tuple[str, ...]


@dataclass(frozen=True)
class _Candidate:
    kind: Kind
    layout: Layout
    prefix: str

    @property
    def title(self) -> str:
        prefix = f" with the prefix {self.prefix}" if self.prefix else ""
        return f"the {self.layout} layout of a {self.kind.replace('_', ' ')}{prefix}"


_CANDIDATES = (
    *(_Candidate("transformer", "official", prefix) for prefix in layouts.TRANSFORMER_PREFIXES),
    _Candidate("transformer", "diffusers", ""),
    _Candidate("autoencoder", "official", ""),
    _Candidate("autoencoder", "diffusers", ""),
    *(_Candidate("text_encoder", "transformers", prefix) for prefix in layouts.LANGUAGE_MODEL_PREFIXES),
)


def identify(checkpoint: WeightSource, config: Mapping[str, Any] | None = None) -> Identified:
    """Return what a checkpoint is, from its header and, where there is one, the parsed config.json beside it.

    UnknownLayoutError names the nearest known layout and the differing keys, or the quantised format that is not read
    yet. WeightsError if config.json contradicts the header or lacks what the header cannot show.
    """
    refuse_quantised(checkpoint)
    forms = {name: form.shape for name, form in checkpoint.forms.items() if not layouts.IGNORED.fullmatch(name)}
    candidate = _nearest(forms)
    shape = _derived(candidate, checkpoint, forms, config)
    if shape is None:
        _refuse(checkpoint, candidate, forms, _PUBLISHED_EXAMPLES[candidate.kind])
    _compare(checkpoint, candidate, forms, shape)
    if config is not None and not isinstance(shape, TextEncoderConfig):
        require_agreement(config, shape, checkpoint.name)
    counted = {name: checkpoint.forms[name] for name in forms if not name.endswith(_STATISTICS)}
    return Identified(
        kind=candidate.kind,
        layout=candidate.layout,
        prefix=candidate.prefix,
        shape=shape,
        published=_published(shape),
        parameters=sum(form.nbytes // form.dtype.itemsize for form in counted.values()),
        dtypes=tuple(sorted({_stored(checkpoint, name, form) for name, form in counted.items()})),
    )


def _stored(checkpoint: WeightSource, name: str, form: TensorForm) -> str:
    packed = checkpoint.packed.get(name)
    return packed.format if packed else DTYPE_NAMES[form.dtype]


# --- the nearest layout ------------------------------------------------------------------------------------------


def _nearest(forms: Mapping[str, Shape]) -> _Candidate:
    """Return the known layout whose keys, numbers left out, have most in common with the file's."""
    given = _patterns(forms)
    words = _words(given)

    def likeness(candidate: _Candidate) -> tuple[float, float]:
        known = _known_patterns(candidate)
        shared, all_words = known & given, words | _words(known)
        return len(shared) / len(known), len(words & _words(known)) / len(all_words)

    return max(_CANDIDATES, key=likeness)


@cache
def _known_patterns(candidate: _Candidate) -> frozenset[str]:
    return _patterns(_expected(candidate, _PUBLISHED_EXAMPLES[candidate.kind], ()))


def _patterns(names: Iterable[str]) -> frozenset[str]:
    return frozenset(_NUMBER.sub("N", name) for name in names)


def _words(patterns: Iterable[str]) -> frozenset[str]:
    return frozenset(word for pattern in patterns for word in pattern.split("."))


def _expected(candidate: _Candidate, shape: Config, present: Iterable[str]) -> dict[str, Shape]:
    """Return the keys and shapes that a file of this layout and shape has."""
    names = frozenset(present)
    expected: dict[str, Shape] = {}
    for official, wanted in official_shapes(shape).items():
        found = piece(candidate.kind, candidate.layout, candidate.prefix, official, names)
        expected |= dict(zip(found.names, found.shapes(wanted), strict=True))
    return expected


def official_shapes(shape: Config) -> dict[str, Shape]:
    """Return the official keys and shapes of a component; a language model's without prefix."""
    if isinstance(shape, TransformerConfig):
        return layouts.transformer_shapes(shape)
    if isinstance(shape, AutoencoderConfig):
        return layouts.autoencoder_shapes(shape)
    return layouts.text_encoder_shapes(shape)


def _compare(checkpoint: WeightSource, candidate: _Candidate, forms: Mapping[str, Shape], shape: Config) -> None:
    expected = _expected(candidate, shape, forms)
    if all(forms.get(name) == wanted for name, wanted in expected.items()) and not _unexpected(
        candidate, forms, expected
    ):
        return
    _refuse(checkpoint, candidate, forms, shape)


def _unexpected(candidate: _Candidate, forms: Iterable[str], expected: Mapping[str, Shape]) -> list[str]:
    strangers = [name for name in forms if name not in expected]
    if candidate.kind != "text_encoder":
        return strangers
    return [
        name
        for name in strangers
        if not layouts.BEYOND_ENCODING.fullmatch(layouts.plain_language_model_name(name))
        or layouts.plain_language_model_name(name).startswith("layers.")
    ]


def _refuse(checkpoint: WeightSource, candidate: _Candidate, forms: Mapping[str, Shape], shape: Config) -> NoReturn:
    expected = _expected(candidate, shape, forms)
    mistake = next((text for pattern, text in _MISTAKES if any(pattern.search(name) for name in forms)), "")
    raise UnknownLayoutError(
        f"{checkpoint.name} is in no layout that is known here{mistake and f': {mistake}'}; the nearest is"
        f" {candidate.title}",
        missing=[name for name in expected if name not in forms],
        unexpected=_unexpected(candidate, forms, expected),
        mismatched=[
            f"{name} {forms[name]} instead of {wanted}"
            for name, wanted in expected.items()
            if name in forms and forms[name] != wanted
        ],
    )


# --- the shape ---------------------------------------------------------------------------------------------------


def _derived(
    candidate: _Candidate, checkpoint: WeightSource, forms: Mapping[str, Shape], config: Mapping[str, Any] | None
) -> Config | None:
    """Return the shape that the header shows, or None where the keys that would show it are not there."""

    def shape_of(official: str) -> Shape:
        return forms[piece(candidate.kind, candidate.layout, candidate.prefix, official, forms).names[0]]

    def count(container: str) -> int:
        pattern = re.compile(re.escape(candidate.prefix + container) + r"\.(\d+)\.")
        indices = {int(match[1]) for name in forms if (match := pattern.match(name))}
        return len(indices)  # a gap, or a number in the millions, shows as missing and unexpected keys

    try:
        if candidate.kind == "transformer":
            return _transformer(candidate, shape_of, count)
        if candidate.kind == "autoencoder":
            return _autoencoder(candidate, shape_of, count, config)
    except (KeyError, ValueError, IndexError, ZeroDivisionError):
        return None
    return _text_encoder(checkpoint, candidate, forms, shape_of, count, config)


def _transformer(
    candidate: _Candidate, shape_of: Callable[[str], Shape], count: Callable[[str], int]
) -> TransformerConfig:
    official = candidate.layout == "official"
    hidden, channels = shape_of("img_in.weight")
    (head_dim,) = shape_of("double_blocks.0.img_attn.norm.query_norm.scale")
    try:
        guidance = bool(shape_of("guidance_in.in_layer.weight"))
    except KeyError:
        guidance = False
    return TransformerConfig(
        hidden_size=hidden,
        heads=hidden // head_dim,
        head_dim=head_dim,
        axes_dim=(head_dim // 4,) * 4,
        double_blocks=count("double_blocks" if official else "transformer_blocks"),
        single_blocks=count("single_blocks" if official else "single_transformer_blocks"),
        context_dim=shape_of("txt_in.weight")[1],
        guidance_embedding=guidance,
        in_channels=channels,
    )


def _autoencoder(
    candidate: _Candidate,
    shape_of: Callable[[str], Shape],
    count: Callable[[str], int],
    config: Mapping[str, Any] | None,
) -> AutoencoderConfig:
    official = candidate.layout == "official"
    (channels,) = shape_of("encoder.conv_in.bias")
    (decoder,) = shape_of("decoder.up.0.block.0.conv1.bias")
    widths = [shape_of(f"encoder.down.{level}.block.0.conv1.bias")[0] for level in range(LEVELS)]
    groups = (config or {}).get("norm_num_groups", GROUPS)
    if type(groups) is not int or groups < 1 or channels % groups or decoder % groups:
        raise WeightsError(f"norms of {groups} groups do not fit channels of {channels} and {decoder}")
    return AutoencoderConfig(
        channels=channels,
        decoder_channels=None if decoder == channels else decoder,
        multipliers=tuple(width // channels for width in widths),
        residual_blocks=count("encoder.down.0.block" if official else "encoder.down_blocks.0.resnets"),
        groups=groups,
        latent_channels=shape_of("decoder.post_quant_conv.bias")[0],
    )


def _text_encoder(
    checkpoint: WeightSource,
    candidate: _Candidate,
    forms: Mapping[str, Shape],
    shape_of: Callable[[str], Shape],
    count: Callable[[str], int],
    config: Mapping[str, Any] | None,
) -> TextEncoderConfig | None:
    layers = count("layers")
    if config is not None:
        described = read_language_model_config(config, checkpoint.name).text_encoder()
        if layers > described.layers:
            raise WeightsError(f"{checkpoint.name} has {layers} layers and its config.json says {described.layers}")
        return _with_layers(checkpoint, described, layers)
    try:
        shape_of("embed_tokens.weight"), shape_of("layers.0.self_attn.q_proj.weight")
    except KeyError:
        return None
    rows = [row.config for row in TEXT_ENCODERS.values() if layers <= row.config.layers]
    for row in rows:
        expected = _expected(candidate, replace(row, layers=layers), forms)
        if all(forms.get(name) == wanted for name, wanted in expected.items()):
            return _with_layers(checkpoint, row, layers)
    raise WeightsError(
        f"{checkpoint.name} is a language model of no published shape ({', '.join(TEXT_ENCODERS)}); its heads and its"
        " rotation cannot be seen in the file, so its config.json is needed beside it"
    )


def _with_layers(checkpoint: WeightSource, config: TextEncoderConfig, layers: int) -> TextEncoderConfig:
    """Return the shape with as many layers as the file has: pruned files stop after the last one that is used."""
    if layers < max(config.taps):
        raise WeightsError(
            f"{checkpoint.name} has {layers} layers; FLUX.2 takes its text from layer {max(config.taps)} as the last"
        )
    return replace(config, layers=layers)


def _published(shape: Config) -> tuple[str, ...]:
    if isinstance(shape, TransformerConfig):
        return tuple(row.name for row in VARIANTS.values() if row.transformer == shape)
    if isinstance(shape, AutoencoderConfig):
        return tuple(row.name for row in AUTOENCODERS.values() if row.config == shape)
    # A file that leaves out the layers nobody needs is the same text encoder.
    return tuple(row.name for row in TEXT_ENCODERS.values() if replace(row.config, layers=shape.layers) == shape)
