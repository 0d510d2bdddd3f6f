"""A brand kit as its `brand_kit.yaml` states it: colour tokens, fonts, text styles, logos, references, words."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

_CLOSED = ConfigDict(frozen=True, extra="forbid")


class ColorToken(BaseModel):
    """A named colour: its hex value and the words a prompt uses for it."""

    model_config = _CLOSED

    value: str = Field(description="'#rrggbb' or '#rrggbbaa', quoted")
    name: str = Field("", description="the colour in plain words, such as warm sand; used in prompts")


class Font(BaseModel):
    """One font file. A variable font lists no weight; a static one states the weight it draws."""

    model_config = _CLOSED

    family: str
    file: str = Field(description="path inside the kit")
    weight: int | None = Field(None, ge=1, le=1000, description="of a static font")
    licence: str = Field(description="SPDX id, such as OFL-1.1")
    licence_file: str | None = None


class TextStyle(BaseModel):
    """How a run of text looks. Families are tried in order: the later ones are declared fallbacks."""

    model_config = _CLOSED

    families: tuple[str, ...] = Field(min_length=1)
    weight: int = Field(400, ge=1, le=1000)
    tracking: float = Field(0.0, ge=-0.2, le=1.0, description="em; never applied to joined scripts")
    leading: float = Field(1.15, ge=0.7, le=3.0, description="line height as a multiple of the size")
    color: str = Field("ink", description="a colour token")
    case: Literal["none", "upper"] = "none"
    features: dict[str, int] = Field(default_factory=dict, description="OpenType features, such as {tnum: 1}")
    locales: dict[str, TextStyleChange] = Field(default_factory=dict, description="changes per language")


class TextStyleChange(BaseModel):
    """What a language changes in a text style."""

    model_config = _CLOSED

    families: tuple[str, ...] | None = None
    weight: int | None = Field(None, ge=1, le=1000)
    tracking: float | None = None
    leading: float | None = None


class Logo(BaseModel):
    """A logo's files by tone, and its rules."""

    model_config = _CLOSED

    file: str = Field(description="for light backgrounds")
    reversed: str | None = Field(None, description="for dark backgrounds")
    clear_space: float = Field(0.25, ge=0, le=2, description="free margin, as a fraction of the logo's height")
    min_width: float = Field(24, ge=1, description="pixels, delivered")


class BrandReference(BaseModel):
    """A reference picture for the image model, with who may use it."""

    model_config = _CLOSED

    file: str
    caption: str = Field(description="what it shows, in a few plain words; goes into the prompt")
    role: Literal["product", "style", "prop", "palette", "subject"] = "style"
    rights: str = Field(description="licence or owner")


class Words(BaseModel):
    """The brand's word list."""

    model_config = _CLOSED

    names: tuple[str, ...] = Field((), description="never broken, never re-cased")
    forbidden: tuple[str, ...] = ()


class BrandKit(BaseModel):
    """One brand: everything that must come out right."""

    model_config = _CLOSED

    flux2flow: int
    brand_kit: str = Field(description="the kit's id; its folder carries the same name")
    name: str
    colors: dict[str, ColorToken | str]
    fonts: tuple[Font, ...] = Field(min_length=1)
    styles: dict[str, TextStyle]
    logos: dict[str, Logo] = Field(default_factory=dict)
    references: dict[str, BrandReference] = Field(default_factory=dict)
    words: Words = Words()
    licence: str = ""

    def color(self, token: str) -> ColorToken:
        """Return the colour a token names; raises KeyError for an unknown one."""
        value = self.colors[token]
        return ColorToken(value=value) if isinstance(value, str) else value


TextStyle.model_rebuild()
BrandKit.model_rebuild()
