"""The quiet contract on painted scenes: the empty side is accepted, the product's place is not, and type changes sides.

A small sample of `tests/bench/quiet.py`, whose dated log has the rates.
"""

from __future__ import annotations

import pytest

from flux2flow.domain.layout import Busyness
from flux2flow.typography.quiet import why_other_side
from tests.bench.quiet import Judged, judged

SAMPLE = ("quiet/0", "quiet/18", "quiet/31", "quiet/35")
"""An arch; the steepest light; the widest spread on an empty side; a dark product on a dark ground."""


@pytest.fixture(scope="module")
def found() -> dict[str, dict[str, Judged]]:
    return {seed: {it.ground: it for it in judged(seed)} for seed in SAMPLE}


@pytest.mark.parametrize("seed", SAMPLE)
def test_an_empty_side_is_quiet_and_the_products_place_is_busy(seed: str, found: dict[str, dict[str, Judged]]) -> None:
    """Each is the other's control: limits that pass both, or refuse both, fail."""
    assert not found[seed]["empty"].left
    assert found[seed]["product"].left
    assert found[seed]["type across the product"].left


@pytest.mark.parametrize("seed", SAMPLE)
def test_type_leaves_the_product_for_the_empty_side_and_never_the_other_way(
    seed: str, found: dict[str, dict[str, Judged]]
) -> None:
    busy, quiet = ((found[seed][ground].measured,) for ground in ("type across the product", "empty"))
    assert why_other_side(busy, quiet).startswith("set on the other side")
    assert why_other_side(quiet, busy) == ""
    assert why_other_side(busy, (Busyness(0.9 * busy[0].edges, 0.9 * busy[0].spread),)) == ""
