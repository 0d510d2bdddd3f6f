"""Turns a string with `{{ }}` expressions into a checked syntax tree, and lists the names it reads.

Jinja's own lexer and parser do the reading; here every node gets its offset in the string, and whatever is not on the
closed list is refused. Refuses to know any value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import lru_cache

from jinja2 import StrictUndefined, TemplateSyntaxError, nodes
from jinja2.lexer import TokenStream
from jinja2.sandbox import ImmutableSandboxedEnvironment

from flux2flow.errors import EXIT_USAGE, Flux2FlowError
from flux2flow.expressions.filters import FILTERS, NAMED

MAX_SOURCE = 16 * 1024
MAX_TOKENS = 256  # of one expression; bounds the parser's recursion as well
MAX_DEPTH = 32  # of brackets

Names = Mapping[str, "Names | None"]
"""Known names: a mapping lists what stands below a name; None means a single value, or anything."""


class ExpressionError(Flux2FlowError):
    """An expression cannot be read or evaluated. `offset` and `length` mark the place in the source string."""

    exit_code = EXIT_USAGE

    def __init__(
        self,
        message: str,
        offset: int = 0,
        length: int = 1,
        *,
        code: str = "expression",
        suggestions: tuple[str, ...] = (),
        remedy: str = "",
    ) -> None:
        super().__init__(message)
        self.message, self.offset, self.length = message, offset, max(length, 1)
        self.code, self.suggestions, self.remedy = code, suggestions, remedy


@dataclass(frozen=True, slots=True)
class Use:
    """A name an expression reads, such as ("copy", "headline"), where it stands, and whether it may be absent."""

    path: tuple[str, ...]
    offset: int
    length: int
    optional: bool = False
    offsets: tuple[int, ...] = ()
    """Offset of each part of the path."""
    filter: str = ""
    """The filter that always takes this value; empty where none does, or only under a condition."""


class _Environment(ImmutableSandboxedEnvironment):
    """Jinja's lexer and parser, with offsets in the place of line numbers."""

    def _tokenize(
        self, source: str, name: str | None, filename: str | None = None, state: str | None = None
    ) -> TokenStream:
        del state  # Jinja starts in another state only for its own extensions
        located = _located_tokens(self, source)
        return TokenStream(self.lexer.wrap(located, name, filename), name, filename)


_ENVIRONMENT = _Environment(undefined=StrictUndefined, keep_trailing_newline=True)
_ENVIRONMENT.globals.clear()
_ENVIRONMENT.filters.clear()
_ENVIRONMENT.filters.update(FILTERS)
_REFUSED_BEGINNINGS = {"block_begin": "{% %}", "raw_begin": "{% raw %}", "comment_begin": "{# #}"}


def is_template(source: str) -> bool:
    """Whether a string holds anything but plain text."""
    return "{{" in source or "{%" in source or "{#" in source


def check(source: str, names: Names) -> None:
    """Raise the first ExpressionError that can be known from the names alone."""
    for problem in problems(source, names):
        raise problem


def problems(source: str, names: Names) -> tuple[ExpressionError, ...]:
    """Every problem that can be known from the names alone, in order."""
    try:
        found = uses(source)
    except ExpressionError as error:
        return (error,)
    unknown = (_unknown(use, names) for use in found if not use.optional)
    return tuple(problem for problem in unknown if problem is not None)


def uses(source: str) -> tuple[Use, ...]:
    """Every name the string reads, in order; raise ExpressionError where it cannot be read."""
    if not is_template(source):
        return ()
    collected: list[Use] = []
    for node in parse(source):
        if not isinstance(node, nodes.TemplateData):
            _collect(node, source, collected)
    return tuple(sorted(collected, key=lambda use: use.offset))


def suggest(wrong: str, known: Sequence[str]) -> tuple[str, ...]:
    """Find the known names nearest to a wrong one, best first, at most three."""
    lowered = {name.lower(): name for name in reversed(known)}
    near = get_close_matches(wrong.lower(), list(lowered), n=3, cutoff=0.6)
    return tuple(lowered[name] for name in near)


