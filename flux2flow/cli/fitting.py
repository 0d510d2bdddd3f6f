"""`flux2flow models fit`: what would be resident when, at which peak, and what moves for a plate."""

from __future__ import annotations

import json
import re
import textwrap
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from flux2flow.cli import options
from flux2flow.cli.console import console
from flux2flow.cli.reading import size_text
from flux2flow.cli.text import visible
from flux2flow.errors import EXIT_NOT_MADE, EXIT_OK

if TYPE_CHECKING:
    from flux2flow.generation.flux2.fitting import Fit, FitProfile

_COLUMNS = 100
_LEAST_SIDE = 64
_UNITS = {"M": 10**6, "G": 10**9}


def memory(_context: click.Context, _option: click.Parameter, text: str | None) -> int | None:
    """Read 8G, 8GB, 7.5G or 512M as bytes, in thousands."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?)\s*([GM])B?", text.upper(), re.ASCII)
    if match is None:
        raise click.BadParameter(f"{text!r} does not read as a size of memory, such as 8G or 512M")
    return int(float(match[1]) * _UNITS[match[2]])


def picture_size(_context: click.Context, _option: click.Parameter, text: str) -> tuple[int, int]:
    """Read 1024x768; sides are at least 64."""
    match = re.fullmatch(r"(\d{2,5})[x×](\d{2,5})", text, re.ASCII)
    if match is None or min(int(match[1]), int(match[2])) < _LEAST_SIDE:
        raise click.BadParameter(f"{text!r} does not read as a size in pixels, such as 1024x768")
    return int(match[1]), int(match[2])


@click.command("fit", short_help="Say how a model fits the memory there is, without loading it.")
@click.argument("model")
@click.option("--vram", metavar="SIZE", callback=memory, help="Memory of the card, such as 8G; without it: a CPU.")
@click.option("--ram", metavar="SIZE", callback=memory, required=True, help="Memory of the computer, such as 32G.")
@click.option("--size", metavar="WIDTHxHEIGHT", default="1024x1024", show_default=True, callback=picture_size)
@click.option("--references", type=click.IntRange(0, 10), default=0, show_default=True, help="Pictures for a plate.")
@click.option("--steps", type=click.IntRange(1, 100), help="Default: the model's own.")
@click.option("--packed", metavar="FORMAT", help="As if its layers were packed so: fp8, nf4, q4_k …")
@click.option("--card", metavar="CARD", help="Also say seconds a step: rtx-4090, rtx-4060 or cpu.")
@options.as_json
def fit(
    model: str,
    vram: int | None,
    ram: int,
    size: tuple[int, int],
    references: int,
    steps: int | None,
    packed: str | None,
    card: str | None,
    as_json: bool,
) -> int:
    """State every way to run a model, and which is taken. Nothing is loaded.

    MODEL is installed here, or a published model's name. Sizes are in GB of 10⁹ bytes.
    """
    from flux2flow.generation.flux2 import fitting

    for given, known, option in ((packed, fitting.formats(), "--packed"), (card, fitting.speeds(), "--card")):
        if given is not None and given not in known:
            raise click.BadParameter(f"{given!r} is none of {', '.join(known)}", param_hint=option)
    found = fitting.fit(
        model,
        device_bytes=vram or 0,
        host_bytes=ram,
        on_cpu=vram is None,
        width=size[0],
        height=size[1],
        references=references,
        steps=steps,
        packed=packed,
        speed=card,
    )
    if as_json:
        console.raw(json.dumps(asdict(found), indent=2, ensure_ascii=True))
    else:
        _show(found)
    return EXIT_OK if found.chosen else EXIT_NOT_MADE


def _show(found: Fit) -> None:
    rows = [
        [
            _name(profile, found.blocks),
            "yes" if profile.fits else "no",
            size_text(profile.peak),
            size_text(profile.host) if profile.host else "",
            *(size_text(nbytes) for _, nbytes in profile.moved_per_plate),
            "" if profile.seconds_per_step is None else f"{profile.seconds_per_step:.3g}",
        ]
        for profile in found.profiles
    ]
    plates = [f"of {count}" for count, _ in found.profiles[0].moved_per_plate]
    headings = ["profile", "fits", "peak", "host", *plates, "s/step" if found.profiles[0].seconds_per_step else ""]
    console.line(f"{visible(found.model)}: {found.variant}, computes in {found.computes_in}", bold=True)
    console.table(headings, rows, right=frozenset(range(2, len(headings))))
    _paragraph(f"{', '.join(plates)}: what moves to the device for each plate of so many")
    beside = ", ".join(f"{name} {size_text(nbytes)}" for name, nbytes in found.diffusers)
    _paragraph(f"diffusers' offloading would move for every plate, by formula: {beside}")
    console.line()
    if found.chosen is None:
        _paragraph(found.refusal, color="red")
        return
    console.line(f"taken: {_name(found.chosen, found.blocks)}", color="green", bold=True)
    for phase in found.chosen.phases:
        parts = " + ".join(f"{name} {size_text(nbytes)}" for name, nbytes in phase.weights)
        console.line(f"  {phase.name:11}{size_text(phase.peak):>8}  = {parts} + {size_text(phase.working)} to work in")


def _name(profile: FitProfile, blocks: int) -> str:
    if profile.name not in ("streamed", "mapped"):
        return profile.name
    where = "pinned memory" if profile.pinned else "the file"
    stay = f", {profile.kept_blocks} of {blocks} blocks stay" if profile.kept_blocks else ""
    text = ", text encoder too" if profile.text_encoder_streamed else ""
    return f"{profile.name} from {where}{stay}{text}"


def _paragraph(text: str, *, color: str | None = None) -> None:
    for line in textwrap.wrap(visible(text), _COLUMNS, break_long_words=False, break_on_hyphens=False):
        console.line(line, color=color)
