"""Every built-in check has a subject that passes and subjects that fail, each off by one property."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flux2flow.domain.canvas import Canvas
from flux2flow.domain.finding import Finding, Level
from flux2flow.domain.format import SafeArea
from flux2flow.domain.layout import Dropped, PlacedPlate, PlacedText, TextMark
from flux2flow.domain.measures import Box, Color, PixelSize
from flux2flow.domain.scene import Stroke
from flux2flow.interfaces import Check, CheckSubject
from flux2flow.validation import built_in
from flux2flow.validation.checks.copy_limits import columns

from .builder import (
    BLACK,
    GREY,
    SIZE,
    WHITE,
    format_of,
    logo,
    painted,
    placed_picture,
    run_of,
    shape,
    subject,
    text,
    text_layer,
    unpainted,
)

CHECKS: dict[str, Check] = {check.id: check for check in built_in()}
BUTTON = Box(20, 180, 100, 40)


def found(check: str, checked: CheckSubject) -> list[Finding]:
    return list(CHECKS[check].run(checked))


def levels(check: str, checked: CheckSubject) -> list[Level]:
    return [finding.level for finding in found(check, checked)]


def good() -> CheckSubject:
    return subject(text(), logo())


@pytest.mark.parametrize("check", sorted(CHECKS))
def test_a_good_picture_passes_every_check(check: str) -> None:
    assert found(check, good()) == []


ALIASES = {
    "T01": {"glyph-missing"}, "T02": {"fallback-used"}, "T03": {"overflow"}, "T04": {"fit-floor"}, "T05": {"min-size"},
    "T06": {"contrast"}, "T07": {"contrast"}, "T08": {"contrast-apca"}, "T09": {"busy-background"}, "T10": {"widow"},
    "T11": {"hyphenation"}, "T12": {"no-break"}, "T13": {"bidi"}, "T14": {"leading", "line-length"},
    "T15": {"hierarchy"}, "T16": {"case-tracking"}, "T17": {"brand-names", "forbidden-words", "spelling"},
    "T18": {"placeholder-leak"}, "T19": {"ocr-readback"}, "T20": {"stray-text"}, "T21": {"copy-limits"},
    "T22": {"logo-distortion", "logo-space", "safe-area"}, "T23": {"legal-present"}, "T24": {"font-embedding"},
    "T25": {"colour-blind"},
}  # fmt: skip


def test_every_entry_of_the_catalogue_has_its_check_with_a_reason() -> None:
    found: dict[str, set[str]] = {}
    for check in CHECKS.values():
        for alias in getattr(check, "aliases", ()):
            found.setdefault(alias, set()).add(check.id)
    assert found == ALIASES
    without = {"dictionary-missing", "file-weight", "pixel-size", "text-over-product"}
    assert CHECKS.keys() - set().union(*ALIASES.values()) == without
    assert {c.id for c in CHECKS.values() if c.needs_pixels} == {
        "busy-background", "contrast", "contrast-apca", "file-weight", "pixel-size", "stray-text",
    }  # fmt: skip
    for check in CHECKS.values():
        assert len(check.rationale) > 150
        assert check.title


# pixel-size


def test_a_plate_enlarged_above_twice_is_a_warning() -> None:
    """2.0× passes, 2.1× is named with its factor, and warns without keeping the file back."""

    def enlarged(factor: float) -> CheckSubject:
        layout = good().layout
        placed = tuple(replace(p, enlargement=factor) if isinstance(p, PlacedPlate) else p for p in layout.placed)
        return replace(good(), layout=replace(layout, placed=placed))

    assert found("pixel-size", enlarged(2.0)) == []
    (finding,) = found("pixel-size", enlarged(2.1))
    assert (finding.level, finding.measured) == ("warn", "2.10×")


def test_one_pixel_too_many_fails() -> None:
    wide = Canvas(PixelSize(301, 250), b"\xff" * (301 * 250 * 3))
    (finding,) = found("pixel-size", replace(good(), decoded=wide))
    assert (finding.level, finding.measured, finding.limit) == ("fail", "301×250", "300×250")


def test_a_size_of_the_same_ratio_is_told_apart_from_another_ratio() -> None:
    def message(width: int, height: int) -> str:
        canvas = Canvas(PixelSize(width, height), bytes(width * height * 3))
        return found("pixel-size", replace(good(), decoded=canvas))[0].message

    assert "scaled" in message(600, 500)
    assert "of another ratio (1.000 instead of 1.200)" in message(300, 300)


# file-weight


@pytest.mark.parametrize(
    ("weight", "expected"),
    [(135_000, []), (135_001, ["warn"]), (150_000, ["warn"]), (150_001, ["fail"])],
)
def test_weight_warns_above_ninety_per_cent_and_fails_above_the_limit(weight: int, expected: list[str]) -> None:
    assert levels("file-weight", subject(text(), data=bytes(weight))) == expected


def test_no_limit_no_finding() -> None:
    assert found("file-weight", subject(text(), data=bytes(10**7), format=format_of(max_bytes=None))) == []


# glyph-missing


def test_notdef_names_its_character() -> None:
    (finding,) = found("glyph-missing", subject(text("aß", run_of("aß", ids=[40, 0]))))
    assert finding.level == "fail"
    assert "‘ß’ (U+00DF latin small letter sharp s)" in finding.message
    assert "‘a’" not in finding.message
    assert finding.layer == "headline"
    assert finding.box == run_of("aß").glyphs[1].ink


# fallback-used


def arabic_tail(families: tuple[str, ...]) -> CheckSubject:
    words = "abس"
    second = run_of("س", x=90, start=2, family="Noto Sans Arabic", fallback=True)
    return subject(text(words, run_of("ab"), second), layers=[text_layer(families=families)])


def test_a_declared_fallback_for_another_script_is_only_told() -> None:
    (finding,) = found("fallback-used", arabic_tail(("Inter", "Noto Sans Arabic")))
    assert finding.level == "info"
    assert "‘س’ is set in Noto Sans Arabic" in finding.message


def test_an_undeclared_family_warns() -> None:
    assert levels("fallback-used", arabic_tail(("Inter",))) == ["warn"]


def test_a_letter_of_the_first_fonts_own_script_in_another_face_warns() -> None:
    words = "abő"
    second = run_of("ő", x=90, start=2, family="Noto Sans", fallback=True)
    mixed = subject(text(words, run_of("ab"), second), layers=[text_layer(families=("Inter", "Noto Sans"))])
    (finding,) = found("fallback-used", mixed)
    assert finding.level == "warn"
    assert "other Latin letters" in finding.message


# overflow


@pytest.mark.parametrize(
    "broken",
    [
        text(overflow=True, at_floor=True),
        text(lines=3, max_lines=2),
        text(box=Box(20, 46, 100, 20)),  # ten glyphs of 16 px need 156
        text(box=Box(40, 46, 200, 20)),  # leaves on the left
        text(box=Box(20, 70, 200, 20)),  # leaves at the top
    ],
)
def test_text_outside_its_box_fails(broken: object) -> None:
    assert levels("overflow", subject(broken)) == ["fail"]  # type: ignore[arg-type]


def test_a_quarter_of_an_em_may_hang_over() -> None:
    ink = text().ink
    assert found("overflow", subject(text(box=Box(ink.x + 5, ink.y, ink.width - 5, ink.height)))) == []
    assert levels("overflow", subject(text(box=Box(ink.x + 5.1, ink.y, ink.width, ink.height)))) == ["fail"]


# fit-floor


def test_the_floor_warns_and_leaves_overflow_to_its_own_check() -> None:
    assert levels("fit-floor", subject(text(at_floor=True))) == ["warn"]
    assert levels("fit-floor", subject(text(at_floor=True, overflow=True))) == []


# min-size


def test_size_and_x_height_each_have_their_bound() -> None:
    form = format_of(min_text=12, min_x_height=6)
    assert levels("min-size", subject(text(size=12, x_height=6), format=form)) == []
    (small,) = found("min-size", subject(text(size=11.9, x_height=6), format=form))
    assert "type size is 11.9 px" in small.message
    (low,) = found("min-size", subject(text(size=12, x_height=5.9), format=form))
    assert "x-height is 5.9 px" in low.message


# contrast


def test_contrast_follows_the_pixels_not_the_layout() -> None:
    """The same layout passes on white and fails on a ground near its fill."""
    assert levels("contrast", subject(text(), ground=WHITE)) == []
    assert levels("contrast", subject(text(), ground=Color(90, 90, 90))) == ["fail"]


def test_the_bound_is_not_rounded_and_is_lower_for_large_type() -> None:
    """Black on #747474 is 4.47:1; on #757575 4.54:1."""
    below, above = Color(0x74, 0x74, 0x74), Color(0x75, 0x75, 0x75)
    assert levels("contrast", subject(text(size=20), ground=below)) == ["fail"]
    assert levels("contrast", subject(text(size=20), ground=above)) == []
    assert levels("contrast", subject(text("Large", size=24), ground=below)) == []
    assert levels("contrast", subject(text(size=19, weight=700), ground=below)) == []
    assert levels("contrast", subject(text(size=18.6, weight=700), ground=below)) == ["fail"]
    assert levels("contrast", subject(text("Large", size=24), ground=Color(0x55, 0x55, 0x55))) == ["fail"]


