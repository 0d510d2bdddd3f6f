"""The manifest: complete, closed under its own references, free of this machine, and the same for the same report."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from flux2flow.domain.report import Report
from flux2flow.reporting.json import findings_json, report_json
from flux2flow.reporting.manifest import manifest, manifest_text

from .builder import PROMPT, WEIGHTS, failed, report


def test_every_plate_names_its_backend_and_the_digest_of_its_weights() -> None:
    plates = manifest(report())["plates"]
    assert len(plates) == 8  # two rows × four aspect classes: two formats share one
    for plate in plates:
        assert plate["backend"]["name"] == "nano"
        assert plate["backend"]["weights_sha256"] == WEIGHTS
        assert (plate["prompt"], plate["seed"]) == (PROMPT, 4711)
        assert plate["references"][0]["caption"] == "warm dunes in morning haze"


def test_every_asset_is_there_with_its_place_and_its_findings() -> None:
    made = report()
    document = manifest(made)
    assets = {asset["id"]: asset for asset in document["assets"]}
    assert len(assets) == 40
    kept, warned = assets[made.assets[0].id], assets[made.assets[1].id]
    assert (kept["path"], kept["released"], kept["findings"][0]["check"]) == (None, False, "contrast")
    assert kept["findings"][0]["box"] == [24.0, 85.0, 18.0, 22.5]
    assert (warned["released"], warned["locale"], warned["row"]) == (True, "de", "dew-serum")
    arabic = next(asset for asset in assets.values() if asset["locale"] == "ar" and asset["width"] == 300)
    assert (warned["mirrored"], arabic["mirrored"], arabic["crop"]) == (False, True, [0, 0, 300, 250])
    assert warned["fits"] == [
        {"layer": "headline", "size": 31.5, "lines": 2},
        {"layer": "cta", "size": 14.0, "lines": 1},
    ]
    plates = {plate["id"] for plate in document["plates"]}
    assert {asset["plate"] for asset in assets.values()} <= plates


def test_the_counts_add_up() -> None:
    tally = manifest(failed(report()))["counts"]
    assert (tally["assets"], tally["released"], tally["kept_back"], tally["not_made"]) == (39, 38, 1, 1)
    assert (tally["failed"], tally["warnings"], tally["notes"]) == (1, 2, 1)


def shuffled(made: Report) -> Report:
    return replace(made, assets=made.assets[::-1], plates=made.plates[::-1], environment=made.environment[::-1])


def test_the_order_of_events_leaves_no_trace() -> None:
    """Plates and assets finish in any order; only a real difference changes the text."""
    made = report()
    assert manifest_text(made) == manifest_text(shuffled(made))
    other = replace(made.assets[3], bytes=made.assets[3].bytes + 1)
    assert manifest_text(made) != manifest_text(replace(made, assets=(*made.assets[:3], other, *made.assets[4:])))


def _strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for key, item in value.items() for text in (*_strings(key), *_strings(item))]
    if isinstance(value, list):
        return [text for item in value for text in _strings(item)]
    return [value] if isinstance(value, str) else []


def test_no_absolute_path_is_written() -> None:
    made = report()
    assert not [text for text in _strings(json.loads(manifest_text(made))) if text.startswith(("/", "\\"))]
    assert json.loads(report_json(made))["output"] == made.output  # control: the terminal's JSON names the folder


def test_the_json_of_a_run_is_the_manifest_with_its_outcome() -> None:
    made = report()
    document = json.loads(report_json(made))
    assert document["exit_code"] == 1
    assert {key: document[key] for key in manifest(made)} == json.loads(manifest_text(made))
    found = json.loads(findings_json(made.findings, 1))
    assert [finding["asset"] for finding in found["findings"][:1]] == [made.assets[0].id]
