"""The whole program in three calls: `load` a campaign, `plan` it, `run` the plan. And `validate`, without painting.

Nothing is painted with weights whose licence the project does not accept: `run` and `follow` ask its file first.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from flux2flow import execution, loading, planning, validation
from flux2flow import plugins as _plugins
from flux2flow.domain.campaign import CampaignBundle
from flux2flow.domain.finding import Finding
from flux2flow.domain.fingerprint import digest, fingerprint
from flux2flow.domain.plan import Plan
from flux2flow.domain.plate import BackendLimits, WeightsLicence
from flux2flow.domain.report import Report
from flux2flow.domain.standards import Standards
from flux2flow.domain.upsampled import UpsampledPrompt
from flux2flow.errors import Flux2FlowError, GateError, GenerationError, PlanError, PluginError, StoreError
from flux2flow.interfaces import Event, Progress, TextReader
from flux2flow.planning import Only, WantedPrompt
from flux2flow.plugins import Registry
from flux2flow.project import Project
from flux2flow.store import Journal, Lease, Store

if TYPE_CHECKING:
    from flux2flow.execution.audit import Audit, Standard
    from flux2flow.execution.specimen import SpecimenPage
    from flux2flow.generation.flux2.upsampling import Upsampler
    from flux2flow.loading.kit_alone import LoadedKit

__all__ = [
    "LicenceState",
    "Loaded",
    "Only",
    "Rewritten",
    "annotated",
    "check_file",
    "follow",
    "licence",
    "licence_of",
    "load",
    "plan",
    "prompt_file",
    "run",
    "specimen",
    "upsample",
    "validate",
    "write_specimen",
]


@dataclass(frozen=True, slots=True)
class LicenceState:
    """A model's licence, and whether this project lets the model paint."""

    model: str
    licence: WeightsLicence
    accepted: bool

    @property
    def allows(self) -> bool:
        """Whether anything may be painted."""
        return self.accepted or not self.licence.needs_acknowledgement

    def document(self) -> dict[str, str | bool]:
        """Give it as plain values."""
        named = {"model": self.model, "name": self.licence.name, "url": self.licence.url}
        needed = self.licence.needs_acknowledgement
        return {**named, "summary": self.licence.summary, "needs_acknowledgement": needed, "accepted": self.accepted}


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


def load(path: Path | str, *, plugins: bool = True, backend: str | None = None, prompts: bool = True) -> Loaded:
    """Read a campaign and everything it names. Raises SpecError with every problem at once, PluginError.

    `backend` paints in the place of the campaign's model, which then need not be installed. Without `prompts`, the
    campaign's upsampled prompts stay unread and plates keep the planner's own.
    """
    campaign = Path(path)
    project = Project.of(campaign)
    registry = _plugins.registry(plugins=plugins)
    known = _models_elsewhere(registry)
    if backend is not None and backend in known:
        raise PluginError(f"the model {backend!r} is not installed here: {known[backend]}")
    if backend is not None:
        registry.backend(backend)  # refuses a name that nobody knows
    bundle = loading.load(
        campaign,
        project,
        backends=sorted(registry.backends.keys() - known.keys()),
        known_models=known,
        licences=_licence_names(registry),
        prompts=prompts,
        check_model=backend is None,
        checks=validation.aliases(registry.checks),
    )
    if backend is not None:
        bundle = replace(bundle, campaign=bundle.campaign.model_copy(update={"model": backend}))
    return Loaded(bundle, project, registry)


def _models_elsewhere(registry: Registry) -> dict[str, str]:
    """Say of each model that exists and cannot be used here what to do to have it."""
    from flux2flow.generation.flux2.library import installed, known_variants

    found: dict[str, str] = {}
    incomplete: dict[str, str] = {}
    for row in known_variants():
        parts = ", ".join(dict.fromkeys((row.transformer, row.text_encoder, row.autoencoder)))
        found[row.name] = f"bring its weights with 'flux2flow models import': {parts}"
    try:
        for model in installed():
            found[model.variant] = f"its weights are here under the name {model.name!r}: write model: {model.name}"
            if not model.complete:
                incomplete[model.name] = f"parts of it were imported: {'; '.join(model.missing)}"
    except GenerationError as error:  # a library that cannot be read is no matter of campaigns that need none of it
        found = {name: f"{remedy}; {error}" for name, remedy in found.items()}
    return {name: remedy for name, remedy in found.items() if name not in registry.backends} | incomplete


