"""The FLUX.2 engine as image backends: the model that ships, and the user's own. The one door to `flux2engine`."""

from __future__ import annotations

from flux2flow.generation.flux2.installed import installed_entries, remedy
from flux2flow.generation.flux2.nano import LIMITS, NAME, THREADS, NanoBackend, nano_entry, nano_folder
from flux2flow.interfaces import BackendEntry

__all__ = ["LIMITS", "NAME", "THREADS", "NanoBackend", "entries", "nano_entry", "nano_folder", "remedy"]


def entries() -> tuple[BackendEntry, ...]:
    """Return every FLUX.2 model that a campaign may name, the one that ships first; loads no torch."""
    return (nano_entry(), *installed_entries())
