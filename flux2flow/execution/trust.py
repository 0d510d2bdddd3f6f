"""A plan and this machine's walls → nothing, or a refusal.

Foreign SVGs are drawn behind walls, or because somebody said so (decision 19). Knows no kernel and draws nothing.
"""

from __future__ import annotations

from flux2flow.domain.plan import Plan
from flux2flow.domain.scene import LogoLayer, PictureLayer
from flux2flow.errors import PlanError

LIBRARY = "library"


def require_walls(plan: Plan, status: str, *, unconfined: bool) -> None:
    """Raise PlanError where SVGs from outside the shipped library would be drawn by a child without walls.

    `status` is what `gates.confinement.status()` says; `unconfined` is the user's word that the project is trusted.
    """
    if unconfined or status == "landlock":
        return
    layers = (layer for scene in plan.scenes for layer in scene.layers if isinstance(layer, LogoLayer | PictureLayer))
    pictures = {layer.picture.file for layer in layers if layer.picture.media == "svg"}
    foreign = sorted(file.path for file in pictures if file.root != LIBRARY)
    if foreign:
        raise PlanError(
            f"SVG files of this project cannot be drawn behind walls here ({status}): {', '.join(foreign)}."
            " If you trust the project, add --unconfined; else give the logos as PNG"
        )
