"""How light meets what stands there: contact and cast shadows, reflections in the floor, a rim of light.

Works on masks alone; knows nothing of what casts them.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter

from flux2engine.training.easel import Easel, Field, ellipse, soft_ellipse
from flux2engine.training.scene import Scene

_DEPTH = {"neutral": 1.0, "bright": 0.75, "dramatic": 1.35, "night": 1.2, "golden hour": 1.15}


def depth(scene: Scene) -> float:
    """Return how dark this light's shadows are."""
    return _DEPTH.get(scene.mood, 1.0)


def stand_shadow(easel: Easel, scene: Scene, cx: float, cy: float, rx: float, ry: float, tall: float) -> None:
    """Shade the floor around a stand's foot: dark where they touch, a soft pool away from the light."""
    amount = depth(scene)
    shift = -easel.direction * (0.35 * rx + 0.7 * tall)
    pool = soft_ellipse(easel, cx + shift, cy - 0.15 * ry, rx * 1.3 + 0.5 * abs(shift), ry * 1.7 + 0.06 * tall)
    easel.darken(0.26 * amount * pool)
    outside = np.clip(ellipse(easel, cx, cy, rx, ry), 0, None) / easel.unit
    easel.darken(np.clip(amount * (0.3 * np.exp(-outside / 0.012) + 0.14 * np.exp(-outside / 0.05)) - 0.004, 0, 1))


def product_shadow(
    easel: Easel, scene: Scene, alpha: Field, left: int, top: int, surface: Field | None, strength: float = 1.0
) -> None:
    """Shade what a product stands on: dark along its foot, and its silhouette lying away from the light.

    `alpha` (h, w) has its corner at (left, top); `surface` keeps the shadow on the stand's top.
    """
    height, width = alpha.shape
    pad = max(4, round(0.45 * max(width, height)))
    rows = np.arange(height)[:, None]
    solid = alpha > 0.5
    lowest = np.where(solid.any(0), (rows * solid).max(0), -1)
    touching = lowest >= lowest.max() - max(1.5, 0.05 * height)
    contact = np.zeros((height + 2 * pad, width + 2 * pad), np.float32)
    thick = max(1, round(0.012 * easel.unit))
    for column in np.flatnonzero(touching):
        contact[pad + lowest[column] - thick : pad + lowest[column] + thick + 1, pad + column] = 1
    near = _blurred(contact, 0.008 * easel.unit + 0.4)
    wide = _blurred(contact, 0.028 * easel.unit)
    cast = _cast(alpha, pad, -easel.direction, 0.3 if easel.direction else 0.16)
    cast = _blurred(cast, 0.02 * easel.unit + 0.03 * height)
    dark = (0.62 * near + 0.75 * wide + 0.34 * cast) * depth(scene) * strength
    _darken_patch(easel, np.clip(dark - 0.006, 0, 0.72), left - pad, top - pad, surface)


