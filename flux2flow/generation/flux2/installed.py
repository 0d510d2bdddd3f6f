"""The user's own models as image backends: one entry per model of the library, complete or not.

Registering them reads small records and no weights; an incomplete one says what it lacks when it is asked to paint.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from flux2flow.domain.plate import BackendIdentity
from flux2flow.errors import GenerationError
from flux2flow.generation.flux2 import machine
from flux2flow.generation.flux2.backend import Flux2Backend, translated
from flux2flow.generation.flux2.library import RESERVED, known_variants, limits_of, models_folder
from flux2flow.interfaces import BackendEntry

if TYPE_CHECKING:
    from flux2engine.library import InstalledModel
    from flux2engine.phases import Caches
    from flux2engine.stages import InstalledParts

NAME = "flux2"
CACHE_VARIABLE = "FLUX2FLOW_CACHE"


def installed_entries() -> tuple[BackendEntry, ...]:
    """Return a backend per model of the library. What is damaged there hides nothing else, and is told on use."""
    if not models_folder().is_dir():
        return ()
    from flux2engine.errors import EngineError
    from flux2engine.library import Library

    try:
        models = Library(models_folder()).models()
    except EngineError:  # `remedy` tells it, where a model of this library is asked for
        return ()
    return tuple(
        BackendEntry(model.name, limits_of(model.name, model.variant), partial(_create, model))
        for model in models
        if model.name not in RESERVED
    )


def remedy(name: str) -> str:
    """Say what to do about a model that is not installed; empty for a name that is no FLUX.2 model's."""
    from flux2engine.errors import EngineError
    from flux2engine.library import Library

    found = next((variant for variant in known_variants() if variant.name == name), None)
    words = [] if found is None else [f"{name} is a FLUX.2 model: {found.remedy}"]
    try:
        damaged = Library(models_folder()).damaged()
        words += [f"{record.path} is damaged ({record.reason})" for record in damaged if record.path.stem == name]
    except EngineError as error:
        words.append(str(error))
    return "; ".join(words)


def cache_folder() -> Path:
    """Return the folder of what is quick to lose and slow to make: FLUX2FLOW_CACHE, else the user's own cache."""
    if named := os.environ.get(CACHE_VARIABLE):
        return Path(named)
    import platformdirs

    return Path(platformdirs.user_cache_dir("flux2flow", appauthor=False))


class InstalledFiles:
    """A model of the library, as it was when the backend was made."""

    def __init__(self, model: InstalledModel) -> None:
        self.name = model.name
        self._model = model

    @property
    def device(self) -> str:
        """Where it computes."""
        return machine.device()

    @property
    def threads(self) -> int:
        """All cores: a step takes minutes on one."""
        return machine.physical_cores()

    def identity(self) -> BackendIdentity:
        """Name variant, weights, dtype and thread count, from the record: a run that paints nothing needs no files."""
        from flux2engine.variants import SAMPLING_VERSION

        self._require_complete()
        threads = self.threads if self.device == "cpu" else 0  # elsewhere they decide no pixel
        with translated(self):
            digest = self._model.digest
        return BackendIdentity(NAME, self._model.variant.name, digest, machine.dtype(), SAMPLING_VERSION, threads)

    def parts(self) -> InstalledParts:
        """Return the components."""
        from flux2engine.stages import InstalledParts

        self._require_sound()
        return InstalledParts(self._model)

    def caches(self) -> Caches:
        """Keep embeddings, references and sampled latents on disk."""
        from flux2engine.phases import open_caches

        return open_caches(cache_folder() / "tensors")

    def remedy(self) -> str:
        """Say how to find out which file is at fault."""
        return f"flux2flow models verify {self.name} reads its files again"

    def _require_complete(self) -> None:
        if self._model.missing:
            raise GenerationError(f"the model {self.name} is not complete: {'; '.join(self._model.missing)}")

    def _require_sound(self) -> None:
        """Refuse files that are no longer the bytes that the digest names; only looks at sizes and times."""
        self._require_complete()
        if changed := self._model.unsound():
            raise GenerationError(f"the model {self.name} cannot be used: {'; '.join(changed)} ({self.remedy()})")


def _create(model: InstalledModel) -> Flux2Backend:
    return Flux2Backend(limits_of(model.name, model.variant), InstalledFiles(model))
