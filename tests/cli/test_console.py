"""What is shown: nothing that draws on the terminal, carets under what they mean, colours where they are wanted."""

from __future__ import annotations

import io
import sys

import click
import pytest

from flux2flow.cli.console import Console
from flux2flow.cli.options import parse_only
from flux2flow.cli.progress import Bars, Lines
from flux2flow.cli.text import columns, visible
from flux2flow.errors import Diagnostic, Position
from flux2flow.interfaces import Event
from flux2flow.reporting.terminal import Problem


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_control_and_format_characters_are_written_out() -> None:
    assert visible("plain – text · 日本語 العربية") == "plain – text · 日本語 العربية"
    assert visible("\x1b[31mred\x07") == "\\u001b[31mred\\u0007"
    assert visible("a\u202eb\u200fc\ufeff") == "a\\u202eb\\u200fc\\ufeff"
    assert visible("line\nbreak\r") == "line\\u000abreak\\u000d"
    assert visible("\U000e0041") == "\\U000e0041"


def test_columns_of_the_terminal() -> None:
    assert columns("abc") == 3
    assert columns("日本") == 4
    assert columns("e\u0301") == 1


WRONG = Diagnostic(
    "unknown-key",
    "there is no key ‘formts’ here",
    Position("campaign.yaml", 9, 5),
    path="assets[0].formts",
    expected="one of id, template, formats",
    suggestions=("formats",),
    remedy="Rename it.",
    snippet=((8, "  - template: banner/product-hero"), (9, "    formts: [iab/leaderboard]")),
    length=6,
)


def test_diagnostics_show_where_what_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    Console().diagnostics((WRONG,))
    assert capsys.readouterr().err.splitlines() == [
        "campaign.yaml:9:5: there is no key ‘formts’ here [assets[0].formts]",
        "  8 |   - template: banner/product-hero",
        "  9 |     formts: [iab/leaderboard]",
        "    |     ^^^^^^",
        "  expected: one of id, template, formats",
        "  did you mean formats?",
        "  remedy: Rename it.",
        "",
        "1 problem. Nothing was made.",
    ]


def test_a_diagnostic_cannot_draw_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    evil = "\x1b[2J\u202e"
    Console().diagnostics((Diagnostic("x", evil, Position(evil, 1, 1), evil, evil, (evil,), evil, ((1, evil),)),))
    shown = capsys.readouterr().err
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert shown.count("\\u001b") >= 5  # control: written out, not lost


def test_colours_are_for_terminals_and_never_with_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    def written(stream: io.StringIO) -> str:
        monkeypatch.setattr(sys, "stdout", stream)
        Console().line("Done", color="green")
        return stream.getvalue()

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert written(Terminal()) == "\x1b[32mDone\x1b[0m\n"
    assert written(io.StringIO()) == "Done\n"
    monkeypatch.setenv("NO_COLOR", "1")
    assert written(Terminal()) == "Done\n"


def test_problems_name_their_pictures_and_escape_them(capsys: pytest.CaptureFixture[str]) -> None:
    assets = tuple(f"hero/{i}" for i in range(5))
    Console().problems(
        [Problem("fail", "overflow", "cta", ("does not \x1b[2Jfit", "b", "c", "d"), "Shorten it.", assets)]
    )
    assert capsys.readouterr().out.splitlines() == [
        "FAIL  overflow · cta",
        "      does not \\u001b[2Jfit",
        "      b",
        "      c",
        "      and 1 more like these",
        "      → Shorten it.",
        "      hero/0",
        "      hero/1",
        "      hero/2",
        "      and 2 more",
        "",
    ]


def test_a_table_aligns_double_width_text(capsys: pytest.CaptureFixture[str]) -> None:
    Console().table(["name", "n"], [["日本", "1"], ["abc", "23"]], right=frozenset({1}))
    assert capsys.readouterr().out == "name   n\n日本   1\nabc   23\n"


def test_plain_lines_tell_plates_tenths_and_trouble() -> None:
    told: list[str] = []
    lines = Lines(told.append)
    lines(Event("start", "aurora", 0, 40))
    lines(Event("plate-step", "hero/a", 1, 4))
    lines(Event("plate", "hero/a", 1, 2))
    lines(Event("plate", "hero/b", 2, 2, reused=True))
    for number in range(1, 41):
        lines(Event("asset", f"hero/{number}", number, 40, detail="rejected" if number == 7 else ""))
    lines(Event("failure", "hero/x", 40, 40, detail="no \x1b memory"))
    lines(Event("end", "aurora", 40, 40, detail=""))
    assert told[0] == "plate 1/2 painted: hero/a"
    assert "kept back: hero/7" in told
    assert told[-1] == "failed: hero/x: no \\u001b memory"
    assert [line for line in told if line.startswith("picture")][-1] == "picture 40/40"
    assert len(told) == 1 + 11 + 1 + 1


def test_a_models_phases_are_told_once_each() -> None:
    """With how many things they go through; plates that wait for their decoding are no finished ones."""
    told: list[str] = []
    lines = Lines(told.append)
    for name, of in (("load text encoder", 1), ("encode prompts", 3)):
        for done in range(of):
            lines(Event("phase", name, done, of))
    assert told == ["load text encoder", "encode prompts (3)"]


def test_bars_count_sampled_plates_as_nearly_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two plates sampled in phases, then one decoded; the phase at work is named."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with Bars(2, color=False) as bars:
        bars(Event("phase", "encode prompts", 1, 2))
        assert bars._progress is not None
        (task,) = bars._progress.tasks
        assert (task.completed, task.fields["subject"]) == (0, "encode prompts (2 of 2)")
        for plate in ("hero/a", "hero/b"):
            bars(Event("plate-step", plate, 4, 4))
        assert 1.5 < task.completed < 2
        bars(Event("plate", "hero/a", 1, 2))
        assert 1.5 < task.completed < 2
        bars(Event("plate", "hero/b", 2, 2))
        assert task.completed == 2


def test_bars_appear_only_when_something_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with Bars(2, color=False) as bars:
        bars(Event("plate", "hero/a", 1, 1, reused=True))
        bars(Event("asset", "hero/1", 1, 1, reused=True))
        assert terminal.getvalue() == ""
        bars(Event("plate-step", "hero/b", 2, 4))
        bars(Event("failure", "hero/b", 1, 2, detail="no [red]memory"))
    assert "no [red]memory" in terminal.getvalue()
    assert "Plates" in terminal.getvalue()


def test_only_reads_pairs() -> None:
    assert parse_only("format=iab/leaderboard,locale=ar") == {"format": "iab/leaderboard", "locale": "ar"}
    for wrong in ("", "locale", "locale=", "=ar", "locale=ar,locale=de", "size=big"):
        with pytest.raises(click.BadParameter):
            parse_only(wrong)
