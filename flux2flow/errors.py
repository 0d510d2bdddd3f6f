"""Every exception of flux2flow, and the positions that errors in the user's files point at.

    Flux2FlowError
    ├── SpecError          the user's files: all problems of one run, each a Diagnostic with file:line:column   exit 2
    ├── PlanError          a plan that cannot be made, or a plan file that cannot be followed                   exit 2
    ├── GenerationError    a plate that could not be painted                                                    exit 3
    ├── TypographyError    a font or text that could not be set                                                 exit 3
    ├── CompositingError   a canvas that could not be painted                                                   exit 3
    ├── ExportError        a file that could not be encoded, or released                                        exit 3
    ├── GateError          untrusted bytes (picture, SVG, font) refused                                         exit 2
    ├── StoreError         the state on disk                                                                    exit 74
    └── PluginError        a plugin that could not be loaded                                                    exit 2

Bad input is a SpecError; a bad picture is a Finding; anything else is a bug and keeps its traceback.
"""

from __future__ import annotations

from dataclasses import dataclass, field

EXIT_OK, EXIT_FINDINGS, EXIT_USAGE, EXIT_NOT_MADE, EXIT_IO = 0, 1, 2, 3, 74


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in one of the user's files. Lines and columns count from 1; 0 means the file as a whole."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One problem in the user's files: where, what, what was expected, and what to do.

    `code` is stable and kebab-case (`unknown-key`, `wrong-type`, …). `path` is the key path as a person writes it
    (`assets[0].formats[2]`). `snippet` holds the offending source lines as they stand in the file, `length` how many
    characters the caret underlines.
    """

    code: str
    message: str
    position: Position
    path: str = ""
    expected: str = ""
    suggestions: tuple[str, ...] = ()
    remedy: str = ""
    snippet: tuple[tuple[int, str], ...] = ()
    length: int = 1


class Flux2FlowError(Exception):
    """Base of everything flux2flow raises on purpose."""

    exit_code = EXIT_NOT_MADE


@dataclass
class SpecError(Flux2FlowError):
    """The user's files are wrong; `diagnostics` holds every problem found, in file order."""

    diagnostics: tuple[Diagnostic, ...] = field(default_factory=tuple)
    exit_code = EXIT_USAGE

    def __str__(self) -> str:
        return "\n".join(f"{d.position}: {d.message}" for d in self.diagnostics)


class PlanError(Flux2FlowError):
    """A plan cannot be made or followed."""

    exit_code = EXIT_USAGE


class GenerationError(Flux2FlowError):
    """A plate could not be painted."""


class TypographyError(Flux2FlowError):
    """A font or a text could not be set."""


class CompositingError(Flux2FlowError):
    """A canvas could not be painted."""


class ExportError(Flux2FlowError):
    """A file could not be encoded or released."""


class GateError(Flux2FlowError):
    """Untrusted bytes were refused; the message says which limit or rule they broke."""

    exit_code = EXIT_USAGE


class StoreError(Flux2FlowError):
    """The state on disk could not be read or written."""

    exit_code = EXIT_IO


class PluginError(Flux2FlowError):
    """A plugin could not be loaded or registered."""

    exit_code = EXIT_USAGE
