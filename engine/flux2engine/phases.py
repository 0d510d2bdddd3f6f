"""A campaign's jobs → pictures, phase by phase: all prompts, all references, all plates, all decodes.

Each part of the model is then needed once and each distinct prompt, picture and set of references is encoded once.
Items are computed one by one: a picture's bytes depend on its own job alone. Knows nothing of files or brands.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from flux2engine import latents
from flux2engine.autoencoder import Autoencoder
from flux2engine.chat_templates import TEMPLATE_VERSION
from flux2engine.errors import EngineError, NoRoomError, RequestError, SizeError
from flux2engine.key_values import KeyValueStore, ReferenceKeyValues, reference_set_key
from flux2engine.latents import ReferenceTokens
from flux2engine.references import WHITE, ReferenceLimits, pixels, prepare_references
from flux2engine.sampler import Conditions, sample
from flux2engine.schedule import sampling_times
from flux2engine.stages import Part, Stages
from flux2engine.tensor_cache import TensorCache
from flux2engine.variants import PIXELS_PER_TOKEN, SAMPLING_VERSION, ModelVariant

MIN_SIDE = 64
MAX_ASPECT = 8

Pixels = npt.NDArray[np.uint8]  # (H, W, 3)
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


@dataclass(frozen=True)
class _Task:
    """One job, checked, with everything it needs named by digest."""

    index: int
    job: Job
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
    prepared: dict[tuple[int, bool], tuple[str, Picture]] = field(default_factory=dict)
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
        tasks.sort(key=lambda task: (task.references, task.job.height, task.job.width, task.index))
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
            yield from self._sample(task, transformer.img_in.weight.device, waiting)
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
        steps, guidance = choose_sampling(variant, job.steps, job.guidance)
        guided = variant.guidance_kind == "classifier-free" and guidance > 1.0
        if job.negative_prompt and not guided:
            raise RequestError(f"{variant.name} at guidance {guidance} has no use for a negative prompt")
        text = self._text_key(job.prompt)
        unconditional = self._text_key(job.negative_prompt or "") if guided else None
        references = self._prepare(job.pictures)
        asked = (text, unconditional, references, job.width, job.height, job.seed, steps, guidance)
        sampled = self._key("sampled", "transformer", variant.name, SAMPLING_VERSION, *asked)
        return _Task(index, job, steps, guidance, text, unconditional, references, sampled)

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

    def _prepare(self, pictures: Sequence[Picture]) -> tuple[str, ...]:
        """Prepare references and name them; one met before is not opened again."""
        variant = self.stages.variant
        limits = ReferenceLimits(
            variant.max_references, variant.reference_area_single, variant.reference_area_several, WHITE
        )
        single = len(pictures) == 1
        known = [self.prepared.get((id(picture), single)) for picture in pictures]
        if all(entry is not None for entry in known) and len(pictures) <= limits.max_count:
            return tuple(entry[0] for entry in known if entry is not None)
        opened = [picture if isinstance(picture, Image.Image) else picture() for picture in pictures]
        keys = []
        for picture, ready in zip(pictures, prepare_references(opened, limits), strict=True):
            name = hashlib.sha256(f"{ready.size}".encode() + ready.tobytes()).hexdigest()
            key = self._key("reference", "autoencoder", name)
            self.pictures.setdefault(key, ready)
            self.prepared[id(picture), single] = key, picture  # holding it keeps its id its own
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
        """A prompt whose end would be lost is refused: the words that say what to leave empty often stand there."""
        limit = self.stages.variant.text_encoder.tokens
        for key, kind in ((task.text, "prompt"), (task.unconditional, "negative prompt")):
            if key is not None and self.counts[key] > limit:
                raise RequestError(
                    f"the {kind} is longer than {self.stages.variant.name} reads ({self.counts[key]} of {limit} tokens),"
                    " and its end would be lost"
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
        if not self.stages.variant.cached_references:
            self.pictures.clear()

    def _sample(self, task: _Task, device: torch.device, waiting: dict[int, Tensor]) -> Iterator[Progress]:
        """Sample one job's latents into `waiting`, on the CPU."""
        job = task.job
        yield JobStep(task.index, 0, task.steps)
        try:
            height, width = job.height // PIXELS_PER_TOKEN, job.width // PIXELS_PER_TOKEN
            noise = latents.noise(job.seed, height, width).to(device)
            times = sampling_times(task.steps, height * width)
            for state in sample(self.stages.transformer(), noise, self._conditions(task, device), times):
                if state.step == state.of:
                    waiting[task.index] = state.latents.cpu()
                yield JobStep(task.index, state.step, state.of)
        except (EngineError, torch.OutOfMemoryError) as error:
            waiting.pop(task.index, None)
            yield JobFailed(task.index, _told(error, task))
        else:
            if self.stages.residency == "staged":
                self.caches.tensors.put(task.sampled, {"latents": waiting[task.index]})

    def _sampled_before(self, task: _Task) -> Tensor | None:
        """Find what an earlier, killed run had sampled; resident, nothing is kept for that."""
        found = self.caches.tensors.get(task.sampled) if self.stages.residency == "staged" else None
        return None if found is None else found["latents"]

    def _decode(self, task: _Task, waiting: dict[int, Tensor]) -> Iterator[Progress]:
        yield from self._loading("autoencoder")
        autoencoder = self.stages.autoencoder()
        try:
            packed = waiting.pop(task.index).to(self.stages.placement.device)
            picture = quantise(decode_latents(autoencoder, packed))[0]
        except torch.OutOfMemoryError as error:
            yield JobFailed(task.index, _told(error, task))
        else:
            yield JobDone(task.index, picture)

    def _conditions(self, task: _Task, device: torch.device) -> Conditions:
        variant = self.stages.variant
        unconditional = None if task.unconditional is None else self.texts[task.unconditional].to(device)
        conditions = Conditions(
            text=self.texts[task.text].to(device),
            embedded_guidance=task.guidance if variant.guidance_kind == "embedded" else None,
            unconditional_text=unconditional,
            guidance_scale=task.guidance,
            round_timesteps=variant.round_timesteps,
        )
        if not task.references:
            return conditions
        if variant.cached_references:
            return replace(conditions, key_values=self._key_values(task.references, device))
        return replace(conditions, references=self._reference_tokens(task.references, device))

    def _reference_tokens(self, keys: tuple[str, ...], device: torch.device) -> ReferenceTokens:
        packed = [self.packed[key] for key in keys]
        tokens = torch.cat([latents.to_tokens(part) for part in packed], dim=1).float()
        ids = latents.reference_ids([(part.shape[2], part.shape[3]) for part in packed])
        return ReferenceTokens(tokens.to(device), ids[None].to(device), None)

    def _key_values(self, keys: tuple[str, ...], device: torch.device) -> ReferenceKeyValues:
        """Return what a set of references leaves in every block, made once for all plates and runs that use it."""
        if self.key_values is not None and self.key_values[0] == keys:
            return self.key_values[1]
        digests, dtype = self.stages.source.digests(), self.stages.placement.dtype
        name = reference_set_key([key.encode() for key in keys], digests["transformer"], dtype)
        kept = self.caches.key_values.get(name)
        if kept is None:
            reference = self._reference_tokens(keys, device)
            kept = self.stages.transformer().reference_key_values(reference.tokens.to(dtype), reference.ids)
            self.caches.key_values.put(name, kept)
        self.key_values = keys, kept
        return kept


