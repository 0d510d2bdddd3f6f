"""A campaign is painted phase by phase: everything is encoded and moved once, and no picture depends on the others."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from flux2engine import phases
from flux2engine.autoencoder import Autoencoder
from flux2engine.errors import (
    DeviceError,
    EngineError,
    PromptLengthError,
    ReferencePictureError,
    RequestError,
    SizeError,
    WeightsError,
)
from flux2engine.key_values import KeyValueStore
from flux2engine.library import InstalledModel
from flux2engine.memory import Placement, Residency, choose_placement
from flux2engine.model_folder import FolderParts
from flux2engine.phases import Caches, Job, JobDone, JobFailed, JobStep, Phase, open_caches, paint
from flux2engine.pipeline import Flux2Pipeline
from flux2engine.stages import InstalledParts, PartSource, Stages
from flux2engine.tensor_cache import TensorCache
from flux2engine.text_encoder import TextEmbeddings, TextEncoder
from flux2engine.transformer import Flux2Transformer
from tests.engine.installed_models import install

CPU = choose_placement("cpu")
RESIDENCIES: tuple[Residency, ...] = ("resident", "staged")


def noise_picture(seed: int, width: int = 96, height: int = 80) -> Image.Image:
    """Return a picture of random pixels."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


A, B, C = (noise_picture(seed) for seed in range(3))
JOBS = (
    Job("a red bottle", 96, 64, 1),
    Job("a red bottle", 96, 64, 2, (A,)),
    Job("a can", 64, 96, 2, (A, B)),
    Job("a can", 64, 64, 3, (B, A)),
    Job("a can", 96, 64, 3, (B,), base=A, guidance=2.0, negative_prompt="text"),
    Job("a podium", 96, 64, 4, (A, B), steps=1, guidance=2.0),
)


@dataclass
class Watched:
    """A source of parts that notes every load and everything that is asked of the parts it gave."""

    inner: PartSource
    notes: Counter[str] = field(default_factory=Counter)

    @property
    def variant(self) -> Any:
        return self.inner.variant

    def digests(self) -> Any:
        return self.inner.digests()

    def sizes(self, placement: Placement) -> Any:
        return self.inner.sizes(placement)

    def load_text_encoder(self, placement: Placement) -> tuple[TextEncoder, int]:
        self.notes["load text encoder"] += 1
        encoder, moved = self.inner.load_text_encoder(placement)
        return WatchedTextEncoder(encoder, self.notes), moved

    def load_transformer(self, placement: Placement) -> tuple[Flux2Transformer, int]:
        self.notes["load transformer"] += 1
        transformer, moved = self.inner.load_transformer(placement)
        made = transformer.reference_key_values

        def counted(*arguments: Any) -> Any:
            self.notes["key values"] += 1
            return made(*arguments)

        transformer.reference_key_values = counted  # type: ignore[method-assign]
        return transformer, moved

    def load_autoencoder(self, placement: Placement) -> tuple[Autoencoder, int]:
        self.notes["load autoencoder"] += 1
        autoencoder, moved = self.inner.load_autoencoder(placement)
        encode = autoencoder.encode

        def counted(pixels: torch.Tensor) -> torch.Tensor:
            self.notes["encode picture"] += 1
            return encode(pixels)

        autoencoder.encode = counted  # type: ignore[method-assign]
        return autoencoder, moved

    @property
    def loads(self) -> int:
        """All loads of parts."""
        return sum(count for note, count in self.notes.items() if note.startswith("load"))


@dataclass
class WatchedTextEncoder:
    """A text encoder that notes every prompt."""

    inner: TextEncoder
    notes: Counter[str]

    def encode(self, prompts: Sequence[str]) -> TextEmbeddings:
        assert len(prompts) == 1  # in a batch, a prompt's last bits could hang on its neighbours
        self.notes[f"encode {prompts[0]!r}"] += 1
        return self.inner.encode(prompts)


def memory() -> Caches:
    """Return empty caches in memory."""
    return Caches(TensorCache(None, 1 << 28), KeyValueStore(1 << 28))


