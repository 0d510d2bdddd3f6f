"""A diagnostic in plain lines: the caret stands under the character, whatever stands before it."""

from __future__ import annotations

from flux2flow.errors import Diagnostic, Position
from flux2flow.loading import format_diagnostic


def test_full_diagnostic() -> None:
    found = Diagnostic(
        "unknown-format", "there is no format 'web/opn'", Position("c.yaml", 12, 5), "assets[0]", "one of a, b",
        ("web/open",), "list them", ((12, "  - web/opn"),), 7,
    )  # fmt: skip
    assert format_diagnostic(found) == (
        "c.yaml:12:5: there is no format 'web/opn' [assets[0]]\n"
        "  12 |   - web/opn\n"
        "     |     ^^^^^^^\n"
        "  expected: one of a, b\n"
        "  did you mean web/open?\n"
        "  remedy: list them"
    )


def test_caret_follows_wide_and_combining_characters_and_tabs() -> None:
    line = "\t日本 e\u0301x"
    found = Diagnostic("c", "m", Position("f", 1, 7), snippet=((1, line),))
    assert format_diagnostic(found).splitlines()[1:] == ["  1 | \t日本 e\u0301x", "    | \t      ^"]


def test_long_lines_are_cut_around_the_caret() -> None:
    line = "a" * 500 + "X" + "b" * 500
    shown, caret = format_diagnostic(Diagnostic("c", "m", Position("f", 1, 501), snippet=((1, line),))).splitlines()[1:]
    assert len(shown) < 180
    assert shown[caret.index("^")] == "X"
    assert shown.startswith("  1 | …aaa")
    assert shown.endswith("b…")


def test_control_characters_never_reach_the_terminal() -> None:
    found = Diagnostic("c", "m", Position("f", 1, 1), snippet=((1, "a\x1b[31mred\u202e"),))
    assert "\x1b" not in format_diagnostic(found)
    assert "\u202e" not in format_diagnostic(found)


def test_place_only() -> None:
    assert format_diagnostic(Diagnostic("missing-file", "gone", Position("c.yaml"))) == "c.yaml: gone"
