"""The engine's prompt upsampling as a plain function: a prompt and encoded pictures in, an answer in words out.

The model is an imported Mistral-3 that was not cut down to what painting needs. Judges no answer: planning does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from flux2flow.errors import GenerationError

if TYPE_CHECKING:
    from PIL import Image

    from flux2engine.library import Component
    from flux2engine.upsampling import PromptUpsampler

_INSTALL = "install the engine: pip install 'flux2flow[engine]'"
_IMPORT = "flux2flow models import FOLDER, with the folder mistralai/Mistral-Small-3.2-24B-Instruct-2506"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a language model made of a prompt; `problem` says why it is of no use, where it is not."""

    text: str
    tokens: int
    problem: str = ""


class Upsampler(Protocol):
    """A language model that writes a richer prompt. Raises GenerationError; loads its weights on first use."""

    name: str
    weights_digest: str

    def upsample(self, prompt: str, pictures: Sequence[bytes], seed: int) -> Answer:
        """Answer with a richer prompt; `pictures` are encoded files in the order the prompt numbers them."""
        ...


def choose_upsampler(name: str | None = None, folder: Path | None = None) -> Upsampler:
    """Find the imported language model of this name, or the only one; raises GenerationError with what to import."""
    from flux2flow.generation.flux2.library import models_folder

    with _translated("the models folder"):
        from flux2engine.library import Library

        components = Library(folder or models_folder()).components()
    able = [part for part in components if part.kind == "text_encoder" and part.shape.get("kind") == "mistral3"]
    chosen = [part for part in able if name in (None, part.name)]
    if len(chosen) == 1:
        return LibraryUpsampler(chosen[0])
    known = ", ".join(part.name for part in able)
    if not able:
        raise GenerationError(f"no language model that can rewrite prompts is imported: {_IMPORT}")
    if name is None:
        raise GenerationError(f"several language models can rewrite prompts: choose with --with, one of {known}")
    raise GenerationError(f"no language model {name!r} that can rewrite prompts is imported; there are {known}")


class LibraryUpsampler:
    """An imported Mistral-3, on the machine's best device."""

    def __init__(self, component: Component) -> None:
        self.name = component.name
        self.weights_digest = component.digest
        self._component = component
        self._loaded: PromptUpsampler | None = None

    def upsample(self, prompt: str, pictures: Sequence[bytes], seed: int) -> Answer:
        """Answer with a richer prompt."""
        model = self._model()
        from flux2engine.memory import fixed_threads

        with _translated(self.name), fixed_threads(1):
            made = model.upsample(prompt, [_picture(data) for data in pictures], seed)
        return Answer(made.text, made.token_count, made.problem)

    def _model(self) -> PromptUpsampler:
        """Load the model once; on a CPU its files' dtype stays, which takes half the memory of fp32."""
        if self._loaded is None:
            try:
                from flux2engine.memory import choose_placement
                from flux2engine.upsampling import load_upsampler
                from flux2engine.weights.formats import open_weights
                from flux2engine.weights.identify import identify
            except ImportError as error:
                if (error.name or "").startswith("flux2engine"):
                    raise  # ours to mend, not the user's
                raise GenerationError(f"PyTorch cannot be loaded ({error}); {_INSTALL}") from error
            part = self._component
            changed = next((file.path for file in part.all_files if file.state() != "same"), None)
            if changed or part.tokenizer is None:
                raise GenerationError(
                    f"{self.name} is not as it was imported ({changed or 'no tokenizer'}): import it again"
                )
            with _translated(self.name):
                placement = choose_placement()
                checkpoint = open_weights(Path(part.source))
                self._loaded = load_upsampler(
                    checkpoint,
                    identify(checkpoint, part.config or None),
                    Path(part.tokenizer.path),
                    part.config,
                    placement.device,
                    None if placement.device.type == "cpu" else placement.dtype,
                )
        return self._loaded


def _picture(data: bytes) -> Image.Image:
    from PIL import Image

    from flux2flow.gates.pictures import decode_rgba

    width, height, pixels = decode_rgba(data)
    return Image.frombytes("RGBA", (width, height), pixels)


@contextmanager
def _translated(name: str) -> Iterator[None]:
    """Turn the engine's errors into ours, at the one door."""
    from flux2engine.errors import EngineError

    try:
        yield
    except EngineError as error:
        raise GenerationError(f"{name}: {error}") from error