def _located_tokens(environment: _Environment, source: str) -> Iterator[tuple[int, str, str]]:
    """Jinja's raw tokens with each one's offset; refuse statements, comments, and what is too long or too deep."""
    position, opened, count, depth = 0, 0, 0, 0
    tokens = environment.lexer.tokeniter(source, None)
    while True:
        try:
            _line, kind, value = next(tokens)
        except StopIteration:
            return
        except TemplateSyntaxError as error:
            place = (
                position + len(source[position:]) - len(source[position:].lstrip())
                if position < len(source)
                else opened
            )
            raise ExpressionError(_sentence(error.message), min(place, len(source) - 1)) from None
        if kind == "data":
            yield position, kind, value
            position += len(value)
            continue
        found = source.find(value, position)
        position = found if found >= 0 else position
        if kind in _REFUSED_BEGINNINGS:
            raise ExpressionError(
                f"{_REFUSED_BEGINNINGS[kind]} is not allowed here: only {{{{ }}}} expressions are",
                position,
                2,
                remedy="for a condition write {{ a if b else c }}",
            )
        if kind == "variable_begin":
            opened, count = position, 0
        elif kind == "operator":
            depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(value, 0)
        count += kind != "whitespace"
        if count > MAX_TOKENS or depth > MAX_DEPTH:
            raise ExpressionError("the expression is too long or too deeply nested", opened, 2)
        yield position, kind, value
        position += len(value)


@lru_cache(maxsize=4096)
def parse(source: str) -> tuple[nodes.Expr, ...]:
    """Read the string's parts in order: TemplateData, or an expression made of allowed nodes."""
    if len(source) > MAX_SOURCE:
        raise ExpressionError(f"the text is {len(source):,} characters long; at most {MAX_SOURCE:,} are allowed")
    try:
        template = _ENVIRONMENT.parse(source)
    except TemplateSyntaxError as error:
        offset = min(max(error.lineno - 1 if error.lineno > len(source) else error.lineno, 0), len(source) - 1)
        if "end of template" in (error.message or ""):
            offset = source.rfind("{{")
            raise ExpressionError("'{{' is never closed", offset, 2, remedy="close it with '}}'") from None
        raise ExpressionError(_sentence(error.message), offset) from None
    except ValueError as error:
        raise ExpressionError(f"a number cannot be read: {error}", max(source.find("{{"), 0), 2) from None
    except RecursionError:
        raise ExpressionError("the expression is too deeply nested") from None
    parts: list[nodes.Expr] = []
    for output in template.body:
        if not isinstance(output, nodes.Output):
            raise ExpressionError("only {{ }} expressions are allowed here", output.lineno)
        parts += output.nodes
    for part in parts:
        _allow(part, source)
    return tuple(parts)


_ALLOWED: tuple[type[nodes.Node], ...] = (
    nodes.TemplateData, nodes.Const, nodes.Name, nodes.Getattr, nodes.Getitem, nodes.Filter, nodes.Test, nodes.Compare,
    nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.CondExpr, nodes.Add, nodes.Sub, nodes.Mul, nodes.Div,
    nodes.Mod, nodes.FloorDiv, nodes.Neg, nodes.Pos, nodes.Concat, nodes.List, nodes.Tuple, nodes.Keyword,
)  # fmt: skip
_TESTS = ("defined", "undefined", "none")


def _allow(node: nodes.Node, source: str) -> None:
    """Refuse every node outside the list."""
    if isinstance(node, nodes.Call):
        callee = node.node
        name = f"{callee.attr}()" if isinstance(callee, nodes.Getattr) else f"{getattr(callee, 'name', 'this')}()"
        raise ExpressionError(
            f"nothing can be called in an expression: {name}",
            start_of(node, source),
            remedy="use a filter: " + ", ".join(FILTERS),
        )
    if not isinstance(node, _ALLOWED):
        word = {"Pow": "'**'", "Dict": "a mapping", "Slice": "a slice"}.get(
            type(node).__name__, type(node).__name__.lower()
        )
        raise ExpressionError(f"{word} is not allowed in an expression", start_of(node, source))
    if isinstance(node, nodes.Getattr | nodes.Name):
        name = node.attr if isinstance(node, nodes.Getattr) else node.name
        if name.startswith("_"):
            offset = attribute_offset(node, source) if isinstance(node, nodes.Getattr) else node.lineno
            raise ExpressionError(f"names that begin with '_' cannot be read: {name}", offset, len(name))
    if isinstance(node, nodes.Filter):
        _allow_filter(node, source)
    if isinstance(node, nodes.Test) and node.name not in _TESTS:
        raise ExpressionError(f"there is no test {node.name!r}; there are {', '.join(_TESTS)}", start_of(node, source))
    for child in node.iter_child_nodes():
        _allow(child, source)


