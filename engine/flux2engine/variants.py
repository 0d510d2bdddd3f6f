"""The models the engine knows, as tables: sizes, defaults, limits, licences, file names, repositories.

Plain data without torch. Distilled, base and KV weights of one size have the same shapes, so a variant is named by
whoever brings the weights (a manifest, a name given on import), never guessed from a state dict.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

# One latent token covers 16 × 16 pixels: 8 from the autoencoder, 2 from the patchify.
PIXELS_PER_TOKEN = 16
LATENT_CHANNELS = 32
TOKEN_CHANNELS = 4 * LATENT_CHANNELS

# Raise when the same request and weights would give other pixels.
SAMPLING_VERSION = 1

PAD_TOKEN = "<|endoftext|>"  # what Qwen pads with  # noqa: S105 (no password)

GuidanceKind = Literal["embedded", "classifier-free", "none"]


@dataclass(frozen=True)
class TransformerConfig:
    """Give the shape of one transformer."""

    hidden_size: int
    heads: int
    head_dim: int
    axes_dim: tuple[int, ...]
    double_blocks: int
    single_blocks: int
    context_dim: int
    guidance_embedding: bool
    in_channels: int = TOKEN_CHANNELS
    theta: int = 2000
    mlp_ratio: float = 3.0
    # A picture of more tokens has its rows and columns drawn together to the extent of so many; None: integers, as in
    # FLUX.2. Only nano, which has seen few large pictures, composes them as it does small ones that way.
    positions_within: int | None = None

    def __post_init__(self) -> None:
        if min(self.heads, self.head_dim, self.double_blocks, self.single_blocks, self.context_dim) < 1:
            raise ValueError("heads, head_dim, blocks and context_dim must be at least 1")
        if self.heads * self.head_dim != self.hidden_size:
            raise ValueError(f"heads × head_dim = {self.heads * self.head_dim}, hidden_size = {self.hidden_size}")
        if sum(self.axes_dim) != self.head_dim or any(dim % 2 for dim in self.axes_dim):
            raise ValueError(f"axes_dim {self.axes_dim} must be even and sum to head_dim {self.head_dim}")

    @property
    def mlp_size(self) -> int:
        """Return the width between the two MLP layers, after the gate."""
        return int(self.hidden_size * self.mlp_ratio)


@dataclass(frozen=True)
class AutoencoderConfig:
    """Give the shape of the official autoencoder; `decoder_channels` differs from `channels` for the small decoder."""

    channels: int = 128
    decoder_channels: int | None = None
    multipliers: tuple[int, ...] = (1, 2, 4, 4)
    residual_blocks: int = 2
    groups: int = 32
    latent_channels: int = LATENT_CHANNELS


@dataclass(frozen=True)
class TinyAutoencoderConfig:
    """Give the shape of a tiny autoencoder; stages are listed from the lowest resolution to the highest."""

    widths: tuple[int, int, int, int] = (64, 64, 48, 32)
    decoder_blocks: tuple[int, int, int, int] = (1, 2, 1, 1)
    encoder_blocks: tuple[int, int, int, int] = (1, 1, 1, 1)
    latent_channels: int = LATENT_CHANNELS


@dataclass(frozen=True)
class TextEncoderConfig:
    """Give the shape of a text encoder and the hidden states taken from it (0 = the token embeddings)."""

    kind: Literal["mistral3", "qwen3"]
    hidden_size: int
    layers: int
    heads: int
    key_value_heads: int
    head_dim: int
    feed_forward_size: int
    vocabulary: int
    taps: tuple[int, ...]
    tokens: int
    padding_side: Literal["left", "right"]
    rope_theta: float = 1_000_000.0

    @property
    def context_dim(self) -> int:
        """Return the width of the joined states."""
        return self.hidden_size * len(self.taps)


@dataclass(frozen=True)
class Licence:
    """Say under which terms weights may be run; a reading of the text, not legal advice."""

    name: str
    url: str
    commercial: bool  # the weights may be run in production; the pictures are a separate matter
    summary: str


@dataclass(frozen=True)
class PublishedAutoencoder:
    """Name one published autoencoder: every variant's latents are the same, so any of them decodes any model."""

    name: str
    config: AutoencoderConfig
    licence: str
    file_names: tuple[str, ...]
    repositories: tuple[str, ...]


@dataclass(frozen=True)
class PublishedTextEncoder:
    """Name one published language model that serves as a text encoder."""

    name: str
    config: TextEncoderConfig
    licence: str
    file_names: tuple[str, ...]
    repositories: tuple[str, ...]