def licence(loaded: Loaded) -> LicenceState | None:
    """Say under which licence the campaign's model is, and whether the project accepts it; None without weights."""
    return licence_of(loaded.limits, loaded.project, loaded.registry)


def licence_of(limits: BackendLimits, project: Project, registry: Registry) -> LicenceState | None:
    """Say the same of any backend. Raises SpecError where the project's file is wrong."""
    if limits.licence is None:
        return None
    accepted = loading.accepted_licences(project, _licence_names(registry))
    return LicenceState(limits.name, limits.licence, limits.licence.name in accepted)


def accepted_here(registry: Registry) -> tuple[str, ...]:
    """Give the licences that the project of the working folder accepts. Raises SpecError."""
    return loading.accepted_licences(Project.of("campaign.yaml"), _licence_names(registry))


def _licence_names(registry: Registry) -> Collection[str]:
    """Gather the names a project may accept: those that FLUX.2 is published under, and those of what is installed."""
    from flux2flow.generation.flux2.licences import licence_names

    installed = (entry.limits.licence for entry in registry.backends.values())
    return {*licence_names(), *(licence.name for licence in installed if licence is not None)}


def _require_licences(plan: Plan, project: Project, registry: Registry) -> None:
    """Refuse a plan whose model's licence is not accepted, by the plan's own word or by what is installed here."""
    installed = registry.backend(plan.backend.name).limits
    for terms in dict.fromkeys((installed.licence, plan.backend.licence)):
        loading.require_licence(project, plan.backend.name, terms, _licence_names(registry))


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
    ocr: bool = False,
) -> Report:
    """Make what a plan lists and is not there yet. A part of the campaign's plan leaves the other files alone.

    With `ocr`, or where the campaign asks for it, plates and pictures are read back; raises PluginError where the
    extra [ocr] is not installed.
    """
    whole = loaded.whole
    chosen = whole if plan is None else plan
    ids, only = frozenset(scene.id for scene in chosen.scenes), None
    part = ids < {scene.id for scene in whole.scenes}
    if part and set(chosen.scenes) <= set(whole.scenes):
        chosen, only = whole, ids  # so that the page keeps what is already there
    _require_licences(chosen, loaded.project, loaded.registry)
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
        reader=_reader(ocr or loaded.bundle.campaign.checks.ocr),
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
    ocr: bool = False,
) -> Report:
    """Follow a plan exactly, without the YAML it came from (a plan read from a file). Removes no file.

    Reads back with `ocr` alone: whether the campaign asks for it is not in the plan.
    """
    _require_licences(plan, project, registry)
    return execution.run(
        plan,
        project,
        registry,
        progress=progress or _unwatched,
        force=force,
        workers=workers,
        withdraw=False,
        unconfined=unconfined,
        reader=_reader(ocr),
    )


def validate(loaded: Loaded, *, ocr: bool = False, on: dt.date | None = None) -> tuple[Finding, ...]:
    """Check everything that can be known without painting: every row, locale and format.

    Waivers hold as of the day `on`, by default today, UTC. With `ocr`, or where the campaign asks for it, it also says
    which words a reader will not know; raises PluginError without the extra [ocr].
    """
    today = dt.datetime.now(dt.UTC).date() if on is None else on
    reader = _reader(ocr or loaded.bundle.campaign.checks.ocr)
    return execution.examine(plan(loaded), loaded.project, loaded.registry, reader, on=today)


