"""Rich type from YAML to pixels: a small campaign with markup, icons, effects and columns, run by the program."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from flux2flow import api
from flux2flow.errors import SpecError

ROOT = Path(__file__).parents[1]
MARIGOLD = (0xF2, 0xA5, 0x41)
CIRCLE = '<circle cx="5" cy="5" r="5" fill="currentColor"/>'
ICON = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10">{CIRCLE}</svg>'
STYLES = """
  marker:
    families: [Fraunces, Noto Naskh Arabic, Noto Serif JP]
    weight: 680
    color: ink
    highlight: {color: accent, padding: 0.08}

icons: {dot: icons/dot.svg}

logos:
"""
TEMPLATE = """flux2flow: 1
template: test/rich
slots: {words: {type: text}}
plate:
  scene: An empty backdrop
  palette: {backdrop: background}
layers:
  - {id: ground, shape: rectangle, fill: background}
  - {id: words, text: "{{ slots.words }}", style: display, WRITING fit: {lines: 3, min: 12px, max: 70px}}
layout:
  landscape:
    boxes:
      ground: {x: 0%, y: 0%, w: 100%, h: 100%}
      words: {x: 6%, y: 10%, w: 86%, h: 80%}
"""
CAMPAIGN = """flux2flow: 1
campaign: rich
brand_kit: halfmoon
model: procedural
locales: [LOCALE]
copy: copy/
rows: rows.csv
assets:
  - {template: test/rich, formats: [web/open-graph], slots: {words: "{{ copy.words }}"}}
"""


def campaign(folder: Path, words: str, *, locale: str = "en", writing: str = "") -> Path:
    """Write a campaign that sets these words in Halfmoon's display style."""
    kit = folder / "brand_kits" / "halfmoon"
    shutil.copytree(ROOT / "brand_kits" / "halfmoon", kit)
    path = kit / "brand_kit.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("\nlogos:\n", STYLES, 1), encoding="utf-8")
    files = {
        "brand_kits/halfmoon/icons/dot.svg": ICON,
        "templates/test/rich/template.yaml": TEMPLATE.replace("WRITING", writing),
        f"copy/{locale}.yaml": f"flux2flow: 1\nwords: '{words}'\n",
        "rows.csv": "id,name\nbag,Bag 5*\n",
        "campaign.yaml": CAMPAIGN.replace("LOCALE", locale),
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder / "campaign.yaml"


def picture(folder: Path, words: str, **changes: str) -> npt.NDArray[np.uint8]:
    """Run the campaign and give its only picture's pixels, released or kept back."""
    loaded = api.load(campaign(folder, words, **changes))
    report = api.run(loaded)
    (asset,) = report.assets
    assert report.failures == ()
    found = [path for path in folder.rglob("*.png") if "rich" in path.parts and path.stat().st_size > 1000]
    assert found, asset
    return np.asarray(Image.open(io.BytesIO(found[0].read_bytes())).convert("RGB"))


def marigold(pixels: npt.NDArray[np.uint8]) -> int:
    """Count the pixels in the kit's accent colour."""
    return int((np.abs(pixels.astype(int) - MARIGOLD) <= 6).all(axis=2).sum())


@pytest.mark.parametrize(
    ("words", "least"),
    [
        ("For *people* who start at five", 500),
        ("For [people]{marker} who start at five", 5000),
        ("*:dot:* For people who start at five", 300),
        ("لمن يبدأ *يومه* في الخامسة", 300),
        ("朝*五時*に始める、あなたへ。", 300),
    ],
)
def test_markup_reaches_the_pixels(tmp_path: Path, words: str, least: int) -> None:
    """In the kit's colour; the same words without markup hold none of it."""
    locale = "ar" if words[0] == "ل" else "ja" if words[0] == "朝" else "en"
    plain = words.replace("*", "").replace(":dot: ", "").replace("[", "").replace("]{marker}", "")
    assert marigold(picture(tmp_path / "marked", words, locale=locale)) > least
    assert marigold(picture(tmp_path / "plain", plain, locale=locale)) == 0


def test_a_row_s_star_is_a_star(tmp_path: Path) -> None:
    """And columns are columns: the picture's ink is at its right, and higher than wide."""
    assert marigold(picture(tmp_path / "row", "{{ row.name }} and {{ row.name }}")) == 0
    column = picture(tmp_path / "column", "朝五時に始める、あなたへ。", locale="ja", writing="writing: vertical,")
    light = (column.astype(int).sum(axis=2) > 600).any(axis=0)
    assert np.flatnonzero(light)[0] > 0.5 * column.shape[1]
    line = picture(tmp_path / "line", "朝五時に始める、あなたへ。", locale="ja")
    assert np.flatnonzero((line.astype(int).sum(axis=2) > 600).any(axis=0))[0] < 0.2 * line.shape[1]


def test_markup_that_does_not_close_is_told_before_anything_is_painted(tmp_path: Path) -> None:
    """With the copy deck's line and column."""
    loaded = api.load(campaign(tmp_path, "For *people who start"))
    with pytest.raises(SpecError) as raised:
        api.plan(loaded)
    (found,) = raised.value.diagnostics
    assert (found.code, found.position.file, found.position.line) == ("markup", "copy/en.yaml", 2)
    assert found.position.column == "words: 'For *".index("*") + 1
