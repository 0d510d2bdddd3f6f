"""A seed → a good picture: real copy in a real kit's fonts, set, painted and encoded small, on a calm plate.

Fifteen words of copy per language, four languages, two formats, eight grounds; the seed chooses and jitters.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from flux2flow import api
from flux2flow.compositing import compose
from flux2flow.domain.canvas import Canvas
from flux2flow.domain.files import FileRef
from flux2flow.domain.layout import Layout
from flux2flow.domain.measures import PixelSize
from flux2flow.domain.scene import ButtonLayer, Scene, TextLayer
from flux2flow.domain.standards import SpellingDictionary, Standards
from flux2flow.export import encode
from flux2flow.gates.pictures import decode_canvas
from flux2flow.interfaces import CheckSubject, FileSource
from flux2flow.typography import set_scene

EXAMPLE = Path(__file__).parents[3] / "examples" / "aurora" / "campaign.yaml"
FORMATS = ("iab/medium-rectangle", "iab/leaderboard")

HEADLINES = {
    "en": ("Skin like first light", "Wake up to calm", "Your morning in a bottle", "Soft light for dry skin",
           "Night Cream, made for sleep", "Dew Serum is back", "Less effort, more glow"),
    "de": ("Haut wie das erste Licht", "Ruhe für die Nacht", "Der Morgen im Flakon", "Sanft zu trockener Haut",
           "Night Cream für die Nacht", "Dew Serum ist zurück", "Weniger Aufwand, mehr Glanz"),
    "ar": ("بشرة كأول الضوء", "هدوء كل ليلة", "صباحك في زجاجة", "ضوء ناعم لبشرتك"),
    "ja": ("朝の光のような肌へ", "夜を整えるクリーム", "やさしい光を毎日に", "静かな夜の習慣"),
}  # fmt: skip
CALLS = {
    "en": ("Discover", "Shop now", "Find yours"),
    "de": ("Entdecken", "Jetzt ansehen", "Mehr erfahren"),
    "ar": ("اكتشفي", "تسوقي الآن"),
    "ja": ("詳しく見る", "今すぐ購入"),
}
GROUNDS = (
    (236, 217, 194), (240, 205, 184), (207, 224, 220), (251, 240, 226), (253, 248, 240), (230, 225, 215),
    (222, 214, 235), (245, 235, 200),
)  # fmt: skip

AFF = FileRef("seeded", "words.aff", "a" * 64)


def _words(locale: str) -> FileRef:
    return FileRef("seeded", f"{locale}.dic", (locale * 32)[:64])


@dataclass(frozen=True)
class Files:
    """The example's files, and dictionaries that know the copy's words and no other."""

    project: FileSource

    def read(self, file: FileRef) -> bytes:
        """Return a file's bytes."""
        if file == AFF:
            return b"SET UTF-8\nTRY esianrtolcdugmphbyfvkwz\n"
        if file.root == "seeded":
            locale = file.path.removesuffix(".dic")
            words = {word.strip(",.") for text in (*HEADLINES[locale], *CALLS[locale]) for word in text.split()}
            return "\n".join([str(len(words)), *sorted(words)]).encode()
        return self.project.read(file)


@dataclass(frozen=True)
class Picture:
    """A picture with all it takes to make it again, altered."""

    subject: CheckSubject
    plate: Canvas
    fonts: tuple[object, ...]

    @property
    def scene(self) -> Scene:
        """Its scene."""
        return self.subject.scene

    @property
    def layout(self) -> Layout:
        """Its layout."""
        return self.subject.layout

    def set_again(self, scene: Scene, *, plate: Canvas | None = None) -> Picture:
        """Set, paint and encode an altered scene."""
        layout = set_scene(scene, self.fonts, self.subject.files)  # type: ignore[arg-type]
        return replace(self, subject=replace(self.subject, scene=scene)).painted(layout, plate=plate)

    def painted(self, layout: Layout, *, plate: Canvas | None = None) -> Picture:
        """Paint and encode an altered layout."""
        ground = plate or self.plate
        assert self.subject.files is not None
        encoded = encode(compose(layout, ground, self.subject.files), self.subject.format, {})
        subject = replace(self.subject, layout=layout, encoded=encoded, decoded=decode_canvas(encoded.data))
        return replace(self, subject=subject, plate=ground)


@cache
def _bases() -> tuple[Picture, ...]:
    loaded = api.load(EXAMPLE, plugins=False)
    plan = api.plan(loaded)
    standards = replace(
        plan.standards,
        dictionaries=tuple(SpellingDictionary(locale, AFF, _words(locale)) for locale in ("en", "de")),
    )
    files = Files(loaded.project)
    blank = Canvas(PixelSize(16, 16), bytes(768))
    return tuple(
        Picture(_subject(scene, plan.format(scene.format), standards, files, plan.forbidden_words), blank, plan.fonts)
        for scene in plan.scenes
        if scene.format in FORMATS
    )


def _subject(
    scene: Scene, format: object, standards: Standards, files: Files, forbidden: tuple[str, ...]
) -> CheckSubject:
    layout = Layout(scene.id, scene.size, scene.direction, ())
    return CheckSubject(scene, layout, format, forbidden, standards=standards, files=files)  # type: ignore[arg-type]


def good(seed: str, *, locale: str | None = None, format: str | None = None) -> Picture:
    """Make a good picture; a fault that needs a language or a format asks for it."""
    draw = random.Random(seed)
    bases = [base for base in _bases() if locale in (None, base.scene.locale) and format in (None, base.scene.format)]
    base = draw.choice(bases)
    words = {"headline": draw.choice(HEADLINES[base.scene.locale]), "cta": draw.choice(CALLS[base.scene.locale])}
    layers = tuple(
        replace(layer, text=words[layer.id])
        if isinstance(layer, (TextLayer, ButtonLayer)) and layer.id in words
        else layer
        for layer in base.scene.layers
    )
    scene = replace(base.scene, id=f"{base.scene.id}/{seed}", layers=layers)
    return base.set_again(scene, plate=plate(base.scene, draw))


def plate(scene: Scene, draw: random.Random) -> Canvas:
    """Paint a calm ground: a soft gradient with a little grain."""
    crop = scene.plate.crop
    width, height = round(crop.right), round(crop.bottom)
    noise = np.random.default_rng(draw.randrange(2**32))
    ground = np.array(draw.choice(GROUNDS), dtype=float)
    fall = np.linspace(0, draw.uniform(-14, 6), height)[:, None, None]
    pixels = ground + fall + noise.normal(0, draw.uniform(0, 1.2), (height, width, 1))
    return Canvas(PixelSize(width, height), np.clip(np.rint(pixels), 0, 255).astype(np.uint8).tobytes())
