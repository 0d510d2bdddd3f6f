"""A plan's scenes → checked, encoded assets, each made once; finished ones are taken from the state.

Typography, compositing, encoding, decoding and checking meet here and nowhere else. Says nothing about folders.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pydantic import TypeAdapter, ValidationError

from flux2flow.domain.asset import Asset, EncodedFile
from flux2flow.domain.canvas import Canvas
from flux2flow.domain.finding import Finding
from flux2flow.domain.fingerprint import digest as digest_of
from flux2flow.domain.layout import Layout
from flux2flow.domain.plan import Plan
from flux2flow.domain.plate import Plate
from flux2flow.domain.scene import Scene, TextLayer
from flux2flow.errors import StoreError, TypographyError
from flux2flow.execution.identity import scene_key
from flux2flow.execution.workspace import Workspace
from flux2flow.interfaces import CheckSubject, FileSource, TextReader
from flux2flow.plugins import Registry

_ASSET = TypeAdapter(Asset)
_PLATES_IN_MEMORY = 4


@dataclass(frozen=True, slots=True)
class MadeAsset:
    """An asset and its place in the output folder, where it stands or, kept back, would have stood."""

    asset: Asset
    place: str


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A scene as it was made once, and what the checks found."""

    scene: Scene
    layout: Layout
    encoded: EncodedFile
    decoded: Canvas
    findings: tuple[Finding, ...]


def _on_its_ground(finding: Finding, allowed: Mapping[str, object]) -> bool:
    """Whether a finding says that one of these texts cannot be read on what lies under it."""
    return finding.layer in allowed and (
        (finding.check == "contrast" and finding.blocking)
        or (finding.check == "busy-background" and finding.level != "info")
    )


def _blocked(made: _Attempt) -> set[tuple[str, str]]:
    return {(finding.check, finding.layer) for finding in made.findings if finding.blocking}


@dataclass
class SceneMaker:
    """Makes the assets of one run. Safe to use from several threads."""

    work: Workspace
    _decoded: OrderedDict[str, Canvas] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def make(self, scene: Scene, plate: Plate) -> MadeAsset:
        """Take an asset from the state or make it. Raises Flux2FlowError where it cannot be made."""
        work = self.work
        key = self._key(scene, plate)
        if not work.force and (found := self._stored(key, plate)) is not None:
            return found
        lease = work.store.leases.wait(key, stopped=lambda: work.interruption.stopped)
        work.interruption.check()
        assert lease is not None, "only an interruption ends the wait without the lease"
        with lease:  # another process may have made it while this one waited
            if not work.force and (found := self._stored(key, plate)) is not None:
                return found
            return self._make(scene, plate, key)

    def stored(self, scene: Scene, plate: Plate) -> MadeAsset | None:
        """Take an asset from the state, or return None."""
        return self._stored(self._key(scene, plate), plate)

    def _key(self, scene: Scene, plate: Plate) -> str:
        plan = self.work.plan
        format = plan.format(scene.format)
        reader = self.work.reader.name if self.work.reader is not None else ""
        given = plan.fonts, plan.forbidden_words, self.work.registry, reader, plan.standards
        return scene_key(scene, plate.digest, format, *given)

    def _stored(self, key: str, plate: Plate) -> MadeAsset | None:
        entry = self.work.store.find(key)
        if entry is None:
            return None
        try:
            asset = _ASSET.validate_python(dict(entry.facts["asset"]))
            place = str(entry.facts["place"])
        except (ValidationError, KeyError, TypeError, ValueError):  # written by another version
            return None
        return MadeAsset(replace(asset, plate_key=plate.key, reused=True), place)

    def _make(self, scene: Scene, plate: Plate, key: str) -> MadeAsset:
        from flux2flow.export.naming import asset_path  # here: a run with nothing to do loads no drawing library

        work = self.work
        sided, relaid = self._sided(scene, plate)
        made = self._repaired(sided, plate, self._attempt(sided, plate, relaid=relaid))
        work.interruption.check()
        asset = _asset(scene, plate, key, made.layout, made.encoded, made.findings)
        place = asset_path(scene, made.encoded.media)
        work.store.keep(key, made.encoded.data, {"asset": _ASSET.dump_python(asset, mode="json"), "place": place})
        work.record("asset-stored", scene.id, key=key, object=asset.digest)
        return MadeAsset(asset, place)

    def _sided(self, scene: Scene, plate: Plate) -> tuple[Scene, str]:
        """Look at the plate under what asks for quiet: the scene as it is set, and why it changed sides if it did."""
        if (other := scene.other_side) is None:
            return scene, ""
        from flux2flow.compositing.quiet import busyness
        from flux2flow.typography.quiet import on_other_side, quiet_boxes, why_other_side

        ground = self._canvas(plate)
        here, there = (
            busyness(ground, scene.plate, scene.size, quiet_boxes(layers, other.quiet))
            for layers in (scene.layers, other.layers)
        )
        why = why_other_side(here, there)
        return (on_other_side(scene), why) if why else (scene, "")

    def _attempt(self, scene: Scene, plate: Plate, repairs: tuple[str, ...] = (), relaid: str = "") -> _Attempt:
        """Set, paint, encode, decode and check one scene; `repairs` say what was changed in it before."""
        from flux2flow.compositing import compose
        from flux2flow.export import encode
        from flux2flow.gates.pictures import decode_canvas
        from flux2flow.validation import validate

        work, plan = self.work, self.work.plan
        layout = replace(_layout(scene, plan, work.project), repairs=repairs, relaid=relaid)
        work.interruption.check()
        ground = self._canvas(plate)
        canvas = compose(layout, ground, work.project)
        work.interruption.check()
        encoded = encode(canvas, plan.format(scene.format), _metadata(plan, scene, plate))
        decoded = decode_canvas(encoded.data)
        subject = _subject(scene, layout, plan, work.project, encoded, decoded)
        if work.reader is not None:
            subject = replace(subject, reader=work.reader, plate=ground)
        return _Attempt(scene, layout, encoded, decoded, validate(subject, work.registry.checks))

    def _repaired(self, scene: Scene, plate: Plate, made: _Attempt) -> _Attempt:
        """Try what the template lets be changed where type fails on its ground, in the template's order.

        A change stays only where it ends the finding and brings no other that keeps the file back.
        """
        allowed = {layer.id: layer.repair for layer in scene.layers if isinstance(layer, TextLayer) and layer.repair}
        if not allowed or not any(_on_its_ground(finding, allowed) for finding in made.findings):
            return made
        from flux2flow.validation.repairs import applied, repairs

        for layer, kinds in allowed.items():
            failing = [finding for finding in made.findings if _on_its_ground(finding, {layer: kinds})]
            if not failing:
                continue
            found = {r.kind: r for r in repairs(failing, made.layout, made.decoded, self.work.plan.standards)}
            for kind in kinds:
                self.work.interruption.check()
                if kind not in found or (changed := applied(made.scene, found[kind])) is None:
                    continue
                line = f"{layer}: {kind}, {found[kind].words}"
                attempt = self._attempt(changed, plate, (*made.layout.repairs, line), made.layout.relaid)
                still = any(_on_its_ground(finding, {layer: kinds}) for finding in attempt.findings)
                if not still and _blocked(attempt) <= _blocked(made):
                    made = attempt
                    break
        return made

    def _canvas(self, plate: Plate) -> Canvas:
        """Decode a plate; the last few stay in memory, since scenes of one plate follow each other."""
        from flux2flow.gates.pictures import decode_canvas

        with self._lock:
            if (canvas := self._decoded.get(plate.digest)) is not None:
                self._decoded.move_to_end(plate.digest)
                return canvas
            data = self.work.store.objects.get(plate.digest)
            if data is None:
                raise StoreError(f"the stored plate {plate.id} was lost while this run used it; run the command again")
            canvas = self._decoded[plate.digest] = decode_canvas(data)
            while len(self._decoded) > _PLATES_IN_MEMORY:
                self._decoded.popitem(last=False)
            return canvas


