"""Turns a string with `{{ }}` expressions and plain data into text, in Jinja2's syntax.

Jinja's own lexer and parser read the string; what they yield is walked against a closed list of nodes, so no Python
attribute is ever read, nothing is called and nothing is compiled. Every problem carries its offset in the string.
Refuses to know what the names mean: planning passes `slots, copy, row, variant, brand, locale, format`.

Every string is rendered once: a text of a copy deck that holds expressions is rendered before it is put into `copy`.
A mapping with a `path` (an image slot) prints as that path.
"""

from flux2flow.expressions.evaluation import MAX_OUTPUT, evaluate
from flux2flow.expressions.filters import as_text, number_problem
from flux2flow.expressions.locale_formats import decimal_mark
from flux2flow.expressions.reading import (
    MAX_SOURCE,
    ExpressionError,
    Names,
    Use,
    check,
    is_template,
    problems,
    suggest,
    uses,
)

__all__ = [
    "MAX_OUTPUT",
    "MAX_SOURCE",
    "ExpressionError",
    "Names",
    "Use",
    "as_text",
    "check",
    "decimal_mark",
    "evaluate",
    "is_template",
    "number_problem",
    "problems",
    "suggest",
    "uses",
]
