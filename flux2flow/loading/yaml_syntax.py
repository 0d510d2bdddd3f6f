"""PyYAML's syntax errors → diagnostics in plain words. Knows nothing of values."""

from __future__ import annotations

import re

import yaml

from flux2flow.errors import Diagnostic
from flux2flow.loading.source_text import SourceText


def diagnose(error: yaml.YAMLError, source: SourceText) -> Diagnostic:
    """Translate an error; a tab where it hurts gets its own code."""
    problem = str(getattr(error, "problem", None) or error)
    context = str(getattr(error, "context", None) or "")
    opening = "quoted scalar" in context and "end of stream" in problem  # the place where it began says more
    mark = getattr(error, "context_mark" if opening else "problem_mark", None)
    index = min(mark.index, len(source.text)) if mark is not None else 0
    line_start = source.text.rfind("\n", 0, index) + 1
    leading = re.match(r"[ \t]*", source.text[line_start:])
    blank = leading.group() if leading else ""
    in_blank = "\t" in blank and index <= line_start + len(blank)
    if in_blank or source.text[index : index + 1] == "\t":
        place = line_start + blank.index("\t") if in_blank else index
        return _tab(source, place)
    message, remedy = _plain_words(problem, context)
    return source.diagnostic("syntax", message, index, remedy=remedy)


def _tab(source: SourceText, index: int) -> Diagnostic:
    indents = not source.text[source.text.rfind("\n", 0, index) + 1 : index].strip()
    message = "a tab is used for indentation" if indents else "a tab is not allowed here"
    return source.diagnostic("tab", message, index, expected="spaces", remedy="replace the tab with spaces")


_WORDS = (
    (
        "mapping values are not allowed here",
        "':' is not allowed here",
        "check the indentation, or quote the text that holds ': '",
    ),
    ("could not find expected ':'", "a key without ':'", "write 'key: value'"),
    ("while scanning a quoted scalar", "the quotation mark is never closed", "close the quote"),
    ("expected ',' or ']'", "',' or ']' is missing", "close the list"),
    ("expected ',' or '}'", "',' or '}' is missing", "close the braces"),
    (
        "did not find expected '-' indicator",
        "the indentation does not fit the list above",
        "align it with the other items",
    ),
    (
        "expected <block end>",
        "the indentation does not fit what stands above",
        "align the line with the keys it belongs to",
    ),
    ("found character '%'", "a value cannot begin with '%'", "quote it"),
    ("found character '@'", "a value cannot begin with '@'", "quote it"),
    ("found character '`'", "a value cannot begin with '`'", "quote it"),
    ("found unknown escape character", "the escape is unknown", "double the backslash, or use single quotes"),
)


def _plain_words(problem: str, context: str) -> tuple[str, str]:
    whole = f"{context} {problem}"
    for fragment, message, remedy in _WORDS:
        if fragment in whole:
            return message, remedy
    return f"YAML cannot be read here: {problem}", ""
