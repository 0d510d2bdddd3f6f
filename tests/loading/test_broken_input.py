"""Every broken project says exactly what its `expected.txt` says, all problems in one run, and nothing else happens.

A case is a folder of files laid over the valid project. To accept new messages on purpose, read them first, then run
`ACCEPT_MESSAGES=1 python -m pytest tests/loading/test_broken_input.py`.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from flux2flow.errors import SpecError
from flux2flow.loading import format_diagnostic, load
from tests.loading.conftest import BACKENDS, KNOWN, LICENCES, make_project, project_of

CASES = Path(__file__).parent / "cases"
NAMES = sorted(path.name for path in CASES.iterdir())


def broken(name: str, folder: Path) -> SpecError:
    campaign = make_project(folder)
    shutil.copytree(CASES / name, folder, dirs_exist_ok=True)
    with pytest.raises(SpecError) as raised:
        load(campaign, project_of(campaign), backends=BACKENDS, known_models=KNOWN, licences=LICENCES)
    return raised.value


@pytest.mark.parametrize("name", NAMES)
def test_messages_are_exact(name: str, tmp_path: Path) -> None:
    error = broken(name, tmp_path)
    told = "\n\n".join(format_diagnostic(diagnostic) for diagnostic in error.diagnostics) + "\n"
    expected = CASES / name / "expected.txt"
    if os.environ.get("ACCEPT_MESSAGES") == "1":
        expected.write_text(told, encoding="utf-8")
    assert told == expected.read_text(encoding="utf-8")
    assert str(tmp_path) not in told, "a message must not depend on where the project stands"
    assert error.exit_code == 2


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("many-")])
def test_three_or_more_problems_come_in_one_run(name: str, tmp_path: Path) -> None:
    assert len({diagnostic.position for diagnostic in broken(name, tmp_path).diagnostics}) >= 3


def test_there_are_cases_of_every_kind() -> None:
    kinds = (
        "wrong-key", "wrong-type", "duplicate", "tab", "unquoted-hex", "missing-file", "missing-font",
        "missing-locale-key", "jinja", "bad-csv", "alias", "not-utf-8", "empty", "project-file", "prompts", "model",
    )  # fmt: skip
    counts = {kind: sum(name.startswith(kind) for name in NAMES) for kind in kinds}
    assert {kind: count for kind, count in counts.items() if count < 2} == {}
    assert sum(name.startswith("many-") for name in NAMES) == 5


def test_the_project_without_a_case_is_valid(campaign: Path) -> None:
    """The control: what the cases change is all that is wrong with them."""
    assert load(campaign, project_of(campaign), backends=BACKENDS).campaign.campaign == "spring"
