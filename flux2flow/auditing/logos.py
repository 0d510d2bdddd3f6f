"""A kit's logo and pixels → where the logo stands in them, how large, how bent, how turned. Knows no rule of the kit.

Edges are matched, not colours, so that a recoloured logo is found too. A coarse search over sizes and proportions by
normalised cross-correlation (in the frequency domain) proposes places; a pattern search refines each. Same input, same
answer: nothing here draws lots.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import skia
from numpy.typing import NDArray

from flux2flow.auditing.reduced import WORKING, Searched
from flux2flow.domain.measures import Box

Pixels = NDArray[Any]

SMALLEST_AREA = 700
"""Pixels of the smallest logo that is looked for; a smaller one has too few edges to be told from texture."""
SCALE_STEP = 1.09
PROPORTIONS = (1.0, 0.8, 0.89, 1.12, 1.25, 0.72, 1.4)
"""Height over the true height: what a careless hand makes of a logo."""
SEARCHED_WHOLE = 1_000_000
"""Pixels up to which bent logos are looked for too; in larger pictures only at half their size and below."""
LOOKED_AT_WHOLE = 4 * WORKING
"""Pixels up to which a picture without a logo is searched as it is, for one at a kit's smallest width: a 4K screen.
In a larger one, what is narrower than about a twenty-fifth of it passes for no logo."""
FOUND = 0.72
"""Correlation of edges from which a logo of `PLAIN_AREA` pixels or more is one; a smaller one, with fewer edges, must
fit better. Other shapes reach 0.6 where they are large, 0.86 where they are tiny, and 0.68 where they are the same
word in the same font; logos reach 0.93 to 0.99."""
SECOND = 0.85
"""Correlation from which a second one in the same picture is one."""
PLAIN_AREA = 5000
SURE = 0.9
"""Correlation that is enough at any size."""
ANGLES = (-12.0, -8.0, -4.0, 4.0, 8.0, 12.0)
_STEEPER = 0.2
"""How much more of it a logo with a tenth of that area must reach."""
_BENT_MOST = 1.55
"""How far from its true proportions a shape is still a bent logo, and not another shape."""
_CANDIDATES = 4
_WORKING_AREA = 12_000
"""Pixels that a place is brought to while it is refined."""
_WORTH_A_LOOK = 0.7
"""Share of the best place's correlation below which no second logo is expected."""


@dataclass(frozen=True, slots=True)
class Pose:
    """A logo's place: its centre, its width and height along its own axes, and its turn clockwise in degrees."""

    x: float
    y: float
    width: float
    height: float
    angle: float = 0.0

    def scaled(self, by: float) -> Pose:
        """Give the same place in a picture of another size."""
        return Pose(self.x * by, self.y * by, self.width * by, self.height * by, self.angle)

    def moved(self, right: float, down: float) -> Pose:
        """Give the same place elsewhere."""
        return replace(self, x=self.x + right, y=self.y + down)

    def corners(self) -> tuple[tuple[float, float], ...]:
        """Give the four corners, clockwise from the top left."""
        cos, sin = math.cos(math.radians(self.angle)), math.sin(math.radians(self.angle))
        half = ((-1, -1), (1, -1), (1, 1), (-1, 1))
        offsets = [(i * self.width / 2, j * self.height / 2) for i, j in half]
        return tuple((self.x + u * cos - v * sin, self.y + u * sin + v * cos) for u, v in offsets)

    @property
    def margin(self) -> float:
        """The ground around it that is compared, too: what is no edge must be none."""
        return max(2.0, 0.12 * min(self.height, self.width / 3))

    def hull(self) -> Box:
        """Give the upright box around it."""
        corners = self.corners()
        left, top = min(x for x, _ in corners), min(y for _, y in corners)
        return Box(left, top, max(x for x, _ in corners) - left, max(y for _, y in corners) - top)


@dataclass(frozen=True, slots=True)
class Match:
    """A found logo: its pose in canvas pixels and the correlation of its edges, up to 1."""

    pose: Pose
    score: float


