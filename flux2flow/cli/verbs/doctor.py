"""`flux2flow doctor`: whether this machine has what the program needs, and what to do about what it lacks."""

from __future__ import annotations

import ctypes
import importlib
import importlib.metadata
import importlib.util
import platform
import shutil
import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from flux2flow.cli.console import console
from flux2flow.cli.text import visible
from flux2flow.errors import EXIT_NOT_MADE, EXIT_OK, Flux2FlowError, SpecError

if TYPE_CHECKING:
    from flux2flow.interfaces import BackendEntry

Verdict = Literal["ok", "note", "lack"]
_SHOWN: dict[Verdict, tuple[str, str]] = {"ok": ("ok", "green"), "note": ("note", "yellow"), "lack": ("LACKS", "red")}
LITTLE_SPACE = 1_000_000_000
"""Bytes: a campaign of a few hundred pictures with its plates."""


@dataclass(frozen=True, slots=True)
class Examined:
    """One thing that was looked at."""

    name: str
    verdict: Verdict
    found: str
    remedy: str = ""


@click.command(short_help="Say what this machine lacks.")
@click.option("--no-plugins", is_flag=True, help="Look without installed plugins.")
def command(no_plugins: bool) -> int:
    """Look at this machine: Python, drawing libraries, the model's libraries, confinement, disk, plugins."""
    lacking = False
    for examined in examine(plugins=not no_plugins):
        word, color = _SHOWN[examined.verdict]
        console.line(
            f"{word:6} {examined.name:18} {visible(examined.found)}", color=color if examined.verdict != "ok" else None
        )
        if examined.remedy:
            console.line(f"       {'':18} → {visible(examined.remedy)}")
        lacking |= examined.verdict == "lack"
    return EXIT_NOT_MADE if lacking else EXIT_OK


def examine(*, plugins: bool) -> Iterator[Examined]:
    """Look at everything, cheap things first."""
    version = platform.python_version()
    yield Examined("python", "ok" if sys.version_info >= (3, 11) else "lack", version, "")
    if sys.platform == "linux":
        yield _shared_library("libEGL.so.1", "libegl1")
        yield _shared_library("libGL.so.1", "libgl1")
    yield _module("skia", "skia-python", "pip install skia-python; it needs libEGL and libGL")
    yield _module("uharfbuzz", "uharfbuzz", "pip install uharfbuzz")
    yield _module("PIL", "pillow", "pip install pillow")
    yield _torch()
    yield _fonts()
    yield _confinement()
    yield _disk(Path.cwd())
    yield from _registry(plugins)


def _shared_library(name: str, package: str) -> Examined:
    try:
        ctypes.CDLL(name)
    except OSError:
        return Examined(
            name, "lack", "not found", f"Skia needs it to be loaded: apt-get install {package}, or your system's like"
        )
    return Examined(name, "ok", "found")


def _module(name: str, distribution: str, remedy: str) -> Examined:
    try:
        importlib.import_module(name)
        return Examined(name, "ok", importlib.metadata.version(distribution))
    except (ImportError, importlib.metadata.PackageNotFoundError) as error:
        return Examined(name, "lack", str(error).splitlines()[0], remedy)


def _torch() -> Examined:
    if importlib.util.find_spec("torch") is None:
        return Examined(
            "torch", "note", "not installed: paints with procedural only", "pip install 'flux2flow[engine]'"
        )
    return Examined("torch", "ok", importlib.metadata.version("torch"))


def _fonts() -> Examined:
    """Send one shipped font through its gate."""
    from flux2flow.gates import fonts
    from flux2flow.project import library_root

    shipped = sorted((library_root() / "brand_kits").glob("*/fonts/*.ttf"))
    if not shipped:
        return Examined("fonts gate", "lack", "the shipped brand kits hold no font", "install flux2flow again")
    try:
        facts = fonts.inspect(shipped[0].read_bytes(), shipped[0].name)
    except Flux2FlowError as error:
        return Examined("fonts gate", "lack", f"{shipped[0].name}: {error}", "install flux2flow again")
    return Examined("fonts gate", "ok", f"{facts.family} passes, one of {len(shipped)} shipped fonts")


def _confinement() -> Examined:
    from flux2flow.gates import confinement

    status = confinement.status()
    if status.startswith("unconfined"):
        return Examined(
            "confinement", "note", status, "SVG files of kits you do not know are safer on Linux 5.13 or newer"
        )
    return Examined("confinement", "ok", status)


def _disk(folder: Path) -> Examined:
    free = shutil.disk_usage(folder).free
    little = free < LITTLE_SPACE
    return Examined(
        "disk", "note" if little else "ok", f"{free / 1e9:.1f} GB free here", "free some space" if little else ""
    )


def _backend(name: str, entry: BackendEntry, accepted: Collection[str], faults: Sequence[str]) -> Examined:
    """Ask a backend who it is, which finds its weights and loads none; and say under which licence they are."""
    if faults:
        return Examined(f"backend {name}", "note", "; ".join(faults), f"flux2flow models verify {name}")
    try:
        identity = entry.create().identity()
    except Flux2FlowError as error:
        return Examined(
            f"backend {name}", "note", str(error), "campaigns that name another model are not touched by this"
        )
    weights = f", weights {identity.weights_digest[:12]}…" if identity.weights_digest else ", no weights needed"
    found, licence = f"{identity.variant}{weights}", entry.limits.licence
    if licence is None:
        return Examined(f"backend {name}", "ok", found)
    found += f", {licence.name} ({licence.url})"
    if not licence.needs_acknowledgement:
        return Examined(f"backend {name}", "ok", found)
    if licence.name in accepted:
        return Examined(f"backend {name}", "ok", f"{found}, accepted in this project's flux2flow.yaml")
    remedy = f"{licence.summary}; to render with it here, flux2flow.yaml must say accept_licences: [{licence.name}]"
    return Examined(f"backend {name}", "note", f"{found}, not accepted in this project", remedy)


def _registry(plugins: bool) -> Iterator[Examined]:
    from flux2flow.api import accepted_here
    from flux2flow.generation.flux2.library import installed
    from flux2flow.plugins import registry

    try:
        found = registry(plugins=plugins)
    except Flux2FlowError as error:
        yield Examined("plugins", "lack", str(error))
        return
    names = ", ".join(f"{plugin.name} {plugin.version}" for plugin in found.plugins)
    yield Examined("plugins", "ok", names or "none")
    accepted: Collection[str] = ()
    try:
        accepted = accepted_here(found)
    except SpecError as error:
        yield Examined("flux2flow.yaml", "lack", str(error), "flux2flow validate shows the place")
    faults: dict[str, Sequence[str]] = {}
    try:
        faults = {model.name: model.faults for model in installed()}
    except Flux2FlowError as error:
        yield Examined("models", "note", str(error), "flux2flow models list")
    for name, entry in sorted(found.backends.items()):
        yield _backend(name, entry, accepted, faults.get(name, ()))
    yield Examined("checks", "ok", str(len(found.checks)))
