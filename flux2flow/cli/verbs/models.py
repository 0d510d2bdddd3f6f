"""`flux2flow models`: the weights that were brought here: what they are, what they lack, and whether they changed."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flux2flow.cli import options
from flux2flow.cli.console import console, shown_path
from flux2flow.cli.converting import convert
from flux2flow.cli.fitting import fit
from flux2flow.cli.reading import reading, size_text
from flux2flow.cli.text import visible
from flux2flow.errors import EXIT_FINDINGS, EXIT_NOT_MADE, EXIT_OK

if TYPE_CHECKING:
    from flux2flow.generation.flux2.library import InstalledModel, InstalledPart, Inventory, ShownFile

_SHOWN = 10
"""Of a long list of names: the JSON has them all."""
_COLUMNS = 100
_WIDTH = 84
"""Characters of a value before it is cut; metadata can hold whole configurations."""
_MARK = "*"
_PATH = click.Path(exists=True, path_type=Path)


@click.group(short_help="Bring your own weights: import, list, fit, convert, verify.")
def command() -> None:
    """Keep a library of FLUX.2 weights. Files are never copied or changed: the library remembers where they are."""


command.add_command(convert)
command.add_command(fit)


@command.command("list", short_help="List the models that are here, and what they lack.")
@options.as_json
def list_models(as_json: bool) -> int:
    """List the installed models, components that no model uses, and the published models that are not here."""
    from flux2flow.generation.flux2 import library

    found = library.inventory()
    if as_json:
        console.raw(_json(asdict(found)))
        return EXIT_OK
    _models(found)
    _unused(found.unused)
    _not_installed(found)
    for path, reason in found.damaged:
        console.line()
        console.line(f"This file of the library is no record: {visible(path)}", color="yellow")
        _paragraph(reason, 6)
        console.line("      → import the component again, or forget it: flux2flow models remove NAME")
    return EXIT_OK


@command.command("show", short_help="Say what a file or folder holds.")
@click.argument("path", type=_PATH)
@click.option("--check", is_flag=True, help="Also read all values, and name tensors that are not finite.")
@options.as_json
def show_file(path: Path, check: bool, as_json: bool) -> int:
    """Say what weights are, from their headers alone: a .safetensors file, or a folder of them."""
    from flux2flow.generation.flux2 import library

    with reading() as progress:
        found = library.show(path, check=check, progress=progress)
    if as_json:
        console.raw(_json([asdict(file) for file in found]))
    for number, file in enumerate(found if not as_json else ()):
        if number:
            console.line()
        _file(file)
    return EXIT_OK if all(file.kind for file in found) else EXIT_NOT_MADE


@command.command("import", short_help="Take a file or folder of weights into the library.")
@click.argument("path", type=_PATH)
@click.option("--name", metavar="NAME", help="What campaigns call the model; default: its variant.")
@click.option("--variant", metavar="VARIANT", help="Which published model it is or was made from.")
@click.option("--autoencoder", metavar="NAME", help="Bind the model to this autoencoder of the library.")
@click.option("--text-encoder", metavar="NAME", help="Bind the model to this text encoder of the library.")
@click.option("--tokenizer", type=_PATH, help="The tokenizer.json of a text encoder, where it is not beside it.")
@click.option("--replace", is_flag=True, help="Let the name stand for these bytes from now on.")
def import_file(
    path: Path,
    name: str | None,
    variant: str | None,
    autoencoder: str | None,
    text_encoder: str | None,
    tokenizer: Path | None,
    replace: bool,
) -> int:
    """Take weights into the library: an official file, a text encoder's folder, or a whole diffusers folder.

    Every byte is read once, for its digest. Nothing is copied; a file that moves is imported again.
    """
    from flux2flow.generation.flux2 import library

    with reading() as progress:
        done = library.import_path(
            path,
            name=name,
            variant=variant,
            autoencoder=autoencoder,
            text_encoder=text_encoder,
            tokenizer=tokenizer,
            replace=replace,
            progress=progress,
        )
    width = max(len(file.part.name) for file in done.files)
    for file in done.files:
        part = file.part
        facts = f"{part.kind:14}{part.name:{width}}  {size_text(part.size):>7}  {part.dtype}"
        console.line(f"{file.outcome:11}{facts}", bold=True)
        for note in file.notes:
            _paragraph(note, 11)
    if done.absent:
        console.line(f"{'not there':11}{', '.join(f'{folder}/' for folder in done.absent)}", color="yellow")
    if not done.models:
        console.line("No model uses it yet: a model is a transformer with a text encoder and an autoencoder.")
    for model in done.models:
        console.line()
        _standing(model)
    return EXIT_OK


@command.command("verify", short_help="Read all files again and compare them with what was imported.")
@click.argument("name", required=False)
@options.as_json
def verify_files(name: str | None, as_json: bool) -> int:
    """Hash the files of a model or component, or of everything, against the library."""
    from flux2flow.generation.flux2 import library

    with reading() as progress:
        verdicts = library.verify(name, progress)
    bad = [verdict for verdict in verdicts if verdict.state != "same"]
    if as_json:
        console.raw(_json([asdict(verdict) for verdict in verdicts]))
        return EXIT_FINDINGS if bad else EXIT_OK
    for verdict in bad:
        console.line(f"{verdict.state:11}{verdict.name}: {visible(verdict.path)}", color="red")
        if verdict.reason:
            _paragraph(verdict.reason, 11)
    if bad:
        console.line("→ put the files back, or import what is there now: flux2flow models import PATH --replace")
    count = f"{len(verdicts)} {'file' if len(verdicts) == 1 else 'files'}"
    right = len(verdicts) - len(bad)
    console.line(
        f"{right} of {count} as imported" if bad else f"{count} as imported", color="red" if bad else "green", bold=True
    )
    return EXIT_FINDINGS if bad else EXIT_OK


@command.command("remove", short_help="Forget a model or component; its files stay.")
@click.argument("name")
def remove_record(name: str) -> int:
    """Forget a model's transformer, or another component. No weights are deleted."""
    from flux2flow.generation.flux2 import library

    gone = library.remove(name)
    console.line(f"Forgot the {gone.kind} {visible(name)}." + (" Its files stay where they are:" if gone.files else ""))
    for file in gone.files:
        console.line(f"      {visible(file)}")
    for model in gone.incomplete:
        console.line(f"{model} is no longer complete without it.", color="yellow")
    return EXIT_OK


