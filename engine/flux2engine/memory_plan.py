"""A model's sizes, the work and what memory there is → what is resident when, at which peak, and what moves for it.

Every profile is stated; the fastest that fits is taken, or the work is refused with the size that would fit. Without
torch: nothing is loaded, and no device is asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isqrt
from types import MappingProxyType
from typing import Literal

from flux2engine import working_memory
from flux2engine.errors import DeviceError
from flux2engine.model_sizes import ModelSizes, autoencoder_parameters, sizes_of
from flux2engine.variants import PIXELS_PER_TOKEN, ModelVariant

Profile = Literal["resident", "staged", "streamed", "mapped"]

# What weights may take of a device's free memory where the work is not known yet; the rest is for activations. A
# 2048 × 2048 decode needs 4 GiB in fp32 beside 16 GB of klein 4B, ten references on dev 11 GB beside 64 GB.
WEIGHTS_SHARE = 0.75
CAMPAIGNS = (1, 10, 100)  # plates
_FP32 = 4
_LEAST_SIDE = 64


@dataclass(frozen=True)
class Speed:
    """Say how fast a device is; estimates for a plan, not promises."""

    operations: float  # a second, as models of this kind reach them
    from_pinned: float  # bytes a second, beside what is computed
    from_file: float  # bytes a second


# What others measured of these classes of cards, bf16, PCIe 4; "cpu" is two cores in fp32 (engine/README.md).
SPEEDS: Mapping[str, Speed] = MappingProxyType(
    {
        "rtx-4090": Speed(95e12, 25e9, 3e9),
        "rtx-4060": Speed(30e12, 25e9, 3e9),
        "cpu": Speed(0.2e12, 5.5e9, 3e9),
    }
)


@dataclass(frozen=True)
class Work:
    """Say what is painted: pixels of a plate and of each reference, steps, and passes of the transformer a step."""

    width: int
    height: int
    steps: int
    references: tuple[int, ...] = ()
    passes: int = 1

    @property
    def pixels(self) -> int:
        """Return the plate's."""
        return self.width * self.height


@dataclass(frozen=True)
class Budget:
    """Say how much memory is free; None where nobody knows. `host` beside a device of its own, or all there is."""

    device: int | None
    host: int | None
    shared: bool = False  # the device is the host: a CPU


@dataclass(frozen=True)
class Phase:
    """Say what is on the device in one phase, in bytes."""

    name: str
    weights: tuple[tuple[str, int], ...]
    working: int

    @property
    def peak(self) -> int:
        """Return all of it."""
        return sum(size for _, size in self.weights) + self.working


@dataclass(frozen=True)
class MemoryPlan:
    """State one profile: what is resident when, and what it costs."""

    profile: Profile
    phases: tuple[Phase, ...]
    host: int  # bytes held on the host beside the device
    kept: int  # blocks of the transformer that stay, where the others are streamed
    pinned: bool  # the others wait in pinned memory, not in the file
    text_streamed: bool
    once: int  # bytes moved to the device once a campaign
    each: int  # bytes moved for every plate
    seconds_per_step: float | None
    fits: bool

    @property
    def residency(self) -> Literal["resident", "staged", "streamed"]:
        """Return how parts are kept: blocks are streamed from a mapped file on a CPU, too."""
        return "streamed" if self.profile == "mapped" else self.profile

    @property
    def peak(self) -> int:
        """Return the most that is on the device at once."""
        return max(phase.peak for phase in self.phases)

    def moved_per_plate(self, plates: int) -> int:
        """Return the bytes moved to the device for each of so many plates of one campaign."""
        return self.once // plates + self.each


def plans(
    sizes: ModelSizes,
    variant: ModelVariant,
    work: Work | None,
    budget: Budget,
    speed: Speed | None = None,
    element_size: int = 2,
) -> tuple[MemoryPlan, ...]:
    """State every profile, the fastest first. Without `work`, a quarter of the memory is left to it."""
    return tuple(_stated(sizes, variant, work, budget, speed, element_size))


def choose(
    sizes: ModelSizes,
    variant: ModelVariant,
    work: Work | None,
    budget: Budget,
    speed: Speed | None = None,
    element_size: int = 2,
) -> MemoryPlan:
    """Return the fastest profile that fits; DeviceError, with what would fit, where none does."""
    stated = plans(sizes, variant, work, budget, speed, element_size)
    for plan in stated:
        if plan.fits:
            return plan
    raise DeviceError(refusal(sizes, variant, work, budget, stated, element_size))


