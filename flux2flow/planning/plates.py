"""The targets that share a plate → the plate: its size, each format's crop, its regions, its brief and its request.

A plate's identity is entry, row, variant, aspect class and composition side; never the language (decision 6).
The rules of its geometry, all in the left-to-right composition, so that no language can move them:

- size: the smallest from which every format of the class in this entry can be cut (`domain.layout.plate_size`);
- ground: the height that every crop can show at its own ground line, nearest to their median; the focal box's middle
  is found in the same way across. Each format's crop lays its own ground and focal middle on them;
- quiet: per layer, the union over the formats of where its box is seen on the plate;
- focal: edge by edge, the median over the formats.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from flux2flow.domain.campaign import CampaignBundle
from flux2flow.domain.fingerprint import seed_of
from flux2flow.domain.format import Format
from flux2flow.domain.layout import crop_for, crop_size, plate_size, seen_through, shared_point
from flux2flow.domain.measures import Box, PixelSize
from flux2flow.domain.plate import BackendLimits, CompositionSide, Direction, PaletteColor, PlateRequest
from flux2flow.domain.template import LayoutSpec, PictureSpec, Template
from flux2flow.planning.boxes import Frame
from flux2flow.planning.color_names import color_name
from flux2flow.planning.expansion import Target
from flux2flow.planning.layers import token_color
from flux2flow.planning.problems import Place, Problems
from flux2flow.planning.prompts import Brief, compile_prompt, free_side
from flux2flow.planning.references import ChosenReferences, choose
from flux2flow.planning.values import Values
from flux2flow.planning.wording import negations, positive

_FOCAL_ACROSS: Mapping[CompositionSide, float] = {"start": 0.28, "center": 0.5, "end": 0.72}
ENLARGEMENT_NOTED = 2.0


@dataclass(frozen=True)
class PlateGeometry:
    """Where a plate's regions are, in fractions of it, and each format's crop in its pixels."""

    size: PixelSize
    crops: Mapping[str, Box]
    quiet: tuple[Box, ...]
    focal: Box | None
    ground: float
    seen: Box
    """The smallest box that holds every crop, in fractions."""

    def mirrored(self) -> PlateGeometry:
        """Give the mirrored composition: regions and crops change sides together."""
        crops = {id: crop.mirrored(self.size.width) for id, crop in self.crops.items()}
        quiet = tuple(box.mirrored(1.0) for box in self.quiet)
        focal = self.focal.mirrored(1.0) if self.focal else None
        return replace(self, crops=crops, quiet=quiet, focal=focal, seen=self.seen.mirrored(1.0))


def geometry(
    template: Template,
    layout: LayoutSpec,
    formats: Sequence[Format],
    frames: Mapping[str, Frame],
    limits: BackendLimits,
) -> PlateGeometry:
    """Size a plate for its formats and find its regions; raises ValueError where the limits allow no plate."""
    size = plate_size(
        [format.size for format in formats],
        max_pixels=limits.max_pixels,
        multiple=limits.multiple,
        min_side=limits.min_side,
        max_ratio=limits.max_ratio,
    )
    focal_layer = focal_id(template, layout)
    boxes = {
        id: {key: box.scaled(1 / frame.size.width, 1 / frame.size.height) for key, box in frame.boxes.items()}
        for id, frame in frames.items()
    }
    grounds = {id: min(max(frame.ground / frame.size.height, 0.0), 1.0) for id, frame in frames.items()}
    across = {id: _middle(boxes[id].get(focal_layer or ""), layout.side) for id in frames}
    parts = {format.id: crop_size(size, format.size) for format in formats}
    point = (
        shared_point([(parts[id][0] / size.width, across[id]) for id in frames]),
        shared_point([(parts[id][1] / size.height, grounds[id]) for id in frames]),
    )
    crops = {
        format.id: crop_for(size, format.size, canvas_point=(across[format.id], grounds[format.id]), plate_point=point)
        for format in formats
    }
    quiet = tuple(
        _union([seen_through(boxes[id][layer], crops[id], size) for id in frames])
        for layer in template.plate.quiet
        if all(layer in boxes[id] for id in frames)
    )
    focal = _median([seen_through(boxes[id][focal_layer], crops[id], size) for id in frames]) if focal_layer else None
    seen = _union([crop.scaled(1 / size.width, 1 / size.height) for crop in crops.values()])
    return PlateGeometry(
        size, crops, tuple(map(_rounded, quiet)), _rounded(focal) if focal else None, round(point[1], 6), seen
    )


def focal_id(template: Template, layout: LayoutSpec) -> str | None:
    """Give the layer whose box the picture's subject occupies: the one named, else the standing picture."""
    if layout.focal is not None:
        return layout.focal if layout.focal in layout.boxes else None
    standing = (layer.id for layer in template.layers if isinstance(layer, PictureSpec) and layer.stands)
    return next((id for id in standing if id in layout.boxes), None)


def _middle(box: Box | None, side: CompositionSide) -> float:
    return min(max(box.x + box.width / 2, 0.0), 1.0) if box else _FOCAL_ACROSS[side]


def _rounded(box: Box) -> Box:
    # Regions go into prompts, keys and plan files: a millionth of a plate is finer than any of them needs.
    return Box(round(box.x, 6), round(box.y, 6), round(box.width, 6), round(box.height, 6))


def _union(boxes: Sequence[Box]) -> Box:
    whole = boxes[0]
    for box in boxes[1:]:
        whole = whole.union(box)
    return whole.intersection(Box(0, 0, 1, 1))


