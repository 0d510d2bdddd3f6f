"""The door: exit codes by decision 18, messages for the user's errors, a traceback for ours."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from flux2flow import errors
from flux2flow.cli import main, program
from flux2flow.errors import Diagnostic, Position, SpecError


@pytest.fixture
def ends_with(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """Replace the program by one command that raises or returns what the test says."""

    def install(outcome: object) -> None:
        @click.command()
        def command() -> object:
            if isinstance(outcome, BaseException):
                raise outcome
            return outcome

        monkeypatch.setattr(program, "program", command)

    return install


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.PlanError("no plan"), 2),
        (errors.GateError("too large"), 2),
        (errors.PluginError("broken plugin"), 2),
        (errors.GenerationError("no memory"), 3),
        (errors.TypographyError("bad font"), 3),
        (errors.ExportError("too heavy"), 3),
        (errors.StoreError("disk full"), 74),
    ],
)
def test_the_users_errors_are_messages(
    ends_with, capsys: pytest.CaptureFixture[str], error: Exception, code: int
) -> None:
    ends_with(error)
    assert main([]) == code
    captured = capsys.readouterr()
    assert captured.err == f"flux2flow: {error}\n"
    assert captured.out == ""


def test_every_error_of_the_tree_has_its_message_and_no_traceback(
    ends_with, capsys: pytest.CaptureFixture[str]
) -> None:
    def below(kind: type[Exception]) -> list[type[Exception]]:
        return [kind, *(deeper for child in kind.__subclasses__() for deeper in below(child))]

    tree = [kind for kind in below(errors.Flux2FlowError) if kind.__module__ == "flux2flow.errors"]
    assert len(tree) == 10
    for kind in tree:
        ends_with(
            kind("what and why")
            if kind is not SpecError
            else SpecError((Diagnostic("x", "what and why", Position("f")),))
        )
        assert main([]) == kind.exit_code
        error = capsys.readouterr().err
        assert "what and why" in error
        assert "Traceback" not in error


def test_a_bug_keeps_its_traceback_and_says_so(ends_with, capsys: pytest.CaptureFixture[str]) -> None:
    ends_with(ZeroDivisionError("nothing to divide by"))
    assert main([]) == 3
    error = capsys.readouterr().err
    assert "Traceback" in error
    assert "ZeroDivisionError: nothing to divide by" in error
    assert error.rstrip().endswith("Please report it with the lines above.")


class Stopped(KeyboardInterrupt):
    """What an orderly stop after SIGTERM looks like."""

    exit_code = 143


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt(), 130), (Stopped("what is done is kept"), 143)])
def test_an_interruption_is_no_error(
    ends_with, capsys: pytest.CaptureFixture[str], error: BaseException, code: int
) -> None:
    ends_with(error)
    assert main([]) == code
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(("returned", "code"), [(0, 0), (1, 1), (3, 3), (None, 0)])
def test_a_verb_returns_the_exit_code(ends_with, returned: object, code: int) -> None:
    ends_with(returned)
    assert main([]) == code


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["rendr"], "Did you mean 'render'?"),
        (["zzz"], "There are init, plan, render, validate, check, kit, upsample, models, formats, schema,"),
        (["render", "--forse", __file__], "--force"),
        (["render", "no-such-campaign.yaml"], "does not exist"),
        (["plan", __file__, "--only", "colour=red"], "'colour=red' does not read as one of asset, format, locale, row"),
        (["plan", __file__, "--only", "locale="], "such as locale=…"),
        (["schema"], "Name a kind of file"),
        (["render", __file__, "--plan", __file__, "--only", "locale=ar"], "--plan is followed exactly"),
    ],
)
def test_a_wrong_command_line_says_what_was_meant(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert words in error
    assert "Help: flux2flow" in error


def test_no_arguments_show_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    shown = capsys.readouterr().out
    verbs = ["init", "plan", "render", "validate", "check", "kit", "upsample", "models", "formats", "schema", "doctor"]
    assert [line.split()[0] for line in shown.partition("Commands:\n")[2].split("\n\n")[0].splitlines()] == verbs


def test_a_reader_that_leaves_is_no_error() -> None:
    """`flux2flow --help | head -0`, with more to print than a pipe holds."""
    code = (
        "import sys; from flux2flow.cli import main; from flux2flow.cli import program; import click;"
        "from flux2flow.cli.console import console\n"
        "@click.command()\n"
        "def command():\n"
        "    for _ in range(100000): console.line('x' * 80)\n"
        "program.program = command; sys.exit(main([]))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.read(100)
    process.stdout.close()
    error = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=60) == 0
    assert error == b""
