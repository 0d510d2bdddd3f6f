"""Whole layouts of three scenes against committed numbers, rounded to hundredths of a pixel.

A golden changes only on purpose: `python -m tests.typography.test_golden` writes them anew; look at the difference.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flux2flow.domain.layout import Layout, PlacedText
from flux2flow.domain.measures import Box, Color, PixelSize
from flux2flow.domain.scene import Bar, ButtonLayer, ChartLayer, FitRule, LogoLayer
from tests.typography.builder import layout, logo_file, style_for, text_layer

EXPECTED = Path(__file__).parent / "expected"
PAPER, ACCENT = Color(255, 255, 255), Color(200, 85, 61)


def open_graph() -> Layout:
    """Set an English web picture: eyebrow in capitals, headline, body, button, logo."""
    button, frame = style_for("en", color=PAPER), Box(72, 504, 528, 76)
    return layout(
        text_layer("New in the studio", Box(72, 60, 600, 32), style_for("en", upper=True, tracking=0.1), id="eyebrow"),
        text_layer(
            "Overnight, your skin remembers its own light", Box(72, 120, 600, 240), style_for("en", leading=1.06)
        ),
        text_layer(
            "Aurora Night Cream with 5 % squalane.", Box(72, 384, 528, 88), id="body", fit=FitRule(3, 11, 25)
        ),
        ButtonLayer("cta", "Shop the cream", button, ACCENT, 99, 1.1, frame, "start", "bottom", FitRule(1, 10, 26)),
        LogoLayer("logo", "primary", logo_file(), Box(936, 50, 192, 76), "end", "middle", 0.25, 24),
        unbroken=("Aurora Night Cream",),
    )  # fmt: skip


def leaderboard() -> Layout:
    """Set an Arabic leaderboard: everything starts at the right; the body does not fit and drops."""
    label, frame = style_for("ar", color=PAPER), Box(14, 22, 190, 45)
    return layout(
        LogoLayer("logo", "primary", logo_file(), Box(626, 22, 87, 45), "start", "middle", 0.25, 24),
        text_layer(
            "في الليل تستعيد بشرتكِ إشراقتها", Box(240, 13, 364, 65), style_for("ar", leading=1.3), vertical="middle",
            fit=FitRule(2, 11, 26),
        ),
        text_layer("كريم ليلي مع 5% سكوالان", Box(240, 80, 60, 9), style_for("ar"), id="body", priority=3),
        ButtonLayer("cta", "تسوّقي الكريم", label, ACCENT, 99, 1.1, frame, "end", "middle", FitRule(1, 10, 16)),
        locale="ar", size=PixelSize(728, 90),
    )  # fmt: skip


def figures() -> Layout:
    """Set a Japanese chart under a headline."""
    bars = (
        Bar("8時間後のうるおい", 42, "+42%", True),
        Bar("ハリ", 27, "+27%", False),
        Bar("透明感", 18, "+18%", False),
    )
    chart = ChartLayer(
        "chart", "column", bars, style_for("ja"), ACCENT, ACCENT, Box(60, 220, 960, 420), FitRule(2, 12, 28)
    )
    return layout(
        text_layer("眠るあいだに、肌は本来の光を思い出す。", Box(60, 60, 900, 140), style_for("ja", leading=1.25)),
        chart,
        locale="ja", size=PixelSize(1080, 720),
    )  # fmt: skip


SCENES: dict[str, Callable[[], Layout]] = {"open_graph": open_graph, "leaderboard": leaderboard, "figures": figures}


def described(made: Layout) -> dict[str, Any]:
    """Reduce a layout to plain numbers and words."""
    return {
        "placed": [_text(layer) if isinstance(layer, PlacedText) else _other(layer) for layer in made.placed],
        "dropped": [[dropped.id, dropped.reason] for dropped in made.dropped],
    }


def _box(box: Box) -> list[float]:
    return [round(value, 2) + 0.0 for value in (box.x, box.y, box.width, box.height)]


def _other(layer: Any) -> dict[str, Any]:
    box = layer.crop if layer.kind == "plate" else layer.box
    return {"id": layer.id, "kind": layer.kind, "box": _box(box)}


def _text(text: PlacedText) -> dict[str, Any]:
    lines = [
        {
            "text": line.text,
            "box": _box(line.box),
            "runs": [
                {
                    "font": run.font.font.family,
                    "location": dict(run.font.location),
                    "fallback": run.fallback,
                    "glyphs": [[g.id, g.cluster, round(g.x, 2), round(g.y, 2)] for g in run.glyphs],
                }
                for run in line.runs
            ],
        }
        for line in text.lines
    ]
    return {"id": text.id, "size": text.fit.size, "ink": _box(text.ink), "steps": list(text.fit.steps), "lines": lines}


@pytest.mark.parametrize("name", SCENES)
def test_layout_is_as_committed(name: str, tmp_path: Path) -> None:
    """Every glyph id and place equals the committed layout."""
    actual = described(SCENES[name]())
    expected = json.loads((EXPECTED / f"{name}.json").read_text(encoding="utf-8"))
    (tmp_path / f"{name}.json").write_text(_written(actual), encoding="utf-8")
    assert actual == expected, f"the actual layout stands in {tmp_path / name}.json"


def test_a_golden_notices_a_tenth_of_a_pixel() -> None:
    """Control: the same scene with a box moved a little is another layout."""
    moved = layout(text_layer("Hi", Box(72.1, 60, 600, 32)))
    still = layout(text_layer("Hi", Box(72.0, 60, 600, 32)))
    assert described(moved) != described(still)


def _written(value: dict[str, Any]) -> str:
    text = json.dumps(value, ensure_ascii=False, indent=1)
    return (
        re.sub(r"\[\s+(-?[\d.]+(?:,\s+-?[\d.]+)*)\s+\]", lambda match: f"[{' '.join(match[1].split())}]", text) + "\n"
    )


if __name__ == "__main__":
    EXPECTED.mkdir(exist_ok=True)
    for scene_name, make in SCENES.items():
        (EXPECTED / f"{scene_name}.json").write_text(_written(described(make())), encoding="utf-8")
