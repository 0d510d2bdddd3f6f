"""The parts that metrics are made of, against values that do not come from them."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from flux2engine.training import phrases
from flux2engine.training.evaluation import probe_training
from flux2engine.training.evaluation.bench import crop, psnr, random_box, shifted
from flux2engine.training.evaluation.cases import CASE_KINDS, FILE, read_cases, write_cases
from flux2engine.training.evaluation.colour import intersection
from flux2engine.training.evaluation.edges import edge_ratio
from flux2engine.training.evaluation.families import families
from flux2engine.training.evaluation.figures import Figure, Goal
from flux2engine.training.evaluation.loading import SHIPPED
from flux2engine.training.evaluation.probe import Probe, ProbeNet, window
from flux2engine.training.evaluation.report import document, table
from flux2engine.training.products import Identity, paint_identity

from .conftest import Cases

NAMES = ["owl", "dove", "taco", "bus"]


def test_edges_are_counted_where_they_are() -> None:
    """A chequered right half makes the left one calm, and not the other way round; equal halves are neither."""
    picture = np.zeros((32, 32, 3), np.uint8)
    picture[:, 17:] = ((np.indices((32, 15)).sum(0) % 2) * 255)[..., None]
    assert edge_ratio(picture, (0, 0, 0.5, 1)) < 0.1
    assert edge_ratio(picture, (0.5, 0, 1, 1)) > 4
    everywhere = ((np.indices((32, 32)).sum(0) % 2) * 255).astype(np.uint8)[..., None].repeat(3, 2)
    assert 0.9 < edge_ratio(everywhere, (0, 0, 0.5, 1)) < 1.1


def test_psnr_and_crops_are_the_textbook_ones() -> None:
    """An error of 16 everywhere is 24.05 dB; a crop outside of which pictures differ sees no error."""
    first = np.full((20, 20, 3), 100, np.uint8)
    assert abs(psnr(first, first + 16) - 24.05) < 0.01
    other = first.copy()
    other[:10] = 0
    assert psnr(crop(first, (0, 0.5, 1, 1)), crop(other, (0, 0.5, 1, 1))) > 100
    assert psnr(first, other) < 15


def test_histograms_see_colours_and_not_places() -> None:
    """A mirrored picture has the same colours, another colour has none in common."""
    picture = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    assert intersection(picture, picture[::-1]) == pytest.approx(1)
    red, blue = np.zeros((2, 8, 8, 3), np.uint8)
    red[..., 0], blue[..., 2] = 255, 255
    assert intersection(red, blue) == 0


def test_controls_never_meet_their_own_case() -> None:
    """Shifting moves every item, and random boxes keep their size and stay inside."""
    assert all(a != b for a, b in zip(range(11), shifted(list(range(11))), strict=True))
    rng = random.Random(0)
    for _ in range(50):
        left, top, right, bottom = random_box((0, 0, 1 / 3, 1), rng)
        assert (right - left, bottom - top) == (pytest.approx(1 / 3), pytest.approx(1))
        assert left >= 0
        assert right <= 1 + 1e-9
        assert top == 0


def test_goals_bound_values_controls_and_gains() -> None:
    """Each bound alone decides; a control that was not measured satisfies no bound on it."""
    assert Goal(at_most=8, control_at_least=25).met(8, 25)
    assert not Goal(at_most=8, control_at_least=25).met(8, 24)
    assert not Goal(at_most=8).met(8.1, None)
    assert not Goal(at_least=0.7).met(0.69, None)
    assert Goal(gain=4).met(16, 12)
    assert not Goal(gain=4).met(16, 12.1)
    assert not Goal(gain=4).met(16, None)
    assert not Goal(control_at_most=0.1).met(1, 0.11)


def test_the_report_says_what_was_missed() -> None:
    """Met, missed and merely reported figures read differently, in the table and in JSON."""
    figures = [
        Figure("a", "share", 0.5, "%", 200, 0.1, "chance", 0.9, Goal(at_least=0.4)),
        Figure("b", "share", 0.5, "%", 200, goal=Goal(at_least=0.6)),
        Figure("c", "reported", 3.14159, "dB", 50),
    ]
    rows = table(figures).splitlines()[2:]
    assert rows[0] == "| a | share | 50% | 10% (chance) | 90% | ≥ 40% | yes | 200 |"
    assert "**no**" in rows[1]
    assert "| 3.14 dB | – | – | reported | – |" in rows[2]
    assert document(figures, {}).count('"met": false') == 1


def test_every_product_has_one_family() -> None:
    """What nano knows and what was held out are all told apart, in 20 to 30 families of several members."""
    names = {
        name for file in ("vocabulary.txt", "held_out.txt") for name in (SHIPPED / file).read_text("utf-8").split("\n")
    } - {""}
    names -= {other for said in phrases.PACKAGE.values() for other in said} - set(phrases.PACKAGE)
    known = families()
    assert len(names) > 700
    missing = {name for name in names if name not in known and f"package {name}" not in known}
    assert not missing
    kinds = list(known.values())
    assert 20 <= len(set(kinds)) <= 30
    assert min(kinds.count(kind) for kind in set(kinds)) >= 8


def test_the_cases_are_two_hundred_of_every_kind_and_small(tmp_path: Path) -> None:
    """They read back as they were written, take little room, and no reference case gives its product away."""
    cases = read_cases(SHIPPED, tmp_path)
    assert {kind: len(cases[kind]) for kind in CASE_KINDS} == dict.fromkeys(CASE_KINDS, 200)
    assert sum(path.stat().st_size for path in SHIPPED.glob("evaluation*.[jw]*")) < 1_000_000
    assert (SHIPPED / "evaluation_probe.safetensors").stat().st_size < 1_000_000
    for kind in ("reference", "index 2", "index 4"):
        for case in cases[kind]:  # type: ignore[index]
            assert f" {case.scene.objects[0].identity.name} " not in case.prompt
            assert case.references[case.wanted[0]] == case.scene.objects[0].identity
    for kind in ("found 2", "found 4"):
        for case in cases[kind]:  # type: ignore[index]
            shown = [case.references[index] for index in case.wanted]
            assert shown == [placed.identity for placed in case.scene.objects]
    for kind in ("reference", "named", "edit"):
        names = [case.scene.objects[0].identity.name for case in cases[kind]]  # type: ignore[index]
        assert all(own != other for own, other in zip(names, shifted(names), strict=True))
    assert len({case.prompt for row in cases.values() for case in row}) > 1500


def test_writing_cases_is_deterministic(cases: Cases, tmp_path: Path) -> None:
    """Equal cases give equal bytes, another order does not."""
    rows = [case for row in cases.values() for case in row]
    written = []
    for order in (rows, rows, rows[::-1]):
        write_cases(order, tmp_path)
        written.append((tmp_path / FILE).read_bytes())
    assert written[0] == written[1] != written[2]


def test_products_of_cases_are_painted_plain(cases: Cases) -> None:
    """No painter's variation touches them: each is its own cut-out, scaled; other seeds vary it."""
    differences = []
    for case in cases["reference"]:
        identity = case.references[0]
        assert identity.cut_out is not None
        with Image.open(identity.cut_out) as opened:
            own = opened.convert("RGBA")
        own = own.crop(own.getchannel("A").point(lambda value: 255 if value > 12 else 0).getbbox())
        painted = paint_identity(identity, 96).resize(own.size)
        assert _distance(painted, own) < 6
        varied = [paint_identity(Identity("x", seed, identity.cut_out), 96).resize(own.size) for seed in range(6)]
        differences.append(max(_distance(picture, own) for picture in varied))
    assert np.median(differences) > 12


