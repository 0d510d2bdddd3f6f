"""The validator: what it runs, how it orders, and what a crash becomes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass

from flux2flow.domain.finding import Finding, Level
from flux2flow.interfaces import CheckSubject
from flux2flow.validation import WEB, Profile, built_in, validate

from .builder import Color, subject, text, unpainted


@dataclass
class Scripted:
    """A check whose result the test writes."""

    id: str
    results: tuple[Level, ...] = ()
    crash: bool = False
    needs_pixels: bool = False
    title: str = "Scripted"
    rationale: str = "For the test."
    level: Level = "fail"

    def run(self, subject: CheckSubject) -> Iterable[Finding]:
        for level in self.results:
            yield Finding(self.id, level, "as written", subject.scene.id)
        if self.crash:
            raise ZeroDivisionError("nothing to divide by")


def test_a_crash_is_an_error_finding_that_names_the_exception() -> None:
    findings = validate(subject(text()), [Scripted("crashing", crash=True)])
    assert [(f.check, f.level, f.blocking) for f in findings] == [("crashing", "error", True)]
    assert "ZeroDivisionError: nothing to divide by" in findings[0].message
    assert validate(subject(text()), [Scripted("calm")]) == ()


def test_a_crash_after_some_findings_keeps_the_others_checks_running() -> None:
    findings = validate(subject(text()), [Scripted("first", ("warn",), crash=True), Scripted("second", ("fail",))])
    assert [(f.check, f.level) for f in findings] == [("first", "error"), ("second", "fail")]


def test_findings_come_worst_first_then_in_the_order_of_checks() -> None:
    checks = [Scripted("a", ("info", "fail")), Scripted("b", ("warn", "fail"))]
    assert [(f.check, f.level) for f in validate(subject(text()), checks)] == [
        ("a", "fail"), ("b", "fail"), ("b", "warn"), ("a", "info"),
    ]  # fmt: skip


def test_checks_of_pixels_wait_for_pixels() -> None:
    check = Scripted("pixels", ("fail",), needs_pixels=True)
    assert len(validate(subject(text()), [check])) == 1
    assert validate(unpainted(subject(text())), [check]) == ()


def test_a_profile_leaves_out_and_caps_but_never_hides_a_crash() -> None:
    checks = [Scripted("a", ("fail",)), Scripted("b", ("fail", "info")), Scripted("c", crash=True)]
    profile = Profile("draft", left_out=frozenset({"a"}), ceilings={"b": "warn", "c": "info"})
    found = [(f.check, f.level) for f in validate(subject(text()), checks, profile)]
    assert found == [("c", "error"), ("b", "warn"), ("b", "info")]
    assert len(validate(subject(text()), checks, WEB)) == 4


def test_a_broken_picture_is_found_by_the_built_in_checks() -> None:
    """Positive control for the whole set: one subject with five faults, five checks that say so."""
    broken = subject(text("TODO light", overflow=True, size=9, x_height=4, color=Color(250, 250, 250), max_chars=5))
    assert {f.check for f in validate(broken, built_in()) if f.blocking} == {
        "contrast", "copy-limits", "min-size", "overflow", "placeholder-leak",
    }  # fmt: skip


def test_validating_without_pixels_imports_no_numpy() -> None:
    """`flux2flow validate` pays for no array library."""
    code = (
        "import sys; from flux2flow.validation import built_in; built_in();"
        "print(sorted(set(sys.modules) & {'numpy', 'torch', 'skia', 'PIL'}))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
