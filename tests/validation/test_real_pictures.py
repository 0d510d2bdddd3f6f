"""The checks on a real picture of the example campaign: as it is made it passes, and each mutation of it is caught."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from flux2flow import api
from flux2flow.compositing import compose
from flux2flow.domain.asset import EncodedFile
from flux2flow.domain.canvas import Canvas
from flux2flow.domain.finding import Finding
from flux2flow.domain.layout import Layout, PlacedLogo, PlacedText
from flux2flow.domain.measures import Box, Color, PixelSize
from flux2flow.export import encode
from flux2flow.gates.pictures import decode_canvas
from flux2flow.interfaces import CheckSubject, FileSource
from flux2flow.typography import set_scene
from flux2flow.validation import built_in, validate

EXAMPLE = Path(__file__).parents[2] / "examples" / "aurora" / "campaign.yaml"
GROUND = Color(0xF0, 0xCD, 0xB8)
"""The backdrop of the example's first product: the plate here is plain, so that only type and checks are on trial."""


@dataclass(frozen=True)
class Made:
    """A picture with what is needed to make it again, changed."""

    subject: CheckSubject
    files: FileSource

    def again(self, layout: Layout) -> CheckSubject:
        """Paint and encode a changed layout."""
        size = PixelSize(round(layout.plate.crop.right), round(layout.plate.crop.bottom))
        plate = Canvas(size, bytes((GROUND.red, GROUND.green, GROUND.blue)) * size.pixels)
        encoded = encode(compose(layout, plate, self.files), self.subject.format, {})
        return replace(self.subject, layout=layout, encoded=encoded, decoded=decode_canvas(encoded.data))


@pytest.fixture(scope="module", params=["en", "ar", "ja"])
def made(request: pytest.FixtureRequest) -> Made:
    """Make one medium rectangle per script on a plain plate."""
    loaded = api.load(EXAMPLE, plugins=False)
    plan = api.plan(loaded, api.Only(format="iab/medium-rectangle", locale=request.param, row="dew-serum"))
    (scene,) = plan.scenes
    layout = set_scene(scene, plan.fonts, loaded.project)
    unpainted = CheckSubject(scene, layout, plan.format(scene.format), plan.forbidden_words)
    made = Made(unpainted, loaded.project)
    return replace(made, subject=made.again(layout))


def blocked(subject: CheckSubject) -> set[str]:
    """Run every check; return the ids of those that keep the picture back."""
    return {finding.check for finding in findings(subject) if finding.blocking}


def findings(subject: CheckSubject) -> tuple[Finding, ...]:
    return validate(subject, built_in())


def with_text(layout: Layout, id: str, change: Callable[[PlacedText], PlacedText]) -> Layout:
    """Change one text of a layout."""
    placed = tuple(
        change(layer) if isinstance(layer, PlacedText) and layer.id == id else layer for layer in layout.placed
    )
    assert placed != layout.placed
    return replace(layout, placed=placed)


def with_logo(layout: Layout, change: Callable[[PlacedLogo], PlacedLogo]) -> Layout:
    placed = tuple(change(layer) if isinstance(layer, PlacedLogo) else layer for layer in layout.placed)
    return replace(layout, placed=placed)


def recolored(text: PlacedText, color: Color) -> PlacedText:
    lines = tuple(replace(line, runs=tuple(replace(run, color=color) for run in line.runs)) for line in text.lines)
    return replace(text, lines=lines)


def moved(text: PlacedText, right: float, down: float) -> PlacedText:
    """Move a text with its glyphs."""

    def shift(box: Box) -> Box:
        return box.moved(right, down)

    lines = tuple(
        replace(
            line,
            box=shift(line.box),
            runs=tuple(
                replace(
                    run,
                    glyphs=tuple(
                        replace(g, x=g.x + right, y=g.y + down, ink=shift(g.ink) if g.ink else None) for g in run.glyphs
                    ),
                )
                for run in line.runs
            ),
        )
        for line in text.lines
    )
    return replace(text, box=shift(text.box), ink=shift(text.ink), lines=lines)


def test_the_picture_as_it_is_made_passes_every_check(made: Made) -> None:
    assert blocked(made.subject) == set()


def test_type_near_its_grounds_colour_fails_contrast_alone(made: Made) -> None:
    pale = with_text(made.subject.layout, "headline", lambda text: recolored(text, Color(0xC0, 0x9A, 0x88)))
    assert blocked(made.again(pale)) == {"contrast"}


def test_type_that_was_never_painted_fails_contrast_alone(made: Made) -> None:
    """The layout has the headline, the file has not: a compositing bug must not get out."""
    without = replace(
        made.subject.layout, placed=tuple(layer for layer in made.subject.layout.placed if layer.id != "headline")
    )
    unpainted = made.again(without)
    assert blocked(replace(unpainted, layout=made.subject.layout)) == {"contrast"}


def test_type_moved_off_the_picture_leaves_the_safe_area(made: Made) -> None:
    layout = made.subject.layout
    headline = next(text for text in layout.texts() if text.id == "headline")
    away = with_text(layout, "headline", lambda text: moved(text, 0, 4 - headline.ink.y - headline.ink.height / 2))
    assert "safe-area" in blocked(made.again(away))


def test_type_on_the_logo_enters_its_clear_space(made: Made) -> None:
    layout = made.subject.layout
    (logo,) = layout.logos()
    headline = next(text for text in layout.texts() if text.id == "headline")
    into = with_text(layout, "headline", lambda text: moved(text, 0, logo.clear.bottom - 2 - headline.ink.y))
    assert "logo-space" in blocked(made.again(into))


def test_a_logo_below_its_minimum_is_found(made: Made) -> None:
    big = with_logo(made.subject.layout, lambda logo: replace(logo, min_width=logo.box.width + 1))
    assert blocked(replace(made.subject, layout=big)) == {"logo-space"}


def test_a_glyph_that_no_font_has_is_found(made: Made) -> None:
    def hollow(text: PlacedText) -> PlacedText:
        line = text.lines[0]
        run = line.runs[0]
        holed = replace(run, glyphs=(replace(run.glyphs[0], id=0), *run.glyphs[1:]))
        return replace(text, lines=(replace(line, runs=(holed, *line.runs[1:])), *text.lines[1:]))

    assert blocked(replace(made.subject, layout=with_text(made.subject.layout, "headline", hollow))) == {
        "glyph-missing"
    }


def test_a_file_over_its_budget_or_of_another_size_is_found(made: Made) -> None:
    assert made.subject.encoded is not None
    assert made.subject.decoded is not None
    heavy = EncodedFile("png", made.subject.encoded.data + bytes(150_000), None)
    assert blocked(replace(made.subject, encoded=heavy)) == {"file-weight"}
    size = made.subject.decoded.size
    short = Canvas(PixelSize(size.width, size.height - 1), made.subject.decoded.pixels[: -size.width * 3])
    assert "pixel-size" in blocked(replace(made.subject, decoded=short))
