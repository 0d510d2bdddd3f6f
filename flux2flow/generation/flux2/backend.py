"""The `nano` backend: plates painted by the FLUX.2 engine with the small model that ships. The one door to the engine.

Everything of `flux2engine` is imported inside functions: planning and `--help` meet neither it nor torch. On a CPU the
pixels depend on the number of threads, so that number is fixed and part of the identity.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from flux2flow.domain.canvas import Canvas
from flux2flow.domain.files import FileRef
from flux2flow.domain.measures import PixelSize
from flux2flow.domain.plate import BackendIdentity, BackendLimits, PlateRequest
from flux2flow.errors import GenerationError
from flux2flow.interfaces import BackendEntry, FileSource, Painted, PaintStep

if TYPE_CHECKING:
    from PIL import Image

    from flux2engine.pipeline import Flux2Pipeline, State

NAME = "nano"
# A second thread saves less than half of a plate's few seconds on an idle machine; on a busy one its barriers spin:
# 304×256 at 8 steps took 4 s with one thread and 90 s with two at a load of 11 on two cores (2026-11-23).
THREADS = 1
# Half a megapixel: a story of 1080 × 1920 is then enlarged no more than twice. Few of its training pictures were that
# large: colours and calm hold there, podiums and products do not (MODEL_CARD.md). Its captions have no form for
# FLUX.2's JSON keys, and it reads 96 tokens.
LIMITS = BackendLimits(
    NAME,
    max_references=4,
    max_pixels=524_288,
    multiple=16,
    min_side=64,
    max_ratio=4.0,
    prompt_forms=("prose",),
    max_prompt_tokens=96,
)
_INSTALL = "install the engine: pip install 'flux2flow[engine]'"

Stats = tuple[tuple[str, int, int, int], ...]
_digests: dict[Stats, str] = {}  # hashing 12 MB takes longer than everything else of a run that paints nothing


def nano_entry(folder: Path | None = None, threads: int = THREADS) -> BackendEntry:
    """Return the backend as it is registered; `folder` holds another checkpoint of the same form."""
    return BackendEntry(NAME, LIMITS, lambda: NanoBackend(folder, threads))


class NanoBackend:
    """Paint with a model folder on the CPU, in fp32, one plate at a time.

    One at a time on purpose: a batch would change a plate's pixels by what happens to be painted beside it, and a
    resumed run has other batches than the first.
    """

    limits = LIMITS

    def __init__(self, folder: Path | None = None, threads: int = THREADS) -> None:
        self._folder = folder
        self._threads = threads
        self._pipeline: Flux2Pipeline | None = None

    def identity(self) -> BackendIdentity:
        """Say which model, weights, dtype, sampling version and thread count decide the pixels; loads no torch."""
        folder = self._folder or nano_folder()
        from flux2engine.manifest import read_manifest
        from flux2engine.variants import SAMPLING_VERSION

        with _translated(folder):
            manifest = read_manifest(folder)
            variant = f"{manifest.variant} {manifest.version}".strip()
            return BackendIdentity(NAME, variant, _digest(folder), "float32", SAMPLING_VERSION, self._threads)

    def paint(self, requests: Sequence[PlateRequest], files: FileSource) -> Iterator[PaintStep | Painted]:
        """Paint the requests; yields a step at a time. Raises GenerationError."""
        pipeline = self._loaded()
        from flux2engine.memory import fixed_threads

        for number, request in enumerate(requests):
            begun = time.perf_counter()
            pictures = [_picture(files, reference.picture.file) for reference in request.references]
            base = _picture(files, request.base) if request.base else None
            with _translated(self._folder), fixed_threads(self._threads):
                states = pipeline.run(
                    [request.prompt],
                    request.size.width,
                    request.size.height,
                    [request.seed],
                    references=[pictures],
                    steps=request.steps,
                    guidance=request.guidance,
                    bases=[base],
                )
            yield from self._progress(number, request, states, begun)

    def _progress(
        self, number: int, request: PlateRequest, states: Iterator[State], begun: float
    ) -> Iterator[PaintStep | Painted]:
        """Turn the engine's states into steps and the finished plate; the threads are fixed while it computes."""
        from flux2engine.memory import fixed_threads

        pixels = None
        while True:
            with _translated(self._folder), fixed_threads(self._threads):
                state = next(states, None)
            if state is None:
                break
            if any(state.truncated):
                raise GenerationError(
                    f"the prompt is longer than {NAME} reads, and its end would be lost: {request.prompt!r}; shorten"
                    " the plate texts of the template"
                )
            pixels = state.pixels[0] if state.pixels else None
            yield PaintStep(number, state.step, state.of)
        if pixels is None:
            raise GenerationError(f"{NAME} ended without a picture")
        height, width, _ = pixels.shape
        yield Painted(number, Canvas(PixelSize(width, height), pixels.tobytes()), time.perf_counter() - begun)

    def _loaded(self) -> Flux2Pipeline:
        """Load the pipeline once."""
        if self._pipeline is None:
            folder = self._folder or nano_folder()
            try:
                from flux2engine.memory import fixed_threads
                from flux2engine.pipeline import Flux2Pipeline
            except ImportError as error:
                if (error.name or "").startswith("flux2engine"):
                    raise  # ours to mend, not the user's
                raise GenerationError(f"{NAME} needs PyTorch, which cannot be loaded ({error}); {_INSTALL}") from error
            with _translated(folder), fixed_threads(self._threads):
                self._pipeline = Flux2Pipeline.from_folder(folder, device="cpu")
        return self._pipeline


def nano_folder() -> Path:
    """Find the shipped checkpoint; raises GenerationError where this installation has none."""
    found = importlib.util.find_spec("flux2engine")
    if found is None or not found.submodule_search_locations:
        raise GenerationError(f"the engine is not installed; {_INSTALL}")
    folder = Path(found.submodule_search_locations[0]) / "nano"
    if not (folder / "model.json").is_file():
        raise GenerationError(
            f"the model {NAME} is not in this installation: {folder / 'model.json'} is missing; reinstall flux2flow, or"
            " choose 'model: procedural'"
        )
    return folder


def _digest(folder: Path) -> str:
    """Return the model's digest, hashed again only where a file's size, time or inode changed (decision 9)."""
    from flux2engine.manifest import MANIFEST, folder_digest, read_manifest

    files = read_manifest(folder).files
    names = (MANIFEST, files.transformer, files.autoencoder, files.text_encoder, files.tokenizer)
    try:
        facts = [(folder / name, (folder / name).stat()) for name in names]
    except OSError as error:
        raise GenerationError(
            f"a file of the model {NAME} is missing ({error.filename}): reinstall flux2flow"
        ) from error
    key = tuple((str(path), stat.st_size, stat.st_mtime_ns, stat.st_ino) for path, stat in facts)
    if key not in _digests:
        _digests[key] = folder_digest(folder)
    return _digests[key]


def _picture(files: FileSource, file: FileRef) -> Image.Image:
    from PIL import Image

    from flux2flow.gates.pictures import decode_rgba

    width, height, pixels = decode_rgba(files.read(file))
    return Image.frombytes("RGBA", (width, height), pixels)


@contextmanager
def _translated(folder: Path | None) -> Iterator[None]:
    """Turn the engine's errors into ours, at the one door."""
    from flux2engine.errors import EngineError, ManifestError, WeightsError

    try:
        yield
    except (ManifestError, WeightsError) as error:
        where = f" in {folder}" if folder else ""
        raise GenerationError(f"the model {NAME}{where} cannot be used: {error}") from error
    except EngineError as error:
        raise GenerationError(f"{NAME} cannot paint this plate: {error}") from error
