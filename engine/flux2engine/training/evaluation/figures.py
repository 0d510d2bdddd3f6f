"""What a metric found: a value, its control, its goal; knows nothing of how any of them was measured."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Hardware = Literal["cpu", "gpu"]  # what the model was trained on: the goals differ


@dataclass(frozen=True)
class Goal:
    """Bounds on a value, on its control, and on the value minus its control; None bounds nothing."""

    at_least: float | None = None
    at_most: float | None = None
    gain: float | None = None
    control_at_least: float | None = None
    control_at_most: float | None = None

    def met(self, value: float, control: float | None) -> bool:
        """Tell whether every bound holds; a bound on a control that was not measured does not."""
        checks = [
            self.at_least is None or value >= self.at_least,
            self.at_most is None or value <= self.at_most,
            self.gain is None or (control is not None and value - control >= self.gain),
            self.control_at_least is None or (control is not None and control >= self.control_at_least),
            self.control_at_most is None or (control is not None and control <= self.control_at_most),
        ]
        return all(checks)

    def text(self, unit: str) -> str:
        """Say the bounds."""
        bounds = [
            ("≥ {}", self.at_least),
            ("≤ {}", self.at_most),
            ("gain ≥ {}", self.gain),
            ("control ≥ {}", self.control_at_least),
            ("control ≤ {}", self.control_at_most),
        ]
        return ", ".join(words.format(shown(bound, unit)) for words, bound in bounds if bound is not None)


@dataclass(frozen=True)
class Figure:
    """One row of the table."""

    metric: str
    what: str
    value: float
    unit: str  # "%" for shares in 0 … 1
    samples: int
    control: float | None = None
    control_is: str = ""
    truth: float | None = None  # the same measure on the true pictures
    goal: Goal | None = None  # None: reported

    @property
    def met(self) -> bool | None:
        """Tell whether the goal is met; None where nothing was asked."""
        return None if self.goal is None else self.goal.met(self.value, self.control)

    def record(self) -> dict[str, Any]:
        """Return plain data for a JSON file."""
        return {**asdict(self), "met": self.met}


def shown(value: float | None, unit: str) -> str:
    """Say a value with its unit; shares as percents."""
    if value is None:
        return "–"
    if unit == "%":
        return f"{value:.0%}"
    return f"{value:.3g} {unit}".strip() if abs(value) < 10 else f"{value:.1f} {unit}".strip()
