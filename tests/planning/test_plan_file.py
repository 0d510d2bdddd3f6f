"""Plan files: the same bytes for the same inputs, read back equal, refused where they cannot be followed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flux2flow.domain.fingerprint import fingerprint
from flux2flow.domain.plan import PLAN_FORMAT_VERSION
from flux2flow.errors import PlanError
from flux2flow.planning import Only, plan, plan_from_json, plan_to_json, table
from tests.planning.bundles import LIMITS, bundle
from tests.planning.test_planner import chart_bundle

GOLDEN = Path(__file__).parent / "golden_plan.json"
PRINT_PLAN = """
from flux2flow.planning import plan, plan_to_json
from tests.planning.bundles import LIMITS, bundle
print(plan_to_json(plan(bundle(), LIMITS)), end="")
"""


def text() -> str:
    return plan_to_json(plan(bundle(), LIMITS))


def test_a_plan_reads_back_equal_and_writes_back_the_same_bytes() -> None:
    """Every layer kind included."""
    for made in (plan(bundle(), LIMITS), plan(chart_bundle(), LIMITS), plan(bundle(), LIMITS, Only(locale="ar"))):
        written = plan_to_json(made)
        assert plan_from_json(written) == made
        assert plan_to_json(plan_from_json(written)) == written


def test_a_plan_that_was_written_and_read_keeps_every_key() -> None:
    """Else `render --plan` would paint again what `render` has painted; -45 must not differ from -45.0."""
    template = {"plate": {"lighting": {"azimuth": None, "elevation": None}}}
    made = plan(bundle(template=template), LIMITS)
    again = plan_from_json(plan_to_json(made))
    assert [fingerprint(plate.request) for plate in made.plates] == [
        fingerprint(plate.request) for plate in again.plates
    ]
    assert [fingerprint(scene) for scene in made.scenes] == [fingerprint(scene) for scene in again.scenes]
    assert fingerprint(made.plates[0].request) != fingerprint(made.plates[1].request)


def test_the_golden_plan() -> None:
    """A change of the plan is a change on purpose: rewrite it with `python -m tests.planning.test_plan_file`."""
    small = plan_to_json(plan(bundle(), LIMITS, Only(row="serum", format="iab/leaderboard")))
    assert small == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.parametrize("hash_seed", ["0", "1", "4242"])
def test_the_same_inputs_give_the_same_bytes_in_any_process(hash_seed: str) -> None:
    """Whatever order a set would take."""
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(root)}
    result = subprocess.run(
        [sys.executable, "-c", PRINT_PLAN], cwd=root, env=environment, capture_output=True, text=True, encoding="utf-8"
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout == text()


def changed(**changes: Any) -> str:
    return json.dumps({**json.loads(text()), **changes})


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("{", "not JSON"),
        ("[]", "no 'format_version'"),
        ("{}", "no 'format_version'"),
        (json.dumps({"format_version": True}), "no 'format_version'"),
        (json.dumps({"format_version": PLAN_FORMAT_VERSION + 1}), "upgrade"),
        (json.dumps({"format_version": 0}), "plan again"),
        (json.dumps({"format_version": PLAN_FORMAT_VERSION}), "damaged at campaign"),
        (changed(plates=[]), "stands on a plate or format"),
        (changed(scenes=[]), "serve scenes that it does not hold"),
        (changed(scenes=json.loads(text())["scenes"] * 2), "twice"),
        (changed(seed="seven"), "damaged at seed"),
    ],
)
def test_a_file_that_cannot_be_followed_is_refused(document: str, words: str) -> None:
    """Before anything is painted by it."""
    with pytest.raises(PlanError, match=words):
        plan_from_json(document)


def test_the_table_counts_what_the_plan_holds() -> None:
    """Scenes a plate, megapixels, flips, crops."""
    made = table(plan(bundle(), LIMITS))
    assert (made.totals.plates, made.totals.scenes, made.totals.reuse, made.totals.flips) == (4, 12, 3.0, 6)
    row = made.rows[0]
    assert (row.id, row.side, str(row.size), row.serves) == ("hero/serum/landscape/end", "end", "832×432", 4)
    assert row.megapixels == pytest.approx(0.359424)
    assert [(crop.format, crop.scenes, crop.flipped) for crop in row.crops] == [
        ("web/open-graph", 2, 1),
        ("linkedin/landscape", 2, 1),
    ]
    assert row.crops[0].enlargement == pytest.approx(630 / 432)
    assert made.totals.megapixels == pytest.approx(sum(row.megapixels for row in made.rows))


if __name__ == "__main__":
    GOLDEN.write_text(
        plan_to_json(plan(bundle(), LIMITS, Only(row="serum", format="iab/leaderboard"))), encoding="utf-8"
    )
