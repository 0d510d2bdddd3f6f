"""Kinds of defects: each alters a good picture, with draws of its own, so that one named check has to see it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from flux2flow.domain.asset import EncodedFile
from flux2flow.domain.canvas import Canvas
from flux2flow.domain.layout import GlyphRun, Placed, PlacedLine, PlacedLogo, PlacedShape, PlacedText
from flux2flow.domain.measures import Box, Color, PixelSize
from flux2flow.domain.scene import Bar, ChartLayer, FitRule, Gradient, Scene, TextLayer, Type
from flux2flow.domain.standards import Disclaimer
from flux2flow.validation.repairs import shifted

from .good import Picture, good

Fault = Callable[[Picture, random.Random], Picture]


@dataclass(frozen=True)
class Kind:
    """A kind of defect: the check that must see it, and what it needs of the picture it is made from."""

    name: str
    check: str
    make: Fault
    locale: str | None = None
    format: str | None = None

    def picture(self, number: int) -> Picture:
        """Make the defect's picture with this number."""
        seed = f"{self.name}/{number}"
        return self.make(good(seed, locale=self.locale, format=self.format), random.Random(f"fault/{seed}"))


KINDS: list[Kind] = []


def kind(check: str, *, locale: str | None = None, format: str | None = None) -> Callable[[Fault], Fault]:
    """Register a defect under its function's name."""

    def register(make: Fault) -> Fault:
        KINDS.append(Kind(make.__name__.replace("_", "-"), check, make, locale, format))
        return make

    return register


def headline(scene: Scene) -> TextLayer:
    return next(layer for layer in scene.layers if isinstance(layer, TextLayer) and layer.id == "headline")


def with_headline(picture: Picture, **changes: Any) -> Picture:
    old = headline(picture.scene)
    layers = tuple(replace(old, **changes) if layer is old else layer for layer in picture.scene.layers)
    return picture.set_again(replace(picture.scene, layers=layers))


def with_words(picture: Picture, words: str, **changes: Any) -> Picture:
    return with_headline(picture, text=words, **changes)


def with_placed(picture: Picture, change: Callable[[Placed], Placed | None]) -> Picture:
    placed = tuple(new for old in picture.layout.placed if (new := change(old)) is not None)
    return picture.painted(replace(picture.layout, placed=placed))


def on_headline(picture: Picture, change: Callable[[PlacedText], PlacedText]) -> Picture:
    return with_placed(picture, lambda p: change(p) if isinstance(p, PlacedText) and p.id == "headline" else p)


def on_logo(picture: Picture, change: Callable[[PlacedLogo], PlacedLogo]) -> Picture:
    return with_placed(picture, lambda p: change(p) if isinstance(p, PlacedLogo) else p)


def on_runs(text: PlacedText, change: Callable[[GlyphRun], GlyphRun]) -> PlacedText:
    return replace(text, lines=tuple(replace(li, runs=tuple(change(run) for run in li.runs)) for li in text.lines))


def with_standards(picture: Picture, **changes: Any) -> Picture:
    return replace(picture, subject=replace(picture.subject, standards=replace(picture.subject.standards, **changes)))


def broken_as(picture: Picture, lines: tuple[str, ...], joiner: str, **changes: Any) -> Picture:
    """Set a headline on given lines, then let the copy say `joiner` where they end, as a bad typesetter would have."""
    count = len(lines)
    fit = FitRule(count, 8, 26 if picture.subject.format.height > 100 else 18)
    made = with_words(picture, "\n".join(lines), fit=fit, **changes)

    def joined(text: PlacedText) -> PlacedText:
        rejoined = tuple(
            replace(line, text=line.text.replace("\n", "") + (joiner if number + 1 < count else ""))
            for number, line in enumerate(text.lines)
        )
        return replace(text, text=text.text.replace("\n", joiner), lines=rejoined)

    return on_headline(made, joined)


@kind("glyph-missing")
def letter_that_no_font_has(picture: Picture, draw: random.Random) -> Picture:
    return with_words(picture, f"{headline(picture.scene).text} {draw.choice('აბგᚠᚢᎠᏣ𐌰')}")


