"""Draws the product pictures of the shipped kits: small signed-distance scenes, ray-marched with numpy, labels by Skia.

`python brand_kits/make_pictures.py` writes every picture again; nothing else in the repository imports this file.
The products, brands and labels are invented for this repository and carry its licence.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import skia
from numpy.typing import NDArray
from PIL import Image

HERE = Path(__file__).parent
Array = NDArray[np.float32]
RGB = tuple[float, float, float]


@dataclass(frozen=True)
class Material:
    """How a part answers light: base colour (linear), mirror share, roughness, and glass (darker towards the rim)."""

    color: RGB
    specular: float = 0.04
    roughness: float = 0.35
    metal: bool = False
    glass: float = 0.0
    label: str = ""


@dataclass(frozen=True)
class Part:
    """One solid: its signed distance, its material."""

    distance: Callable[[Array], Array]
    material: Material


def srgb(text: str) -> RGB:
    """Make a hex colour as linear light."""
    values = [int(text[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values)
    return red, green, blue


def lathe(radius: float, low: float, high: float, rounding: float) -> Callable[[Array], Array]:
    """Make a solid of revolution: a cylinder about y with rounded edges."""

    def distance(point: Array) -> Array:
        r = np.hypot(point[..., 0], point[..., 2]) - (radius - rounding)
        y = np.abs(point[..., 1] - (low + high) / 2) - ((high - low) / 2 - rounding)
        outside = np.hypot(np.maximum(r, 0), np.maximum(y, 0))
        return outside + np.minimum(np.maximum(r, y), 0) - rounding

    return distance


def capsule(radius: float, low: float, high: float) -> Callable[[Array], Array]:
    """Make a vertical capsule."""

    def distance(point: Array) -> Array:
        y = point[..., 1] - np.clip(point[..., 1], low + radius, high - radius)
        return np.sqrt(point[..., 0] ** 2 + y**2 + point[..., 2] ** 2) - radius

    return distance


def blend(first: Callable[[Array], Array], second: Callable[[Array], Array], soft: float) -> Callable[[Array], Array]:
    """Make the smooth union of two solids."""

    def distance(point: Array) -> Array:
        a, b = first(point), second(point)
        h = np.clip(0.5 + 0.5 * (b - a) / soft, 0, 1)
        return b + (a - b) * h - soft * h * (1 - h)

    return distance


def bag(width: float, height: float, depth: float) -> Callable[[Array], Array]:
    """Make a stand-up coffee bag: full at the bottom, flat at its crimped top."""

    def distance(point: Array) -> Array:
        x, y, z = point[..., 0], point[..., 1], point[..., 2]
        t = np.clip(y / height, 0, 1)
        fill = np.clip(1.0 - t**2.2, 0.06, 1)
        half_depth = depth * fill * np.sqrt(np.clip(1.06 - (x / width) ** 2, 0.05, 1))
        half_width = width * (1 - 0.05 * np.sin(t * math.pi))
        crimp = 0.006 * np.sin(y * 130) * (t > 0.9)
        qx = np.abs(x) - half_width + 0.03
        qy = np.abs(y - height / 2) - height / 2 + 0.015
        qz = np.abs(z) - half_depth + 0.03 - crimp
        outside = np.sqrt(np.maximum(qx, 0) ** 2 + np.maximum(qy, 0) ** 2 + np.maximum(qz, 0) ** 2)
        return (outside + np.minimum(np.maximum(np.maximum(qx, qy), qz), 0) - 0.03) * 0.6

    return distance


def tapered(bottom: float, top: float, height: float, rounding: float) -> Callable[[Array], Array]:
    """Make a paper cup: a cone frustum about y."""

    def distance(point: Array) -> Array:
        t = np.clip(point[..., 1] / height, 0, 1)
        r = np.hypot(point[..., 0], point[..., 2]) - (bottom + (top - bottom) * t - rounding)
        y = np.abs(point[..., 1] - height / 2) - (height / 2 - rounding)
        return (np.hypot(np.maximum(r, 0), np.maximum(y, 0)) + np.minimum(np.maximum(r, y), 0) - rounding) * 0.95

    return distance


def box_light(direction: Array, azimuth: float, elevation: float, width: float, height: float, soft: float) -> Array:
    """Make a soft box at infinity, seen along `direction`; angles in degrees, edges blurred by `soft`."""
    around = np.degrees(np.arctan2(direction[..., 0], direction[..., 2])) - azimuth
    around = (around + 180) % 360 - 180
    up = np.degrees(np.arcsin(np.clip(direction[..., 1], -1, 1))) - elevation

    def edge(value: Array, half: float) -> Array:
        return 1 / (1 + np.exp(np.clip((np.abs(value) - half) / soft, -30, 30)))

    return edge(around, width / 2) * edge(up, height / 2)


def studio(direction: Array, roughness: float) -> Array:
    """Make the light a mirror of this roughness sees: a key box left, a strip right, a top, a pale floor."""
    soft = 2.0 + 26.0 * roughness
    key = 3.4 * box_light(direction, -52, 22, 44, 95, soft)
    strip = 2.3 * box_light(direction, 74, 12, 13, 110, soft)
    top = 1.5 * box_light(direction, 0, 88, 360, 40, soft)
    floor = 0.32 * np.clip(-direction[..., 1], 0, 1)
    return key + strip + top + floor + 0.16


def label_texture(name: str, width: int, height: int) -> Array:
    """Make a label drawn by Skia: (height, width, 4), straight alpha, linear light."""
    surface = skia.Surface(width, height)
    with surface as canvas:
        LABELS[name](canvas, width, height)
    data = np.asarray(surface.makeImageSnapshot().toarray(colorType=skia.kRGBA_8888_ColorType), dtype=np.float32) / 255
    rgb = np.where(data[..., :3] <= 0.04045, data[..., :3] / 12.92, ((data[..., :3] + 0.055) / 1.055) ** 2.4)
    return np.concatenate([rgb, data[..., 3:]], axis=-1)


def _font(kit: str, file: str, size: float, weight: float) -> skia.Font:
    typeface = skia.Typeface.MakeFromFile(str(HERE / kit / "fonts" / file))
    coordinates = skia.FontArguments.VariationPosition.Coordinates(
        [skia.FontArguments.VariationPosition.Coordinate(int.from_bytes(b"wght", "big"), weight)]
    )
    position = skia.FontArguments.VariationPosition(coordinates)
    arguments = skia.FontArguments()
    arguments.setVariationDesignPosition(position)
    font = skia.Font(typeface.makeClone(arguments), size)
    font.setSubpixel(True)
    return font


def _centered(
    canvas: skia.Canvas, text: str, font: skia.Font, x: float, y: float, color: int, track: float = 0
) -> None:
    widths = [font.measureText(letter) for letter in text]
    pen = x - (sum(widths) + track * (len(text) - 1)) / 2
    for letter, width in zip(text, widths, strict=True):
        canvas.drawString(letter, pen, y, font, skia.Paint(Color=color, AntiAlias=True))
        pen += width + track


def _arcs(canvas: skia.Canvas, x: float, y: float, size: float, color: int) -> None:
    paint = skia.Paint(Color=color, AntiAlias=True, Style=skia.Paint.kStroke_Style, StrokeWidth=size * 0.11)
    paint.setStrokeCap(skia.Paint.kRound_Cap)
    for share in (1.0, 0.66, 0.32):
        r = size * share
        canvas.drawArc(skia.Rect.MakeLTRB(x - r, y - r, x + r, y + r), 180, 180, False, paint)


def _aurora_label(line: str, note: str) -> Callable[[skia.Canvas, int, int], None]:
    def draw(canvas: skia.Canvas, width: int, height: int) -> None:
        ink = skia.ColorSetRGB(18, 52, 59)
        canvas.clear(skia.ColorSetRGB(246, 239, 228))
        _arcs(canvas, width / 2, height * 0.36, height * 0.17, skia.ColorSetRGB(206, 122, 84))
        _centered(
            canvas,
            "AURORA",
            _font("aurora", "Inter-Variable.ttf", height * 0.155, 650),
            width / 2,
            height * 0.6,
            ink,
            height * 0.03,
        )
        _centered(
            canvas,
            line,
            _font("aurora", "Inter-Variable.ttf", height * 0.078, 450),
            width / 2,
            height * 0.75,
            ink,
            height * 0.004,
        )
        _centered(
            canvas, note, _font("aurora", "Inter-Variable.ttf", height * 0.055, 400), width / 2, height * 0.89, ink
        )

    return draw


def _halfmoon_mark(canvas: skia.Canvas, x: float, y: float, r: float, color: int) -> None:
    disc, bite = skia.Path(), skia.Path()
    disc.addCircle(x, y, r)
    bite.addRect(skia.Rect.MakeLTRB(x, y - r * 1.1, x + r * 1.1, y + r * 1.1))
    canvas.drawPath(skia.Op(disc, bite, skia.PathOp.kDifference_PathOp), skia.Paint(Color=color, AntiAlias=True))
    stroke = skia.Paint(Color=color, AntiAlias=True, Style=skia.Paint.kStroke_Style, StrokeWidth=r * 0.13)
    canvas.drawArc(
        skia.Rect.MakeLTRB(x - r * 0.935, y - r * 0.935, x + r * 0.935, y + r * 0.935), -90, 180, False, stroke
    )


def _halfmoon_label(ground: str, ink: str, line: str, note: str) -> Callable[[skia.Canvas, int, int], None]:
    def draw(canvas: skia.Canvas, width: int, height: int) -> None:
        to_color = lambda text: skia.ColorSetRGB(*(int(text[i : i + 2], 16) for i in (1, 3, 5)))  # noqa: E731
        canvas.clear(to_color(ground))
        _halfmoon_mark(canvas, width / 2, height * 0.25, height * 0.13, to_color(ink))
        _centered(
            canvas,
            "halfmoon",
            _font("halfmoon", "Fraunces-Variable.ttf", height * 0.15, 700),
            width / 2,
            height * 0.57,
            to_color(ink),
        )
        _centered(
            canvas,
            line,
            _font("halfmoon", "Fraunces-Variable.ttf", height * 0.082, 500),
            width / 2,
            height * 0.73,
            to_color(ink),
        )
        _centered(
            canvas,
            note,
            _font("halfmoon", "Fraunces-Variable.ttf", height * 0.058, 400),
            width / 2,
            height * 0.87,
            to_color(ink),
        )

    return draw


LABELS: dict[str, Callable[[skia.Canvas, int, int], None]] = {
    "serum": _aurora_label("dew serum", "30 ml"),
    "cream": _aurora_label("night cream", "50 ml"),
    "bag": _halfmoon_label("#f4e4c8", "#7a2318", "Night Shift", "espresso roast · 250 g"),
    "cup": _halfmoon_label("#c8452b", "#fbf0dc", "slow mornings", "since 5 a.m."),
}


@dataclass(frozen=True)
class LabelPlace:
    """Where a label sits: by angle about the axis (degrees, half width) or by x, and between two heights."""

    low: float
    high: float
    half: float
    planar: bool = False


@dataclass(frozen=True)
class Product:
    """One picture: its parts, its label, the frame (half width, height) and its size in pixels."""

    parts: tuple[Part, ...]
    label: LabelPlace | None
    half_width: float
    height: float
    pixels: int
    elevation: float = 9.0


def render(product: Product, scale: int = 2) -> Image.Image:
    """March one ray a sample, shade, and average `scale`² samples a pixel. RGBA, sRGB."""
    rows = product.pixels * scale
    columns = round(rows * 2 * product.half_width / product.height)
    columns += columns % scale
    tilt = math.radians(product.elevation)
    forward = np.array([0, -math.sin(tilt), -math.cos(tilt)], dtype=np.float32)
    up = np.array([0, math.cos(tilt), -math.sin(tilt)], dtype=np.float32)
    x = (np.arange(columns, dtype=np.float32) + 0.5) / columns * 2 - 1
    y = (np.arange(rows, dtype=np.float32) + 0.5) / rows
    grid_x, grid_y = np.meshgrid(x * product.half_width, product.height * (1 - y))
    origin = np.stack([grid_x, np.zeros_like(grid_x), np.zeros_like(grid_x)], -1)
    origin = origin + grid_y[..., None] * up - 4.0 * forward + np.array([0, -0.10, 0], dtype=np.float32)
    flat = origin.reshape(-1, 3).astype(np.float32)
    travelled = np.zeros(len(flat), dtype=np.float32)
    alive = np.arange(len(flat))
    for _ in range(90):
        point = flat[alive] + travelled[alive, None] * forward
        step = np.minimum.reduce([part.distance(point) for part in product.parts])
        travelled[alive] += step
        alive = alive[(step > 4e-4) & (travelled[alive] < 8)]
        if not len(alive):
            break
    point = flat + travelled[:, None] * forward
    distances = np.stack([part.distance(point) for part in product.parts])
    hit = (distances.min(0) < 4e-3) & (travelled < 8)
    color = np.zeros((len(flat), 3), dtype=np.float32)
    color[hit] = shade(product, point[hit], distances[:, hit].argmin(0), forward)
    alpha = hit.astype(np.float32)
    picture = np.concatenate([color * alpha[:, None], alpha[:, None]], -1).reshape(rows, columns, 4)
    small = picture.reshape(rows // scale, scale, columns // scale, scale, 4).mean((1, 3))
    rgb = small[..., :3] / np.maximum(small[..., 3:], 1e-4)
    rgb = np.clip(rgb, 0, None) * 1.3
    rgb = rgb * (1 + rgb / 9) / (1 + rgb * 0.55)  # a soft shoulder, so that highlights keep their colour
    encoded = np.where(rgb <= 0.0031308, rgb * 12.92, 1.055 * np.clip(rgb, 1e-6, 1) ** (1 / 2.4) - 0.055)
    data = np.concatenate([np.clip(encoded, 0, 1), small[..., 3:]], -1)
    image = Image.fromarray((data * 255 + 0.5).astype(np.uint8), "RGBA")
    return image.crop(image.getchannel("A").getbbox())


def shade(product: Product, point: Array, which: NDArray[np.intp], forward: Array) -> Array:
    """Light the hit points: soft diffuse, a mirror of the studio, glass darkening, contact occlusion near the floor."""

    def scene(p: Array) -> Array:
        return np.minimum.reduce([part.distance(p) for part in product.parts])

    e = 1.2e-3
    axes = np.eye(3, dtype=np.float32) * e
    normal = np.stack([scene(point + axis) - scene(point - axis) for axis in axes], -1)
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-6)
    occlusion = np.ones(len(point), dtype=np.float32)
    for step in (0.03, 0.07, 0.14):
        occlusion -= 0.33 * np.clip(step - scene(point + normal * step), 0, None) / step
    facing = np.clip(-(normal @ forward), 0, 1)
    mirror = forward - 2 * (normal @ forward)[:, None] * normal
    key = np.array([-0.66, 0.5, 0.56], dtype=np.float32)
    fill = np.array([0.75, 0.25, 0.6], dtype=np.float32)
    diffuse = 1.0 * np.clip(normal @ key * 0.75 + 0.25, 0, None) + 0.35 * np.clip(normal @ fill, 0, None)
    diffuse += 0.28 + 0.14 * np.clip(normal[:, 1], 0, 1)
    result = np.zeros((len(point), 3), dtype=np.float32)
    for index, part in enumerate(product.parts):
        mine = which == index
        if not mine.any():
            continue
        material = part.material
        base = np.broadcast_to(np.asarray(material.color, dtype=np.float32), (int(mine.sum()), 3)).copy()
        rough = np.full(len(base), material.roughness, dtype=np.float32)
        glass = np.full(len(base), material.glass, dtype=np.float32)
        if material.label and product.label is not None:
            printed = apply_label(product.label, material.label, point[mine], base)
            rough = np.where(printed, 0.55, rough)
            glass = np.where(printed, 0.0, glass)
        fresnel = (material.specular + (1 - material.specular) * (1 - facing[mine]) ** 5)[:, None]
        light = np.where(rough > 0.5, studio(mirror[mine], 0.6), studio(mirror[mine], material.roughness))[:, None]
        if material.metal:
            result[mine] = base * (0.25 * diffuse[mine, None] + 0.9 * light)
        else:
            depth = 1 - glass * (1 - facing[mine]) ** 1.4
            inner = 1 + glass * 0.55 * np.clip(-normal[mine][:, 0], 0, 1) * facing[mine]
            body = base * diffuse[mine, None] * depth[:, None] * inner[:, None]
            result[mine] = body * (1 - fresnel) + fresnel * light
    floor = np.clip(point[:, 1] / 0.14, 0, 1)
    return result * (np.clip(occlusion, 0.35, 1) * (0.66 + 0.34 * floor))[:, None]


def apply_label(place: LabelPlace, name: str, point: Array, base: Array) -> NDArray[np.bool_]:
    """Print the label onto `base` where it sits; returns which points it covers."""
    if place.planar:
        across = point[:, 0] / place.half
        reach = place.half
    else:
        radius = float(np.median(np.hypot(point[:, 0], point[:, 2])))
        across = np.degrees(np.arctan2(point[:, 0], point[:, 2])) / place.half
        reach = math.radians(place.half) * radius
    height = 900
    texture = label_texture(name, max(round(height * 2 * reach / (place.high - place.low)), 8), height)
    v = (place.high - point[:, 1]) / (place.high - place.low)
    covered: NDArray[np.bool_] = (np.abs(across) < 1) & (v > 0) & (v < 1) & (point[:, 2] > 0)
    column = np.clip(((across + 1) / 2 * texture.shape[1]).astype(int), 0, texture.shape[1] - 1)
    row = np.clip((v * height).astype(int), 0, height - 1)
    sample = texture[row, column]
    base[covered] = base[covered] * (1 - sample[covered, 3:]) + sample[covered, :3] * sample[covered, 3:]
    return covered


GOLD = Material(srgb("#d9a066"), metal=True, roughness=0.22)

PRODUCTS: dict[str, Product] = {
    "aurora/references/dew-serum.png": Product(
        (
            Part(
                blend(lathe(0.33, 0.0, 0.95, 0.07), lathe(0.12, 0.8, 1.12, 0.02), 0.10),
                Material(srgb("#1d6a70"), roughness=0.06, specular=0.05, glass=0.72, label="serum"),
            ),
            Part(lathe(0.155, 1.06, 1.24, 0.02), GOLD),
            Part(capsule(0.105, 1.16, 1.66), Material(srgb("#f3e9db"), roughness=0.5)),
        ),
        LabelPlace(0.16, 0.70, 76),
        0.46,
        1.9,
        1100,
    ),
    "aurora/references/night-cream.png": Product(
        (
            Part(
                lathe(0.50, 0.0, 0.46, 0.09),
                Material(srgb("#1b4f63"), roughness=0.08, specular=0.05, glass=0.6, label="cream"),
            ),
            Part(lathe(0.505, 0.475, 0.70, 0.045), GOLD),
        ),
        LabelPlace(0.075, 0.415, 52),
        0.62,
        1.0,
        820,
        13.0,
    ),
    "halfmoon/references/night-shift.png": Product(
        (Part(bag(0.42, 1.28, 0.21), Material(srgb("#8c2a1c"), roughness=0.34, specular=0.05, label="bag")),),
        LabelPlace(0.22, 0.92, 0.30, planar=True),
        0.56,
        1.55,
        1000,
    ),
    "halfmoon/references/cup.png": Product(
        (
            Part(tapered(0.27, 0.37, 0.86, 0.02), Material(srgb("#fbf0dc"), roughness=0.5, label="cup")),
            Part(lathe(0.385, 0.85, 0.93, 0.025), Material(srgb("#2a211d"), roughness=0.3)),
            Part(lathe(0.33, 0.92, 0.99, 0.03), Material(srgb("#2a211d"), roughness=0.3)),
        ),
        LabelPlace(0.12, 0.70, 70),
        0.52,
        1.25,
        900,
    ),
}


def main() -> None:
    """Write every product picture."""
    for path, product in PRODUCTS.items():
        image = render(product)
        image.save(HERE / path, optimize=True)
        print(path, image.size)  # noqa: T201


if __name__ == "__main__":
    main()
