"""CSV, JSON or JSON Lines → rows of text cells, each with its place. Refuses to know what columns mean.

A CSV cell's place is its line and the number of its cell, so `products.csv:3:2` is the second cell of line 3.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from flux2flow.domain.campaign import Row
from flux2flow.errors import Diagnostic, Position
from flux2flow.expressions import suggest
from flux2flow.loading.collector import Collector
from flux2flow.loading.source_text import SourceText, control_name, decode

MAX_BYTES = 32 * 1024 * 1024
MAX_ROWS = 200_000
MAX_CELL = 64 * 1024
MAX_COLUMNS = 512

_SPACE = re.compile(r"[ \t\r\n]*")


@dataclass(frozen=True)
class Table:
    """Rows by column, the column that keys them, and the source they stand in."""

    source: SourceText
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    key_column: str | None

    def cell_position(self, row: Row, column: str) -> Position:
        """Give a cell's place: its number in a CSV line, else the row's place."""
        if not self.source.file.endswith(".csv") or column not in self.columns:
            return row.position
        return Position(row.position.file, row.position.line, self.columns.index(column) + 1)

    def diagnostic(
        self, row: Row, column: str, code: str, message: str, remedy: str = "", expected: str = ""
    ) -> Diagnostic:
        """Make a diagnostic for a cell."""
        place = self.cell_position(row, column)
        snippet = self.source.snippet(place)
        return Diagnostic(code, f"({column}) {message}", place, column, expected, (), remedy, snippet, 0)


class _Reader:
    """One reading of one file."""

    def __init__(self, source: SourceText, into: Collector) -> None:
        self.source, self.into = source, into
        self.good = True

    def problem(self, code: str, message: str, line: int, cell: int = 1, *, expected: str = "", remedy: str = "",
                suggestions: Sequence[str] = ()) -> None:  # fmt: skip
        """Note a problem with a cell, or with a whole line."""
        self.good = False
        place = Position(self.source.file, line, cell)
        snippet = self.source.snippet(place)
        self.into.add(Diagnostic(code, message, place, "", expected, tuple(suggestions), remedy, snippet, 0))


def read_rows(file: str, data: bytes, into: Collector) -> Table | None:
    """Read a table; note every problem and give None where there is one."""
    into.name(file)
    kind = file.rsplit(".", 1)[-1].lower()
    if kind not in ("csv", "json", "jsonl"):
        into.add(
            Diagnostic(
                "row-file", f"rows cannot be read from .{kind}", Position(file), expected=".csv, .json or .jsonl"
            )
        )
        return None
    source, problems = decode(file, data)
    if problems:
        into.extend(problems)
        return None
    if not source.text.strip():
        into.add(
            Diagnostic(
                "empty-file", "the file is empty", Position(file, 1, 1), expected="a line of column names and rows"
            )
        )
        return None
    reader = _Reader(source, into)
    columns, cells = _csv(reader) if kind == "csv" else _json(reader, lines=kind == "jsonl")
    if not reader.good:
        return None
    if not cells:
        reader.problem("empty-file", "there is no row below the column names", 1)
        return None
    return _keyed(reader, columns, cells)


Cells = list[tuple[Position, dict[str, str]]]


def _csv(reader: _Reader) -> tuple[tuple[str, ...], Cells]:
    columns: tuple[str, ...] = ()
    cells: Cells = []
    lines = csv.reader(io.StringIO(reader.source.text, newline=""), strict=True)
    line = 1
    while True:
        try:
            fields = next(lines)
        except StopIteration:
            return columns, cells
        except csv.Error as error:
            message = "a quote is never closed" if "end of data" in str(error) else f"the line cannot be read: {error}"
            reader.problem("bad-csv", message, line, remedy='double a quote inside a quoted cell: ""')
            return columns, cells
        if fields and not columns:
            columns = _header(reader, fields, line)
            if not reader.good:
                return columns, cells
        elif fields and len(fields) != len(columns):
            message = f"the line has {len(fields)} cells; the header has {len(columns)}"
            remedy = "quote cells that hold a comma" if len(fields) > len(columns) else "add the missing cells"
            reader.problem("ragged-row", message, line, min(len(fields), len(columns) + 1), remedy=remedy)
        elif fields:
            for number, (column, field) in enumerate(zip(columns, fields, strict=True), start=1):
                if len(field) > MAX_CELL:
                    message = f"({column}) the cell has {len(field):,} characters; at most {MAX_CELL:,} are allowed"
                    reader.problem("cell-too-large", message, line, number)
            position = Position(reader.source.file, line, 1)
            cells.append((position, dict(zip(columns, (field.strip() for field in fields), strict=True))))
        if len(cells) > MAX_ROWS:
            reader.problem("too-many-rows", f"more than {MAX_ROWS:,} rows", line)
            return columns, cells
        line = lines.line_num + 1


def _header(reader: _Reader, fields: Sequence[str], line: int) -> tuple[str, ...]:
    names = tuple(field.strip() for field in fields)
    if len(names) == 1 and (";" in names[0] or "\t" in names[0]):
        found = "semicolons" if ";" in names[0] else "tabs"
        reader.problem(
            "bad-csv",
            f"the columns are separated by {found}",
            line,
            1,
            expected="commas",
            remedy="export as comma-separated",
        )
    if len(names) > MAX_COLUMNS:
        reader.problem("bad-csv", f"more than {MAX_COLUMNS} columns", line)
    for number, name in enumerate(names, start=1):
        if not name:
            reader.problem(
                "empty-header", f"column {number} has no name", line, number, remedy="name it, or remove the column"
            )
        elif name in names[: number - 1]:
            reader.problem(
                "duplicate-header",
                f"({name}) the column is here twice: also cell {names.index(name) + 1}",
                line,
                number,
            )
    return names


def _json(reader: _Reader, *, lines: bool) -> tuple[tuple[str, ...], Cells]:
    columns: tuple[str, ...] = ()
    cells: Cells = []
    for position, value in _values(reader, lines=lines):
        if not isinstance(value, dict):
            reader.problem("bad-row", "a row is an object of names and values", position.line, position.column)
            continue
        columns = columns or tuple(value)
        if len(cells) >= MAX_ROWS:
            reader.problem("too-many-rows", f"more than {MAX_ROWS:,} rows", position.line)
            break
        cells.append((position, _flat(reader, position, columns, value)))
    return columns, cells


def _flat(reader: _Reader, position: Position, columns: Sequence[str], value: Mapping[str, object]) -> dict[str, str]:
    flat: dict[str, str] = {}
    for name in columns:
        if name not in value:
            reader.problem(
                "ragged-row", f"({name}) the row lacks it; the first row has it", position.line, position.column
            )
    for name, cell in value.items():
        if name not in columns:
            message = f"({name}) the first row has no such name"
            reader.problem(
                "ragged-row", message, position.line, position.column, suggestions=suggest(name, list(columns))
            )
        elif isinstance(cell, dict | list):
            reader.problem("bad-row", f"({name}) a cell is a single value", position.line, position.column)
        elif isinstance(cell, str) and (control := control_name(cell)):
            reader.problem("control-character", f"({name}) the cell holds {control}", position.line, position.column)
        elif isinstance(cell, str) and len(cell) > MAX_CELL:
            reader.problem(
                "cell-too-large", f"({name}) the cell has {len(cell):,} characters", position.line, position.column
            )
        else:
            flat[name] = "" if cell is None else str(cell).lower() if isinstance(cell, bool) else str(cell)
    return flat


def _values(reader: _Reader, *, lines: bool) -> Iterator[tuple[Position, object]]:
    """Every top-level value with its place: of a list, or one a line."""
    text = reader.source.text
    decoder = json.JSONDecoder(object_pairs_hook=_distinct, parse_float=str, parse_int=str, parse_constant=_refuse)
    index = _skip(text, 0)
    if not lines:
        if not text.startswith("[", index):
            place = reader.source.position(index)
            reader.problem("bad-json", "the file is no list", place.line, place.column, expected="[ {…}, {…} ]")
            return
        index = _skip(text, index + 1)
    while index < len(text) and (lines or text[index] != "]"):
        place = reader.source.position(index)
        try:
            value, end = decoder.raw_decode(text, index)
        except json.JSONDecodeError as error:
            place = reader.source.position(error.pos)
            reader.problem("bad-json", f"JSON cannot be read here: {error.msg}", place.line, place.column)
            return
        except (ValueError, RecursionError) as error:
            message = "too deeply nested" if isinstance(error, RecursionError) else str(error)
            reader.problem("bad-json", message, place.line, place.column)
            return
        yield place, value
        index = _skip(text, end)
        if not lines:
            if not text.startswith((",", "]"), index):
                place = reader.source.position(min(index, len(text)))
                reader.problem("bad-json", "',' or ']' is missing", place.line, place.column)
                return
            index = _skip(text, index + 1) if text[index] == "," else index


def _skip(text: str, index: int) -> int:
    match = _SPACE.match(text, index)
    return match.end() if match else index


def _distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r} is here twice")
    return made


def _refuse(name: str) -> object:
    raise ValueError(f"{name} is no number that can be printed")


def _keyed(reader: _Reader, columns: tuple[str, ...], cells: Cells) -> Table | None:
    """Choose the key: the `id` column, else the first column whose cells are all different."""
    key = "id" if "id" in columns else None
    if key is None:
        unique = (name for name in columns if len({row[name] for _, row in cells} - {""}) == len(cells))
        key = next(unique, None)
        if key is None:
            message = "no column tells the rows apart"
            reader.problem(
                "no-row-key",
                message,
                1,
                expected="a column with a different value in every row",
                remedy="add a column 'id'",
            )
            return None
    seen: dict[str, Position] = {}
    for position, row in cells:
        cell = columns.index(key) + 1 if reader.source.file.endswith(".csv") else position.column
        if not row[key]:
            reader.problem("empty-row-key", f"({key}) the row's key is empty", position.line, cell)
        elif row[key] in seen:
            message = f"({key}) {row[key]!r} is here twice: first on line {seen[row[key]].line}"
            reader.problem("duplicate-row-key", message, position.line, cell)
        seen.setdefault(row[key], position)
    if not reader.good:
        return None
    rows = tuple(Row(row[key], row, position) for position, row in cells)
    return Table(reader.source, columns, rows, key)


def rows_of(table: Table, entries: Sequence[Mapping[str, object]]) -> list[Row]:
    """List the rows that any of a campaign's entries is made for."""
    keys = [entry.get("rows") for entry in entries]
    if any(not isinstance(chosen, list) for chosen in keys):
        return list(table.rows)
    wanted = {key for chosen in keys if isinstance(chosen, list) for key in chosen if isinstance(key, str)}
    return [row for row in table.rows if row.key in wanted]