@kind("fallback-used")
def wrong_font(picture: Picture, draw: random.Random) -> Picture:
    others = [run.font for text in good("other", locale="ja").layout.texts() for li in text.lines for run in li.runs]
    families = headline(picture.scene).type.families
    other = replace(draw.choice(others), font=replace(draw.choice(others).font, family="Comic Sans"))
    assert other.font.family not in families
    return on_headline(picture, lambda text: on_runs(text, lambda run: replace(run, font=other)))


@kind("overflow")
def text_larger_than_its_box(picture: Picture, draw: random.Random) -> Picture:
    size = draw.uniform(70, 120)
    return with_headline(picture, fit=FitRule(1, size, size))


@kind("overflow")
def ink_outside_its_box(picture: Picture, draw: random.Random) -> Picture:
    def narrowed(text: PlacedText) -> PlacedText:
        cut = draw.uniform(0.4, 0.8)
        return replace(text, box=Box(text.ink.x, text.box.y, text.ink.width * cut, text.box.height))

    return on_headline(picture, narrowed)


@kind("fit-floor")
def text_at_its_floor(picture: Picture, draw: random.Random) -> Picture:
    rule = headline(picture.scene).fit
    roomy = with_headline(picture, fit=FitRule(rule.lines, 8, rule.maximum * 3))
    size = next(text for text in roomy.layout.texts() if text.id == "headline").fit.size
    return with_headline(picture, fit=FitRule(rule.lines, size, rule.maximum * draw.uniform(3, 4)))


@kind("min-size")
def text_too_small(picture: Picture, draw: random.Random) -> Picture:
    size = draw.uniform(5, 8.5)
    return with_headline(picture, fit=FitRule(3, size, size))


def ground_under(picture: Picture) -> tuple[int, int, int]:
    text = next(text for text in picture.layout.texts() if text.id == "headline")
    decoded = picture.subject.decoded
    assert decoded is not None
    pixels = np.frombuffer(decoded.pixels, np.uint8).reshape(decoded.size.height, decoded.size.width, 3)
    x, y = max(round(text.ink.x) - 2, 0), max(round(text.ink.y) - 2, 0)
    return cast("tuple[int, int, int]", tuple(int(value) for value in pixels[y, x]))


@kind("contrast")
def ink_near_its_ground(picture: Picture, draw: random.Random) -> Picture:
    shade = draw.uniform(0.62, 0.92)
    color = Color(*(round(channel * shade) for channel in ground_under(picture)))
    return on_headline(picture, lambda text: on_runs(text, lambda run: replace(run, color=color)))


@kind("contrast")
def covered_text(picture: Picture, draw: random.Random) -> Picture:
    text = next(text for text in picture.layout.texts() if text.id == "headline")
    color = Color(*ground_under(picture))
    over = PlacedShape("over", "rectangle", text.ink.grown(draw.uniform(5, 8)), Gradient(color, color))
    return picture.painted(replace(picture.layout, placed=(*picture.layout.placed, over)))


@kind("contrast")
def dark_plate(picture: Picture, draw: random.Random) -> Picture:
    night = bytes(draw.randrange(20, 75) for _ in range(3))
    halo_free = with_placed(picture, lambda p: None if isinstance(p, PlacedShape) and p.id == "halo" else p)
    return halo_free.painted(halo_free.layout, plate=Canvas(picture.plate.size, night * picture.plate.size.pixels))