class Shape:
    """A logo's drawing (height × width × 4 bytes, straight alpha), cut to its ink, ready to be drawn anywhere."""

    def __init__(self, drawing: Pixels) -> None:
        rows, columns = np.nonzero(drawing[:, :, 3] > 127)
        if not len(rows):
            raise ValueError("the drawing has no ink")
        self.ink = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        left, top, right, bottom = self.ink
        self.drawing = np.ascontiguousarray(drawing[top:bottom, left:right])
        self.height, self.width = self.drawing.shape[:2]
        self._image = skia.Image.fromarray(self.drawing, colorType=skia.kRGBA_8888_ColorType, copy=True)

    @property
    def ratio(self) -> float:
        """Width over height of the ink."""
        return float(self.width / self.height)

    def drawn(self, pose: Pose, width: int, height: int) -> Pixels:
        """Draw it at a pose on a transparent canvas: height × width × 4 floats from 0 to 1, premultiplied."""
        surface = skia.Surface(width, height)
        canvas = surface.getCanvas()
        canvas.translate(pose.x, pose.y)
        canvas.rotate(pose.angle)
        canvas.scale(pose.width / self.width, pose.height / self.height)
        canvas.translate(-self.width / 2, -self.height / 2)
        canvas.drawImage(self._image, 0, 0, skia.SamplingOptions(skia.FilterMode.kLinear, skia.MipmapMode.kLinear))
        array = surface.makeImageSnapshot().toarray(
            colorType=skia.kRGBA_8888_ColorType, alphaType=skia.kPremul_AlphaType
        )
        return np.asarray(array, np.float32) / 255

    def edges(self, pose: Pose, width: int, height: int) -> Pixels:
        """Give the edges that the logo would have there on a light or a dark ground."""
        drawn = self.drawn(pose, width, height)
        color, alpha = drawn[:, :, :3], drawn[:, :, 3:]
        return np.maximum(edge_map(color), edge_map(color + 1 - alpha))


def edge_map(pixels: Pixels) -> Pixels:
    """Compute how much of an edge each pixel is, 0 to 1, strong and weak ones brought near each other.

    Takes height × width × 3 floats from 0 to 1.
    """
    padded = np.pad(pixels, ((1, 1), (1, 1), (0, 0)), mode="edge")
    down = padded[2:, 1:-1] - padded[:-2, 1:-1]
    across = padded[1:-1, 2:] - padded[1:-1, :-2]
    squares = down * down + across * across
    steep = np.sqrt(np.maximum(np.maximum(squares[..., 0], squares[..., 1]), squares[..., 2]))
    squeezed = steep / (steep + 0.15)
    return np.asarray(_softened(squeezed), np.float32)


def find(
    ground: Searched, shape: Shape, most: int = 2, *, turned: bool = True, finest: int = 64_000_000
) -> tuple[Match, ...]:
    """Find a logo up to `most` times in a picture, best first, in pixels of the whole picture.

    Turned ones are looked for only where no upright one is found. What is large needs no look at more than `finest`
    pixels. Where a picture had to be reduced and is not above `LOOKED_AT_WHOLE`, small ones are looked for last.
    """
    found = _find(ground, shape, (0.0,), finest)
    if not found and ground.factor > 1 and _pixels(ground.whole) <= min(finest, LOOKED_AT_WHOLE):
        whole = Searched.of(ground.whole, 1)
        if small := _find(whole, shape, (0.0,), finest, coarsest=_pixels(ground.picture)):
            ground, found = whole, small
    if not found and turned:
        found = _find(ground, shape, ANGLES, min(finest, SEARCHED_WHOLE))
    placed = (
        replace(match, pose=match.pose.moved(-ground.around, -ground.around).scaled(ground.factor)) for match in found
    )
    return tuple(sorted(placed, key=lambda match: -match.score)[:most])