def encode_picture(autoencoder: Autoencoder, picture: Image.Image, device: torch.device) -> Tensor:
    """Return the packed, normalised latents (1, 128, h, w) of a prepared picture, fp32."""
    statistics = autoencoder.bn
    packed = latents.patchify(autoencoder.encode(pixels(picture).to(device, _dtype(autoencoder))).float())
    return latents.normalise(packed, statistics.running_mean, statistics.running_var)


def decode_latents(autoencoder: Autoencoder, packed: Tensor) -> Tensor:
    """Turn normalised packed latents (B, 128, h, w) into pixels (B, 3, H, W) in [0, 1], fp32."""
    statistics = autoencoder.bn
    raw = latents.unpatchify(latents.denormalise(packed, statistics.running_mean, statistics.running_var))
    return autoencoder.decode(raw.to(_dtype(autoencoder))).float().clamp(0, 1)


def quantise(pixels: Tensor) -> tuple[Pixels, ...]:
    """Turn pixels (B, 3, H, W) in [0, 1] into pictures (H, W, 3) of bytes."""
    rounded = pixels.mul(255).round().to(torch.uint8).permute(0, 2, 3, 1)
    return tuple(item.contiguous().numpy() for item in rounded.cpu())


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Raise SizeError unless a picture of this size can be painted."""
    multiple = PIXELS_PER_TOKEN
    if width % multiple or height % multiple:
        nearest = tuple(max(round(side / multiple), MIN_SIDE // multiple) * multiple for side in (width, height))
        raise SizeError(
            f"{width} × {height} px: both sides must be multiples of {multiple}; nearest is {nearest[0]} × {nearest[1]}"
        )
    if min(width, height) < MIN_SIDE:
        raise SizeError(f"{width} × {height} px: both sides must be at least {MIN_SIDE} px")
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise SizeError(f"{width} × {height} px is more extreme than {MAX_ASPECT}:1; paint wider and crop")
    if width * height > max_pixels:
        raise SizeError(f"{width} × {height} px is more than the {max_pixels} pixels this model paints")


def choose_sampling(variant: ModelVariant, steps: int | None, guidance: float | None) -> tuple[int, float]:
    """Return steps and guidance, the model's own where none are asked for; raise RequestError where it takes no such."""
    chosen = (
        variant.default_steps if steps is None else steps,
        variant.default_guidance if guidance is None else guidance,
    )
    if variant.fixed_sampling and chosen != (variant.default_steps, variant.default_guidance):
        raise RequestError(
            f"{variant.name} is distilled for {variant.default_steps} steps at guidance {variant.default_guidance}"
        )
    if chosen[0] < 1:
        raise RequestError(f"steps must be at least 1, got {chosen[0]}")
    if chosen[1] < 1.0:
        raise RequestError(f"guidance must be at least 1, got {chosen[1]}")
    return chosen


def _dtype(autoencoder: Autoencoder) -> torch.dtype:
    assert isinstance(autoencoder, torch.nn.Module)
    return next(autoencoder.parameters()).dtype


def _told(error: EngineError | torch.OutOfMemoryError, task: _Task) -> EngineError:
    if isinstance(error, EngineError):
        return error
    job = task.job
    return NoRoomError(
        f"{job.width} × {job.height} px with {len(job.pictures)} references need more memory than the device has free;"
        " paint smaller or with fewer references"
    )