def speckled(characters: str, dark: int) -> CheckSubject:
    """Build a text on white whose glyph number `dark` stands on dark grey."""
    size = 10.0
    placed = text(characters, size=size, x_height=5)
    base = subject(placed)
    assert base.decoded is not None
    pixels = bytearray(base.decoded.pixels)
    ink = placed.lines[0].runs[0].glyphs[dark].ink
    assert ink is not None
    for y in range(round(ink.y) - 4, round(ink.bottom) + 4):
        for x in range(round(ink.x), round(ink.right)):
            if not ink.contains(Box(x, y, 1, 1)):
                pixels[(y * SIZE.width + x) * 3 : (y * SIZE.width + x) * 3 + 3] = b"\x30\x30\x30"
    return replace(base, decoded=Canvas(SIZE, bytes(pixels)))


def test_the_worst_glyph_is_named_with_its_box_and_the_remedies() -> None:
    (finding,) = found("contrast", speckled("abcdefg", 4))
    assert finding.level == "fail"
    assert "‘e’" in finding.message
    assert finding.box == text("abcdefg", size=10).lines[0].runs[0].glyphs[4].ink
    assert finding.remedy.startswith("15 px further down it stands at 21.0:1. Repaint the plate")


def test_the_fifth_percentile_decides_so_that_one_glyph_of_thirty_only_warns() -> None:
    many = "abcdefghijklmnopqrstuvwxyzabcd"
    assert levels("contrast", speckled(many, 12)) == ["warn"]
    assert levels("contrast", speckled(many[:20], 12)) == ["fail"]


