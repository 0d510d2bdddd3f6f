"""Scene → Layout: shaping, line breaking, copyfitting, placement. Every decision about place and size is made here.

Paints nothing, and knows no fonts but the kit's.
"""

from __future__ import annotations

from flux2flow.typography.set_scene import set_scene

__all__ = ["set_scene"]
