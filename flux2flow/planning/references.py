"""A plate's reference list → the pictures handed to the model: in order, captioned, capped, each drop with its reason.

Knows nothing of prompts' wording, but makes sure that every caption is one a prompt can hold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flux2flow.domain.campaign import CampaignBundle
from flux2flow.domain.files import PictureFile
from flux2flow.domain.plate import BackendLimits, Reference
from flux2flow.domain.template import PictureSpec
from flux2flow.expressions import ExpressionError, Use, uses
from flux2flow.planning.expansion import Target
from flux2flow.planning.problems import Place, Problems, near
from flux2flow.planning.values import Values

# Earlier pictures weigh more, and a cap cuts from the end: the product may never be what falls off.
ORDER = ("product", "subject", "style", "prop", "palette")
# FLUX.2's own reference preparation refuses smaller or longer pictures.
MIN_SIDE, MAX_RATIO = 64, 8.0


@dataclass(frozen=True)
class ChosenReferences:
    """The references of one plate, and every one left out with the reason."""

    chosen: tuple[Reference, ...]
    dropped: tuple[str, ...]

    @property
    def painted(self) -> bool:
        """Whether the picture itself holds something that may not be mirrored: a product, or a person."""
        return any(reference.role in ("product", "subject") for reference in self.chosen)


def choose(
    bundle: CampaignBundle,
    target: Target,
    values: Values,
    limits: BackendLimits,
    caption: Callable[[Place, str], str],
    problems: Problems,
) -> ChosenReferences:
    """Choose, order and cap the references of a target's plate; `caption` makes a caption's words fit for a prompt."""
    exact = _set_exactly(target, values)
    kept: list[Reference] = []
    dropped: list[str] = []
    wanted = list(enumerate(_wanted(bundle, target, values, caption, problems)))
    for _, (reference, name) in sorted(wanted, key=lambda item: (_rank(item[1][0].role), item[0])):
        why = _refusal(reference, [earlier.picture for earlier in kept], exact)
        if why:
            dropped.append(f"{name} was left out: {why}")
        elif len(kept) >= limits.max_references:
            count = f"{limits.max_references} references" if limits.max_references else "no references"
            dropped.append(f"{name} was left out: backend {limits.name} takes {count}")
        else:
            kept.append(reference)
    return ChosenReferences(tuple(kept), tuple(dropped))


def _wanted(
    bundle: CampaignBundle, target: Target, values: Values, caption: Callable[[Place, str], str], problems: Problems
) -> list[tuple[Reference, str]]:
    """Every reference the template lists that exists, with the name its user knows it by."""
    found: list[tuple[Reference, str]] = []
    for number, name in enumerate(target.template.plate.references):
        place = target.template_place("plate", "references", number)
        kind, _, key = name.rpartition(".")
        slot, brand = target.template.slots.get(key), bundle.brand_kit.references.get(key)
        if kind == "slots" and slot is not None and slot.type == "image":
            picture = values.pictures.get(key)
            if picture is not None:  # an empty optional slot gives none; a missing file is noted already
                said = caption(target.template_place("slots", key, "caption"), values.captions[key])
                found.append((Reference(picture, slot.role or "subject", said), name))
        elif kind == "brand.references" and brand is not None:
            picture = bundle.pictures.get(f"reference:{key}")
            if picture is not None:
                said = caption(("brand_kit", ("references", key, "caption")), brand.caption)
                found.append((Reference(picture, brand.role, said), name))
        else:
            known = [f"slots.{one}" for one, slot in target.template.slots.items() if slot.type == "image"]
            known += [f"brand.references.{one}" for one in bundle.brand_kit.references]
            message = f"{name!r} names no reference picture"
            expected = f"one of: {', '.join(known) or 'none exist'}"
            problems.add(
                place, "unknown-reference", message, expected=expected, suggestions=near(name, known), length=len(name)
            )
    return found


def _set_exactly(target: Target, values: Values) -> frozenset[str]:
    """Digests of the pictures that stand on the plate as they are: painting them as well would show them twice."""
    boxes = target.template.layout[target.aspect_class].boxes
    standing = [
        layer.picture
        for layer in target.template.layers
        if isinstance(layer, PictureSpec) and layer.stands and layer.id in boxes
    ]
    slots = {
        use.path[1] for source in standing for use in _uses(source) if use.path[0] == "slots" and len(use.path) > 1
    }
    return frozenset(picture.file.digest for name, picture in values.pictures.items() if name in slots)


def _uses(source: str) -> tuple[Use, ...]:
    try:
        return uses(source)
    except ExpressionError:
        return ()  # noted where the layer is made


def _refusal(reference: Reference, kept: Sequence[PictureFile], exact: frozenset[str]) -> str:
    """Why a picture cannot be a reference; empty where it can."""
    picture = reference.picture
    if any(picture.file.digest == earlier.file.digest for earlier in kept):
        return "the same picture is a reference already"
    if picture.file.digest in exact:
        return "it is set exactly on this plate, which paints floor and backdrop only"
    if picture.media == "svg":
        return "a vector drawing is no reference picture; give a PNG, JPEG or WebP"
    if min(picture.width, picture.height) < MIN_SIDE:
        return f"it is {picture.width}×{picture.height} px, and a reference needs at least {MIN_SIDE} px on each side"
    if max(picture.width, picture.height) > MAX_RATIO * min(picture.width, picture.height):
        return f"it is {picture.width}×{picture.height} px, longer than {MAX_RATIO:g}:1"
    return ""


def _rank(role: str) -> int:
    return ORDER.index(role) if role in ORDER else len(ORDER)
