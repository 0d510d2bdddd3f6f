"""The FLUX.2 engine as image backends: the model that ships, and the user's own. The one door to `flux2engine`."""

from __future__ import annotations

from flux2flow.generation.flux2.backend import LIMITS, NAME, THREADS, NanoBackend, nano_entry, nano_folder

__all__ = ["LIMITS", "NAME", "THREADS", "NanoBackend", "nano_entry", "nano_folder"]
