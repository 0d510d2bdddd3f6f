"""Words, colours and pictures on a grid → the layers of one page, in the kit's own type.

Places by baselines and letter heights, as a foundry does; sets with the product's typesetter. Knows no sections.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from flux2flow.domain.brand_kit import BrandKit
from flux2flow.domain.campaign import FontFile
from flux2flow.domain.files import PictureFile
from flux2flow.domain.layout import Layout, Placed, PlacedLogo, PlacedPicture, PlacedShape, PlacedText
from flux2flow.domain.measures import Box, Color, PixelSize
from flux2flow.domain.scene import Align, FitRule, Gradient, TextSpan, Type, Writing
from flux2flow.execution.specimen.samples import Sample
from flux2flow.interfaces import FileSource
from flux2flow.planning.problems import Place
from flux2flow.planning.types import Types
from flux2flow.typography.casing import upper
from flux2flow.typography.fitting import Fitted, Frame
from flux2flow.typography.fonts import stack
from flux2flow.typography.set_text import Typesetter

WIDTH = 1600
MARGIN = 96.0
GUTTER = 32.0
RAIL = 248.0
"""The width of the column at the left that captions stand in."""
CONTENT = MARGIN + RAIL + GUTTER
RIGHT = WIDTH - MARGIN
COLUMNS = 4
CELL = (RIGHT - MARGIN - (COLUMNS - 1) * GUTTER) / COLUMNS
"""The width of one of four columns."""
SECTION_GAP = 88.0
CAPTION = 15.0
CAPTION_STEP = 22.0
_ENDLESS = 10_000.0
_READABLE = 4.5
_PAPER = 12.0
"""Contrast of the palest colour to black from which it passes for paper."""
_BLACK, _WHITE = Color(0, 0, 0), Color(255, 255, 255)
_CAPTION = "aegnpxAGMPX0123456789"
"""Letters that tell a face with Latin text from one with a Latin letter or two."""
_PLAIN = {"−": "-", "–": "-", "·": "/"}
"""What stands for a sign that a face lacks."""
_GRADE = 80
"""Weight that light captions on a dark ground give up: light letters spread."""


@dataclass(frozen=True)
class Book:
    """What all pages of one specimen share: the kit with its files, its colours, and the face of the captions."""

    kit: BrandKit
    fonts: Sequence[FontFile]
    pictures: Mapping[str, PictureFile]
    files: FileSource

    def color(self, token: str, _place: Place | None = None) -> Color:
        """Give a token's colour."""
        return Color.from_hex(self.kit.color(token).value)

    @property
    def colors(self) -> dict[str, Color]:
        """Every colour by its token, in the kit's order."""
        return {token: self.color(token) for token in self.kit.colors}

    @property
    def paper(self) -> Color:
        """The colour called paper, else the lightest where it is light, else white."""
        lightest = max(self._opaque(), key=lambda color: color.luminance)
        return self._named("paper") or (lightest if lightest.contrast(_BLACK) >= _PAPER else _WHITE)

    @property
    def ink(self) -> Color:
        """The colour called ink, else the darkest; black or white where that cannot be read on the paper."""
        wanted = self._named("ink") or min(self._opaque(), key=lambda color: color.luminance)
        return wanted if wanted.contrast(self.paper) >= _READABLE else max(_BLACK, _WHITE, key=self.paper.contrast)

    @property
    def dark(self) -> Color:
        """The ground for what is made for dark grounds: the brand's own background where it is dark, else ink."""
        background = self._named("background")
        return background if background and background.contrast(self.paper) >= 2 * _READABLE else self.ink

    def ground(self, *letters: Color) -> Color:
        """Choose what letters stand on: paper where they can all be read on it, else the ground that is best."""
        grounds = (self.paper, self.dark, self.ink)

        def least(ground: Color) -> float:
            return min(color.contrast(ground) for color in letters)

        return next((ground for ground in grounds if least(ground) >= _READABLE), max(grounds, key=least))

    def on(self, ground: Color) -> Color:
        """Choose ink or paper for captions on a ground."""
        return max((self.ink, self.paper), key=ground.contrast)

    def types(self, locale: str) -> Types:
        """Resolve the kit's styles for a language."""
        return Types(self.kit, locale, self.color)

    def caption(self, color: Color, *, strong: bool = False) -> Type:
        """Give the type of captions: the style called body, else the plainest, without its effects."""
        styles = self.kit.styles
        plain = min(styles, key=lambda name: (styles[name].case == "upper", abs(styles[name].weight - 400), name))
        found = self.types("en").of("body" if "body" in styles else plain, color)
        every = dict.fromkeys((*found.families, *(font.family for font in self.fonts)))
        families = tuple(sorted(every, key=lambda family: not self.says(family)))
        weight = max((640 if strong else found.weight) - (_GRADE if color == self.paper else 0), 1)
        return replace(
            found, families=families, weight=weight, tracking=0.0, upper=False, small_caps="none", decoration=None,
            features=(("lnum", 1),),
        )  # fmt: skip

    def shows(self, sample: Sample, type: Type) -> bool:
        """Say whether a style's families hold every character of a sample."""
        faces = stack(type.families, type.weight, 16, self.fonts, self.files, type.axes).cuts
        probe = set(upper(sample.probe, sample.locale) if type.upper else sample.probe)
        if sample.with_latin:  # a Japanese font's Greek is no Greek of the brand, nor are letters put together of parts
            faces = tuple(face for face in faces if face.draws("a"))[:1]
            return all(ord(character) in face.coverage for face in faces for character in probe) and bool(faces)
        if sample.one_face:  # as the typesetter chooses: each letter from the first face that has it
            letters = [letter for letter in probe if letter.isalpha()]
            if len({next((face for face in faces if face.draws(letter)), None) for letter in letters}) > 1:
                return False
        return all(any(face.draws(character) for face in faces) for character in probe)

    def drawn(self, text: str, type: Type) -> str:
        """Leave out the words of a text that the style's families cannot draw."""
        faces = stack(type.families, type.weight, 16, self.fonts, self.files, type.axes).cuts
        words = [word for word in text.split("  ") if all(any(f.draws(c) for f in faces) for c in word)]
        return "  ".join(words)

    def locale(self, sample: Sample) -> str:
        """Give the name that the kit's styles know a sample's language by, else its own."""
        known = {name for style in self.kit.styles.values() for name in style.locales}
        return next((name for name in (sample.locale, *sample.locales) if name in known), sample.locale)

    def has(self, feature: str, type: Type) -> bool:
        """Say whether the face that sets a style's letters has an OpenType feature."""
        return stack(type.families, type.weight, 16, self.fonts, self.files, type.axes).primary.has(feature)

    def said(self, text: str, type: Type) -> str:
        """Give a caption in signs that its faces have, such as a hyphen for a minus; empty where they lack a letter."""
        faces = stack(type.families, type.weight, 16, self.fonts, self.files, type.axes).cuts
        if not all(any(face.draws(letter) for face in faces) for letter in text if letter.isalnum()):
            return ""
        every = ((character, _PLAIN.get(character, "")) for character in text)
        kept = (next((form for form in forms if any(face.draws(form) for face in faces)), "") for forms in every)
        return "".join(kept).strip()

    def family(self, sample: Sample, type: Type) -> str:
        """Name the family that sets a script's letters in a style."""
        cuts = stack(type.families, type.weight, 16, self.fonts, self.files, type.axes).cuts
        drawing = (name for name, cut in zip(type.families, cuts, strict=True) if cut.draws(sample.letters[0]))
        return next(drawing, type.families[0])

    def says(self, family: str) -> bool:
        """Say whether a family can set captions, which are English."""
        face = stack((family,), 400, 16, self.fonts, self.files).primary
        return all(face.draws(letter) for letter in _CAPTION)

    def holds(self, family: str, sample: Sample) -> bool:
        """Say whether a family has all letters of a sample; its full stop may come from another one."""
        face = stack((family,), 400, 16, self.fonts, self.files).primary
        letters = (letter for letter in set(sample.probe) if letter.isalpha() or sample.once)
        return all(face.draws(letter) for letter in letters if not (sample.once and letter.isascii()))

    def _named(self, token: str) -> Color | None:
        return self.color(token) if token in self.kit.colors and self.color(token).alpha == 255 else None

    def _opaque(self) -> list[Color]:
        return [color for color in self.colors.values() if color.alpha == 255] or [_BLACK, _WHITE]


