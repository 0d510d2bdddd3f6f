"""A brand kit as its `brand_kit.yaml` states it: colour tokens, fonts, text styles, logos, references, words."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from flux2flow.domain.standards import Disclaimer

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


class StrokeSpec(BaseModel):
    """An outline around the letters, outside of them, as a style states it."""

    model_config = _CLOSED

    width: float = Field(gt=0, le=0.25, description="em")
    color: str = Field(description="a colour token")


class ShadowSpec(BaseModel):
    """A shadow under the letters, as a style states it. All lengths in em."""

    model_config = _CLOSED

    x: float = Field(0.0, ge=-1, le=1, description="em to the right")
    y: float = Field(0.04, ge=-1, le=1, description="em downwards")
    blur: float = Field(0.0, ge=0, le=1, description="em; the blur's standard deviation; 0 is a hard shadow")
    color: str = Field(description="a colour token; give it alpha for a soft one: '#rrggbbaa'")


class HighlightSpec(BaseModel):
    """A coloured box behind the words, as a style states it."""

    model_config = _CLOSED

    color: str = Field(description="a colour token")
    padding: float = Field(0.12, ge=0, le=1, description="em around the letters")
    radius: float = Field(0.0, ge=0, le=1, description="em")


class UnderlineSpec(BaseModel):
    """A line under the words, as a style states it."""

    model_config = _CLOSED

    color: str | None = Field(None, description="a colour token; default: the text's colour")
    thickness: float | None = Field(None, gt=0, le=0.5, description="em; default: the font's own")
    offset: float | None = Field(
        None, ge=-1, le=1, description="em from the baseline down to the line's top; default: the font's own"
    )
    skip_ink: bool = Field(True, description="leave gaps where letters go through the line")


class StyleFit(BaseModel):
    """How far copyfitting may go in a style before it takes a smaller size. Default: not at all."""

    model_config = _CLOSED

    tracking: float = Field(
        0.0, ge=-0.1, le=0, description="em; the most that may be taken off the tracking; never off joined scripts"
    )
    width: float | None = Field(
        None, ge=25, le=200, description="the narrowest value of the font's width axis (wdth), where it has one"
    )


Figures = Literal["tabular", "proportional", "lining", "oldstyle"]


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
    accent: TextStyleChange | None = Field(None, description="what *words between stars* change")
    axes: dict[str, float | Literal["auto"]] = Field(
        default_factory=dict, description="a variable font's axes, such as {wdth: 90}; opsz: auto follows the size"
    )
    figures: Figures | tuple[Figures, ...] = Field((), description="the kind of digits, where the font has it")
    small_caps: Literal["none", "small", "all"] = Field(
        "none", description="small: capitals stay tall; made from capitals where the font has none"
    )
    stroke: StrokeSpec | None = None
    shadow: ShadowSpec | None = None
    highlight: HighlightSpec | None = None
    underline: UnderlineSpec | None = None
    scale: float | None = Field(
        None, gt=0, le=2, description="of a [span]{style}: its size as a part of the paragraph's; default: the same"
    )
    shift: float = Field(0.0, ge=-1, le=1, description="of a span: upwards from the baseline, in em of the paragraph")
    fit: StyleFit = StyleFit()
    hyphenate: bool = Field(
        False, description="words of running text (three lines or more) may part at syllables; needs flux2flow[intl]"
    )


class TextStyleChange(BaseModel):
    """What a language, or an accent, changes in a text style."""

    model_config = _CLOSED

    families: tuple[str, ...] | None = None
    weight: int | None = Field(None, ge=1, le=1000)
    tracking: float | None = None
    leading: float | None = None
    color: str | None = Field(None, description="a colour token")
    case: Literal["none", "upper"] | None = None
    features: dict[str, int] | None = Field(None, description="added to the style's")
    axes: dict[str, float | Literal["auto"]] | None = Field(None, description="added to the style's")
    figures: Figures | tuple[Figures, ...] | None = None
    small_caps: Literal["none", "small", "all"] | None = None
    stroke: StrokeSpec | None = None
    shadow: ShadowSpec | None = None
    highlight: HighlightSpec | None = None
    underline: UnderlineSpec | None = None
    scale: float | None = Field(None, gt=0, le=2, description="of an accent: a part of the paragraph's size")
    shift: float | None = Field(None, ge=-1, le=1, description="of an accent: upwards from the baseline, in em")
    hyphenate: bool | None = None


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
    products: tuple[str, ...] = Field((), description="product names: spelt exactly so, never a spelling mistake")
    allowed: tuple[str, ...] = Field((), description="words that no dictionary knows and that are right")
    marks: dict[str, Literal["®", "™", "℠"]] = Field(
        default_factory=dict, description="name: the sign that its first mention carries"
    )
    dictionaries: dict[str, str] = Field(
        default_factory=dict, description="Hunspell dictionary by locale, as de: dictionaries/de_DE (.aff and .dic)"
    )


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
    icons: dict[str, str] = Field(
        default_factory=dict, description="name: SVG file in the kit; :name: in a text draws it in the text's colour"
    )
    references: dict[str, BrandReference] = Field(default_factory=dict)
    words: Words = Words()
    licence: str = ""
    legal: tuple[Disclaimer, ...] = Field((), description="words that the law or a contract wants on pictures")

    @property
    def names_in_copy(self) -> tuple[str, ...]:
        """Return the names that copy must spell as they are: the brand's, then those its word list gives."""
        return tuple(dict.fromkeys((self.name, *self.words.names, *self.words.products)))

    def color(self, token: str) -> ColorToken:
        """Return the colour a token names; raises KeyError for an unknown one."""
        value = self.colors[token]
        return ColorToken(value=value) if isinstance(value, str) else value


TextStyle.model_rebuild()
BrandKit.model_rebuild()
