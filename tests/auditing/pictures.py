"""Pictures of the examples, painted on procedural plates, as they are and with one fault each, by kind and seed."""

from __future__ import annotations

import functools
import io
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from flux2flow import api
from flux2flow.compositing import compose
from flux2flow.domain.canvas import Canvas
from flux2flow.domain.layout import Layout, PlacedLogo, PlacedShape
from flux2flow.domain.measures import Box, Color
from flux2flow.domain.scene import ButtonLayer, ChartLayer, Gradient, Scene, TextLayer
from flux2flow.execution.audit import Audit, Standard, audit
from flux2flow.export import encode
from flux2flow.gates.pictures import decode_canvas, encode_png
from flux2flow.interfaces import Painted, TextReader
from flux2flow.typography import set_scene
from flux2flow.validation import built_in

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Picture:
    """A finished picture with what it was made from."""

    scene: Scene
    layout: Layout
    plate: Canvas
    data: bytes
    standard: Standard
    loaded: api.Loaded

    def again(self, layout: Layout) -> bytes:
        """Paint and encode a changed layout."""
        return encode(compose(layout, self.plate, self.loaded.project), self.standard.format, {}).data

    def check(self, data: bytes | None = None, reader: TextReader | None = None) -> Audit:
        """Audit it, or other bytes in its place."""
        return audit(self.data if data is None else data, self.scene.id, self.standard, _CHECKS(), reader)


@functools.cache
def _CHECKS() -> tuple[object, ...]:  # noqa: N802 - made once, named as what it holds
    return built_in()


@functools.cache
def loaded(example: str) -> api.Loaded:
    return api.load(ROOT / "examples" / example / "campaign.yaml", plugins=False, backend="procedural", prompts=False)


@functools.cache
def plate(example: str, id: str) -> Canvas:
    found = loaded(example)
    request = next(plate.request for plate in api.plan(found).plates if plate.id == id)
    backend = found.registry.backend("procedural").create()
    return next(event.canvas for event in backend.paint([request], found.project) if isinstance(event, Painted))


def scenes(example: str, locales: tuple[str, ...] = ("en", "de")) -> list[Scene]:
    return [scene for scene in api.plan(loaded(example)).scenes if scene.locale in locales]


@functools.cache
def picture(example: str, scene_id: str, replaced: tuple[str, str] | None = None) -> Picture:
    """Make one picture; `replaced` writes other words in the place of some."""
    found = loaded(example)
    plan = api.plan(found)
    scene = next(scene for scene in plan.scenes if scene.id == scene_id)
    if replaced is not None:
        scene = _reworded(scene, *replaced)
    layout = set_scene(scene, plan.fonts, found.project)
    bundle = found.bundle
    standard = Standard(bundle.brand_kit, bundle.pictures, bundle.fonts, found.project, plan.format(scene.format), ())
    made = Picture(scene, layout, plate(example, scene.plate.plate), b"", standard, found)
    return replace(made, data=made.again(layout))


def _reworded(scene: Scene, old: str, new: str) -> Scene:
    def reworded(layer: object) -> object:
        if isinstance(layer, (TextLayer, ButtonLayer)):
            return replace(layer, text=layer.text.replace(old, new))
        if isinstance(layer, ChartLayer) and layer.bars:
            return replace(layer, bars=tuple(replace(bar, label=bar.label.replace(old, new)) for bar in layer.bars))
        return layer

    changed = replace(scene, layers=tuple(reworded(layer) for layer in scene.layers))  # type: ignore[arg-type]
    assert changed != scene, f"{scene.id} does not say {old!r}"
    return changed


def _with_logo(made: Picture, change: Callable[[PlacedLogo], PlacedLogo]) -> bytes:
    placed = tuple(change(layer) if isinstance(layer, PlacedLogo) else layer for layer in made.layout.placed)
    return made.again(replace(made.layout, placed=placed))


def _pixels(made: Picture) -> np.ndarray:
    canvas = decode_canvas(made.data)
    return np.frombuffer(canvas.pixels, np.uint8).reshape(canvas.size.height, canvas.size.width, 3).copy()


def _encoded(pixels: np.ndarray, made: Picture) -> bytes:
    canvas = decode_canvas(made.data)
    return encode(Canvas(canvas.size, np.ascontiguousarray(pixels).tobytes()), made.standard.format, {}).data


