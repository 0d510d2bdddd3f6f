"""Campaign bundles written by hand, for tests of planning: no file is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flux2flow.domain.brand_kit import BrandKit
from flux2flow.domain.campaign import Campaign, CampaignBundle, Row, SourceMap
from flux2flow.domain.files import FileRef, PictureFile
from flux2flow.domain.fingerprint import digest
from flux2flow.domain.format import Format
from flux2flow.domain.plate import BackendLimits
from flux2flow.domain.template import Template
from flux2flow.errors import Position

LIMITS = BackendLimits("nano", max_references=4, max_pixels=360_448)

FORMATS = {
    "web/open-graph": (1200, 630),
    "linkedin/landscape": (1200, 628),
    "iab/leaderboard": (728, 90),
    "iab/medium-rectangle": (300, 250),
    "meta/story": (1080, 1920),
    "x/wide": (1600, 900),
    "web/card": (800, 600),
}

KIT: dict[str, Any] = {
    "flux2flow": 1,
    "brand_kit": "test",
    "name": "Test",
    "colors": {
        "background": {"value": "#e8d5b5", "name": "warm sand"},
        "accent": "#0f4c5c",
        "ink": "#14171f",
    },
    "fonts": [{"family": "Inter", "file": "fonts/Inter.ttf", "licence": "OFL-1.1"}],
    "styles": {
        "display": {
            "families": ["Inter"],
            "weight": 700,
            "color": "ink",
            "locales": {"ar": {"families": ["Noto Sans Arabic", "Inter"], "leading": 1.4}},
        },
        "label": {"families": ["Inter"], "color": "background"},
    },
    "logos": {"primary": {"file": "logo.svg"}},
    "references": {
        "mood": {"file": "mood.png", "caption": "morning light on linen", "role": "style", "rights": "own"},
        "swatch": {"file": "swatch.png", "caption": "sand and teal", "role": "palette", "rights": "own"},
        "vase": {"file": "vase.png", "caption": "a clay vase", "role": "prop", "rights": "own"},
        "tiny": {"file": "tiny.png", "caption": "a tiny picture", "role": "style", "rights": "own"},
    },
    "words": {"names": ["Aurora"], "forbidden": ["cheap"]},
}

TEMPLATE: dict[str, Any] = {
    "flux2flow": 1,
    "template": "banner/hero",
    "slots": {
        "product": {"type": "image", "role": "product", "caption": "a {{ row.name }} bottle"},
        "headline": {"type": "text", "max_chars": 48},
        "cta": {"type": "text", "max_chars": 18, "optional": True},
    },
    "variants": {"mood": ["dawn", "night"]},
    "plate": {
        "scene": "A seamless studio floor with a round podium",
        "style": "product photography",
        "palette": {"backdrop": "background", "podium": "accent"},
        "lighting": {"azimuth": -45, "elevation": 50, "description": "soft {{ variant.mood }} light"},
        "camera": "eye level",
        "quiet": ["headline", "cta"],
    },
    "layers": [
        {"id": "scrim", "shape": "rectangle", "fill": "ink", "to": "ink", "to_opacity": 0, "angle": 0},
        {"id": "product", "picture": "{{ slots.product }}", "stands": True},
        {
            "id": "headline",
            "text": "{{ slots.headline }}",
            "style": "display",
            "fit": {"lines": 2, "min": "12px", "max": "20vmin"},
        },
        {"id": "cta", "button": "{{ slots.cta }}", "style": "label", "fill": "accent", "priority": 2},
        {"id": "logo", "logo": "primary"},
    ],
    "layout": {
        "landscape": {
            "side": "end",
            "ground": "80%",
            "boxes": {
                "scrim": {"x": "0%", "y": "0%", "w": "60%", "h": "100%"},
                "product": {"x": "60%", "y": "10%", "w": "30%", "h": "60%"},
                "headline": {"x": "5%", "y": "20%", "w": "45%", "h": "40%"},
                "cta": {"x": "5%", "y": "70%", "w": "30%", "h": "15%"},
                "logo": {"x": "5%", "y": "5%", "w": "20%", "h": "10%"},
            },
        },
        "banner": {
            "side": "end",
            "ground": "90%",
            "boxes": {
                "product": {"x": "70%", "y": "0%", "w": "20%", "h": "90%"},
                "headline": {"x": "5%", "y": "20%", "w": "45%", "h": "60%"},
            },
        },
        "tall": {
            "side": "center",
            "ground": "85%",
            "boxes": {
                "product": {"x": "20%", "y": "45%", "w": "60%", "h": "40%"},
                "headline": {"x": "8%", "y": "2%", "w": "84%", "h": "20%"},
                "logo": {"x": "8%", "y": "94%", "w": "30%", "h": "5%"},
            },
        },
    },
}

CAMPAIGN: dict[str, Any] = {
    "flux2flow": 1,
    "campaign": "launch",
    "brand_kit": "test",
    "seed": 7,
    "rows": "rows.csv",
    "locales": ["en", "ar"],
    "copy": "copy/",
    "assets": [
        {
            "id": "hero",
            "template": "banner/hero",
            "formats": ["web/open-graph", "linkedin/landscape", "iab/leaderboard"],
            "slots": {
                "product": "{{ row.photo }}",
                "headline": "{{ copy.headline }}",
                "cta": "{{ copy.cta }}",
            },
        }
    ],
}

COPY = {
    "en": {"headline": "Meet {{ row.name }}", "cta": "Shop now"},
    "ar": {"headline": "تعرّف على {{ row.name }}", "cta": "تسوّق"},
}

ROWS = ({"id": "serum", "name": "Serum", "photo": "serum.png"}, {"id": "cream", "name": "Cream", "photo": "cream.png"})


def picture(name: str, size: tuple[int, int] = (400, 600), *, alpha: bool = True, media: str = "png") -> PictureFile:
    """Give a picture that passed its gate."""
    file = FileRef("project", name, digest(name.encode()))
    return PictureFile(file, *size, media, alpha)  # type: ignore[arg-type]


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Copy a document deeply with some keys changed; None takes a key away."""
    result = {
        key: merged(value, changes.get(key) or {}) if isinstance(value, dict) else value for key, value in base.items()
    }
    for key, value in changes.items():
        if value is None:
            result.pop(key, None)
        elif not (isinstance(value, dict) and isinstance(base.get(key), dict)):
            result[key] = value
    return result


