"""Colours, lengths, sizes and boxes, with the arithmetic that belongs to them.

Boxes count from the top left corner; y grows downwards. Knows nothing about what is drawn.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

_HEX = re.compile(r"#?([0-9a-fA-F]{3,4}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})\Z")
_LENGTH = re.compile(r"(-?\d+(?:\.\d+)?)(px|%|vmin)\Z")

Unit = Literal["px", "%", "vmin"]


@dataclass(frozen=True, slots=True)
class Color:
    """An sRGB colour, 8 bits a channel, straight alpha."""

    red: int
    green: int
    blue: int
    alpha: int = 255

    @classmethod
    def from_hex(cls, text: str) -> Color:
        """Read `#rgb`, `#rgba`, `#rrggbb` or `#rrggbbaa`; raise ValueError for anything else."""
        match = _HEX.match(text.strip())
        if match is None:
            raise ValueError(f"{text!r} is no hex colour: write it as '#rrggbb'")
        digits = match.group(1)
        if len(digits) <= 4:
            digits = "".join(digit * 2 for digit in digits)
        channels = [int(digits[i : i + 2], 16) for i in range(0, len(digits), 2)]
        return cls(*channels)

    @property
    def hex(self) -> str:
        """`#rrggbb`, or `#rrggbbaa` where the colour is not opaque."""
        text = f"#{self.red:02x}{self.green:02x}{self.blue:02x}"
        return text if self.alpha == 255 else f"{text}{self.alpha:02x}"

    @property
    def linear(self) -> tuple[float, float, float]:
        """Linear light of the three channels, 0 to 1, alpha ignored."""

        def linear(channel: int) -> float:
            value = channel / 255
            return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)

        return linear(self.red), linear(self.green), linear(self.blue)

    @property
    def luminance(self) -> float:
        """Relative luminance by WCAG 2.2, 0 to 1, alpha ignored."""
        red, green, blue = self.linear
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    def contrast(self, other: Color) -> float:
        """WCAG 2.2 contrast ratio, 1 to 21."""
        light, dark = sorted((self.luminance, other.luminance), reverse=True)
        return (light + 0.05) / (dark + 0.05)

    def with_alpha(self, opacity: float) -> Color:
        """Return the same colour with its alpha multiplied by `opacity` (0 to 1)."""
        return Color(self.red, self.green, self.blue, round(self.alpha * opacity))


@dataclass(frozen=True, slots=True)
class Length:
    """A length: pixels, per cent of an axis, or `vmin` (per cent of the shorter side)."""

    value: float
    unit: Unit

    @classmethod
    def parse(cls, text: str) -> Length:
        """Read `12px`, `40%` or `6vmin`; raise ValueError for anything else."""
        match = _LENGTH.match(text.strip())
        if match is None:
            raise ValueError(f"{text!r} is no length: write a number with px, % or vmin, such as '40%'")
        return cls(float(match.group(1)), match.group(2))  # type: ignore[arg-type]

    def resolve(self, axis: float, shorter_side: float) -> float:
        """Pixels, given the length of the axis that `%` refers to and the canvas's shorter side."""
        if self.unit == "px":
            return self.value
        return self.value / 100 * (axis if self.unit == "%" else shorter_side)


@dataclass(frozen=True, slots=True, order=True)
class PixelSize:
    """A width and a height in whole pixels."""

    width: int
    height: int

    @property
    def ratio(self) -> float:
        """Width divided by height."""
        return self.width / self.height

    @property
    def pixels(self) -> int:
        """Area in pixels."""
        return self.width * self.height

    def __str__(self) -> str:
        return f"{self.width}×{self.height}"


@dataclass(frozen=True, slots=True)
class Insets:
    """Distances from the four edges of a box, inwards."""

    top: float = 0.0
    right: float = 0.0
    bottom: float = 0.0
    left: float = 0.0

    def mirrored(self) -> Insets:
        """Return the same insets with left and right exchanged."""
        return Insets(self.top, self.left, self.bottom, self.right)


@dataclass(frozen=True, slots=True)
class Box:
    """An axis-aligned rectangle; the unit (pixels, or fractions of a plate) is its owner's."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """The x of the right edge."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """The y of the bottom edge."""
        return self.y + self.height

    @property
    def area(self) -> float:
        """Width times height; 0 for an empty box."""
        return max(self.width, 0.0) * max(self.height, 0.0)

    def mirrored(self, total_width: float) -> Box:
        """Return the box reflected about the vertical middle of a space `total_width` wide."""
        return Box(total_width - self.right, self.y, self.width, self.height)

    def inset(self, by: Insets) -> Box:
        """Return the box shrunk by `by`; width and height never fall below 0."""
        width = max(self.width - by.left - by.right, 0.0)
        return Box(self.x + by.left, self.y + by.top, width, max(self.height - by.top - by.bottom, 0.0))

    def grown(self, margin: float) -> Box:
        """Return the box with `margin` added on every side."""
        return Box(self.x - margin, self.y - margin, self.width + 2 * margin, self.height + 2 * margin)

    def scaled(self, horizontal: float, vertical: float | None = None) -> Box:
        """Return the box with every coordinate multiplied."""
        down = horizontal if vertical is None else vertical
        return Box(self.x * horizontal, self.y * down, self.width * horizontal, self.height * down)

    def moved(self, right: float, down: float) -> Box:
        """Return the box moved by an offset."""
        return Box(self.x + right, self.y + down, self.width, self.height)

    def contains(self, other: Box, tolerance: float = 0.0) -> bool:
        """Whether `other` lies inside, give or take `tolerance`."""
        return (
            other.x >= self.x - tolerance
            and other.y >= self.y - tolerance
            and other.right <= self.right + tolerance
            and other.bottom <= self.bottom + tolerance
        )

    def intersection(self, other: Box) -> Box:
        """Return the common part; width or height 0 where there is none."""
        x, y = max(self.x, other.x), max(self.y, other.y)
        width = max(min(self.right, other.right) - x, 0.0)
        return Box(x, y, width, max(min(self.bottom, other.bottom) - y, 0.0))

    def union(self, other: Box) -> Box:
        """Return the smallest box that holds both."""
        x, y = min(self.x, other.x), min(self.y, other.y)
        return Box(x, y, max(self.right, other.right) - x, max(self.bottom, other.bottom) - y)