def _find(ground: Searched, shape: Shape, angles: tuple[float, ...], finest: int, coarsest: int = 0) -> list[Match]:
    found: list[Match] = []
    candidates = _candidates(ground.picture, shape, angles, finest, coarsest)
    for candidate in candidates:
        if found and candidate.score < _WORTH_A_LOOK * candidates[0].score:
            break
        if any(_same_place(candidate.pose, other.pose) for other in found):
            continue
        refined = _refined(ground, shape, candidate.pose)
        if found and refined.score < SECOND:
            continue
        whole = replace(refined, pose=refined.pose.scaled(ground.factor))
        if _is_found(whole, shape) and not any(_same_place(refined.pose, other.pose) for other in found):
            found.append(refined)
    return found


def _is_found(match: Match, shape: Shape) -> bool:
    area = match.pose.width * match.pose.height
    bent = shape.ratio * match.pose.height / match.pose.width
    needed = min(FOUND + _STEEPER * max(math.log10(PLAIN_AREA / max(area, 1.0)), 0.0), SURE)
    return match.score >= needed and 1 / _BENT_MOST <= bent <= _BENT_MOST


def _candidates(picture: Pixels, shape: Shape, angles: tuple[float, ...], finest: int, coarsest: int) -> list[Match]:
    """Propose places, best first, each once, from reductions that have more than `coarsest` pixels."""
    proposals: list[Match] = []
    for level, scale in _levels(picture):
        if not coarsest < _pixels(level) <= finest:
            continue
        proposals += [replace(match, pose=match.pose.scaled(1 / scale)) for match in _search(level, shape, angles)]
    kept: list[Match] = []
    for match in sorted(proposals, key=lambda match: -match.score):
        if not any(_same_place(match.pose, other.pose) for other in kept):
            kept.append(match)
    return kept[:_CANDIDATES]


def _levels(picture: Pixels) -> Iterator[tuple[Pixels, float]]:
    """Yield the picture at twice its size where it is small, at its size, at half of it, and so on."""
    height, width = picture.shape[:2]
    if height * width <= 500_000:
        yield _resized(picture, width * 2, height * 2), 2.0
    scale = 1.0
    while min(picture.shape[:2]) >= 24 and picture.shape[0] * picture.shape[1] >= 2 * SMALLEST_AREA:
        yield picture, scale
        picture, scale = _halved(picture), scale / 2


def _search(level: Pixels, shape: Shape, angles: tuple[float, ...]) -> Iterator[Match]:
    """Look for the logo at every size of one octave, every proportion or angle; yield the best places of each."""
    field = _Field(edge_map(level))
    height, width = level.shape[:2]
    upright = angles == (0.0,) and height * width <= SEARCHED_WHOLE
    for step in range(math.ceil(math.log(2) / math.log(SCALE_STEP))):
        logo_width = math.sqrt(SMALLEST_AREA * shape.ratio) * SCALE_STEP**step
        for proportion in PROPORTIONS if upright else PROPORTIONS[:1]:
            for angle in angles:
                pose = Pose(0, 0, logo_width, logo_width / shape.ratio * proportion, angle)
                yield from field.places(shape, pose, 2)