def drop_shadow(easel: Easel, scene: Scene, alpha: Field, left: int, top: int) -> None:
    """Shade a surface seen from above around what lies on it."""
    pad = max(4, round(0.09 * easel.unit))
    mask = np.pad(alpha, pad)
    shift_x, shift_y = round(-easel.direction * 0.022 * easel.unit), round(0.016 * easel.unit)
    far = np.roll(_blurred(mask, 0.024 * easel.unit), (shift_y, shift_x), (0, 1))
    near = np.roll(_blurred(mask, 0.007 * easel.unit), (shift_y // 3, shift_x // 3), (0, 1))
    dark = np.clip((0.36 * far + 0.3 * near) * depth(scene) - 0.006, 0, 0.6)
    _darken_patch(easel, dark, left - pad, top - pad, None)


def _cast(alpha: Field, pad: int, lean: float, flat: float) -> Field:
    """Lay a silhouette down behind its foot: flattened, leaning, and paler the farther it reaches."""
    height, width = alpha.shape
    size = (width + 2 * pad, height + 2 * pad)
    base = pad + height
    shear = lean * 1.1
    # Output (x, y) takes source (x - pad - shear * (base - y), height - (base - y) / flat).
    moved = (1.0, shear, -pad - shear * base, 0.0, 1 / flat, height - base / flat)
    source = Image.fromarray((alpha * 255).astype(np.uint8))
    laid = source.transform(size, Image.Transform.AFFINE, moved, Image.Resampling.BILINEAR)
    away = (base - np.arange(size[1], dtype=np.float32))[:, None] / max(flat * height, 1)
    faded: Field = np.asarray(laid, np.float32) / 255 * np.clip(1.05 - 0.75 * away, 0, 1)
    return faded


def _blurred(mask: Field, radius: float) -> Field:
    picture = Image.fromarray((np.clip(mask, 0, 1) * 255).astype(np.uint8))
    return np.asarray(picture.filter(ImageFilter.GaussianBlur(radius)), np.float32) / 255


def _darken_patch(easel: Easel, dark: Field, left: int, top: int, surface: Field | None) -> None:
    height, width = dark.shape
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + width, easel.width), min(top + height, easel.height)
    if x1 <= x0 or y1 <= y0:
        return
    part = dark[y0 - top : y1 - top, x0 - left : x1 - left]
    if surface is not None:
        part = part * surface[y0:y1, x0:x1]
    easel.canvas[y0:y1, x0:x1] *= (1 - part)[..., None]


def rim_light(rgba: Field, direction: float, unit: float) -> None:
    """Draw a bright outline on the side away from the key light, inside the product (h, w, 4) itself."""
    alpha = rgba[..., 3]
    reach = max(1.0, 0.007 * unit)
    shift, lift = (1 if direction < 0 else -1) * round(reach), round(0.5 * reach)
    # The silhouette, blurred and moved towards the key light: what it no longer covers is the edge that faces away.
    padded = np.pad(alpha, round(3 * reach) + 1)
    moved = np.roll(_blurred(padded, 0.7 * reach), (lift, -shift), (0, 1))
    height, width = alpha.shape
    start = round(3 * reach) + 1
    edge = np.clip((alpha - moved[start : start + height, start : start + width]) * 1.6 - 0.25, 0, 1) * alpha
    rgba[..., :3] += (1 - rgba[..., :3]) * (0.6 * edge)[..., None]


def reflect(easel: Easel, scene: Scene) -> None:
    """Mirror what stands on the floor about its own foot, column by column, fading with distance."""
    if scene.reflection <= 0:
        return
    bare = 1 - np.clip(easel.weight * 2, 0, 1)
    fade = (0.2 if scene.floor == "glossy" else 0.08) * easel.unit
    source = easel.canvas.copy()
    for mask, base in easel.standing:
        solid = mask > 0.5
        columns = np.flatnonzero(solid.any(0))
        if not len(columns):
            continue
        rows = np.arange(easel.height, dtype=np.float32)
        lowest = easel.height - 1 - solid[::-1, columns].argmax(0)
        # Where the foot ends between two rows: whole rows would mirror a round foot as a ragged one.
        edge = lowest + np.clip(mask[np.minimum(lowest + 1, easel.height - 1), columns], 0, 1)
        foot = np.where(lowest > base - 0.06 * easel.unit, edge, base)
        first = int(max(foot.min(), 0))
        below = rows[first:, None] - foot[None, :]  # (rows, columns): how far under its foot
        at = np.clip(foot[None, :] - below + 1, 0, easel.height - 1)
        upper = np.minimum(at.astype(np.int64), easel.height - 2)
        part = (at - upper)[..., None]
        mirrored = source[upper, columns] * (1 - part) + source[upper + 1, columns] * part
        seen = mask[upper, columns] * (1 - part[..., 0]) + mask[upper + 1, columns] * part[..., 0]
        strength = scene.reflection * np.exp(-np.abs(below) / fade) * seen * (below > 0) * bare[first:, columns] - 0.01
        region = easel.canvas[first:, columns]
        easel.canvas[first:, columns] = region + (mirrored - region) * np.clip(strength, 0, 1)[..., None]
