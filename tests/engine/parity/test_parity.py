"""The engine and diffusers give the same numbers for the same weights."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.engine.parity import measures
from tests.engine.parity.peer import PipelineCase

GRIDS = [(4, 6), (8, 3)]
SIZES = [(96, 64), (64, 128)]


@pytest.mark.parametrize("grid", GRIDS, ids=str)
@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("references", [0, 1, 3])
@pytest.mark.parametrize("guidance", [False, True], ids=["plain", "guidance"])
def test_transformer(guidance: bool, references: int, batch: int, grid: tuple[int, int]) -> None:
    """One call agrees within 1e-5 of the largest value, in fp32."""
    assert measures.velocity(guidance, references, batch, grid) <= measures.LIMITS[measures.velocity]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("references", [0, 1, 3])
@pytest.mark.parametrize("kind", ["klein", "base", "dev"])
def test_pipeline(kind: str, references: int, batch: int, size: tuple[int, int]) -> None:
    """Pictures agree within 1e-3 of a pixel's range: references, schedule, sampler, guidance and decoder included."""
    case = PipelineCase(kind, references, batch, *size)
    assert measures.pixels(case) <= measures.LIMITS[measures.pixels]


@pytest.mark.parametrize("measure", measures.LIMITS, ids=lambda measure: measure.__name__)
def test_measure(measure: Callable[[], float]) -> None:
    """Every place that the mutation tests watch agrees while nothing is broken."""
    assert measure() <= measures.LIMITS[measure]
