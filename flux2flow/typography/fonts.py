"""Font files → cuts: a face at a point of its design space, with its metrics, coverage and glyph ink in em.

Chooses the file and the axes for a family and a weight, and which family sets which character. Fonts come from the
kit alone: nothing here knows the system's fonts, and nothing here draws.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import uharfbuzz as hb
from uniseg.graphemecluster import grapheme_cluster_boundaries

from flux2flow.domain.campaign import FontFile
from flux2flow.domain.layout import FontInstance
from flux2flow.errors import GateError, TypographyError
from flux2flow.gates.fonts import as_sfnt
from flux2flow.interfaces import FileSource

MAX_FACES = 32

# Characters that a font need not hold: HarfBuzz composes with them or hides them.
_INVISIBLE = frozenset("\u00ad\u034f\u061c\u180e\ufeff\n")
_INVISIBLE_RANGES = ((0x200B, 0x200F), (0x2028, 0x202E), (0x2060, 0x206F), (0xFE00, 0xFE0F), (0xE0000, 0xE0FFF))

# Dashes and dots that UAX #11 calls ambiguous: low and short in Latin type, in the middle of the square beside kanji.
_EAST_ASIAN_FORMS = frozenset("…‥—―·")


@dataclass(frozen=True, slots=True)
class Metrics:
    """A cut's measures in em, upwards from the baseline; `descender` is negative."""

    ascender: float
    descender: float
    cap_height: float
    x_height: float


Segment = tuple[float, float, float, float]
"""A straight piece of an outline in em: x and y of its start, x and y of its end."""
_CURVE_PIECES = 8


@dataclass(frozen=True, slots=True)
class InkBox:
    """A glyph's ink in em: left and right of its origin, bottom and top of the baseline."""

    left: float
    bottom: float
    right: float
    top: float


# Letters that show where a script's lines of type begin and end: what a reader takes for the height of the text.
_ZONE_LETTERS = {"Arab": "ار", "Hebr": "הה", "Hani": "国国", "Hang": "한한", "Deva": "कक", "Thai": "กก"}