def _median(boxes: Sequence[Box]) -> Box:
    left, top, right, bottom = (
        statistics.median(edges) for edges in zip(*((b.x, b.y, b.right, b.bottom) for b in boxes), strict=True)
    )
    return Box(left, top, right - left, bottom - top)


@dataclass(frozen=True)
class PlateBriefs:
    """Evaluates the briefs of plates of one bundle."""

    bundle: CampaignBundle
    limits: BackendLimits
    problems: Problems

    def brief(self, target: Target, values: Values) -> tuple[Brief, ChosenReferences, tuple[str, ...]]:
        """Give a target's brief and references, and what was rewritten in its words."""
        changes: list[str] = []
        spec, kind = target.template.plate, target.aspect_class

        def words(place: Place, rendered: str) -> str:
            said = positive(rendered)
            changes.extend(said.changes)
            for refused in said.refused:
                self.problems.add(
                    place,
                    "negative-prompt",
                    f"{refused.words!r} in {rendered!r}: FLUX.2 takes no negatives, naming a thing paints it",
                    remedy="say what is there instead: 'a bare table' rather than 'a table without plates'",
                )
            return said.text.strip()

        def text(source: str, *path: str | int) -> str:
            place = target.template_place("plate", *path)
            return words(place, self.problems.render(place, source, values.context) or "")

        light = text(spec.lighting.description, "lighting", "description")
        if _says_direction(light):
            self.problems.add(
                target.template_place("plate", "lighting", "description"),
                "light-direction",
                f"{light!r} says where the light comes from",
                remedy="leave the direction to 'azimuth' and 'elevation': prompt and contact shadow both use them",
            )
        brief = Brief(
            scene=text(spec.scene, "scene"),
            subjects=tuple(
                said for number, source in enumerate(spec.subjects) if (said := text(source, "subjects", number))
            ),
            style=text(spec.style, "style"),
            palette=tuple(self._palette(target, values)),
            light=light,
            azimuth=spec.lighting.azimuth,
            elevation=spec.lighting.elevation,
            composition=text(spec.composition, "composition"),
            camera=text(spec.camera, "camera"),
            words=(self.problems.render(target.template_place("plate", "words"), spec.words, values.context) or "")
            .strip()
            .replace('"', ""),
            set_exactly=any(
                isinstance(layer, PictureSpec) and layer.stands and layer.id in target.template.layout[kind].boxes
                for layer in target.template.layers
            ),
            negative=self._negative(target, values),
        )
        return (
            brief,
            choose(self.bundle, target, values, self.limits, words, self.problems),
            tuple(dict.fromkeys(changes)),
        )

    def _negative(self, target: Target, values: Values) -> str:
        """Join what the template and the campaign keep out of the picture; each thing is named, not negated."""
        place = target.template_place("plate", "negative")
        own = self.problems.render(place, target.template.plate.negative, values.context) or ""
        both: tuple[tuple[Place, str], ...] = (
            (place, own), (("campaign", ("negative",)), self.bundle.campaign.negative),
        )  # fmt: skip
        for where, text in both:
            for refused in negations(text):
                message = f"{refused.words!r} in {text!r}: a negative prompt names what it keeps out"
                remedy = "name the thing itself: 'text, watermark' rather than 'no text, no watermark'"
                self.problems.add(where, "negated-negative", message, remedy=remedy)
        return ", ".join(said for _, text in both if (said := " ".join(text.split()).strip(" ,.")))

    def _palette(self, target: Target, values: Values) -> list[PaletteColor]:
        colors = []
        for part, source in target.template.plate.palette.items():
            place = target.template_place("plate", "palette", part)
            token = (self.problems.render(place, source, values.context) or "").strip()
            found = token_color(self.bundle, token, place, self.problems)
            if found:
                colors.append(PaletteColor(part, found[0], found[1] or color_name(found[0])))
        return colors

    def request(
        self, target: Target, brief: Brief, references: ChosenReferences, shape: PlateGeometry, side: CompositionSide
    ) -> tuple[PlateRequest, tuple[str, ...]]:
        """Ask a backend for the plate, the first attempt; and say which clauses its prompt had no room for."""
        spec = target.template.plate
        form = spec.form if spec.form in self.limits.prompt_forms else self.limits.prompt_forms[0]
        azimuth, elevation = brief.azimuth, brief.elevation
        free, room = free_side(shape.quiet, shape.seen), self.limits.max_prompt_tokens
        prompt, shortened = compile_prompt(brief, side, free, references.chosen, form, room)
        request = PlateRequest(
            prompt=prompt,
            size=shape.size,
            seed=plate_seed(self.bundle.campaign.seed, target, side),
            references=references.chosen,
            direction=Direction(brief.palette, shape.quiet, shape.focal, shape.ground, azimuth, elevation),
            steps=self.bundle.campaign.sampling.steps,
            guidance=self.bundle.campaign.sampling.guidance,
            negative_prompt=(brief.negative or None) if self.limits.negative_prompts else None,
        )
        return request, tuple(f"{clause}: backend {self.limits.name} reads about {room} tokens" for clause in shortened)


def plate_seed(campaign_seed: int, target: Target, side: CompositionSide, attempt: int = 0) -> int:
    """Decision 8: the row's key and not its number, so that rows and formats elsewhere never move it."""
    key = target.entry.key, target.row_key, target.variant_text, target.aspect_class
    return seed_of(campaign_seed, *key, side, attempt)


def _says_direction(light: str) -> bool:
    words = light.lower().replace(",", " ").split()
    return any(
        a in ("from", "at") and b in ("the", "left", "right", "above", "behind", "top")
        for a, b in itertools.pairwise(words)
    )
