"""`flux2flow check`: good pictures pass, every kind of fault is caught by its id, and what cannot be read says why."""

from __future__ import annotations

import importlib.util
import io
import json
from pathlib import Path

import pytest
from PIL import Image

from flux2flow import api, reading
from flux2flow.cli import main
from flux2flow.errors import GateError, PlanError, PluginError, SpecError
from flux2flow.execution.audit import annotated
from flux2flow.gates.pictures import decode_canvas
from tests.auditing.pictures import FAULTS, FIGURES, RECTANGLE, ROOT, STORY, picture

CORPUS = ROOT / ".." / "shared" / "corpus"
HAS_READER = not reading.missing()
installed = pytest.mark.skipif(not HAS_READER, reason="the extra [ocr] is not installed")


@pytest.mark.parametrize("which", [RECTANGLE, STORY, FIGURES], ids=["rectangle", "story", "figures"])
def test_a_good_picture_gets_no_finding(which: tuple[str, str]) -> None:
    """Nothing that fails or warns; and its logo is where it was set, to a few pixels, straight and in its colours."""
    made = picture(*which)
    audit = made.check(reader=reading.open_reader() if HAS_READER else None)
    spoken = [finding for finding in audit.findings if finding.level != "info"]
    assert [finding for finding in spoken if not (finding.check == "ocr-readback" and not HAS_READER)] == []
    (logo,), (placed,) = audit.seen.logos, made.layout.logos()
    assert abs(logo.pose.x - (placed.box.x + placed.box.width / 2)) < 0.05 * placed.box.width
    assert abs(logo.proportion - 1) < 0.03
    assert abs(logo.pose.angle) < 1


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_is_caught_by_its_id(kind: str) -> None:
    """The control is the test above: the same pictures, without the fault, have no finding."""
    fault = FAULTS[kind]
    if fault.reads and not HAS_READER:
        pytest.skip("the extra [ocr] is not installed")
    made = picture(*fault.on)
    audit = made.check(fault.make(made, 1), reading.open_reader() if fault.reads else None)
    caught = {finding.check for finding in audit.findings if finding.level != "info"}
    assert fault.check in caught


@installed
def test_copy_that_must_stand_there_is_looked_for(tmp_path: Path) -> None:
    """What stands there passes, even broken over lines; what does not fails; Arabic is said to be unread."""
    file = tmp_path / "banner.jpg"
    file.write_bytes(picture(*RECTANGLE).data)
    audit = api.check_file(
        file, kit="aurora", format="iab/medium-rectangle", plugins=False,
        expected=("Morning skin, any hour.", "Half price until Sunday", "بشرة"),
    )  # fmt: skip
    found = [(finding.level, finding.message) for finding in audit.findings if finding.check == "ocr-readback"]
    assert [level for level, _ in found] == ["fail", "info"]
    assert "Half price" in found[0][1]


def test_the_annotated_picture_shows_its_findings() -> None:
    """It is larger than the picture, shows it, and differs where the findings are; without findings it says so."""
    made = picture(*RECTANGLE)
    good, bad = (made.check(data) for data in (None, FAULTS["recolored logo"].make(made, 1)))
    plain, marked = decode_canvas(annotated(good)), decode_canvas(annotated(bad))
    assert plain.size.width > 2 * made.layout.size.width
    assert plain.pixels != marked.pixels
    assert annotated(bad) == annotated(bad)


@pytest.fixture
def banner(tmp_path: Path) -> Path:
    file = tmp_path / "banner.jpg"
    file.write_bytes(picture(*RECTANGLE).data)
    return file


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["check", *arguments, "--no-plugins"])
    out = capsys.readouterr()
    return code, out.out, out.err


KIT = ("--kit", "aurora", "--format", "iab/medium-rectangle", "--no-ocr")


def test_the_command_prints_findings_and_exits_by_them(
    banner: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, str(banner), *KIT)
    assert code == 0
    assert "words were not read" in out
    bad = tmp_path / "bad.jpg"
    made = picture(*RECTANGLE)
    bad.write_bytes(FAULTS["wrong size"].make(made, 1))
    target = tmp_path / "annotated.png"
    code, out, _ = run(capsys, str(bad), *KIT, "--annotate", str(target), "--json")
    assert code == 1
    document = json.loads(out)
    assert document["exit_code"] == 1
    assert "pixel-size" in {finding["check"] for finding in document["findings"]}
    assert decode_canvas(target.read_bytes()).size.width > 1000


