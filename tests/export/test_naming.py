"""Asset paths: valid on every file system, and never shared by two scenes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flux2flow.domain.measures import Insets, PixelSize
from flux2flow.domain.scene import Scene
from flux2flow.export.naming import asset_path, slug

BLNS = Path(__file__).parents[3] / "shared" / "corpus" / "blns.json"
SAFE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\Z")


def scene(
    row: str = "serum",
    *,
    entry: str = "hero",
    format: str = "iab/leaderboard",
    locale: str = "en",
    variant: tuple[tuple[str, str], ...] = (),
) -> Scene:
    return Scene(
        "id", entry, "banner/hero", format, "banner", locale, "ltr", row, variant, PixelSize(728, 90), Insets(), ()
    )


def test_a_plain_scene_reads_as_a_person_would_file_it() -> None:
    assert asset_path(scene(), "jpeg") == "hero/iab_leaderboard/en/serum.jpg"
    assert asset_path(scene(variant=(("tone", "warm"), ("size", "2"))), "png").endswith("/serum--warm--2.png")
    assert asset_path(scene(row="", locale="zh-Hant-TW"), "webp") == "hero/iab_leaderboard/zh-Hant-TW/all.webp"


def test_a_safe_name_stays_as_it_is_and_any_other_carries_a_hash() -> None:
    assert slug("dew-serum-30") == "dew-serum-30"
    assert re.fullmatch(r"dew-serum-[0-9a-f]{10}", slug("Dew Serum"))
    assert re.fullmatch(r"creme-brulee-[0-9a-f]{10}", slug("crème brûlée"))
    assert re.fullmatch(r"[0-9a-f]{10}", slug("كريم"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Serum", "serum"),
        ("a b", "a-b"),
        ("a--b", "a-b"),
        ("caf\u00e9", "cafe\u0301"),
        ("ß", "ss"),
        ("x" * 50, "x" * 51),
        ("", "all"),
        ("a/b", "a-b"),
    ],
)
def test_names_that_a_file_system_could_confuse_become_different(one: str, other: str) -> None:
    assert slug(one) != slug(other)


def test_a_name_that_looks_hashed_is_hashed_again() -> None:
    taken = slug("Serum")
    assert slug(taken) != taken


@pytest.mark.parametrize("device", ["con", "nul", "aux", "prn", "com1", "lpt9"])
def test_windows_devices_are_avoided(device: str) -> None:
    assert slug(device).startswith(f"{device}-")
    assert f"/{device}." not in asset_path(scene(device), "png")
    assert f"/{device}/" not in asset_path(scene(locale=device), "png")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (scene("a", variant=(("v", "b"),)), scene("a-b")),
        (scene("a", variant=(("v", "b-c"),)), scene("a-b", variant=(("v", "c"),))),
        (scene(format="meta/x-story"), scene(format="meta-x/story")),
        (scene(locale="en-US"), scene(locale="en-us")),
        (scene("..", entry="a"), scene("../b", entry="a")),
    ],
)
def test_two_scenes_never_share_a_path(one: Scene, other: Scene) -> None:
    assert asset_path(one, "png").lower() != asset_path(other, "png").lower()


@pytest.mark.skipif(not BLNS.is_file(), reason="the list of naughty strings is not at hand")
def test_every_naughty_string_names_a_file_of_its_own() -> None:
    strings = json.loads(BLNS.read_text(encoding="utf-8"))
    assert len(strings) >= 515
    names = {slug(text) for text in strings}
    assert len(names) == len(set(strings))
    assert all(SAFE.match(name) and len(name) <= 40 for name in names)


@given(st.sets(st.text(st.characters(), max_size=60), min_size=2, max_size=20))
def test_any_strings_give_as_many_safe_names(strings: set[str]) -> None:
    names = {slug(text) for text in strings}
    assert len(names) == len(strings)
    assert all(SAFE.match(name) and len(name) <= 40 for name in names)
