"""A small sibling of a published model, written as its diffusers folder and imported into a library of its own."""

from __future__ import annotations

from pathlib import Path

import torch

from flux2engine.importing import import_path
from flux2engine.library import InstalledModel, Library
from tests.engine.checkpoints import write_diffusers


def install(
    folder: Path, variant: str, *, dtype: torch.dtype = torch.float32, name: str | None = None
) -> InstalledModel:
    """Write the sibling of `variant` below `folder` and import it into `folder / "models"`."""
    library = Library(folder / "models")
    import_path(library, write_diffusers(folder / "files" / variant, variant, dtype=dtype), variant=variant, name=name)
    return library.model(name or variant)