@dataclass(frozen=True)
class ModelVariant:
    """Say what one published set of weights is and how it is meant to be run."""

    name: str
    transformer: TransformerConfig
    autoencoder: AutoencoderConfig | TinyAutoencoderConfig
    text_encoder: TextEncoderConfig
    default_steps: int
    default_guidance: float
    guidance_kind: GuidanceKind
    fixed_sampling: bool  # distilled: other steps or guidance are refused
    max_references: int
    max_pixels: int  # of the output
    reference_area_single: int  # pixels, if the picture is the only reference
    reference_area_several: int  # pixels each, if there are more
    licence: str  # a key of LICENCES
    # The text encoder's row in TEXT_ENCODERS; empty for a model that ships with its own.
    text_encoder_name: str = ""
    # References are modulated as at time 0 and attend to themselves only, so that their keys and values can be kept.
    cached_references: bool = False
    file_names: tuple[str, ...] = ()  # of the official single files
    repositories: tuple[str, ...] = ()
    base_area: int | None = None  # pixels of a picture that is edited; None: as of any reference
    # Transparent references are cropped to what they show and centred on a square of the job's matte.
    frames_cut_outs: bool = False
    # How much more than by themselves references steer, by a second pass without them; 1: one pass, as published.
    picture_guidance: float = 1.0
    sampled_area: int | None = None  # pixels that are sampled, about; a larger picture is enlarged. None: every size is
    # The official code holds t in bf16 before it multiplies by 1000; a model sampled so is run so in every dtype.
    round_timesteps: bool = True


_DEV = TransformerConfig(
    hidden_size=6144,
    heads=48,
    head_dim=128,
    axes_dim=(32, 32, 32, 32),
    double_blocks=8,
    single_blocks=48,
    context_dim=15360,
    guidance_embedding=True,
)
_KLEIN_9B = TransformerConfig(
    hidden_size=4096,
    heads=32,
    head_dim=128,
    axes_dim=(32, 32, 32, 32),
    double_blocks=8,
    single_blocks=24,
    context_dim=12288,
    guidance_embedding=False,
)
_KLEIN_4B = TransformerConfig(
    hidden_size=3072,
    heads=24,
    head_dim=128,
    axes_dim=(32, 32, 32, 32),
    double_blocks=5,
    single_blocks=20,
    context_dim=7680,
    guidance_embedding=False,
)
_NANO = TransformerConfig(
    hidden_size=192,
    heads=3,
    head_dim=64,
    axes_dim=(16, 16, 16, 16),
    double_blocks=2,
    single_blocks=4,
    context_dim=384,
    guidance_embedding=False,
)

_MISTRAL = TextEncoderConfig(
    kind="mistral3",
    hidden_size=5120,
    layers=40,
    heads=32,
    key_value_heads=8,
    head_dim=128,
    feed_forward_size=32768,
    vocabulary=131072,
    taps=(10, 20, 30),
    tokens=512,
    padding_side="left",
    rope_theta=1e9,
)
_QWEN3_8B = TextEncoderConfig(
    kind="qwen3",
    hidden_size=4096,
    layers=36,
    heads=32,
    key_value_heads=8,
    head_dim=128,
    feed_forward_size=12288,
    vocabulary=151936,
    taps=(9, 18, 27),
    tokens=512,
    padding_side="right",
)
_QWEN3_4B = TextEncoderConfig(
    kind="qwen3",
    hidden_size=2560,
    layers=36,
    heads=32,
    key_value_heads=8,
    head_dim=128,
    feed_forward_size=9728,
    vocabulary=151936,
    taps=(9, 18, 27),
    tokens=512,
    padding_side="right",
)
_NANO_TEXT = TextEncoderConfig(
    kind="qwen3",
    hidden_size=128,
    layers=4,
    heads=2,
    key_value_heads=2,
    head_dim=64,
    feed_forward_size=384,
    vocabulary=2048,
    taps=(2, 3, 4),
    tokens=96,
    padding_side="right",
    rope_theta=10_000.0,
)

_APACHE = "Apache-2.0"
_NON_COMMERCIAL = "FLUX-Non-Commercial-2.0"
_FOUR_MEGAPIXELS = 4 * 1024 * 1024

LICENCES: Mapping[str, Licence] = MappingProxyType(
    {
        _APACHE: Licence(_APACHE, "https://www.apache.org/licenses/LICENSE-2.0", True, "any use"),
        _NON_COMMERCIAL: Licence(
            _NON_COMMERCIAL,
            "https://huggingface.co/black-forest-labs/FLUX.2-dev/blob/main/LICENSE.txt",
            False,
            "the weights may be run for non-commercial, non-production purposes only; running them in production needs"
            " a licence from Black Forest Labs. Pictures may be used for any purpose but training a competing model,"
            " after content filters or a review",
        ),
    }
)