def test_covered_ink_fails() -> None:
    """A file in which the words were painted over has the right ground and no words."""
    whole = subject(text())
    blank = replace(whole, decoded=painted(whole.layout, WHITE, ink=WHITE))
    (finding,) = found("contrast", blank)
    assert finding.level == "fail"
    assert "covers it" in finding.message


def test_translucent_ink_counts_as_what_it_looks_like() -> None:
    assert levels("contrast", subject(text(color=Color(0, 0, 0, 255)))) == []
    faint = subject(text(color=Color(0, 0, 0, 80)))
    assert levels("contrast", faint) == ["fail"]


def test_colour_fonts_are_exempt() -> None:
    smile = text("☺☺", run_of("☺☺", family="Noto Color Emoji", color=WHITE))
    assert levels("contrast", subject(smile)) == []
    assert levels("contrast", subject(text("☺☺", run_of("☺☺", family="Inter", color=WHITE)))) == ["fail"]


def decorated(placed: PlacedText, *marks: TextMark, told: str, ground: Color = WHITE) -> CheckSubject:
    """Paint marks under a text's letters, and tell the layout of them as `told` (highlights, underlines) or not."""
    plain = painted(subject(placed).layout, ground)
    rows = bytearray(bytes((ground.red, ground.green, ground.blue)) * (SIZE.width * SIZE.height))
    for mark in marks:
        box, color = mark.box, mark.color
        for y in range(round(box.y), round(box.bottom)):
            at = (y * SIZE.width + round(box.x)) * 3
            rows[at : at + round(box.width) * 3] = bytes((color.red, color.green, color.blue)) * round(box.width)
    for run in placed.lines[0].runs:
        for ink in (glyph.ink for glyph in run.glyphs if glyph.ink is not None):
            for y in range(round(ink.y), round(ink.bottom)):
                at, length = (y * SIZE.width + round(ink.x)) * 3, (round(ink.right) - round(ink.x)) * 3
                rows[at : at + length] = plain.pixels[at : at + length]
    if told:
        placed = replace(placed, lines=(replace(placed.lines[0], **{told: marks}),))
    return replace(subject(placed), decoded=Canvas(SIZE, bytes(rows)))


