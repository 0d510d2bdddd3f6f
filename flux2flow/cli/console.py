"""The only module that prints. Results go to stdout; progress, problems and errors to stderr.

Colours and bars appear on a terminal only, and never with NO_COLOR. Every string from outside is made visible first.
"""

from __future__ import annotations

import os
import shutil
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from flux2flow.cli.text import columns, visible
from flux2flow.errors import EXIT_OK

if TYPE_CHECKING:
    from flux2flow.domain.plate import WeightsLicence
    from flux2flow.errors import Diagnostic
    from flux2flow.interfaces import Progress
    from flux2flow.reporting.terminal import Problem, Summary

_LEVELS = {"error": ("ERROR", "red"), "fail": ("FAIL", "red"), "warn": ("warn", "yellow"), "info": ("note", "cyan")}
_CHANGES = {"same": ("", "", None), "gone": ("[-", "-]", "red"), "new": ("{+", "+}", "green")}
_SHOWN = 3
"""Of a problem's messages and pictures: the page lists them all."""


class Console:
    """The terminal, or whatever stands in its place."""

    def prepare(self) -> None:
        """Let a character that the terminal's encoding lacks show as an escape instead of ending the program."""
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")

    def line(self, text: str = "", *, color: str | None = None, bold: bool = False) -> None:
        """Print one line of a result; the text is ours or was made visible."""
        self._write(sys.stdout, text, color, bold)

    def raw(self, text: str) -> None:
        """Print a document as it is: JSON, a schema."""
        self._emit(sys.stdout, text if text.endswith("\n") else f"{text}\n")

    def note(self, text: str, *, color: str | None = None) -> None:
        """Print one line beside the results."""
        self._write(sys.stderr, text, color)

    def error(self, message: str) -> None:
        """Print why nothing came of it."""
        first, *rest = message.splitlines() or [""]
        self._write(sys.stderr, f"flux2flow: {visible(first)}", "red")
        for line in rest:
            self._write(sys.stderr, visible(line))

    def usage_error(self, error: click.ClickException) -> None:
        """Print what is wrong with the command line, and where its help is."""
        self.error(error.format_message())
        context = getattr(error, "ctx", None)
        if context is not None:
            self.note(f"Help: {context.command_path} --help")

    def bug(self, error: Exception) -> None:
        """Print the traceback of what should not have happened."""
        sys.stderr.write("".join(traceback.format_exception(error)))
        self._write(
            sys.stderr, "This is a bug in flux2flow, not in your files. Please report it with the lines above.", "red"
        )

    def diagnostics(self, diagnostics: Sequence[Diagnostic]) -> None:
        """Print every problem in the user's files."""
        from flux2flow.loading import format_diagnostic  # here: whoever raised them has loaded it already

        for diagnostic in diagnostics:
            first, *rest = format_diagnostic(diagnostic).split("\n")
            self._write(sys.stderr, visible(first), "red", bold=True)
            for text in rest:
                color = "red" if text.strip(" |^\t") == "" else None if " | " in text[:12] else "cyan"
                self._write(sys.stderr, "\t".join(visible(part) for part in text.split("\t")), color)
            self._write(sys.stderr, "")
        number = len(diagnostics)
        self._write(sys.stderr, f"{number} {'problem' if number == 1 else 'problems'}. Nothing was made.", "red")

    def licence(self, licence: WeightsLicence, *, accepted: bool) -> None:
        """Print the licence of a model's weights, and what it means for rendering."""
        name, terms = visible(licence.name), f"{visible(licence.summary)} ({visible(licence.url)})"
        if accepted:
            self.line(f"licence  {name}, accepted in flux2flow.yaml ({visible(licence.url)})")
        elif licence.needs_acknowledgement:
            self.line(f"licence  {name}: {terms}")
            self.line(
                f"         not accepted: render will refuse until flux2flow.yaml says accept_licences: [{name}]",
                color="yellow",
            )
        else:
            self.line(f"licence  {name}: {terms}")

    def table(
        self, headings: Sequence[str], rows: Sequence[Sequence[str]], *, right: frozenset[int] = frozenset()
    ) -> None:
        """Print aligned columns; those in `right` hold numbers."""
        shown = [[visible(cell) for cell in row] for row in rows]
        widths = [max(columns(row[i]) for row in [list(headings), *shown]) for i in range(len(headings))]
        for number, row in enumerate([list(headings), *shown]):
            cells = [
                " " * (width - columns(cell)) + cell if i in right else cell + " " * (width - columns(cell))
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            self.line("  ".join(cells).rstrip(), bold=number == 0)

    def word_diff(self, before: str, after: str) -> None:
        """Print what became of a text, word by word: coloured on a terminal, in git's word-diff marks elsewhere."""
        from flux2flow.cli.word_diff import word_diff

        colored = self._colored(sys.stdout)
        width = shutil.get_terminal_size((100, 24)).columns - 2
        line, used = "", 0
        for change in word_diff(before, after):
            left, right, color = _CHANGES[change.kind]
            words = [visible(word) for word in change.words]
            if not colored:
                words[0] = left + words[0]
                words[-1] += right
            for word in words:
                if used and used + 1 + columns(word) > width:
                    self._emit(sys.stdout, f"  {line}\n")
                    line, used = "", 0
                styled = click.style(word, fg=color, strikethrough=change.kind == "gone" or None)
                line += (" " if used else "") + (styled if colored and color else word)
                used += columns(word) + bool(used)
        self._emit(sys.stdout, f"  {line}\n")

    def problems(self, problems: Sequence[Problem]) -> None:
        """Print findings, each with the pictures it is about and what to do."""
        for problem in problems:
            word, color = _LEVELS[problem.level] if not problem.waiver else ("waived", "bright_black")
            layer = f" · {problem.layer}" if problem.layer else ""
            self.line(f"{word:5} {problem.check}{visible(layer)}", color=color)
            for message in problem.messages[:_SHOWN]:
                self.line(f"      {visible(message)}")
            if len(problem.messages) > _SHOWN:
                self.line(f"      and {len(problem.messages) - _SHOWN} more like these", color="bright_black")
            if problem.waiver:
                self.line(f"      {visible(problem.waiver)}")
            elif problem.remedy:
                self.line(f"      → {visible(problem.remedy)}")
            for asset in problem.assets[:_SHOWN]:
                self.line(f"      {visible(asset)}", color="bright_black")
            if len(problem.assets) > _SHOWN:
                self.line(f"      and {len(problem.assets) - _SHOWN} more", color="bright_black")
            self.line()

    def summary(self, summary: Summary) -> None:
        """Print how a run ended."""
        for subject, reason in summary.failures:
            self.line(f"{visible(subject)} could not be made", color="red")
            self.line(f"      {visible(reason)}")
            self.line()
        self.problems(summary.problems)
        self.line(summary.headline, color="red" if summary.exit_code else "green", bold=True)
        for count in summary.counts:
            self.line(f"  {count}")
        self.line(f"  {visible(summary.page)}")

    @contextmanager
    def watching(self, plates: int, *, quiet: bool) -> Iterator[Progress]:
        """Show a run's progress: bars on a terminal, else a line now and then, or nothing."""
        from flux2flow.cli.progress import Bars, Lines, silence

        if quiet:
            yield silence
        elif sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
            with Bars(plates, color=self._colored(sys.stderr)) as bars:
                yield bars
        else:
            yield Lines(self.note)

    def _write(self, stream: TextIO, text: str, color: str | None = None, bold: bool = False) -> None:
        styled = (color or bold) and self._colored(stream)
        self._emit(stream, (click.style(text, fg=color, bold=bold or None) if styled else text) + "\n")

    @staticmethod
    def _emit(stream: TextIO, text: str) -> None:
        try:
            stream.write(text)
            stream.flush()
        except BrokenPipeError:  # whoever read this has gone, as in `flux2flow plan … | head`: that is no error
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # else flushing at exit would raise again
            raise click.exceptions.Exit(EXIT_OK) from None

    @staticmethod
    def _colored(stream: TextIO) -> bool:
        return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def shown_path(path: Path) -> str:
    """Shorten a path to how it is reached from here, where it lies below."""
    here = Path.cwd()
    path = path.absolute()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


console = Console()
