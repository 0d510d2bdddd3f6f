"""Walks a checked syntax tree over plain data and gives text.

Nothing is called, compiled or read as a Python attribute.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from jinja2 import nodes

from flux2flow.expressions.filters import FILTERS, LOCALISED, MAX_TEXT, RefusedError, as_text
from flux2flow.expressions.reading import (
    ExpressionError,
    attribute_offset,
    is_template,
    parse,
    path_of,
    start_of,
    undefined_name,
)

MAX_OUTPUT = MAX_TEXT
MAX_NUMBER = 10**15


def evaluate(source: str, context: Mapping[str, object], show: Callable[[object], str] = as_text) -> str:
    """Render a string over plain data (str, int, float, bool, None, mappings, sequences); raise ExpressionError.

    `show` prints the values of expressions; what stands around them is printed as it is.
    """
    if not is_template(source):
        return source
    return _Evaluation(context, show).render(source)


class _Missing:
    """The value of a name that does not exist, with the error to raise where it is used."""

    def __init__(self, error: ExpressionError) -> None:
        self.error = error


def _readable(key: object) -> bool:
    return isinstance(key, str) and not key.startswith("_")


def _not_in(owner: object, key: str, offset: int, parents: Sequence[str]) -> ExpressionError:
    if isinstance(owner, Mapping):
        return undefined_name(parents, key, [str(name) for name in owner], offset)
    message = f"{'.'.join(parents)} is a single value: it has no {key!r}"
    return ExpressionError(message, offset, len(key), code="undefined-name")


class _Evaluation:
    """One walk over the parts of a string."""

    def __init__(self, context: Mapping[str, object], show: Callable[[object], str]) -> None:
        self.context, self.source, self.show = context, "", show

    def render(self, source: str) -> str:
        """Give the text, at most MAX_OUTPUT characters."""
        self.source = source
        pieces: list[str] = []
        total = 0
        for part in parse(source):
            if isinstance(part, nodes.TemplateData):
                piece = part.data
            else:
                try:
                    piece = self.show(self.value(part))
                except RefusedError as error:
                    raise ExpressionError(str(error), start_of(part, source)) from None
            total += len(piece)
            if total > MAX_OUTPUT:
                raise ExpressionError(f"the text grows beyond {MAX_OUTPUT:,} characters", start_of(part, source))
            pieces.append(piece)
        return "".join(pieces)

    def value(self, node: nodes.Node) -> object:
        """Give a node's value; a missing name is an error here."""
        value = self.maybe(node)
        if isinstance(value, _Missing):
            raise value.error
        return value

    def maybe(self, node: nodes.Node) -> object:
        """Give a node's value, or _Missing."""
        match node:
            case nodes.Const():
                return node.value
            case nodes.Name():
                if _readable(node.name) and node.name in self.context:
                    return self.context[node.name]
                return _Missing(_not_in(self.context, node.name, node.lineno, ()))
            case nodes.Getattr() | nodes.Getitem():
                return self._lookup(node)
            case nodes.Filter():
                return self._filter(node)
            case nodes.Test():
                return self._test(node)
            case nodes.CondExpr():
                if self.value(node.test):
                    return self.value(node.expr1)
                return "" if node.expr2 is None else self.value(node.expr2)
            case nodes.And():
                return self.value(node.left) and self.value(node.right)
            case nodes.Or():
                return self.value(node.left) or self.value(node.right)
            case nodes.Not():
                return not self.value(node.node)
            case nodes.Compare():
                return self._compare(node)
            case nodes.Concat():
                return _bounded("".join(as_text(self.value(child)) for child in node.nodes))
            case nodes.List() | nodes.Tuple():
                return tuple(self.value(child) for child in node.items)
            case nodes.Neg() | nodes.Pos():
                number = self._number(node.node)
                return -number if isinstance(node, nodes.Neg) else number
            case nodes.BinExpr():
                return self._arithmetic(node)
        raise ExpressionError(
            f"{type(node).__name__.lower()} is not allowed in an expression", start_of(node, self.source)
        )

    def _lookup(self, node: nodes.Getattr | nodes.Getitem) -> object:
        owner = self.maybe(node.node)
        if isinstance(owner, _Missing):
            return owner
        key: object = node.attr if isinstance(node, nodes.Getattr) else self.value(node.arg)
        if isinstance(owner, Mapping) and _readable(key) and key in owner:
            return owner[key]
        if isinstance(key, int) and isinstance(owner, list | tuple) and -len(owner) <= key < len(owner):
            return owner[key]
        return _Missing(self._absent(node, owner, key))

    def _absent(self, node: nodes.Getattr | nodes.Getitem, owner: object, key: object) -> ExpressionError:
        """Make the error for a name that its owner has not; where a value picked the name, it marks what picked it."""
        use, above = path_of(node, self.source), path_of(node.node, self.source)
        parents = above.path if above is not None else ("this",)
        if isinstance(node, nodes.Getattr):
            offset = attribute_offset(node, self.source)
        else:
            offset = use.offsets[-1] if use else start_of(node.arg, self.source)
        if isinstance(owner, list | tuple):
            return ExpressionError(f"the list has {len(owner)} entries; there is no number {key}", offset)
        error = _not_in(owner, str(key), offset, parents)
        if isinstance(node, nodes.Getitem) and use is None:
            picked = path_of(node.arg, self.source)
            error.length = picked.length if picked is not None else 1
        return error

    def _filter(self, node: nodes.Filter) -> object:
        if node.node is None:
            raise ExpressionError(f"{node.name} needs a value", start_of(node, self.source))
        value = self.maybe(node.node)
        arguments = [self.value(argument) for argument in node.args]
        if node.name == "default":
            if len(arguments) != 1:
                raise ExpressionError("default takes one argument", start_of(node, self.source))
            return arguments[0] if isinstance(value, _Missing) or value in ("", None) else value
        if isinstance(value, _Missing):
            raise value.error
        named = {str(argument.key): self.value(argument.value) for argument in node.kwargs}
        localised = {"locale": str(self.context.get("locale", "en"))} if node.name in LOCALISED else {}
        try:
            return _bounded(FILTERS[node.name](value, *arguments, **named, **localised))
        except (RefusedError, TypeError) as error:
            offset = self.source.find(node.name, node.lineno)
            message = str(error) if isinstance(error, RefusedError) else "wrong number of arguments"
            raise ExpressionError(f"{node.name}: {message}", offset, len(node.name)) from None

    def _test(self, node: nodes.Test) -> bool:
        value = self.maybe(node.node)
        if node.name == "none":
            return value is None
        return isinstance(value, _Missing) == (node.name == "undefined")

    def _compare(self, node: nodes.Compare) -> bool:
        left = self.value(node.expr)
        for operand in node.ops:
            right = self.value(operand.expr)
            if not _compared(operand.op, left, right, start_of(operand, self.source)):
                return False
            left = right
        return True

    def _number(self, node: nodes.Node) -> int | float:
        value = self.value(node)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ExpressionError(
                f"arithmetic needs numbers, not {_kind(value)}",
                start_of(node, self.source),
                remedy="turn text into a number with |float or |int",
            )
        if not math.isfinite(value) or abs(value) > MAX_NUMBER:
            raise ExpressionError("the number is too large", start_of(node, self.source))
        return value

    def _arithmetic(self, node: nodes.BinExpr) -> int | float:
        left, right = self._number(node.left), self._number(node.right)
        if isinstance(node, nodes.Div | nodes.FloorDiv | nodes.Mod) and right == 0:
            raise ExpressionError("division by zero", start_of(node, self.source))
        match node:
            case nodes.Add():
                return left + right
            case nodes.Sub():
                return left - right
            case nodes.Mul():
                return left * right
            case nodes.Div():
                return left / right
            case nodes.FloorDiv():
                return left // right
            case nodes.Mod():
                return left % right
        raise ExpressionError(f"{node.operator!r} is not allowed in an expression", start_of(node, self.source))