def _apart(made: Picture) -> tuple[np.ndarray, np.ndarray, PlacedLogo]:
    """Give the picture without its logo, how much the logo covers of each pixel, and the logo."""
    (logo,) = made.layout.logos()
    rest = replace(made.layout, placed=tuple(layer for layer in made.layout.placed if layer is not logo))
    without = np.asarray(Image.open(io.BytesIO(made.again(rest))).convert("RGB"))
    cover = np.clip(np.abs(_pixels(made).astype(float) - without).max(axis=2) / 110, 0, 1)
    box = logo.box.grown(3)
    outside = np.ones(cover.shape, dtype=bool)
    outside[int(box.y) : int(box.bottom) + 1, int(box.x) : int(box.right) + 1] = False
    cover[outside] = 0
    return without, cover, logo


def _bent_logo(made: Picture, matrix: tuple[float, float, float, float]) -> bytes:
    """Put the logo back through a matrix about its centre, as no layout here could: (xx, xy, yx, yy), backwards."""
    without, cover, logo = _apart(made)
    x, y = logo.box.x + logo.box.width / 2, logo.box.y + logo.box.height / 2
    xx, xy, yx, yy = matrix
    data = (xx, xy, x - xx * x - xy * y, yx, yy, y - yx * x - yy * y)
    size = (without.shape[1], without.shape[0])
    whole, mask = (
        Image.fromarray(part).transform(size, Image.Transform.AFFINE, data, Image.Resampling.BICUBIC)
        for part in (_pixels(made), (cover * 255).astype(np.uint8))
    )
    return _encoded(np.asarray(Image.composite(whole, Image.fromarray(without), mask)), made)


def stretched_logo(made: Picture, seed: int) -> bytes:
    by = random.Random(seed).choice((0.8, 0.86, 1.16, 1.25))
    return _bent_logo(made, (1, 0, 0, 1 / by))


def turned_logo(made: Picture, seed: int) -> bytes:
    angle = math.radians(random.Random(seed).choice((-8, -5, 5, 8)))
    return _bent_logo(made, (math.cos(angle), math.sin(angle), -math.sin(angle), math.cos(angle)))


def recolored_logo(made: Picture, seed: int) -> bytes:
    color = np.array(random.Random(seed).choice(((20, 90, 220), (190, 20, 160), (0, 150, 60))))
    without, cover, _ = _apart(made)
    return _encoded((without + cover[..., None] * (color - without)).astype(np.uint8), made)


def small_logo(made: Picture, seed: int) -> bytes:
    width = random.Random(seed).uniform(0.62, 0.72) * made.layout.logos()[0].min_width

    def shrunk(logo: PlacedLogo) -> PlacedLogo:
        return replace(logo, box=replace(logo.box, width=width, height=logo.box.height * width / logo.box.width))

    return _with_logo(made, shrunk)


def no_logo(made: Picture, seed: int) -> bytes:
    (logo,) = made.layout.logos()
    return made.again(replace(made.layout, placed=tuple(layer for layer in made.layout.placed if layer is not logo)))


def crowded_logo(made: Picture, seed: int) -> bytes:
    """Move the logo to the headline, closer than its clear space."""
    headline = next(text for text in made.layout.texts() if text.id == "headline")

    def moved(logo: PlacedLogo) -> PlacedLogo:
        gap = random.Random(seed).uniform(0.02, 0.15) * logo.box.height
        return replace(logo, box=replace(logo.box, x=headline.ink.x, y=headline.ink.y - logo.box.height - gap))

    return _with_logo(made, moved)


def strange_fill(made: Picture, seed: int) -> bytes:
    """Lay a panel of a colour that the kit lacks where nothing else stands."""
    draw = random.Random(seed)
    color = Color(*draw.choice(((123, 47, 247), (0, 168, 255), (255, 0, 128), (60, 200, 40))))
    size = made.layout.size
    high = draw.uniform(0.06, 0.09) * size.height
    panel = PlacedShape("panel", "rectangle", Box(0, size.height - high, size.width, high), Gradient(color, color))
    plate, *rest = made.layout.placed
    return made.again(replace(made.layout, placed=(plate, panel, *rest)))


