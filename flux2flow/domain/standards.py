"""What a campaign's pictures are held to, besides their formats: profile, waivers, the brand's words and colours.

Comes from kit and campaign, travels in the Plan, and reaches every check. Decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from flux2flow.domain.files import FileRef
from flux2flow.domain.finding import Waiver
from flux2flow.domain.measures import Color

ProfileName = Literal["web", "social", "print", "strict"]


class ChecksSpec(BaseModel):
    """How a campaign is checked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    profile: ProfileName = Field("web", description="which checks run, and how strictly")
    waivers: tuple[Waiver, ...] = Field((), description="findings that may pass, each with a reason and an end")
    ocr: bool = Field(False, description="read plates and pictures back, as --ocr does; needs the extra [ocr]")


class Disclaimer(BaseModel):
    """Words that must stand on a picture."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: dict[str, str] = Field(min_length=1, description="the words by locale")
    assets: str = Field("*", description="which assets, by id; * stands for anything")
    formats: str = Field("*", description="which formats, by id; * stands for anything")
    min_size: float = Field(0, ge=0, description="smallest type size in delivered pixels")


@dataclass(frozen=True, slots=True)
class SpellingDictionary:
    """A Hunspell dictionary of one locale: its affix rules and its words."""

    locale: str
    affixes: FileRef
    words: FileRef


@dataclass(frozen=True, slots=True)
class Standards:
    """What a picture is held to. `colors` are the kit's tokens; `text_colors` those that its text styles use."""

    profile: ProfileName = "web"
    waivers: tuple[Waiver, ...] = ()
    names: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    marks: tuple[tuple[str, str], ...] = ()
    """(name, ® or ™): the first mention carries the sign."""
    dictionaries: tuple[SpellingDictionary, ...] = ()
    disclaimers: tuple[Disclaimer, ...] = ()
    colors: tuple[tuple[str, Color], ...] = ()
    text_colors: tuple[str, ...] = ()


NO_STANDARDS = Standards()
"""Of a subject that is built by hand."""
