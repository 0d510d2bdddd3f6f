"""Random copy × box × style through the whole ladder: no glyph outside its box unless the text says that it overflows.

150 seeded cases in the ordinary run; `FLUX2FLOW_RANDOM_BOXES=1000 pytest tests/typography/test_random_boxes.py -s`
runs more and prints the figures.
"""

from __future__ import annotations

import math
import os
import random
import string
from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flux2flow.domain.format import Format
from flux2flow.domain.layout import PlacedText
from flux2flow.domain.measures import Box, PixelSize
from flux2flow.domain.scene import FitRule, ShorterCopy, TextLayer, Type
from flux2flow.interfaces import CheckSubject
from flux2flow.validation.checks.overflow import CHECK as OVERFLOW
from tests.typography.builder import glyphs, layout, scene, set_one, style, style_for, text_layer

SEED = 20261123
CASES = int(os.environ.get("FLUX2FLOW_RANDOM_BOXES", "150"))
CANVAS = PixelSize(1600, 1200)
ROUNDING = 0.05  # pixels
COPY = {
    "en": "light of the home quiet Aurora Night Cream 5 % squalane wake up (new) rested, skin – now! AVATAR Wafer",
    "de": "Über Nacht Feuchtigkeitsversorgung für Ihre Haut, Straße groß Ölfläche jetzt „neu“ €49 Äpfel ÄÖÜ",
    "vi": "Ánh sáng dịu nhẹ của ngôi nhà yên tĩnh, Ấm áp suốt đêm ỷ Ễ",
    "el": "Το φως του σπιτιού ήσυχο όλη τη νύχτα ΐ Ϋ ώς",
    "ru": "Тихий свет дома всю ночь Йод щука Её ЦАРЬ",
    "ar": "ضوء هادئ لبيتك، Aurora مع 5% سكوالان وعصارة (جديد) بشرتكِ إشراقتها؟ اكتشفي الآن!",
    "ja": "静かな 光を、 オーロラ ナイトクリーム 「新作」 もっと きれいに。 5％ しゃっきり Aurora",
}
WORDS = {locale: text.split() for locale, text in COPY.items()}


@dataclass(frozen=True)
class Case:
    """One text to be set."""

    layer: TextLayer
    locale: str


