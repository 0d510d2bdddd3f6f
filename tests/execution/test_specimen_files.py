"""A specimen's folder: pages that a kit has lost go with the next run, and no other file ever does."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from flux2flow.domain.layout import Layout
from flux2flow.domain.measures import PixelSize
from flux2flow.errors import StoreError
from flux2flow.execution.specimen import SpecimenPage, write_pages
from flux2flow.execution.specimen.writing import LIST


def pages(kit: str, *names: str) -> list[SpecimenPage]:
    """Give pages of a kit; what is painted on them is no matter here."""
    size = PixelSize(1, 1)
    return [SpecimenPage(name, Layout(f"{kit}/{name}", size, "ltr", ()), f"{kit} {name}".encode()) for name in names]


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {LIST}


def test_a_page_that_the_kit_has_no_longer_is_removed(tmp_path: Path) -> None:
    """The control is the first run: there all three stand."""
    first = write_pages(pages("aurora", "identity", "latin", "greek"), tmp_path)
    assert (
        names(tmp_path)
        == {path.name for path in first}
        == {f"aurora-{it}.png" for it in ("identity", "latin", "greek")}
    )
    assert first[2].read_bytes() == b"aurora greek"
    write_pages(pages("aurora", "identity", "latin"), tmp_path)
    assert names(tmp_path) == {"aurora-identity.png", "aurora-latin.png"}


def test_no_other_file_is_removed(tmp_path: Path) -> None:
    """Not another kit's pages, nor a file of the same kind of name, nor a page that somebody has changed since."""
    write_pages(pages("halfmoon", "identity", "arabic"), tmp_path)
    write_pages(pages("aurora", "identity", "latin", "greek", "thai"), tmp_path)
    (tmp_path / "aurora-mine.png").write_bytes(b"mine")
    (tmp_path / "aurora-thai.png").write_bytes(b"retouched")
    write_pages(pages("aurora", "identity"), tmp_path)
    kept = {"halfmoon-identity.png", "halfmoon-arabic.png", "aurora-mine.png", "aurora-thai.png"}
    assert names(tmp_path) == kept | {"aurora-identity.png"}


def test_a_list_that_names_what_lies_elsewhere_removes_nothing(tmp_path: Path) -> None:
    """A list is a file that anybody can write: its names must be plain names, and its links are not followed."""
    folder, mine = tmp_path / "specimen", tmp_path / "mine.png"
    folder.mkdir()
    mine.write_bytes(b"mine")
    (folder / "own.png").write_bytes(b"mine")
    (folder / "link.png").symlink_to(mine)
    digest = hashlib.sha256(b"mine").hexdigest()
    listed = dict.fromkeys(("../mine.png", str(mine), "link.png", "own.png", "..", ""), digest)
    (folder / LIST).write_text(json.dumps({"specimen": 1, "kits": {"aurora": listed}}))
    write_pages(pages("aurora", "identity"), folder)
    assert mine.read_bytes() == b"mine"
    assert names(folder) == {"aurora-identity.png", "link.png"}  # the control: the plain name is removed


@pytest.mark.parametrize("text", ["", "[1]", "{}", '{"specimen": 2, "kits": {"aurora": {"own.png": "00"}}}', "\x00"])
def test_a_list_that_cannot_be_read_is_written_anew(tmp_path: Path, text: str) -> None:
    (tmp_path / LIST).write_text(text)
    (tmp_path / "own.png").write_bytes(b"own")
    write_pages(pages("aurora", "identity", "latin"), tmp_path)
    write_pages(pages("aurora", "identity"), tmp_path)
    assert names(tmp_path) == {"own.png", "aurora-identity.png"}


def test_a_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="cannot be written"):
        write_pages(pages("aurora", "identity"), tmp_path / "file")
