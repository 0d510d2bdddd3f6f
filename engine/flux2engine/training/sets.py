"""A scene's set: wall, floor and their materials, in the asked colours, under the scene's light.

The bare backdrop's mean is the asked colour (`_calibrate`); textures fade where the scene declares an empty box.
"""

from __future__ import annotations

import random

import numpy as np
from PIL import Image, ImageFilter

from flux2engine.training.colours import RGB
from flux2engine.training.easel import STRENGTH, Easel, Field, bump, cover, ease, lit
from flux2engine.training.materials import paint_material
from flux2engine.training.scene import Scene

TWO_COLOURED = ("two-tone", "wood", "marble", "terrazzo")  # wall in `backdrop`, floor in `second`


def paint_set(easel: Easel, scene: Scene) -> None:
    """Paint wall and floor."""
    rng = random.Random(scene.seed)
    strength = STRENGTH[scene.mood] * rng.uniform(0.8, 1.2)
    glow = _glow(easel, scene)
    shade = 1 + 1.5 * strength * glow
    amount = (
        (0.5 / (1 + np.exp(-1.5 * glow)))[..., None] if scene.mood not in ("neutral", "dramatic", "bright") else 0.0
    )
    if scene.set == "gradient":
        _paint_gradient(easel, scene, shade, amount)
        return
    easel.canvas += lit(scene.backdrop, shade, easel.tint, amount)
    if scene.kind == "flat-lay":
        paint_material(easel, scene, rng)
        _calibrate(easel, scene.backdrop, easel.backdrop)
    elif scene.kind == "infographic":
        _paint_pattern(easel, scene, rng)
        _calibrate(easel, scene.backdrop, easel.backdrop)
    elif scene.set == "bokeh":
        _paint_bokeh(easel, scene, rng)
        _calibrate(easel, scene.backdrop, easel.backdrop)
    elif scene.set == "paper":
        _calibrate(easel, scene.backdrop, easel.backdrop)
        _paint_paper(easel, scene, rng)
    else:
        _paint_room(easel, scene, rng, shade, glow, amount)


def _glow(easel: Easel, scene: Scene) -> Field:
    """Return the light's fall-off over the picture, with mean 0 so that the asked colour stays the average one."""
    cx = {"left": 0.08, "right": 0.92}.get(scene.light, 0.5) * easel.width
    cy = {"top": -0.05, "front": 0.45}.get(scene.light, 0.22) * easel.height
    reach = 0.62 * max(easel.width, easel.height * 0.9)
    glow = np.exp(
        -(((easel.x - cx) / reach) ** 2 + ((easel.y - cy) / (0.85 * max(easel.height, easel.width * 0.5))) ** 2)
    )
    centred: Field = glow - float(glow.mean())
    return centred


def _calibrate(easel: Easel, colour: RGB, region: Field) -> None:
    """Shift the region's colours until their mean is the asked one; twice, for what the first shift clips."""
    total = float(region.sum())
    if total < 1:
        return
    for _ in range(3):
        mean = (np.clip(easel.canvas, 0, 1) * region[..., None]).sum((0, 1)) / total
        # The whole canvas moves, not the region alone: its edge would show.
        easel.canvas += np.asarray(colour, np.float32) / 255 - mean
    np.clip(easel.canvas, 0, 1, out=easel.canvas)


def _paint_gradient(easel: Easel, scene: Scene, shade: Field, amount: Field | float) -> None:
    across, down = easel.x / easel.width, easel.y / easel.height
    t = {"vertical": down + 0 * across, "horizontal": across + 0 * down}.get(scene.gradient, 0.5 * (across + down))
    first, last = (lit(c, 1 + 0.4 * (shade - 1), easel.tint, 0.5 * amount) for c in (scene.backdrop, scene.second))
    easel.canvas += first + (last - first) * ease(t * 1.1 - 0.05)[..., None]
    easel.backdrop *= 1 - ease(t * 7)


