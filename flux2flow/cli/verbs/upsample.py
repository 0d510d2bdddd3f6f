"""`flux2flow upsample`: lets a language model write a campaign's prompts richer, and shows every word that changed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from flux2flow.cli import options
from flux2flow.cli.console import console, shown_path
from flux2flow.cli.text import visible
from flux2flow.errors import EXIT_OK

if TYPE_CHECKING:
    from flux2flow.api import Loaded, Rewritten
    from flux2flow.domain.plate import BackendLimits

_SHOWN = 3
"""Of the plates that share a prompt."""


@click.command(short_help="Let a language model write richer prompts.")
@options.campaign
@click.option("--seed", type=click.IntRange(0, 2**53 - 1), help="Of the model's choices; default: the campaign's.")
@click.option("--with", "model", metavar="MODEL", help="An imported language model; needed where there are several.")
@click.option("--again", is_flag=True, help="Ask again for prompts that have an entry.")
@options.only
@options.backend
@options.no_plugins
def command(
    campaign: Path,
    seed: int | None,
    model: str | None,
    again: bool,
    only: tuple[dict[str, str], ...],
    backend: str | None,
    no_plugins: bool,
) -> int:
    """Ask an imported Mistral for a richer wording of each prompt of CAMPAIGN.

    The model sees a prompt and its reference pictures. What it answers goes into prompts/CAMPAIGN.yaml, to be read and
    edited; the campaign uses the file once it says so: `prompts: prompts/….yaml`. An answer that loses a colour, words
    or a picture of the brief, or brings lettering nobody asked for, is not used. Stopped, it goes on where it was.
    """
    from flux2flow import api
    from flux2flow.generation.flux2 import upsampling

    loaded = options.load(campaign, plugins=not no_plugins, backend=backend, prompts=False)
    with options.placed(campaign):
        plan = options.planned(loaded, only)
        upsampler = upsampling.choose_upsampler(model)
        told: list[Rewritten] = []
        try:
            for rewritten in api.upsample(loaded, plan, upsampler, seed=seed, again=again):
                told.append(rewritten)
                _show(rewritten, len(told), plan.backend)
        except KeyboardInterrupt:
            console.note("What was written is kept: the same command continues from here.")
            raise
    _sum_up(loaded, told)
    return EXIT_OK


def _show(rewritten: Rewritten, number: int, limits: BackendLimits) -> None:
    from flux2flow import planning

    if rewritten.reused:
        return
    plates = rewritten.wanted.plates
    more = f" and {len(plates) - _SHOWN} more" if len(plates) > _SHOWN else ""
    head = f"{number}/{rewritten.of}  {', '.join(plates[:_SHOWN])}{more}"
    console.line(f"{visible(head)}  ({rewritten.tokens} tokens)", bold=True)
    console.word_diff(rewritten.wanted.prompt, rewritten.answer)
    if rewritten.entry.kept:
        console.line(f"  not used, the original is painted: {visible(rewritten.entry.kept)}", color="red")
    elif not planning.fits(rewritten.answer, limits.max_prompt_tokens):
        console.line(f"  longer than {limits.name} reads, which paints the original", color="yellow")
    for what in rewritten.entry.review:
        console.line(f"  look at this: {visible(what)}", color="yellow")
    console.line()


def _sum_up(loaded: Loaded, told: list[Rewritten]) -> None:
    from flux2flow import api

    file = api.prompt_file(loaded)
    asked = [rewritten for rewritten in told if not rewritten.reused]
    kept = sum(bool(rewritten.entry.kept) for rewritten in asked)
    unused = f", {kept} of them not used" if kept else ""
    there = f"; {len(told) - len(asked)} had an entry" if len(told) > len(asked) else ""
    path = visible(shown_path(loaded.project.root / file))
    if not told:
        console.line("No prompt to rewrite: JSON prompts say everything already.")
        return
    console.line(f"{len(asked)} prompts rewritten{unused}{there}: {path}", bold=True)
    if loaded.bundle.campaign.prompts is None:
        console.line(f"To paint them, add to the campaign:  prompts: {visible(file)}")
