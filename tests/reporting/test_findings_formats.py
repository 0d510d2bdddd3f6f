"""SARIF, JUnit and GitHub annotations: well-formed for strict readers, honest, and proof against hostile copy."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import jsonschema
import pytest
from defusedxml import ElementTree

from flux2flow.domain.finding import Finding, Waiver
from flux2flow.domain.measures import Box
from flux2flow.reporting.github import github
from flux2flow.reporting.junit import junit
from flux2flow.reporting.located import Located, as_findings, located
from flux2flow.reporting.sarif import sarif
from flux2flow.validation import built_in

from .builder import failed, report

CHECKS = built_in()
HOSTILE = 'a"b<c>&amp;]]>\x00\x1b\ud800\uffff\r\n::error file=x::boo%0A,title=é日本 \u2028'
NAMED = HOSTILE.replace("\ud800", "")
"""Names are digested, and what is digested is Unicode."""

WAIVER = Waiver(check="contrast", asset="*", reason="the artist <insists>", by="Mia & Co", until="2027-03-31")

# What SARIF 2.1.0 asks of the parts we write (sections 3.13, 3.14, 3.27, 3.28, 3.30, 3.35, 3.49), closed, so that a
# misspelt property fails. The whole schema was held against a log of this module on 2026-11-23.
_TEXT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}}
_RESULT = {
    "type": "object",
    "required": ["message", "ruleId", "ruleIndex", "level", "locations"],
    "additionalProperties": False,
    "properties": {
        "ruleId": {"type": "string"},
        "ruleIndex": {"type": "integer", "minimum": 0},
        "level": {"enum": ["none", "note", "warning", "error"]},
        "message": _TEXT,
        "partialFingerprints": {"type": "object", "additionalProperties": {"type": "string"}},
        "properties": {"type": "object"},
        "suppressions": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["kind"],
                "additionalProperties": False,
                "properties": {
                    "kind": {"enum": ["inSource", "external"]},
                    "status": {"enum": ["accepted", "underReview", "rejected"]},
                    "justification": {"type": "string"},
                },
            },
        },
        "locations": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["physicalLocation"],
                "additionalProperties": False,
                "properties": {
                    "physicalLocation": {
                        "type": "object",
                        "required": ["artifactLocation"],
                        "additionalProperties": False,
                        "properties": {
                            "artifactLocation": {
                                "type": "object",
                                "required": ["uri"],
                                "properties": {"uri": {"type": "string", "pattern": "^[A-Za-z0-9%/._~-]+$"}},
                            },
                            "region": {
                                "type": "object",
                                "required": ["startLine"],
                                "additionalProperties": False,
                                "properties": {
                                    "startLine": {"type": "integer", "minimum": 1},
                                    "startColumn": {"type": "integer", "minimum": 1},
                                },
                            },
                        },
                    },
                    "logicalLocations": {"type": "array", "items": {"type": "object"}},
                },
            },
        },
    },
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["version", "runs"],
    "additionalProperties": False,
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["tool"],
                "additionalProperties": False,
                "properties": {
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "results": {"type": "array", "items": _RESULT},
                    "tool": {
                        "type": "object",
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "type": "object",
                                "required": ["name"],
                                "properties": {
                                    "rules": {
                                        "type": "array",
                                        "uniqueItems": True,
                                        "items": {
                                            "type": "object",
                                            "required": ["id"],
                                            "additionalProperties": False,
                                            "properties": {
                                                "id": {"type": "string"},
                                                "shortDescription": _TEXT,
                                                "fullDescription": _TEXT,
                                                "defaultConfiguration": {"type": "object"},
                                                "properties": {"type": "object"},
                                            },
                                        },
                                    }
                                },
                            }
                        },
                    },
                },
            },
        },
    },
}


def some() -> list[Located]:
    fail = Finding("contrast", "fail", "contrast is 2.31:1", "hero/en", "headline", Box(1, 2, 3, 4), "2.3:1", "4.5:1")
    return [
        Located(fail, "my campaign.yaml", 12, 7),
        Located(replace(fail, waiver=WAIVER, asset="hero/de"), "my campaign.yaml", 12, 7),
        Located(Finding("widow", "warn", "the last line holds ‘skin’", "hero/en", "body"), "my campaign.yaml"),
        Located(Finding("spelling", "error", "the check crashed", "hero/ja"), "my campaign.yaml", 3, 1),
        Located(Finding("waiver", "warn", "ended on 2026-01-01", ""), "my campaign.yaml", 4, 1),
    ]


def hostile() -> Located:
    waiver = WAIVER.model_copy(update={"reason": HOSTILE, "by": HOSTILE})
    finding = Finding(NAMED, "warn", HOSTILE, NAMED, NAMED, None, HOSTILE, HOSTILE, HOSTILE, waiver)
    return Located(finding, f"dir {HOSTILE}/campaign.yaml", 1, 1)


# SARIF


def test_sarif_holds_what_its_standard_asks_for() -> None:
    log = json.loads(sarif([*some(), hostile()], CHECKS))
    jsonschema.validate(log, SCHEMA, cls=jsonschema.Draft7Validator)
    for breakage in ({"level": "warn"}, {"locations": []}, {"messages": {}}):  # control: the schema refuses these
        broken = json.loads(json.dumps(log))
        broken["runs"][0]["results"][0] |= breakage
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(broken, SCHEMA, cls=jsonschema.Draft7Validator)


def test_sarif_points_at_rules_lines_and_suppressions() -> None:
    (run,) = json.loads(sarif(some(), CHECKS))["runs"]
    rules, results = run["tool"]["driver"]["rules"], run["results"]
    assert [rules[result["ruleIndex"]]["id"] for result in results] == [entry.finding.check for entry in some()]
    assert [result["level"] for result in results] == ["error", "error", "warning", "error", "warning"]
    place = results[0]["locations"][0]["physicalLocation"]
    assert place == {"artifactLocation": {"uri": "my%20campaign.yaml"}, "region": {"startLine": 12, "startColumn": 7}}
    assert "region" not in results[2]["locations"][0]["physicalLocation"]
    assert "Mia & Co until 2027-03-31" in results[1]["suppressions"][0]["justification"]
    assert "suppressions" not in results[0]
    contrast = next(rule for rule in rules if rule["id"] == "contrast")
    assert contrast["properties"]["tags"] == ["T06", "T07"]


def test_fingerprints_stay_when_a_number_changes_and_differ_between_assets() -> None:
    def prints(found: list[Located]) -> list[str]:
        results = json.loads(sarif(found, CHECKS))["runs"][0]["results"]
        return [result["partialFingerprints"]["flux2flow/v1"] for result in results]

    first = some()[0]
    louder = replace(first, finding=replace(first.finding, message="contrast is 2.30:1"), line=99)
    assert prints([first]) == prints([louder])
    assert len(set(prints(some()))) == len(some())


# JUnit


def test_junit_is_read_by_a_strict_parser_with_the_right_counts() -> None:
    root = ElementTree.fromstring(junit(some(), ["hero/en", "hero/de", "hero/ja", "hero/ar"], CHECKS).encode())
    assert {key: root.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": str(4 * len(CHECKS) + 1), "failures": "1", "errors": "1", "skipped": "1",
    }  # fmt: skip
    assert [suite.get("name") for suite in root] == ["hero/en", "hero/de", "hero/ja", "hero/ar", "campaign"]
    cases = {(case.get("classname"), case.get("name")): case for case in root.iter("testcase")}
    assert [child.tag for child in cases["hero/en", "contrast"]] == ["failure"]
    assert [child.tag for child in cases["hero/en", "widow"]] == ["system-out"]
    assert [child.tag for child in cases["hero/de", "contrast"]] == ["skipped"]
    assert [child.tag for child in cases["hero/ja", "spelling"]] == ["error"]
    assert not list(cases["hero/ar", "contrast"])
    counted = {tag: len(list(root.iter(tag))) for tag in ("failure", "error", "skipped", "testcase")}
    assert counted == {"failure": 1, "error": 1, "skipped": 1, "testcase": 4 * len(CHECKS) + 1}


def test_junit_is_proof_against_hostile_copy() -> None:
    """Markup in copy stays text; what XML cannot hold becomes U+FFFD; nothing is lost or added to the tree."""
    entry = replace(hostile(), finding=replace(hostile().finding, level="fail", waiver=None))
    root = ElementTree.fromstring(junit([entry], [NAMED], CHECKS).encode())
    (failure,) = root.iter("failure")
    assert failure.get("message") == HOSTILE.translate({0: 0xFFFD, 0x1B: 0xFFFD, 0xD800: 0xFFFD, 0xFFFF: 0xFFFD})
    assert {element.tag for element in root.iter()} == {"testsuites", "testsuite", "testcase", "failure"}


# GitHub


def test_annotations_stand_on_one_line_each_and_read_back() -> None:
    lines = github(some()).splitlines()
    assert lines[0] == (
        "::error file=my campaign.yaml,line=12,col=7,title=contrast · hero/en · headline::contrast is 2.31:1"
    )
    assert [line.split(" ")[0] for line in lines] == ["::error", "::notice", "::warning", "::error", "::warning"]
    assert "waived by Mia & Co until 2027-03-31" in lines[1]
    assert "line=" not in lines[2]


def test_copy_can_issue_no_command() -> None:
    text = github([hostile()])
    assert text.count("\n") == 1
    assert "\r" not in text
    head, _, rest = text.removeprefix("::notice ").partition("::")
    assert [part.split("=")[0] for part in head.split(",")] == ["file", "line", "col", "title"]
    assert "%250A" in rest, "a percent sign of the copy is no escape"
    back = rest.strip("\n").replace("%0A", "\n").replace("%0D", "\r").replace("%25", "%")
    assert back.startswith(HOSTILE)


# where


def test_what_could_not_be_made_is_told_beside_findings() -> None:
    made = failed(report())
    (finding,) = as_findings(made.failures)
    (entry,) = located([finding], made.plan, None, "campaign.yaml", str)
    assert (entry.file, entry.line, finding.level) == ("campaign.yaml", 0, "error")