def _paint_room(
    easel: Easel, scene: Scene, rng: random.Random, shade: Field, glow: Field, amount: Field | float
) -> None:
    """Paint a wall that meets a floor: by a sweep, or at a line where the floor has a colour of its own."""
    h, u, horizon = easel.height, easel.unit, scene.horizon * easel.height
    lined = scene.set in (*TWO_COLOURED, "arch", "niche")
    below = cover(horizon - easel.y + 0 * easel.x)
    paint_material(easel, scene, rng)
    if scene.set == "curtain":
        _paint_folds(easel, rng, 1 - below)
    easel.backdrop *= 1 - (below if lined else ease((easel.y - horizon + 0.12 * h) / (0.1 * h)))
    _calibrate(easel, scene.backdrop, easel.backdrop)
    _paint_wall(easel, scene, rng, 1 - below)
    front = np.clip((easel.y - horizon) / max(h - horizon, 1), 0, 1)
    if lined:
        ground = scene.second if scene.set in TWO_COLOURED else scene.backdrop
        floor = lit(ground, shade + 0.05 - 0.1 * front, easel.tint, amount)
        easel.blend(floor, below)
        # The wall darkens a little towards the floor, the floor towards the wall: the corner catches less light.
        easel.darken(0.16 * np.exp(-np.abs(easel.y - horizon) / (0.035 * u)) + 0 * easel.x)
        return
    # A seamless sweep: the wall curves into a floor that catches a little more light.
    bend = ease((easel.y - horizon + 0.1 * h) / (0.2 * h))
    sink = np.exp(-(((easel.y - horizon) / (0.11 * h)) ** 2))
    easel.darken((0.05 * sink + 0 * easel.x) * (1.4 if scene.mood in ("night", "dramatic") else 1.0))
    easel.lighten(0.07 * bend * (1 - 0.5 * front) * (0.6 + 0.9 * np.clip(glow + 0.2, 0, 1)))


def _paint_folds(easel: Easel, rng: random.Random, above: Field) -> None:
    folds = rng.uniform(6, 12) * (easel.width / easel.unit) ** 0.6
    phase, across = rng.uniform(0, 6), easel.x / easel.width
    wave = np.sin(across * folds * 6.283 + phase + 0.8 * np.sin(across * folds * 2.1))
    easel.canvas *= (1 - 0.11 * wave * above * (1 - 0.96 * easel.calm))[..., None]


# What a wall holds: arch, disc, niche, window light.


def _paint_wall(easel: Easel, scene: Scene, rng: random.Random, above: Field) -> None:
    if scene.set in ("arch", "disc", "niche"):
        _paint_opening(easel, scene, rng, above)
    elif scene.set == "window":
        light = _window(easel, scene, rng) * above * (1 - easel.calm)
        easel.canvas += (np.minimum(easel.canvas * 1.22 + 0.09, 1) - easel.canvas) * (0.75 * light)[..., None]
        easel.backdrop *= 1 - ease(light * 3)


def _paint_opening(easel: Easel, scene: Scene, rng: random.Random, above: Field) -> None:
    """Paint an arch or a disc on the wall, or a niche in it, in the second colour, with the shadow of its edge."""
    h, u, cx, horizon = easel.height, easel.unit, scene.centre * easel.width, scene.horizon * easel.height
    half = rng.uniform(0.22, 0.3) * u
    top = (rng.uniform(0.08, 0.2) if scene.empty != "top" else 0.45) * h
    middle = max(horizon - rng.uniform(0.1, 0.2) * u, top + half)
    rounding = half if scene.set == "arch" or rng.random() < 0.5 else 0.06 * u

    def shape(dx: float, dy: float) -> Field:
        x, y = np.abs(easel.x - cx - dx), easel.y - dy
        if scene.set == "disc":
            circle: Field = np.hypot(x, y - middle) - half
            return circle
        corner = np.hypot(np.maximum(x - half + rounding, 0), np.maximum(top + rounding - y, 0)) - rounding
        outline: Field = np.maximum(np.where(y < top + rounding, corner, x - half), -u)
        return outline

    inside = cover(shape(0, 0)) * above
    down = np.clip((easel.y - top) / max(horizon - top, 1), 0, 1)
    fall = 1.05 - 0.1 * down if scene.set != "niche" else 0.86 + 0.12 * down
    easel.blend(lit(scene.second, fall + 0 * easel.x, easel.tint, 0.1), inside)
    lean = easel.direction or 0.4
    if scene.set == "niche":  # deep: the edge towards the light and the head throw soft shadow into it
        shade = ease(shape(-lean * 0.1 * u, 0.1 * u) / (0.1 * u) + 0.25)
        easel.darken(0.32 * shade * inside)
        lip = np.clip(1 - np.abs(shape(0, 0) + 0.004 * u) / (0.006 * u + 0.5), 0, 1) * above
        easel.lighten(0.22 * lip * ease(0.5 + (easel.x - cx) * lean / half))
    else:
        depth = 0.028 * u
        easel.darken(0.2 * np.clip(shape(-lean * depth, depth * 0.8) / (0.02 * u), 0, 1) * inside)
    easel.backdrop *= 1 - ease((0.02 * u - shape(0, 0)) / (0.02 * u) + 0) * above


