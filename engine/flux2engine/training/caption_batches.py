"""Scenes and edits → batches of captions with the facts a reader should find in them, −1 or 0 where nothing is said.

A batch is a function of (seed, step), so that a resumed run sees the same ones. Knows nothing about losses.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor
from torch.nn import functional

from flux2engine.text_encoder import Qwen3FormEncoder
from flux2engine.training import data
from flux2engine.training.captions import Role, edit_caption, room_for, scene_caption
from flux2engine.training.colours import companion, random_colour
from flux2engine.training.data import Placed, Scene, draw_scene
from flux2engine.training.edits import EDIT_KINDS, Edit, draw_edit
from flux2engine.training.packages import PACKAGES
from flux2engine.training.products import CutOut, Identity

CLASSES: dict[str, tuple[str, ...]] = {
    "kind": data.KINDS,
    "set": data.SETS,
    "stand": data.STANDS,
    "light": data.LIGHTS,
    "mood": data.MOODS,
    "empty": data.EMPTY_SIDES,
    "camera": data.CAMERAS,
    "floor": data.FLOORS,
    "decor": data.DECORS,
    "pattern": data.PATTERNS,
    "edit": ("none", *EDIT_KINDS),
    "image": tuple(map(str, range(11))),  # last: the number of the picture that shows the main product, 0 for none
}
COLOURS = ("backdrop", "second", "stand_colour")
ASPECTS = (1.0, 1.0, 1.8, 0.56, 4.0)
EDITS = 0.2  # of the captions
WINDOWS = {64: 35, 96: 35, 128: 30}
_SAID_BY = {"mood": "light"}  # which fact of a caption tells a class, where their names differ
_FLAT = ("flat-lay", "infographic")


@dataclass(frozen=True)
class Batch:
    """Captions and what a reader should find in them."""

    ids: Tensor
    lengths: Tensor
    colours: Tensor  # (B, 3 facts, 3)
    said: Tensor  # (B, 3 facts), 1 where the colour is in the caption
    classes: Tensor  # (B, classes and the main object's name), −1 where the caption does not say it
    nibbles: Tensor  # (B, T, 3), the colour whose last nibble stands here
    ends: Tensor  # (B, T), True at a last nibble

    def to(self, device: str) -> Batch:
        """Return the batch on a device."""
        return Batch(**{field.name: getattr(self, field.name).to(device) for field in fields(self)})


@dataclass(frozen=True)
class Item:
    """One caption and its facts."""

    text: str
    colours: tuple[tuple[int, int, int], ...]
    said: tuple[float, ...]
    classes: tuple[int, ...]


class CaptionSource:
    """Draw batches of captions by step."""

    def __init__(self, encoder: Qwen3FormEncoder, cut_outs: Sequence[CutOut], seed: int, pool: int = 600) -> None:
        self.encoder, self.seed, self.items = encoder, seed, CaptionPool(cut_outs, seed, pool)
        self.nibble_of = torch.full((encoder.config.vocabulary,), -1, dtype=torch.int64)
        for value in range(16):
            if (token := encoder.tokenizer.token_to_id(f"{value:x}")) is not None:
                self.nibble_of[token] = value

    @property
    def names(self) -> tuple[str, ...]:
        """The objects' names, in the order of their class."""
        return self.items.names

    def batch(self, step: int, size: int) -> Batch:
        """Return the batch of this step."""
        rng = random.Random(f"{self.seed}/{step}")
        window = rng.choices(list(WINDOWS), list(WINDOWS.values()))[0]
        items = [self.items.draw(rng, window) for _ in range(size)]
        encode, pad = self.encoder.tokenizer.encode, self.encoder.pad_id
        rows = [encode(item.text, add_special_tokens=False).ids[:window] for item in items]
        ids = torch.tensor([row + [pad] * (window - len(row)) for row in rows])
        nibbles, ends = self._nibbles(ids)
        return Batch(
            ids,
            torch.tensor([len(row) for row in rows]),
            torch.tensor([item.colours for item in items]) / 255,
            torch.tensor([item.said for item in items]),
            torch.tensor([item.classes for item in items]),
            nibbles,
            ends,
        )

    def _nibbles(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        values = self.nibble_of[ids].float()  # (B, T), −1 elsewhere
        windows = values.unfold(1, 6, 1)  # (B, T − 5, 6)
        whole = (windows >= 0).all(-1)
        rgb = (windows[..., 0::2] * 16 + windows[..., 1::2]) / 255
        return functional.pad(rgb, (0, 0, 5, 0)), functional.pad(whole, (5, 0))


class CaptionPool:
    """Draw captions with their facts from a pool of scenes and edits, which are recoloured, relit and renamed.

    Drawing a scene measures its products' pictures; changing one costs far less.
    """

    def __init__(self, cut_outs: Sequence[CutOut], seed: int, pool: int = 600) -> None:
        self.cut_outs = list(cut_outs)
        self.names = tuple(sorted({*PACKAGES, *(cut_out.name for cut_out in cut_outs)}))
        self.index = {name: number for number, name in enumerate(self.names)}
        rng = random.Random(seed)
        self.scenes = [draw_scene(rng, rng.choice(ASPECTS), self.cut_outs, index % 3 > 0) for index in range(pool)]
        self.edits = [draw_edit(rng, scene, self.cut_outs) for scene in self.scenes[: -(-pool // 2)]]

    def draw(self, rng: random.Random, window: int) -> Item:
        """Draw one caption that fits a text window."""
        return self._edit(rng) if rng.random() < EDITS else self._scene(rng, window)

    def _scene(self, rng: random.Random, window: int) -> Item:
        scene = self._changed(rng, rng.choice(self.scenes))
        roles = _roles(rng, scene)
        caption = scene_caption(scene, rng, roles, room_for(window))
        classes = [self._class(scene, name, names, caption.said, caption.text) for name, names in CLASSES.items()]
        classes[-1] = roles.index("main") + 1 if "main" in roles else 0
        named = scene.main is not None and "main" not in roles
        classes.append(self.index.get(scene.main.identity.name, -1) if named and scene.main is not None else -1)
        return Item(
            caption.text,
            tuple(getattr(scene, name) for name in COLOURS),
            tuple(float(name in caption.said) for name in COLOURS),
            tuple(classes),
        )

    def _class(self, scene: Scene, name: str, names: tuple[str, ...], said: frozenset[str], text: str) -> int:
        """Return a class, or −1 where the caption leaves it open."""
        if name in ("edit", "image"):
            return 0
        value = getattr(scene, name)
        known = name == "kind" or value == "none" or _SAID_BY.get(name, name) in said
        if name == "set":
            known = scene.kind not in _FLAT
        elif name == "empty":
            known = "empty" in said
        elif name == "light":
            known = known and "from behind" not in text
        return names.index(value) if known else -1

    def _edit(self, rng: random.Random) -> Item:
        edit = rng.choice(self.edits)
        after = self._changed(rng, edit.after)
        if edit.kind in ("remove", "outpaint"):
            after = edit.after  # what goes, or stays, is what was there
        edit = Edit(edit.kind, edit.before, after, edit.keep)
        shows = {"swap": "main", "add": "extra", "palette": "swatch"}.get(edit.kind)
        roles = ["before"]
        if shows and rng.random() < 0.6:
            behind = [shows, *["other"] * rng.randint(0, 2)]
            roles += rng.sample(behind, len(behind))
        text = edit_caption(edit, rng, roles)
        painted = edit.kind == "backdrop" or (edit.kind == "palette" and "swatch" not in roles)
        told = {"edit": edit.kind} | ({"light": after.light, "mood": after.mood} if edit.kind == "light" else {})
        classes = [names.index(told[name]) if name in told else -1 for name, names in CLASSES.items()]
        classes[-1] = roles.index("main") + 1 if "main" in roles else 0
        if "from behind" in text:
            classes[list(CLASSES).index("light")] = -1
        named = edit.kind == "swap" and "main" not in roles and after.main is not None
        classes.append(self.index.get(after.main.identity.name, -1) if named and after.main is not None else -1)
        said = (float(painted), 0.0, 0.0)
        return Item(text, tuple(getattr(after, name) for name in COLOURS), said, tuple(classes))

    def _changed(self, rng: random.Random, scene: Scene) -> Scene:
        """Give a scene other colours, another light and other products."""
        backdrop = random_colour(rng)
        scene = replace(
            scene,
            backdrop=backdrop,
            second=companion(backdrop, rng),
            stand_colour=companion(backdrop, rng),
            light=rng.choice(data.LIGHTS),
            mood=rng.choice(data.MOODS),
            main=self._renamed(rng, scene.main),
            extra=self._renamed(rng, scene.extra),
            props=tuple(other for prop in scene.props if (other := self._renamed(rng, prop)) is not None),
        )
        return scene if scene.kind == "flat-lay" else replace(scene, camera=rng.choice(data.CAMERAS[:3]))

    def _renamed(self, rng: random.Random, placed: Placed | None) -> Placed | None:
        if placed is None:
            return None
        if not self.cut_outs or rng.random() < 0.35:
            return replace(placed, identity=Identity(rng.choice(PACKAGES), rng.getrandbits(32)))
        cut_out = rng.choice(self.cut_outs)
        return replace(placed, identity=Identity(cut_out.name, 0, cut_out.path))


def _roles(rng: random.Random, scene: Scene) -> tuple[Role, ...]:
    """Draw which references a caption speaks of: half of the time none, else up to ten in any order."""
    if not scene.objects or rng.random() < 0.5:
        return ()
    shown: list[Role] = ["main"] if scene.main is not None else []
    shown += ["extra"] if scene.extra is not None and rng.random() < 0.5 else []
    shown += [f"prop {index}" for index in range(len(scene.props)) if rng.random() < 0.6]
    shown += ["view"] if scene.main is not None and rng.random() < 0.15 else []
    shown += ["swatch"] if rng.random() < 0.12 else []
    shown += ["other"] * min(rng.choice((0, 0, 1, 1, 2, 3, 6)), 10 - len(shown))
    return tuple(rng.sample(shown, len(shown)))
