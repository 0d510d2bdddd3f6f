"""From painted scenes to batches: sizes, shards on disk, and references that stand where the words say."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from flux2engine import latents
from flux2engine.autoencoder import TinyAutoencoder
from flux2engine.training import batches, recipe
from flux2engine.training.batches import LatentSource, Words
from flux2engine.training.buckets import ASPECTS, STAGES, Stage, round_of_sizes, size_for
from flux2engine.training.cache import encode_shard, paint_before, paint_shard, painters
from flux2engine.training.data import draw_scene
from flux2engine.training.shards import Shard, read_shard, shard_path, write_shard

EDITED = Stage(((64, 64), (128, 64)), 10, (64,), 1.0, 0.5, 64 * 64)
SPELLED = Words(lambda text: list(text.encode()), 0)


@pytest.fixture(scope="module")
def shards() -> list[Shard]:
    torch.manual_seed(0)
    teacher = TinyAutoencoder().eval().requires_grad_(False)
    return [encode_shard(teacher, paint_shard([], EDITED, index, seed=6)) for index in range(4)]


@pytest.fixture(scope="module")
def folder(shards: list[Shard], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("shards")
    for index, shard in enumerate(shards):
        write_shard(shard_path(out, "small", index), shard)
    return out


@pytest.mark.parametrize("tokens", [64, 256, 1024])
def test_a_round_holds_every_aspect_at_one_size(tokens: int) -> None:
    """Sides are whole tokens, the area is near the asked one, the aspect nearer; squares are spread over it."""
    sizes = round_of_sizes(tokens)
    assert len(sizes) == sum(count for _, count in ASPECTS)
    assert all(width % 16 == height % 16 == 0 for width, height in sizes)
    assert all(0.8 < width * height / 256 / tokens < 1.2 for width, height in sizes)
    for aspect, _ in ASPECTS:
        width, height = size_for(aspect, tokens)
        assert width / height == pytest.approx(aspect, rel=0.1)
        assert (width, height) in sizes
    squares = [index for index, (width, height) in enumerate(sizes) if width == height]
    assert max(np.diff([*squares, squares[0] + len(sizes)])) <= 6


def test_a_shard_reads_back_as_it_was(shards: list[Shard], tmp_path: Path) -> None:
    """In 16 bits exactly; in 8 bits within two per cent of the latents' own size, at half the bytes."""
    shard = shards[1]
    for bits, name in ((False, "exact"), (True, "small")):
        write_shard(tmp_path / f"{name}.npz", replace(shard, pixels=None), bits)
    exact, small = (read_shard(tmp_path / f"{name}.npz") for name in ("exact", "small"))
    assert exact.scenes == shard.scenes
    assert exact.edits == shard.edits
    assert any(edit is not None for edit in shard.edits)
    assert np.array_equal(exact.latents, shard.latents)
    roles = [[reference.role for reference in row] for row in shard.references]
    assert [[reference.role for reference in row] for row in exact.references] == roles
    for stored, made in zip(exact.references, shard.references, strict=True):
        assert all(np.array_equal(a.latents, b.latents) for a, b in zip(stored, made, strict=True))
    error = np.sqrt(np.mean((small.latents.astype(np.float32) - shard.latents) ** 2))
    assert 0 < error < 0.02 * np.sqrt(np.mean(shard.latents.astype(np.float32) ** 2))
    assert (tmp_path / "small.npz").stat().st_size < 0.75 * (tmp_path / "exact.npz").stat().st_size


def test_shards_of_the_first_version_are_read(shards: list[Shard], tmp_path: Path) -> None:
    """A shard without roles, shapes and edits gives scenes with their products' references."""
    scenes = [replace(s, extra=None, props=()) for s, e in zip(shards[0].scenes, shards[0].edits, strict=True) if not e]
    count, side = len(scenes), 8
    values = np.random.default_rng(0).normal(size=(count, 32, side, side)).astype(np.float16)
    known = {"seed", "aspect", "set", "backdrop", "second", "stand", "stand_colour", "light", "mood", "empty", "camera"}
    known |= {"spheres", "horizon", "ground", "centre", "gradient", "main", "extra"}
    records = [{key: value for key, value in scene.record().items() if key in known} for scene in scenes]
    np.savez(
        tmp_path / "00000.npz",
        latents=shards[0].latents[:count],
        weight=shards[0].weight[:count],
        reference_counts=np.ones(count, np.int64),
        reference_sides=np.full(count, side),
        reference_values=values.ravel(),
        scenes=np.array(json.dumps(records, default=str)),
    )
    shard = read_shard(tmp_path / "00000.npz")
    assert [scene.backdrop for scene in shard.scenes] == [scene.backdrop for scene in scenes]
    assert [[reference.role for reference in row] for row in shard.references] == [["main"]] * count
    assert all(np.array_equal(row[0].latents, value) for row, value in zip(shard.references, values, strict=True))
    assert shard.edits == [None] * count