def _window(easel: Easel, scene: Scene, rng: random.Random) -> Field:
    """Return the light of a window's panes on the wall, 0 … 1."""
    u, direction = easel.unit, easel.direction or 0.4
    skew, blur, pane = -direction * rng.uniform(0.25, 0.5), rng.uniform(0.012, 0.03) * u, rng.uniform(0.13, 0.2) * u
    left = scene.centre * easel.width - rng.uniform(0.25, 0.4) * u
    top = (0.08 if scene.empty != "top" else 0.38) * easel.height
    along = easel.x - left + skew * (easel.y - top)
    down = easel.y - top - 0.15 * along * direction
    light = np.zeros((easel.height, easel.width), np.float32)
    columns, rows = rng.choice([2, 3]), rng.choice([2, 3])
    for column in range(columns):
        for row in range(rows):
            light += (
                ease((along - column * pane * 1.12) / blur + 0.5)
                * ease((column * pane * 1.12 + pane - along) / blur + 0.5)
                * ease((down - row * pane * 1.12) / blur + 0.5)
                * ease((row * pane * 1.12 + pane - down) / blur + 0.5)
            )
    return np.clip(light, 0, 1)


def _paint_bokeh(easel: Easel, scene: Scene, rng: random.Random) -> None:
    """Paint out-of-focus lights: many, faint, overlapping, brighter at the rim as a lens draws them."""
    colour = np.asarray(scene.second, np.float32) / 255
    still = 1 - easel.calm
    for index in range(rng.randint(14, 26)):
        radius = easel.unit * (rng.uniform(0.03, 0.08) if index % 3 else rng.uniform(0.08, 0.15))
        cx, cy = rng.random() * easel.width, rng.uniform(-0.05, 0.8) * easel.height
        reach = int(radius * 1.3 + 2)
        x0, x1 = max(0, int(cx) - reach), min(easel.width, int(cx) + reach)
        y0, y1 = max(0, int(cy) - reach), min(easel.height, int(cy) + reach)
        opacity = rng.uniform(0.08, 0.3)
        if x1 <= x0 or y1 <= y0:
            continue
        distance = np.hypot(easel.x[:, x0:x1] - cx, easel.y[y0:y1] - cy) - radius
        disc = ease(0.5 - distance / (radius * 0.3)) * (0.78 + 0.22 * np.clip(1 + distance / radius, 0, 1))
        mask = opacity * disc * (still if still.size == 1 else still[y0:y1, x0:x1])
        part = easel.canvas[y0:y1, x0:x1]
        part += (0.6 * colour + 0.4 - part) * mask[..., None]
    easel.darken(0.1 * np.clip(easel.y / easel.height - 0.6, 0, 1) * np.ones_like(easel.x))