@dataclass(eq=False, slots=True)
class Cut:
    """A face at one point of its design space; compared by identity, made once per point by `cut`."""

    reference: FontInstance
    font: hb.Font
    upem: int
    coverage: frozenset[int]
    metrics: Metrics
    color: bool = False
    """Whether its letters bring colours of their own (COLR, CBDT, sbix, SVG)."""
    _ink: dict[int, InkBox | None] = field(default_factory=dict)
    _features: frozenset[str] | None = None
    _joined: dict[str, bool] = field(default_factory=dict)
    _outlines: dict[int, tuple[Segment, ...]] = field(default_factory=dict)

    def outline(self, glyph: int) -> tuple[Segment, ...]:
        """Give a glyph's outline in em as short straight lines, curves cut into eight."""
        if glyph not in self._outlines:
            pen = _Flattening(1 / self.upem)
            self.font.draw_glyph_with_pen(glyph, pen)
            self._outlines[glyph] = tuple(pen.segments)
        return self._outlines[glyph]

    def underline(self) -> tuple[float, float]:
        """Give where the font wants an underline's top below the baseline, and its thickness, both in em."""
        offset = self.font.get_metric_position(hb.OTMetricsTag.UNDERLINE_OFFSET)
        thickness = self.font.get_metric_position(hb.OTMetricsTag.UNDERLINE_SIZE)
        if offset is None or not thickness:
            return 0.12, 0.06  # what most text faces have
        return -offset / self.upem, thickness / self.upem

    def ink(self, glyph: int) -> InkBox | None:
        """Give a glyph's ink box in em; None for a glyph without ink."""
        if glyph not in self._ink:
            extents = self.font.get_glyph_extents(glyph)
            if extents is None or not extents.width or not extents.height:
                self._ink[glyph] = None
            else:
                left, top = extents.x_bearing / self.upem, extents.y_bearing / self.upem
                self._ink[glyph] = InkBox(left, top + extents.height / self.upem, left + extents.width / self.upem, top)
        return self._ink[glyph]

    def has(self, feature: str) -> bool:
        """Say whether the face positions or substitutes by an OpenType feature."""
        if self._features is None:
            self._features = _features(self.font.face)
        return feature in self._features

    def zone(self, script: str) -> tuple[float, float]:
        """Give the top and bottom of a script's letters in em: capitals and baseline, or a typical letter's ink.

        Unlike the ink of a copy text this stays the same from text to text, so that lines in a row share a baseline.
        """
        glyphs = [self.font.get_nominal_glyph(ord(letter)) for letter in _ZONE_LETTERS.get(script, "")]
        inks = [ink for glyph in glyphs if glyph and (ink := self.ink(glyph))]
        if len(inks) == 2:
            return inks[0].top, min(inks[1].bottom, 0.0)
        return self.metrics.cap_height, 0.0

    def draws(self, cluster: str) -> bool:
        """Say whether the face has every character of a grapheme cluster, precomposed or in parts that it can join.

        A face that holds an accent need not know where it goes: ή in parts can be η and an acute over the next letter.
        """
        needed = [character for character in cluster if not _is_invisible(character)]
        if all(ord(character) in self.coverage for character in needed):
            return True
        composed = unicodedata.normalize("NFC", "".join(needed))
        decomposed = unicodedata.normalize("NFD", "".join(needed))
        whole = [form for form in (composed, decomposed) if all(ord(character) in self.coverage for character in form)]
        return bool(whole) and (whole[0] == composed or not _has_accents(decomposed) or self._joins(decomposed))

    def _joins(self, parts: str) -> bool:
        """Say whether every accent of a letter in parts comes to stand over, under or beside the letter itself."""
        if parts not in self._joined:
            buffer = hb.Buffer()
            buffer.add_str(parts)
            buffer.language = "und"  # else HarfBuzz asks the process's locale
            buffer.guess_segment_properties()
            hb.shape(self.font, buffer, {})
            pen, spans = 0.0, list[tuple[float, float]]()
            for glyph, place in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
                if ink := self.ink(glyph.codepoint):
                    start = (pen + place.x_offset) / self.upem
                    spans.append((start + ink.left, start + ink.right))
                pen += place.x_advance
            self._joined[parts] = all(left < spans[0][1] and right > spans[0][0] for left, right in spans[1:])
        return self._joined[parts]


class _Flattening:
    """Takes a glyph's outline as fontTools' pens do, and keeps its straight pieces."""

    def __init__(self, em: float) -> None:
        self.em, self.segments = em, list[Segment]()
        self._first = self._last = (0.0, 0.0)

    def moveTo(self, point: tuple[float, float]) -> None:  # noqa: N802  # the pen protocol's names
        """Begin a contour."""
        self._first = self._last = point

    def lineTo(self, point: tuple[float, float]) -> None:  # noqa: N802
        """Keep a straight piece."""
        (x, y), em = self._last, self.em
        self.segments.append((x * em, y * em, point[0] * em, point[1] * em))
        self._last = point

    def qCurveTo(self, control: tuple[float, float], end: tuple[float, float]) -> None:  # noqa: N802
        """Cut a quadratic curve into straight pieces."""
        (x, y), (cx, cy), (ex, ey) = self._last, control, end
        for step in range(1, _CURVE_PIECES + 1):
            t = step / _CURVE_PIECES
            a, b, c = (1 - t) ** 2, 2 * t * (1 - t), t**2
            self.lineTo((a * x + b * cx + c * ex, a * y + b * cy + c * ey))

    def curveTo(  # noqa: N802
        self, first: tuple[float, float], second: tuple[float, float], end: tuple[float, float]
    ) -> None:
        """Cut a cubic curve into straight pieces."""
        points = (self._last, first, second, end)
        for step in range(1, _CURVE_PIECES + 1):
            t = step / _CURVE_PIECES
            weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3)
            x = sum(weight * point[0] for weight, point in zip(weights, points, strict=True))
            self.lineTo((x, sum(weight * point[1] for weight, point in zip(weights, points, strict=True))))

    def closePath(self) -> None:  # noqa: N802
        """Close a contour."""
        if self._last != self._first:
            self.lineTo(self._first)


