"""A campaign → one target per asset: entry × variant × row × format × locale, with ids that people can read.

Decides which assets exist and what they are called; knows nothing of boxes, prompts or plates.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from flux2flow.domain.campaign import AssetEntry, CampaignBundle, Row
from flux2flow.domain.fingerprint import digest
from flux2flow.domain.format import AspectClass, Format
from flux2flow.domain.layout import aspect_class
from flux2flow.domain.scene import TextDirection
from flux2flow.domain.template import Template
from flux2flow.planning.locales import direction
from flux2flow.planning.problems import KeyPath, Place, Problems, near

Variant = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Target:
    """One asset to be planned. `row` is None where one asset is made from all rows, or there are none."""

    id: str
    index: int
    entry: AssetEntry
    template: Template
    row: Row | None
    rows: tuple[Row, ...]
    """Every row of the entry: what a chart is drawn from."""
    variant: Variant
    format: Format
    aspect_class: AspectClass
    locale: str
    stem: str
    """The part of the id that its plates share: entry, row, variant."""

    @property
    def direction(self) -> TextDirection:
        """The reading direction of the locale."""
        return direction(self.locale)

    @property
    def row_key(self) -> str:
        """The row's key, empty without one."""
        return self.row.key if self.row else ""

    @property
    def variant_text(self) -> str:
        """The variant in one string, for seeds."""
        return ",".join(f"{axis}={value}" for axis, value in self.variant)

    def place(self, *path: str | int) -> Place:
        """Give a place in this target's campaign entry."""
        return "campaign", ("assets", self.index, *path)

    def template_place(self, *path: str | int) -> Place:
        """Give a place in this target's template."""
        return f"template:{self.template.template}", path


def slug(text: str) -> str:
    """Letters and digits of any script, in lower case, joined by hyphens; a digest where nothing is left."""
    folded = unicodedata.normalize("NFC", text).casefold()
    return re.sub(r"[\W_]+", "-", folded).strip("-") or digest(text.encode())[:8]


def slugs(texts: Iterable[str]) -> dict[str, str]:
    """Give a different slug for each text: those that would share one carry a digest of what they stand for."""
    plain = {text: slug(text) for text in texts}
    shared = Counter(plain.values())
    return {text: f"{name}-{digest(text.encode())[:6]}" if shared[name] > 1 else name for text, name in plain.items()}


def expand(bundle: CampaignBundle, problems: Problems) -> list[Target]:
    """Every target, in the campaign's own order: entry, variant, row, format, locale."""
    targets: list[Target] = []
    row_names = slugs(row.key for row in bundle.rows)
    format_names = slugs(bundle.formats)
    first_use: dict[str, int] = {}
    for index, entry in enumerate(bundle.campaign.assets):
        place: KeyPath = ("assets", index)
        if first_use.setdefault(entry.key, index) != index:
            message = f"two entries are called {entry.key!r}: they would make files and seeds of the same name"
            problems.add(
                ("campaign", (*place, "id")),
                "duplicate-entry",
                message,
                remedy=f"give this one an id of its own, such as 'id: {entry.key}-2'",
            )
            continue
        template = bundle.templates[entry.template]
        formats = _formats(bundle, entry, template, place, problems)
        locales = tuple(dict.fromkeys(entry.locales or bundle.campaign.locales))
        chosen_rows = _rows(bundle, entry, place, problems)
        rows: tuple[Row | None, ...] = chosen_rows if template.per == "row" and bundle.rows else (None,)
        for variant, row in itertools.product(_variants(entry, template, place, problems), rows):
            chosen = [f"{axis}-{slug(value)}" for axis, value in variant if axis in entry.variants]
            stem = "/".join(
                [entry.key, *([row_names[row.key]] if row else []), *(["+".join(chosen)] if chosen else [])]
            )
            for (format, kind), locale in itertools.product(formats, locales):
                id = f"{stem}/{format_names[format.id]}/{locale}"
                targets.append(
                    Target(id, index, entry, template, row, chosen_rows, variant, format, kind, locale, stem)
                )
    return targets


def _rows(bundle: CampaignBundle, entry: AssetEntry, place: KeyPath, problems: Problems) -> tuple[Row, ...]:
    """Give the rows an entry is made for, in the data's order."""
    if entry.rows is None:
        return bundle.rows
    known = {row.key for row in bundle.rows}
    for number, key in enumerate(entry.rows):
        if key not in known:
            where: Place = ("campaign", (*place, "rows", number))
            expected = f"one of: {', '.join(sorted(known)[:12]) or 'there are no rows'}"
            problems.add(
                where, "unknown-row", f"no row has the key {key!r}", expected=expected, suggestions=near(key, known)
            )
    return tuple(row for row in bundle.rows if row.key in entry.rows)


def _formats(
    bundle: CampaignBundle, entry: AssetEntry, template: Template, place: KeyPath, problems: Problems
) -> list[tuple[Format, AspectClass]]:
    found: list[tuple[Format, AspectClass]] = []
    for number, name in enumerate(entry.formats):
        where: Place = ("campaign", (*place, "formats", number))
        format = bundle.formats[name]
        kind = aspect_class(format)
        if name in entry.formats[:number]:
            problems.add(where, "duplicate-format", f"format {name} is listed twice")
        elif kind not in template.layout:
            message = f"template {template.template} has no layout for {name}: {format.size} is of class '{kind}'"
            remedy = f"add 'layout: {kind}:' to the template, or leave the format out"
            problems.add(
                where,
                "no-layout",
                message,
                expected=f"a format of class {', '.join(template.layout)}",
                remedy=remedy,
                length=len(name),
            )
        else:
            found.append((format, kind))
    return found


def _variants(entry: AssetEntry, template: Template, place: KeyPath, problems: Problems) -> list[Variant]:
    """Every combination of the entry's axes; an axis it leaves alone takes the template's first value."""
    axes: dict[str, tuple[str, ...]] = {axis: values[:1] for axis, values in template.variants.items()}
    for axis, values in entry.variants.items():
        allowed = template.variants.get(axis)
        if allowed is None:
            known = ", ".join(template.variants) or "none"
            message = f"template {template.template} has no variant axis {axis!r}"
            where: Place = ("campaign", (*place, "variants", axis))
            problems.add(
                where,
                "unknown-variant",
                message,
                expected=f"one of: {known}",
                suggestions=near(axis, template.variants),
            )
            continue
        for number, value in enumerate(values):
            if value not in allowed:
                message = f"{value!r} is no value of the variant axis {axis!r}"
                where = ("campaign", (*place, "variants", axis, number))
                problems.add(
                    where,
                    "unknown-variant",
                    message,
                    expected=f"one of: {', '.join(allowed)}",
                    suggestions=near(value, allowed),
                )
        axes[axis] = tuple(dict.fromkeys(value for value in values if value in allowed))
    return [tuple(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]