def _paint_paper(easel: Easel, scene: Scene, rng: random.Random) -> None:
    """Paint waves of cut paper, one above another, each with the shadow it throws on the one behind."""
    layers = rng.randint(2, 4)
    first, last = np.asarray(scene.backdrop, np.float32) / 255, np.asarray(scene.second, np.float32) / 255
    light = 1 + 0.08 * (0.5 - easel.x / easel.width) * (-easel.direction)
    for index in range(layers):
        level = easel.height * (scene.horizon + 0.02 + (1 - scene.horizon) * 0.8 * index / layers)
        height, length = easel.unit * rng.uniform(0.02, 0.07), easel.unit * rng.uniform(0.35, 0.8)
        edge = level + height * np.sin(easel.x / length * 6.283 + rng.uniform(0, 6.28))
        distance = edge - easel.y
        easel.darken(0.24 * np.exp(-np.clip(distance, 0, None) / (0.03 * easel.unit)) * (distance > -1))
        sheet = cover(distance)
        easel.blend((first + (last - first) * (index + 1) / layers) * light[..., None], sheet)
        easel.backdrop *= 1 - sheet
    easel.backdrop *= easel.y < easel.height * scene.horizon - 0.12 * easel.unit


def _paint_pattern(easel: Easel, scene: Scene, rng: random.Random) -> None:
    """Lay large calm shapes, a little off the backdrop's colour, where no figures will stand."""
    u, w, h = easel.unit, easel.width, easel.height
    base, second = np.asarray(scene.backdrop, np.float32) / 255, np.asarray(scene.second, np.float32) / 255
    ink, still = base + (second - base) * rng.uniform(0.16, 0.3), 1 - 0.97 * easel.calm
    mask: Field = np.zeros((h, w), np.float32)
    if scene.pattern == "bands":
        turn, wide = rng.choice([0.0, 0.5, np.pi / 2]), rng.uniform(0.12, 0.3) * u
        along = easel.x * np.cos(turn) + easel.y * np.sin(turn)
        number = np.floor(along / wide + rng.random())
        mask = mask + (np.sin(number * 2.4) * 0.5 + 0.5)
    elif scene.pattern == "circles":
        for _ in range(rng.randint(3, 6)):
            cx, cy = ((rng.choice([0, 1]) + rng.uniform(-0.12, 0.12)) * side for side in (w, h))
            mask += 0.4 * cover(np.hypot(easel.x - cx, easel.y - cy) - rng.uniform(0.2, 0.5) * u)
    elif scene.pattern == "tiles":
        pitch = rng.uniform(0.1, 0.18) * u
        x, y = easel.x / pitch, easel.y / pitch
        side = np.maximum(np.abs(x % 1 - 0.5), np.abs(y % 1 - 0.5))
        tone = np.sin(np.floor(x) * 12.99 + np.floor(y) * 78.2) * 0.5 + 0.5
        mask = cover((side - 0.42) * pitch) * tone * ease(np.hypot(x * pitch - w / 2, y * pitch - h / 2) / (0.7 * u))
    elif scene.pattern == "waves":
        for index in range(rng.randint(2, 4)):
            level = h * (0.62 + 0.12 * index) + u * 0.05 * np.sin(easel.x / u * rng.uniform(2, 5) + rng.uniform(0, 6))
            mask = mask + 0.35 * cover(level - easel.y)
    elif scene.pattern == "frame":
        border, bend = rng.uniform(0.05, 0.09) * u, rng.uniform(0.03, 0.08) * u
        dx, dy = (
            (np.abs(easel.x - w / 2) - w / 2 + border + bend),
            (np.abs(easel.y - h / 2) - h / 2 + border + bend),
        )
        panel = np.hypot(np.maximum(dx, 0), np.maximum(dy, 0)) + np.minimum(np.maximum(dx, dy), 0) - bend
        mask = 1 - cover(panel)
        easel.darken(0.05 * bump(np.maximum(panel, 0), 0, 0.03 * u) * still)
    soft = ImageFilter.GaussianBlur(0.003 * u)
    blurred = Image.fromarray((np.clip(mask, 0, 1) * 255).astype(np.uint8)).filter(soft)
    easel.blend(tuple(ink.tolist()), np.asarray(blurred, np.float32) / 255 * still)
