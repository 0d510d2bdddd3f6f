"""A template's layers and a target's values → a scene's layers, resolved: text, colours, type, boxes in canvas pixels.

Leaves out what has no box on this aspect class, what `when` switches off, and optional layers that stay empty.
Knows nothing about plates.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from flux2flow.domain.campaign import CampaignBundle
from flux2flow.domain.files import PictureFile
from flux2flow.domain.measures import Box, Color
from flux2flow.domain.scene import (
    Align,
    ButtonLayer,
    ContactShadow,
    FitRule,
    Gradient,
    Layer,
    LogoLayer,
    PictureLayer,
    ShapeLayer,
    ShorterCopy,
    TextLayer,
    TextSpan,
    Type,
    Vertical,
)
from flux2flow.domain.template import (
    ButtonSpec,
    ChartSpec,
    FigureSpec,
    Fit,
    LayerSpec,
    LogoSpec,
    PictureSpec,
    ShapeSpec,
    TextSpec,
    TimelineSpec,
)
from flux2flow.planning.boxes import Frame, length
from flux2flow.planning.expansion import Target
from flux2flow.planning.infographics import (
    OFF,
    Making,
    chart_layer,
    figure_layer,
    table_layer,
    timeline_layer,
)
from flux2flow.planning.problems import Place, Problems, near
from flux2flow.planning.rich_text import is_blank, literal, rich
from flux2flow.planning.spans import Spans
from flux2flow.planning.types import Types
from flux2flow.planning.values import Values, parse_number

_ONE_SLOT = re.compile(r"\s*\{\{-?\s*slots\.([A-Za-z_]\w*)(?:\.path)?\s*-?\}\}\s*")
_FALLBACK = Color(0, 0, 0)


@dataclass(frozen=True)
class LayerMaker:
    """Makes the layers of targets of one bundle."""

    bundle: CampaignBundle
    problems: Problems

    def layers(self, target: Target, values: Values, frame: Frame, shadow: ContactShadow) -> tuple[Layer, ...]:
        """Every layer above the plate, in painting order."""
        made = (
            self._layer(target, values, frame, number, spec, shadow)
            for number, spec in enumerate(target.template.layers)
        )
        return tuple(layer for layer in made if layer is not None)

    def _layer(
        self, target: Target, values: Values, frame: Frame, number: int, spec: LayerSpec, shadow: ContactShadow
    ) -> Layer | None:
        if spec.id not in frame.boxes:
            return None
        one = _One(self, target, values, frame, number)
        if spec.when and one.text("when", spec.when).strip().casefold() in OFF:
            return None
        box, place = frame.boxes[spec.id], frame.places[spec.id]
        align, vertical = place.align, place.vertical
        if isinstance(spec, TextSpec):
            return one.text_layer(spec, box, align, vertical)
        if isinstance(spec, ButtonSpec):
            return one.button_layer(spec, box, align, vertical)
        if isinstance(spec, LogoSpec):
            return one.logo_layer(spec, box, align, vertical)
        if isinstance(spec, ShapeSpec):
            return one.shape_layer(spec, box)
        if isinstance(spec, PictureSpec):
            return one.picture_layer(spec, box, align, vertical, shadow if spec.stands else None)
        if isinstance(spec, ChartSpec):
            return chart_layer(one.making(), spec, box)
        if isinstance(spec, FigureSpec):
            return figure_layer(one.making(), spec, box, align, vertical)
        if isinstance(spec, TimelineSpec):
            return timeline_layer(one.making(), spec, box)
        return table_layer(one.making(), spec, box)


@dataclass(frozen=True)
class _One:
    """One layer of one target being made."""

    maker: LayerMaker
    target: Target
    values: Values
    frame: Frame
    number: int

    def text(self, key: str, source: str) -> str:
        """Give a Jinja string's text; empty after noting what is wrong with it."""
        return self.maker.problems.render(self._place(key), source, self.values.context) or ""

    def text_layer(self, spec: TextSpec, box: Box, align: Align, vertical: Vertical) -> TextLayer | None:
        written = self._written("text", spec.text, spec.markup)
        if is_blank(written):
            return None
        type, fit = self._type(spec.style, spec.color, "color"), self._squeezable(spec)
        text, spans = self._marked(written, type)
        place = self.frame.places[spec.id]
        return TextLayer(
            spec.id, text, type, box, align, vertical, fit, spec.priority, self._max_chars(spec.text),
            repair=spec.repair, spans=spans, writing=spec.writing, alternatives=self._shorter(spec, "text", type, text),
            justify=place.justify, shape="ellipse" if place.ellipse else "rectangle",
        )  # fmt: skip

    def _squeezable(self, spec: TextSpec) -> FitRule:
        """Give a text's bounds with how far its style lets letters be squeezed."""
        fit, style = self._preferring(spec.fit), self.maker.bundle.brand_kit.styles.get(spec.style)
        return replace(fit, tracking=style.fit.tracking, width=style.fit.width) if style is not None else fit

    def _preferring(self, fit: Fit) -> FitRule:
        """Give bounds with the size under which shorter copy is tried."""
        if fit.prefer is None:
            return self._fit(fit)
        size = self.frame.size
        wanted = length(fit.prefer, size.height, size, self._place("fit", "prefer"), self.maker.problems)
        return replace(self._fit(fit), prefer=wanted)

    def _shorter(self, spec: TextSpec | ButtonSpec, key: str, type: Type, text: str) -> tuple[ShorterCopy, ...]:
        """Give the shorter copies: what the deck holds for this text, then what the template offers itself."""
        written = [
            replace(self, values=values)._written(key, getattr(spec, key), spec.markup)
            for values in self.values.shorter
        ]
        written += [
            self._written(("shorter", number), source, spec.markup) for number, source in enumerate(spec.shorter)
        ]
        found: dict[str, ShorterCopy] = {}
        for copy in written:
            plain, spans = self._marked(copy, type)
            if not is_blank(copy) and plain != text:
                found.setdefault(plain, ShorterCopy(plain, spans))
        return tuple(found.values())

    def button_layer(self, spec: ButtonSpec, box: Box, align: Align, vertical: Vertical) -> ButtonLayer | None:
        written = self._written("button", spec.button, spec.markup)
        if is_blank(written):
            return None
        padding = parse_number(spec.padding)
        if padding is None or padding < 0:
            message = f"{spec.padding!r} is no padding: write a number of em, such as '0.9'"
            self.maker.problems.add(self._place("padding"), "bad-length", message)
        radius = self._length("radius", spec.radius, min(box.width, box.height))
        fill, type = self._color("fill", spec.fill), self._type(spec.style, spec.color, "color")
        text, spans = self._marked(written, type)
        fit, limit = self._preferring(spec.fit), self._max_chars(spec.button)
        return ButtonLayer(
            spec.id, text, type, fill, radius, padding or 0.0, box, align, vertical, fit, spec.priority, limit,
            spans=spans, alternatives=self._shorter(spec, "button", type, text),
        )  # fmt: skip

    def logo_layer(self, spec: LogoSpec, box: Box, align: Align, vertical: Vertical) -> LogoLayer | None:
        name = self.text("logo", spec.logo)
        logo = self.maker.bundle.brand_kit.logos.get(name)
        if logo is None:
            known = self.maker.bundle.brand_kit.logos
            self.maker.problems.add(
                self._place("logo"),
                "unknown-logo",
                f"the brand kit has no logo {name!r}",
                expected=f"one of: {', '.join(known) or 'none'}",
                suggestions=near(name, known),
            )
            return None
        picture = self.maker.bundle.pictures.get(f"logo:{name}:{spec.tone}")
        if picture is None:
            message = f"logo {name!r} has no {spec.tone} file"
            remedy = (
                "give the logo a 'reversed:' file in the brand kit, or use 'tone: normal'"
                if spec.tone == "reversed"
                else ""
            )
            self.maker.problems.add(
                self._place("tone" if spec.tone == "reversed" else "logo"), "missing-logo-file", message, remedy=remedy
            )
            return None
        return LogoLayer(spec.id, name, picture, box, align, vertical, logo.clear_space, logo.min_width, spec.priority)

    def shape_layer(self, spec: ShapeSpec, box: Box) -> ShapeLayer:
        start = self._color("fill", spec.fill).with_alpha(spec.opacity)
        far = self._color("to", spec.to) if spec.to else self._color("fill", spec.fill)
        end = far.with_alpha(spec.opacity if spec.to_opacity is None else spec.to_opacity)
        angle = (180 - spec.angle) % 360 if self.target.direction == "rtl" and spec.mirror else spec.angle
        radius = self._length("radius", spec.radius, min(box.width, box.height))
        return ShapeLayer(spec.id, spec.shape, box, Gradient(start, end, angle), radius, spec.priority)

    def picture_layer(
        self, spec: PictureSpec, box: Box, align: Align, vertical: Vertical, shadow: ContactShadow | None
    ) -> PictureLayer | None:
        picture = self._picture(spec)
        if picture is None:
            return None
        if spec.stands and not picture.alpha:
            self.maker.problems.add(
                self._slot_place(spec.picture) or self._place("picture"),
                "no-alpha",
                f"{picture.file.path} has no transparency, and layer {spec.id!r} stands it on the plate's ground",
                remedy="give a cut-out with an alpha channel (PNG or WebP), or set 'stands: false'",
            )
        # A standing picture keeps its feet on the ground line: nothing but the bottom edge is right for it.
        return PictureLayer(
            spec.id, picture, box, align, "bottom" if spec.stands else vertical, spec.fit, shadow, spec.priority
        )

    def making(self) -> Making:
        """Give what infographics are made with."""
        return Making(
            self.target, self.values, self.maker.problems, self._place, self._type, self._color, self._fit,
            self._named_picture,
        )  # fmt: skip

    def _picture(self, spec: PictureSpec) -> PictureFile | None:
        """Give the picture of a slot, or one that a rendered path or `brand.references.<name>` names."""
        match = _ONE_SLOT.fullmatch(spec.picture)
        if match:
            name = match.group(1)
            if name in self.values.pictures or name in self.target.template.slots:
                return self.values.pictures.get(name)  # an empty optional slot; a missing file is noted already
        return self._named_picture("picture", self.text("picture", spec.picture))

    def _named_picture(self, key: str, text: str) -> PictureFile | None:
        """Give the picture that a rendered path, `brand.references.<name>` or `brand.icons.<name>` names."""
        kind = next((kind for kind in ("references", "icons") if text.startswith(f"brand.{kind}.")), "")
        name = f"{kind[:-1]}:{text.removeprefix(f'brand.{kind}.')}" if kind else f"slot:{text}"
        picture = self.maker.bundle.pictures.get(name)
        if picture is None and text:
            known = [key.partition(":")[2] for key in self.maker.bundle.pictures]
            layer = self.target.template.layers[self.number].id
            message = f"layer {layer!r} names the picture {text!r}, which was not found"
            self.maker.problems.add(self._place(key), "missing-picture", message, suggestions=near(text, known))
        return picture

    def _type(self, style: str, color: str | None, key: str) -> Type:
        kit = self.maker.bundle.brand_kit
        found = kit.styles.get(style)
        if found is None:
            message = f"the brand kit has no text style {style!r}"
            expected = f"one of: {', '.join(kit.styles)}"
            self.maker.problems.add(
                self._place("style"), "unknown-style", message, expected=expected, suggestions=near(style, kit.styles)
            )
            return Type(style, ("",), 400, 0.0, 1.15, _FALLBACK)
        return self._types.of(style, self._color(key, color) if color else None)

    @property
    def _types(self) -> Types:
        return Types(self.maker.bundle.brand_kit, self.target.locale, self._kit_color)

    def _written(self, key: str | tuple[str | int, ...], source: str, markup: bool | None) -> str:
        """Give a text as it was written, with its markup unless that is switched off."""
        place, context = self._place(*((key,) if isinstance(key, str) else key)), self.values.context
        if markup is False:
            return self.maker.problems.render(place, source, context, literal) or ""

        def reading(source: str, scope: Mapping[str, object]) -> str:
            return rich(source, scope, place, rows=markup is True)

        return self.maker.problems.render(place, source, context, reading) or ""

    def _marked(self, text: str, type: Type) -> tuple[str, tuple[TextSpan, ...]]:
        """Give a text's plain words and the spans that its markup asks for."""
        where = f"layer {self.target.template.layers[self.number].id!r} in {self.target.locale}"
        return Spans(self._types, self.maker.bundle.pictures, self.maker.problems, where).resolve(text, type)

    def _color(self, key: str, source: str) -> Color:
        return self._kit_color(self.text(key, source).strip(), self._place(key))

    def _kit_color(self, text: str, place: Place) -> Color:
        found = token_color(self.maker.bundle, text, place, self.maker.problems)
        return found[0] if found else _FALLBACK

    def _fit(self, fit: Fit) -> FitRule:
        size = self.frame.size
        low = length(fit.min, size.height, size, self._place("fit", "min"), self.maker.problems)
        high = length(fit.max, size.height, size, self._place("fit", "max"), self.maker.problems)
        return FitRule(fit.lines, low, max(low, high), group=fit.group)

    def _length(self, key: str, text: str, axis: float) -> float:
        return length(text, axis, self.frame.size, self._place(key), self.maker.problems)

    def _max_chars(self, source: str) -> int | None:
        """Give the limit of the slot that a layer's whole text comes from."""
        match = _ONE_SLOT.fullmatch(source)
        slot = self.target.template.slots.get(match.group(1)) if match else None
        return slot.max_chars if slot else None

    def _slot_place(self, source: str) -> Place | None:
        match = _ONE_SLOT.fullmatch(source)
        name = match.group(1) if match else ""
        return self.target.place("slots", name) if name in self.target.entry.slots else None

    def _place(self, *path: str | int) -> Place:
        return self.target.template_place("layers", self.number, *path)


def token_color(bundle: CampaignBundle, text: str, place: Place, problems: Problems) -> tuple[Color, str] | None:
    """Give a colour token's value and its name in words, or a hex colour's and ''; None after noting what is wrong."""
    token = text.removeprefix("brand.").removeprefix("colors.")
    kit = bundle.brand_kit
    try:
        if token in kit.colors:
            found = kit.color(token)
            place = "brand_kit", ("colors", token)
            return Color.from_hex(found.value), found.name
        if text.startswith("#"):
            return Color.from_hex(text), ""
    except ValueError as error:
        problems.add(place, "bad-color", str(error), length=len(text))
        return None
    message = f"the brand kit has no colour {text!r}"
    expected = f"'#rrggbb' or one of: {', '.join(kit.colors)}"
    problems.add(
        place,
        "unknown-color",
        message,
        expected=expected,
        suggestions=near(token, kit.colors),
        length=max(len(text), 1),
    )
    return None