def _models(found: Inventory) -> None:
    if not found.models:
        console.line("No models are installed beside nano. Bring your own weights: flux2flow models import PATH")
        return
    rows = [
        [
            model.name,
            model.variant if model.parts[0].published else f"{model.variant}, custom shape",
            _licence(model),
            size_text(model.size),
            model.dtype,
            "INCOMPLETE" if not model.complete else "complete" if not model.unsound else "FILES GONE OR CHANGED",
        ]
        for model in found.models
    ]
    console.table(["model", "variant", "licence", "size", "dtype", "state"], rows, right=frozenset({3}))
    for model in found.models:
        if model.faults:
            console.line()
            _lacks(model)
    _acknowledge([model for model in found.models if model.licence.needs_acknowledgement])


def _unused(parts: Sequence[InstalledPart]) -> None:
    if not parts:
        return
    console.line()
    rows = [[part.name, part.kind, size_text(part.size), part.dtype] for part in parts]
    console.table(["used by no model", "", "size", "dtype"], rows, right=frozenset({2}))


def _not_installed(found: Inventory) -> None:
    if not found.not_installed:
        return
    console.line()
    rows = [
        [
            known.name,
            known.licence.name + (_MARK if known.licence.needs_acknowledgement else ""),
            known.transformer.partition(" of ")[0],
            known.text_encoder_name,
        ]
        for known in found.not_installed
    ]
    console.table(["not installed", "licence", "transformer", "text encoder"], rows)
    console.line()
    for name, where in sorted({known.text_encoder_name: known.text_encoder for known in found.not_installed}.items()):
        console.line(f"{name:18} {where}")
    console.line(f"{'autoencoder of all':18} {found.not_installed[0].autoencoder}")
    console.line(f"{'a whole model':18} or the diffusers folder of its repository: all three parts at once")
    if not any(model.licence.needs_acknowledgement for model in found.models):
        console.line(f"{_MARK} not for production; a project that paints with it names the licence in flux2flow.yaml")


