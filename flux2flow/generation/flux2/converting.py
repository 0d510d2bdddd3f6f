"""A model of the library, or a path, and a format → a smaller file of its weights, told as plain data.

The door to the engine's conversion: every error becomes a GenerationError, and no torch is loaded before it is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flux2flow.generation.flux2.library import Progress, models_folder, translated

if TYPE_CHECKING:
    from flux2engine.weights.checkpoint import WeightSource
    from flux2engine.weights.identify import Identified


@dataclass(frozen=True, slots=True)
class LayerError:
    """How far the quantised layers of one kind are from what they were."""

    kind: str
    layers: int
    relative: float  # of the root of summed squares


@dataclass(frozen=True, slots=True)
class Conversion:
    """What was written, and what to call it when it is imported."""

    kind: str  # in words
    source: str
    output: str
    target: str
    bytes_before: int
    bytes_after: int
    layers: tuple[LayerError, ...]
    import_options: tuple[str, ...]  # what `models import` has to be told of the new file


def convert(model: str, target: str, output: Path, progress: Progress | None = None) -> Conversion:
    """Quantise what a name of the library or a path stands for; raise GenerationError, and then there is no file."""
    with translated():
        from flux2engine.errors import LibraryError
        from flux2engine.library import WORDS
        from flux2engine.weights.convert import convert as write

        if output.suffix != ".safetensors":
            raise LibraryError(f"{output.name} would not be taken for weights: let its name end in .safetensors")
        if output.exists() or output.is_symlink():
            raise LibraryError(f"{output} is there already, and no file is written over: choose another name")
        source, found, options = _opened(model)
        first = source.files[0]
        told = None if progress is None else lambda done, of: progress(first, done, of)
        done = write(source, found, target, output, told)
        return Conversion(
            kind=WORDS[found.kind],
            source=source.name,
            output=str(output),
            target=target,
            bytes_before=done.bytes_before,
            bytes_after=done.bytes_after,
            layers=tuple(LayerError(error.kind, error.layers, error.relative) for error in done.errors),
            import_options=options,
        )


def _opened(model: str) -> tuple[WeightSource, Identified, tuple[str, ...]]:
    """Open a component by its name, else what lies at a path: one component, not a whole folder of them."""
    from flux2engine.errors import LibraryError
    from flux2engine.importing.gathering import gather
    from flux2engine.library import Library, unsound
    from flux2engine.weights.formats import open_weights
    from flux2engine.weights.identify import identify

    library = Library(models_folder())
    part = library.component(model)
    if part is not None:
        if faults := tuple(unsound(part)):
            raise LibraryError("; ".join(faults))
        source = open_weights(Path(part.source))
        tokenizer = ("--tokenizer", part.tokenizer.path) if part.tokenizer else ()
        variant = ("--variant", part.variant) if part.variant else ()
        return source, identify(source, part.config or None), (*variant, *tokenizer)
    if not Path(model).exists():
        known = ", ".join(found.name for found in library.components()) or "none"
        raise LibraryError(f"{model!r} is no file and no folder, and nothing of that name is installed: {known}")
    parts = gather(Path(model)).parts
    if len(parts) > 1:
        folders = ", ".join(part.source.name for part in parts)
        raise LibraryError(f"{model} holds several components: name one of its folders, {folders}")
    tokenizer = ("--tokenizer", str(parts[0].tokenizer)) if parts[0].tokenizer else ()
    return parts[0].checkpoint, identify(parts[0].checkpoint, parts[0].config or None), tokenizer