class _Field:
    """Edges of a picture, with what correlation needs of them, computed once."""

    def __init__(self, edges: Pixels) -> None:
        self._size = edges.shape
        self._padded = tuple(_fast(side) for side in edges.shape)
        self._spectrum = np.fft.rfft2(edges, self._padded)
        self._sums = _integral(edges.astype(np.float64))
        self._squares = _integral(edges.astype(np.float64) ** 2)

    def places(self, shape: Shape, pose: Pose, number: int) -> Iterator[Match]:
        """Yield the best places of a logo at the size, proportions and angle of a pose; none where it does not fit."""
        hull = pose.hull()
        margin = round(pose.margin)
        width, height = round(hull.width) + 2 * margin, round(hull.height) + 2 * margin
        if width > self._size[1] or height > self._size[0]:
            return
        centred = replace(pose, x=width / 2, y=height / 2)
        for score, x, y in self.best(shape.edges(centred, width, height), number):
            yield Match(replace(centred, x=centred.x + x, y=centred.y + y), score)

    def best(self, template: Pixels, number: int) -> Iterator[tuple[float, int, int]]:
        """Yield the best places of a template: score, left, top."""
        scores = self._scores(template)
        rows, columns = template.shape
        for _ in range(number):
            at = int(scores.argmax())
            y, x = divmod(at, scores.shape[1])
            if scores[y, x] <= 0:
                return
            yield float(scores[y, x]), x, y
            scores[max(y - rows // 2, 0) : y + rows // 2 + 1, max(x - columns // 2, 0) : x + columns // 2 + 1] = 0

    def _scores(self, template: Pixels) -> Pixels:
        """Normalised cross-correlation at every place where the template lies inside."""
        centred = template - template.mean()
        centred /= max(float(np.linalg.norm(centred)), 1e-6)
        product = np.fft.irfft2(self._spectrum * np.fft.rfft2(centred, self._padded).conj(), self._padded)
        rows, columns = template.shape
        down, across = self._size[0] - rows + 1, self._size[1] - columns + 1
        sums, squares = (_boxed(table, rows, columns) for table in (self._sums, self._squares))
        spread = np.sqrt(np.maximum(squares - sums**2 / template.size, 1e-3 * template.size))
        return np.asarray(product[:down, :across] / spread, np.float32)


def _refined(ground: Searched, shape: Shape, pose: Pose) -> Match:
    """Move, scale, bend and turn a place by ever smaller steps while its edges fit better.

    What the reduced picture shows in fewer pixels than are worked with is cut out of the whole one.
    """
    detail = 1 if pose.width * pose.height >= _WORKING_AREA else ground.factor
    pose = pose.scaled(detail)
    reach = 0.35 * pose.width + 6
    left, top = max(int(pose.x - pose.width / 2 - reach), 0), max(int(pose.y - pose.height / 2 - reach), 0)
    right, bottom = int(pose.x + pose.width / 2 + reach) + 1, int(pose.y + pose.height / 2 + reach) + 1
    cut = ground.cut(left, top, right, bottom, detail)
    scale = min(math.sqrt(_WORKING_AREA / (pose.width * pose.height)), 1.0)  # enlarged, its edges would be others
    work = _resized(cut, max(round(cut.shape[1] * scale), 2), max(round(cut.shape[0] * scale), 2))
    across, down = work.shape[1] / cut.shape[1], work.shape[0] / cut.shape[0]
    local = Pose((pose.x - left) * across, (pose.y - top) * down, pose.width * across, pose.height * down, pose.angle)
    edges = edge_map(work)
    best = _climb(edges, shape, _nearby(edges, shape, local).pose, rounds=6)
    here = best.pose
    found = Pose(here.x / across + left, here.y / down + top, here.width / across, here.height / down, here.angle)
    return Match(found.scaled(1 / detail), best.score)


def _nearby(edges: Pixels, shape: Shape, pose: Pose) -> Match:
    """Try sizes and proportions between those of the coarse search, each at every place of the cut."""
    field = _Field(edges)
    best = Match(pose, 0.0)
    turns = (0.0,) if pose.angle == 0 else (0.0, -1.5, 1.5)
    for turn in turns:
        for wider in (1.0, 0.965, 1.035, 0.93, 1.07, 0.9, 1.1):
            for taller in (1.0, 0.93, 1.07) if turn == 0 else (1.0,):
                width, height = pose.width * wider, pose.height * wider * taller
                tried = replace(pose, width=width, height=height, angle=pose.angle + turn)
                for match in field.places(shape, tried, 1):
                    best = max(best, match, key=lambda match: match.score)
    return best


def _climb(edges: Pixels, shape: Shape, pose: Pose, rounds: int) -> Match:
    """Pattern search: try a step up and down in each measure, keep what helps, halve the steps."""
    best = Match(pose, _fit(edges, shape, pose))
    step = 1.0
    for _ in range(rounds):
        for name, size in (("angle", 1.5), ("width", 0.02), ("x", 0.01), ("y", 0.04), ("height", 0.04)):
            for sign in (1, -1):
                here = best.pose
                unit = {"width": here.width, "height": here.height, "x": here.width, "y": here.height}.get(name, 1.0)
                tried = replace(here, **{name: getattr(here, name) + sign * step * size * unit})
                score = _fit(edges, shape, tried)
                if score > best.score:
                    best = Match(tried, score)
                    break
        step *= 0.62
    return best


def _fit(edges: Pixels, shape: Shape, pose: Pose) -> float:
    """Correlate the edges of the logo at a pose with those of the picture, inside the logo's box and a margin."""
    corners = pose.corners()
    margin = pose.margin
    left, right = min(x for x, _ in corners) - margin, max(x for x, _ in corners) + margin
    top, bottom = min(y for _, y in corners) - margin, max(y for _, y in corners) + margin
    x, y = max(math.floor(left), 0), max(math.floor(top), 0)
    window = edges[y : math.ceil(bottom), x : math.ceil(right)]
    if window.size < 64 or window.size < 0.8 * (right - left) * (bottom - top):
        return 0.0
    drawn = shape.edges(replace(pose, x=pose.x - x, y=pose.y - y), window.shape[1], window.shape[0])
    one, other = drawn - drawn.mean(), window - window.mean()
    return float((one * other).sum() / max(float(np.linalg.norm(one) * np.linalg.norm(other)), 1e-6))


def _same_place(one: Pose, other: Pose) -> bool:
    return abs(one.x - other.x) < 0.4 * max(one.width, other.width) and abs(one.y - other.y) < 0.6 * max(
        one.height, other.height
    )


def _resized(pixels: Pixels, width: int, height: int) -> Pixels:
    """Scale a picture of floats, smoothly in both directions."""
    rgba = np.concatenate([pixels, np.ones((*pixels.shape[:2], 1), np.float32)], axis=2)
    image = skia.Image.fromarray(
        np.ascontiguousarray((rgba * 255 + 0.5).astype(np.uint8)), colorType=skia.kRGBA_8888_ColorType, copy=True
    )
    surface = skia.Surface(width, height)
    sampling = skia.SamplingOptions(skia.CubicResampler.Mitchell())
    if width < pixels.shape[1]:
        sampling = skia.SamplingOptions(skia.FilterMode.kLinear, skia.MipmapMode.kLinear)
    surface.getCanvas().drawImageRect(image, skia.Rect.MakeWH(width, height), sampling)
    array = surface.makeImageSnapshot().toarray(colorType=skia.kRGBA_8888_ColorType)
    return np.asarray(array[:, :, :3], np.float32) / 255


def _pixels(picture: Pixels) -> int:
    return int(picture.shape[0] * picture.shape[1])


def _halved(pixels: Pixels) -> Pixels:
    rows, columns = pixels.shape[0] // 2 * 2, pixels.shape[1] // 2 * 2
    even = pixels[:rows, :columns]
    return np.asarray((even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4, np.float32)


def _softened(plane: Pixels) -> Pixels:
    """Blur by 1-2-1 in both directions, so that a pixel's miss is no miss."""
    padded = np.pad(plane, 1, mode="edge")
    down = padded[:-2] + 2 * padded[1:-1] + padded[2:]
    return np.asarray((down[:, :-2] + 2 * down[:, 1:-1] + down[:, 2:]) / 16)


def _integral(plane: Pixels) -> Pixels:
    return np.pad(plane.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))


def _boxed(table: Pixels, rows: int, columns: int) -> Pixels:
    """Sum over every window, from an integral image."""
    return np.asarray(
        table[rows:, columns:] - table[:-rows, columns:] - table[rows:, :-columns] + table[:-rows, :-columns]
    )


def _fast(length: int) -> int:
    """Give the next length that a Fourier transform is quick with: of factors 2, 3 and 5."""
    while True:
        rest = length
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return length
        length += 1