def pictures(events: Iterable[phases.Progress]) -> dict[int, bytes]:
    """Take the finished pictures out of the events; no job may have failed."""
    seen = list(events)
    assert not [event for event in seen if isinstance(event, JobFailed)]
    return {event.job: event.pixels.tobytes() for event in seen if isinstance(event, JobDone)}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, InstalledModel]:
    """Return small siblings of three kinds: distilled, with classifier-free guidance, with kept references."""
    folder = tmp_path_factory.mktemp("installed")
    return {name: install(folder / name, name) for name in ("klein-4b", "klein-base-4b", "klein-9b-kv")}


@pytest.fixture
def nano(model_folder: Path) -> Watched:
    """Return the small model of nano's form, watched."""
    return Watched(FolderParts(model_folder))


# --- no picture depends on the others ----------------------------------------------------------------------------


@pytest.mark.parametrize("residency", RESIDENCIES)
def test_a_picture_is_what_the_pipeline_paints_alone(
    nano: Watched, pipeline: Flux2Pipeline, residency: Residency
) -> None:
    """Bit for bit, for references, edits, guidance and negative prompts."""
    made = pictures(paint(Stages(nano, CPU, residency), JOBS, memory()))
    assert sorted(made) == list(range(len(JOBS)))
    for index, job in enumerate(JOBS):
        alone = pipeline.generate(
            [job.prompt],
            job.width,
            job.height,
            [job.seed],
            [list(job.pictures)],  # type: ignore[arg-type]
            steps=job.steps,
            guidance=job.guidance,
            negative_prompts=[job.negative_prompt],
        )[0]
        assert alone.tobytes() == made[index], index
    assert len(set(made.values())) == len(JOBS)


def test_neither_order_nor_company_nor_residency_changes_a_bit(nano: Watched) -> None:
    """Shuffled, in parts, staged or resident; the control: another seed differs."""
    whole = pictures(paint(Stages(nano, CPU, "resident"), JOBS, memory()))
    order = list(range(len(JOBS)))
    random.Random(20261123).shuffle(order)
    assert order != sorted(order)
    shuffled = pictures(paint(Stages(nano, CPU, "staged"), [JOBS[index] for index in order], memory()))
    assert {order[place]: made for place, made in shuffled.items()} == whole
    for index, job in enumerate(JOBS):
        assert pictures(paint(Stages(nano, CPU, "staged"), [job], memory())) == {0: whole[index]}
    other = pictures(paint(Stages(nano, CPU, "resident"), [replace(JOBS[0], seed=9)], memory()))
    assert other[0] != whole[0]


@pytest.mark.parametrize("variant", ["klein-base-4b", "klein-9b-kv"])
def test_installed_models_paint_the_same_staged_and_resident(
    installed: dict[str, InstalledModel], variant: str
) -> None:
    """And what the pipeline paints with the same parts, one picture at a time."""
    model = installed[variant]
    steps = None if model.variant.fixed_sampling else 2
    jobs = [Job("a can", 64, 64, 2, (A,), steps=steps), Job("a can", 64, 96, 3, (A, B), steps=steps)]
    stages = Stages(InstalledParts(model), CPU, "resident")
    resident = pictures(paint(stages, jobs, memory()))
    assert pictures(paint(Stages(InstalledParts(model), CPU, "staged"), jobs, memory())) == resident
    alone = Flux2Pipeline(
        stages.transformer(), stages.autoencoder(), stages.text_encoder(), model.variant, model.digest
    )
    for index, job in enumerate(jobs):
        references: list[list[Image.Image]] = [list(job.pictures)]  # type: ignore[arg-type]
        made = alone.generate([job.prompt], job.width, job.height, [job.seed], references, steps=steps)[0]
        assert made.tobytes() == resident[index]


# --- everything once ---------------------------------------------------------------------------------------------


def campaign(plates: int) -> list[Job]:
    """Return so many plates with prompts of their own, two sizes, and two sets of the same three pictures."""
    sets: tuple[tuple[Image.Image, ...], ...] = ((A, B), (A, B, C))
    return [Job(f"bottle {n}", 64, 64 + 16 * (n % 2), n, sets[n % 2], steps=1, guidance=1.0) for n in range(plates)]