@kind("busy-background")
def busy_plate(picture: Picture, draw: random.Random) -> Picture:
    size = picture.plate.size
    y, x = np.mgrid[: size.height, : size.width]
    period = draw.choice((3, 4, 5, 6, 8))
    pattern = draw.choice(
        (
            (x // period + y // period) % 2,
            (x + y) // period % 2,
            x // period % 2,
            np.sin(x / period) * np.sin(y / 3) > 0,
        )
    )
    grey = np.where(pattern, 250, draw.randrange(180, 222))
    pixels = np.repeat(grey[..., None], 3, axis=2).astype(np.uint8).tobytes()
    bare = with_placed(picture, lambda p: None if isinstance(p, PlacedShape) and p.id == "halo" else p)
    return bare.painted(bare.layout, plate=Canvas(size, pixels))


@kind("widow", locale="en")
def forgotten_word(picture: Picture, draw: random.Random) -> Picture:
    first = draw.choice(("soft morning light for all", "everything begins with calm", "a little more light on"))
    return broken_as(picture, (first, draw.choice(("skin", "us", "it", "you"))), " ")


@kind("hyphenation", locale="de")
def hyphen_in_a_headline(picture: Picture, draw: random.Random) -> Picture:
    parts = draw.choice((("Feuch", "tigkeit für dich"), ("Ruhe im Mor", "genlicht"), ("Der Schlaf der Schön", "heit")))
    return broken_as(picture, parts, "\u00ad")


@kind("no-break")
def parted_quantity(picture: Picture, draw: random.Random) -> Picture:
    return broken_as(
        picture, draw.choice((("now only 5", "kg"), ("jetzt für 49", "€"), ("Dew", "Serum"), ("12", "000 m"))), " "
    )


@kind("bidi")
def unbalanced_isolate(picture: Picture, draw: random.Random) -> Picture:
    words = headline(picture.scene).text
    faulty = draw.choice((f"\u2066{words}", f"{words}\u2069", f"\u202b{words}"))
    return on_headline(picture, lambda text: replace(text, text=faulty, lines=tuple(_from(text, faulty))))


def _from(text: PlacedText, words: str) -> list[PlacedLine]:
    """Renumber lines and glyphs for a text that got one character more in front, as shaping would have."""
    more = 1 if words[0] in "\u2066\u202b" else 0
    return [
        replace(
            line,
            start=line.start + more if line.start else 0,
            runs=tuple(
                replace(run, glyphs=tuple(replace(g, cluster=g.cluster + more) for g in run.glyphs))
                for run in line.runs
            ),
        )
        for line in text.lines
    ]


@kind("bidi", locale="ar")
def full_stop_on_the_wrong_side(picture: Picture, draw: random.Random) -> Picture:
    made = with_words(picture, f"{headline(picture.scene).text}{draw.choice('.!؟')}")

    def turned(text: PlacedText) -> PlacedText:
        def turn(run: GlyphRun) -> GlyphRun:
            last = len(text.text) - 1
            right = max(g.ink.right for line in text.lines for r in line.runs for g in r.glyphs if g.ink is not None)
            moved = tuple(
                replace(g, x=right + 2, ink=g.ink.moved(right + 2 - g.ink.x, 0)) if g.cluster == last and g.ink else g
                for g in run.glyphs
            )
            return replace(run, glyphs=moved)

        return on_runs(text, turn)

    return on_headline(made, turned)


@kind("leading")
def lines_that_touch(picture: Picture, draw: random.Random) -> Picture:
    lines = draw.choice((("glowing", "light"), ("jagged by", "high hill"), ("quay", "Ölfläche"), ("gypsy", "hills")))
    type = replace(headline(picture.scene).type, leading=draw.uniform(0.5, 0.72))
    return with_words(picture, "\n".join(lines), type=type, fit=FitRule(2, 8, 30))


@kind("line-length", format="iab/leaderboard")
def endless_lines(picture: Picture, draw: random.Random) -> Picture:
    words = "soft light for dry skin and a calm night with all the rest that you need to wake up and shine and smile"
    cut = draw.randrange(86, len(words))
    wide = Box(4, 10, picture.layout.size.width - 8, 60)
    return broken_as(picture, (words[:cut], "again and again"), " ", box=wide)


@kind("case-tracking", locale="ar")
def letter_spaced_arabic(picture: Picture, draw: random.Random) -> Picture:
    gap = draw.uniform(0.12, 0.3)

    def spaced(run: GlyphRun) -> GlyphRun:
        order = sorted(run.glyphs, key=lambda g: g.x)
        moved = {
            id(g): replace(g, x=g.x + i * gap * run.size, ink=g.ink.moved(i * gap * run.size, 0) if g.ink else None)
            for i, g in enumerate(order)
        }
        return replace(run, glyphs=tuple(moved[id(g)] for g in run.glyphs))

    return on_headline(picture, lambda text: on_runs(text, spaced))


@kind("case-tracking", locale="de")
def sharp_s_in_capitals(picture: Picture, draw: random.Random) -> Picture:
    return with_words(picture, draw.choice(("GROßE RUHE", "SÜßER SCHLAF", "HEIßE TAGE", "FLEIßIG")))


@kind("forbidden-words", locale="en")
def forbidden_word(picture: Picture, draw: random.Random) -> Picture:
    word = draw.choice(picture.subject.forbidden_words)
    return with_words(picture, f"Soft {draw.choice((word, word.upper(), word.title()))} light")


@kind("brand-names")
def brand_in_lower_case(picture: Picture, draw: random.Random) -> Picture:
    return with_words(picture, draw.choice(("aurora light", "the dew serum", "NIGHT CREAM", "AuRora")))


@kind("spelling", locale="en")
def misspelt_word(picture: Picture, draw: random.Random) -> Picture:
    words = headline(picture.scene).text.split()
    places = [
        (i, cut)
        for i, word in enumerate(words)
        for cut in range(1, len(word) - 2)
        if word.isalpha() and word[0].islower() and word[cut] != word[cut + 1] and len(word) >= 5
    ]
    place, cut = draw.choice(places) if places else (0, 1)
    word = words[place] if places else "morning"
    words[place] = word[:cut] + word[cut + 1] + word[cut] + word[cut + 2 :]
    return with_words(picture, " ".join(words))


@kind("placeholder-leak")
def unfilled_template(picture: Picture, draw: random.Random) -> Picture:
    return with_words(
        picture, draw.choice(("{{ copy.headline }}", "Lorem ipsum", "TODO", "Hello undefined", "www.a.com"))
    )


@kind("copy-limits")
def copy_over_its_limit(picture: Picture, draw: random.Random) -> Picture:
    return with_headline(picture, max_chars=draw.randrange(2, 7))


@kind("logo-space")
def type_in_the_logos_clear_space(picture: Picture, draw: random.Random) -> Picture:
    logo = picture.layout.logos()[0]
    down, right = draw.uniform(-0.3, 0.3) * logo.box.height, draw.uniform(-0.2, 0.2) * logo.box.width
    return on_headline(
        picture, lambda text: shifted(text, logo.box.x + right - text.ink.x, logo.box.y + down - text.ink.y)
    )


@kind("safe-area")
def type_over_the_edge(picture: Picture, draw: random.Random) -> Picture:
    size, part = picture.layout.size, draw.uniform(0.05, 0.6)

    def moved(text: PlacedText) -> PlacedText:
        ways = (
            (-text.ink.x - text.ink.width * part, 0.0),
            (size.width - text.ink.right + text.ink.width * part, 0.0),
            (0.0, -text.ink.y - text.ink.height * part),
            (0.0, size.height - text.ink.bottom + text.ink.height * part),
        )
        return shifted(text, *draw.choice(ways))

    return on_headline(picture, moved)


@kind("logo-distortion")
def bent_logo(picture: Picture, draw: random.Random) -> Picture:
    bend = draw.choice((draw.uniform(0.7, 0.97), draw.uniform(1.03, 1.4)))
    return on_logo(picture, lambda logo: replace(logo, box=replace(logo.box, height=logo.box.height * bend)))


@kind("logo-space")
def logo_too_small(picture: Picture, draw: random.Random) -> Picture:
    share = draw.uniform(0.3, 0.8)

    def small(logo: PlacedLogo) -> PlacedLogo:
        scale = logo.min_width * share / logo.box.width
        box = Box(logo.box.x, logo.box.y, logo.box.width * scale, logo.box.height * scale)
        return replace(logo, box=box, clear=box.grown(0.35 * box.height))

    return on_logo(picture, small)


@kind("legal-present")
def missing_disclaimer(picture: Picture, draw: random.Random) -> Picture:
    words = draw.choice(("Results may vary.", "18+", "Terms apply."))
    return with_standards(picture, disclaimers=(Disclaimer(text={picture.scene.locale: words}),))


@kind("font-embedding")
def restricted_font_in_a_document(picture: Picture, draw: random.Random) -> Picture:
    bits = draw.choice((2, 0x200, 0x102))

    def restricted(run: GlyphRun) -> GlyphRun:
        return replace(run, font=replace(run.font, font=replace(run.font.font, embedding=bits)))

    made = on_headline(picture, lambda text: on_runs(text, restricted))
    return replace(made, subject=replace(made.subject, encoded=EncodedFile(cast(Any, "pdf"), b"%PDF", None)))


@kind("file-weight")
def heavy_file(picture: Picture, draw: random.Random) -> Picture:
    encoded, limit = picture.subject.encoded, picture.subject.format.max_bytes
    assert encoded is not None
    assert limit is not None
    heavy = replace(encoded, data=encoded.data + bytes(limit - len(encoded.data) + draw.randrange(1, 90_000)))
    return replace(picture, subject=replace(picture.subject, encoded=heavy))


@kind("pixel-size")
def wrong_size(picture: Picture, draw: random.Random) -> Picture:
    decoded = picture.subject.decoded
    assert decoded is not None
    rows = decoded.size.height - draw.randrange(1, 20)
    cut = Canvas(PixelSize(decoded.size.width, rows), decoded.pixels[: rows * decoded.size.width * 3])
    return replace(picture, subject=replace(picture.subject, decoded=cut))


@kind("colour-blind")
def red_and_green_chart(picture: Picture, draw: random.Random) -> Picture:
    style = Type("label", headline(picture.scene).type.families, 400, 0, 1.1, Color(0, 0, 0))
    red = draw.randrange(170, 215)
    one, other = Color(red, 60, 50), Color(round(red * 0.62), round(red * 0.64), 40)
    bars = (Bar("a", 3, "3", True), Bar("b", 2, "2", False))
    chart = ChartLayer("chart", "bar", bars, style, other, one, Box(20, 20, 200, 60), FitRule(1, 8, 12))
    scene = replace(picture.scene, layers=(*picture.scene.layers, chart))
    return replace(picture, subject=replace(picture.subject, scene=scene))  # judged by its colours, wherever it stands


@kind("text-over-product")
def type_on_the_product(picture: Picture, draw: random.Random) -> Picture:
    product = next(placed for placed in picture.layout.placed if placed.kind == "picture")
    across, down = draw.uniform(0.35, 0.65), draw.uniform(0.4, 0.7)
    x, y = product.box.x + product.box.width * across, product.box.y + product.box.height * down
    return on_headline(
        picture,
        lambda text: shifted(text, x - text.ink.x - text.ink.width / 2, y - text.ink.y - text.ink.height / 2),
    )


def stray_word(seed: str) -> tuple[Picture, str]:
    """Paint a word into the plate, where the crop shows it; needs a reader to be found, so it is no `Kind`."""
    draw = random.Random(f"fault/{seed}")
    picture = good(seed, format="iab/medium-rectangle")
    size, crop = picture.plate.size, picture.scene.plate.crop
    words = draw.choice(("SALE NOW", "Natural", "ORGANIC CREAM", "Beauty", "LUMIERE", "Since 1987", "No. 5 Serum"))
    image = Image.frombytes("RGB", (size.width, size.height), picture.plate.pixels)
    font = ImageFont.load_default(draw.randrange(18, 30))
    place = crop.x + draw.uniform(0.05, 0.35) * crop.width, crop.y + draw.uniform(0.2, 0.8) * crop.height
    shade = draw.randrange(20, 110)
    ImageDraw.Draw(image).text(place, words, font=font, fill=(shade, shade, shade))
    return picture.painted(picture.layout, plate=Canvas(size, image.tobytes())), words


__all__ = ["KINDS", "Kind", "stray_word"]
