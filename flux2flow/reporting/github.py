"""Located findings → workflow commands that GitHub Actions shows as annotations on the campaign's lines.

Every value is escaped as the runner reads it back, so that copy text can issue no command of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

from flux2flow.reporting.located import Located
from flux2flow.reporting.terminal import waiver_words

COMMANDS = {"error": "error", "fail": "error", "warn": "warning", "info": "notice"}


def github(found: Sequence[Located]) -> str:
    """Return one command a line, in the findings' own order; what is waived is a notice."""
    return "".join(f"{_command(entry)}\n" for entry in found)


def _command(entry: Located) -> str:
    finding = entry.finding
    command = COMMANDS[finding.level] if finding.waiver is None else "notice"
    about = " · ".join(part for part in (finding.check, finding.asset, finding.layer) if part)
    named = {"file": entry.file, "line": str(entry.line or ""), "col": str(entry.column or ""), "title": about}
    properties = ",".join(f"{name}={_property(value)}" for name, value in named.items() if value)
    rest = waiver_words(finding) or finding.remedy
    text = f"{finding.message}\n{rest}" if rest else finding.message
    return f"::{command} {properties}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