def words(source: random.Random, locale: str, count: int) -> str:
    joint = "" if locale == "ja" else " "
    text = joint.join(source.choices(WORDS[locale], k=count))
    if locale != "ja" and source.random() < 0.1:
        text += " " + "".join(source.choices(string.ascii_letters, k=source.randint(12, 40)))  # what nobody can break
    if source.random() < 0.1:
        at = text.find(joint, len(text) // 2) if joint else len(text) // 2
        text = f"{text[:at].rstrip()}\n{text[at:].lstrip()}" if 0 < at < len(text) - 1 else text
    return text


def type_of(source: random.Random, locale: str) -> Type:
    changes = {
        "weight": source.choice([300, 450, 700, 900]),
        "tracking": source.choice([-0.03, 0.0, 0.0, 0.08]),
        "leading": source.choice([0.9, 1.0, 1.2, 1.6]),
        "upper": source.random() < 0.25,
    }
    if locale == "en" and source.random() < 0.3:
        return style("Noto Sans Arabic", "Inter", **changes)  # a Latin with a width axis
    return style_for(locale, **changes)


def case(number: int) -> Case:
    """Draw one case; the same number always gives the same."""
    source = random.Random(SEED * 10_000 + number)
    locale = source.choice(list(WORDS))
    running = source.random() < 0.2
    count = source.randint(30, 80) if running else source.randint(1, 30)
    spans = ((0, 300), (0, 300), (300 if running else 60, 900), (16, 500))
    box = Box(*(round(source.uniform(*span), 2) for span in spans))
    floor = round(source.uniform(8, 12 if running else 20), 2)
    rule = FitRule(
        20 if running else source.choice([1, 2, 3, 4, 8, 12]),
        floor,
        floor + (source.uniform(2, 8) if running else source.choice([0.0, source.uniform(0, 90)])),
        tracking=source.choice([0.0, -0.01, -0.03]),
        width=source.choice([None, 75.0]),
        prefer=source.choice([None, floor + source.uniform(0, 20)]),
    )
    shorter = [words(source, locale, max(count // step, 1)) for step in (2, 5)][: source.choice([0, 0, 1, 2])]
    layer = text_layer(
        words(source, locale, count), box, type_of(source, locale),
        fit=rule,
        align=source.choice(["start", "center", "end"]),
        vertical=source.choice(["top", "middle", "bottom"]),
        justify=source.random() < (0.6 if running else 0.1),
        shape="ellipse" if source.random() < 0.15 else "rectangle",
        alternatives=tuple(ShorterCopy(copy) for copy in shorter),
    )  # fmt: skip
    return Case(layer, locale)


@pytest.fixture(scope="module")
def placed() -> list[tuple[Case, PlacedText, bool]]:
    """Set every case once, and ask the check whether it finds something."""
    made = []
    for number in range(CASES):
        one = case(number)
        asked = scene(one.layer, locale=one.locale, size=CANVAS)
        laid = layout(one.layer, locale=one.locale, size=CANVAS)
        found = list(OVERFLOW.run(CheckSubject(asked, laid, Format(id="test/test", width=1600, height=1200))))
        made.append((one, laid.texts()[0], bool(found)))
    report(made)
    return made


def outside(text: PlacedText, shape: str) -> float:
    """Give how far any glyph's ink stands outside the box, or outside the ellipse in it, in pixels."""
    worst, box = 0.0, text.box
    for glyph in glyphs(text):
        if (ink := glyph.ink) is None:
            continue
        worst = max(worst, box.x - ink.x, box.y - ink.y, ink.right - box.right, ink.bottom - box.bottom)
        if shape == "ellipse":
            middle, centre, high = box.x + box.width / 2, box.y + box.height / 2, box.height / 2
            far = max(abs(ink.y - centre), abs(ink.bottom - centre))
            room = box.width / 2 * math.sqrt(max(1 - (far / high) ** 2, 0))
            worst = max(worst, max(abs(ink.x - middle), abs(ink.right - middle)) - room)
    return worst


def report(made: list[tuple[Case, PlacedText, bool]]) -> None:
    """Print what the sample held."""
    counts = Counter[str]()
    for one, text, found in made:
        fit = text.fit
        counts["outside without a finding"] += outside(text, one.layer.shape) > ROUNDING and not found
        counts["findings"] += found
        counts["tracked"] += fit.tracking < 0
        counts["narrowed"] += fit.width_axis is not None
        counts["shorter copy"] += fit.copy_step > 0
        counts["at the floor"] += fit.at_floor
        counts["in an ellipse"] += one.layer.shape == "ellipse"
        counts["justified"] += fit.steps[-1].endswith("justified")
    print(f"\n{len(made)} cases, seed {SEED}: " + ", ".join(f"{name} {count}" for name, count in counts.items()))


def test_the_sample_is_mixed(placed: list[tuple[Case, PlacedText, bool]]) -> None:
    """Control: many fit, many overflow, every rung is taken by some, ellipses and justified texts are among them."""
    assert len(placed) // 20 < sum(found for _, _, found in placed) < len(placed) // 2
    fitting = [(one, text) for one, text, found in placed if not found]
    assert any(text.fit.tracking < 0 for _, text in fitting)
    assert any(text.fit.width_axis is not None for _, text in fitting)
    assert any(text.fit.copy_step for _, text in fitting)
    assert any(one.layer.shape == "ellipse" for one, _ in fitting)
    assert any(text.fit.steps[-1].endswith("justified") for _, text in fitting)


def test_no_glyph_stands_outside_without_a_finding(placed: list[tuple[Case, PlacedText, bool]]) -> None:
    """The ink of every glyph lies in the box or ellipse, or the check keeps the file back."""
    stray = [
        (number, round(outside(text, one.layer.shape), 3), text.text, text.fit)
        for number, (one, text, found) in enumerate(placed)
        if not found and outside(text, one.layer.shape) > ROUNDING
    ]
    assert not stray


def test_every_finding_has_a_visible_cause(placed: list[tuple[Case, PlacedText, bool]]) -> None:
    """At the floor and with the shortest copy, the text has too many lines, or too much width or height."""
    for number, (one, text, found) in enumerate(placed):
        if not found:
            continue
        assert text.fit.size == one.layer.fit.minimum, number
        assert text.fit.copy_step == len(one.layer.alternatives), number
        wide = max(line.box.width for line in text.lines) > text.box.width * (
            0.7 if one.layer.shape == "ellipse" else 1
        )
        high = text.ink.height > text.box.height / 1.75  # what is reserved above and below may be empty
        assert wide or high or text.fit.lines > text.fit.max_lines, number


def test_bounds_are_kept(placed: list[tuple[Case, PlacedText, bool]]) -> None:
    """Sizes, lines, tracking and width stay within what the layer allows."""
    for one, text, found in placed:
        rule, fit = one.layer.fit, text.fit
        assert rule.minimum <= fit.size <= max(rule.maximum, rule.minimum)
        assert found or fit.lines <= rule.lines
        assert rule.tracking <= fit.tracking <= 0
        assert fit.width_axis is None or (rule.width is not None and fit.width_axis >= rule.width)


def test_nothing_of_the_chosen_copy_is_lost(placed: list[tuple[Case, PlacedText, bool]]) -> None:
    """The lines hold one of the copies, whole."""
    for one, text, _ in placed:
        copies = [one.layer.text, *(copy.text for copy in one.layer.alternatives)]
        chosen = "".join(copies[text.fit.copy_step].split())
        said = "".join("".join(line.text for line in text.lines).split())
        assert said.casefold() == chosen.casefold() or said == chosen.upper() or len(said) >= len(chosen)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.lists(st.text(st.sampled_from("abcdefgÄjpqyQÉ"), min_size=1, max_size=14), min_size=1, max_size=12),
    st.floats(30, 600),
    st.floats(12, 300),
    st.integers(1, 6),
    st.floats(8, 30),
    st.floats(0, 60),
)
def test_whatever_the_words(parts: list[str], width: float, height: float, lines: int, low: float, more: float) -> None:
    """Any words in any box: inside, or flagged."""
    text = set_one(" ".join(parts), Box(5, 5, width, height), fit=FitRule(lines, low, low + more, tracking=-0.02))
    assert text.fit.overflow or outside(text, "rectangle") <= ROUNDING
