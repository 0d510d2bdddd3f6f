"""Rows: the same cells from CSV, JSON and JSON Lines, keyed, and every problem by its cell."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flux2flow.domain.campaign import Row
from flux2flow.errors import Position
from flux2flow.loading import rows
from flux2flow.loading.collector import Collector
from flux2flow.loading.rows import Table, read_rows


def read(name: str, text: str | bytes) -> tuple[Table | None, list[tuple[str, str]]]:
    problems = Collector()
    table = read_rows(name, text if isinstance(text, bytes) else text.encode(), problems)
    return table, [(str(found.position), found.message) for found in problems.diagnostics]


def test_csv_json_and_lines_give_the_same_cells() -> None:
    made = [
        read("p.csv", 'id,name,price\na,"Lamp, tall",12.50\nb,"two\nlines",\n'),
        read(
            "p.json",
            '[{"id": "a", "name": "Lamp, tall", "price": 12.50},\n {"id": "b", "name": "two\\nlines", "price": null}]',
        ),
        read(
            "p.jsonl",
            '{"id": "a", "name": "Lamp, tall", "price": 12.50}\n{"id": "b", "name": "two\\nlines", "price": null}\n',
        ),
    ]
    for table, problems in made:
        assert problems == []
        assert table is not None
        assert [dict(row.cells) for row in table.rows] == [
            {"id": "a", "name": "Lamp, tall", "price": "12.50"},
            {"id": "b", "name": "two\nlines", "price": ""},
        ]
        assert (table.key_column, [row.key for row in table.rows]) == ("id", ["a", "b"])
    assert [made[0][0].rows[1].position, made[1][0].rows[1].position, made[2][0].rows[1].position] == [  # type: ignore[union-attr]
        Position("p.csv", 3, 1), Position("p.json", 2, 2), Position("p.jsonl", 2, 1),
    ]  # fmt: skip


def test_cells_have_places() -> None:
    table, _ = read("p.csv", "name,price\na,1\n\nb,2\n")
    assert table is not None
    assert table.cell_position(table.rows[1], "price") == Position("p.csv", 4, 2)


def test_key_is_the_id_else_the_first_unique_column() -> None:
    table, _ = read("p.csv", "color,name,sku\nred,Lamp,1\nred,Chair,2\n")
    assert table is not None
    assert (table.key_column, table.rows[0].key) == ("name", "Lamp")
    _, problems = read("p.csv", "color,name\nred,Lamp\nred,Lamp\n")
    assert problems == [("p.csv:1:1", "no column tells the rows apart")]


def test_byte_order_mark_and_spaces_are_dropped() -> None:
    table, problems = read("p.csv", b"\xef\xbb\xbfid , name\n a , Lamp \n")
    assert problems == []
    assert table is not None
    assert table.rows == (Row("a", {"id": "a", "name": "Lamp"}, Position("p.csv", 2, 1)),)


@pytest.mark.parametrize(
    ("name", "text", "problems"),
    [
        (
            "p.csv",
            "id,name\na\nb,Lamp,3\n",
            [
                ("p.csv:2:1", "the line has 1 cells; the header has 2"),
                ("p.csv:3:3", "the line has 3 cells; the header has 2"),
            ],
        ),
        (
            "p.csv",
            "id,,name,id\na,b,c,d\n",
            [("p.csv:1:2", "column 2 has no name"), ("p.csv:1:4", "(id) the column is here twice: also cell 1")],
        ),
        (
            "p.csv",
            "id,name\na,Lamp\na,Chair\n,Sofa\n",
            [("p.csv:3:1", "(id) 'a' is here twice: first on line 2"), ("p.csv:4:1", "(id) the row's key is empty")],
        ),
        ("p.csv", 'id,name\na,"Lamp\n', [("p.csv:2:1", "a quote is never closed")]),
        ("p.csv", "id;name\na;Lamp\n", [("p.csv:1:1", "the columns are separated by semicolons")]),
        ("p.csv", "id,name\n", [("p.csv:1:1", "there is no row below the column names")]),
        (
            "p.csv",
            "id,name\na," + "x" * (rows.MAX_CELL + 1) + "\n",
            [("p.csv:2:2", "(name) the cell has 65,537 characters; at most 65,536 are allowed")],
        ),
        ("p.csv", b"id,name\na,caf\xe9\n", [("p.csv:2:6", "byte 0xE9 is not UTF-8 (in Windows-1252 it would be 'é')")]),
        (
            "p.csv",
            "id,name\na,b\u202ec\n",
            [
                (
                    "p.csv:2:4",
                    "a bidirectional control character (U+202E) is not allowed: the line would not read as it is",
                )
            ],
        ),
        ("p.csv", "id,name\na,b\0c\n", [("p.csv:2:4", "a NUL character is not allowed")]),
        ("p.csv", "", [("p.csv:1:1", "the file is empty")]),
        ("p.xlsx", "x", [("p.xlsx", "rows cannot be read from .xlsx")]),
        ("p.json", '{"id": "a"}', [("p.json:1:1", "the file is no list")]),
        ("p.json", '[{"id": "a"} {"id": "b"}]', [("p.json:1:14", "',' or ']' is missing")]),
        ("p.json", '[{"id": "a"}, {"id": ]', [("p.json:1:22", "JSON cannot be read here: Expecting value")]),
        (
            "p.json",
            '[{"id": "a"}, {"ids": "b"}]',
            [
                ("p.json:1:15", "(id) the row lacks it; the first row has it"),
                ("p.json:1:15", "(ids) the first row has no such name"),
            ],
        ),
        ("p.json", '[{"id": "a", "id": "b"}]', [("p.json:1:2", "'id' is here twice")]),
        ("p.json", '[{"id": NaN}]', [("p.json:1:2", "NaN is no number that can be printed")]),
        (
            "p.json",
            '[{"id": ["a"]}, 5]',
            [
                ("p.json:1:2", "(id) a cell is a single value"),
                ("p.json:1:17", "a row is an object of names and values"),
            ],
        ),
        ("p.json", '[{"id": "a\\u0000b"}]', [("p.json:1:2", "(id) the cell holds a NUL character")]),
        ("p.json", "[" * 100_000, [("p.json:1:2", "too deeply nested")]),
        ("p.jsonl", '{"id": "a"}\n{"id": \n', [("p.jsonl:3:1", "JSON cannot be read here: Expecting value")]),
    ],
)
def test_problems_are_told_by_cell(name: str, text: str | bytes, problems: list[tuple[str, str]]) -> None:
    table, found = read(name, text)
    assert found == problems
    assert table is None


def test_rows_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "MAX_ROWS", 3)
    text = "id\n" + "".join(f"{number}\n" for number in range(4))
    assert read("p.csv", text)[1] == [("p.csv:5:1", "more than 3 rows")]
    assert read("p.jsonl", "".join(f'{{"id": {number}}}\n' for number in range(4)))[1] == [
        ("p.jsonl:4:1", "more than 3 rows")
    ]
    assert read("p.csv", "id\n0\n1\n2\n")[1] == []


BLNS = Path(__file__).parents[3] / "shared" / "corpus" / "blns.json"


@pytest.mark.skipif(not BLNS.is_file(), reason="the list of naughty strings is not on this machine")
def test_naughty_strings_are_kept_or_refused_for_their_control_characters() -> None:
    strings = json.loads(BLNS.read_text(encoding="utf-8"))
    kept = 0
    for text in strings:
        table, problems = read("p.json", json.dumps([{"id": "a", "text": text}]))
        if problems:
            assert "holds" in problems[0][1]
        elif table is not None:
            kept += 1
            assert table.rows[0].cells["text"] == text
    assert kept > len(strings) * 0.95