@pytest.mark.parametrize(("residency", "few", "many"), [("staged", 10, 100), ("resident", 5, 20)])
def test_bytes_moved_do_not_grow_with_the_number_of_plates(
    model_folder: Path, residency: Residency, few: int, many: int
) -> None:
    """10 and 100 plates move the same bytes, and nothing is loaded or encoded twice.

    The control: a runner that paints plate by plate, each with a text encoder, a transformer and an autoencoder of its
    own as offloading does, moves N times as many for N plates.
    """
    moved = {}
    for plates in (few, many):
        source = Watched(FolderParts(model_folder))
        stages = Stages(source, CPU, residency)
        assert len(pictures(paint(stages, campaign(plates), memory()))) == plates
        moved[plates] = dict(stages.moved)
        assert set(stages.loads.values()) == {1}
        assert source.loads == 3
        assert source.notes["encode picture"] == 3
        assert [source.notes[f"encode 'bottle {n}'"] for n in range(plates)] == [1] * plates
    assert moved[few] == moved[many]
    assert min(moved[few].values()) > 0

    one_by_one = Counter[str]()
    for job in campaign(few):
        stages = Stages(FolderParts(model_folder), CPU, residency)
        list(paint(stages, [job], memory()))
        one_by_one.update(stages.moved)  # type: ignore[arg-type]
    assert dict(one_by_one) == {part: few * count for part, count in moved[many].items()}


def test_an_installed_model_moves_the_same_bytes_for_any_number_of_plates(
    installed: dict[str, InstalledModel],
) -> None:
    """Through the loader of imported files, which counts them itself; staged."""
    moved = []
    for plates in (2, 4):
        source = Watched(InstalledParts(installed["klein-4b"]))
        stages = Stages(source, CPU, "staged")
        jobs = [replace(job, steps=None, guidance=None) for job in campaign(plates)]
        assert len(pictures(paint(stages, jobs, memory()))) == plates
        assert source.loads == 3
        moved.append(dict(stages.moved))
    assert moved[0] == moved[1]


def test_distinct_prompts_of_every_kind_are_encoded_once(nano: Watched) -> None:
    """Positive, negative and empty ones, whichever way they are used."""
    jobs = [
        Job("text", 64, 64, 1, steps=1, guidance=2.0),
        Job("a can", 64, 64, 2, steps=1, guidance=2.0, negative_prompt="text"),
        Job("a can", 64, 64, 3, steps=1, guidance=2.0),
    ]
    pictures(paint(Stages(nano, CPU), jobs, memory()))
    encoded = {note: count for note, count in nano.notes.items() if note.startswith("encode '")}
    assert encoded == {"encode 'text'": 1, "encode ''": 1, "encode 'a can'": 1}


@pytest.mark.parametrize("limit", [1 << 28, 0])
def test_keys_and_values_of_a_set_are_made_once_for_a_campaign(
    installed: dict[str, InstalledModel], limit: int
) -> None:
    """Per ordered set, for any number of plates, sizes and prompts, even where the store can hold none of it.

    With a store that holds them, the next call makes none.
    """
    source = Watched(InstalledParts(installed["klein-9b-kv"]))
    sets = ((A, B), (B, A), (A,))
    jobs = [Job(f"{n % 2}", 64, 64 + 16 * (n % 2), n, sets[n % 3]) for n in range(6)]
    caches = Caches(TensorCache(None, 1 << 28), KeyValueStore(limit))
    first = pictures(paint(Stages(source, CPU), jobs, caches))
    assert source.notes["key values"] == 3
    assert pictures(paint(Stages(source, CPU), jobs, caches)) == first
    assert source.notes["key values"] == (3 if limit else 6)


def test_a_picture_is_opened_once(nano: Watched) -> None:
    """By whoever it is asked for; prepared alone and among others it is another picture, and opened for each."""
    opened = Counter[str]()

    def opener(name: str, picture: Image.Image) -> Image.Image:
        opened[name] += 1
        return picture

    a, b = partial(opener, "a", A), partial(opener, "b", B)
    jobs = [Job("x", 64, 64, n, (a, b), steps=1) for n in range(3)]
    pictures(paint(Stages(nano, CPU), jobs, memory()))
    assert opened == {"a": 1, "b": 1}
    pictures(paint(Stages(nano, CPU), [*jobs, Job("x", 64, 64, 9, (a,), steps=1)], memory()))
    assert opened == {"a": 3, "b": 2}


# --- the order of things -----------------------------------------------------------------------------------------