def test_an_underline_is_not_the_ground_of_its_letters() -> None:
    """In the letters' own colour it would make every letter beside it fail, as it does where nobody tells of it."""
    line = TextMark(Box(18, 62, 170, 3), BLACK)
    assert levels("contrast", decorated(text(), line, told="underlines")) == []
    assert levels("contrast", decorated(text(), line, told="")) == ["fail"]
    assert levels("contrast", decorated(text(color=WHITE), line, told="underlines")) == ["fail"]  # control: it is seen


def test_a_highlight_is_the_ground_of_its_own_letters_and_of_no_others() -> None:
    """White letters on a black box a pixel wider than they are pass on white; dark ones beside it do, too."""
    box = TextMark(Box(18, 44, 158, 18), BLACK)
    assert levels("contrast", decorated(text(color=WHITE), box, told="highlights")) == []
    assert levels("contrast", decorated(text(color=BLACK), box, told="highlights")) == ["fail"]
    beside = TextMark(Box(18, 62, 170, 20), BLACK)
    assert levels("contrast", decorated(text(), beside, told="highlights")) == []
    assert levels("contrast", decorated(text(), beside, told="")) == ["fail"]


def stroked(color: Color, ground: Color) -> CheckSubject:
    """Build white letters with a stroke four pixels wide, painted on plain ground."""
    placed = text("a b c", color=WHITE)
    run = replace(placed.lines[0].runs[0], stroke=Stroke(4, color))
    placed = replace(placed, lines=(replace(placed.lines[0], runs=(run,)),))
    inks = [glyph.ink for glyph in run.glyphs if glyph.ink is not None]
    outlines = tuple(TextMark(ink.grown(4), color) for ink in inks)
    return decorated(placed, *outlines, told="", ground=ground)


def test_a_stroke_belongs_to_the_letter() -> None:
    """The ground begins outside of it; either the fill or the stroke must stand out there."""
    assert levels("contrast", stroked(BLACK, WHITE)) == []
    assert levels("contrast", stroked(BLACK, BLACK)) == []
    assert levels("contrast", stroked(WHITE, WHITE)) == ["fail"]
    assert levels("contrast", stroked(GREY, Color(0xBB, 0xBB, 0xBB))) == ["fail"]


# logo-space


def test_a_logo_below_its_minimum_fails() -> None:
    assert levels("logo-space", subject(logo(min_width=60))) == []
    assert levels("logo-space", subject(logo(min_width=61))) == ["fail"]


@pytest.mark.parametrize(
    ("intruder", "expected"),
    [
        (text("abc", x=170, baseline=215), ["fail"]),
        (text("abc", x=140, baseline=215), []),
        (logo(Box(180, 200, 18, 20), id="partner", min_width=10), ["fail", "fail"]),  # each enters the other's
        (shape("cta", Box(150, 190, 48, 30)), ["fail"]),
        (shape("ground", Box(0, 150, 300, 100)), []),
        (shape("scrim", Box(0, 150, 220, 100), to=BLACK), []),
        (placed_picture(Box(150, 150, 48, 80), alpha=False), ["fail"]),
        (placed_picture(Box(150, 150, 48, 80), alpha=True), ["warn"]),
        (placed_picture(Box(0, 0, 300, 250), alpha=False), []),
    ],
)
def test_only_what_enters_the_clear_space_breaks_it(intruder: object, expected: list[str]) -> None:
    assert levels("logo-space", subject(intruder, logo())) == expected  # type: ignore[arg-type]


def test_the_edge_of_the_picture_enters_too() -> None:
    assert levels("logo-space", subject(logo(Box(235, 200, 60, 20), clear=5))) == []
    (finding,) = found("logo-space", subject(logo(Box(236, 200, 60, 20), clear=5)))
    assert "edge" in finding.message


