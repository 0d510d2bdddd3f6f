"""A campaign bundle → its Plan: expansion, values, layouts, plates and scenes joined. Pure and deterministic.

Reads no file and no clock; every decision a person may wonder about leaves a PlanNote.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace

from flux2flow.domain.campaign import CampaignBundle
from flux2flow.domain.format import AspectClass
from flux2flow.domain.measures import Insets
from flux2flow.domain.plan import PLAN_FORMAT_VERSION, Plan, PlannedPlate, PlanNote
from flux2flow.domain.plate import BackendLimits, CompositionSide, PlateRequest
from flux2flow.domain.scene import ContactShadow, OtherSide, PlateLayer, Scene, ShapeLayer, TextDirection
from flux2flow.planning.boxes import Frame, frame
from flux2flow.planning.expansion import Target, expand
from flux2flow.planning.layers import LayerMaker
from flux2flow.planning.plates import ENLARGEMENT_NOTED, PlateBriefs, PlateGeometry, focal_id, geometry
from flux2flow.planning.problems import Problems
from flux2flow.planning.prompts import Brief, opposite
from flux2flow.planning.references import ChosenReferences
from flux2flow.planning.selection import Only, select
from flux2flow.planning.standards import standards
from flux2flow.planning.upsampling import with_prompts
from flux2flow.planning.values import Evaluation, Values
from flux2flow.planning.vocabulary import unknown_pictures

PLATE_LAYER = "plate"


def plan(bundle: CampaignBundle, limits: BackendLimits, only: Only | None = None) -> Plan:
    """Plan a campaign for a backend; raises SpecError with every problem found, PlanError where `only` fits nothing.

    `only` leaves plates out and never changes one: what remains is what the whole plan holds.
    """
    problems = Problems(bundle.sources)
    drafting = _Drafting(bundle, limits, problems)
    groups: dict[tuple[str, str], list[Target]] = {}
    for target in expand(bundle, problems):
        groups.setdefault((target.stem, target.aspect_class), []).append(target)
    for targets in groups.values():
        drafting.add(targets)
    _check_sampling(bundle, limits, problems)
    problems.raise_any()
    plates, prompt_notes = drafting.plates, list[PlanNote]()
    if bundle.prompts is not None:
        plates, prompt_notes = with_prompts(plates, bundle.prompts, limits)
    order = {target.id: number for number, target in enumerate(target for group in groups.values() for target in group)}
    made = Plan(
        format_version=PLAN_FORMAT_VERSION,
        campaign=bundle.campaign.campaign,
        title=bundle.campaign.title,
        brand_kit=bundle.brand_kit.brand_kit,
        brand_name=bundle.brand_kit.name,
        backend=replace(limits, nouns=None),  # what is unknown is noted: no plan carries a dictionary
        seed=bundle.campaign.seed,
        fonts=bundle.fonts,
        formats=tuple({target.format.id: target.format for group in groups.values() for target in group}.values()),
        plates=tuple(plates),
        scenes=tuple(sorted(drafting.scenes, key=lambda scene: order[scene.id])),
        forbidden_words=bundle.brand_kit.words.forbidden,
        notes=tuple(dict.fromkeys((*_campaign_notes(bundle), *drafting.notes, *prompt_notes))),
        standards=standards(bundle),
    )
    return select(made, only) if only else made


def _campaign_notes(bundle: CampaignBundle) -> list[PlanNote]:
    column = bundle.row_key_column
    if not bundle.rows or column in (None, "id"):
        return []
    message = (
        f"rows have no 'id' column: they are told apart by {column!r}, the first without repetition; seeds hang on it"
    )
    return [PlanNote("row-key", message)]


def _check_sampling(bundle: CampaignBundle, limits: BackendLimits, problems: Problems) -> None:
    """Note steps and guidance that the model does not let anybody choose."""
    asked = bundle.campaign.sampling
    if limits.fixed_sampling:
        for key in ("steps", "guidance"):
            if (value := getattr(asked, key)) is not None:
                message = f"{limits.name} is distilled for its own steps and guidance: {key} cannot be {value:g}"
                remedy = "remove it, or choose a base model, which lets it be set"
                problems.add(("campaign", ("sampling", key)), "fixed-sampling", message, remedy=remedy)


@dataclass
class _Drafting:
    """Plates, scenes and notes as they come together."""

    bundle: CampaignBundle
    limits: BackendLimits
    problems: Problems
    plates: list[PlannedPlate] = field(default_factory=list)
    scenes: list[Scene] = field(default_factory=list)
    notes: list[PlanNote] = field(default_factory=list)
    _frames: dict[tuple[str, str, TextDirection, bool], Frame] = field(default_factory=dict)
    _geometries: dict[tuple[str, AspectClass, tuple[str, ...]], PlateGeometry] = field(default_factory=dict)

    def add(self, targets: Sequence[Target]) -> None:
        """Draft the plates and scenes of the targets that share entry, row, variant and aspect class."""
        first = targets[0]
        evaluation = Evaluation(self.bundle, self.problems)
        briefs = PlateBriefs(self.bundle, self.limits, self.problems)
        values = [evaluation.values(target) for target in targets]
        drafts = [briefs.brief(target, value) for target, value in zip(targets, values, strict=True)]
        for target, (brief, references, _) in zip(targets[1:], drafts[1:], strict=True):
            self._same(first, target, drafts[0][0], brief, drafts[0][1], references)
        brief, references, changes = drafts[0]
        shape = self._geometry(targets)
        if shape is None:
            return
        layout = first.template.layout[first.aspect_class]
        painted = references.painted or bool(brief.words) or _paints_product(first, values[0], brief)
        sides: dict[TextDirection, CompositionSide] = {
            "ltr": layout.side,
            "rtl": opposite(layout.side) if painted else layout.side,
        }
        ids = {direction: f"{first.stem}/{first.aspect_class}/{side}" for direction, side in sides.items()}
        served: dict[CompositionSide, list[str]] = {}
        for target, value in zip(targets, values, strict=True):
            direction = target.direction
            swapped = sides[direction] != layout.side
            flip = direction == "rtl" and not painted
            crop = (shape.mirrored() if swapped else shape).crops[target.format.id]
            self._scene(
                target, value, PlateLayer(PLATE_LAYER, ids[direction], crop, flip), mirrored_light=swapped or flip
            )
            served.setdefault(sides[direction], []).append(target.id)
        for side in sorted(served, key=lambda side: side != layout.side):
            swapped = side != layout.side
            said, where = (brief.mirrored(), shape.mirrored()) if swapped else (brief, shape)
            id = ids["rtl" if swapped else "ltr"]
            request, shortened = briefs.request(first, said, references, where, side)
            key = first.entry.key, first.row_key, first.variant
            self.plates.append(PlannedPlate(id, *key, first.aspect_class, side, request, tuple(served[side])))
            self._plate_notes(id, first, targets, shape, references, changes)
            self.notes += [PlanNote("prompt-shortened", what, id) for what in shortened]
            self.notes += [PlanNote("unknown-noun", what, id) for what in self._unknown(said, values[0], references)]
            if said.negative:
                self._negative_note(request)
            if swapped:
                message = (
                    f"right-to-left mirrors the composition, and a product is painted: a second plate, side {side}"
                )
                self.notes.append(PlanNote("second-plate", message, id))
        if not painted and (mirrored := sum(target.direction == "rtl" for target in targets)):
            message = (
                f"{_count(mirrored, 'right-to-left scene')} mirrored from the same plate: no product is painted in it"
            )
            self.notes.append(PlanNote("flip", message, ids["ltr"]))

    def _negative_note(self, request: PlateRequest) -> None:
        """Say once where things named under `negative:` have no effect."""
        if request.negative_prompt is None:
            message = (
                f"backend {self.limits.name} takes no negative prompt: what stands under 'negative:' has no effect"
            )
            self.notes.append(PlanNote("negative-prompt", message))
        elif request.guidance is not None and request.guidance <= 1:
            message = (
                f"what stands under 'negative:' needs guidance above 1 to have an effect: it is {request.guidance:g}"
            )
            self.notes.append(PlanNote("negative-prompt", message))

    def _unknown(self, brief: Brief, values: Values, references: ChosenReferences) -> list[str]:
        """Say what the backend has no picture of, though it is to be painted; nothing else shows it."""
        exact = values.captions.values() if brief.set_exactly else ()
        shown = [*(reference.caption for reference in references.chosen), *exact]
        return unknown_pictures((brief.scene, *brief.subjects), shown, self.limits)

    def _geometry(self, targets: Sequence[Target]) -> PlateGeometry | None:
        """Find the geometry of a plate; rows and variants share it."""
        first = targets[0]
        formats = {target.format.id: target.format for target in targets}
        key = first.template.template, first.aspect_class, tuple(formats)
        if key not in self._geometries:
            frames = {target.format.id: self._frame(target, "ltr") for target in targets}
            layout = first.template.layout[first.aspect_class]
            try:
                self._geometries[key] = geometry(first.template, layout, list(formats.values()), frames, self.limits)
            except ValueError as error:
                self.problems.add(first.place("formats"), "no-plate", f"backend {self.limits.name}: {error}")
                return None
        return self._geometries[key]

    def _frame(self, target: Target, direction: TextDirection, other_side: bool = False) -> Frame:
        key = target.template.template, target.format.id, direction, other_side
        if key not in self._frames:
            made = frame(target.template, target.format, target.aspect_class, direction, self.problems, other_side)
            self._frames[key] = made
            for one, other in made.crowded:
                message = (
                    f"the safe area of {target.format.id} moves {one!r} onto {other!r}: give the class boxes inside it"
                )
                self.notes.append(PlanNote("safe-area", message, target.format.id))
        return self._frames[key]

    def _scene(self, target: Target, values: Values, plate: PlateLayer, *, mirrored_light: bool) -> None:
        light = target.template.plate.lighting
        shadow = ContactShadow(-light.azimuth if mirrored_light else light.azimuth, light.elevation)
        laid = self._frame(target, target.direction)
        layers = LayerMaker(self.bundle, self.problems).layers(target, values, laid, shadow)
        insets = target.format.safe_area.insets
        self.scenes.append(
            Scene(
                id=target.id,
                entry=target.entry.key,
                template=target.template.template,
                format=target.format.id,
                aspect_class=target.aspect_class,
                locale=target.locale,
                direction=target.direction,
                row=target.row_key,
                variant=target.variant,
                size=target.format.size,
                safe_area=Insets(insets.top, insets.right, insets.bottom, insets.left),
                layers=(plate, *layers),
                stacks=laid.stacks,
                other_side=self._other_side(target, values, shadow),
                unbroken=self.bundle.brand_kit.words.names,
            )
        )

    def _other_side(self, target: Target, values: Values, shadow: ContactShadow) -> OtherSide | None:
        """Give the mirrored layout, where the template lets a busy plate ask for it."""
        template = target.template
        if not template.layout[target.aspect_class].flip_when_busy:
            return None
        laid = self._frame(target, target.direction, other_side=True)
        turned = {spec.id for spec in template.layers if spec.mirror}
        layers = tuple(
            replace(layer, fill=replace(layer.fill, angle=(180 - layer.fill.angle) % 360))
            if isinstance(layer, ShapeLayer) and layer.id in turned
            else layer
            for layer in LayerMaker(self.bundle, self.problems).layers(target, values, laid, shadow)
        )
        return OtherSide(layers, laid.stacks, template.plate.quiet)

    def _same(
        self, first: Target, other: Target, one: Brief, two: Brief, chosen: ChosenReferences, others: ChosenReferences
    ) -> None:
        """Note a brief that depends on language or format: its plate could not be shared."""
        differing = [field.name for field in fields(Brief) if getattr(one, field.name) != getattr(two, field.name)]
        differing += ["references"] if chosen.chosen != others.chosen else []
        for name in differing:
            key = {"light": ("lighting", "description")}.get(name, (name,))
            what = "language" if first.locale != other.locale else "format"
            message = (
                f"plate.{'.'.join(key)} differs by {what}, and one plate serves every language and format of its class"
            )
            remedy = "use row, variant and brand in the plate's brief; locale, copy and format belong to the layers"
            self.problems.add(first.template_place("plate", *key), "plate-not-shared", message, remedy=remedy)

    def _plate_notes(
        self,
        id: str,
        first: Target,
        targets: Sequence[Target],
        shape: PlateGeometry,
        references: ChosenReferences,
        changes: Sequence[str],
    ) -> None:
        spec, layout = first.template.plate, first.template.layout[first.aspect_class]
        self.notes += [PlanNote("reference-dropped", why, id) for why in references.dropped]
        self.notes += [PlanNote("prompt-rewritten", change, id) for change in changes]
        if spec.form not in self.limits.prompt_forms:
            read = self.limits.prompt_forms[0]
            message = f"the template asks for a {spec.form} prompt; backend {self.limits.name} reads {read}"
            self.notes.append(PlanNote("prompt-form", message, id))
        if layout.focal is not None and focal_id(first.template, layout) is None:
            message = f"the focal layer {layout.focal!r} has no box on class {first.aspect_class}"
            self.problems.add(first.template_place("layout", first.aspect_class, "focal"), "unknown-layer", message)
        for format in {target.format.id: target.format for target in targets}.values():
            crop = shape.crops[format.id]
            enlargement = format.width / crop.width
            if enlargement > ENLARGEMENT_NOTED:
                message = f"{format.id} ({format.size}) enlarges its crop {enlargement:.2f}×:"
                message += f" backend {self.limits.name} paints {shape.size}"
                self.notes.append(PlanNote("enlarged", message, id))
            ground = self._frame(next(t for t in targets if t.format.id == format.id), "ltr").ground
            seen = (shape.ground * shape.size.height - crop.y) * enlargement
            if abs(seen - ground) > 1.0:
                message = f"{format.id} shows the floor line {seen - ground:+.0f} px off its ground:"
                message += " the formats of its class differ too much to share it"
                self.notes.append(PlanNote("ground", message, id))


def _paints_product(target: Target, values: Values, brief: Brief) -> bool:
    """Whether the words themselves put a slot's product into the picture."""
    said = " ".join((brief.scene, *brief.subjects)).casefold()
    products = (
        name
        for name, slot in target.template.slots.items()
        if slot.type == "image" and slot.role in ("product", "subject")
    )
    return any(
        caption and caption.casefold() in said for name in products if (caption := values.captions.get(name, ""))
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun} is" if number == 1 else f"{number} {noun}s are"