def _compared(operator: str, left: object, right: object, offset: int) -> bool:
    if operator in ("eq", "ne"):
        return bool(left == right) == (operator == "eq")
    if operator in ("in", "notin"):
        if not isinstance(right, list | tuple | Mapping) and not (isinstance(right, str) and isinstance(left, str)):
            raise ExpressionError(f"'in' needs text or a list, not {_kind(right)}", offset)
        return (left in right) == (operator == "in")
    both_numbers = all(isinstance(value, int | float) for value in (left, right))
    if not both_numbers and not (isinstance(left, str) and isinstance(right, str)):
        raise ExpressionError(
            f"cannot compare {_kind(left)} with {_kind(right)}",
            offset,
            remedy="turn text into a number with |float or |int",
        )
    order = (left > right) - (left < right)  # type: ignore[operator]  # both are numbers or both are text
    return bool({"lt": order < 0, "lteq": order <= 0, "gt": order > 0, "gteq": order >= 0}[operator])


def _kind(value: object) -> str:
    if isinstance(value, str):
        return "text"
    if isinstance(value, Mapping):
        return "a group of values"
    if isinstance(value, list | tuple):
        return "a list"
    return "nothing" if value is None else "a number"


def _bounded(value: object) -> object:
    if isinstance(value, str | list | tuple) and len(value) > MAX_OUTPUT:
        raise RefusedError(f"the result grows beyond {MAX_OUTPUT:,} characters")
    return value
