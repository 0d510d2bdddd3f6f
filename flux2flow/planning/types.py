"""The kit's text styles → resolved types: a language's changes, an accent's, and what a span's own style states.

Notes what the kit lacks as a problem. Knows no layers and no pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from flux2flow.domain.brand_kit import BrandKit, Figures, TextStyle, TextStyleChange
from flux2flow.domain.measures import Color
from flux2flow.domain.scene import Decoration, Highlight, Shadow, Stroke, Type, Underline
from flux2flow.planning.problems import KeyPath, Place

_FIGURES: dict[Figures, str] = {"tabular": "tnum", "proportional": "pnum", "lining": "lnum", "oldstyle": "onum"}
_ADDED = ("features", "axes")


@dataclass(frozen=True)
class Types:
    """Resolves one kit's styles for one language; `color` gives a token's colour."""

    kit: BrandKit
    locale: str
    color: Callable[[str, Place], Color]

    def of(self, style: str, shade: Color | None = None) -> Type:
        """Give a style's type, in another colour where one is given; raises KeyError for an unknown style."""
        return self._made(style, self._values(style), ("styles", style), shade)

    def accent(self, style: str, around: Type) -> Type | None:
        """Give the type of a style's accents in a text of this type; None where the style has none."""
        change = self.kit.styles[style].accent
        if change is None:
            return None
        values = _changed(self._values(style), change)
        made = self._made(style, values, ("styles", style, "accent"), None if change.color else around.color)
        scale, shift = change.scale or 1.0, change.shift or 0.0
        return replace(made, scale=around.scale * scale, shift=around.shift + shift * around.scale)

    def span(self, style: str, around: Type) -> Type:
        """Give the type of a span that names a style: as large as the text around it, unless the style has a scale."""
        found = self.kit.styles[style]
        made = self.of(style)
        scale = found.scale if found.scale is not None else 1.0
        return replace(made, scale=around.scale * scale, shift=around.shift + found.shift * around.scale)

    def _values(self, style: str) -> dict[str, object]:
        found = self.kit.styles[style]
        values = {name: getattr(found, name) for name in TextStyle.model_fields}
        change = found.locales.get(self.locale) or found.locales.get(self.locale.split("-")[0])
        return _changed(values, change) if change else values

    def _made(self, style: str, values: Mapping[str, object], path: KeyPath, shade: Color | None) -> Type:
        made = TextStyle.model_validate({**values, "locales": {}, "accent": None})
        features = {_FIGURES[name]: 1 for name in _named(made.figures)} | made.features
        axes = tuple(sorted((tag, float(value)) for tag, value in made.axes.items() if value != "auto"))
        return Type(
            style=style,
            families=made.families,
            weight=made.weight,
            tracking=made.tracking,
            leading=made.leading,
            color=shade or self.color(made.color, ("brand_kit", (*path, "color"))),
            upper=made.case == "upper",
            features=tuple(sorted(features.items())),
            axes=axes,
            small_caps=made.small_caps,
            decoration=self._decoration(made, path),
            hyphenate=made.hyphenate,
        )

    def _decoration(self, style: TextStyle, path: KeyPath) -> Decoration | None:
        def color(effect: str, token: str) -> Color:
            return self.color(token, ("brand_kit", (*path, effect, "color")))

        stroke, shadow, highlight, line = style.stroke, style.shadow, style.highlight, style.underline
        if not (stroke or shadow or highlight or line):
            return None
        return Decoration(
            Stroke(stroke.width, color("stroke", stroke.color)) if stroke else None,
            Shadow(shadow.x, shadow.y, shadow.blur, color("shadow", shadow.color)) if shadow else None,
            Highlight(color("highlight", highlight.color), highlight.padding, highlight.radius) if highlight else None,
            Underline(
                color("underline", line.color) if line.color else None, line.thickness, line.offset, line.skip_ink
            )
            if line
            else None,
        )


def _named(figures: Figures | tuple[Figures, ...]) -> tuple[Figures, ...]:
    return (figures,) if isinstance(figures, str) else figures


def _changed(values: Mapping[str, object], change: TextStyleChange) -> dict[str, object]:
    """Lay a change over a style's values; features and axes are added to, everything else is replaced."""
    own = {name: value for name in TextStyleChange.model_fields if (value := getattr(change, name)) is not None}
    for name in _ADDED:
        if name in own:
            before, added = values[name], own[name]
            assert isinstance(before, dict)
            assert isinstance(added, dict)
            own[name] = {**before, **added}
    return {**values, **own}
