"""PyYAML's syntax errors → diagnostics in plain words, where the mistake was made.

Knows nothing of values.
"""

from __future__ import annotations

import re

import yaml

from flux2flow.errors import Diagnostic
from flux2flow.loading.source_text import SourceText

_WORDS = (
    # what PyYAML says (context and problem), what it means, what to do
    ("mapping values are not allowed", "':' is not allowed here", "quote the text that holds ': '"),
    ("expected ',' or ']'", "',' or ']' is missing", "separate the entries with commas, close the list with ']'"),
    ("expected ',' or '}'", "',' or '}' is missing", "separate the entries with commas, close the braces with '}'"),
    ("expected '-' indicator", "the indentation does not fit the list above", "align it with the other items"),
    (
        "expected <block end>",
        "the indentation does not fit what stands above",
        "align the line with what it belongs to",
    ),
    (
        "sequence entries are not allowed",
        "a list cannot begin behind a key on the same line",
        "begin it on the next line",
    ),
    (
        "expected a comment or a line break",
        "nothing can follow '|' or '>' on their line",
        "begin the text on the next line",
    ),
    ("while scanning an alias", "a value that begins with '*' repeats an anchor", "quote it if it is text"),
    ("while scanning an anchor", "a value that begins with '&' names an anchor", "quote it if it is text"),
    ("found unknown escape character", "the escape is unknown", "double the backslash, or use single quotes"),
    ("while scanning a directive", "a line cannot begin with '%'", "quote it if it is text"),
)
_CANNOT_BEGIN = re.compile(r"found character '(.)' that cannot start any token")
_UNEXPECTED = re.compile(r"but found '(.+)'$")
_JOINED = re.compile(r"([ ]*(?:- )*)([\w.-]+):(?=[^\s:/])")


def diagnose(error: yaml.YAMLError, source: SourceText) -> Diagnostic:
    """Translate an error."""
    problem, context = str(getattr(error, "problem", None) or error), str(getattr(error, "context", None) or "")
    index = _index(getattr(error, "problem_mark", None), source)
    opening = _index(getattr(error, "context_mark", None), source)
    text = source.text
    tab = _tab(text, index)
    if tab is not None:
        indents = not text[text.rfind("\n", 0, tab) + 1 : tab].strip()
        message = "a tab is used for indentation" if indents else "a tab is not allowed here"
        return source.diagnostic("tab", message, tab, expected="spaces", remedy="replace the tab with spaces")
    if text.startswith("{{", index) or text.startswith("{{", index - 1):
        place = text.rfind("{{", 0, index + 2)
        message, remedy = "an expression must stand in quotes", 'quote the whole text: "… {{ … }}"'
        return source.diagnostic("unquoted-expression", message, place, length=2, remedy=remedy)
    place, message, remedy = _elsewhere(text, index, opening, problem, context) or (index, *_words(problem, context))
    return source.diagnostic("syntax", message, place, remedy=remedy)


def _index(mark: object, source: SourceText) -> int:
    index = getattr(mark, "index", 0)
    return min(index, len(source.text)) if isinstance(index, int) else 0


def _tab(text: str, index: int) -> int | None:
    """Find the tab that an error is about: where it stands, or in the white space before it."""
    line = text.rfind("\n", 0, index) + 1
    leading = re.compile(r"[ \t]*").match(text, line)
    end = leading.end() if leading is not None else line
    found = text.find("\t", line, end)
    if found >= 0 and index <= end:
        return found
    return index if text.startswith("\t", index) else None


def _elsewhere(text: str, index: int, opening: int, problem: str, context: str) -> tuple[int, str, str] | None:
    """Find mistakes that were made before the place where they show."""
    later = "\n" in text[opening:index].strip() or index >= len(text.rstrip())
    if "quoted scalar" in context and ("end of stream" in problem or "document separator" in problem):
        return opening, "the quotation mark is never closed", "close the quote"
    if "flow sequence" in context and later:
        return opening, "'[' is never closed", "close it with ']'"
    if "flow mapping" in context and later:
        return opening, "'{' is never closed", "close it with '}'"
    if "scanning an alias" in context or "scanning an anchor" in context:
        return opening, *_words(problem, context)
    if "could not find expected ':'" in problem and text.startswith("-", opening):
        return opening, "a space is missing behind '-'", "write '- ' before a list item"
    if "could not find expected ':'" in problem:
        joined = _JOINED.match(text, text.rfind("\n", 0, opening) + 1)
        return _joined_colon(joined) if joined is not None else (opening, "this line has no ':'", "write 'key: value'")
    if "mapping values are not allowed" in problem:
        return _unexpected_colon(text, index)
    if "expected <block end>" in problem and text[index - 1 : index] in ("'", '"'):
        quote = text[index - 1]
        remedy = (
            "write '' for a quote inside single quotes"
            if quote == "'"
            else 'write \\" for a quote inside double quotes'
        )
        return index, "text stands behind the closing quote", remedy
    return None


def _joined_colon(joined: re.Match[str]) -> tuple[int, str, str]:
    """Explain a key whose value follows its colon without a space."""
    return joined.end() - 1, "a space is missing behind ':'", f"write {joined.group(2)}: and a space"


def _unexpected_colon(text: str, index: int) -> tuple[int, str, str] | None:
    """Explain a key where none can be: the line above ends in a value, or lacks the space behind its colon."""
    line = text.rfind("\n", 0, index) + 1
    if ": " in text[line:index] or not line:
        return None  # a second colon on one line
    above = text.rfind("\n", 0, line - 1) + 1
    joined = _JOINED.match(text, above)
    if joined is not None:
        return _joined_colon(joined)
    first = len(text[line:index]) - len(text[line:index].lstrip())
    return line + first, "the line above already has a value", "align this line with it, or remove that value"


def _words(problem: str, context: str) -> tuple[str, str]:
    whole = f"{context} {problem}"
    for fragment, message, remedy in _WORDS:
        if fragment in whole:
            return message, remedy
    if (begins := _CANNOT_BEGIN.search(problem)) is not None:
        return f"a value cannot begin with '{begins.group(1)}'", "quote it"
    if (found := _UNEXPECTED.search(problem)) is not None and not found.group(1).startswith("<"):
        return f"'{found.group(1)}' is not expected here", "quote it if it is text"
    return f"YAML cannot be read here: {problem}", ""
