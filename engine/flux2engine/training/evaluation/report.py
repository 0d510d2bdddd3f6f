"""Figures → a table for people and JSON for machines."""

from __future__ import annotations

import json
from collections.abc import Sequence

from flux2engine.training.evaluation.figures import Figure, shown

_HEAD = ("metric", "what", "measured", "control", "truth", "goal", "met", "samples")
_MET = {True: "yes", False: "**no**", None: "–"}


def table(figures: Sequence[Figure]) -> str:
    """Return a Markdown table, one row per figure."""
    rows = [_HEAD, tuple("---" for _ in _HEAD), *(_row(figure) for figure in figures)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(figure: Figure) -> tuple[str, ...]:
    control = "–" if figure.control is None else f"{shown(figure.control, figure.unit)} ({figure.control_is})"
    goal = "reported" if figure.goal is None else figure.goal.text(figure.unit)
    value, truth = shown(figure.value, figure.unit), shown(figure.truth, figure.unit)
    return figure.metric, figure.what, value, control, truth, goal, _MET[figure.met], str(figure.samples)


def document(figures: Sequence[Figure], about: dict[str, str | int]) -> str:
    """Return the same as JSON."""
    return json.dumps({**about, "figures": [figure.record() for figure in figures]}, indent=1, ensure_ascii=False)
