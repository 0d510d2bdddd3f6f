"""Whatever is done to a valid project's files, loading ends in a bundle or a SpecError: never a traceback."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from flux2flow.errors import SpecError
from flux2flow.loading import format_diagnostic, load
from tests.loading.conftest import BACKENDS, make_project, project_of

VALUES = (
    "", "5", "-1.5", "true", "null", "[]", "{}", "[1, {a: b}]", "{a: [b]}", '"{{"', '"{{ row.x }}"', '"{{ slots }}"',
    "'%'", "../x", "/x", "x" * 300, "*a", "&a", "!x", "#fff", '"\\0"', "id", "en",
    "{id: x, text: y, logo: z}", "[[[[]]]]", "~",
)  # fmt: skip


def mutated(text: str, choose: random.Random) -> str:
    """One change: a line gone, doubled, moved or indented, a value replaced, or a few characters changed."""
    lines = text.split("\n")
    at = choose.randrange(len(lines))
    match choose.randrange(6):
        case 0:
            del lines[at]
        case 1:
            lines.insert(at, lines[choose.randrange(len(lines))])
        case 2:
            lines[at] = " " * choose.randrange(4) + lines[at].lstrip()
        case 3:
            lines[at] = lines[at].partition(":")[0] + ": " + choose.choice(VALUES)
        case 4:
            column = choose.randrange(len(lines[at]) + 1)
            lines[at] = lines[at][:column] + choose.choice("{}[]:,#&*!|>'\"%@`\t \0é\u202e") + lines[at][column + 1 :]
        case _:
            lines = lines[:at]
    return "\n".join(lines)


@pytest.mark.parametrize("seed", [*range(50), 564])
def test_a_changed_project_never_ends_in_a_traceback(seed: int, tmp_path: Path) -> None:
    choose = random.Random(seed)
    campaign = make_project(tmp_path)
    files = [path for path in sorted(tmp_path.rglob("*")) if path.suffix in (".yaml", ".csv", ".svg")]
    for _ in range(choose.randrange(1, 4)):
        path = choose.choice(files)
        path.write_text(mutated(path.read_text(encoding="utf-8"), choose), encoding="utf-8")
    told = []
    try:
        load(campaign, project_of(campaign), backends=BACKENDS)
    except SpecError as error:
        told = [format_diagnostic(diagnostic) for diagnostic in error.diagnostics]
        assert told
    assert all(text.split(":")[0] for text in told)
