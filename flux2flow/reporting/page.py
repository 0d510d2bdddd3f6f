"""Report → index.html: a contact sheet to look at, with every finding drawn on its picture. Needs no network.

Arranges and words; the markup is in `page_parts/`, escaped by Jinja throughout.
"""

from __future__ import annotations

import base64
import hashlib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from urllib.parse import quote

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from flux2flow.domain.asset import Asset
from flux2flow.domain.finding import Finding
from flux2flow.domain.format import Format
from flux2flow.domain.plan import PlannedPlate
from flux2flow.domain.plate import Plate
from flux2flow.domain.report import Report
from flux2flow.domain.scene import (
    ButtonLayer,
    ChartLayer,
    FigureLayer,
    Scene,
    TableLayer,
    TextLayer,
    TimelineLayer,
)
from flux2flow.reporting.manifest import counts
from flux2flow.reporting.terminal import waiver_words
from flux2flow.reporting.thumbnails import rejected_thumbnail

THUMBNAIL_AREA, THUMBNAIL_WIDTH, THUMBNAIL_HEIGHT = 38_000, 390, 300
"""CSS pixels: formats get equal areas on the sheet, so that a leaderboard looks wide and a story tall."""

SHEET_WIDTH, GAP, GROWTH = 1300, 28, 1.5

LANGUAGES = {
    "ar": "العربية", "cs": "Čeština", "da": "Dansk", "de": "Deutsch", "el": "Ελληνικά", "en": "English",
    "es": "Español", "fa": "فارسی", "fi": "Suomi", "fr": "Français", "he": "עברית", "hi": "हिन्दी", "hu": "Magyar",
    "id": "Bahasa Indonesia", "it": "Italiano", "ja": "日本語", "ko": "한국어", "nb": "Norsk bokmål",
    "nl": "Nederlands", "pl": "Polski", "pt": "Português", "ro": "Română", "sv": "Svenska", "th": "ไทย", "tr": "Türkçe",
    "uk": "Українська", "ur": "اردو", "vi": "Tiếng Việt", "zh": "中文",
}  # fmt: skip
"""Languages by their own names, as the people who check the pictures know them."""

STATUS_WORDS = {
    "ok": "Released",
    "warned": "Released, with warnings",
    "rejected": "Kept back",
    "missing": "Not made",
    "pending": "Not made yet",
}


@dataclass(frozen=True, slots=True)
class Mark:
    """A finding with its number, and its box in per cent of the picture."""

    number: int
    finding: Finding
    left: float
    top: float
    width: float
    height: float
    drawn: bool


@dataclass(frozen=True, slots=True)
class Cell:
    """One place on the sheet: an asset, or the gap where a scene has none."""

    id: str
    scene: Scene
    format: Format
    status: str
    asset: Asset | None
    source: str
    alt: str
    marks: tuple[Mark, ...]
    planned: PlannedPlate | None
    plate: Plate | None
    reason: str = ""

    @property
    def warnings(self) -> int:
        """How many findings somebody should look at."""
        return sum(mark.finding.level != "info" and mark.finding.waiver is None for mark in self.marks)


@dataclass(frozen=True, slots=True)
class Column:
    """A format's column and its width on the sheet in CSS pixels."""

    format: Format
    width: int


@dataclass(frozen=True, slots=True)
class Sheet:
    """One asset entry, row and variant: formats across, languages down."""

    title: str
    row: str
    variant: str
    columns: tuple[Column, ...]
    lines: tuple[tuple[str, tuple[Cell | None, ...]], ...]


