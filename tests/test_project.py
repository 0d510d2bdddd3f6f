"""Projects: where the root is, and that nothing outside it can be opened."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from flux2flow.domain.files import FileRef
from flux2flow.errors import StoreError
from flux2flow.project import FileRefusedError, Project, check_relative, library_root


@pytest.fixture
def project(tmp_path: Path) -> Project:
    root = tmp_path / "project"
    (root / "inner").mkdir(parents=True)
    (root / "a.txt").write_bytes(b"inside")
    (root / "inner" / "b.txt").write_bytes(b"deeper")
    (tmp_path / "secret.txt").write_bytes(b"outside")
    return Project(root, tmp_path / "library")


def test_root_is_the_marked_ancestor_else_the_campaigns_folder(tmp_path: Path) -> None:
    folder = tmp_path / "brand" / "campaigns" / "spring"
    folder.mkdir(parents=True)
    assert Project.of(folder / "campaign.yaml").root == folder.resolve()
    (tmp_path / "brand" / "flux2flow.yaml").write_text("")
    found = Project.of(folder / "campaign.yaml")
    assert found.root == (tmp_path / "brand").resolve()
    assert found.state == found.root / ".flux2flow"
    assert found.output("spring") == found.root / "build" / "spring"
    assert found.relative(folder / "campaign.yaml") == "campaigns/spring/campaign.yaml"


def test_library_is_beside_the_package_or_the_repository() -> None:
    assert (library_root() / "templates").is_dir()
    assert (library_root() / "brand_kits").is_dir()


def test_refer_and_read_by_digest(project: Project) -> None:
    file = project.refer("project", "inner/b.txt")
    assert file == FileRef("project", "inner/b.txt", hashlib.sha256(b"deeper").hexdigest())
    assert project.read(file) == b"deeper"
    assert project.path(file) == project.root / "inner" / "b.txt"
    (project.root / "inner" / "b.txt").write_bytes(b"changed")
    with pytest.raises(StoreError, match="has changed"):
        project.read(file)
    (project.root / "inner" / "b.txt").unlink()
    with pytest.raises(StoreError, match="does not exist"):
        project.read(file)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("../secret.txt", "outside-project"),
        ("inner/../../secret.txt", "outside-project"),
        ("inner/../a.txt", "outside-project"),
        ("/etc/passwd", "bad-path"),
        ("~/secret", "bad-path"),
        ("..\\secret.txt", "bad-path"),
        ("C:/secret.txt", "bad-path"),
        ("a.txt\0.png", "bad-path"),
        ("a\n.txt", "bad-path"),
        ("x" * 5000, "bad-path"),
        ("n" * 300, "missing-file"),
        ("none.txt", "missing-file"),
        ("a.txt/b", "missing-file"),
        ("inner", "not-a-file"),
        ("", "not-a-file"),
        (".", "not-a-file"),
    ],
)
def test_unsafe_paths_are_refused(project: Project, path: str, code: str) -> None:
    with pytest.raises(FileRefusedError) as raised:
        project.open("project", path)
    assert raised.value.code == code


BLNS = Path(__file__).parents[2] / "shared" / "corpus" / "blns.json"


@pytest.mark.skipif(not BLNS.is_file(), reason="the list of naughty strings is not on this machine")
def test_naughty_strings_open_nothing(project: Project) -> None:
    for text in json.loads(BLNS.read_text(encoding="utf-8")):
        with pytest.raises(FileRefusedError):
            project.open("project", text)


def test_a_surrogate_is_refused(project: Project) -> None:
    with pytest.raises(FileRefusedError):
        project.open("project", "a\ud800.txt")


def test_links_may_stay_inside_but_never_leave(project: Project) -> None:
    root = project.root
    (root / "near").symlink_to("inner/b.txt")
    (root / "inner" / "up").symlink_to("../a.txt")
    (root / "folder").symlink_to("inner")
    (root / "out").symlink_to("../secret.txt")
    (root / "absolute").symlink_to(root / "a.txt")
    (root / "outer").symlink_to("..")
    (root / "loop").symlink_to("loop")
    assert project.open("project", "near") == b"deeper"
    assert project.open("project", "inner/up") == b"inside"
    assert project.open("project", "folder/b.txt") == b"deeper"
    assert (root / "out").read_bytes() == b"outside", "the control: without the walk the link leads out"
    for path in ("out", "absolute", "outer/secret.txt", "loop"):
        with pytest.raises(FileRefusedError) as raised:
            project.open("project", path)
        assert raised.value.code == "outside-project"
        assert not project.exists("project", path)


def test_pipes_and_devices_are_refused_without_waiting(project: Project) -> None:
    os.mkfifo(project.root / "pipe")
    with pytest.raises(FileRefusedError, match="not a regular file"):
        project.open("project", "pipe")
    assert not project.exists("project", "pipe")


def test_size_is_checked_before_reading(project: Project) -> None:
    with (project.root / "large").open("wb") as stream:
        stream.truncate(1 << 33)  # sparse: reading it would take 8 GiB
    with pytest.raises(FileRefusedError, match="larger than 64 MiB"):
        project.open("project", "large")
    assert project.open("project", "a.txt", limit=6) == b"inside"
    with pytest.raises(FileRefusedError, match="larger than"):
        project.open("project", "a.txt", limit=5)


def test_lfs_pointers_have_their_own_message(project: Project) -> None:
    (project.root / "logo.svg").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n")
    with pytest.raises(FileRefusedError) as raised:
        project.open("project", "logo.svg")
    assert (raised.value.code, raised.value.remedy) == ("lfs-pointer", "fetch the files with: git lfs pull")


def test_entries_lists_a_folder_and_nothing_outside(project: Project) -> None:
    assert project.entries("project", "") == ("a.txt", "inner")
    assert project.entries("project", "inner") == ("b.txt",)
    assert project.entries("project", "..") == ()
    assert project.entries("project", "none") == ()


def test_unknown_roots_and_paths_outside_are_named(project: Project, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no root 'cloud'"):
        project.open("cloud", "a.txt")
    with pytest.raises(FileRefusedError) as raised:
        project.relative(tmp_path / "secret.txt")
    assert raised.value.code == "outside-project"
    assert check_relative("./a//b.txt") == ("a", "b.txt")
