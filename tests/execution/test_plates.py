"""All missing plates go to the backend together; each is stored as it comes, and none is lost to another's failure."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from flux2flow.domain.canvas import Canvas
from flux2flow.domain.measures import PixelSize
from flux2flow.domain.plan import Plan
from flux2flow.domain.plate import PlateRequest
from flux2flow.errors import GenerationError
from flux2flow.execution import plates as execution_plates
from flux2flow.interfaces import FileSource, Painted, PaintFailed, PaintPhase, PaintStep
from flux2flow.store import read_journal
from tests.execution.builder import Bench, Counting, plan, plate, scene

Answer = PaintStep | Painted | PaintFailed | PaintPhase


@dataclass
class Phased(Counting):
    """A backend that paints in phases: all steps first, then the pictures, backwards; it notes every call."""

    calls: list[list[int]] = field(default_factory=list)
    fails: frozenset[int] = frozenset()
    raises_at: int | None = None
    """The seed at whose picture it gives up."""
    picture: Callable[[int], Canvas] | None = None

    def paint(self, requests: Sequence[PlateRequest], files: FileSource) -> Iterator[Answer]:
        self.calls.append([request.seed for request in requests])
        yield PaintPhase("encode prompts", 0, len(requests))
        for number, request in enumerate(requests):
            yield PaintStep(number, 0, 2)
            if request.seed in self.fails:
                yield PaintFailed(number, f"seed {request.seed} fails")
        for number, request in reversed(list(enumerate(requests))):
            if request.seed in self.fails:
                continue
            if request.seed == self.raises_at:
                yield PaintStep(number, 1, 2)
                raise GenerationError(f"gave up at {request.seed}")
            self.painted.append(request.seed)
            size = PixelSize(16, 16) if self.picture else request.size
            yield Painted(number, Canvas(size, bytes(3 * size.pixels)), 0.5)


def many(count: int, alike: bool = False) -> Plan:
    """Plan so many plates of one size, each under one scene; alike, they all ask for the same."""
    plates = tuple(plate(f"plate-{n}", 100 if alike else 100 + n, 96, 64) for n in range(count))
    if alike:
        plates = tuple(replace(one, request=plates[0].request) for one in plates)
    return replace(plan(), plates=plates, scenes=tuple(scene(f"card-{n}", plates[n]) for n in range(count)))


def kinds(bench: Bench) -> list[tuple[str, str]]:
    """Read what the last run's journal says about plates."""
    journal = max((bench.folder / ".flux2flow" / "journal").glob("*.jsonl"))
    return [(record.kind, record.subject) for record in read_journal(journal).records if "plate" in record.kind]


def test_one_call_paints_everything(tmp_path: Path) -> None:
    """In sizes' order, whatever the backend's own order; events and journal name each plate rightly."""
    bench = Bench(tmp_path, backend=Phased())
    report = bench.run(plan())
    assert bench.backend.calls == [[2, 1]]
    assert report.exit_code == 0
    assert [event.subject for event in bench.events if event.kind == "phase"] == ["encode prompts"]
    assert [event.subject for event in bench.events if event.kind == "plate"] == ["dawn", "night"]
    assert kinds(bench) == [
        ("plate-leased", "night"),
        ("plate-leased", "dawn"),
        ("plate-painted", "dawn"),
        ("plate-stored", "dawn"),
        ("plate-painted", "night"),
        ("plate-stored", "night"),
    ]
    assert bench.run(plan()).exit_code == 0
    assert len(bench.backend.calls) == 1


def test_a_plate_that_fails_is_told_and_the_others_stand(tmp_path: Path) -> None:
    """It is tried again by the next run alone."""
    bench = Bench(tmp_path, backend=Phased(fails=frozenset({101})))
    report = bench.run(many(3))
    assert (report.failures[0].subject, report.failures[0].reason) == ("plate-1", "seed 101 fails")
    assert [asset.id for asset in report.assets] == ["card-0", "card-2"]
    bench.backend.fails = frozenset()
    assert bench.run(many(3)).exit_code == 0
    assert bench.backend.calls == [[100, 101, 102], [101]]


