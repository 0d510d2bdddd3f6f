"""The YAML reader: types, places, limits, and every refusal with its position."""

from __future__ import annotations

import time

import pytest
import yaml

from flux2flow.errors import Position
from flux2flow.loading.yaml_composer import MAX_BYTES, read
from flux2flow.loading.yaml_document import Document


def parsed(text: str) -> Document:
    return read("test.yaml", text.encode())


def told(text: str) -> list[tuple[int, int, str]]:
    return [(found.position.line, found.position.column, found.code) for found in parsed(text).problems]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"), ("on", "on"), ("Yes", "Yes"), ("12:30", "12:30"), ("010", "010"), ("08", "08"),
        ("1_000", "1_000"), ("2026-11-23", "2026-11-23"),
        ("true", True), ("False", False), ("null", None), ("~", None), ("", None),
        ("42", 42), ("-7", -7), ("0", 0), ("0x1F", 31), ("0o17", 15), ("1.5", 1.5), ("1e3", 1000.0), (".5", 0.5),
        ('"42"', "42"), ("'true'", "true"), ("!!str 42", "42"), ("!!int 42", 42), ("! 42", "42"), ("1.2.3", "1.2.3"),
    ],
)  # fmt: skip
def test_scalars_follow_yaml_1_2(text: str, value: object) -> None:
    document = parsed(f"a: {text}\n")
    assert document.problems == ()
    assert isinstance(document.data, dict)
    assert document.data == {"a": value}
    assert type(document.data["a"]) is type(value)


def test_every_key_and_value_keeps_its_place() -> None:
    document = parsed("a: 1\nlist:\n  - x\n  - {b: two, c: [3]}\n")

    def place(path: tuple[str | int, ...]) -> tuple[Position, Position]:
        value, key = document.value_span(path)[0], document.key_span(path)[0]
        return document.source.position(value), document.source.position(key)

    assert place(("a",)) == (Position("test.yaml", 1, 4), Position("test.yaml", 1, 1))
    assert place(("list", 1, "b")) == (Position("test.yaml", 4, 9), Position("test.yaml", 4, 6))
    assert place(("list", 1, "c", 0))[0] == Position("test.yaml", 4, 18)
    mapped = document.source_map()
    assert mapped.position(("list", 0)) == Position("test.yaml", 3, 5)
    assert mapped.position(("list", 0, "unknown")) == Position("test.yaml", 3, 5)
    assert mapped.lines[1] == "list:"


STRINGS = """\
plain: hello {{ row.x }} end
double: "say \\"hi\\" \\u2014 {{ row.x }}"
single: 'it''s {{ row.x }}'
literal: |
  first line
    second {{ row.x }} x
folded: >-
  first line
  second {{ row.x }} x
plain2: a b
  c {{ row.x }}
double2: "one
  two\\t \\
  three {{ row.x }}"
anchored: &here !!str {{ row.x }}
flow: [a, "b {{ row.x }}"]
"""


