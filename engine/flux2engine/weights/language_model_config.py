"""A language model's parsed config.json → the numbers that give its shape; names of classes and code are not read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from flux2engine.errors import WeightsError
from flux2engine.variants import TEXT_ENCODERS, TextEncoderConfig

_SIZE = Field(ge=1, le=1_000_000)
_MAX_LAYERS = 1000
# By model_type; a multimodal file nests the language model's numbers in text_config.
_KINDS: Mapping[str, Literal["mistral3", "qwen3"]] = {"qwen3": "qwen3", "mistral": "mistral3"}
_PLAIN_ROTATIONS = (None, "default")


class Rotation(BaseModel):
    """Hold rope_parameters as newer files write them."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    rope_theta: float | None = None
    rope_type: str | None = None


class LanguageModelConfig(BaseModel):
    """Hold the plain numbers of a config.json; whatever else it says is ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    model_type: Literal["qwen3", "mistral"]
    vocab_size: int = _SIZE
    hidden_size: int = _SIZE
    intermediate_size: int = _SIZE
    num_hidden_layers: int = Field(ge=1, le=_MAX_LAYERS)
    num_attention_heads: int = _SIZE
    num_key_value_heads: int | None = Field(default=None, ge=1)
    head_dim: int | None = Field(default=None, ge=1)
    rms_norm_eps: float = Field(default=1e-6, gt=0)
    rope_theta: float | None = Field(default=None, gt=0)
    rope_parameters: Rotation | None = None
    rope_scaling: dict[str, Any] | None = None
    tie_word_embeddings: bool = False

    @model_validator(mode="after")
    def _rotation_is_plain(self) -> LanguageModelConfig:
        scaling = self.rope_scaling or {}
        kinds = (
            self.rope_parameters.rope_type if self.rope_parameters else None,
            scaling.get("rope_type", scaling.get("type")),
        )
        if any(kind not in _PLAIN_ROTATIONS for kind in kinds):
            raise ValueError("its rotary embedding is scaled, which FLUX.2's text encoders are not")
        if self.num_attention_heads % (self.num_key_value_heads or self.num_attention_heads):
            raise ValueError("num_attention_heads is no multiple of num_key_value_heads")
        return self

    @property
    def theta(self) -> float:
        """Return the base of the rotary embedding."""
        new = self.rope_parameters.rope_theta if self.rope_parameters else None
        return new or self.rope_theta or 10_000.0

    def text_encoder(self) -> TextEncoderConfig:
        """Return the shape, with the taps, length and padding that FLUX.2 uses with this kind of model."""
        kind = _KINDS[self.model_type]
        used = next(row.config for row in TEXT_ENCODERS.values() if row.config.kind == kind)
        return TextEncoderConfig(
            kind=kind,
            hidden_size=self.hidden_size,
            layers=self.num_hidden_layers,
            heads=self.num_attention_heads,
            key_value_heads=self.num_key_value_heads or self.num_attention_heads,
            head_dim=self.head_dim or self.hidden_size // self.num_attention_heads,
            feed_forward_size=self.intermediate_size,
            vocabulary=self.vocab_size,
            taps=used.taps,
            tokens=used.tokens,
            padding_side=used.padding_side,
            rope_theta=self.theta,
        )


def read_language_model_config(parsed: Mapping[str, Any], source: str) -> LanguageModelConfig:
    """Check a parsed config.json of a Qwen3 or Mistral-3 model; WeightsError names the first field that is wrong."""
    kind, nested = parsed.get("model_type"), parsed.get("text_config")
    if kind == "mistral3" and isinstance(nested, dict):
        parsed = {"model_type": "mistral"} | nested
    try:
        return LanguageModelConfig.model_validate(dict(parsed))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "it"
        raise WeightsError(f"config.json of {source} is not usable: {where}: {first['msg']}") from error
