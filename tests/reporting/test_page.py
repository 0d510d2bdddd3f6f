"""The page: safe with any text, complete without script or network, and honest about what was kept back."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from flux2flow import reporting
from flux2flow.domain.finding import Finding, Waiver
from flux2flow.domain.scene import TextLayer
from flux2flow.errors import StoreError
from flux2flow.reporting.page import page_text
from flux2flow.reporting.thumbnails import SIDE, rejected_thumbnail

from .builder import clean, failed, report


def encoded(size: tuple[int, int] = (300, 250), color: str = "#e9dccb") -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", size, color).save(stream, "PNG")
    return stream.getvalue()


class Page(HTMLParser):
    """Tags with their attributes and the text of the page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {key: value or "" for key, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def test_every_picture_is_linked_relatively_and_described(tmp_path: Path) -> None:
    made = report()
    reporting.write(made, tmp_path, {made.assets[0].id: encoded()})
    page = Page((tmp_path / "index.html").read_text(encoding="utf-8"))
    sources = {image["src"] for image in page.all("img")}
    assert {asset.path for asset in made.assets if asset.path} <= sources
    assert all(source.startswith("data:image/webp") for source in sources - {a.path for a in made.assets})
    assert all(image["alt"] and image["lang"] for image in page.all("img"))
    assert len([f for f in page.all("figure") if "cell" in f["class"]]) == 40
    assert len(page.all("dialog")) == 40
    assert (tmp_path / "manifest.json").is_file()


def test_nothing_is_fetched_from_anywhere() -> None:
    text = page_text(report(), {})
    assert not re.search(r"https?://|@import|url\(", text)
    policy = next(m["content"] for m in Page(text).all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert "unsafe-inline'; script" in policy  # styles only
    assert "script-src 'sha256-" in policy


def test_the_policy_allows_exactly_the_pages_own_script() -> None:
    text = page_text(report(), {})
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in text
    assert not re.search(r"\son\w+=", re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL))


HOSTILE = '</title><script>alert(1)</script><img src=x onerror="alert(2)">'


def test_hostile_text_stays_text() -> None:
    made = report(title=HOSTILE)
    hostile = replace(
        made.assets[0],
        findings=(replace(made.assets[0].findings[0], message=HOSTILE, remedy=HOSTILE, layer=HOSTILE),),
        dropped=((HOSTILE, HOSTILE),),
    )
    request = replace(made.plan.plates[0].request, prompt=HOSTILE)
    plates = (replace(made.plan.plates[0], request=request), *made.plan.plates[1:])
    made = replace(made, assets=(hostile, *made.assets[1:]), plan=replace(made.plan, plates=plates))
    page = Page(page_text(made, {}))
    assert len(page.all("script")) == 1
    assert not [image for image in page.all("img") if image.get("src") == "x"]
    assert page.text.count("alert(2)") >= 6  # control: it is all there, as text


def test_a_path_with_odd_characters_is_quoted() -> None:
    made = report()
    odd = replace(made.assets[1], path='hero/50% "off" #1/a b.jpg')
    page = page_text(replace(made, assets=(made.assets[0], odd, *made.assets[2:])), {})
    assert "hero/50%25%20%22off%22%20%231/a%20b.jpg" in page


def test_findings_are_drawn_where_they_are_and_numbered() -> None:
    made = report()
    page = Page(page_text(made, {made.assets[0].id: encoded()}))
    drawn = [span for span in page.all("span") if "mark" in span.get("class", "").split()]
    assert [span["class"] for span in drawn] == ["mark fail", "mark warn"]
    assert drawn[0]["style"] == "left:8.0%;top:34.0%;width:6.0%;height:9.0%"
    assert "contrast is 2.31:1 at ‘k’" in page.text
    assert "Move the text to a quieter place." in page.text


@pytest.mark.parametrize(
    ("change", "words", "absent"),
    [
        (clean, "Ready to publish", "kept back"),
        (lambda r: r, "1 of 40 kept back", "Ready"),
        (failed, "1 could not be made", "Ready"),
    ],
)
def test_the_verdict_says_what_happened(change: object, words: str, absent: str) -> None:
    page = Page(page_text(change(report()), {}))  # type: ignore[operator]
    verdict = page.text.split("pictures released")[0]
    assert words in verdict
    assert absent not in verdict


def test_what_could_not_be_made_has_its_place_and_its_reason() -> None:
    made = failed(report())
    page = Page(page_text(made, {}))
    assert len([f for f in page.all("figure") if "missing" in f["class"]]) == 1
    assert page.text.count("the backend ran out of memory at step 3") == 2


def test_a_rejected_picture_is_small_faded_and_stamped() -> None:
    address = rejected_thumbnail(encoded((1200, 628)))
    with Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))) as opened:
        thumbnail = opened.convert("RGB")
    assert max(thumbnail.size) == SIDE
    reds = sum(1 for r, g, b in thumbnail.get_flattened_data() if r > g + 40 and r > b + 40)
    assert reds > 0.01 * thumbnail.width * thumbnail.height
    # Control: the picture itself has no such red.
    with Image.open(io.BytesIO(encoded())) as plain:
        assert not [1 for r, g, b in plain.convert("RGB").get_flattened_data() if r > g + 40 and r > b + 40]


