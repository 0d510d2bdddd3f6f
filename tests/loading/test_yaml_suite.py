"""The YAML test suite: what must fail is refused; what is valid equals its JSON, except what we refuse on purpose."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from flux2flow.loading.yaml_composer import read

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
SUITE = CORPUS / "yaml-test-suite"
pytestmark = pytest.mark.skipif(not SUITE.is_dir(), reason="the YAML test suite is not on this machine")

TAGS = "tags beyond the core ones are refused"
DOCUMENTS = "one document a file"
COMPLEX = "lists and mappings cannot be keys"
EMPTY_KEYS = "PyYAML refuses a key that is not there at all; so do we"
CONTROLS = "an escape may not spell a control character: no font has it and terminals obey it"
ANCHORS = "an anchor's name is letters, digits, '-' and '_'; PyYAML would cut others short"
TABS = "PyYAML refuses a tab where YAML lets it separate; so do we, everywhere outside text"
PYYAML = "PyYAML's scanner refuses this corner of YAML 1.2: ':' and '?' inside brackets, directives, unindented blocks"

REFUSED_ON_PURPOSE: Mapping[str, str] = {
    name: reason
    for reason, names in {
        TAGS: """
            2XXW:0 565N:0 5TYM:0 6CK3:0 6WLZ:0 7FWL:0 9WXW:0 C4HZ:0 CC74:0 CUP7:0 FH7J:0 J7PZ:0 M5C3:0 P76L:0
            UGM3:0 Z67P:0 Z9M4:0
        """,
        DOCUMENTS: """
            7Z25:0 HWV9:0 M7A3:0 QT73:0 UT92:0 W4TN:0 35KP:0 6XDY:0 6ZKB:0 9DXL:0 9KAX:0 JHB9:0 KSS4:0 L383:0
            PUW8:0 RZT7:0 U9NS:0
        """,
        COMPLEX: """
            4FJ6:0 6BFJ:0 6PBE:0 9MMW:0 KK5P:0 LX3P:0 M2N8:0 M2N8:1 M5DY:0 Q9WF:0 RZP5:0 SBG9:0 V9D5:0 X38W:0
            XW4D:0
        """,
        EMPTY_KEYS: """
            2JQS:0 6M2F:0 CFD4:0 FRK4:0 NHX8:0 NKF9:0 S3PD:0 SM9W:1 UKK6:0
        """,
        CONTROLS: "G4RS:0",
        ANCHORS: """
            2SXE:0 8XYN:0 W5VH:0 Y2GN:0
        """,
        TABS: """
            6BCT:0 6CA3:0 6HB6:0 A2M4:0 DC7X:0 DK95:0 DK95:3 DK95:4 DK95:5 DK95:7 HS5T:0 J3BT:0 K54U:0 MUS6:3
            NB6Z:0 Q5MG:0 UV7Q:0 Y79Y:2 Y79Y:10
        """,
        PYYAML: """
            4MUZ:0 4MUZ:1 4MUZ:2 58MP:0 5MUD:0 5T43:0 652Z:0 9SA2:0 DBG4:0 DK3J:0 FP8R:0 HM87:0 HM87:1 JR7V:0
            K3WX:0 NJ66:0 VJP3:1 ZYU8:0 ZYU8:1 ZYU8:2 WZ62:0
        """,
    }.items()
    for name in names.split()
}


def decoded(text: str) -> str:
    """Turn the suite's visible marks back into what they stand for."""
    text = re.sub("—*»", "\t", text.replace("␣", " "))
    return text.replace("⇔", "\ufeff").replace("↵", "").replace("∎\n", "").replace("∎", "").replace("←", "\r")


def cases() -> dict[str, dict[str, object]]:
    """Every case by file and number; a case inherits what it does not state from the one before it."""
    found: dict[str, dict[str, object]] = {}
    for path in sorted(SUITE.glob("*.yaml")):
        before: dict[str, object] = {}
        for number, case in enumerate(yaml.safe_load(path.read_text(encoding="utf-8"))):
            before = {**{key: value for key, value in before.items() if key != "fail"}, **case}
            found[f"{path.stem}:{number}"] = before
    return found


def json_values(text: str) -> list[object]:
    """Every JSON value of a case."""
    values, rest = [], decoded(text).strip()
    while rest:
        value, end = json.JSONDecoder().raw_decode(rest)
        values.append(value)
        rest = rest[end:].strip()
    return values


def canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True)


def test_every_case_that_must_fail_is_refused_with_a_place() -> None:
    failing = {name: case for name, case in cases().items() if case.get("fail")}
    assert len(failing) == 94
    accepted = []
    for name, case in failing.items():
        document = read(name, decoded(str(case["yaml"])).encode())
        if not document.problems:
            accepted.append(name)
        assert all(problem.position.line > 0 for problem in document.problems), name
    assert accepted == []
    loose = [name for name, case in failing.items() if _pyyaml_accepts(decoded(str(case["yaml"])))]
    assert len(loose) >= 8, "the control: PyYAML alone lets some of them pass"


def _pyyaml_accepts(text: str) -> bool:
    try:
        list(yaml.parse(text, Loader=yaml.SafeLoader))
    except yaml.YAMLError:
        return False
    return True


def test_every_valid_case_equals_its_json_or_is_listed() -> None:
    refused, wrong, equal = {}, [], 0
    for name, case in cases().items():
        if case.get("fail"):
            continue
        document = read(name, decoded(str(case["yaml"])).encode())
        if document.problems:
            refused[name] = document.problems[0].code
        elif "json" in case and case["json"] is not None:
            values = json_values(str(case["json"]))
            if canonical(values[0] if values else None) == canonical(document.data):
                equal += 1
            else:
                wrong.append(name)
    assert wrong == []
    assert set(refused) == set(REFUSED_ON_PURPOSE), "update the list, with a reason for each"
    assert equal >= 200


@pytest.mark.parametrize("path", sorted((CORPUS / "yaml-bombs").glob("*.yaml")), ids=lambda path: path.name)
def test_bombs_end_within_a_second(path: Path) -> None:
    harmless = {"norway.yaml", "sexagesimal.yaml", "ts.yaml"}
    started = time.process_time()
    document = read(path.name, path.read_bytes())
    json.dumps(document.data)
    assert time.process_time() - started < 1
    assert bool(document.problems) == (path.name not in harmless)
    if path.name == "norway.yaml":
        assert document.data == {"country": "no", "ver": 1.1, "time": "12:30:45", "oct": "010"}
