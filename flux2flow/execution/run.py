"""A Plan → a Report: plates first, grouped by size, then scenes, then the page. Makes only what is not there yet.

The one place where phases meet. What is done is decided by keys and verified bytes alone, never by a journal.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path

from flux2flow.domain.asset import Asset
from flux2flow.domain.finding import Finding
from flux2flow.domain.fingerprint import digest as digest_of
from flux2flow.domain.fingerprint import fingerprint
from flux2flow.domain.plan import Plan
from flux2flow.domain.report import Failure, Report
from flux2flow.domain.scene import Scene
from flux2flow.errors import Flux2FlowError, PlanError, StoreError
from flux2flow.execution.identity import environment
from flux2flow.execution.interruption import Interrupted, Interruption
from flux2flow.execution.plates import PaintedPlates, paint_plates
from flux2flow.execution.release import MANIFEST, PAGE, keep_rejected, release, settle
from flux2flow.execution.scenes import MadeAsset, SceneMaker
from flux2flow.execution.trust import require_walls
from flux2flow.execution.workspace import Workspace
from flux2flow.gates import confinement
from flux2flow.interfaces import Event, Progress, TextReader
from flux2flow.plugins import Registry
from flux2flow.project import Project
from flux2flow.store import Disk, KeyEntry, Store
from flux2flow.validation import aliases, notices, waived


def run(
    plan: Plan,
    project: Project,
    registry: Registry,
    *,
    progress: Progress,
    force: bool = False,
    workers: int = 2,
    only: frozenset[str] | None = None,
    withdraw: bool = True,
    unconfined: bool = False,
    clock: Callable[[], float] = time.time,
    disk: Disk | None = None,
    reader: TextReader | None = None,
) -> Report:
    """Make every asset of a plan that is not there yet and report them all.

    `only` names the scenes to make; the others are reported where they are done already. With `withdraw`, files that
    an earlier run released and this plan does not list are removed: never with `only`, nor where something failed.
    `force` makes everything anew. `disk` is what stands under the state, by default the machine's own.
    `unconfined` lets SVGs from outside the library be drawn where the system has no walls for it. A `reader` reads
    plates and finished pictures for the checks that need it.
    Raises Interrupted after a signal, StoreError, PluginError, PlanError.
    """
    require_walls(plan, confinement.status(), unconfined=unconfined)
    began = time.monotonic()
    interruption = Interruption()
    store = Store(project.state, disk=disk, outputs=[project.output(plan.campaign)])
    with interruption.listening(), store:
        work = Workspace(plan, project, registry, store, progress, interruption, force, clock, reader)
        outcome = "failed"
        try:
            report = _run(work, workers, only, withdraw, began)
            outcome = "done"
        except Interrupted:
            outcome = "interrupted"
            raise
        finally:
            work.close(outcome)
    return report


def _run(work: Workspace, workers: int, only: frozenset[str] | None, withdraw: bool, began: float) -> Report:
    plan = work.plan
    wanted = [scene for scene in plan.scenes if only is None or scene.id in only]
    work.tell(Event("start", plan.campaign, 0, len(wanted)))
    painted = paint_plates(work, {scene.plate.plate for scene in wanted})
    results = _make_scenes(work, wanted, painted, workers)
    if only is not None:
        results |= _already_made(work, [scene for scene in plan.scenes if scene.id not in only], painted)
    made = [result for scene in plan.scenes if isinstance(result := results.get(scene.id), _Done)]
    failures = [result for scene in plan.scenes if isinstance(result := results.get(scene.id), Failure)]
    _refuse_shared_places(made)
    complete = only is None and not failures and not painted.failures
    released = {done.asset.path: done.asset.digest for done in made if done.asset.path}
    settle(work, released, withdraw=withdraw and complete)
    report = Report(
        plan=plan,
        run="",
        plates=tuple(painted.plates.values()),
        assets=tuple(done.asset for done in made),
        failures=(*painted.failures.values(), *failures),
        environment=environment(work.registry),
        output=str(work.output),
        seconds=round(time.monotonic() - began, 3),
        notices=_notices(work, made, complete=complete),
    )
    report = _write_report(work, report, [done.made for done in made])
    work.tell(Event("end", plan.campaign, len(report.assets), len(wanted), detail=_record_damage(work)))
    return report


def _notices(work: Workspace, made: Sequence[_Done], *, complete: bool) -> tuple[Finding, ...]:
    waivers = work.plan.standards.waivers
    if not waivers:
        return ()
    return notices([f for done in made for f in done.asset.findings], waivers, work.today, complete=complete)


def _record_damage(work: Workspace) -> str:
    """Journal what was found damaged in the state, and say how much."""
    damaged = [*work.store.objects.damaged, *work.store.keys.damaged]
    for name in damaged:
        work.record("damage", name)
    return f"{len(damaged)} damaged entries of the state were removed, and made again where needed" if damaged else ""


@dataclass(frozen=True, slots=True)
class _Done:
    made: MadeAsset
    asset: Asset
    """As released or kept back."""


def _make_scenes(
    work: Workspace, scenes: Sequence[Scene], painted: PaintedPlates, workers: int
) -> dict[str, _Done | Failure]:
    """Make scenes in a few threads (drawing and encoding release the interpreter); progress in order of completion."""
    maker = SceneMaker(work)

    def make(scene: Scene) -> _Done | Failure:
        work.interruption.check()
        plate = painted.plates.get(scene.plate.plate)
        if plate is None:
            return Failure(scene.id, f"its plate {scene.plate.plate} could not be painted")
        try:
            made = _judged(work, maker.make(scene, plate))
            return _Done(made, release(work, made))
        except StoreError:
            raise  # the disk is full or gone: every other scene would fail alike
        except Flux2FlowError as error:
            work.record("failure", scene.id, reason=str(error))
            return Failure(scene.id, str(error))

    results: dict[str, _Done | Failure] = {}
    with ThreadPoolExecutor(max(workers, 1), thread_name_prefix="scene") as pool:
        futures = {pool.submit(make, scene): scene for scene in scenes}
        try:
            for future in _as_they_come(work, futures):
                scene = futures[future]
                results[scene.id] = result = future.result()
                _tell(work, scene, result, len(results), len(scenes))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)  # leaving the block then waits for those under way
            raise
    return results


def _as_they_come(work: Workspace, futures: dict[Future[_Done | Failure], Scene]) -> Iterator[Future[_Done | Failure]]:
    waiting = set(futures)
    while waiting:
        with work.interruption.breakable():
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
        yield from done


def _judged(work: Workspace, made: MadeAsset) -> MadeAsset:
    """Mark what the campaign lets pass today. What is stored holds no waiver: one that ends makes nothing anew."""
    if not work.plan.standards.waivers:
        return made
    names = aliases(work.registry.checks)
    findings = waived(made.asset.findings, work.plan.standards.waivers, work.today, names)
    return replace(made, asset=replace(made.asset, findings=findings))


def _already_made(work: Workspace, scenes: Sequence[Scene], painted: PaintedPlates) -> dict[str, _Done | Failure]:
    maker = SceneMaker(work)
    found: dict[str, _Done | Failure] = {}
    for scene in scenes:
        plate = painted.plates.get(scene.plate.plate)
        if plate is not None and (made := maker.stored(scene, plate)) is not None:
            made = _judged(work, made)
            found[scene.id] = _Done(made, release(work, made))
    return found


def _tell(work: Workspace, scene: Scene, result: _Done | Failure, done: int, of: int) -> None:
    if isinstance(result, Failure):
        work.tell(Event("failure", scene.id, done, of, detail=result.reason))
    else:
        detail = "" if result.asset.released else "rejected"
        work.tell(Event("asset", scene.id, done, of, result.asset.reused, detail))


def _refuse_shared_places(made: Sequence[_Done]) -> None:
    owners: dict[str, str] = {}
    for done in made:
        if (other := owners.setdefault(done.made.place, done.asset.id)) != done.asset.id:
            raise PlanError(f"{other} and {done.asset.id} would both be written to {done.made.place}; give one an id")


def _write_report(work: Workspace, report: Report, made: Sequence[MadeAsset]) -> Report:
    """Write manifest and page, unless those that stand there say the same."""
    key = fingerprint("report", report.plan.campaign)
    content = fingerprint(
        report.plan,
        [replace(plate, reused=False) for plate in report.plates],
        [replace(asset, reused=False) for asset in report.assets],
        report.failures,
        report.notices,
        report.environment,
    )
    written = work.store.keys.get(key)
    if written is not None and written.digest == content and _files(work.output, written.facts["files"]):
        return replace(report, run=work.run or str(written.facts["run"]))

    from flux2flow import reporting  # here: a run with nothing to do writes no page

    work.record("report-written", report.plan.campaign)
    report = replace(report, run=work.run)
    pairs = zip(made, report.assets, strict=True)
    kept_back = {asset.id: keep_rejected(work, item) for item, asset in pairs if not asset.released}
    reporting.write(report, work.output, kept_back)
    files = {name: digest_of((work.output / name).read_bytes()) for name in (MANIFEST, PAGE)}
    work.store.keys.put(key, KeyEntry(content, {"run": work.run, "files": files}))
    return report


def _files(folder: Path, digests: dict[str, str]) -> bool:
    """Whether every file stands there with its digest."""
    try:
        return all(digest_of((folder / name).read_bytes()) == digest for name, digest in digests.items())
    except OSError:
        return False
