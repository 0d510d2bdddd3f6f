"""The model that ships, as an image backend: one folder inside the package, painted with on the CPU, in fp32."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from flux2flow.domain.plate import BackendIdentity, BackendLimits, WeightsLicence
from flux2flow.errors import GenerationError
from flux2flow.generation.flux2.backend import INSTALL, Flux2Backend, translated
from flux2flow.interfaces import BackendEntry

if TYPE_CHECKING:
    from flux2engine.model_folder import FolderParts
    from flux2engine.phases import Caches

NAME = "nano"
# A second thread saves less than half of a plate's few seconds on an idle machine; on a busy one its barriers spin:
# 304×256 at 8 steps took 4 s with one thread and 90 s with two at a load of 11 on two cores (2026-11-23).
THREADS = 1
# Half a megapixel: a story of 1080 × 1920 is then enlarged no more than twice. Few of its training pictures were that
# large: colours and calm hold there, podiums and products do not (MODEL_CARD.md). Its captions have no form for
# FLUX.2's JSON keys, and it reads 96 tokens. It was made to be run without guidance, and so without negative prompts.
LIMITS = BackendLimits(
    NAME,
    max_references=4,
    max_pixels=524_288,
    multiple=16,
    min_side=64,
    max_ratio=4.0,
    prompt_forms=("prose",),
    max_prompt_tokens=96,
    licence=WeightsLicence("Apache-2.0", "https://www.apache.org/licenses/LICENSE-2.0", "any use", False),
)

Stats = tuple[tuple[str, int, int, int], ...]
_digests: dict[Stats, str] = {}  # hashing 12 MB takes longer than everything else of a run that paints nothing


def nano_entry(folder: Path | None = None, threads: int = THREADS) -> BackendEntry:
    """Return the backend as it is registered; `folder` holds another checkpoint of the same form."""
    limits = replace(LIMITS, nouns=known_nouns(folder))
    return BackendEntry(NAME, limits, lambda: NanoBackend(folder, threads))


def known_nouns(folder: Path | None = None) -> frozenset[str] | None:
    """Read what the model has seen from the list beside its weights; None where a checkpoint has no such list."""
    try:
        document = json.loads(((folder or nano_folder()) / "vocabulary.json").read_text(encoding="utf-8"))
        return frozenset(noun for key in ("nouns", "scenery") for noun in document[key])
    except (GenerationError, OSError, ValueError, KeyError, TypeError):
        return None  # painting says what is wrong with a folder; without a list nothing is unknown


class NanoBackend(Flux2Backend):
    """Paint with a model folder: the one that ships, or another of its form."""

    def __init__(self, folder: Path | None = None, threads: int = THREADS) -> None:
        super().__init__(LIMITS, NanoFiles(folder, threads))


class NanoFiles:
    """A model folder, named by a digest that is taken again only where a file's size, time or inode changed."""

    name = NAME
    device = "cpu"

    def __init__(self, folder: Path | None, threads: int) -> None:
        self._given = folder
        self.threads = threads

    def identity(self) -> BackendIdentity:
        """Name manifest, weights and thread count; loads no torch."""
        folder = self._folder()
        from flux2engine.manifest import read_manifest
        from flux2engine.variants import SAMPLING_VERSION

        with translated(self):
            manifest = read_manifest(folder)
            variant = f"{manifest.variant} {manifest.version}".strip()
            return BackendIdentity(NAME, variant, _digest(folder), "float32", SAMPLING_VERSION, self.threads)

    def parts(self) -> FolderParts:
        """Return the folder."""
        from flux2engine.model_folder import FolderParts

        folder = self._folder()
        return FolderParts(folder, _digest(folder))

    def caches(self) -> Caches:
        """Keep embeddings and references in memory: they are made faster than a disk is asked."""
        from flux2engine.phases import open_caches

        return open_caches(None)

    def remedy(self) -> str:
        """Say where the folder is, and how to get it back."""
        return f"its folder is {self._given}" if self._given else "reinstall flux2flow"

    def _folder(self) -> Path:
        return self._given or nano_folder()


def nano_folder() -> Path:
    """Find the shipped checkpoint; raises GenerationError where this installation has none."""
    found = importlib.util.find_spec("flux2engine")
    if found is None or not found.submodule_search_locations:
        raise GenerationError(f"the engine is not installed; {INSTALL}")
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
