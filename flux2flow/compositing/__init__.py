"""Layout + plate → Canvas. Paints what the layout says, in its order; decides nothing about position or size.

Skia, Pillow and numpy are imported with the first call, so that planning and validating start without them.
"""

from __future__ import annotations

from flux2flow.domain.canvas import Canvas
from flux2flow.domain.layout import Layout
from flux2flow.interfaces import FileSource

__all__ = ["compose"]


def compose(layout: Layout, plate: Canvas, files: FileSource) -> Canvas:
    """Paint every placed layer; the same input gives the same bytes. Raises CompositingError naming the layer."""
    from flux2flow.compositing.painter import paint

    return paint(layout, plate, files)