def _has_accents(text: str) -> bool:
    """Say whether a text has combining marks of Latin, Greek and Cyrillic; other scripts have rules of their own."""
    return any("\u0300" <= character <= "\u036f" for character in text)


def _is_invisible(character: str) -> bool:
    code = ord(character)
    return character in _INVISIBLE or any(first <= code <= last for first, last in _INVISIBLE_RANGES)


def _features(face: hb.Face) -> frozenset[str]:
    found: set[str] = set()
    for table in ("GSUB", "GPOS"):
        for script in range(len(face.get_table_script_tags(table))):
            for language in (*range(len(face.get_script_language_tags(table, script))), 0xFFFF):  # 0xFFFF: the default
                found.update(face.get_language_feature_tags(table, script, language))
    return frozenset(found)


class FaceCache:
    """Faces and cuts by digest, kept between scenes; the oldest face goes when there are too many."""

    def __init__(self) -> None:
        self._faces: dict[str, tuple[hb.Face, frozenset[int]]] = {}
        self._cuts: dict[FontInstance, Cut] = {}

    def cut(self, reference: FontInstance, files: FileSource) -> Cut:
        """Give the cut of a font instance; raises TypographyError for bytes that hold no usable font."""
        if reference not in self._cuts:
            face, coverage = self._face(reference.font, files)
            font = hb.Font(face)
            if reference.location:
                font.set_variations(dict(reference.location))
            upem = face.upem
            self._cuts[reference] = Cut(reference, font, upem, coverage, _metrics(font, upem), _has_colors(face))
        return self._cuts[reference]

    def _face(self, file: FontFile, files: FileSource) -> tuple[hb.Face, frozenset[int]]:
        digest = file.file.digest
        if digest not in self._faces:
            try:
                face = hb.Face(hb.Blob(as_sfnt(files.read(file.file))))
            except GateError as error:
                raise TypographyError(f"{file.file.path} ({file.family}) is no usable font: {error}") from error
            coverage = frozenset(face.unicodes)
            if not coverage or not face.glyph_count:
                raise TypographyError(f"{file.file.path} ({file.family}) holds no characters: it is no usable font")
            while len(self._faces) >= MAX_FACES:
                oldest = next(iter(self._faces))
                del self._faces[oldest]
                self._cuts = {key: cut for key, cut in self._cuts.items() if key.font.file.digest != oldest}
            self._faces[digest] = (face, coverage)
        return self._faces[digest]


CACHE = FaceCache()


def _metrics(font: hb.Font, upem: int) -> Metrics:
    extents = font.get_font_extents("ltr")
    tag = hb.OTMetricsTag
    cap = font.get_metric_position(tag.CAP_HEIGHT) or _letter_height(font, "H") or round(0.7 * upem)
    x_height = font.get_metric_position(tag.X_HEIGHT) or _letter_height(font, "x") or round(0.5 * upem)
    return Metrics(extents.ascender / upem, extents.descender / upem, cap / upem, x_height / upem)


def _has_colors(face: hb.Face) -> bool:
    return bool({"COLR", "CBDT", "sbix", "SVG "} & set(face.table_tags))


def _letter_height(font: hb.Font, letter: str) -> int:
    glyph = font.get_nominal_glyph(ord(letter))
    extents = font.get_glyph_extents(glyph) if glyph else None
    return int(extents.y_bearing) if extents else 0


