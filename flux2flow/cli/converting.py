"""`flux2flow models convert`: weights made smaller, with what that costs in bytes and in nearness."""

from __future__ import annotations

import json
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flux2flow.cli import options
from flux2flow.cli.console import console
from flux2flow.cli.reading import reading, size_text
from flux2flow.cli.text import visible
from flux2flow.errors import EXIT_OK

if TYPE_CHECKING:
    from flux2flow.generation.flux2.converting import Conversion

FORMATS = ("fp8", "int8", "nf4")  # as the engine's `convert` calls them: help is shown without loading it


@click.command("convert", short_help="Write a smaller copy of weights: fp8, int8 or nf4.")
@click.argument("model")
@click.option("--to", "target", type=click.Choice(FORMATS), required=True, help="What the blocks' layers become.")
@click.option("--output", type=click.Path(path_type=Path), required=True, help="The new .safetensors file.")
@options.as_json
def convert(model: str, target: str, output: Path, as_json: bool) -> int:
    """Quantise the linear layers of all blocks; everything else becomes bf16.

    MODEL is a model or text encoder of the library, or a file or folder of bf16 or fp32 weights; names of tensors stay
    as they are. fp8 is as BFL publishes it, int8 and nf4 as bitsandbytes writes them. An interruption leaves no file.
    """
    from flux2flow.generation.flux2 import converting

    with reading() as progress:
        done = converting.convert(model, target, output, progress)
    if as_json:
        console.raw(json.dumps(asdict(done), indent=2, ensure_ascii=True))
        return EXIT_OK
    _show(done)
    return EXIT_OK


def _show(done: Conversion) -> None:
    share = f"{100 * done.bytes_after / done.bytes_before:.0f} %"
    sizes = f"{size_text(done.bytes_before)} → {size_text(done.bytes_after)} ({share})"
    console.line(f"{done.kind} {visible(done.source)} to {done.target}: {sizes}", bold=True)
    console.line()
    rows = [[error.kind, str(error.layers), f"{100 * error.relative:.2f} %"] for error in done.layers]
    console.table(["quantised", "layers", "relative error"], rows, right=frozenset({1, 2}))
    console.line()
    console.line(f"Wrote {visible(done.output)}", color="green")
    arguments = " ".join(shlex.quote(option) for option in (done.output, *done.import_options))
    console.line(f"      → flux2flow models import {visible(arguments)} --name NAME")