def test_painters_paint_what_one_would(shards: list[Shard]) -> None:
    """Two processes give the same shards in the same order; another seed gives others."""
    with painters(2, [], EDITED, 6, range(3)) as painted:
        for index, items in painted:
            assert all(np.array_equal(item.pixels, own) for item, own in zip(items, shards[index].pixels, strict=True))  # type: ignore[arg-type]
    other = paint_shard([], EDITED, 0, seed=7)
    assert not np.array_equal(other[0].pixels, shards[0].pixels[0])  # type: ignore[index]


def test_the_picture_before_keeps_its_form() -> None:
    """It is shown whole up to its area, smaller above it, and narrower where the canvas is to be widened."""
    scene = draw_scene(random.Random(1), 2.0, [], False)
    assert paint_before(scene, (256, 128), 2.0, 256 * 256).shape == (128, 256, 3)
    assert paint_before(scene, (512, 256), 2.0, 128 * 128).shape == (80, 176, 3)
    narrow = draw_scene(random.Random(1), 1.0, [], False)
    assert paint_before(narrow, (256, 128), 2.0, 256 * 256).shape == (128, 128, 3)


def test_packed_latents_are_normalised(folder: Path) -> None:
    """With its own statistics the cache has mean 0 and variance 1; raw latents do not."""
    source = LatentSource(folder, "small", SPELLED, seed=1)
    tokens = torch.cat([source.packed(table).flatten(0, 1) for table in source.latents.values()])
    assert tokens.mean(0).abs().max() < 1e-3
    assert (tokens.var(0) - 1).abs().max() < 0.15
    assert torch.cat([table.flatten() for table in source.latents.values()]).float().var() < 0.5