def _file(file: ShownFile) -> None:
    console.line(visible(shown_path(Path(file.source))), bold=True)
    facts: list[tuple[str, str]] = []
    if file.kind:
        prefix = f", every key after {file.prefix!r}" if file.prefix else ""
        facts.append(("is", f"{file.kind}, {file.layout} layout{prefix}"))
        facts.append(("shape of", _published(file)))
        if file.assumed:
            facts.append(("imports as", f"{file.assumed}: {file.assumed_from}"))
    facts.append(("size", f"{size_text(file.size)} in {file.files} {'file' if file.files == 1 else 'files'}"))
    facts.append(("dtype", " + ".join(file.dtypes)))
    facts.append(("tensors", str(file.tensors)))
    if file.kind:
        facts.append(("parameters", f"{file.parameters:,}"))
        facts.extend(("shape" if not number else "", line) for number, line in enumerate(_wrapped(file.shape)))
    if file.kind == "text encoder":
        facts.append(("tokenizer", file.tokenizer or "not beside it: import it with --tokenizer FILE"))
    facts.extend(
        ("metadata" if not number else "", f"{key}: {value}") for number, (key, value) in enumerate(file.metadata)
    )
    for label, value in facts:
        text = visible(value)
        console.line(f"  {label:12}{text if len(text) <= _WIDTH else text[: _WIDTH - 1] + '…'}")
    if file.doubt:
        _paragraph(file.doubt, 2, "→ ", color="yellow")
    if file.refusal:
        _paragraph(file.refusal, 2, color="red")
    if file.not_finite is not None:
        _values(file.not_finite)


def _published(file: ShownFile) -> str:
    if not file.published:
        return "no published model: a custom shape"
    names = " or ".join(file.published)
    return names if len(file.published) == 1 else f"{names}: their shapes are equal, the file cannot tell"


def _values(not_finite: tuple[str, ...]) -> None:
    if not not_finite:
        console.line("  all values are finite", color="green")
        return
    number = len(not_finite)
    console.line(
        f"  {number} {'tensor holds' if number == 1 else 'tensors hold'} values that are not finite:", color="yellow"
    )
    for name in not_finite[:_SHOWN]:
        console.line(f"      {visible(name)}")
    if number > _SHOWN:
        console.line(f"      and {number - _SHOWN} more")
    console.line("      → painting with it is refused: get the file again", color="yellow")


def _wrapped(shape: Sequence[tuple[str, str]]) -> list[str]:
    """Fill lines with `name value` pairs."""
    lines = [""]
    for name, value in shape:
        fact = f"{name} {value}"
        if lines[-1] and len(lines[-1]) + len(fact) + 3 > _WIDTH:
            lines.append("")
        lines[-1] += f" · {fact}" if lines[-1] else fact
    return lines


def _standing(model: InstalledModel) -> None:
    """Say whether a model can be used now, and how."""
    if model.faults:
        _lacks(model)
        return
    console.line(f"{model.name} is complete. In a campaign: model: {model.name}", color="green", bold=True)
    _paragraph(f"licence {model.licence.name}: {model.licence.summary}", 6)
    _acknowledge([model])


def _lacks(model: InstalledModel) -> None:
    state = "cannot paint" if model.complete else "is not complete yet"
    console.line(f"{model.name} {state}:", color="yellow")
    for reason in model.faults:
        _paragraph(reason, 6, "→ ")


def _acknowledge(models: Sequence[InstalledModel]) -> None:
    """Say what a project must write before it paints with these models."""
    names = sorted({model.licence.name for model in models if model.licence.needs_acknowledgement})
    if names:
        console.line()
        console.line(f"{_MARK} not for production. A project that paints with it says so in its flux2flow.yaml:")
        console.line("      flux2flow: 1")
        console.line(f"      accept_licences: [{', '.join(names)}]")


def _paragraph(text: str, indent: int, mark: str = "", *, color: str | None = None) -> None:
    """Print a long text in lines, below each other."""
    lines = textwrap.wrap(visible(text), _COLUMNS - indent - len(mark), break_long_words=False, break_on_hyphens=False)
    for number, line in enumerate(lines):
        console.line(f"{'':{indent}}{mark if not number else ' ' * len(mark)}{line}", color=color)


def _licence(model: InstalledModel) -> str:
    return model.licence.name + (_MARK if model.licence.needs_acknowledgement else "")


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=True)