def test_places_inside_strings_are_exact_in_every_style() -> None:
    document = parsed(STRINGS.replace("!!str {{ row.x }}", "!!str '{{ row.x }}'"))
    assert isinstance(document.data, dict)
    places = {}
    for key, value in document.data.items():
        path, text = ((key, 1), value[1]) if isinstance(value, list) else ((key,), value)
        index = document.inside(path, text.index("row.x"))
        assert document.source.text[index : index + 5] == "row.x", key
        place = document.source.position(index)
        places[key] = (place.line, place.column)
    assert places == {
        "plain": (1, 17), "double": (2, 31), "single": (3, 19), "literal": (6, 15), "folded": (9, 13),
        "plain2": (11, 8), "double2": (14, 12), "anchored": (15, 27), "flow": (16, 17),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("a: 1\nb:\n  c: 1\n  c: 2\na: 3\n", [(4, 3, "duplicate-key"), (5, 1, "duplicate-key")]),
        ("a:\n\tb: 1\n", [(2, 1, "tab")]),
        ("a: 1\n\nb:\n  - x\n\t- y\n", [(5, 1, "tab")]),
        ("color: #ff0000\n", [(1, 8, "unquoted-hex")]),
        ("- #fff\n- #000000\n", [(1, 3, "unquoted-hex"), (2, 3, "unquoted-hex")]),
        ("c: [#fff, red]\nd: 1\n", [(1, 5, "unquoted-hex")]),
        ("c: [red, #ff0000]\nd: [1]\n", [(1, 10, "unquoted-hex")]),
        ("c: {a: #fff, b: 2}\n", [(1, 8, "unquoted-hex")]),
        ("c: [\n  #ff0000,\n  #00ff00\n]\n", [(2, 3, "unquoted-hex"), (3, 3, "unquoted-hex")]),
        ("a: {{ row.x }}\n", [(1, 4, "unquoted-expression")]),
        ("a: 'open\nb: 1\n", [(1, 4, "syntax")]),
        ("a: b: c\n", [(1, 5, "syntax")]),
        ("- a\nb: 1\n", [(2, 1, "syntax")]),
        ("a: x\x00y\n", [(1, 5, "control-character")]),
        ('a: "x\\0y"\nb: "\\x1b[31m"\n', [(1, 4, "control-character"), (2, 4, "control-character")]),
        ("a: 1\nb: x\u202ey\u2066\n", [(2, 5, "bidi-control"), (2, 7, "bidi-control")]),
        ("<<: {a: 1}\n", [(1, 1, "merge-key")]),
        ("a: &x [1]\nb: *x\n", [(2, 4, "alias")]),
        ("a: *x\n", [(1, 4, "alias")]),
        ("a: !!python/object:os.system x\n", [(1, 4, "tag")]),
        ("a: !local x\nb: !!binary x\n", [(1, 4, "tag"), (2, 4, "tag")]),
        ("a: 1\n---\nb: 2\n", [(2, 1, "several-documents")]),
        ("[a]: 1\n", [(1, 1, "complex-key")]),
        ("a: .inf\nb: .nan\nc: 1e999\nd: 1234567890123456789\n", [(n, 4, "number") for n in (1, 2, 3, 4)]),
        ("a: " + "[" * 70 + "]" * 70, [(1, 68, "too-deep")]),
    ],
)
def test_refusals_stand_where_they_belong(text: str, problems: list[tuple[int, int, str]]) -> None:
    assert told(text) == problems


@pytest.mark.parametrize(
    "text",
    [
        "a: 1 # a comment\n", "a: '#ff0000' # red\n", "palette: # adding colours\n  a: 1\n", "# #ff0000 is red\na: 1\n",
        "a: x#ff0000\n", "a: [x, # 123\n  y]\n", "a: |\n  #ff0000\n  \ttab in text\n", "a: &x 1\nb: *x\n",
        'a: "\\u202e"\n', "a:\n- b\n- c\n", "a: [\n  b\n]\n", "--- \na: 1\n...\n", "\ufeffa: 1\n", "a: 1\r\nb: 2\r\n",
        "a: " + "[" * 60 + "]" * 60,
    ],
)  # fmt: skip
def test_what_only_looks_wrong_is_accepted(text: str) -> None:
    assert told(text) == []


def test_several_problems_of_one_file_come_at_once() -> None:
    assert told("a: #fff\nb: !x y\nc: 1\nc: 2\nd: *q\n") == [
        (1, 4, "unquoted-hex"), (2, 4, "tag"), (4, 1, "duplicate-key"), (5, 4, "alias"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "line", "column"),
    [
        (b"a: caf\xe9\n", 1, 7), ("é: 1\nb: ".encode() + b"\xff", 2, 4), (b"\xef\xbb\xbfa: \x80", 1, 4),
        (b"\xff\xfea\x00", 1, 1), (b"a: \xc3", 1, 4),
    ],
)  # fmt: skip
def test_only_utf_8_is_read_and_the_byte_is_named(data: bytes, line: int, column: int) -> None:
    (problem,) = read("test.yaml", data).problems
    assert (problem.code, problem.position.line, problem.position.column) == ("not-utf-8", line, column)


