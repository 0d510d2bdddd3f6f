"""A model's name, the memory there is and a plate's size → what would be resident when. Nothing is loaded.

Plain data of the engine's memory plan; without torch. Every error of the engine becomes a GenerationError here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flux2flow.errors import EXIT_USAGE, GenerationError
from flux2flow.generation.flux2.library import RESERVED, models_folder, translated

if TYPE_CHECKING:
    from flux2engine.library import InstalledModel
    from flux2engine.memory_plan import MemoryPlan
    from flux2engine.model_sizes import ModelSizes
    from flux2engine.variants import ModelVariant

REFERENCE_PIXELS = 1024 * 1024


@dataclass(frozen=True, slots=True)
class FitPhase:
    """What is on the device in one phase, in bytes."""

    name: str
    weights: tuple[tuple[str, int], ...]
    working: int
    peak: int


@dataclass(frozen=True, slots=True)
class FitProfile:
    """One way to run the model; bytes, and seconds where a device's speed is known."""

    name: str
    fits: bool
    peak: int
    host: int
    kept_blocks: int
    pinned: bool
    text_encoder_streamed: bool
    moved_per_plate: tuple[tuple[int, int], ...]  # plates of a campaign, and bytes for each
    seconds_per_step: float | None
    phases: tuple[FitPhase, ...]


@dataclass(frozen=True, slots=True)
class Fit:
    """How a model fits: the profile that is chosen, all others, and what diffusers' offloading would move."""

    model: str
    variant: str
    computes_in: str
    blocks: int
    chosen: FitProfile | None
    refusal: str  # where none is
    profiles: tuple[FitProfile, ...]
    diffusers: tuple[tuple[str, int], ...]  # bytes a plate


def fit(
    name: str,
    *,
    device_bytes: int,
    host_bytes: int,
    on_cpu: bool,
    width: int,
    height: int,
    references: int,
    steps: int | None,
    packed: str | None,
    speed: str | None,
) -> Fit:
    """State how a model fits: one of the library, or a published variant's name; GenerationError for neither."""
    with translated():
        from flux2engine.memory_plan import CAMPAIGNS, SPEEDS, Budget, Work, offloaded, plans, refusal
        from flux2engine.memory_plan import MemoryPlan as Plan

        element_size = 4 if on_cpu else 2
        variant, sizes = _sizes(name, packed, element_size)
        guided = variant.guidance_kind == "classifier-free" and variant.default_guidance > 1
        areas = (variant.reference_area_single if references == 1 else variant.reference_area_several,) * references
        areas = tuple(min(area, REFERENCE_PIXELS) for area in areas)
        work = Work(width, height, steps or variant.default_steps, areas, 2 if guided else 1)
        budget = Budget(host_bytes if on_cpu else device_bytes, host_bytes, on_cpu)
        stated = plans(sizes, variant, work, budget, None if speed is None else SPEEDS[speed], element_size)

        def shown(plan: Plan) -> FitProfile:
            return _profile(plan, CAMPAIGNS)

        chosen = next((plan for plan in stated if plan.fits), None)
        return Fit(
            model=name,
            variant=variant.name,
            computes_in="float32" if on_cpu else "bfloat16",
            blocks=len(sizes.blocks),
            chosen=None if chosen is None else shown(chosen),
            refusal="" if chosen else refusal(sizes, variant, work, budget, stated, element_size),
            profiles=tuple(shown(plan) for plan in stated),
            diffusers=tuple(offloaded(variant, work, packed, element_size).items()),
        )


def speeds() -> tuple[str, ...]:
    """Name the devices whose speed is known."""
    from flux2engine.memory_plan import SPEEDS

    return tuple(SPEEDS)


def formats() -> tuple[str, ...]:
    """Name the packed formats whose size is known."""
    from flux2engine.model_sizes import FORMATS

    return tuple(FORMATS)


def _sizes(name: str, packed: str | None, element_size: int) -> tuple[ModelVariant, ModelSizes]:
    """Return an installed model's sizes, as its files pack it; else a published one's, in a format that is named."""
    from flux2engine.library import Library, published_models
    from flux2engine.model_sizes import sizes_of

    folder = models_folder()
    installed = {model.name: model for model in Library(folder).models()} if Path(folder).is_dir() else {}
    if name in installed and packed is None and not installed[name].missing:
        return installed[name].variant, _installed(installed[name], element_size)
    if name in installed:
        return installed[name].variant, sizes_of(installed[name].variant, packed, element_size)
    published = {row.name: row for row in published_models()}
    if name not in published:
        known = ", ".join(sorted({*installed, *published} - set(RESERVED)))
        error = GenerationError(f"no model is called {name!r}; there are {known}")
        error.exit_code = EXIT_USAGE
        raise error
    return published[name], sizes_of(published[name], packed, element_size)


def _installed(model: InstalledModel, element_size: int) -> ModelSizes:
    from flux2engine.model_sizes import held_bytes, sizes_of_parts
    from flux2engine.working_memory import text_encoder_parameters

    assert model.text_encoder is not None
    assert model.autoencoder is not None
    text, transformer = model.text_encoder, model.transformer
    loaded = text_encoder_parameters(model.variant.text_encoder)
    return sizes_of_parts(
        model.variant,
        held_bytes(text.dtype, sum(file.size for file in text.files), text.parameters, loaded, element_size),
        held_bytes(
            transformer.dtype,
            sum(file.size for file in transformer.files),
            transformer.parameters,
            transformer.parameters,
            element_size,
        ),
        4 * model.autoencoder.parameters,  # fp32 at most
        element_size,
    )


def _profile(plan: MemoryPlan, campaigns: tuple[int, ...]) -> FitProfile:
    return FitProfile(
        name=plan.profile,
        fits=plan.fits,
        peak=plan.peak,
        host=plan.host,
        kept_blocks=plan.kept,
        pinned=plan.pinned,
        text_encoder_streamed=plan.text_streamed,
        moved_per_plate=tuple((plates, plan.moved_per_plate(plates)) for plates in campaigns),
        seconds_per_step=plan.seconds_per_step,
        phases=tuple(FitPhase(phase.name, phase.weights, phase.working, phase.peak) for phase in plan.phases),
    )
