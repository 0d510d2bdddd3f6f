"""A target → the values its template's expressions see: copy, slots with their pictures and captions, brand, format.

Evaluates what the campaign fills in; knows nothing of layers, plates or pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from flux2flow.domain.campaign import CampaignBundle, CopyValue, Row
from flux2flow.domain.files import PictureFile
from flux2flow.domain.template import Slot
from flux2flow.expressions import ExpressionError
from flux2flow.planning.expansion import Target
from flux2flow.planning.problems import CopyTextError, Place, Problems, near
from flux2flow.planning.rich_text import literal, rich


@dataclass(frozen=True)
class Values:
    """What one target's expressions see, and the pictures its image slots hold."""

    context: Mapping[str, object]
    pictures: Mapping[str, PictureFile]
    captions: Mapping[str, str]
    shorter: tuple[Values, ...] = ()
    """The same with the copy deck's second, third … wording, where it has any."""

    def for_row(self, row: Row) -> dict[str, object]:
        """Give the context as another row's expressions see it; copy that speaks of the row speaks of this one."""
        context: dict[str, object] = {**self.context, "row": dict(row.cells)}
        copy = context["copy"]
        return {**context, "copy": copy.over(context)} if isinstance(copy, CopyDeck) else context


@dataclass(frozen=True)
class Evaluation:
    """Evaluates the targets of one bundle."""

    bundle: CampaignBundle
    problems: Problems

    def values(self, target: Target) -> Values:
        """Give the target's values; what cannot be evaluated is noted as a problem and left empty."""
        deck = self.bundle.copy_decks.get(target.locale, {})
        shorter = tuple(self._values(target, deck, step) for step in range(1, _wordings(deck)))
        return replace(self._values(target, deck, 0), shorter=shorter)

    def _values(self, target: Target, deck: Mapping[str, CopyValue], step: int) -> Values:
        frame = self._frame(target)
        context: dict[str, object] = {**frame, "copy": CopyDeck(deck, frame, step=step)}
        texts: dict[str, str] = {}
        for name, slot in target.template.slots.items():
            text = self._slot(target, name, slot, context)
            if text is None or not self._fits(target, name, slot, text):
                text = ""
            texts[name] = text
        pictures = {
            name: picture
            for name, slot in target.template.slots.items()
            if slot.type == "image" and texts[name] and (picture := self.bundle.pictures.get(f"slot:{texts[name]}"))
        }
        slots: dict[str, object] = {
            name: text for name, text in texts.items() if target.template.slots[name].type != "image"
        }
        captions: dict[str, str] = {}
        for name in (name for name, slot in target.template.slots.items() if slot.type == "image"):
            source = target.template.slots[name].caption
            place = target.template_place("slots", name, "caption")
            captions[name] = (self.problems.render(place, source, {**context, "slots": dict(slots)}) or "").strip()
        for name, caption in captions.items():
            slots[name] = {"path": texts[name], "caption": caption}
        return Values({**context, "slots": slots}, pictures, captions)

    def _frame(self, target: Target) -> dict[str, object]:
        kit, format = self.bundle.brand_kit, target.format
        return {
            "row": dict(target.row.cells) if target.row else {},
            "variant": dict(target.variant),
            "locale": target.locale,
            "brand": {"id": kit.brand_kit, "name": kit.name},
            "format": {"id": format.id, "width": format.width, "height": format.height, "class": target.aspect_class},
        }

    def _slot(self, target: Target, name: str, slot: Slot, context: Mapping[str, object]) -> str | None:
        """Give the text of a slot, or None after noting why there is none."""
        given = target.entry.slots.get(name)
        place = target.place("slots", name)
        if given is None and slot.default is not None:
            given, place = slot.default, target.template_place("slots", name, "default")
        if given is None:
            if not slot.optional:
                expected = f"a value for {name} ({slot.type}{': ' + slot.description if slot.description else ''})"
                message = f"slot {name!r} of template {target.template.template} is not filled"
                self.problems.add(target.place("slots"), "missing-slot", message, expected=expected)
            return None
        if slot.type != "text":
            return self.problems.render(place, str(given), context)
        if slot.markup is False:
            return self.problems.render(place, str(given), context, literal)

        def reading(source: str, scope: Mapping[str, object]) -> str:
            return rich(source, scope, place, rows=slot.markup is True)

        return self.problems.render(place, str(given), context, reading)

    def _fits(self, target: Target, name: str, slot: Slot, text: str) -> bool:
        """Whether a slot's text is what its type asks for; notes what is wrong where it is not."""
        place = (
            target.place("slots", name)
            if name in target.entry.slots
            else target.template_place("slots", name, "default")
        )
        row = f" in row {target.row_key!r}" if target.row else ""
        if not text.strip():
            if not slot.optional:
                message = f"slot {name!r} is empty{row}, locale {target.locale}"
                self.problems.add(place, "empty-slot", message, remedy="fill it, or mark the slot 'optional: true'")
            return False
        if slot.type == "number" and parse_number(text) is None:
            self.problems.add(place, "not-a-number", f"slot {name!r} is {text!r}{row}: a number is expected")
            return False
        if slot.type == "image" and f"slot:{text}" not in self.bundle.pictures:
            known = [key.removeprefix("slot:") for key in self.bundle.pictures if key.startswith("slot:")]
            message = f"slot {name!r}{row} names the picture {text!r}, which was not found"
            self.problems.add(place, "missing-picture", message, suggestions=near(text, known))
            return False
        return True