def check_file(
    path: Path | str,
    *,
    kit: str | None = None,
    format: str | None = None,
    campaign: Path | str | None = None,
    expected: Sequence[str] = (),
    locale: str = "",
    ocr: bool = True,
    plugins: bool = True,
) -> Audit:
    """Audit a finished picture against a kit (name or folder) and a placement, or against the campaign it belongs to.

    `expected` are texts that must stand in it; those of the campaign's scene come by themselves. `locale` is the
    language of its words, which the kit's dictionary looks up; a campaign's picture has its own. Without the extra
    [ocr] words stay unread, and a finding says so. Raises SpecError for an unknown kit or placement, GateError for a
    file that is no picture, PluginError where texts are expected and cannot be read, PlanError where the campaign
    makes no such file.
    """
    from flux2flow.execution import audit
    from flux2flow.reading import missing, open_reader

    file = Path(path)
    if campaign is not None:
        standard = _standard_of_campaign(file, Path(campaign), format, locale, plugins=plugins)
    elif kit is not None and format is not None:
        from flux2flow.loading import kit_alone

        project = Project.of(file)
        found = kit_alone.load_kit(kit, project)
        placement = kit_alone.load_format(format, project)
        standard = audit.Standard(
            found.kit, found.pictures, found.fonts, found.project, placement, (), locale, _copy_standards(found)
        )
    else:
        raise ValueError("a picture is checked against a kit and a format, or against a campaign")
    standard = replace(standard, expected=(*standard.expected, *expected))
    reader = open_reader() if ocr and (expected or not missing()) else None
    return audit.audit(_bytes_of(file), str(path), standard, _plugins.registry(plugins=plugins).checks, reader)


def annotated(audit: Audit) -> bytes:
    """Draw an audit's findings on its picture: a PNG."""
    from flux2flow.execution.audit import annotated as drawn

    return drawn(audit)


def specimen(kit: str, *, beside: Path | str | None = None) -> tuple[SpecimenPage, ...]:
    """Draw a kit (name or folder): one page of its identity, and one for each script that its fonts can write.

    A name is looked up in the project of the folder `beside` (default: here), then in the library. Raises SpecError
    for an unknown or broken kit.
    """
    from flux2flow.execution import specimen as drawing
    from flux2flow.loading import kit_alone

    found = kit_alone.load_kit(kit, Project.of(Path(beside or Path.cwd()) / "specimen.png"), asked="KIT")
    return drawing.specimen(found.kit, found.fonts, found.pictures, found.project)


def write_specimen(kit: str, folder: Path | str, *, beside: Path | str | None = None) -> tuple[Path, ...]:
    """Draw a kit as `specimen` does and return the files; raises StoreError where one cannot be written.

    Pages that an earlier run wrote there for this kit, and that it has no longer, are removed; no other file is.
    """
    from flux2flow.execution.specimen import write_pages

    return write_pages(specimen(kit, beside=beside), Path(folder))


def _standard_of_campaign(file: Path, campaign: Path, format: str | None, locale: str, *, plugins: bool) -> Standard:
    """Find the scene that a file was made from by its place under build/, and what it must be."""
    from flux2flow.domain.scene import ButtonLayer, TextLayer
    from flux2flow.execution.audit import Standard
    from flux2flow.export.naming import asset_path

    loaded = load(campaign, plugins=plugins, backend="procedural", prompts=False)
    whole = plan(loaded)
    place = file.resolve().as_posix()
    scenes = [
        scene
        for scene in whole.scenes
        if any(place.endswith("/" + asset_path(scene, media)) for media in whole.format(scene.format).media)
    ]
    if not scenes:
        raise PlanError(f"{file} is no file of {campaign}: its last four names are those of no picture it makes")
    layers = [layer for layer in scenes[0].layers if isinstance(layer, (TextLayer, ButtonLayer))]
    words = tuple(layer.text.upper() if layer.type.upper else layer.text for layer in layers if layer.text.strip())
    bundle = loaded.bundle
    placement = whole.format(scenes[0].format)
    if format is not None and format != placement.id:
        raise PlanError(f"{file} is made for {placement.id}, not for {format}")
    spoken = scenes[0].locale
    if locale and locale != spoken:
        raise PlanError(f"{file} is made for {spoken}, not for {locale}")
    given = bundle.brand_kit, bundle.pictures, bundle.fonts, loaded.project, placement
    return Standard(*given, words, spoken, whole.standards)


def _copy_standards(found: LoadedKit) -> Standards:
    """Give what a kit alone says of words, as a plan joins it with what a campaign says."""
    kit = found.kit
    return Standards(names=kit.names_in_copy, allowed=kit.words.allowed, dictionaries=found.dictionaries)


