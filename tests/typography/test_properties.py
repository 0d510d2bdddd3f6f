"""Random copy × box × style (seed 20261123): what must hold for every text that is set, whatever it says."""

from __future__ import annotations

import itertools
import random

import pytest

from flux2flow.domain.layout import PlacedText
from flux2flow.domain.measures import Box
from flux2flow.domain.scene import FitRule
from flux2flow.typography.breaking import NOT_AT_START
from tests.typography.builder import glyphs, lines, set_one, style_for

SEED = 20261123
CASES = 240
COPY = {
    "en": "light of the home quiet Aurora Night Cream 5 % squalane wake up (new) rested, skin – now! AVATAR Typo",
    "de": "Über Nacht Feuchtigkeitsversorgung für Ihre Haut, Straße groß ß Ölfläche jetzt „neu“ €49 Äpfel",
    "ar": "ضوء هادئ لبيتك، Aurora مع 5% سكوالان وعصارة (جديد) بشرتكِ إشراقتها؟ اكتشفي الآن!",
    "ja": "静かな 光を、 オーロラ ナイトクリーム 「新作」 もっと きれいに。 5％ しゃっきり Aurora",
}
WORDS = {locale: text.split() for locale, text in COPY.items()}
NAMES = ("Aurora Night Cream", "Aurora", "オーロラ")


def case(number: int) -> tuple[str, str, Box, dict[str, object]]:
    source = random.Random(SEED * 1000 + number)
    locale = source.choice(list(WORDS))
    words = source.choices(WORDS[locale], k=source.randint(1, 12))
    text = ("" if locale == "ja" else " ").join(words)
    box = Box(source.uniform(0, 50), source.uniform(0, 50), source.uniform(60, 700), source.uniform(16, 400))
    floor = source.uniform(8, 16)
    changes: dict[str, object] = {
        "fit": FitRule(source.randint(1, 6), floor, floor + source.uniform(0, 80)),
        "align": source.choice(["start", "center", "end"]),
        "vertical": source.choice(["top", "middle", "bottom"]),
        "type": style_for(
            locale,
            weight=source.choice([300, 450, 700, 900]),
            tracking=source.choice([-0.03, 0.0, 0.08]),
            leading=source.choice([1.0, 1.2, 1.6]),
            upper=source.random() < 0.3,
        ),
    }
    return text, locale, box, changes


@pytest.fixture(scope="module")
def placed() -> list[tuple[str, PlacedText]]:
    """Set every case once."""
    made = []
    for number in range(CASES):
        text, locale, box, changes = case(number)
        made.append((locale, set_one(text, box, locale=locale, unbroken=NAMES, **changes)))  # type: ignore[arg-type]
    return made


def test_cases_are_of_both_kinds(placed: list[tuple[str, PlacedText]]) -> None:
    """Control: the sample holds many texts that fit and many that overflow."""
    overflowing = sum(text.fit.overflow for _, text in placed)
    assert CASES // 20 < overflowing < CASES // 2


def test_no_ink_outside_without_overflow(placed: list[tuple[str, PlacedText]]) -> None:
    """Every glyph's ink stands inside the box, unless the text says that it overflows."""
    for _, text in placed:
        for glyph in glyphs(text):
            assert text.fit.overflow or glyph.ink is None or text.box.contains(glyph.ink, 0.05), text.text


def test_overflow_has_a_cause(placed: list[tuple[str, PlacedText]]) -> None:
    """A text that says overflow is at its floor, and has too many lines, or too much width or height there."""
    for _, text in placed:
        if text.fit.overflow:
            room = text.box.width + 0.05, text.box.height / 1.75  # what is reserved above and below may be empty
            wide = max(line.box.width for line in text.lines) > room[0]
            many = text.fit.lines > text.fit.max_lines
            assert text.fit.size == text.fit.minimum
            assert wide or many or text.ink.height > room[1], (text.text, text.box, text.ink)


def test_limits(placed: list[tuple[str, PlacedText]]) -> None:
    """Sizes and lines stay within the rule."""
    for _, text in placed:
        assert text.fit.size >= text.fit.minimum
        assert text.fit.overflow or text.fit.lines <= text.fit.max_lines
        assert text.fit.lines == len(text.lines)


def test_nothing_is_lost(placed: list[tuple[str, PlacedText]]) -> None:
    """The lines hold the whole copy, and every visible character belongs to some glyph's cluster."""
    for _, text in placed:
        assert "".join(lines(text)).replace(" ", "") == text.text.replace(" ", "")
        clusters = {glyph.cluster for glyph in glyphs(text)}
        assert all(0 <= cluster < len(text.text) for cluster in clusters)


def test_kinsoku_and_names_everywhere(placed: list[tuple[str, PlacedText]]) -> None:
    """No line begins with a forbidden character, none parts a brand's name."""
    for _, text in placed:
        for line in text.lines[1:]:
            assert line.text[0] not in NOT_AT_START
        for name in NAMES:
            starts = [at for at in range(len(text.text)) if text.text.startswith(name, at)]
            for line in text.lines[1:]:
                assert not [at for at in starts if at < line.start < at + len(name)]


def test_clusters_stand_in_order(placed: list[tuple[str, PlacedText]]) -> None:
    """Clusters of one line never run backwards; a cluster's marks and dots may stand anywhere on it."""
    for _, text in placed:
        for line in text.lines:
            pens: dict[int, float] = {}
            for run in line.runs:
                for glyph in run.glyphs:
                    pens[glyph.cluster] = max(glyph.x, pens.get(glyph.cluster, glyph.x))
            slack = 0.35 * text.fit.size
            assert all(after >= before - slack for before, after in itertools.pairwise(pens.values()))