# safe-area


def test_text_logo_and_button_stay_inside_the_formats_safe_area() -> None:
    form = format_of(safe=SafeArea(top=30, bottom=40))
    button = (shape("cta", BUTTON), text("Go", id="cta/label", x=40, baseline=205, size=14))
    assert levels("safe-area", subject(text(baseline=44.5), format=form)) == []
    (high,) = found("safe-area", subject(text(baseline=40), format=form))
    assert "4.0 px into the top margin" in high.message
    assert levels("safe-area", subject(logo(Box(200, 195, 60, 20)), format=form)) == ["fail"]
    assert levels("safe-area", subject(*button, format=form)) == ["fail"]
    assert levels("safe-area", subject(*button)) == []
    assert levels("safe-area", subject(shape("ground", BUTTON), format=form)) == []  # a plain shape may bleed


def test_without_a_safe_area_the_picture_is_the_bound() -> None:
    (finding,) = found("safe-area", subject(text(x=200)))
    assert "right margin" in finding.message


# placeholder-leak


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("Only {{ row.price }}", "fail"),
        ("Lorem ipsum dolor", "fail"),
        ("TODO headline", "fail"),
        ("undefined", "fail"),
        ("From undefined only", "fail"),
        ("None", "fail"),
        ("Price: None", "warn"),
        ("NaN €", "fail"),
        ("Visit https://example.com", "fail"),
        ("www.example.com", "fail"),
        ("   ", "fail"),
    ],
)
def test_leaks_are_found(words: str, expected: str) -> None:
    assert levels("placeholder-leak", subject(text(words))) == [expected]


@pytest.mark.parametrize(
    "words", ["None of the noise", "A banana a day", "Nan’s kitchen", "example.com", "Undefinable", "Loremar"]
)
def test_ordinary_words_are_no_leaks(words: str) -> None:
    assert found("placeholder-leak", subject(text(words))) == []


def test_todo_is_a_word_in_spanish() -> None:
    assert levels("placeholder-leak", subject(text("TODO ES LUZ"), locale="es-MX")) == []
    assert levels("placeholder-leak", subject(text("TODO ES LUZ"), locale="en")) == ["fail"]


def test_a_blank_layer_that_never_was_set_is_a_leak_unless_it_was_dropped() -> None:
    absent = subject(text(), layers=[text_layer(), text_layer("claim", " ")])
    assert [finding.layer for finding in found("placeholder-leak", absent)] == ["claim"]
    dropped = replace(absent, layout=replace(absent.layout, dropped=(Dropped("claim", "no room"),)))
    assert found("placeholder-leak", dropped) == []


# copy-limits


def test_double_width_counts_twice_and_marks_not_at_all() -> None:
    assert columns("abc") == 3
    assert columns("光の朝") == 6
    assert columns("e\u0301a\u064e\u200f") == 2
    assert columns("Rund\u00adum\u00adpflege") == columns("Rundumpflege") == 12  # a soft hyphen counts nothing
    assert columns("Rund-um-pflege") == 14  # control


def test_slot_and_headline_limits() -> None:
    assert levels("copy-limits", subject(text("光の朝", max_chars=6))) == []
    assert levels("copy-limits", subject(text("光の朝", max_chars=5))) == ["fail"]
    short = format_of(headline_limit=9)
    assert levels("copy-limits", subject(text("Calm light"), format=short)) == ["fail"]
    assert levels("copy-limits", subject(text("Calm light", id="claim"), format=short)) == []


def test_forbidden_words_are_whole_words_in_any_case() -> None:
    assert levels("forbidden-words", subject(text("Cheap light"), forbidden_words=("cheap",))) == ["fail"]
    assert levels("forbidden-words", subject(text("Cheapest light"), forbidden_words=("cheap",))) == []


def test_without_a_decoded_file_no_check_invents_one() -> None:
    """What needs pixels finds nothing in a subject that has none; the others still find what is wrong."""
    broken = unpainted(subject(text(overflow=True, color=GREY), ground=GREY))
    assert {check: levels(check, broken) for check in ("contrast", "pixel-size", "file-weight")} == {
        "contrast": [], "pixel-size": [], "file-weight": [],
    }  # fmt: skip
    assert levels("overflow", broken) == ["fail"]