def test_a_backend_that_gives_up_loses_only_the_plate_it_was_at(tmp_path: Path) -> None:
    """The plate it told of last fails, and the others go on in a second call."""
    bench = Bench(tmp_path, backend=Phased(raises_at=101))
    report = bench.run(many(4))
    assert [failure.reason for failure in report.failures if failure.subject.startswith("plate")] == ["gave up at 101"]
    assert len(report.assets) == 3
    assert bench.backend.calls == [[100, 101, 102, 103], [100]]


def test_a_backend_that_gives_up_silently_is_asked_plate_by_plate(tmp_path: Path) -> None:
    """The simplest plugin raises before it tells of any plate: the refused one fails alone."""
    bench = Bench(tmp_path, backend=Counting(refused=frozenset({101})))
    report = bench.run(many(3))
    assert [failure.subject for failure in report.failures if failure.subject.startswith("plate")] == ["plate-1"]
    assert bench.backend.painted == [100, 102]
    assert list((tmp_path / ".flux2flow" / "leases").iterdir()) == []


def test_where_nothing_can_be_painted_every_plate_says_why(tmp_path: Path) -> None:
    """And nothing is left leased."""
    bench = Bench(tmp_path, backend=Counting(refused=frozenset({100, 101, 102})))
    report = bench.run(many(3))
    assert {failure.reason for failure in report.failures if failure.subject.startswith("plate")} == {
        f"seed {seed} is refused" for seed in (100, 101, 102)
    }
    assert report.assets == ()


def test_another_size_than_asked_for_is_a_failure(tmp_path: Path) -> None:
    """Of each such plate, with both sizes."""
    bench = Bench(tmp_path, backend=Phased(picture=lambda seed: Canvas(PixelSize(16, 16), bytes(768))))
    report = bench.run(many(2))
    assert all("asked for" in failure.reason for failure in report.failures if failure.subject.startswith("plate"))
    assert len([failure for failure in report.failures if failure.subject.startswith("plate")]) == 2


def test_equal_requests_are_painted_once(tmp_path: Path) -> None:
    """Under force, too."""
    bench = Bench(tmp_path, backend=Phased())
    assert bench.run(many(3, alike=True)).exit_code == 0
    assert bench.backend.calls == [[100]]
    bench.run(many(3, alike=True), force=True)
    assert bench.backend.calls == [[100], [100]]


@pytest.mark.parametrize("answered", [Painted(7, Canvas(PixelSize(16, 16), bytes(768)), 0.0), PaintStep(-1, 1, 1)])
def test_an_answer_for_no_plate_is_the_backends_failure(tmp_path: Path, answered: Answer) -> None:
    """A plugin's mistake is told, not a traceback, and never stored under another plate's key."""

    class Confused(Counting):
        def paint(self, requests: Sequence[PlateRequest], files: FileSource) -> Iterator[Answer]:
            yield answered

    report = Bench(tmp_path, backend=Confused()).run(many(2))
    assert all("not asked for" in failure.reason for failure in report.failures if failure.subject.startswith("plate"))
    assert report.assets == ()


def test_a_large_campaign_comes_in_calls_of_a_bounded_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many leases are held at once, and so many files open; the control: without the bound they run out."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    opened = len(list(Path("/proc/self/fd").iterdir()))
    resource.setrlimit(resource.RLIMIT_NOFILE, (opened + 40, hard))
    try:
        monkeypatch.setattr(execution_plates, "PLATES_AT_ONCE", 16)
        bench = Bench(tmp_path, backend=Phased())
        assert bench.run(many(50)).exit_code == 0
        assert [len(call) for call in bench.backend.calls] == [16, 16, 16, 2]
        monkeypatch.setattr(execution_plates, "PLATES_AT_ONCE", 1000)
        with pytest.raises(Exception, match="Too many open files"):
            bench.run(many(50), force=True)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