def _distance(first: Image.Image, second: Image.Image) -> float:
    pictures = [np.asarray(picture.convert("RGBa"), float) for picture in (first, second)]
    return float(np.abs(pictures[0] - pictures[1]).mean())


def test_a_window_shows_its_object_and_stays_inside() -> None:
    """A marked box fills its window at zoom 1, and a window at the edge holds no other pixels."""
    picture = np.zeros((100, 100, 3), np.uint8)
    picture[60:80, 10:30] = 255
    assert window(picture, (0.1, 0.6, 0.3, 0.8), 1.0)[8:-8, 8:-8].min() > 250
    assert abs(window(picture, (0.1, 0.6, 0.3, 0.8), 2.0).mean() - 255 / 4) < 8
    assert window(picture, (0.8, 0.8, 1.2, 1.2), 1.5).max() == 0


def test_a_probe_survives_its_file(tmp_path: Path) -> None:
    """What was saved answers as before (within bf16), and other weights answer otherwise."""
    torch.manual_seed(0)
    probe = Probe(ProbeNet(4), NAMES)
    probe.save(tmp_path / "probe.safetensors", about="untrained")
    pictures = list(np.random.default_rng(0).integers(0, 256, (5, 64, 64, 3), dtype=np.uint8))
    boxes = [(0.2, 0.2, 0.8, 0.8)] * 5
    loaded = Probe.load(tmp_path / "probe.safetensors")
    assert loaded.names == NAMES
    assert np.abs(loaded.judge(pictures, boxes) - probe.judge(pictures, boxes)).max() < 0.01
    assert np.allclose(loaded.judge(pictures, boxes).sum(1), 1)
    other = Probe(ProbeNet(4), NAMES)
    assert np.abs(other.judge(pictures, boxes) - probe.judge(pictures, boxes)).max() > 0.01


def test_families_add_up_their_members() -> None:
    """Two birds of 30 % each outweigh a dish of 40 %."""
    probe = Probe(ProbeNet(4), NAMES)
    probe.judge = lambda pictures, boxes: np.array([[0.3, 0.3, 0.4, 0.0]])  # type: ignore[method-assign]
    assert probe.family([], []) == ["bird"]
    assert probe.name([], []) == ["taco"]


def test_the_probe_learns_and_resumes_exactly(tmp_path: Path) -> None:
    """Four easy objects are learned in sixty steps; a stopped run ends with the same weights."""
    rng = np.random.default_rng(0)
    colours = rng.integers(60, 200, (4, 1, 1, 3))
    rough = rng.integers(-30, 30, (3, 4, probe_training.STORED, probe_training.STORED, 3))
    shards = list((colours + rough).astype(np.uint8))

    def run(out: Path, stops: list[int | None]) -> tuple[list[float], ProbeNet]:
        torch.manual_seed(0)
        net, history = ProbeNet(4), []
        for stop in stops:
            history += probe_training.train(net, NAMES, shards[:2], out, 40, stop)
        return history, net

    straight, net = run(tmp_path / "a.pt", [None])
    halves, resumed = run(tmp_path / "b.pt", [15, None])
    assert straight == halves
    assert all(torch.equal(a, b) for a, b in zip(net.state_dict().values(), resumed.state_dict().values(), strict=True))
    before, _ = probe_training.accuracy(Probe(ProbeNet(4), NAMES), shards[2:])
    after, _ = probe_training.accuracy(Probe(net, NAMES), shards[2:])
    assert straight[-1] < 0.5 * straight[0]
    assert after == 1.0 > before
