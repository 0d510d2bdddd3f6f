"""The top of the command line: finds verbs by their files and imports a verb when it is asked for."""

from __future__ import annotations

import difflib
import importlib
import pkgutil

import click

import flux2flow
from flux2flow.cli import verbs

ORDER = ("init", "plan", "render", "validate", "check", "kit", "upsample", "models", "formats", "schema", "doctor")
"""How the help lists them: as a day goes. Verbs it does not name follow by the alphabet."""


class LazyGroup(click.Group):
    """A group whose commands are the modules of `verbs/`: the module's name is the verb, its `command` the command."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """List the verbs without importing them."""
        names = [module.name for module in pkgutil.iter_modules(verbs.__path__)]
        return sorted(names, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one verb."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command = importlib.import_module(f"{verbs.__name__}.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb; say which one was probably meant where there is none of that name."""
        name = args[0]
        if not name.startswith("-") and name not in self.list_commands(ctx):
            near = difflib.get_close_matches(name, self.list_commands(ctx), n=1, cutoff=0.5)
            hint = f" Did you mean {near[0]!r}?" if near else f" There are {', '.join(self.list_commands(ctx))}."
            raise click.UsageError(f"There is no command {name!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Start with: flux2flow init my-campaign",
)
@click.version_option(flux2flow.__version__, message="flux2flow %(version)s")
def program() -> None:
    """Brand kits and campaigns in YAML become finished, checked pictures."""
