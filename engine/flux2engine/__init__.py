"""FLUX.2 as a library: prompts and reference pictures in, pixels out.

Importing this package loads no torch; `flux2engine.variants` and `flux2engine.errors` stay light. The entry point is
`flux2engine.pipeline.Flux2Pipeline`. Nothing here knows campaigns, brands or type.
"""

from __future__ import annotations

__version__ = "0.1.0"
