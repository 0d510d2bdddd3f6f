"""A campaign's jobs → pictures, phase by phase: all prompts, all references, all plates, all decodes.

Each part of the model is then needed once and each distinct prompt, picture and set of references is encoded once.
Items are computed one by one: a picture's bytes depend on its own job alone. Knows nothing of files or brands.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from flux2engine import latents
from flux2engine.autoencoder import Pixels, decode_latents, quantise
from flux2engine.chat_templates import TEMPLATE_VERSION
from flux2engine.enlargement import enlarge, sampled_size
from flux2engine.errors import DeviceError, EngineError, PromptLengthError
from flux2engine.key_values import KeyValueStore, ReferenceKeyValues, reference_set_key
from flux2engine.latents import ReferenceTokens
from flux2engine.memory import free_bytes
from flux2engine.references import ReferenceLimits, assemble, encode_picture, picture_bytes, prepare_references
from flux2engine.sampler import (
    Conditions,
    check_size,
    conditions_for,
    reference_key_values,
    sample,
    steps_and_guidance,
    unconditional_texts,
)
from flux2engine.schedule import sampling_times
from flux2engine.stages import Part, Stages
from flux2engine.tensor_cache import TensorCache
from flux2engine.variants import PIXELS_PER_TOKEN, SAMPLING_VERSION

# An embedded prompt of klein 4B takes 16 MB in fp32, of dev 16 MB in bf16; latents of a megapixel 2 MB.
TENSOR_BYTES = 16 * 1024**3
MEMORY_BYTES = 256 * 1024**2
# Eight references of a megapixel in klein 9B-KV.
KEY_VALUE_BYTES = 16 * 1024**3
# A picture, or how to open it: a campaign's photographs are not all held at full size.
Picture = Image.Image | Callable[[], Image.Image]


@dataclass(frozen=True)
class Job:
    """Ask for one picture. `base` is edited: it becomes the first reference."""

    prompt: str
    width: int
    height: int
    seed: int
    references: tuple[Picture, ...] = ()
    base: Picture | None = None
    steps: int | None = None
    guidance: float | None = None
    negative_prompt: str | None = None
    matte: tuple[int, int, int] | None = None  # what cut-outs are shown on, by a model that frames them

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """All references in the order in which the prompt counts them."""
        return self.references if self.base is None else (self.base, *self.references)


@dataclass(frozen=True)
class Phase:
    """Say what happens outside any one job: `done` of `of` things of one kind."""

    name: str
    done: int
    of: int


@dataclass(frozen=True)
class JobStep:
    """Say that a job stands after a step; step 0 comes before anything is sampled for it."""

    job: int  # its index
    step: int
    of: int


@dataclass(frozen=True)
class JobDone:
    """Hand over a job's picture."""

    job: int
    pixels: Pixels


@dataclass(frozen=True)
class JobFailed:
    """Say why one job has no picture; the others go on."""

    job: int
    error: EngineError


Progress = Phase | JobStep | JobDone | JobFailed


@dataclass(frozen=True)
class Caches:
    """Keep what outlives a call: embeddings, latents of references, sampled latents; keys and values of references."""

    tensors: TensorCache
    key_values: KeyValueStore


