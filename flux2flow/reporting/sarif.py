"""Located findings → SARIF 2.1.0, the format that code scanning services read. Knows no service."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import flux2flow
from flux2flow.domain.fingerprint import fingerprint
from flux2flow.interfaces import Check
from flux2flow.reporting.located import Located
from flux2flow.reporting.terminal import waiver_words

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
LEVELS = {"error": "error", "fail": "error", "warn": "warning", "info": "note"}


def sarif(found: Sequence[Located], checks: Sequence[Check]) -> str:
    """Return the log as JSON; every check that is known is a rule, found or not."""
    rules = [_rule(check) for check in sorted(checks, key=lambda check: check.id)]
    numbers = {rule["id"]: number for number, rule in enumerate(rules)}
    for entry in found:
        if entry.finding.check not in numbers:  # of the program itself: typography, waiver, not-made
            numbers[entry.finding.check] = len(rules)
            rules.append({"id": entry.finding.check, "shortDescription": {"text": entry.finding.check}})
    driver = {"name": "flux2flow", "version": flux2flow.__version__, "rules": rules}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(entry, numbers[entry.finding.check]) for entry in found],
    }
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2, ensure_ascii=True) + "\n"


def _rule(check: Check) -> dict[str, Any]:
    rule: dict[str, Any] = {
        "id": check.id,
        "shortDescription": {"text": check.title},
        "fullDescription": {"text": check.rationale},
        "defaultConfiguration": {"level": LEVELS[check.level]},
    }
    aliases = getattr(check, "aliases", ())
    return rule | ({"properties": {"tags": list(aliases)}} if aliases else {})


def _result(entry: Located, rule: int) -> dict[str, Any]:
    finding = entry.finding
    uri = quote(entry.file.replace("\\", "/"), safe="/", errors="replace")
    place: dict[str, Any] = {"artifactLocation": {"uri": uri}}
    if entry.line:
        place["region"] = {"startLine": entry.line, "startColumn": max(entry.column, 1)}
    location: dict[str, Any] = {"physicalLocation": place}
    if finding.asset:
        name = "/".join(part for part in (finding.asset, finding.layer) if part)
        location["logicalLocations"] = [{"name": finding.layer or finding.asset, "fullyQualifiedName": name}]
    box = finding.box
    properties = {
        "asset": finding.asset,
        "layer": finding.layer,
        "box": None if box is None else [round(side, 2) for side in (box.x, box.y, box.width, box.height)],
        "measured": finding.measured,
        "limit": finding.limit,
        "remedy": finding.remedy,
    }
    text = finding.message if not finding.remedy else f"{finding.message}. {finding.remedy}"
    result: dict[str, Any] = {
        "ruleId": finding.check,
        "ruleIndex": rule,
        "level": LEVELS[finding.level],
        "message": {"text": f"{finding.asset}: {text}" if finding.asset else text},
        "locations": [location],
        "partialFingerprints": {"flux2flow/v1": fingerprint(finding.check, finding.asset, finding.layer)},
        "properties": {key: value for key, value in properties.items() if value},
    }
    if finding.waiver is not None:
        words = waiver_words(finding)
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": words}]
    return result