def faint_text(made: Picture, seed: int) -> bytes:
    """Set the headline in a colour near its ground."""
    share = random.Random(seed).uniform(0.65, 0.8)
    ground = _pixels(made)
    (text,) = (text for text in made.layout.texts() if text.id == "headline")
    y, x = int(text.ink.y), int(text.ink.x)
    near = np.median(ground[y : y + int(text.ink.height), x : x + int(text.ink.width)].reshape(-1, 3), axis=0)

    def fainter(color: Color) -> Color:
        own = np.array([color.red, color.green, color.blue])
        return Color(*(int(channel) for channel in own + share * (near - own)))

    lines = tuple(
        replace(line, runs=tuple(replace(run, color=fainter(run.color)) for run in line.runs)) for line in text.lines
    )
    placed = tuple(replace(text, lines=lines) if layer is text else layer for layer in made.layout.placed)
    return made.again(replace(made.layout, placed=placed))


def wrong_size(made: Picture, seed: int) -> bytes:
    draw = random.Random(seed)
    image = Image.open(io.BytesIO(made.data)).convert("RGB")
    size = (image.width - draw.randint(1, 12), image.height - draw.randint(0, 12))
    return _saved(image.resize(size), "JPEG", quality=90)


def heavy_file(made: Picture, seed: int) -> bytes:
    noise = np.random.default_rng(seed).integers(-12, 13, _pixels(made).shape)
    noisy = np.clip(_pixels(made) + noise, 0, 255).astype(np.uint8)
    return encode_png(Canvas(made.layout.size, noisy.tobytes()))


def wrong_type(made: Picture, seed: int) -> bytes:
    kind = next(kind for kind in ("webp", "png", "jpeg") if kind not in made.standard.format.media)
    return _saved(Image.open(io.BytesIO(made.data)).convert("RGB"), kind.upper(), quality=80)


def print_colors(made: Picture, seed: int) -> bytes:
    return _saved(Image.open(io.BytesIO(made.data)).convert("CMYK"), "JPEG", quality=90)


def beyond_safe_area(made: Picture, seed: int) -> bytes:
    inset = random.Random(seed).uniform(0.2, 0.6)
    top = made.standard.format.safe_area.top
    return _with_logo(made, lambda logo: replace(logo, box=replace(logo.box, y=top * inset - logo.box.height / 2 + 4)))


def misspelt_name(made: Picture, seed: int) -> bytes:
    wrong = random.Random(seed).choice(("Nigth Shift", "Night Shfit", "Nigt Shift", "Night Schift"))
    return picture("halfmoon", made.scene.id, ("Night Shift", wrong)).data


def placeholder(made: Picture, seed: int) -> bytes:
    wrong = random.Random(seed).choice(("{{ row.name }}", "lorem ipsum"))
    return picture("halfmoon", made.scene.id, ("Night Shift", wrong)).data


def _saved(image: Image.Image, kind: str, **options: int) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


RECTANGLE = ("aurora", "hero/dew-serum/iab-medium-rectangle/en")
STORY = ("aurora", "hero/night-cream/meta-story/en")
FIGURES = ("halfmoon", "figures/linkedin-landscape/en")


@dataclass(frozen=True)
class Fault:
    """A kind of fault: which finding must name it, whether words must be read for it, and pictures to put it into."""

    check: str
    make: Callable[[Picture, int], bytes]
    reads: bool
    on: tuple[str, str]


FAULTS = {
    "stretched logo": Fault("logo-shape", stretched_logo, False, RECTANGLE),
    "turned logo": Fault("logo-shape", turned_logo, False, RECTANGLE),
    "recolored logo": Fault("logo-color", recolored_logo, False, RECTANGLE),
    "small logo": Fault("logo-space", small_logo, False, RECTANGLE),
    "no logo": Fault("logo-missing", no_logo, False, RECTANGLE),
    "crowded logo": Fault("logo-space", crowded_logo, True, RECTANGLE),
    "strange fill": Fault("palette", strange_fill, False, RECTANGLE),
    "faint text": Fault("contrast", faint_text, True, RECTANGLE),
    "wrong size": Fault("pixel-size", wrong_size, False, RECTANGLE),
    "heavy file": Fault("file-weight", heavy_file, False, RECTANGLE),
    "wrong type": Fault("file-type", wrong_type, False, RECTANGLE),
    "print colors": Fault("color-profile", print_colors, False, RECTANGLE),
    "beyond safe area": Fault("safe-area", beyond_safe_area, False, STORY),
    "misspelt name": Fault("brand-names", misspelt_name, True, FIGURES),
    "placeholder": Fault("placeholder-leak", placeholder, True, FIGURES),
}
