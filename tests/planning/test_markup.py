"""Light markup: what is a sign and what is a letter, what does not close, and that reading undoes writing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flux2flow.planning.markup import ICON, SIGNS, Marked, MarkupError, Span, escape, is_plain, read

_WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n"), max_size=12)
_TIGHT = st.text("abzÄß5٣朝ع .,!-", min_size=1, max_size=8).map(lambda text: f"x{text}x")
_NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,6}", fullmatch=True)


def _piece(depth: int) -> st.SearchStrategy[tuple[str, str, list[tuple[str, str]]]]:
    """Give the source, the plain text, and the (kind, words) of every span of a piece, outermost first."""
    plain = _WORDS.map(lambda text: (escape(text), text, []))
    icon = _NAMES.map(lambda name: (f":{name}:", ICON, [("icon", ICON)]))
    if not depth:
        return st.one_of(plain, icon)
    styled = st.tuples(_TIGHT, _NAMES).map(
        lambda pair: (f"[{escape(pair[0])}]{{{pair[1]}}}", pair[0], [("style", pair[0])])
    )
    accent = _TIGHT.map(lambda text: (f"*{escape(text)}*", text, [("accent", text)]))
    nested = st.tuples(_TIGHT, _NAMES, _TIGHT).map(
        lambda t: (
            f"*{escape(t[0])}[{escape(t[2])}]{{{t[1]}}}{escape(t[0])}*",
            f"{t[0]}{t[2]}{t[0]}",
            [("accent", f"{t[0]}{t[2]}{t[0]}"), ("style", t[2])],
        )
    )
    return st.one_of(plain, icon, styled, accent, nested)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_any_text_escaped_reads_back_as_itself_without_spans(text: str) -> None:
    """Whatever signs a product's name holds, it is set as it stands."""
    assert read(escape(text)) == Marked(text)


def test_the_round_trip_has_a_control() -> None:
    """Unescaped, signs do mean something: else the test above would hold of a reader that reads nothing."""
    assert read("a *b* c") != Marked("a *b* c")


@given(st.lists(_piece(1), max_size=6))
def test_markup_that_was_written_reads_back_with_every_span_over_its_own_words(
    pieces: list[tuple[str, str, list[tuple[str, str]]]],
) -> None:
    """Accents, styles, icons and nesting, in any order, between any words."""
    source = " ".join(piece[0] for piece in pieces)
    marked = read(source)
    assert marked.text == " ".join(piece[1] for piece in pieces)
    found = [(span.kind, marked.text[span.start : span.stop]) for span in marked.spans]
    assert found == [span for piece in pieces for span in piece[2]]


@given(st.text(SIGNS + " ab5朝", max_size=24))
def test_any_string_of_signs_is_read_or_refused_with_a_place_inside_it(source: str) -> None:
    """Nothing is lost silently: the plain text is the source without the signs that were read."""
    outcome = _outcome(source)
    if isinstance(outcome, MarkupError):
        assert 0 <= outcome.offset < len(source)
        assert outcome.remedy
        return
    assert [letter for letter in outcome.text if letter not in SIGNS + ICON] == [
        letter for letter in _without_names(source, outcome) if letter not in SIGNS
    ]


def _outcome(source: str) -> Marked | MarkupError:
    try:
        return read(source)
    except MarkupError as error:
        return error


def _without_names(source: str, marked: Marked) -> str:
    for name in [span.name for span in marked.spans if span.kind == "icon"]:
        source = source.replace(f":{name}:", "", 1)
    for name in [span.name for span in marked.spans if span.kind == "style"]:
        source = source.replace(f"{{{name}}}", "", 1)
    return source


@pytest.mark.parametrize(
    "text",
    ["5*", "5* hotel", "2*3*4", "2 * 3 * 4", "a * b", "*", "* *", "12:30", "a:b:c", "Note: this", ":", "::", "[1]",
     "[sic] {x}", "{a: 1}", "\\", "C:\\dir", "Serum 5*-7*", "::before", ":Not:", "f(x)[i]", "**", "5***", "*** hotel",
     "** Ends on Sunday"],
)  # fmt: skip
def test_signs_that_cannot_be_markup_are_plain(text: str) -> None:
    """A lone star or colon, brackets without braces."""
    assert read(text) == Marked(text)


@pytest.mark.parametrize(
    ("source", "text", "spans"),
    [
        ("For *you*.", "For you.", [Span(4, 7, "accent")]),
        ("*All* of *it*", "All of it", [Span(0, 3, "accent"), Span(7, 9, "accent")]),
        ("朝*五時*に", "朝五時に", [Span(1, 3, "accent")]),
        ("ال*قهوة*", "القهوة", [Span(2, 6, "accent")]),
        ("*5*", "5", [Span(0, 1, "accent")]),
        ("[from]{tiny} 5", "from 5", [Span(0, 4, "style", "tiny")]),
        ("[a [b]{x} c]{y}", "a b c", [Span(0, 5, "style", "y"), Span(2, 3, "style", "x")]),
        ("*a [b]{x} c*", "a b c", [Span(0, 5, "accent"), Span(2, 3, "style", "x")]),
        ("[a *b* c]{y}", "a b c", [Span(0, 5, "style", "y"), Span(2, 3, "accent")]),
        (":bean: roast", f"{ICON} roast", [Span(0, 1, "icon", "bean")]),
        ("豆:bean:豆", f"豆{ICON}豆", [Span(1, 2, "icon", "bean")]),
        (r"\*not\* \[x\]{y} \:bean\:", "*not* [x]{y} :bean:", []),
        ("*5\\* hotel*", "5* hotel", [Span(0, 8, "accent")]),
        ("[]{x}", "", []),
    ],
)
def test_what_markup_means(source: str, text: str, spans: list[Span]) -> None:
    """Every form, once."""
    assert read(source) == Marked(text, tuple(spans))


@pytest.mark.parametrize(
    ("source", "offset", "words"),
    [
        ("For *you", 4, "does not end"),
        ("*a [b*]{x}", 3, "do not end"),
        ("[a *b]{x} c*", 3, "does not end"),
        ("[words]{style", 7, "has no name"),
        ("[words]{}", 7, "has no name"),
        ("For **you**", 4, "single stars"),
    ],
)
def test_what_does_not_close_is_an_error_with_its_place(source: str, offset: int, words: str) -> None:
    """The place is where the open markup begins."""
    with pytest.raises(MarkupError, match=words) as caught:
        read(source)
    assert caught.value.offset == offset


def test_plain_texts_are_known_without_reading() -> None:
    """Most copy holds no sign at all."""
    assert is_plain("Vier Röstungen, 126.550 Tassen")
    assert not is_plain("Vier *Röstungen*")
