"""Last lines that are too short to stand alone."""

from __future__ import annotations

import pytest

from flux2flow.typography.breaking import widow, widow_penalty


@pytest.mark.parametrize(
    ("text", "last", "kind"),
    [
        ("静かな光をあなたの部屋へ。", "へ。", "character"),
        ("让夜晚的肌肤重现光彩", "彩", "character"),
        ("조용한 빛을 너", "너", "character"),
        ("静かな光をあなたの部屋へ", "部屋へ", ""),
        ("Light for the home, for you and me", "me", "syllable"),
        ("Light for the home is here now", "now", "word"),
        ("Light for the whole home!", "home!", "word"),
        ("Light for the whole family", "family", ""),
        ("Light for the home is here now", "here now", ""),
        ("Lampen fürs ganze Haus ab 49 €", "49 €", "price"),
        ("Lamps for the whole house from $49.90*", "$49.90*", "price"),
        ("Crème de nuit, le grand pot de 250 ml", "250 ml", "price"),
        ("Lamps for the whole house from 49 euros on", "49 euros on", ""),
        ("كل الضوء للبيت مع", "مع", "syllable"),
        ("ทุกคืน ดี", "ดี", "syllable"),
    ],
)
def test_what_is_a_widow(text: str, last: str, kind: str) -> None:
    """One character, one or two letters, a word under five, a price alone; marks do not count."""
    start = text.rindex(last)
    assert widow(text, start, len(text)) == kind
    assert (widow_penalty(text, start, len(text)) > 0) is bool(kind)


@pytest.mark.parametrize("text", ["へ", "now", "49 €"])
def test_a_paragraphs_only_line_is_none(text: str) -> None:
    """A text of one line is no widow, and neither is an empty line."""
    assert widow(text, 0, len(text)) == ""
    assert widow(f"{text} ", len(text) + 1, len(text) + 1) == ""


def test_the_shorter_the_worse() -> None:
    """A character alone costs more than a syllable, and that more than a word or a price."""
    costs = [
        widow_penalty("部屋へへ", 3, 4),
        widow_penalty("for me", 4, 6),
        widow_penalty("ab 49 €", 3, 7),
        widow_penalty("is now", 3, 6),
        widow_penalty("is family", 3, 9),
    ]
    assert costs == sorted(costs, reverse=True)
    assert len(set(costs)) == 5