def test_a_picture_of_a_campaign_is_known_by_its_place(tmp_path: Path) -> None:
    """Kit, placement and copy come from the campaign; a file that it does not make is refused."""
    campaign = ROOT / "examples/aurora/campaign.yaml"
    file = tmp_path / "build/aurora-launch/hero/iab_medium-rectangle/en/dew-serum.jpg"
    file.parent.mkdir(parents=True)
    file.write_bytes(picture(*RECTANGLE).data)
    audit = api.check_file(file, campaign=campaign, plugins=False, ocr=False)
    assert audit.standard.format.id == "iab/medium-rectangle"
    assert "Morning skin, any hour." in audit.standard.expected
    assert not [finding for finding in audit.findings if finding.blocking]
    other = tmp_path / "dew-serum.jpg"
    other.write_bytes(file.read_bytes())
    with pytest.raises(PlanError, match="no file of"):
        api.check_file(other, campaign=campaign, plugins=False, ocr=False)


def test_unknown_kits_and_placements_are_named(banner: Path) -> None:
    with pytest.raises(SpecError, match="auroa"):
        api.check_file(banner, kit="auroa", format="iab/medium-rectangle", plugins=False)
    with pytest.raises(SpecError, match="iab/medium"):
        api.check_file(banner, kit="aurora", format="iab/medium", plugins=False)
    by_path = api.check_file(
        banner, kit=str(ROOT / "brand_kits/aurora"), format="iab/medium-rectangle", plugins=False, ocr=False
    )
    assert not [finding for finding in by_path.findings if finding.blocking]


def test_copy_cannot_be_looked_for_without_a_reader(banner: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from flux2flow.reading import opening

    monkeypatch.setattr(opening, "NEEDED", ("rapidocr_that_is_not_here",))
    opening.open_reader.cache_clear()
    with pytest.raises(PluginError, match=r"flux2flow\[ocr\]"):
        api.check_file(banner, kit="aurora", format="iab/medium-rectangle", plugins=False, expected=("Find yours",))
    opening.open_reader.cache_clear()


def _hostile() -> list[Path]:
    folders = (CORPUS / name for name in ("png-libpng-crashers", "img-pillow-crashers"))
    return [file for folder in folders if folder.is_dir() for file in sorted(folder.rglob("*")) if file.is_file()]


@pytest.mark.parametrize("every", [pytest.param(1, marks=pytest.mark.long), 12])
def test_hostile_files_get_a_clear_error(every: int) -> None:
    """Each is refused by a gate, or decodes and is checked; none crashes. The good picture is the control."""
    files = _hostile()[::every]
    if not files:
        pytest.skip("the corpus of hostile files is not beside this repository")
    refusals = []
    for file in files:
        try:
            api.check_file(file, kit="aurora", format="iab/medium-rectangle", plugins=False, ocr=False)
        except GateError as error:
            refusals.append(str(error))
    assert len(refusals) >= len(files) / 2
    assert all(refusals)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "not a PNG"),
        (b"GIF89a" + b"\0" * 50, "not a PNG"),
        (b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + (60000).to_bytes(4, "big") * 2 + b"\x08\x02\0\0\0", "pass"),
    ],
)
def test_what_is_no_picture_is_refused(tmp_path: Path, data: bytes, why: str) -> None:
    file = tmp_path / "file.png"
    file.write_bytes(data)
    with pytest.raises(GateError, match=why) as caught:
        api.check_file(file, kit="aurora", format="iab/medium-rectangle", plugins=False, ocr=False)
    assert "file.png" in str(caught.value)


def test_a_picture_with_transparency_or_sixteen_bits_is_checked(tmp_path: Path) -> None:
    made = picture(*RECTANGLE)
    out = io.BytesIO()
    Image.open(io.BytesIO(made.data)).convert("RGBA").save(out, "PNG")
    assert "pixel-size" not in {finding.check for finding in made.check(out.getvalue()).findings}


def _document(pages: int, image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PDF", save_all=True, append_images=[image] * (pages - 1), resolution=72)
    return out.getvalue()


@pytest.mark.skipif(importlib.util.find_spec("pypdfium2") is None, reason="the extra [pdf] is not installed")
def test_the_first_page_of_a_document_is_checked(tmp_path: Path) -> None:
    """It is drawn as wide as its placement; the type is named, and so are further pages. A broken one is refused."""
    made = picture(*RECTANGLE)
    audit = made.check(_document(2, Image.open(io.BytesIO(made.data)).convert("RGB")))
    assert audit.canvas.size == made.layout.size
    assert len(audit.seen.logos) == 1
    found = {(finding.check, finding.level) for finding in audit.findings if finding.check != "ocr-readback"}
    assert found - {("palette", "info")} == {("file-type", "fail"), ("file-type", "warn")}
    for broken in (b"%PDF-1.7\n%broken", _document(1, Image.new("RGB", (40, 40)))[:300]):
        with pytest.raises(GateError, match="cannot be drawn"):
            made.check(broken)


def test_documents_need_their_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "pypdfium2" else found(name))
    with pytest.raises(GateError, match=r"flux2flow\[pdf\]"):
        picture(*RECTANGLE).check(b"%PDF-1.7\n")