@dataclass(frozen=True, slots=True)
class FontStack:
    """The cuts of a style's families in fallback order; the first is the brand's choice."""

    cuts: tuple[Cut, ...]

    @property
    def primary(self) -> Cut:
        """The first family's cut."""
        return self.cuts[0]

    def assign(self, text: str) -> list[int]:
        """Choose a cut for every character, as indices into `cuts`; a whole grapheme cluster takes one.

        Every cluster takes the first family that has all of it (CSS Fonts 4, cluster matching): letters, spaces and
        punctuation alike, so that the commas and the spaces of a text are of one face. What is not seen follows its
        neighbours; so do dashes and dots beside letters of East Asia. What no family has goes to the first, as glyph 0.
        """
        clusters = [text[start:stop] for start, stop in pairwise(grapheme_cluster_boundaries(text))]
        chosen = [None if all(map(_is_invisible, cluster)) else self._first(cluster) for cluster in clusters]
        result: list[int] = []
        for number, cluster in enumerate(clusters):
            own = chosen[number]
            if own is None or cluster[0] in _EAST_ASIAN_FORMS:
                own = self._lent(clusters, chosen, number)
            result += [own] * len(cluster)
        return result

    def _lent(self, clusters: Sequence[str], chosen: Sequence[int | None], number: int) -> int:
        """Give the cut of the letters before a cluster, else after it; emoji lend theirs to nothing."""
        own, cluster = chosen[number], clusters[number]
        for other in (*range(number - 1, -1, -1), *range(number + 1, len(clusters))):
            cut, letter = chosen[other], clusters[other][0]
            if cut is None or self.cuts[cut].color or letter in _EAST_ASIAN_FORMS:
                continue
            wide = unicodedata.east_asian_width(letter) in ("W", "F")
            return cut if own is None or (wide and self.cuts[cut].draws(cluster)) else own
        return own or 0

    def _first(self, cluster: str) -> int:
        """Choose the first cut that draws a cluster; where an emoji is asked for, a font of colours comes first."""
        numbers: Iterable[int] = range(len(self.cuts))
        if _is_emoji(cluster):
            numbers = sorted(numbers, key=lambda number: not self.cuts[number].color)
        return next((number for number in numbers if self.cuts[number].draws(cluster)), 0)


def _is_emoji(cluster: str) -> bool:
    """Say whether a cluster asks to be shown as an emoji: by its selector, or as pictographs do without one."""
    return "\ufe0f" in cluster or (cluster[0] >= "\U0001f000" and "\ufe0e" not in cluster)


def has_optical_size(families: Sequence[str], fonts: Sequence[FontFile]) -> bool:
    """Say whether any of the families has an optical size axis."""
    return any(font.family in families and any(axis[0] == "opsz" for axis in font.axes) for font in fonts)


def stack(
    families: Sequence[str],
    weight: int,
    optical_size: float,
    fonts: Sequence[FontFile],
    files: FileSource,
    axes: Sequence[tuple[str, float]] = (),
) -> FontStack:
    """Choose the cuts for a style; raises TypographyError where the kit has no font of a family."""
    cuts = []
    for family in families:
        members = [font for font in fonts if font.family == family]
        if not members:
            known = ", ".join(sorted({font.family for font in fonts})) or "none"
            raise TypographyError(f"the kit has no font of the family ‘{family}’ (it has: {known})")
        file = nearest_weight(members, weight)
        cuts.append(CACHE.cut(FontInstance(file, location(file, weight, optical_size, axes)), files))
    return FontStack(tuple(cuts))


def nearest_weight(members: Sequence[FontFile], weight: int) -> FontFile:
    """Choose a family's file: one whose weight axis reaches the weight, else the static one that CSS would choose."""
    variable = [font for font in members if any(axis[0] == "wght" for axis in font.axes)]
    if variable:
        return min(variable, key=lambda font: abs(dict(location(font, weight, 0))["wght"] - weight))

    def rank(font: FontFile) -> tuple[int, int]:
        own = font.weight or 400
        if 400 <= weight <= 500 and weight <= own <= 500:
            return 0, own - weight
        bolder_first = weight > 500
        if own == weight:
            return 0, 0
        return (1 if (own > weight) == bolder_first else 2), abs(own - weight)

    return min(members, key=rank)


def location(
    file: FontFile, weight: int, optical_size: float, axes: Sequence[tuple[str, float]] = ()
) -> tuple[tuple[str, float], ...]:
    """Pin every axis: weight, optical size and the style's own as near as their ranges allow, others at the default."""
    wanted = {"wght": float(weight), "opsz": optical_size, **dict(axes)}
    return tuple((tag, min(max(wanted.get(tag, default), low), high)) for tag, low, default, high in sorted(file.axes))
