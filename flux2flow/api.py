"""The whole program in three calls: `load` a campaign, `plan` it, `run` the plan. And `validate`, without painting."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from flux2flow import execution, loading, planning
from flux2flow import plugins as _plugins
from flux2flow.domain.campaign import CampaignBundle
from flux2flow.domain.finding import Finding
from flux2flow.domain.plan import Plan
from flux2flow.domain.plate import BackendLimits
from flux2flow.domain.report import Report
from flux2flow.interfaces import Event, Progress
from flux2flow.planning import Only
from flux2flow.plugins import Registry
from flux2flow.project import Project

__all__ = ["Loaded", "Only", "load", "plan", "run", "validate"]


@dataclass(frozen=True)
class Loaded:
    """A campaign with everything it refers to, where it lives, and what is installed."""

    bundle: CampaignBundle
    project: Project
    registry: Registry

    @cached_property
    def limits(self) -> BackendLimits:
        """What the campaign's model can paint. Raises PluginError where it is not installed."""
        return self.registry.backend(self.bundle.campaign.model).limits

    @cached_property
    def whole(self) -> Plan:
        """The plan of everything, made once. Raises SpecError and PlanError."""
        return planning.plan(self.bundle, self.limits)


def load(path: Path | str, *, plugins: bool = True) -> Loaded:
    """Read a campaign and everything it names. Raises SpecError with every problem at once, PluginError."""
    campaign = Path(path)
    project = Project.of(campaign)
    registry = _plugins.registry(plugins=plugins)
    return Loaded(loading.load(campaign, project, backends=sorted(registry.backends)), project, registry)


def plan(loaded: Loaded, only: Only | None = None) -> Plan:
    """Plan everything, or a part. Raises SpecError and PlanError."""
    return loaded.whole if only is None else planning.plan(loaded.bundle, loaded.limits, only)


def run(
    loaded: Loaded,
    plan: Plan | None = None,
    *,
    progress: Progress | None = None,
    force: bool = False,
    workers: int = 2,
    unconfined: bool = False,
) -> Report:
    """Make what a plan lists and is not there yet. A part of the campaign's plan leaves the other files alone."""
    whole = loaded.whole
    chosen = whole if plan is None else plan
    ids, only = frozenset(scene.id for scene in chosen.scenes), None
    part = ids < {scene.id for scene in whole.scenes}
    if part and set(chosen.scenes) <= set(whole.scenes):
        chosen, only = whole, ids  # so that the page keeps what is already there
    return execution.run(
        chosen,
        loaded.project,
        loaded.registry,
        progress=progress or _unwatched,
        force=force,
        workers=workers,
        only=only,
        withdraw=not part,
        unconfined=unconfined,
    )


def follow(
    plan: Plan,
    project: Project,
    registry: Registry,
    *,
    progress: Progress | None = None,
    force: bool = False,
    workers: int = 2,
    unconfined: bool = False,
) -> Report:
    """Follow a plan exactly, without the YAML it came from (a plan read from a file). Removes no file."""
    return execution.run(
        plan,
        project,
        registry,
        progress=progress or _unwatched,
        force=force,
        workers=workers,
        withdraw=False,
        unconfined=unconfined,
    )


def validate(loaded: Loaded) -> tuple[Finding, ...]:
    """Check everything that can be known without painting: every row, locale and format."""
    return execution.examine(plan(loaded), loaded.project, loaded.registry)


def _unwatched(_event: Event) -> None:
    """Let progress pass."""
