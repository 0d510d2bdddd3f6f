"""A run makes what is missing, takes what stands and verifies, and keeps back what failed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from flux2flow.errors import PlanError
from flux2flow.store import read_journal
from tests.execution.builder import Bench, plan, plate, scene, without
from tests.store.test_objects import flip


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Make an empty project."""
    return Bench(tmp_path)


def test_a_plan_becomes_files(bench: Bench) -> None:
    """Every scene is released with the digest the report states; every plate is painted once, by size."""
    report = bench.run(plan())
    assert report.exit_code == 0
    assert [asset.id for asset in report.assets] == ["card-0", "card-1", "card-2", "card-3"]
    assert bench.backend.painted == [2, 1]  # the smaller plate first
    files = bench.files()
    assert {asset.path for asset in report.assets} == set(files)
    for asset in report.assets:
        assert asset.path is not None
        assert hashlib.sha256(files[asset.path]).hexdigest() == asset.digest
        assert len(files[asset.path]) == asset.bytes
        assert not asset.reused
    assert [plate.reused for plate in report.plates] == [False, False]
    assert dict(report.environment)["flux2flow"]
    assert (bench.output / "manifest.json").is_file()
    assert (bench.output / "index.html").is_file()


def test_events_come_in_order(bench: Bench) -> None:
    """Start, then plates with their steps, then assets counted up, then the end."""
    bench.run(plan())
    kinds = [event.kind for event in bench.events]
    assert kinds == ["start", "plate-step", "plate", "plate-step", "plate", *["asset"] * 4, "end"]
    assert [event.done for event in bench.events if event.kind == "asset"] == [1, 2, 3, 4]
    assert {event.of for event in bench.events if event.kind == "asset"} == {4}


def test_the_journal_tells_the_run(bench: Bench) -> None:
    """Start, per plate leased, painted, stored, per asset stored, released, then the end."""
    report = bench.run(plan(2))
    records = read_journal(bench.folder / ".flux2flow" / "journal" / f"{report.run}.jsonl").records
    kinds = [record.kind for record in records]
    assert kinds[:7] == ["run-start", *["plate-leased", "plate-painted", "plate-stored"] * 2]
    assert sorted(kinds[7:-2]) == ["asset-released"] * 2 + ["asset-stored"] * 2
    assert kinds[-2:] == ["report-written", "run-end"]
    assert dict(records[-1].details) == {"outcome": "done"}


def test_a_second_run_does_nothing(bench: Bench) -> None:
    """No paint, no new run, no file touched; everything is reported as reused."""
    first = bench.run(plan())
    before = {path: path.stat().st_mtime_ns for path in bench.folder.rglob("*") if path.is_file()}
    second = bench.run(plan())
    after = {path: path.stat().st_mtime_ns for path in bench.folder.rglob("*") if path.is_file()}
    assert after == before
    assert bench.backend.painted == []
    assert all(asset.reused for asset in second.assets)
    assert all(plate.reused for plate in second.plates)
    assert second.run == first.run
    assert [replace(asset, reused=False) for asset in second.assets] == list(first.assets)


def test_a_changed_scene_costs_no_plate(bench: Bench) -> None:
    """Another colour makes one asset anew and paints nothing; the control: another backend version paints again."""
    before = bench.run(plan())
    report = bench.run(plan(ink="#c04020"))
    assert bench.backend.painted == []
    assert [asset.reused for asset in report.assets] == [False, True, True, True]
    assert report.assets[0].digest != before.assets[0].digest
    bench.backend.version = 2
    assert not any(asset.reused for asset in bench.run(plan()).assets)
    assert bench.backend.painted == [2, 1]


