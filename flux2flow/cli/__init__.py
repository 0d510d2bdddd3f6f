"""The `flux2flow` command: arguments in, exit code out. One file per verb in `verbs/`; only `console.py` prints.

Starting it imports no model, no drawing library and no validation library; a verb imports what it needs when it runs.
"""

from __future__ import annotations

from collections.abc import Sequence

from flux2flow.errors import EXIT_NOT_MADE, EXIT_OK, EXIT_USAGE, Flux2FlowError, SpecError

_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code (decision 18).

    The user's errors become messages. Anything unforeseen is a bug: it keeps its traceback, with a hint.
    """
    import click

    from flux2flow.cli.console import console
    from flux2flow.cli.program import program

    console.prepare()
    try:
        code = program.main(None if arguments is None else list(arguments), "flux2flow", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        console.line(error.format_message())
        return EXIT_USAGE
    except click.ClickException as error:
        console.usage_error(error)
        return EXIT_USAGE
    except SpecError as error:
        console.diagnostics(error.diagnostics)
        return error.exit_code
    except Flux2FlowError as error:
        console.error(str(error) or type(error).__name__)
        return error.exit_code
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except (KeyboardInterrupt, click.Abort) as error:
        stopped = error.__cause__ or error  # click turns the one into the other
        console.error(str(stopped) or "Interrupted.")
        return int(getattr(stopped, "exit_code", _INTERRUPTED))
    except Exception as error:  # noqa: BLE001 - the last door: nothing above it could show the traceback
        console.bug(error)
        return EXIT_NOT_MADE
    return code if isinstance(code, int) else EXIT_OK