def test_words_point_at_the_picture_that_is_shown(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the order, the number said for the product is the place of its own latents; up to ten pictures stand."""
    source = LatentSource(folder, "small", SPELLED, seed=1)
    monkeypatch.setattr(batches, "REFERENCE_DROPOUT", 0.0)
    monkeypatch.setattr(batches, "CAPTION_DROPOUT", 0.0)
    monkeypatch.setattr(batches, "EDIT_SHARE", 0.0)
    monkeypatch.setattr(batches, "SAME_SHARE", 0.0)
    monkeypatch.setattr(batches, "WINDOW_SHARE", 0.0)
    counts, places = set(), set()
    for step in range(300):
        plan = source.plan(step, 4, references=1.0)
        counts.add(len(plan.references))
        for item, row in enumerate(plan.rows):
            sample = source.samples[plan.shape][row]
            own = [shown.row for shown in sample.references if shown.role == "main"]
            said = re.search(
                r"(?:product|object) (?:from|of|shown in) image (\d+)", bytes(plan.token_ids[item]).decode()
            )
            if said and own and sample.scene.extra is None and not sample.scene.props:
                place = int(said[1])
                shown = plan.references[place - 1][1][item]
                views = [shown.row for shown in sample.references if shown.role == "view"]
                assert shown in own + views
                places.add(place)
    assert {1, 2, 3, 4, 10} <= counts <= set(batches.COUNTS)
    assert len(places) >= 4


def test_an_edit_shows_the_picture_before_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first reference of an edit is its picture before; batches without references show none."""
    source = LatentSource(folder, "small", SPELLED, seed=1)
    monkeypatch.setattr(batches, "REFERENCE_DROPOUT", 0.0)
    monkeypatch.setattr(batches, "EDIT_SHARE", 1.0)
    monkeypatch.setattr(batches, "SAME_SHARE", 0.0)
    monkeypatch.setattr(batches, "WINDOW_SHARE", 0.0)
    for step in range(20):
        plan = source.plan(step, 3, references=1.0)
        for item, row in enumerate(plan.rows):
            sample = source.samples[plan.shape][row]
            assert sample.edit is not None
            assert plan.references[0][1][item] == sample.references[0].row
            assert sample.references[0].role == "before"
        assert source.plan(step, 3, references=0.0).references == []


def test_a_share_is_unsaid_and_unshown(folder: Path) -> None:
    """About a tenth of the captions are empty, and about a tenth of the batches with references show none."""
    source = LatentSource(folder, "small", SPELLED, seed=1)
    plans = [source.plan(step, 8, references=1.0) for step in range(250)]
    unsaid = [length == 0 for plan in plans for length in plan.lengths]
    assert 0.07 < np.mean(unsaid) < 0.13
    assert 0.04 < np.mean([not (plan.references or plan.same or plan.windows) for plan in plans]) < 0.17
    assert 0.03 < np.mean([plan.same for plan in plans]) < 0.2
    windows = {len(ids) for plan in plans for ids in plan.token_ids}
    assert windows == {48, 64, 96}


def test_a_batch_is_its_plan(folder: Path, tokenizer: Tokenizer) -> None:
    """Tokens, positions and references are those of the planned rows; another step gives another batch."""
    source = LatentSource(folder, "small", SPELLED, seed=1)
    plan = next(p for step in range(200) if len((p := source.plan(step, 3, 1.0)).references) == 2)
    batch = source.gather(plan)
    raw = source.latents[plan.shape][plan.rows]
    assert torch.equal(batch.tokens, source.packed(raw))
    assert batch.reference_tokens is not None
    assert batch.reference_ids is not None
    side, rows = plan.references[1]
    second = source.packed(source.pictures[side][rows])
    assert torch.equal(batch.reference_tokens[:, -second.shape[1] :], second)
    assert batch.reference_ids[0, 0, 0] == latents.REFERENCE_TIME_START
    assert batch.reference_ids[0, -1, 0] == latents.REFERENCE_TIME_START + latents.REFERENCE_TIME_STEP
    assert source.plan(3, 3, 1.0) == LatentSource(folder, "small", SPELLED, seed=1).plan(3, 3, 1.0)
    assert source.plan(3, 3, 1.0) != source.plan(4, 3, 1.0)


def test_a_picture_asked_for_again_is_its_own_reference(folder: Path) -> None:
    """Its only reference is its own latents at the first reference's positions; words ask for no change."""
    source = LatentSource(folder, "small", SPELLED, seed=1)
    plan = next(p for step in range(200) if (p := source.plan(step, 3, 1.0)).same)
    batch = source.gather(plan)
    assert batch.reference_tokens is not None
    assert batch.reference_ids is not None
    assert torch.equal(batch.reference_tokens, batch.tokens)
    assert torch.equal(batch.reference_ids[..., 1:], batch.ids[..., 1:])
    assert bool((batch.reference_ids[..., 0] == latents.REFERENCE_TIME_START).all())
    said = [bytes(ids[:length]).decode() for ids, length in zip(plan.token_ids, plan.lengths, strict=True) if length]
    assert all("image 1" in text.lower() for text in said)


def test_a_window_on_the_product_is_its_reference(folder: Path) -> None:
    """It is a part of the picture's own latents, holds the product's middle, and the words point at it."""
    source = LatentSource(folder, "small", SPELLED, seed=1)
    plan = next(p for step in range(300) if (p := source.plan(step, 3, 1.0)).windows)
    batch = source.gather(plan)
    height, width = (side // latents.PATCH for side in plan.shape)
    grid = batch.tokens.unflatten(1, (height, width))
    assert batch.reference_tokens is not None
    for item, (top, left) in enumerate(plan.windows):
        part = grid[item, top : top + batches.WINDOW, left : left + batches.WINDOW].flatten(0, 1)
        assert torch.equal(batch.reference_tokens[item], part)
        main = source.samples[plan.shape][plan.rows[item]].scene.main
        assert main is not None
        middle = (main.box[1] + main.box[3]) / 2 * height, (main.box[0] + main.box[2]) / 2 * width
        assert top <= middle[0] <= top + batches.WINDOW
        assert left <= middle[1] <= left + batches.WINDOW
    assert batch.reference_ids is not None
    assert batch.reference_ids.shape == (3, batches.WINDOW**2, 4)


def test_stages_show_what_the_engine_would() -> None:
    """No size is above what may be painted, and large references come one at a time."""
    for stage in STAGES.values():
        assert all(max(size) <= 4 * min(size) + 16 for size in stage.sizes)
        assert stage.before_area <= 256 * 256
    assert all(side // 8 < batches.PRODUCTS_BELOW for stage in STAGES.values() for side in stage.reference_sides)


def test_the_recipe_knows_its_stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each GPU part asks for stages in their order and leaves time for the last; what came with the sources is used."""
    asked: list[list[str]] = []

    class Recorded(recipe.Plan):
        def run(self, module: str, *arguments: object, goals: bool = False) -> str:
            asked.append([module, *map(str, arguments)])
            return "100.0 samples a second"

        def _start(self, module: str, arguments: Sequence[object], output: int | None = None) -> None:  # type: ignore[override]
            asked.append([module, *map(str, arguments)])

        def finish(self, process: object, goals: bool = False) -> None:
            assert process is None

    (tmp_path / "sources").mkdir()
    for name in ("tokenizer.json", "text.pt"):
        (tmp_path / "sources" / name).write_bytes(b"")
    plan = Recorded(tmp_path / "sources", tmp_path / "work", recipe.GPU)
    for part in (1, 2, 3):
        recipe.on_gpu(plan, part, 560, tmp_path / "out")
    trained = [call for call in asked if "--seconds" in call and call[0] != "cache"]
    outs = [Path(call[call.index("--out") + 1]).name for call in trained]
    assert outs == ["flow-small", "flow-middle", "flow-large", "guidance", "step"]
    assert all(20 < float(call[call.index("--seconds") + 1]) < 560 for call in trained)
    assert "text_pretraining" not in {call[0] for call in asked}
    assert json.loads((tmp_path / "work" / "rates.json").read_text(encoding="utf-8"))["small"] == 100.0
