"""What a run did: plates, assets, findings, and the counts that the summary and the exit code come from."""

from __future__ import annotations

from dataclasses import dataclass

from flux2flow.domain.asset import Asset
from flux2flow.domain.finding import Finding
from flux2flow.domain.plan import Plan
from flux2flow.domain.plate import Plate


@dataclass(frozen=True, slots=True)
class Failure:
    """A plate or scene that could not be made, and why."""

    subject: str
    reason: str


@dataclass(frozen=True, slots=True)
class Report:
    """The result of one `render`."""

    plan: Plan
    run: str
    plates: tuple[Plate, ...]
    assets: tuple[Asset, ...]
    failures: tuple[Failure, ...]
    environment: tuple[tuple[str, str], ...]
    output: str
    """The folder build/<campaign>, absolute."""
    seconds: float
    notices: tuple[Finding, ...] = ()
    """What is to be said of the campaign as a whole, such as a waiver whose last day has passed."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Every finding of every asset, then those of the campaign."""
        return (*(finding for asset in self.assets for finding in asset.findings), *self.notices)

    @property
    def exit_code(self) -> int:
        """3 where something could not be made, 1 where a check failed, else 0."""
        if self.failures:
            return 3
        return 1 if any(finding.blocking for finding in self.findings) else 0