def test_the_output_folder_is_safe_to_delete(bench: Bench) -> None:
    """What stood there returns from the state, byte for byte, without painting or encoding."""
    bench.run(plan())
    files = bench.files()
    for path in sorted(bench.output.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    report = bench.run(plan())
    assert bench.files() == files
    assert bench.backend.painted == []
    assert all(asset.reused for asset in report.assets)
    assert (bench.output / "index.html").is_file()


def test_a_changed_released_file_is_put_right(bench: Bench) -> None:
    """A file that somebody overwrote is released again."""
    bench.run(plan())
    files = bench.files()
    victim = bench.output / sorted(files)[0]
    victim.write_bytes(b"scribble")
    bench.run(plan())
    assert bench.files() == files


def test_rot_in_any_object_is_found_and_made_again(bench: Bench) -> None:
    """Flip a bit in each stored object in turn, times kept: it is replaced by the same bytes, and no file changes."""
    bench.run(plan())
    files, objects = bench.files(), bench.objects()
    whole = {name: path.read_bytes() for name, path in objects.items()}
    assert len(whole) == 6
    for name, path in objects.items():
        flip(path, offset=len(whole[name]) // 2)
        report = bench.run(plan())
        assert report.exit_code == 0
        assert path.read_bytes() == whole[name]
        assert bench.files() == files
    assert {name: path.read_bytes() for name, path in bench.objects().items()} == whole


def test_rot_everywhere_at_once(bench: Bench) -> None:
    """All objects and all released files rotten: everything is made again, equal to before."""
    bench.run(plan())
    files = bench.files()
    for path in [*bench.objects().values(), *(bench.output / name for name in files)]:
        flip(path)
    report = bench.run(plan())
    assert bench.files() == files
    assert sorted(bench.backend.painted) == [1, 2]
    assert not any(asset.reused for asset in report.assets)
    journal = read_journal(bench.folder / ".flux2flow" / "journal" / f"{report.run}.jsonl")
    assert sum(record.kind == "damage" for record in journal.records) == 6


def test_a_rejected_picture_stays_out(bench: Bench) -> None:
    """It is kept under the run, an older release of it is withdrawn, and the exit code says so."""
    bench.run(plan())
    released = bench.files()
    bench.check.scenes = frozenset({"card-0"})
    changed = plan(ink="#c04020")
    report = bench.run(changed)
    assert report.exit_code == 1
    rejected = report.assets[0]
    assert rejected.path is None
    assert not rejected.released
    assert len(bench.files()) == len(released) - 1
    kept = list((bench.folder / ".flux2flow" / "runs" / report.run / "rejected").rglob("*.*"))
    assert [hashlib.sha256(path.read_bytes()).hexdigest() for path in kept] == [rejected.digest]
    again = bench.run(changed)
    assert again.exit_code == 1
    assert again.assets[0].reused
    assert again.run == report.run


def test_a_plate_that_fails_fails_its_scenes_only(bench: Bench) -> None:
    """The others are made; the exit code is 3; the next run tries again."""
    bench.backend.refused = frozenset({1})
    report = bench.run(plan())
    assert report.exit_code == 3
    assert [failure.subject for failure in report.failures] == ["dawn", "card-0", "card-2"]
    assert report.failures[0].reason == "seed 1 is refused"
    assert [asset.id for asset in report.assets] == ["card-1", "card-3"]
    bench.backend.refused = frozenset()
    assert bench.run(plan()).exit_code == 0
    assert bench.backend.painted == [1]


def test_what_left_the_plan_is_withdrawn_but_never_a_users_file(bench: Bench) -> None:
    """Only what the previous manifest lists and nobody edited is removed."""
    report = bench.run(plan())
    places = {asset.id: asset.path for asset in report.assets}
    mine = bench.output / "notes.txt"
    mine.write_text("mine")
    (bench.output / str(places["card-3"])).write_bytes(b"edited by hand")
    bench.run(without(without(plan(), "card-2"), "card-3"))
    left = bench.files()
    assert places["card-2"] not in left
    assert left[str(places["card-3"])] == b"edited by hand"
    assert left["notes.txt"] == b"mine"
    assert places["card-0"] in left


def test_a_failure_withdraws_nothing_and_forgets_nothing(bench: Bench) -> None:
    """A backend that is down empties no folder; what left the plan meanwhile goes with the next complete run."""
    places = {asset.id: asset.path for asset in bench.run(plan()).assets}
    shorter = without(plan(), "card-3")
    bench.backend.version, bench.backend.refused = 2, frozenset({1, 2})
    assert bench.run(shorter).exit_code == 3
    assert set(bench.files()) == set(places.values())
    bench.backend.refused = frozenset()
    assert bench.run(shorter).exit_code == 0
    assert set(bench.files()) == set(places.values()) - {places["card-3"]}


def test_a_manifest_that_points_outside_removes_nothing(bench: Bench) -> None:
    """The manifest is a file anybody may edit."""
    bench.run(plan())
    victim = bench.folder / "campaign.yaml"
    victim.write_bytes(b"precious")
    manifest = bench.output / "manifest.json"
    digest = hashlib.sha256(b"precious").hexdigest()
    inside = bench.output / "listed.txt"  # the control: what is listed inside is removed
    inside.write_bytes(b"precious")
    places = ["../../campaign.yaml", str(victim), "card/../../../campaign.yaml", "", "listed.txt"]
    manifest.write_text(json.dumps({"assets": [{"path": place, "sha256": digest} for place in places]}))
    bench.run(plan())
    assert victim.read_bytes() == b"precious"
    assert not inside.exists()


def test_only_some_scenes(bench: Bench) -> None:
    """Only their plates are painted; nothing else is removed; what is done is reported with them."""
    report = bench.run(plan(), only=frozenset({"card-1"}))
    assert bench.backend.painted == [2]
    assert [asset.id for asset in report.assets] == ["card-1"]
    bench.run(plan())
    report = bench.run(plan(ink="#c04020"), only=frozenset({"card-3"}))
    assert [asset.id for asset in report.assets] == ["card-1", "card-2", "card-3"]
    assert len(bench.files()) == 4


def test_force_makes_everything_anew(bench: Bench) -> None:
    """Everything is painted and made again, to the same bytes."""
    bench.run(plan())
    files = bench.files()
    report = bench.run(plan(), force=True)
    assert bench.backend.painted == [2, 1]
    assert not any(asset.reused for asset in report.assets)
    assert bench.files() == files


def test_two_plates_with_one_request_are_painted_once(bench: Bench) -> None:
    """The key decides, not the name."""
    twins = (plate("dawn", 1), plate("dusk", 1))
    twins = (twins[0], replace(twins[1], request=twins[0].request))
    scenes = (scene("card-0", twins[0]), scene("card-1", twins[1]))
    report = bench.run(replace(plan(), plates=twins, scenes=scenes), force=True)
    assert bench.backend.painted == [1]
    assert [plate.reused for plate in report.plates] == [False, True]


def test_two_scenes_may_not_share_a_file(bench: Bench) -> None:
    """Refused, rather than one overwriting the other."""
    base = plan(2)
    twin = replace(base.scenes[0], layers=base.scenes[0].layers[:1], id="card-9")
    with pytest.raises(PlanError, match="card-0 and card-9 would both be written"):
        bench.run(replace(base, scenes=(*base.scenes, twin)))


def test_bytes_do_not_depend_on_the_folder_or_the_workers(bench: Bench, tmp_path: Path) -> None:
    """Another folder and another number of threads give the same files; the control: another seed does not."""
    bench.run(plan(), workers=1)
    other = Bench(tmp_path / "elsewhere")
    other.folder.mkdir()
    other.run(plan(), workers=4)
    assert other.files() == bench.files()
    third = Bench(tmp_path / "third")
    third.folder.mkdir()
    third.backend.version = 2
    third.run(plan())
    assert third.files() != bench.files()