def kinds(events: Iterable[phases.Progress]) -> str:
    """Write events as letters: l(oad) e(ncode) d(ecode) phases, s(tep), P(icture), F(ailure)."""
    letters = {JobStep: "s", JobDone: "P", JobFailed: "F"}
    return "".join(event.name[0] if isinstance(event, Phase) else letters[type(event)] for event in events)


def test_resident_the_first_picture_comes_early_and_staged_all_decodes_come_last(nano: Watched) -> None:
    """Prompts, references and plates come in this order in both."""
    jobs = [Job("a", 64, 64, 1, steps=1, guidance=1.0), Job("b", 64, 64, 2, (A,), steps=1, guidance=1.0)]
    assert kinds(paint(Stages(nano, CPU, "resident"), jobs, memory())) == "leelelssPssP"
    assert kinds(paint(Stages(nano, CPU, "staged"), jobs, memory())) == "leelelssssdPdP"


def test_plates_come_by_reference_set_then_by_shape(nano: Watched) -> None:
    """So that keys and values of one set are held at a time; jobs alike keep their order."""
    jobs = [
        Job("x", width, 64, seed, references, steps=1, guidance=1.0)
        for seed in range(2)
        for width in (96, 64)
        for references in ((A, B), (), (A,))
    ]
    events = paint(Stages(nano, CPU), jobs, memory())
    begun = [event.job for event in events if isinstance(event, JobStep) and event.step == 0]
    groups = [(jobs[index].references, jobs[index].width) for index in begun]
    assert [groups[place] for place in range(0, 12, 2)] == [groups[place] for place in range(1, 12, 2)]
    sets = [tuple(map(id, references)) for references, _ in groups]
    assert [one for place, one in enumerate(sets) if not place or sets[place - 1] != one] == list(dict.fromkeys(sets))
    assert [width for _, width in groups[:4]] == [64, 64, 96, 96]
    assert all(begun[place] < begun[place + 1] for place in range(0, 12, 2))


# --- what outlives a call ----------------------------------------------------------------------------------------


def test_cached_prompts_and_pictures_wake_no_encoder(nano: Watched, tmp_path: Path) -> None:
    """In another process, which has the same cache folder, too; the control: another weights digest encodes again."""
    first = pictures(paint(Stages(nano, CPU), JOBS, open_caches(tmp_path)))
    again = Watched(nano.inner)
    stages = Stages(again, CPU)
    assert pictures(paint(stages, JOBS, open_caches(tmp_path))) == first
    assert stages.loads["text_encoder"] == 0
    assert again.notes["encode picture"] == 0
    other = Watched(FolderParts(nano.inner._folder, digest="0" * 64))  # type: ignore[attr-defined]
    pictures(paint(Stages(other, CPU), JOBS, open_caches(tmp_path)))
    assert other.notes["load text encoder"] == 1
    assert other.notes["encode picture"] > 0


def test_another_dtype_or_thread_count_has_entries_of_its_own(nano: Watched, tmp_path: Path) -> None:
    """Its last bits differ."""
    job = replace(JOBS[0], steps=1)
    caches = open_caches(tmp_path)
    pictures(paint(Stages(nano, CPU), [job], caches))
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    try:
        pictures(paint(Stages(nano, CPU), [job], caches))
    finally:
        torch.set_num_threads(threads)
    pictures(paint(Stages(nano, Placement(CPU.device, torch.bfloat16)), [job], caches))
    assert nano.notes["load text encoder"] == 3


def test_a_killed_staged_run_goes_on_from_what_was_sampled(nano: Watched, tmp_path: Path) -> None:
    """Plates that were sampled are only decoded, with the same bytes; once all are, the transformer is not loaded.

    The control: without the cache everything is sampled again.
    """
    whole = pictures(paint(Stages(nano, CPU, "staged"), JOBS, memory()))
    running = paint(Stages(nano, CPU, "staged"), JOBS, open_caches(tmp_path))
    sampled: list[int] = []
    for event in running:
        if isinstance(event, JobStep) and event.step == 0:
            if len(sampled) == 3:
                break
            sampled.append(event.job)
    running.close()  # type: ignore[attr-defined]

    def steps(events: list[phases.Progress]) -> set[int]:
        return {event.job for event in events if isinstance(event, JobStep)}

    events = list(paint(Stages(nano, CPU, "staged"), JOBS, open_caches(tmp_path)))
    assert pictures(events) == whole
    assert steps(events) == set(range(len(JOBS))) - set(sampled)
    stages = Stages(nano, CPU, "staged")
    assert pictures(paint(stages, JOBS, open_caches(tmp_path))) == whole
    assert dict(stages.loads) == {"text_encoder": 0, "transformer": 0, "autoencoder": 1}
    assert steps(list(paint(Stages(nano, CPU, "staged"), JOBS, memory()))) == set(range(len(JOBS)))


