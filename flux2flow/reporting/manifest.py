"""Report → the manifest: what every file is, what painted it, and what was found. The same report gives the same bytes.

Holds no absolute path, so that two machines' manifests can be compared.
"""

from __future__ import annotations

import json
from typing import Any

from flux2flow.domain.asset import Asset
from flux2flow.domain.finding import Finding
from flux2flow.domain.measures import Box
from flux2flow.domain.plan import PlannedPlate
from flux2flow.domain.plate import Plate, WeightsLicence
from flux2flow.domain.report import Report
from flux2flow.domain.scene import Scene

FORMAT_VERSION = 1
"""Raise when a field of the manifest changes its meaning."""


def manifest_text(report: Report) -> str:
    """Return the manifest as JSON, indented, keys sorted."""
    return json.dumps(manifest(report), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def manifest(report: Report) -> dict[str, Any]:
    """Return the manifest as plain values."""
    plan = report.plan
    planned = {plate.id: plate for plate in plan.plates}
    scenes = {scene.id: scene for scene in plan.scenes}
    return {
        "format_version": FORMAT_VERSION,
        "campaign": {
            "id": plan.campaign,
            "title": plan.title,
            "brand_kit": plan.brand_kit,
            "brand_name": plan.brand_name,
            "seed": plan.seed,
        },
        "model": {"name": plan.backend.name, "licence": _licence(plan.backend.licence)},
        "run": report.run,
        "environment": dict(sorted(report.environment)),
        "counts": counts(report),
        "plates": [_plate(plate, planned.get(plate.id)) for plate in sorted(report.plates, key=lambda plate: plate.id)],
        "assets": [_asset(asset, scenes[asset.scene]) for asset in sorted(report.assets, key=lambda asset: asset.id)],
        "notices": [finding_document(finding) for finding in report.notices],
        "failures": [
            {"subject": f.subject, "reason": f.reason} for f in sorted(report.failures, key=lambda f: f.subject)
        ],
        "notes": [{"code": note.code, "subject": note.subject, "message": note.message} for note in plan.notes],
    }


def _licence(licence: WeightsLicence | None) -> dict[str, Any] | None:
    """Return a licence as plain values. No run begins without an acknowledgement that it needs."""
    if licence is None:
        return None
    acknowledged = "given in flux2flow.yaml" if licence.needs_acknowledgement else "not needed"
    return {"name": licence.name, "url": licence.url, "summary": licence.summary, "acknowledgement": acknowledged}


def counts(report: Report) -> dict[str, int]:
    """Count what there is; `released` and `kept_back` add up to `assets`."""
    levels = [finding.level for finding in report.findings if finding.waiver is None]
    return {
        "assets": len(report.assets),
        "released": sum(asset.released for asset in report.assets),
        "kept_back": sum(not asset.released for asset in report.assets),
        "reused": sum(asset.reused for asset in report.assets),
        "not_made": len(report.failures),
        "plates": len(report.plates),
        "plates_reused": sum(plate.reused for plate in report.plates),
        "errors": levels.count("error"),
        "failed": levels.count("fail"),
        "warnings": levels.count("warn"),
        "notes": levels.count("info"),
        "waived": sum(finding.waiver is not None for finding in report.findings),
    }


def _plate(plate: Plate, planned: PlannedPlate | None) -> dict[str, Any]:
    identity = plate.identity
    document: dict[str, Any] = {
        "id": plate.id,
        "key": plate.key,
        "sha256": plate.digest,
        "width": plate.size.width,
        "height": plate.size.height,
        "reused": plate.reused,
        "seconds": round(plate.seconds, 3),
        "backend": {
            "name": identity.backend,
            "variant": identity.variant,
            "weights_sha256": identity.weights_digest,
            "dtype": identity.dtype,
            "sampling_version": identity.sampling_version,
            "threads": identity.threads,
        },
    }
    if planned is not None:
        request = planned.request
        document |= {
            "entry": planned.entry,
            "row": planned.row,
            "variant": dict(planned.variant),
            "aspect_class": planned.aspect_class,
            "side": planned.side,
            "serves": list(planned.serves),
            "prompt": request.prompt,
            "original_prompt": planned.original_prompt,
            "negative_prompt": request.negative_prompt,
            "seed": request.seed,
            "steps": request.steps,
            "guidance": request.guidance,
            "base": None if request.base is None else {"path": request.base.path, "sha256": request.base.digest},
            "references": [
                {
                    "path": reference.picture.file.path,
                    "root": reference.picture.file.root,
                    "sha256": reference.picture.file.digest,
                    "role": reference.role,
                    "caption": reference.caption,
                }
                for reference in request.references
            ],
        }
    return document


def _asset(asset: Asset, scene: Scene) -> dict[str, Any]:
    return {
        "id": asset.id,
        "key": asset.key,
        "path": asset.path,
        "released": asset.released,
        "reused": asset.reused,
        "sha256": asset.digest,
        "bytes": asset.bytes,
        "media": asset.media,
        "quality": asset.quality,
        "width": asset.size.width,
        "height": asset.size.height,
        "entry": scene.entry,
        "template": scene.template,
        "format": scene.format,
        "aspect_class": scene.aspect_class,
        "locale": scene.locale,
        "direction": scene.direction,
        "row": scene.row,
        "variant": dict(scene.variant),
        "plate": asset.plate,
        "plate_key": asset.plate_key,
        "crop": _box(scene.plate.crop),
        "mirrored": scene.plate.flip,
        "enlargement": round(asset.enlargement, 4),
        "findings": [finding_document(finding) for finding in asset.findings],
        "fits": [{"layer": layer, "size": round(size, 3), "lines": lines} for layer, size, lines in asset.fits],
        "dropped": [{"layer": layer, "reason": reason} for layer, reason in asset.dropped],
        "repairs": list(asset.repairs),
        "relaid": asset.relaid,
        "copyfitting": [
            {"layer": layer, "tracking": tracking, "width_axis": width, "copy": copy}
            for layer, tracking, width, copy in asset.copyfitting
        ],
    }


def finding_document(finding: Finding) -> dict[str, Any]:
    """Return one finding as plain values; its box is [x, y, width, height] in pixels of the picture."""
    return {
        "check": finding.check,
        "level": finding.level,
        "layer": finding.layer,
        "message": finding.message,
        "measured": finding.measured,
        "limit": finding.limit,
        "remedy": finding.remedy,
        "box": None if finding.box is None else _box(finding.box),
        "waiver": None if finding.waiver is None else finding.waiver.model_dump(),
    }


def _box(box: Box) -> list[float]:
    return [round(side, 2) for side in (box.x, box.y, box.width, box.height)]
