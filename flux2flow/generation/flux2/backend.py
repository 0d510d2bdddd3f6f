"""Plate requests → plates, painted by the FLUX.2 engine with one model, in phases. Maps the engine's errors to ours.

Everything of `flux2engine` is imported inside functions: planning and `--help` meet neither it nor torch. On a CPU the
pixels depend on the number of threads, so that number is fixed and part of the identity.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Protocol

from flux2flow.domain.canvas import Canvas
from flux2flow.domain.files import FileRef
from flux2flow.domain.measures import PixelSize
from flux2flow.domain.plate import BackendIdentity, BackendLimits, PlateRequest
from flux2flow.errors import GenerationError
from flux2flow.generation.flux2 import machine
from flux2flow.interfaces import FileSource, Painted, PaintFailed, PaintPhase, PaintStep

if TYPE_CHECKING:
    from PIL import Image

    from flux2engine.phases import Caches, Job
    from flux2engine.stages import PartSource, Stages

INSTALL = "install the engine: pip install 'flux2flow[engine]'"
_SHORTEN = "shorten the plate texts of the template"
# Loading less than this is not worth a word: nano's 25 MB take a tenth of a second.
_TOLD_BYTES = 1 << 28


class ModelFiles(Protocol):
    """The weights that a backend paints with, wherever they come from. Methods raise GenerationError."""

    @property
    def name(self) -> str:
        """What a campaign calls the model."""
        ...

    @property
    def device(self) -> str:
        """Where it computes, as torch names it."""
        ...

    @property
    def threads(self) -> int:
        """How many CPU threads compute."""
        ...

    def identity(self) -> BackendIdentity:
        """Return what decides the pixels besides the request; loads no torch."""
        ...

    def parts(self) -> PartSource:
        """Return where the engine loads the parts from."""
        ...

    def caches(self) -> Caches:
        """Return what outlives a call."""
        ...

    def remedy(self) -> str:
        """Say what to do about files that cannot be used."""
        ...


class Flux2Backend:
    """Paint with one model, all plates of a call in phases, each plate by itself.

    Never two plates in one batch: that would change a plate's pixels by what happens to be painted beside it, and a
    resumed run has other plates left than the first.
    """

    def __init__(self, limits: BackendLimits, model: ModelFiles) -> None:
        self.limits = limits
        self._model = model
        self._loaded: tuple[Stages, Caches] | None = None
        self._broken: GenerationError | None = None

    def identity(self) -> BackendIdentity:
        """Say which model, weights, dtype, sampling version and thread count decide the pixels; loads no torch."""
        return self._model.identity()

    def paint(
        self, requests: Sequence[PlateRequest], files: FileSource
    ) -> Iterator[PaintStep | Painted | PaintFailed | PaintPhase]:
        """Paint the requests. A plate that cannot be painted is told; raises GenerationError where none can."""
        if self._broken is not None:  # weights that could not be loaded are not read again for every plate
            raise self._broken
        try:
            yield from self._painted(requests, files)
        except GenerationError as error:
            self._broken = error
            raise

    def _painted(
        self, requests: Sequence[PlateRequest], files: FileSource
    ) -> Iterator[PaintStep | Painted | PaintFailed | PaintPhase]:
        stages, caches = self._prepared()
        from flux2engine.memory import fixed_threads
        from flux2engine.phases import JobDone, JobFailed, JobStep, Phase, paint

        pictures = _Pictures(files)
        progress = paint(stages, [pictures.job(request) for request in requests], caches)
        loud = sum(stages.sizes.values()) > _TOLD_BYTES
        seconds = [0.0] * len(requests)
        while True:
            begun = time.perf_counter()
            with translated(self._model), fixed_threads(self._model.threads):
                event = next(progress, None)
            took = time.perf_counter() - begun
            if isinstance(event, Phase):
                if loud:
                    yield PaintPhase(event.name, event.done, event.of)
            elif event is None:
                return
            else:
                seconds[event.job] += took
                if isinstance(event, JobStep):
                    yield PaintStep(event.job, event.step, event.of)
                elif isinstance(event, JobFailed):
                    yield PaintFailed(event.job, self._reason(event.error, requests[event.job]))
                elif isinstance(event, JobDone):
                    height, width, _ = event.pixels.shape
                    canvas = Canvas(PixelSize(width, height), event.pixels.tobytes())
                    yield Painted(event.job, canvas, seconds[event.job])

    def _prepared(self) -> tuple[Stages, Caches]:
        """Decide where the parts go, once; the weights themselves are loaded when a phase needs them."""
        if self._loaded is None:
            name = self._model.name
            try:
                import flux2engine.phases  # noqa: F401 (torch may be missing, and is asked for here)
                from flux2engine.memory import choose_placement, require_device
                from flux2engine.stages import Stages
            except ImportError as error:
                if (error.name or "").startswith("flux2engine"):
                    raise  # ours to mend, not the user's
                raise GenerationError(f"{name} needs PyTorch, which cannot be loaded ({error}); {INSTALL}") from error
            with translated(self._model):
                placement = choose_placement(self._model.device)
                require_device(placement.device)
                stages = Stages(self._model.parts(), placement, machine.residency())
                self._loaded = stages, self._model.caches()
        return self._loaded

    def _reason(self, error: Exception, request: PlateRequest) -> str:
        from flux2engine.errors import PromptLengthError

        words = f"{self._model.name} cannot paint this plate: {error}"
        return f"{words}: {request.prompt!r}; {_SHORTEN}" if isinstance(error, PromptLengthError) else words


class _Pictures:
    """Hand each file to the engine as one opener, so that a photograph shared by many plates is decoded once."""

    def __init__(self, files: FileSource) -> None:
        self._files = files
        self._openers: dict[str, Callable[[], Image.Image]] = {}

    def job(self, request: PlateRequest) -> Job:
        """Turn a request into the engine's job."""
        from flux2engine.phases import Job

        backdrop = request.direction.backdrop
        return Job(
            prompt=request.prompt,
            width=request.size.width,
            height=request.size.height,
            seed=request.seed,
            references=tuple(self._opener(reference.picture.file) for reference in request.references),
            base=None if request.base is None else self._opener(request.base),
            steps=request.steps,
            guidance=request.guidance,
            negative_prompt=request.negative_prompt,
            matte=None if backdrop is None else (backdrop.red, backdrop.green, backdrop.blue),
        )

    def _opener(self, file: FileRef) -> Callable[[], Image.Image]:
        return self._openers.setdefault(file.digest, partial(_picture, self._files, file))


def _picture(files: FileSource, file: FileRef) -> Image.Image:
    from PIL import Image

    from flux2flow.gates.pictures import decode_rgba

    width, height, pixels = decode_rgba(files.read(file))
    return Image.frombytes("RGBA", (width, height), pixels)


@contextmanager
def translated(model: ModelFiles) -> Iterator[None]:
    """Turn the engine's errors into ours, at the one door."""
    from flux2engine.errors import DeviceError, EngineError, LibraryError, ManifestError, WeightsError

    try:
        yield
    except (LibraryError, ManifestError, WeightsError) as error:
        raise GenerationError(f"the model {model.name} cannot be used: {error}; {model.remedy()}") from error
    except DeviceError as error:
        raise GenerationError(f"{model.name} cannot compute on {model.device}: {error}") from error
    except EngineError as error:
        raise GenerationError(f"{model.name} cannot paint: {error}") from error