@dataclass
class Sheet:
    """One page being laid out from the top down; `y` is where the next thing begins."""

    book: Book
    sample: Sample
    name: str
    y: float = MARGIN
    facts_end: float = 0.0
    """Where the captions beside the current style end."""
    placed: list[Placed] = field(default_factory=list)
    _setters: dict[bool, Typesetter] = field(default_factory=dict)

    def typesetter(self, foreign: bool) -> Typesetter:
        """Give the typesetter of captions, or (`foreign`) of the page's own script."""
        if foreign not in self._setters:
            own = (self.book.locale(self.sample), self.sample.direction)
            language, direction = own if foreign else ("en", "ltr")
            names = self.book.kit.words.names
            self._setters[foreign] = Typesetter(self.book.fonts, self.book.files, language, direction, names)
        return self._setters[foreign]

    def fitted(
        self, text: str, type: Type, width: float, size: float, *, lines: int = 1, least: float = 0.0,
        spans: Sequence[TextSpan] = (), foreign: bool = True, writing: Writing = "horizontal",
    ) -> Fitted:  # fmt: skip
        """Set words without placing them, at one size, or down to `least`; a column's `width` is its height."""
        setter = self.typesetter(foreign)
        rule = FitRule(lines, least or size, size)
        return setter.fit(setter.worded(text, type, spans, writing), type, Frame(width, _ENDLESS, "top"), rule)

    def place(
        self, id: str, fitted: Fitted, type: Type, x: float, width: float, *, top: float | None = None,
        baseline: float | None = None, align: Align = "start", foreign: bool = True,
    ) -> PlacedText:  # fmt: skip
        """Place set words on a baseline, or with the tops of their capitals at `top`."""
        if baseline is None:
            baseline = (self.y if top is None else top) + rise(fitted)
        box = Box(x, baseline - fitted.size, width, (len(fitted.lines) * fitted.leading + 1) * fitted.size)
        setter = self.typesetter(foreign)
        text = setter.place(id, fitted, type, box, align, "top", baseline=baseline)
        self.placed.append(text)
        return text

    def column(self, id: str, fitted: Fitted, type: Type, right: float, height: float) -> PlacedText:
        """Place set columns, the first one at the right of `right`, with their heads at `y`."""
        width = ((len(fitted.lines) - 1) * fitted.leading + 1) * fitted.size
        box = Box(right - width, self.y, width, height)
        text = self.typesetter(True).place(id, fitted, type, box, "start", "top")
        self.placed.append(text)
        return text

    def caption(
        self, id: str, text: str, x: float, width: float, color: Color, *, top: float | None = None,
        baseline: float | None = None, size: float = CAPTION, strong: bool = False, align: Align = "start",
        lines: int = 1,
    ) -> PlacedText:  # fmt: skip
        """Set a caption; it grows smaller before it breaks."""
        type = self.book.caption(color, strong=strong)
        fitted = self.fitted(
            self.book.said(text, type), type, width, size, least=min(size, 9.0), lines=lines, foreign=False
        )
        return self.place(id, fitted, type, x, width, top=top, baseline=baseline, align=align, foreign=False)

    def fill(self, id: str, box: Box, color: Color, *, at: int | None = None) -> None:
        """Lay a rectangle of a colour; `at` puts it under what was placed since then."""
        shape = PlacedShape(id, "rectangle", box, Gradient(color, color))
        self.placed.insert(len(self.placed) if at is None else at, shape)

    def rule(self, id: str, y: float, color: Color, *, x: float = MARGIN, right: float = RIGHT) -> None:
        """Draw a hairline."""
        self.fill(id, Box(x, round(y), right - x, 1), color.with_alpha(0.28))

    def frame(self, id: str, box: Box, color: Color) -> None:
        """Draw a hairline around a box."""
        edges = (
            Box(box.x, box.y, box.width, 1), Box(box.x, box.bottom - 1, box.width, 1),
            Box(box.x, box.y + 1, 1, box.height - 2), Box(box.right - 1, box.y + 1, 1, box.height - 2),
        )  # fmt: skip
        for number, edge in enumerate(edges):
            self.fill(f"{id}/{number}", edge, color.with_alpha(0.28))

    def heading(self, title: str) -> None:
        """Begin a section: a hairline over its name."""
        ink = self.book.ink
        self.rule(f"section/{title}/rule", self.y, ink)
        self.caption(f"section/{title}", title, MARGIN, WIDTH / 2, ink, top=self.y + 20, size=20.0, strong=True)
        self.y += 72

    def picture(self, id: str, picture: PictureFile, room: Box, color: Color | None = None) -> None:
        """Fit a picture into the middle of a box."""
        box = _fitted(picture, room)
        self.placed.append(PlacedPicture(id, picture, box, box, color=color))

    def logo(self, id: str, name: str, picture: PictureFile, room: Box) -> None:
        """Fit a logo into the middle of a box."""
        box, rules = _fitted(picture, room), self.book.kit.logos[name]
        clear = box.grown(rules.clear_space * box.height)
        self.placed.append(PlacedLogo(id, name, picture, box, clear, rules.min_width))

    def finished(self) -> Layout:
        """Close the page: its height is what was used, on paper."""
        size = PixelSize(WIDTH, round(self.y))
        self.fill("paper", Box(0, 0, WIDTH, size.height), self.book.paper, at=0)
        return Layout(f"{self.book.kit.brand_kit}/{self.name}", size, "ltr", tuple(self.placed))


def rise(fitted: Fitted) -> float:
    """Measure how far set words stand above their first baseline: capitals, or what other scripts need, in pixels."""
    paragraph, first = fitted.paragraph, fitted.lines[0] if fitted.lines else None
    if first is None or paragraph.latin_like(0, len(paragraph.text)):
        return paragraph.zone[0] * fitted.size
    return paragraph.rise(first.start, first.stop) * fitted.size


def fall(fitted: Fitted) -> float:
    """Measure how far set words hang below their last baseline, in pixels."""
    if not fitted.lines:
        return 0.0
    last = fitted.lines[-1]
    return fitted.paragraph.fall(last.start, last.stop) * fitted.size


def _fitted(picture: PictureFile, room: Box) -> Box:
    scale = min(room.width / picture.width, room.height / picture.height)
    width, height = picture.width * scale, picture.height * scale
    return Box(room.x + (room.width - width) / 2, room.y + (room.height - height) / 2, width, height)
