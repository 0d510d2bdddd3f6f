"""A report built by hand: two rows, four languages, five formats; one picture warned, one kept back, all else clean."""

from __future__ import annotations

from dataclasses import replace

from flux2flow.domain.asset import Asset
from flux2flow.domain.files import FileRef, PictureFile
from flux2flow.domain.finding import Finding
from flux2flow.domain.format import Format
from flux2flow.domain.layout import aspect_class
from flux2flow.domain.measures import Box, Color, Insets, PixelSize
from flux2flow.domain.plan import Plan, PlannedPlate, PlanNote
from flux2flow.domain.plate import BackendIdentity, BackendLimits, Direction, Plate, PlateRequest, Reference
from flux2flow.domain.report import Failure, Report
from flux2flow.domain.scene import FitRule, PlateLayer, Scene, TextLayer, Type

FORMATS = (
    Format(id="iab/medium-rectangle", title="Medium rectangle", width=300, height=250, max_bytes=150_000),
    Format(id="iab/leaderboard", title="Leaderboard", width=728, height=90, max_bytes=150_000),
    Format(id="web/open-graph", title="Open Graph", width=1200, height=630),
    Format(id="linkedin/landscape", title="LinkedIn landscape", width=1200, height=628, max_bytes=5_000_000),
    Format(id="meta/story", title="Story", width=1080, height=1920),
)
HEADLINES = {
    "en": "Skin like first light",
    "de": "Haut wie das erste Licht",
    "ar": "بشرة كأول الضوء",
    "ja": "朝の光のような肌へ",
}
ROWS = ("dew-serum", "night-cream")
WEIGHTS = "5f0c" * 16
INK = Color(28, 29, 31)
PROMPT = "A seamless studio backdrop with a smooth floor. Product photography. Backdrop: warm sand (#e9dccb)."


def _scene(row: str, locale: str, form: Format, plate: str) -> Scene:
    style = Type("display", ("Inter",), 650, 0, 1.1, INK)
    box = Box(form.width * 0.06, form.height * 0.3, form.width * 0.5, form.height * 0.3)
    words = TextLayer("headline", HEADLINES[locale], style, box, "start", "top", FitRule(3, 12, 90))
    base = PlateLayer("plate", plate, Box(0, 0, form.width, form.height), locale == "ar")
    return Scene(
        f"hero/{row}/{form.id}/{locale}", "hero", "banner/product-hero", form.id, aspect_class(form), locale,
        "rtl" if locale == "ar" else "ltr", row, (), form.size, Insets(), (base, words),
    )  # fmt: skip


def _plate(row: str, form: Format, serves: tuple[str, ...]) -> PlannedPlate:
    picture = PictureFile(FileRef("library", "references/dune.png", "7" * 64), 512, 512, "png", False)
    request = PlateRequest(
        PROMPT, form.size, 4711, (Reference(picture, "style", "warm dunes in morning haze"),),
        Direction((), (), None, 0.88, -45, 48),
    )  # fmt: skip
    return PlannedPlate(f"hero/{row}/{aspect_class(form)}", "hero", row, (), aspect_class(form), "end", request, serves)


def report(
    *, locales: tuple[str, ...] = tuple(HEADLINES), rows: tuple[str, ...] = ROWS, title: str = "Aurora, autumn launch"
) -> Report:
    """Build the report; the first picture is kept back, the second released with a warning and a note."""
    scenes, plates, painted = [], {}, {}
    identity = BackendIdentity("nano", "nano-s", WEIGHTS, "float32", 1, 2)
    for row in rows:
        for form in FORMATS:
            plate = f"hero/{row}/{aspect_class(form)}"
            mine = [_scene(row, locale, form, plate) for locale in locales]
            scenes += mine
            served = plates[plate].serves if plate in plates else ()
            plates[plate] = _plate(row, form, served + tuple(scene.id for scene in mine))
            painted[plate] = Plate(plate, "a1" * 32, "b2" * 32, form.size, identity, 3.25, False)
    limits = BackendLimits("nano", 4, 786_432)
    plan = Plan(
        1, "aurora-launch", title, "aurora", "Aurora", limits, 7, (), FORMATS, tuple(plates.values()), tuple(scenes),
        notes=(PlanNote("row-key", "rows are named by the column ‘id’"),),
    )  # fmt: skip
    assets = tuple(_asset(scene, position) for position, scene in enumerate(scenes))
    environment = (("python", "3.11.9"), ("confinement", "landlock"), ("pillow", "12.3.0"))
    return Report(plan, "20261123-133000", tuple(painted.values()), assets, (), environment, "/home/a/build/x", 41.7)


def _asset(scene: Scene, position: int) -> Asset:
    width, height = scene.size.width, scene.size.height
    findings: tuple[Finding, ...] = ()
    if position == 0:
        box = Box(width * 0.08, height * 0.34, width * 0.06, height * 0.09)
        findings = (
            Finding(
                "contrast", "fail", "contrast is 2.31:1 at ‘k’; 4.5:1 is needed", scene.id, "headline", box,
                "2.31:1 at the 5th percentile of 19 glyphs", "4.5:1", "Move the text to a quieter place.",
            ),
            Finding("file-weight", "warn", "the png file weighs 141.0 kB", scene.id, measured="141000 bytes"),
        )  # fmt: skip
    if position == 1:
        low = Box(width * 0.06, height * 0.8, width * 0.4, height * 0.12)
        findings = (
            Finding("fit-floor", "warn", "set at 14.0 px, the smallest size its fit allows", scene.id, "cta", low,
                    "14.0 px", "14.0 px", "Shorten this text."),
            Finding("fallback-used", "info", "‘ü’ is set in Noto Sans", scene.id, "headline", Box(0, 0, 9, 9)),
        )  # fmt: skip
    path = None if position == 0 else f"{scene.entry}/{scene.row}/{scene.format.replace('/', '-')}-{scene.locale}.jpg"
    return Asset(
        id=scene.id,
        key="c3" * 32,
        scene=scene.id,
        plate=scene.plate.plate,
        plate_key="a1" * 32,
        path=path,
        digest="d4" * 32,
        bytes=48_213,
        media="jpeg",
        quality=88,
        size=PixelSize(width, height),
        enlargement=1.5 if scene.format == "meta/story" else 1.0,
        findings=findings,
        dropped=(("eyebrow", "no room at its floor"),) if scene.format == "iab/leaderboard" else (),
        fits=(("headline", 31.5, 2), ("cta", 14.0, 1)),
    )


def clean(made: Report) -> Report:
    """Return the same report with every picture released and nothing found."""
    assets = tuple(replace(asset, path=asset.path or "hero/first.jpg", findings=()) for asset in made.assets)
    return replace(made, assets=assets)


def failed(made: Report) -> Report:
    """Return the same report with the last scene not made."""
    failure = Failure(made.assets[-1].scene, "the backend ran out of memory at step 3")
    return replace(made, assets=made.assets[:-1], failures=(failure,))
