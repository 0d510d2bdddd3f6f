"""A campaign as `campaign.yaml` states it, and the bundle of everything loading found for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict, Field

from flux2flow.domain.brand_kit import BrandKit
from flux2flow.domain.files import FileRef, PictureFile
from flux2flow.domain.format import Format
from flux2flow.domain.standards import ChecksSpec, Disclaimer, SpellingDictionary
from flux2flow.domain.template import Template
from flux2flow.domain.upsampled import UpsampledPrompt
from flux2flow.errors import Position

_CLOSED = ConfigDict(frozen=True, extra="forbid")


class AssetEntry(BaseModel):
    """One line of a campaign: a template in some formats."""

    model_config = _CLOSED

    id: str | None = Field(
        None, pattern=r"^[a-z][a-z0-9-]*$", description="default: the template's name; keeps seeds when reordered"
    )
    template: str
    formats: tuple[str, ...] = Field(min_length=1)
    variants: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    slots: dict[str, str | int | float] = Field(
        default_factory=dict, description="Jinja over copy, row, variant, locale"
    )
    locales: tuple[str, ...] | None = Field(None, description="default: the campaign's")
    rows: tuple[str, ...] | None = Field(None, description="row keys this entry is made for; default: every row")

    @property
    def key(self) -> str:
        """The entry's id, from its template's name where none is given."""
        return self.id or self.template.rsplit("/", 1)[-1]


class Sampling(BaseModel):
    """How a model is run, where it lets that be chosen; distilled models do not."""

    model_config = _CLOSED

    steps: int | None = Field(None, ge=1, le=200, description="default: the model's own")
    guidance: float | None = Field(None, ge=0, le=20, description="default: the model's own")


class Campaign(BaseModel):
    """What was asked for."""

    model_config = _CLOSED

    flux2flow: int
    campaign: str = Field(
        pattern=r"^[a-z0-9][a-z0-9-]*$", description="the campaign's id; names its folder under build/"
    )
    title: str = ""
    brand_kit: str
    model: str = Field("nano", description="an installed model: flux2flow models list")
    seed: int = Field(0, ge=0, lt=2**53)
    sampling: Sampling = Sampling()
    negative: str = Field(
        "", description="things no picture should hold, added to the templates' own: text, watermark; no Jinja"
    )
    prompts: str | None = Field(None, description="prompts that flux2flow upsample wrote, to be used in their place")
    rows: str | None = Field(None, description="CSV, JSON or JSONL beside the campaign")
    locales: tuple[str, ...] = Field(("en",), min_length=1)
    copy_: str | None = Field(None, alias="copy", description="folder with <locale>.yaml")
    assets: tuple[AssetEntry, ...] = Field(min_length=1)
    checks: ChecksSpec = ChecksSpec()
    legal: tuple[Disclaimer, ...] = Field((), description="words that must stand on pictures, besides the kit's")


@dataclass(frozen=True, slots=True)
class Row:
    """One data row: its key (the `id` column, else the first unique column), its cells, and where it stands."""

    key: str
    cells: Mapping[str, str]
    position: Position


@dataclass(frozen=True, slots=True)
class FontFile:
    """A font that passed its gate. `axes` are (tag, minimum, default, maximum); `weight` is a static font's."""

    family: str
    file: FileRef
    axes: tuple[tuple[str, float, float, float], ...] = ()
    weight: int | None = None
    licence: str = ""
    embedding: int = 0
    """OS/2.fsType: what its maker lets be embedded. A hint; the licence governs."""


CopyValue = str | tuple[str, ...] | Mapping[str, "CopyValue"]
"""A copy deck: texts by key, nested at will; several wordings of one text are a tuple, longest first.

Every text may hold Jinja over row, variant, locale, brand.
"""


@dataclass(frozen=True, slots=True)
class SourceMap:
    """Where each key path of one document stands in its file.

    `positions` maps a path such as ("assets", 0, "formats", 2) to the value's position; `lines` are the file's lines.
    """

    file: str
    positions: Mapping[tuple[str | int, ...], Position]
    lines: tuple[str, ...] = ()

    def position(self, path: tuple[str | int, ...]) -> Position:
        """Return the position of a path, or of its nearest ancestor."""
        while path and path not in self.positions:
            path = path[:-1]
        return self.positions.get(path, Position(self.file))


@dataclass(frozen=True, slots=True)
class PromptBook:
    """The upsampled prompts a campaign uses, and the file they stand in."""

    file: FileRef
    prompts: tuple[UpsampledPrompt, ...]


@dataclass(frozen=True, slots=True)
class CampaignBundle:
    """A campaign with everything it refers to, resolved: what planning takes. Nothing left to look up on disk.

    `pictures` holds every picture by the key its user writes: a slot's rendered path (`slot:<path>`), a kit's logo
    (`logo:<name>:normal`, `logo:<name>:reversed`) and reference (`reference:<name>`).
    """

    campaign: Campaign
    brand_kit: BrandKit
    templates: Mapping[str, Template]
    formats: Mapping[str, Format]
    copy_decks: Mapping[str, Mapping[str, CopyValue]]
    rows: tuple[Row, ...]
    row_key_column: str | None
    pictures: Mapping[str, PictureFile]
    fonts: tuple[FontFile, ...]
    sources: Mapping[str, SourceMap] = field(default_factory=dict)
    """By document: `campaign`, `brand_kit`, `template:<name>`, `copy:<locale>`."""
    prompts: PromptBook | None = None
    dictionaries: tuple[SpellingDictionary, ...] = ()
    """The kit's, with the digests of their files."""