def page_text(report: Report, kept_back: Mapping[str, bytes]) -> str:
    """Return the page as one HTML document."""
    script, style = _part("page.js"), _part("page.css")
    template = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    ).from_string(_part("page.html.j2"))
    sheets = _sheets(report, kept_back)
    cells = [cell for sheet in sheets for _, line in sheet.lines for cell in line if cell is not None]
    level, verdict = _verdict(report)
    return template.render(
        report=report,
        plan=report.plan,
        counts=counts(report),
        level=level,
        verdict=verdict,
        sheets=sheets,
        cells=cells,
        choices={
            "format": list(dict.fromkeys(cell.scene.format for cell in cells)),
            "locale": list(dict.fromkeys(cell.scene.locale for cell in cells)),
            "row": [row for row in dict.fromkeys(cell.scene.row for cell in cells) if row],
            "status": [status for status in STATUS_WORDS if any(cell.status == status for cell in cells)],
        },
        language=lambda locale: LANGUAGES.get(locale.split("-")[0], ""),
        status_words=STATUS_WORDS,
        waiver_words=waiver_words,
        weight=lambda number: f"{number / 1000:.1f} kB" if number < 1_000_000 else f"{number / 1_000_000:.2f} MB",
        script=Markup(script),  # noqa: S704 - our own file, and its digest is in the policy
        style=Markup(style),  # noqa: S704 - our own file
        script_digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def _part(name: str) -> str:
    return (resources.files("flux2flow.reporting") / "page_parts" / name).read_text(encoding="utf-8").strip()


def _verdict(report: Report) -> tuple[str, str]:
    tally = counts(report)
    if tally["not_made"]:
        return "bad", f"{tally['not_made']} could not be made"
    if tally["kept_back"]:
        return "bad", f"{tally['kept_back']} of {tally['assets']} kept back"
    if tally["warnings"]:
        return "warned", "Ready, with warnings"
    return "ok", "Ready to publish"


def _sheets(report: Report, kept_back: Mapping[str, bytes]) -> list[Sheet]:
    plan = report.plan
    cells = {scene.id: cell for scene, cell in zip(plan.scenes, _cells(report, kept_back), strict=True)}
    groups: dict[tuple[str, str, tuple[tuple[str, str], ...]], list[Scene]] = {}
    for scene in plan.scenes:
        groups.setdefault((scene.entry, scene.row, scene.variant), []).append(scene)
    sheets = []
    for (entry, row, variant), scenes in groups.items():
        formats = [plan.format(id) for id in dict.fromkeys(scene.format for scene in scenes)]
        placed = {(scene.locale, scene.format): cells[scene.id] for scene in scenes}
        lines = tuple(
            (locale, tuple(placed.get((locale, format.id)) for format in formats))
            for locale in dict.fromkeys(scene.locale for scene in scenes)
        )
        words = " · ".join(f"{axis} {value}" for axis, value in variant)
        sheets.append(Sheet(entry, row, words, _columns(formats), lines))
    return sheets


def _columns(formats: Sequence[Format]) -> tuple[Column, ...]:
    """Size the columns; where few formats leave room, their pictures grow."""
    widths = [_thumbnail_width(format) for format in formats]
    growth = min(max((SHEET_WIDTH - GAP * len(widths)) / sum(widths), 1.0), GROWTH)
    return tuple(
        Column(format, round(min(width * growth, format.width))) for format, width in zip(formats, widths, strict=True)
    )


def _thumbnail_width(format: Format) -> float:
    ratio = format.width / format.height
    return min(math.sqrt(THUMBNAIL_AREA * ratio), THUMBNAIL_WIDTH, THUMBNAIL_HEIGHT * ratio)


def _cells(report: Report, kept_back: Mapping[str, bytes]) -> Iterator[Cell]:
    assets = {asset.scene: asset for asset in report.assets}
    planned = {plate.id: plate for plate in report.plan.plates}
    painted = {plate.id: plate for plate in report.plates}
    reasons = {failure.subject: failure.reason for failure in report.failures}
    for number, scene in enumerate(report.plan.scenes, 1):
        asset, plate = assets.get(scene.id), scene.plate.plate
        reason = reasons.get(scene.id) or reasons.get(plate, "")
        yield Cell(
            id=f"picture-{number}",
            scene=scene,
            format=report.plan.format(scene.format),
            status=_status(asset, reason),
            asset=asset,
            source=_source(asset, kept_back),
            alt=_alternative(scene),
            marks=_marks(asset),
            planned=planned.get(plate),
            plate=painted.get(plate),
            reason=reason,
        )


def _status(asset: Asset | None, reason: str) -> str:
    if asset is None:
        return "missing" if reason else "pending"
    if not asset.released:
        return "rejected"
    return "warned" if any(f.level == "warn" and f.waiver is None for f in asset.findings) else "ok"


def _source(asset: Asset | None, kept_back: Mapping[str, bytes]) -> str:
    if asset is None:
        return ""
    if asset.path is not None:
        return quote(asset.path)
    return rejected_thumbnail(kept_back[asset.id]) if asset.id in kept_back else ""


def _marks(asset: Asset | None) -> tuple[Mark, ...]:
    if asset is None:
        return ()
    across, down = 100 / asset.size.width, 100 / asset.size.height
    marks = []
    for number, finding in enumerate(asset.findings, 1):
        box = finding.box
        sides = (box.x * across, box.y * down, box.width * across, box.height * down) if box else (0.0,) * 4
        left, top = max(sides[0], 0.0), max(sides[1], 0.0)
        width, height = min(sides[0] + sides[2], 100.0) - left, min(sides[1] + sides[3], 100.0) - top
        drawn = box is not None and finding.level != "info" and width > 0 and height > 0
        marks.append(Mark(number, finding, round(left, 2), round(top, 2), round(width, 2), round(height, 2), drawn))
    return tuple(marks)


def _alternative(scene: Scene) -> str:
    """Say what a picture says: its first text, and the data of its charts, figures, timelines and tables."""
    texts = (_spoken(layer.text) for layer in scene.layers if isinstance(layer, (TextLayer, ButtonLayer)))
    first = next((text for text in texts if text), scene.id)
    drawn = (ChartLayer, FigureLayer, TimelineLayer, TableLayer)
    data = [_spoken(layer.words) for layer in scene.layers if isinstance(layer, drawn)]
    return ". ".join([first.rstrip("."), *data]) if data else first


def _spoken(text: str) -> str:
    """Leave out what a screen reader would stumble over: an icon's place in the text and soft hyphens."""
    return re.sub(" *\ufffc *", " ", text).replace("\u00ad", "").strip(" ")
