"""Report → the JSON that `--json` prints: the manifest, the exit code, and where the files lie."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from flux2flow.domain.finding import Finding
from flux2flow.domain.report import Report
from flux2flow.reporting.manifest import finding_document, manifest


def report_json(report: Report) -> str:
    """Return the whole report; `output` is the one absolute path."""
    return _text(manifest(report) | {"exit_code": report.exit_code, "output": report.output, "seconds": report.seconds})


def findings_json(findings: Sequence[Finding], exit_code: int, licence: Mapping[str, Any] | None = None) -> str:
    """Return what `validate` found, and the licence of the model's weights."""
    documents = [finding_document(finding) | {"asset": finding.asset} for finding in findings]
    return _text({"format_version": 1, "findings": documents, "exit_code": exit_code, "licence": licence})


def _text(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False)