def _allow_filter(node: nodes.Filter, source: str) -> None:
    offset = source.find(node.name, node.lineno)
    if node.name not in FILTERS:
        raise ExpressionError(
            f"there is no filter {node.name!r}", offset, len(node.name), suggestions=suggest(node.name, list(FILTERS)),
            remedy="the filters are " + ", ".join(FILTERS),
        )  # fmt: skip
    wrong = [argument.key for argument in node.kwargs or () if argument.key not in NAMED.get(node.name, ())]
    if node.node is None or wrong or node.dyn_args or node.dyn_kwargs:
        raise ExpressionError(f"{node.name} takes plain arguments only", offset, len(node.name))


def start_of(node: nodes.Node, source: str) -> int:
    """Give the offset where a node's text begins: the parser locates an attribute at its dot, a call at its bracket."""
    while (
        isinstance(node, nodes.Getattr | nodes.Getitem | nodes.Call | nodes.Filter | nodes.Test)
        and node.node is not None
    ):
        node = node.node
    while node.lineno is None:  # an Operand has no place of its own
        node = next(iter(node.iter_child_nodes()))
    return min(max(node.lineno, 0), max(len(source) - 1, 0))


def attribute_offset(node: nodes.Getattr, source: str) -> int:
    """Find where the attribute's own name stands: after the dot, which is where the parser locates the node."""
    offset = source.find(node.attr, node.lineno)
    return offset if offset >= 0 else node.lineno


def path_of(node: nodes.Node, source: str) -> Use | None:
    """Spell the dotted name that a chain of attributes and constant subscripts reads, or None."""
    parts: list[str] = []
    offsets: list[int] = []
    while True:
        if isinstance(node, nodes.Getattr):
            parts.append(node.attr)
            offsets.append(attribute_offset(node, source))
            node = node.node
        elif isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            parts.append(node.arg.value)
            offsets.append(max(source.find(node.arg.value, node.lineno), 0))
            node = node.node
        elif isinstance(node, nodes.Name):
            parts.append(node.name)
            offsets.append(node.lineno)
            parts.reverse()
            offsets.reverse()
            return Use(tuple(parts), offsets[0], offsets[-1] + len(parts[-1]) - offsets[0], offsets=tuple(offsets))
        else:
            return None


def _collect(
    node: nodes.Node, source: str, into: list[Use], *, optional: bool = False, filter: str = "", always: bool = True
) -> None:
    """Note every name below a node; `always` is False in the branches of a condition."""
    if isinstance(node, nodes.Getattr | nodes.Getitem | nodes.Name):
        use = path_of(node, source)
        if use is not None:
            into.append(replace(use, optional=optional, filter=filter if always else ""))
            return
    conditional = isinstance(node, nodes.CondExpr | nodes.And | nodes.Or)
    named = node.name if isinstance(node, nodes.Filter | nodes.Test) else ""
    begin = len(into)
    for child in node.iter_child_nodes():
        target = isinstance(node, nodes.Filter | nodes.Test) and child is node.node
        forgiven = optional or (target and named in ("default", "defined", "undefined"))
        applied = named if target and isinstance(node, nodes.Filter) else ""
        _collect(child, source, into, optional=forgiven, filter=applied, always=always and not conditional)
    if conditional:  # `x if x is defined`: the test guards the other use
        guarded = {use.path for use in into[begin:] if use.optional}
        into[begin:] = [replace(use, optional=use.optional or use.path in guarded) for use in into[begin:]]


def _unknown(use: Use, names: Names) -> ExpressionError | None:
    """Find the problem with a used name, if it names nothing."""
    known: Names | None = names
    for index, part in enumerate(use.path):
        if known is None:
            return None
        if part not in known:
            return undefined_name(use.path[:index], part, list(known), use.offsets[index])
        known = known[part]
    return None


def undefined_name(parents: Sequence[str], name: str, known: Sequence[str], offset: int) -> ExpressionError:
    """Make the error for a name that does not exist, with what is known instead."""
    owner = ".".join(parents)
    have = ", ".join(list(known)[:12]) + (", …" if len(known) > 12 else "")
    message = f"{owner} has no {name!r}" if owner else f"there is no {name!r} here"
    return ExpressionError(
        message,
        offset,
        len(name),
        code="undefined-name",
        suggestions=suggest(name, known),
        remedy=f"known: {have}" if have else "",
    )


def _sentence(message: str | None) -> str:
    text = re.sub(
        r"^unexpected char (.+) at \d+$", r"unexpected character \1", (message or "cannot be read").rstrip(".")
    )
    text = text.replace("'end of print statement'", "'}}'").replace("end of print statement", "'}}'")
    return text[0].lower() + text[1:]