@pytest.mark.parametrize("size", [(728, 90), (1080, 1920), (16, 16), (4000, 40)])
def test_every_shape_can_be_stamped(size: tuple[int, int]) -> None:
    assert rejected_thumbnail(encoded(size)).startswith("data:image/webp;base64,")


def test_the_same_report_gives_the_same_page() -> None:
    made = report()
    assert page_text(made, {made.assets[0].id: encoded()}) == page_text(made, {made.assets[0].id: encoded()})
    assert page_text(made, {}) != page_text(clean(made), {})


def test_a_folder_that_cannot_be_written_is_said_plainly(tmp_path: Path) -> None:
    (tmp_path / "build").write_text("a file where the folder should be")
    with pytest.raises(StoreError, match="build"):
        reporting.write(report(), tmp_path / "build" / "x")


def test_waivers_repairs_and_notices_are_shown() -> None:
    """A waived picture is released and says who let it pass; repairs and what is wrong with waivers are told."""
    waiver = Waiver(check="contrast", reason="the <artist> insists", by="Mia & Co", until="2027-03-31")
    made = report()
    first = made.assets[0]
    waived = tuple(replace(finding, waiver=waiver) for finding in first.findings)
    asset = replace(first, path="hero/first.jpg", findings=waived, repairs=("headline: pair, ‘ink’ reaches 7.9:1",))
    notice = Finding("waiver", "warn", "the waiver of widow <on> * covers nothing", "")
    told = replace(made, assets=(asset, *made.assets[1:]), notices=(notice,))
    page = Page(page_text(told, {}))
    assert "waived by Mia & Co until 2027-03-31: the <artist> insists" in page.text
    assert "‘ink’ reaches 7.9:1" in page.text
    assert "the waiver of widow <on> * covers nothing" in page.text
    assert not [li for li in page.all("li") if li.get("class") in ("fail", "error")]
    control = Page(page_text(made, {}))
    assert [li for li in control.all("li") if li.get("class") == "fail"]
    assert "waived" not in control.text


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("Rund\u00adum\u00adpflege", "Rundumpflege"),
        ("\ufffc Order \ufffc now", "Order now"),
        ("朝の光\ufffc", "朝の光"),
        ("E-Mail at  dawn", "E-Mail at  dawn"),  # control: nothing else is touched
    ],
)
def test_alternative_text_holds_only_what_can_be_read_out(words: str, expected: str) -> None:
    made = report()
    first, scene, *others = made.plan.scenes
    layers = tuple(replace(layer, text=words) if isinstance(layer, TextLayer) else layer for layer in scene.layers)
    plan = replace(made.plan, scenes=(first, replace(scene, layers=layers), *others))
    page = Page(page_text(replace(made, plan=plan), {}))
    found = [image["alt"] for image in page.all("img")]
    assert expected in found
    assert words == expected or words not in found
