"""A kit with every effect, an accent and icons loads as it is written, and its icons have passed their gate."""

from __future__ import annotations

from pathlib import Path

import pytest

from flux2flow.errors import SpecError
from flux2flow.loading import load
from tests.loading.conftest import BACKENDS, project_of

ICON = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 30 10"><path d="M0 0h30v10z" fill="currentColor"/></svg>'
STYLE = """  display:
    families: [Inter]
    weight: 700
    accent: {color: sky, weight: 900, axes: {opsz: auto}, small_caps: all, highlight: {color: sand}}
    axes: {opsz: 20}
    figures: tabular
    small_caps: small
    stroke: {width: 0.05, color: sand}
    shadow: {color: "#00000080", blur: 0.1}
    highlight: {color: sand, padding: 0.1, radius: 0.2}
    underline: {}
"""


def with_kit(campaign: Path, old: str, new: str) -> None:
    """Change the project's kit."""
    path = campaign.parent / "brand_kits" / "tiny" / "brand_kit.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_a_kit_with_everything_loads(campaign: Path) -> None:
    """Nothing of it is dropped on the way."""
    with_kit(campaign, "  display: {families: [Inter], weight: 700, tracking: -0.02}\n", STYLE)
    with_kit(campaign, "logos:\n", "icons: {wide-bean: icons/bean.svg}\n\nlogos:\n")
    (campaign.parent / "brand_kits" / "tiny" / "icons").mkdir()
    (campaign.parent / "brand_kits" / "tiny" / "icons" / "bean.svg").write_text(ICON, encoding="utf-8")
    bundle = load(campaign, project_of(campaign), backends=BACKENDS)
    icon = bundle.pictures["icon:wide-bean"]
    assert (icon.width, icon.height, icon.media) == (30, 10, "svg")
    style = bundle.brand_kit.styles["display"]
    assert style.accent is not None
    assert (style.accent.color, style.accent.small_caps, style.accent.axes) == ("sky", "all", {"opsz": "auto"})
    assert (style.figures, style.axes) == ("tabular", {"opsz": 20})
    assert style.underline is not None
    assert style.underline.skip_ink


def test_an_icon_that_is_missing_keeps_the_kit_out(campaign: Path) -> None:
    """The control of the test above."""
    with_kit(campaign, "logos:\n", "icons: {wide-bean: icons/bean.svg}\n\nlogos:\n")
    with pytest.raises(SpecError) as raised:
        load(campaign, project_of(campaign), backends=BACKENDS)
    assert [found.code for found in raised.value.diagnostics] == ["missing-file"]