def bundle(
    *,
    template: Mapping[str, Any] | None = None,
    entry: Mapping[str, Any] | None = None,
    campaign: Mapping[str, Any] | None = None,
    kit: Mapping[str, Any] | None = None,
    copy: Mapping[str, Any] | None = None,
    rows: tuple[Mapping[str, str], ...] = ROWS,
    safe_areas: Mapping[str, Mapping[str, float]] | None = None,
    pictures: Mapping[str, PictureFile] | None = None,
    sources: Mapping[str, SourceMap] | None = None,
) -> CampaignBundle:
    """Give the small campaign with some keys changed: `entry` changes its only entry, None takes a key away."""
    document = merged(CAMPAIGN, campaign or {})
    if entry:
        document["assets"] = [merged(document["assets"][0], entry)]
    made = Template.model_validate(merged(TEMPLATE, template or {}))
    known = {
        id: Format(id=id, width=width, height=height, safe_area=(safe_areas or {}).get(id, {}))  # type: ignore[arg-type]
        for id, (width, height) in FORMATS.items()
    }
    found = {
        **{f"slot:{name}.png": picture(f"{name}.png") for name in ("serum", "cream", "other")},
        "slot:photo.jpg": picture("photo.jpg", alpha=False, media="jpeg"),
        "logo:primary:normal": picture("logo.svg", (400, 100), media="svg"),
        **{f"reference:{name}": picture(f"{name}.png", (512, 512)) for name in ("mood", "swatch", "vase")},
        "reference:tiny": picture("tiny.png", (32, 32)),
    }
    return CampaignBundle(
        campaign=Campaign.model_validate(document),
        brand_kit=BrandKit.model_validate(merged(KIT, kit or {})),
        templates={made.template: made},
        formats=known,
        copy_decks=merged(COPY, copy or {}),
        rows=tuple(Row(cells["id"], cells, Position("rows.csv", line, 1)) for line, cells in enumerate(rows, 2)),
        row_key_column="id",
        pictures={**found, **(pictures or {})},
        fonts=(),
        sources=sources or {},
    )


def without_rows(made: CampaignBundle) -> CampaignBundle:
    """Take all data out of a bundle."""
    return replace(made, rows=(), row_key_column=None)