def _wordings(value: CopyValue) -> int:
    """Count the wordings of the text that has most of them."""
    if isinstance(value, Mapping):
        return max((_wordings(below) for below in value.values()), default=1)
    return len(value) if isinstance(value, tuple) else 1


class CopyDeck(Mapping[str, object]):
    """A copy deck as expressions see it: its texts are evaluated where they are read, over all but copy and slots.

    Only what is read is evaluated: a text that needs a row is no problem for an asset made without one.
    """

    def __init__(
        self,
        deck: Mapping[str, CopyValue],
        scope: Mapping[str, object],
        path: tuple[str, ...] = (),
        step: int = 0,
    ) -> None:
        self._deck, self._scope, self._path, self._step = deck, scope, path, step

    def __getitem__(self, key: str) -> object:
        """Give the text under a key, evaluated, or the deck below it."""
        value, path = self._deck[key], (*self._path, key)
        if isinstance(value, Mapping):
            return CopyDeck(value, self._scope, path, self._step)
        if isinstance(value, tuple):  # wordings, longest first
            value = value[min(self._step, len(value) - 1)]
        try:
            return rich(value, self._scope, self._place(path)) if isinstance(value, str) else value
        except ExpressionError as error:
            raise CopyTextError(path, value, error) from error

    def _place(self, path: tuple[str, ...]) -> Place:
        return f"copy:{self._scope.get('locale', '')}", path

    def over(self, scope: Mapping[str, object]) -> CopyDeck:
        """Give the same deck, its texts evaluated over other values."""
        return CopyDeck(
            self._deck,
            {key: value for key, value in scope.items() if key not in ("copy", "slots")},
            self._path,
            self._step,
        )

    def __contains__(self, key: object) -> bool:
        """Whether the key exists; reads no text."""
        return key in self._deck

    def __iter__(self) -> Iterator[str]:
        """Give the keys, in the deck's order."""
        return iter(self._deck)

    def __len__(self) -> int:
        """How many keys there are."""
        return len(self._deck)


def parse_number(text: str) -> float | None:
    """Read a finite number: digits, a decimal point, a sign, thousands grouped by space, ',' or '_'; else None.

    A comma groups thousands (`1,250`); `1,5` is refused rather than guessed at.
    """
    plain = text.strip().replace("\N{MINUS SIGN}", "-")
    whole = plain.lstrip("+-").split(".")[0]
    for separator in (",", "_", " ", "\N{NO-BREAK SPACE}", "\N{NARROW NO-BREAK SPACE}"):
        if separator in whole:
            first, *groups = whole.split(separator)
            if not 1 <= len(first) <= 3 or any(len(group) != 3 for group in groups):
                return None
            plain = plain.replace(separator, "")
    try:
        value = float(plain)
    except ValueError:
        return None
    return value if abs(value) < 1e300 else None