def examine(
    plan: Plan,
    files: FileSource,
    registry: Registry,
    reader: TextReader | None = None,
    *,
    on: dt.date | None = None,
) -> tuple[Finding, ...]:
    """Set every scene's type without painting and run the checks that need no pixels, in plan order.

    With a `reader` they also say which words it will not be able to read back. Waivers hold as of the day `on`;
    without one, none holds.
    """
    from flux2flow.validation import aliases, notices, validate, waived

    found: list[Finding] = []
    for scene in plan.scenes:
        try:
            layout = _layout(scene, plan, files)
        except TypographyError as error:
            found.append(Finding("typography", "error", str(error), scene.id))
            continue
        subject = _subject(scene, layout, plan, files)
        found.extend(validate(replace(subject, reader=reader), registry.checks))
    if on is None:
        return tuple(found)
    judged = waived(found, plan.standards.waivers, on, aliases(registry.checks))
    return (*judged, *notices(judged, plan.standards.waivers, on, complete=False))


def _subject(
    scene: Scene,
    layout: Layout,
    plan: Plan,
    files: FileSource,
    encoded: EncodedFile | None = None,
    decoded: Canvas | None = None,
) -> CheckSubject:
    given = scene, layout, plan.format(scene.format), plan.forbidden_words
    return CheckSubject(*given, encoded, decoded, plan.standards, files)


def _layout(scene: Scene, plan: Plan, files: FileSource) -> Layout:
    from flux2flow.typography import set_scene

    return set_scene(scene, plan.fonts, files)


def _metadata(plan: Plan, scene: Scene, plate: Plate) -> dict[str, str]:
    """Say what an exported file states about itself: nothing that differs between two runs."""
    return {"title": plan.title or plan.campaign, "subject": scene.id, "backend": plate.identity.backend}


def _asset(
    scene: Scene, plate: Plate, key: str, layout: Layout, encoded: EncodedFile, findings: tuple[Finding, ...]
) -> Asset:
    return Asset(
        id=scene.id,
        key=key,
        scene=scene.id,
        plate=plate.id,
        plate_key=plate.key,
        path=None,
        digest=digest_of(encoded.data),
        bytes=len(encoded.data),
        media=encoded.media,
        quality=encoded.quality,
        size=layout.size,
        enlargement=layout.plate.enlargement,
        findings=findings,
        dropped=tuple((dropped.id, dropped.reason) for dropped in layout.dropped),
        fits=tuple((text.id, text.fit.size, text.fit.lines) for text in layout.texts()),
        repairs=layout.repairs,
        relaid=layout.relaid,
        copyfitting=tuple(
            (text.id, fit.tracking, fit.width_axis, fit.copy_step)
            for text in layout.texts()
            if (fit := text.fit).tracking or fit.width_axis is not None or fit.copy_step
        ),
    )
