"""Everything that a specimen can say, script by script, in the order of its pages."""

from __future__ import annotations

from flux2flow.execution.specimen.sample import Sample
from flux2flow.execution.specimen.samples_east import EAST
from flux2flow.execution.specimen.samples_west import WEST

__all__ = ["SAMPLES", "Sample"]

SAMPLES = (*WEST, *EAST)