_AUTOENCODERS = (
    PublishedAutoencoder(
        name="flux2",
        config=AutoencoderConfig(),
        licence=_APACHE,
        file_names=("ae.safetensors", "flux2-vae.safetensors"),
        repositories=("black-forest-labs/FLUX.2-dev",),
    ),
    PublishedAutoencoder(
        name="small-decoder",
        config=AutoencoderConfig(decoder_channels=96),
        licence=_APACHE,
        file_names=("full_encoder_small_decoder.safetensors",),
        repositories=("black-forest-labs/FLUX.2-small-decoder",),
    ),
)
AUTOENCODERS: Mapping[str, PublishedAutoencoder] = MappingProxyType({row.name: row for row in _AUTOENCODERS})

_TEXT_ENCODERS = (
    PublishedTextEncoder(
        name="mistral-small-3.2",
        config=_MISTRAL,
        licence=_APACHE,
        file_names=("mistral_3_small_flux2_bf16.safetensors",),
        repositories=("mistralai/Mistral-Small-3.2-24B-Instruct-2506",),
    ),
    PublishedTextEncoder(
        name="qwen3-8b",
        config=_QWEN3_8B,
        licence=_APACHE,
        file_names=("qwen_3_8b.safetensors",),
        repositories=("Qwen/Qwen3-8B",),
    ),
    PublishedTextEncoder(
        name="qwen3-4b",
        config=_QWEN3_4B,
        licence=_APACHE,
        file_names=("qwen_3_4b.safetensors",),
        repositories=("Qwen/Qwen3-4B",),
    ),
)
TEXT_ENCODERS: Mapping[str, PublishedTextEncoder] = MappingProxyType({row.name: row for row in _TEXT_ENCODERS})


def _klein(
    name: str,
    size: TransformerConfig,
    text: str,
    licence: str,
    repository: str,
    *,
    distilled: bool,
    cached_references: bool = False,
) -> ModelVariant:
    return ModelVariant(
        name=name,
        transformer=size,
        autoencoder=AutoencoderConfig(),
        text_encoder=TEXT_ENCODERS[text].config,
        text_encoder_name=text,
        cached_references=cached_references,
        file_names=(f"flux-2-{name}.safetensors",),
        repositories=(f"black-forest-labs/FLUX.2-{repository}",),
        default_steps=4 if distilled else 50,
        default_guidance=1.0 if distilled else 4.0,
        guidance_kind="none" if distilled else "classifier-free",
        fixed_sampling=distilled,
        max_references=4,  # what BFL documents for klein
        max_pixels=_FOUR_MEGAPIXELS,
        reference_area_single=2024 * 2024,
        reference_area_several=1024 * 1024,
        licence=licence,
    )


_TABLE = (
    ModelVariant(
        name="dev",
        transformer=_DEV,
        autoencoder=AutoencoderConfig(),
        text_encoder=_MISTRAL,
        text_encoder_name="mistral-small-3.2",
        file_names=("flux2-dev.safetensors",),
        repositories=("black-forest-labs/FLUX.2-dev",),
        default_steps=50,
        default_guidance=4.0,
        guidance_kind="embedded",
        fixed_sampling=False,
        max_references=10,
        max_pixels=_FOUR_MEGAPIXELS,
        reference_area_single=2024 * 2024,
        reference_area_several=1024 * 1024,
        licence=_NON_COMMERCIAL,
    ),
    _klein("klein-9b", _KLEIN_9B, "qwen3-8b", _NON_COMMERCIAL, "klein-9B", distilled=True),
    _klein("klein-4b", _KLEIN_4B, "qwen3-4b", _APACHE, "klein-4B", distilled=True),
    _klein("klein-base-9b", _KLEIN_9B, "qwen3-8b", _NON_COMMERCIAL, "klein-base-9B", distilled=False),
    _klein("klein-base-4b", _KLEIN_4B, "qwen3-4b", _APACHE, "klein-base-4B", distilled=False),
    _klein(
        "klein-9b-kv",
        _KLEIN_9B,
        "qwen3-8b",
        _NON_COMMERCIAL,
        "klein-9b-kv",
        distilled=True,
        cached_references=True,
    ),
    ModelVariant(
        name="nano",
        transformer=_NANO,
        autoencoder=TinyAutoencoderConfig(),
        text_encoder=_NANO_TEXT,
        default_steps=8,
        default_guidance=1.5,
        guidance_kind="classifier-free",
        fixed_sampling=False,
        max_references=10,
        max_pixels=1024 * 1024,
        reference_area_single=256 * 256,
        reference_area_several=256 * 256,
        licence=_APACHE,
        round_timesteps=False,  # trained and run in fp32
    ),
)

VARIANTS: Mapping[str, ModelVariant] = MappingProxyType({variant.name: variant for variant in _TABLE})