def test_size_is_limited() -> None:
    (problem,) = read("test.yaml", b"a" * (MAX_BYTES + 1)).problems
    assert problem.code == "too-large"
    assert read("test.yaml", b"a" * MAX_BYTES).problems == ()


def test_aliases_are_counted() -> None:
    few = "a: &x 1\nb: [" + ", ".join(["*x"] * 100) + "]\n"
    many = "a: &x 1\nb: [" + ", ".join(["*x"] * 101) + "]\n"
    large = f"a: &x {'y' * 10_000}\nb: [{', '.join(['*x'] * 30)}]\n"
    assert (told(few), [code for *_, code in told(many)], [code for *_, code in told(large)]) == (
        [],
        ["alias"],
        ["alias"],
    )


@pytest.mark.parametrize(
    "line", ["#abc\n", "- #abc\n", "a: [#abc\n", '"#abc', "a: &a *a\n", "'\n", "\t\n", "- - - -\n"]
)
def test_a_full_file_of_anything_ends_soon(line: str) -> None:
    started = time.process_time()
    read("test.yaml", (line * (MAX_BYTES // len(line))).encode())
    assert time.process_time() - started < 12  # about 2 s on a free core, in PyYAML's scanner; quadratic: minutes


def test_pyyaml_alone_would_take_what_we_refuse() -> None:
    """The control: the loader everybody uses keeps the last duplicate, reads 'no' as false and drops the colour."""
    assert yaml.safe_load("a: 1\na: no\nb: #fff\n") == {"a": False, "b": None}


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("key:value\nb: 1\n", (1, 4), "a space is missing behind ':'"),
        ("a: 1\n b: 2\n", (2, 2), "the line above already has a value"),
        ("a:\n  b: 1\n c: 2\n", (3, 2), "the indentation does not fit what stands above"),
        ("a: [1, 2\nb: 3\n", (1, 4), "'[' is never closed"),
        ("a: {x: 1\nb: 3\n", (1, 4), "'{' is never closed"),
        ("a: {x: 1 y: 2}\n", (1, 11), "',' or '}' is missing"),
        ("a: 'it's'\n", (1, 8), "text stands behind the closing quote"),
        ('a: "open\nb: 1\n', (1, 4), "the quotation mark is never closed"),
        ('a: "C:\\path"\n', (1, 8), "the escape is unknown"),
        ("a: @home\n", (1, 4), "a value cannot begin with '@'"),
        ("a: %x\n", (1, 4), "a value cannot begin with '%'"),
        ("a: *bold* text\n", (1, 4), "a value that begins with '*' repeats an anchor"),
        ("a: - b\n", (1, 4), "a list cannot begin behind a key on the same line"),
        ("a: > text\n", (1, 6), "nothing can follow '|' or '>' on their line"),
        ("a: Note: this\n", (1, 8), "':' is not allowed here"),
        ("a:\n- b\n-c\n", (3, 1), "a space is missing behind '-'"),
        ("a: b\nc\nd: e\n", (2, 1), "this line has no ':'"),
        ("l: [{text: Hello {{ x }}, b: 1}]\n", (1, 18), "an expression must stand in quotes"),
        ("{{ a }}: b\n", (1, 1), "an expression must stand in quotes"),
    ],
)
def test_common_slips_are_told_where_they_were_made(text: str, place: tuple[int, int], message: str) -> None:
    (problem,) = parsed(text).problems
    assert ((problem.position.line, problem.position.column), problem.message) == (place, message)
    assert problem.remedy