def test_damaged_entries_are_made_again(nano: Watched, tmp_path: Path) -> None:
    """A flipped bit anywhere in the cache changes no picture."""
    whole = pictures(paint(Stages(nano, CPU, "staged"), JOBS, open_caches(tmp_path)))
    entries = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    assert len(entries) > 10
    for path in entries:
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)
    assert pictures(paint(Stages(nano, CPU, "staged"), JOBS, open_caches(tmp_path))) == whole


# --- what cannot be painted --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"width": 100}, SizeError),
        ({"width": 2048, "height": 1024}, SizeError),
        ({"steps": 0}, RequestError),
        ({"guidance": 0.5}, RequestError),
        ({"guidance": 1.0, "negative_prompt": "text"}, RequestError),
        ({"references": (A,) * 11}, RequestError),
        ({"references": (noise_picture(1, 32, 64),)}, ReferencePictureError),
    ],
)
def test_a_request_that_does_not_fit_is_refused_before_anything_is_loaded(
    nano: Watched, changes: dict[str, Any], error: type[EngineError]
) -> None:
    """Alone it loads nothing; among others it fails alone."""
    wrong = replace(JOBS[0], **changes)
    stages = Stages(nano, CPU)
    assert [type(event.error) for event in paint(stages, [wrong], memory()) if isinstance(event, JobFailed)] == [error]
    assert nano.loads == 0
    events = list(paint(stages, [JOBS[0], wrong, JOBS[1]], memory()))
    assert [event.job for event in events if isinstance(event, JobFailed)] == [1]
    assert kinds(events)[0] == "F"
    assert sorted(event.job for event in events if isinstance(event, JobDone)) == [0, 2]


@pytest.mark.parametrize("residency", RESIDENCIES)
@pytest.mark.parametrize("field", ["prompt", "negative_prompt"])
def test_a_prompt_that_would_be_cut_is_refused_with_its_count(nano: Watched, residency: Residency, field: str) -> None:
    """Cached or not; the control: a prompt of just so many tokens is painted."""
    caches = memory()
    jobs = [replace(JOBS[0], guidance=2.0, **{field: "z" * count}) for count in (16, 17)]
    for _ in range(2):
        events = list(paint(Stages(nano, CPU, residency), jobs, caches))
        failed = [event for event in events if isinstance(event, JobFailed)]
        assert [(event.job, type(event.error)) for event in failed] == [(1, PromptLengthError)]
        assert "(17 of 16 tokens)" in str(failed[0].error)
        assert [event.job for event in events if isinstance(event, JobDone)] == [0]


def test_a_picture_too_large_for_the_memory_fails_alone(nano: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it is sampled; what was sampled before and after is kept."""
    original = phases.sample

    def sample(transformer: Any, noise: torch.Tensor, *rest: Any) -> Any:
        if noise.shape[-1] == 8:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return original(transformer, noise, *rest)

    monkeypatch.setattr(phases, "sample", sample)
    jobs = [replace(JOBS[0], width=width) for width in (64, 128, 192)]
    for residency in RESIDENCIES:
        events = list(paint(Stages(nano, CPU, residency), jobs, memory()))
        failed = [event for event in events if isinstance(event, JobFailed)]
        assert [(event.job, type(event.error)) for event in failed] == [(1, DeviceError)]
        assert "128 × 64 px with 0 references" in str(failed[0].error)
        assert sorted(event.job for event in events if isinstance(event, JobDone)) == [0, 2]


def test_weights_that_cannot_be_loaded_end_the_call(nano: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """They would fail every other job alike."""

    def refuse(placement: Placement) -> Any:
        raise WeightsError("transformer.safetensors holds values that are not finite")

    monkeypatch.setattr(nano, "load_transformer", refuse)
    with pytest.raises(WeightsError, match="not finite"):
        list(paint(Stages(nano, CPU), JOBS, memory()))
