"""The engine's table of licences → what planning, the command line and the manifest say about them. Loads no torch."""

from __future__ import annotations

from flux2flow.domain.plate import WeightsLicence


def weights_licence(name: str) -> WeightsLicence:
    """Return one licence of the table; weights that may not be run in production want to be acknowledged."""
    from flux2engine.variants import LICENCES

    row = LICENCES[name]
    return WeightsLicence(row.name, row.url, row.summary, needs_acknowledgement=not row.commercial)


def licence_names() -> tuple[str, ...]:
    """Return every licence that FLUX.2 weights are published under."""
    from flux2engine.variants import LICENCES

    return tuple(LICENCES)
