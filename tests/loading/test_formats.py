"""The shipped formats: sourced, dated, plausible, and a project's own beside them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flux2flow.domain.layout import aspect_class
from flux2flow.errors import SpecError
from flux2flow.loading import load
from flux2flow.loading.formats import platforms, shipped
from tests.loading.conftest import BACKENDS, project_of

FORMATS = shipped()


def test_there_are_formats_of_ten_platforms() -> None:
    assert platforms() == ("email", "google", "iab", "linkedin", "meta", "pinterest", "tiktok", "web", "x", "youtube")
    assert len(FORMATS) >= 30
    assert {id.partition("/")[0] for id in FORMATS} == set(platforms())


@pytest.mark.parametrize("id", sorted(FORMATS))
def test_every_format_says_where_it_is_from(id: str) -> None:
    format = FORMATS[id]
    assert len(format.source) > 10
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", format.verified_on)
    assert format.title
    assert format.safe_area.top + format.safe_area.bottom < format.height * 0.75
    assert format.safe_area.left + format.safe_area.right < format.width * 0.75
    assert format.min_text >= (24 if format.width >= 1080 and format.height >= 1080 else 9)


def test_figures_of_the_formats_that_examples_use() -> None:
    expected = {
        "iab/medium-rectangle": (300, 250, 150_000, "square"),
        "iab/leaderboard": (728, 90, 150_000, "banner"),
        "web/open-graph": (1200, 630, 8_000_000, "landscape"),
        "linkedin/landscape": (1200, 628, 5_000_000, "landscape"),
        "meta/story": (1080, 1920, 30_000_000, "tall"),
        "meta/feed-square": (1080, 1080, 30_000_000, "square"),
    }
    for id, figures in expected.items():
        format = FORMATS[id]
        assert (format.width, format.height, format.max_bytes, aspect_class(format)) == figures
    assert FORMATS["meta/story"].safe_area.bottom == 672
    assert (FORMATS["iab/medium-rectangle"].min_text, FORMATS["iab/leaderboard"].min_text) == (11, 10)


OWN = "flux2flow: 1\nformats:\n  - {id: shop/window, width: 1200, height: 600, media: [png]}\n"


def test_a_project_adds_its_own(campaign: Path) -> None:
    (campaign.parent / "formats").mkdir()
    (campaign.parent / "formats" / "shop.yaml").write_text(OWN)
    campaign.write_text(campaign.read_text().replace("web/open-graph", "shop/window"))
    bundle = load(campaign, project_of(campaign), backends=BACKENDS)
    assert bundle.formats["shop/window"].size.width == 1200
    (campaign.parent / "formats" / "shop.yaml").write_text(OWN.replace("width", "widht"))
    with pytest.raises(SpecError) as raised:
        load(campaign, project_of(campaign), backends=BACKENDS)
    assert [(str(found.position), found.code) for found in raised.value.diagnostics] == [
        ("campaign.yaml:12:37", "unknown-format"),
        ("formats/shop.yaml:3:23", "unknown-key"),
    ]
