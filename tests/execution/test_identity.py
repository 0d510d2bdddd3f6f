"""Keys: what decides a byte is in them, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import flux2flow
from flux2flow.domain.campaign import FontFile
from flux2flow.domain.files import FileRef, PictureFile
from flux2flow.domain.measures import Box
from flux2flow.domain.plate import Reference
from flux2flow.domain.scene import PictureLayer
from flux2flow.execution import identity
from flux2flow.execution.identity import plate_key, scene_key
from flux2flow.plugins import Plugin, Registry
from tests.execution.builder import CARD, Bench, Counting, plate, scene

FONT = FontFile("Inter", FileRef("library", "kits/inter.ttf", "a" * 64))
PHOTO = PictureFile(FileRef("project", "photos/bottle.png", "b" * 64), 10, 10, "png", alpha=True)


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """Take the test's registry."""
    return Bench(tmp_path).registry()


def key(registry: Registry, **changes: object) -> str:
    """Make a scene key, with some of its ingredients changed."""
    picture = PictureLayer("photo", PHOTO, Box(0, 0, 9, 9), "start", "top", "contain")
    base = scene("card", plate("dawn", 1))
    given = {
        "scene": replace(base, layers=(*base.layers, picture)),
        "plate": "c" * 64,
        "format": CARD,
        "fonts": (FONT,),
    }
    given |= {"forbidden_words": (), "registry": registry} | changes
    return scene_key(**given)  # type: ignore[arg-type]


def test_a_moved_or_renamed_file_changes_no_key(registry: Registry) -> None:
    """Digests count, places do not; the control: another digest changes it."""
    moved = replace(FONT, file=FileRef("project", "fonts/other.ttf", "a" * 64))
    other = replace(FONT, file=FileRef("library", "kits/inter.ttf", "d" * 64))
    assert key(registry, fonts=(moved,)) == key(registry)
    assert key(registry, fonts=(other,)) != key(registry)


@pytest.mark.parametrize(
    "changes",
    [{"plate": "e" * 64}, {"format": CARD.model_copy(update={"max_bytes": 5000})}, {"forbidden_words": ("cheap",)}],
    ids=["plate", "format", "words"],
)
def test_everything_that_decides_an_asset_is_in_its_key(registry: Registry, changes: dict[str, object]) -> None:
    """The plate's bytes, the format's limits, the brand's words."""
    assert key(registry, **changes) != key(registry)


def test_checks_plugins_and_libraries_are_in_the_key(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another check, another plugin version, another Pillow each make the asset anew."""
    keys = {key(registry), key(replace(registry, checks=())), key(replace(registry, plugins=(Plugin("p", "1"),)))}
    keys.add(key(replace(registry, plugins=(Plugin("p", "2"),))))
    installed = identity.versions()
    monkeypatch.setattr(identity, "versions", lambda: (*installed[:-1], ("pillow", "0")))
    keys.add(key(registry))
    assert len(keys) == 5


def test_a_changed_line_of_our_own_code_is_in_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Code that draws counts by its bytes; code that does not draw does not count."""
    for name in ("compositing/painter.py", "cli/program.py"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("x = 1\n")
    monkeypatch.setattr(flux2flow, "__file__", str(tmp_path / "__init__.py"))
    before = identity._source()
    (tmp_path / "cli/program.py").write_text("x = 2\n")
    assert identity._source() == before
    (tmp_path / "compositing/painter.py").write_text("x = 2\n")
    assert identity._source() != before


def test_a_plate_key_holds_request_and_backend() -> None:
    """Seed, size, references' bytes and the backend's version decide; a reference's place does not."""
    request, who = plate("dawn", 1).request, Counting().identity()
    shown = replace(request, references=(Reference(PHOTO, "product", "a bottle"),))
    moved_photo = replace(PHOTO, file=FileRef("library", "x.png", "b" * 64))
    moved = replace(request, references=(Reference(moved_photo, "product", "a bottle"),))
    assert plate_key(shown, who) == plate_key(moved, who)
    others = [replace(request, seed=2), plate("dawn", 1, 64).request, shown]
    keys = {plate_key(one, who) for one in (request, *others)} | {plate_key(request, Counting(version=2).identity())}
    assert len(keys) == 5
