"""Plugins: built-ins and installed ones enter by one door; a name is given once; what does not fit is named."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from flux2flow import plugins
from flux2flow.domain.finding import Finding, Level
from flux2flow.domain.plate import BackendLimits
from flux2flow.errors import PluginError
from flux2flow.interfaces import BackendEntry, CheckSubject

CHECKS = {
    "bidi", "brand-names", "busy-background", "case-tracking", "colour-blind", "contrast", "contrast-apca",
    "copy-limits", "dictionary-missing", "fallback-used", "file-weight", "fit-floor", "font-embedding",
    "forbidden-words", "glyph-missing", "hierarchy", "hyphenation", "leading", "legal-present", "line-length",
    "logo-distortion", "logo-space", "min-size", "no-break", "ocr-readback", "overflow", "pixel-size",
    "placeholder-leak", "safe-area", "spelling", "stray-text", "text-over-product", "widow",
}  # fmt: skip

MODULE = """
from flux2flow.domain.plate import BackendLimits
from flux2flow.interfaces import BackendEntry
def entry():
    return BackendEntry({name!r}, BackendLimits({name!r}, 0, 65536), lambda: None)
class Calm:
    id = "calm"
    title = rationale = "calm"
    level = "warn"
    needs_pixels = False
    def run(self, subject):
        return ()
CHECK = Calm()
NOTHING = object()
"""


@dataclass
class Quiet:
    """A check that finds nothing."""

    id: str = "quiet"
    title: str = "Quiet"
    rationale: str = "A test needs one."
    level: Level = "warn"
    needs_pixels: bool = False

    def run(self, subject: CheckSubject) -> Iterator[Finding]:
        return iter(())


def backend(name: str) -> BackendEntry:
    """Register-able, never made."""
    return BackendEntry(name, BackendLimits(name, 0, 65536), lambda: pytest.fail("made"))


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """Install a distribution, as pip leaves it on disk: a module, metadata, entry points."""

    def installed(name: str, *points: str) -> None:
        module = name.replace("-", "_")
        (tmp_path / f"{module}.py").write_text(MODULE.format(name=name))
        folder = tmp_path / f"{module}-1.5.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.5\n")
        (folder / "entry_points.txt").write_text("\n".join(points) + "\n")
        importlib.invalidate_caches()

    monkeypatch.syspath_prepend(tmp_path)
    yield installed
    importlib.invalidate_caches()


def test_the_built_ins_are_there() -> None:
    """Two backends, twelve checks in the order of their ids."""
    registry = plugins.registry(plugins=False)
    assert set(registry.backends) == {"procedural", "nano"}
    assert {check.id for check in registry.checks} == CHECKS
    assert [check.id for check in registry.checks] == sorted(CHECKS)
    assert registry.plugins == ()


def test_an_unknown_backend_is_refused_with_those_there_are() -> None:
    """The message helps."""
    with pytest.raises(PluginError, match="no image backend 'naon'; installed: nano, procedural"):
        plugins.registry(plugins=False).backend("naon")


@pytest.mark.parametrize("kind", ["backend", "check"])
def test_a_name_is_given_once(kind: str) -> None:
    """The message names both owners."""
    registration = plugins.Registration()
    if kind == "backend":
        registration.register_backend(backend("quiet"), "one")
        with pytest.raises(PluginError, match="image backend 'quiet' is registered twice: by one and by two"):
            registration.register_backend(backend("quiet"), "two")
    else:
        registration.register_check(Quiet(), "one")
        with pytest.raises(PluginError, match="check 'quiet' is registered twice: by one and by two"):
            registration.register_check(Quiet(), "two")
        registration.register_backend(backend("quiet"), "two")  # another kind has its own names


def test_what_does_not_fit_is_named() -> None:
    """A check without `run`, a backend that is no entry."""
    registration = plugins.Registration()
    with pytest.raises(PluginError, match="mine: object is no check; it lacks id, title, rationale, level"):
        registration.register_check(object(), "mine")  # type: ignore[arg-type]
    with pytest.raises(PluginError, match="mine: an image backend is a BackendEntry, not str"):
        registration.register_backend("nano", "mine")  # type: ignore[arg-type]


def test_an_installed_plugin_takes_part(install) -> None:  # type: ignore[no-untyped-def]
    """Its backend and check are there with its version; run bare, they are not."""
    install(
        "other-paint",
        f"[{plugins.BACKENDS}]", "other = other_paint:entry",
        f"[{plugins.CHECKS}]", "calm = other_paint:CHECK",
    )  # fmt: skip
    registry = plugins.registry()
    assert "other-paint" in registry.backends
    assert "calm" in {check.id for check in registry.checks}
    assert plugins.Plugin("other-paint", "1.5") in registry.plugins
    assert "other-paint" not in plugins.registry(plugins=False).backends


def test_an_installed_plugin_may_not_take_a_built_in_name(install) -> None:  # type: ignore[no-untyped-def]
    """Built-ins came through the same door first."""
    install("nano", f"[{plugins.BACKENDS}]", "nano = nano:entry")
    with pytest.raises(PluginError, match="'nano' is registered twice: by flux2flow and by nano"):
        plugins.registry()


@pytest.mark.parametrize("point", ["gone:CHECK", "broken_paint:GONE", "broken_paint:NOTHING"])
def test_a_broken_plugin_is_named(install, point: str) -> None:  # type: ignore[no-untyped-def]
    """The message names the distribution, not only the exception."""
    install("broken-paint", f"[{plugins.CHECKS}]", f"x = {point}")
    with pytest.raises(PluginError, match="broken-paint"):
        plugins.registry()
