"""Located findings → JUnit XML, as build servers show it: a suite per asset, a case per check. Knows no server.

What fails is a failure, a crash an error, what is waived is skipped; warnings and notes stand in the case's output.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from flux2flow.domain.finding import Finding
from flux2flow.interfaces import Check
from flux2flow.reporting.located import Located
from flux2flow.reporting.terminal import waiver_words

_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 (2.2) cannot hold, not even escaped."""

_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}

CAMPAIGN = "campaign"
"""The suite of findings that are about no asset."""


def junit(found: Sequence[Located], assets: Sequence[str], checks: Sequence[Check]) -> str:
    """Return the report; every asset has a case for every check that there is."""
    cases: dict[str, dict[str, list[Finding]]] = {asset: {check.id: [] for check in checks} for asset in assets}
    for entry in found:
        suite = cases.setdefault(entry.finding.asset or CAMPAIGN, {})
        suite.setdefault(entry.finding.check, []).append(entry.finding)
    files = {entry.finding.asset or CAMPAIGN: entry.file for entry in found}
    totals: dict[str, int] = defaultdict(int)
    suites: list[str] = []
    for asset, by_check in cases.items():
        counts: dict[str, int] = defaultdict(int)
        body = "".join(_case(asset, check, findings, counts, files.get(asset)) for check, findings in by_check.items())
        suites.append(f"  <testsuite{_attributes({'name': asset, **_counts(counts)})}>\n{body}  </testsuite>\n")
        for key, number in counts.items():
            totals[key] += number
    head = f"<testsuites{_attributes({'name': 'flux2flow', **_counts(totals)})}>\n"
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{head}{"".join(suites)}</testsuites>\n'


def _counts(counts: dict[str, int]) -> dict[str, str]:
    return {key: str(counts[key]) for key in ("tests", "failures", "errors", "skipped")}


def _case(asset: str, check: str, findings: Sequence[Finding], counts: dict[str, int], file: str | None) -> str:
    counts["tests"] += 1
    blocking = [finding for finding in findings if finding.blocking]
    waived = [finding for finding in findings if finding.waiver is not None]
    rest = [finding for finding in findings if finding not in blocking and finding not in waived]
    names = {"classname": asset, "name": check} | ({"file": file} if file and findings else {})
    if not findings:
        return f"    <testcase{_attributes(names)}/>\n"
    inner = ""
    if blocking:
        kind, key = ("error", "errors") if any(f.level == "error" for f in blocking) else ("failure", "failures")
        counts[key] += 1
        text = "\n".join(_words(finding) for finding in blocking)
        inner += f"      <{kind}{_attributes({'message': blocking[0].message, 'type': check})}>{_text(text)}</{kind}>\n"
    elif waived:
        counts["skipped"] += 1
        inner += f"      <skipped{_attributes({'message': waiver_words(waived[0])})}/>\n"
    if rest:
        inner += f"      <system-out>{_text(chr(10).join(_words(finding) for finding in rest))}</system-out>\n"
    return f"    <testcase{_attributes(names)}>\n{inner}    </testcase>\n"


def _words(finding: Finding) -> str:
    layer = f" {finding.layer}:" if finding.layer else ""
    measured = f" (measured {finding.measured}, limit {finding.limit})" if finding.measured and finding.limit else ""
    return f"{finding.level}:{layer} {finding.message}{measured} {finding.remedy}".rstrip()


def _attributes(values: dict[str, str]) -> str:
    return "".join(f' {name}="{_escaped(value)}"' for name, value in values.items())


def _escaped(text: str) -> str:
    """Escape for an attribute; white space is kept by references, else a parser makes spaces of it."""
    return "".join(_ESCAPES.get(character, character) for character in _FORBIDDEN.sub("\ufffd", text))


def _text(text: str) -> str:
    kept = _FORBIDDEN.sub("\ufffd", text)
    return "".join(_ESCAPES[character] if character in "&<>\r" else character for character in kept)
