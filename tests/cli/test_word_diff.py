"""A word diff: both texts can be read out of it, and a lone little word does not tear a change apart."""

from __future__ import annotations

import io
import itertools
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flux2flow.cli.console import console
from flux2flow.cli.word_diff import Change, word_diff

TEXT = st.lists(st.sampled_from(["a", "lamp", "table", "on", "the", "glows"]), max_size=20).map(" ".join)


def side(changes: tuple[Change, ...], kind: str) -> str:
    return " ".join(word for change in changes if change.kind in ("same", kind) for word in change.words)


@given(TEXT, TEXT)
def test_both_texts_are_in_it(before: str, after: str) -> None:
    """No word is lost, and neighbours never share a fate."""
    changes = word_diff(before, after)
    assert (side(changes, "gone"), side(changes, "new")) == (before, after)
    assert all(one.kind != two.kind for one, two in itertools.pairwise(changes))


def test_a_lone_word_in_the_midst_of_a_change_is_part_of_it() -> None:
    assert word_diff("bright red a tall lamp", "dim blue a small torch") == (
        Change("gone", ("bright", "red", "a", "tall", "lamp")),
        Change("new", ("dim", "blue", "a", "small", "torch")),
    )
    assert [change.kind for change in word_diff("red on the table", "blue on the table")] == ["gone", "new", "same"]
    assert word_diff("a lamp", "a lamp") == (Change("same", ("a", "lamp")),)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def shown(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, before: str, after: str) -> str:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys, "stdout", stream)
    console.word_diff(before, after)
    return stream.getvalue()


def test_without_a_terminal_the_changes_are_marked_as_git_marks_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, io.StringIO(), "a red lamp stands", "a dim blue lamp stands") == (
        "  a [-red-] {+dim blue+} lamp stands\n"
    )


def test_on_a_terminal_they_are_coloured(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(monkeypatch, Terminal(), "a red lamp stands", "a blue lamp stands")
    assert "\x1b[31m\x1b[9mred\x1b[0m" in text
    assert "\x1b[32mblue\x1b[0m" in text
    assert "[-" not in text


def test_lines_keep_to_the_width_and_no_text_draws_on_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(monkeypatch, io.StringIO(), "a lamp " * 12, "\x1b[2J\u202e " + "a torch " * 12)
    assert max(len(line) for line in text.splitlines()) <= 44  # marks hang over the edge
    assert len(text.splitlines()) > 4
    assert "\x1b" not in text
    assert "\\u001b[2J\\u202e" in text