def open_caches(folder: Path | None) -> Caches:
    """Open the caches in a folder; without one, what is cached ends with the process.

    Keys and values stay in memory in any case: a set takes 0.5 MB for each of its tokens, and reading that from a disk
    is hardly faster than making it.
    """
    host = torch.device("cpu")
    limit = min(KEY_VALUE_BYTES, (free_bytes(host) or 0) // 4)
    return Caches(TensorCache(folder, TENSOR_BYTES if folder else MEMORY_BYTES), KeyValueStore(limit, host))


@dataclass(frozen=True)
class _Task:
    """One job, checked, with everything it needs named by digest."""

    index: int
    job: Job
    size: tuple[int, int]  # width and height that are sampled
    steps: int
    guidance: float
    text: str
    unconditional: str | None
    references: tuple[str, ...]
    sampled: str


def paint(stages: Stages, jobs: Sequence[Job], caches: Caches) -> Iterator[Progress]:
    """Paint every job; yield steps, and each picture as soon as it is decoded.

    A job that cannot be painted is one JobFailed; what concerns the whole model is raised as EngineError. Requests are
    checked before anything is loaded. Resident, a plate is decoded right after it is sampled. Staged, sampled latents
    wait on the CPU and in the cache until all are there, so that a run that was killed goes on from them.
    """
    return _Run(stages, jobs, caches).paint()


@dataclass
class _Run:
    stages: Stages
    jobs: Sequence[Job]
    caches: Caches
    texts: dict[str, Tensor] = field(default_factory=dict)
    prompts: dict[str, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)  # tokens per prompt, the template's included
    pictures: dict[str, Image.Image] = field(default_factory=dict)  # prepared, until they are encoded
    packed: dict[str, Tensor] = field(default_factory=dict)  # a reference's latents
    prepared: dict[tuple[int, bool, bool, tuple[int, int, int]], tuple[str, Picture]] = field(default_factory=dict)
    key_values: tuple[tuple[str, ...], ReferenceKeyValues] | None = None  # of the set that is painted with now

    @torch.no_grad()
    def paint(self) -> Iterator[Progress]:
        tasks: list[_Task] = []
        for index, job in enumerate(self.jobs):
            try:
                tasks.append(self._checked(index, job))
            except EngineError as error:
                yield JobFailed(index, error)
        # By reference set, then by shape: keys and values of one set at a time, kernels of one shape in a row.
        tasks.sort(key=lambda task: (task.references, *task.size[::-1], task.index))
        waiting = {task.index: found for task in tasks if (found := self._sampled_before(task)) is not None}
        unsampled = [task for task in tasks if task.index not in waiting]
        yield from self._encode_prompts(unsampled)
        for task in list(unsampled):
            try:
                self._require_whole_prompts(task)
            except EngineError as error:
                unsampled.remove(task)
                tasks.remove(task)
                yield JobFailed(task.index, error)
        yield from self._encode_references(unsampled)
        for task in unsampled:
            yield from self._loading("transformer")
            transformer = self.stages.transformer()
            yield from self._sample(task, transformer.device, waiting)
            if self.stages.residency == "resident" and task.index in waiting:
                yield from self._decode(task, waiting)
        self.key_values = None
        self.stages.finished("transformer")
        left = [task for task in tasks if task.index in waiting]
        for number, task in enumerate(left):
            yield Phase("decode", number, len(left))
            yield from self._decode(task, waiting)

    def _checked(self, index: int, job: Job) -> _Task:
        """Refuse what does not fit the model; name what the rest needs."""
        variant = self.stages.variant
        check_size(job.width, job.height, variant.max_pixels)
        steps, guidance = steps_and_guidance(variant, job.steps, job.guidance)
        opposite = unconditional_texts(variant, guidance, [job.negative_prompt])
        text = self._text_key(job.prompt)
        unconditional = None if opposite is None else self._text_key(opposite[0])
        references = self._prepare(job.pictures, job.base is not None, job.matte)
        size = sampled_size(job.width, job.height, variant.sampled_area)
        asked = (text, unconditional, references, *size, job.seed, steps, guidance)
        sampled = self._key("sampled", "transformer", variant.name, SAMPLING_VERSION, *asked)
        return _Task(index, job, size, steps, guidance, text, unconditional, references, sampled)

    # --- names -------------------------------------------------------------------------------------------------------

    def _key(self, kind: str, part: Part, *facts: object) -> str:
        """Name a tensor by what decides its bits: the part's weights, where and in which dtype it runs, the facts."""
        placement = self.stages.placement
        threads = torch.get_num_threads() if placement.device.type == "cpu" else 0
        where = (self.stages.source.digests()[part], placement.device.type, str(placement.dtype), threads)
        return hashlib.sha256(json.dumps([kind, where, facts]).encode()).hexdigest()

    def _text_key(self, prompt: str) -> str:
        config = self.stages.variant.text_encoder
        key = self._key("text", "text_encoder", TEMPLATE_VERSION, config.taps, config.tokens, prompt)
        self.prompts[key] = prompt
        return key

    def _prepare(self, pictures: Sequence[Picture], based: bool, matte: tuple[int, int, int] | None) -> tuple[str, ...]:
        """Prepare references and name them; one met before is not opened again."""
        variant = self.stages.variant
        limits = ReferenceLimits.of(variant, matte if variant.frames_cut_outs else None)
        single = len(pictures) == 1
        edited = [based and not index for index in range(len(pictures))]
        asked = [(id(picture), single, own, limits.matte) for picture, own in zip(pictures, edited, strict=True)]
        known = [self.prepared.get(key) for key in asked]
        if all(entry is not None for entry in known) and len(pictures) <= limits.max_count:
            return tuple(entry[0] for entry in known if entry is not None)
        opened = [picture if isinstance(picture, Image.Image) else picture() for picture in pictures]
        keys = []
        prepared = prepare_references(opened, limits, based)
        for picture, place, ready in zip(pictures, asked, prepared, strict=True):
            name = hashlib.sha256(picture_bytes(ready)).hexdigest()
            key = self._key("reference", "autoencoder", name)
            self.pictures.setdefault(key, ready)
            self.prepared[place] = key, picture  # holding it keeps its id its own
            keys.append(key)
        return tuple(keys)

    # --- phases ------------------------------------------------------------------------------------------------------

    def _loading(self, part: Part) -> Iterator[Phase]:
        if not self.stages.holds(part):
            yield Phase(f"load {part.replace('_', ' ')}", 0, 1)

    def _encode_prompts(self, tasks: Sequence[_Task]) -> Iterator[Progress]:
        wanted = list(dict.fromkeys(key for task in tasks for key in (task.text, task.unconditional) if key))
        missing = []
        for key in wanted:
            if (found := self.caches.tensors.get(key)) is None:
                missing.append(key)
            else:
                self.texts[key], self.counts[key] = found["states"], int(found["count"])
        for number, key in enumerate(missing):
            yield from self._loading("text_encoder")
            yield Phase("encode prompts", number, len(missing))
            encoded = self.stages.text_encoder().encode([self.prompts[key]])
            states, count = encoded.states.cpu(), encoded.token_counts[0]
            self.texts[key], self.counts[key] = states, count
            self.caches.tensors.put(key, {"states": states, "count": torch.tensor(count)})
        self.stages.finished("text_encoder")

    def _require_whole_prompts(self, task: _Task) -> None:
        """Refuse a prompt whose end would be lost: the words that say what to leave empty often stand there."""
        name, limit = self.stages.variant.name, self.stages.variant.text_encoder.tokens
        for key, kind in ((task.text, "prompt"), (task.unconditional, "negative prompt")):
            if key is not None and self.counts[key] > limit:
                raise PromptLengthError(
                    f"the {kind} is longer than {name} reads ({self.counts[key]} of {limit} tokens), and its end would"
                    " be lost"
                )

    def _encode_references(self, tasks: Sequence[_Task]) -> Iterator[Progress]:
        missing = []
        for key in dict.fromkeys(key for task in tasks for key in task.references):
            if (found := self.caches.tensors.get(key)) is None:
                missing.append(key)
            else:
                self.packed[key] = found["latents"]
        for number, key in enumerate(missing):
            yield from self._loading("autoencoder")
            yield Phase("encode references", number, len(missing))
            packed = encode_picture(self.stages.autoencoder(), self.pictures[key], self.stages.placement.device).cpu()
            self.packed[key] = packed
            self.caches.tensors.put(key, {"latents": packed})
        self.pictures.clear()

    def _sample(self, task: _Task, device: torch.device, waiting: dict[int, Tensor]) -> Iterator[Progress]:
        """Sample one job's latents into `waiting`, on the CPU."""
        job = task.job
        yield JobStep(task.index, 0, task.steps)
        try:
            width, height = (side // PIXELS_PER_TOKEN for side in task.size)
            noise = latents.noise(job.seed, height, width).to(device)
            times = sampling_times(task.steps, height * width)
            for state in sample(self.stages.transformer(), noise, self._conditions(task, device), times):
                if state.step == state.of:
                    waiting[task.index] = sampled = state.latents.cpu()
                    if self.stages.residency != "resident":  # before the step is told: from here on it is not lost
                        self.caches.tensors.put(task.sampled, {"latents": sampled})
                yield JobStep(task.index, state.step, state.of)
        except (EngineError, torch.OutOfMemoryError) as error:
            waiting.pop(task.index, None)
            yield JobFailed(task.index, _told(error, task))

    def _sampled_before(self, task: _Task) -> Tensor | None:
        """Find what an earlier, killed run had sampled; resident, nothing is kept for that."""
        found = self.caches.tensors.get(task.sampled) if self.stages.residency != "resident" else None
        return None if found is None else found["latents"]

    def _decode(self, task: _Task, waiting: dict[int, Tensor]) -> Iterator[Progress]:
        yield from self._loading("autoencoder")
        autoencoder = self.stages.autoencoder()
        try:
            packed = waiting.pop(task.index).to(self.stages.placement.device)
            painted = enlarge(decode_latents(autoencoder, packed), task.job.width, task.job.height)
            picture = quantise(painted)[0]
        except torch.OutOfMemoryError as error:
            yield JobFailed(task.index, _told(error, task))
        else:
            yield JobDone(task.index, picture)

    def _conditions(self, task: _Task, device: torch.device) -> Conditions:
        variant = self.stages.variant
        unconditional = None if task.unconditional is None else self.texts[task.unconditional].to(device)
        text, guidance = self.texts[task.text].to(device), task.guidance
        if not variant.cached_references:
            references = self._reference_tokens(task.references, device)
            return conditions_for(variant, text, references, guidance, unconditional)
        kept = self._key_values(task.references, device) if task.references else None
        return conditions_for(variant, text, None, guidance, unconditional, [kept])

    def _reference_tokens(self, keys: Sequence[str], device: torch.device) -> ReferenceTokens | None:
        within = self.stages.variant.transformer.positions_within
        return assemble([[self.packed[key].to(device) for key in keys]], within)

    def _key_values(self, keys: tuple[str, ...], device: torch.device) -> ReferenceKeyValues:
        """Return what a set of references leaves in every block, made once for all plates and runs that use it.

        The set that is painted with now is held besides: one that is too large for the store is not made again for
        each of its plates.
        """
        if self.key_values is None or self.key_values[0] != keys:
            self.key_values = None  # room for the next one
            references = self._reference_tokens(keys, device)
            assert references is not None  # a set has at least one picture
            digest, dtype = self.stages.source.digests()["transformer"], self.stages.placement.dtype
            # A reference's key stands for its pixels and the autoencoder that encoded them.
            name = reference_set_key([key.encode() for key in keys], digest, dtype)
            made = reference_key_values(self.stages.transformer(), references, name, self.caches.key_values)
            # A set that was kept on the host is read in every block of every step: on the device, if it leaves room.
            free = free_bytes(device)
            self.key_values = keys, made.to(device) if free is None or 2 * made.nbytes < free else made
        return self.key_values[1]


def _told(error: EngineError | torch.OutOfMemoryError, task: _Task) -> EngineError:
    if isinstance(error, EngineError):
        return error
    job = task.job
    return DeviceError(
        f"{job.width} × {job.height} px with {len(job.pictures)} references need more memory than the device has free;"
        " paint smaller or with fewer references"
    )