def _bytes_of(file: Path) -> bytes:
    from flux2flow.gates.pictures import MAX_BYTES

    try:
        with file.open("rb") as stream:
            return stream.read(MAX_BYTES + 1)  # one more than passes, so that the gate says what is wrong
    except OSError as error:
        raise GateError(f"{file} cannot be read: {error.strerror}") from error


def _reader(wanted: bool) -> TextReader | None:
    """Open what reads pictures back, before anything is painted."""
    if not wanted:
        return None
    from flux2flow.reading import open_reader

    return open_reader()


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What became of one prompt: its entry in the prompt file, and the model's own words, used or not."""

    wanted: WantedPrompt
    entry: UpsampledPrompt
    answer: str
    tokens: int
    of: int
    reused: bool


def prompt_file(loaded: Loaded) -> str:
    """Name the campaign's prompt file, from the project's root: the one it names, else prompts/<campaign>.yaml."""
    return loading.prompt_file_path(loaded.bundle, loaded.project)


def upsample(
    loaded: Loaded,
    plan: Plan,
    upsampler: Upsampler,
    *,
    seed: int | None = None,
    again: bool = False,
    clock: Callable[[], float] = time.time,
) -> Iterator[Rewritten]:
    """Let a language model rewrite each prompt of a plan that was loaded without its prompt file.

    Each answer is written and journalled before the next one is asked for, so that stopping loses none. A prompt that
    has an entry is not asked about unless `again`. Raises GenerationError, SpecError for a broken file, StoreError.
    """
    file = prompt_file(loaded)
    wanted = planning.distinct_prompts(plan)
    seed = loaded.bundle.campaign.seed if seed is None else seed
    with _journalled(loaded.project, plan.campaign, clock) as note:
        there = loading.read_prompt_file(loaded.project, file)
        entries = {(entry.original, entry.references): entry for entry in there}
        for prompt in wanted:
            if prompt.key in entries and not again:
                entry = entries[prompt.key]
                yield Rewritten(prompt, entry, entry.text or prompt.prompt, 0, len(wanted), reused=True)
                continue
            pictures = [loaded.project.read(reference.picture.file) for reference in prompt.references]
            answer = upsampler.upsample(prompt.prompt, pictures, seed)
            judged = planning.judge(prompt.prompt, answer.text, answer.problem)
            entry = UpsampledPrompt(
                original=prompt.prompt,
                references=prompt.key[1],
                text=None if judged.refused else judged.text,
                kept=judged.refused,
                review=judged.review,
                model=upsampler.name,
                weights=upsampler.weights_digest,
                seed=seed,
            )
            entries[prompt.key] = entry
            loading.write_prompt_file(loaded.project, file, tuple(entries.values()))
            note(entry)
            yield Rewritten(prompt, entry, judged.text, answer.tokens, len(wanted), reused=False)


def _alone(store: Store, campaign: str) -> Lease:
    """Keep a second process from writing the same file: each would leave out what the other asked."""
    lease = store.leases.attempt(fingerprint("prompts", campaign))
    if lease is None:
        raise StoreError(f"another flux2flow upsample is at work on {campaign}: wait until it is done")
    return lease


@contextmanager
def _journalled(
    project: Project, campaign: str, clock: Callable[[], float]
) -> Iterator[Callable[[UpsampledPrompt], None]]:
    """Open a run's journal with the first prompt; nothing asked leaves no trace."""
    opened: list[Journal] = []

    def note(entry: UpsampledPrompt) -> None:
        if not opened:
            opened.append(store.new_run(clock)[1])
            opened[0].append("run-start", campaign)
        opened[0].append(
            "prompt-upsampled",
            digest(entry.original.encode()),
            text=digest(entry.text.encode()) if entry.text is not None else "",
            kept=entry.kept,
            model=entry.model,
            weights=entry.weights,
            seed=entry.seed,
        )

    with Store(project.state) as store, _alone(store, campaign):
        outcome = "interrupted"
        try:
            yield note
            outcome = "done"
        except Flux2FlowError:
            outcome = "failed"
            raise
        finally:
            if opened:
                opened[0].append("run-end", campaign, outcome=outcome)
                opened[0].close()


def _unwatched(_event: Event) -> None:
    """Let progress pass."""