def refusal(
    sizes: ModelSizes,
    variant: ModelVariant,
    work: Work | None,
    budget: Budget,
    stated: Sequence[MemoryPlan],
    element_size: int,
) -> str:
    """Say what does not fit, how much memory would do, and the largest square plate that fits, if any does."""
    least = min(stated, key=lambda plan: (plan.peak, plan.host))
    what = f"{sizes.name}" if work is None else f"{sizes.name} at {work.width} × {work.height} px"
    beside = f" and {_gigabytes(least.host)} of host memory" if least.host else ""
    words = (
        f"{what} fits no profile in {_gigabytes(budget.device)}"
        f"{'' if budget.shared else f' beside {_gigabytes(budget.host)} of host memory'}; {least.profile}, it would"
        f" take {_gigabytes(least.peak)}{beside}"
    )
    if work is None:
        return words
    smaller = largest_plate(sizes, variant, work, budget, element_size)
    return f"{words}; {f'{smaller} × {smaller} px would fit' if smaller else 'no plate fits'}"


def largest_plate(sizes: ModelSizes, variant: ModelVariant, work: Work, budget: Budget, element_size: int) -> int:
    """Return the side of the largest square plate, no larger than the work's, that some profile fits; 0 for none."""
    for side in range(isqrt(work.pixels) // PIXELS_PER_TOKEN * PIXELS_PER_TOKEN, _LEAST_SIDE - 1, -PIXELS_PER_TOKEN):
        smaller = replace(work, width=side, height=side)
        if any(plan.fits for plan in _stated(sizes, variant, smaller, budget, None, element_size)):
            return side
    return 0


def offloaded(variant: ModelVariant, work: Work, packed: str | None = None, element_size: int = 2) -> Mapping[str, int]:
    """Return the bytes that diffusers' three kinds of offloading move for every plate, by formula.

    Model offload (accelerate's `cpu_offload_with_hook`) brings each whole model in, and takes it back out when the
    next one comes. Sequential offload (`AlignDevicesHook`) copies every layer in whenever it is called, and drops it;
    group offload (`apply_group_offloading`) does the same by groups, with a stream beside what is computed. All run
    the whole language model, head and unused layers included.
    """
    sizes, config = sizes_of(variant, packed, element_size), variant.text_encoder
    around = working_memory.whole_text_encoder_parameters(config) - config.layers * (
        working_memory.text_layer_parameters(config)
    )
    text = around * element_size + config.layers * sizes.text_layers[0]
    transformer, autoencoder = sizes.transformer, autoencoder_parameters(variant.autoencoder) * element_size
    texts = text * work.passes  # the empty prompt is encoded for each plate, too
    layers = texts + work.steps * work.passes * transformer + autoencoder
    return {"model offload": 2 * (text + transformer + autoencoder), "sequential": layers, "group": layers}


def tokens(variant: ModelVariant, work: Work) -> int:
    """Count text, output and reference tokens of one pass."""
    area = PIXELS_PER_TOKEN**2
    return variant.text_encoder.tokens + work.pixels // area + sum(pixels // area for pixels in work.references)


# --- the profiles ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Working:
    """What each phase takes beside weights."""

    text: int
    encode: int
    step: int
    decode: int
    between: int  # two blocks


def _stated(
    sizes: ModelSizes, variant: ModelVariant, work: Work | None, budget: Budget, speed: Speed | None, element_size: int
) -> Iterator[MemoryPlan]:
    working = _working(sizes, variant, work, element_size)
    facts = _Facts(sizes, variant, work, budget, speed, working)
    yield _whole(facts, "resident")
    yield _whole(facts, "staged")
    for pinned in (False,) if budget.shared else (True, False):
        yield _streamed(facts, pinned)


@dataclass(frozen=True)
class _Facts:
    sizes: ModelSizes
    variant: ModelVariant
    work: Work | None
    budget: Budget
    speed: Speed | None
    working: _Working

    def fits(self, phases: Sequence[Phase], host: int) -> bool:
        """Say whether phases fit the device, and what is held beside them the host."""
        device, beside = self.budget.device, self.budget.host
        if device is not None:
            share = WEIGHTS_SHARE if self.work is None else 1.0
            if max(phase.peak for phase in phases) > share * device:
                return False
        return self.budget.shared or beside is None or host <= beside

    def compute(self) -> float | None:
        """Return the seconds of arithmetic in a step."""
        if self.speed is None or self.work is None:
            return None
        operations = working_memory.step_operations(self.variant.transformer, tokens(self.variant, self.work))
        return self.work.passes * operations / self.speed.operations


def _working(sizes: ModelSizes, variant: ModelVariant, work: Work | None, element_size: int) -> _Working:
    if work is None:
        return _Working(0, 0, 0, 0, 0)
    text = working_memory.encode_text_bytes(variant.text_encoder, element_size) + sizes.text_unpacked
    largest = max(work.references, default=0)
    encode = working_memory.encode_bytes(variant.autoencoder, largest, _FP32)
    count = tokens(variant, work)
    step = working_memory.step_bytes(variant.transformer, count, element_size) + sizes.unpacked
    between = working_memory.BETWEEN_BLOCKS * variant.transformer.hidden_size * count * element_size
    decode = working_memory.decode_bytes(variant.autoencoder, work.pixels, _FP32)
    return _Working(text, encode, step, decode, between)


def _whole(facts: _Facts, profile: Literal["resident", "staged"]) -> MemoryPlan:
    sizes, working = facts.sizes, facts.working
    text = ("text encoder", sizes.text_encoder)
    transformer = ("transformer", sizes.transformer)
    autoencoder = ("autoencoder", sizes.autoencoder)
    together = (text, transformer, autoencoder)
    resident = profile == "resident"
    phases = (
        Phase("text", together if resident else (text, autoencoder), working.text),
        Phase("references", together if resident else (autoencoder,), working.encode),
        Phase("steps", together if resident else (transformer, autoencoder), working.step),
        Phase("decode", together if resident else (autoencoder,), working.decode),
    )
    once = sum(size for _, size in together)
    host = 0 if facts.budget.shared else sizes.read
    return MemoryPlan(profile, phases, host, 0, False, False, once, 0, facts.compute(), facts.fits(phases, host))


def _streamed(facts: _Facts, pinned: bool) -> MemoryPlan:
    """State the profile with as many blocks kept as fit."""
    made = _with_kept(facts, pinned, 0)
    for kept in range(1, max(len(facts.sizes.blocks) - _places(facts) + 1, 1)):
        more = _with_kept(facts, pinned, kept)
        if not more.fits:
            break
        made = more
    return made


def _with_kept(facts: _Facts, pinned: bool, kept: int) -> MemoryPlan:
    sizes, shared, places = facts.sizes, facts.budget.shared, _places(facts)
    stay, streamed = sum(sizes.blocks[:kept]), sizes.blocks[kept:]
    autoencoder = ("autoencoder", sizes.autoencoder)
    text, text_each = _text(facts, places, autoencoder)
    transformer = (
        ("transformer outside its blocks", sizes.outside),
        *((("blocks that stay", stay),) if kept else ()),
        ("places for blocks", places * max(streamed)),
    )
    # On a CPU, what is being read is in the same memory, between two blocks.
    read = sizes.read + facts.working.between if shared and facts.work else 0
    phases = (
        text,
        Phase("references", (autoencoder,), facts.working.encode),
        Phase("steps", (*transformer, autoencoder), max(facts.working.step, read)),
        Phase("decode", (autoencoder,), facts.working.decode),
    )
    waiting = max(sum(sizes.blocks), sum(sizes.text_layers) if text_each else 0)  # one model at a time
    host = 0 if shared else sizes.read + (waiting if pinned else 0)
    lasting = len(streamed) <= places  # each has a place of its own, and comes once
    a_pass = 0 if lasting else sum(streamed)
    ahead = 0 if shared or kept else sizes.blocks[0]  # fetched when the last pass has ended, for a next one
    text_once = sizes.text_encoder - (sum(sizes.text_layers) if text_each else 0)
    return MemoryPlan(
        profile="mapped" if shared else "streamed",
        phases=phases,
        host=host,
        kept=kept,
        pinned=pinned,
        text_streamed=bool(text_each),
        once=text_once + sizes.outside + stay + (sum(streamed) if lasting else ahead) + sizes.autoencoder,
        each=(facts.work.steps * facts.work.passes * a_pass if facts.work else 0) + text_each,
        seconds_per_step=_seconds(facts, a_pass, pinned),
        fits=facts.fits(phases, host),
    )


def _places(facts: _Facts) -> int:
    """Return how many blocks are there at once: with a stream beside, one computes while the next arrives."""
    return 1 if facts.budget.shared else 2


def _text(facts: _Facts, places: int, autoencoder: tuple[str, int]) -> tuple[Phase, int]:
    """State the text encoder's phase, streamed where it does not fit whole; and the bytes moved for each plate."""
    sizes, working = facts.sizes, facts.working
    whole = Phase("text", (("text encoder", sizes.text_encoder), autoencoder), working.text)
    if facts.fits((whole,), 0) or not sizes.text_layers:
        return whole, 0
    layers = sum(sizes.text_layers)
    streamed = (
        ("text encoder outside its layers", sizes.text_encoder - layers),
        ("places for layers", places * max(sizes.text_layers)),
        autoencoder,
    )
    passes = 1 if facts.work is None else facts.work.passes
    return Phase("text", streamed, working.text), layers * passes


def _seconds(facts: _Facts, a_pass: int, pinned: bool) -> float | None:
    """Return a step's seconds: copies run beside arithmetic on a device with streams, after it on a CPU."""
    compute = facts.compute()
    if compute is None or facts.speed is None or facts.work is None:
        return None
    rate = facts.speed.from_pinned if pinned else facts.speed.from_file
    moving = facts.work.passes * a_pass / rate
    return compute + moving if facts.budget.shared else max(compute, moving)


def _gigabytes(size: int | None) -> str:
    return "an unknown size" if size is None else f"{size / 1e9:.1f} GB"
