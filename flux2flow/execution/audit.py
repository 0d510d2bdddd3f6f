"""One finished picture, a kit and a format → findings, and the picture with them drawn on it.

Gates, reading, auditing and the checks of rendering meet here. Writes nothing: bytes come in, findings go out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from flux2flow import auditing
from flux2flow.auditing import rules
from flux2flow.domain.asset import EncodedFile
from flux2flow.domain.brand_kit import BrandKit
from flux2flow.domain.campaign import FontFile
from flux2flow.domain.canvas import Canvas
from flux2flow.domain.files import PictureFile
from flux2flow.domain.finding import Finding, Level
from flux2flow.domain.format import Format
from flux2flow.domain.measures import Color, PixelSize
from flux2flow.domain.standards import NO_STANDARDS, Standards
from flux2flow.errors import GateError
from flux2flow.gates import color_facts, documents, pictures, vectors
from flux2flow.interfaces import Check, CheckSubject, FileSource, TextReader
from flux2flow.project import library_root
from flux2flow.validation import validate
from flux2flow.validation.checks import spelling

SHARED = frozenset(
    {
        "contrast", "copy-limits", "file-weight", "logo-space", "min-size", "pixel-size", "placeholder-leak",
        "safe-area",
    }
)  # fmt: skip
"""Checks of rendering that also judge a picture of unknown making, by what is seen in it."""

DRAWN_WIDTH = 800
"""Pixels at which a kit's logo is drawn to be looked for: as large as it stands in most pictures."""

WIDER = (0.06, 0.15, 0.25)
"""Of a line's height, around it: a slip of the reader rarely survives another framing; a large fi stays an i in one."""

LABELS = "brand_kits/aurora/fonts/Inter-Variable.ttf"
"""The library's font that annotations are set in, where it has the character."""

_REMEDIES: Mapping[str, str] = {
    "contrast": "Set the words in a darker or lighter colour of the kit, or calm the ground under them.",
    "logo-space": "Move one of the two apart, or make the logo larger where it is too small.",
    "min-size": "Set it larger, or leave it out of this format.",
    "pixel-size": "Export it again at the format's size.",
    "safe-area": "Move it inwards: the platform covers or cuts this margin.",
    "file-weight": "Save it with stronger compression, or as another type that the platform takes.",
}
_SEVERITY: tuple[Level, ...] = ("error", "fail", "warn", "info")


@dataclass(frozen=True, slots=True)
class Standard:
    """What a picture is checked against: a kit with its pictures by their keys in a CampaignBundle, and a placement."""

    kit: BrandKit
    pictures: Mapping[str, PictureFile]
    fonts: tuple[FontFile, ...]
    files: FileSource
    format: Format
    expected: tuple[str, ...] = ()
    """The words that must stand in it."""
    locale: str = ""
    """The language of its words; empty where nobody said, and spelling is then not checked."""
    standards: Standards = NO_STANDARDS
    """What its words are held to: names, allowed words, dictionaries."""


@dataclass(frozen=True, slots=True)
class Audit:
    """What came of checking one file."""

    file: str
    standard: Standard
    canvas: Canvas
    seen: auditing.SeenPicture
    findings: tuple[Finding, ...]


def audit(
    data: bytes, file: str, standard: Standard, checks: Sequence[Check], reader: TextReader | None = None
) -> Audit:
    """Check a finished picture. Raises GateError for bytes that are no picture or beyond a limit."""
    facts, canvas = _opened(data, file, standard.format)
    kit, tokens = standard.kit, _tokens(standard.kit)
    known = [color for _, color in tokens]
    seen = auditing.look(canvas, _drawings(standard), _products(standard), known, reader)
    findings = [
        *_shared(data, file, canvas, seen, facts, standard, checks),
        *rules.file_type(facts, standard.format, file),
        *rules.unseen_pages(facts, file),
        *rules.color_profile(facts, file),
        *rules.palette(seen, tokens, file),
        *rules.logo_missing(seen, list(kit.logos), file),
        *rules.logo_shape(seen, file),
        *rules.logo_color(seen, file),
        *rules.logo_clutter(seen, file),
        *_words(canvas, file, seen, standard, checks, reader),
    ]
    ordered = sorted(findings, key=lambda finding: _SEVERITY.index(finding.level))
    return Audit(file, standard, canvas, seen, tuple(ordered))


def annotated(audit: Audit) -> bytes:
    """Draw an audit's findings on its picture, notes aside, as a PNG, in the library's and the kit's fonts."""
    title = f"{audit.file.rpartition('/')[2]} · {audit.standard.format.id}"
    shown = [finding for finding in audit.findings if finding.level != "info"]
    fonts = [(library_root() / LABELS).read_bytes()]
    fonts += [audit.standard.files.read(font.file) for font in audit.standard.fonts]
    return pictures.encode_png(auditing.annotate(audit.canvas, shown, fonts, title), 6)


def _words(
    canvas: Canvas, file: str, seen: auditing.SeenPicture, standard: Standard, checks: Sequence[Check],
    reader: TextReader | None,
) -> Iterator[Finding]:  # fmt: skip
    """Judge what the words say; without a reader, say that nobody did."""
    if reader is None:
        message = "words were not read: contrast, sizes, safe areas and spelling of type were not checked"
        yield Finding("ocr-readback", "warn", message, file, remedy="pip install 'flux2flow[ocr]'")
        return
    names = tuple(dict.fromkeys((standard.kit.name, *standard.kit.words.names)))
    boxes = rules.reread_boxes(seen, names)
    again = {box: reader.read_line(canvas, box.grown(0.06 * box.height)).text for box in boxes}
    yield from rules.brand_names(seen, names, again, file)
    yield from rules.expected_copy(reader.read(canvas), standard.expected, reader, file)
    yield from _spelling(canvas, file, seen, standard, checks, reader)


def _spelling(
    canvas: Canvas, file: str, seen: auditing.SeenPicture, standard: Standard, checks: Sequence[Check],
    reader: TextReader,
) -> Iterator[Finding]:  # fmt: skip
    """Let the check of rendering look up what was read, and weigh what it finds; say where it could not look."""
    if why := why_not_spelt(standard, reader):
        yield Finding("spelling", "info", f"spelling was not checked: {why}", file)
        return
    subject = CheckSubject(
        replace(auditing.as_scene(standard.format, canvas.size, file), locale=standard.locale),
        auditing.as_layout(seen, canvas.size, file),
        standard.format,
        standards=standard.standards,
        files=standard.files,
    )
    found = validate(subject, [check for check in checks if check.id == "spelling"])
    lines = {finding.layer for finding in found}
    words = spelling.lexicon(subject) if any(lines) else None  # about no line: the dictionary itself is at fault
    if words is None:
        yield from found
        return
    boxes = {text.box for number, text in enumerate(seen.texts, 1) if f"line {number}" in lines}
    again = {box: tuple(reader.read_line(canvas, box.grown(k * box.height)).text for k in WIDER) for box in boxes}
    yield from auditing.weighed(found, seen, again, words)


def why_not_spelt(standard: Standard, reader: TextReader) -> str:
    """Say why spelling cannot be checked here; empty where it can."""
    dictionaries = standard.standards.dictionaries
    if not dictionaries:
        return f"the kit {standard.kit.name} names no dictionary (words.dictionaries)"
    known = ", ".join(found.locale for found in dictionaries)
    if not standard.locale:
        return f"name the picture's language (--locale); the kit has dictionaries for {known}"
    found = spelling.dictionary_of(dictionaries, standard.locale)
    if found is None:
        return f"the kit has no dictionary for {standard.locale}, only for {known}"
    if letters := reader.unreadable(spelling.letters(found, standard.files)):
        return f"{reader.name} does not know ‘{letters[:12]}’"
    return ""


def _opened(data: bytes, file: str, format: Format) -> tuple[rules.FileFacts, Canvas]:
    """Decode a picture, or draw a document's first page as wide as its placement."""
    try:
        if documents.is_document(data):
            page = documents.first_page(data, format.width)
            return rules.FileFacts("pdf", "RGB", 8, "", page.pages), page.canvas
        facts = color_facts.color_facts(data)
        return rules.FileFacts(facts.media, facts.model, facts.bits, facts.profile), pictures.decode_canvas(data)
    except GateError as error:
        raise GateError(f"{file}: {error}") from error


def _tokens(kit: BrandKit) -> list[tuple[str, Color]]:
    """List the kit's opaque colours; a see-through one has no colour of its own."""
    colors = [(name, Color.from_hex(kit.color(name).value)) for name in kit.colors]
    return [(name, color) for name, color in colors if color.alpha == 255]


def _drawings(standard: Standard) -> list[auditing.LogoDrawing]:
    """Draw every logo of the kit, in both tones at one size."""
    drawn = []
    for name, logo in standard.kit.logos.items():
        tones = [
            found
            for tone in ("normal", "reversed")
            if (found := standard.pictures.get(f"logo:{name}:{tone}")) is not None
        ]
        if not tones:
            continue
        size = (DRAWN_WIDTH, max(round(DRAWN_WIDTH * tones[0].height / tones[0].width), 1))
        if size[1] > DRAWN_WIDTH:
            size = (max(round(DRAWN_WIDTH * tones[0].width / tones[0].height), 1), DRAWN_WIDTH)
        pixels = tuple(_drawn(standard.files.read(tone.file), tone, size) for tone in tones)
        drawn.append(auditing.LogoDrawing(name, logo.clear_space, logo.min_width, size, pixels))
    return drawn


def _products(standard: Standard) -> list[auditing.CutOut]:
    """Draw the cut-out pictures of the kit and the campaign, each once."""
    cut_outs = {
        picture.file.digest: (name, picture)
        for name, picture in standard.pictures.items()
        if picture.alpha and not name.startswith("logo:")
    }
    drawn = []
    for name, picture in cut_outs.values():
        scale = DRAWN_WIDTH / max(picture.width, picture.height)
        size = (max(round(picture.width * scale), 1), max(round(picture.height * scale), 1))
        drawn.append(auditing.CutOut(name, size, _drawn(standard.files.read(picture.file), picture, size)))
    return drawn


def _drawn(data: bytes, picture: PictureFile, size: tuple[int, int]) -> bytes:
    if picture.media == "svg":
        return vectors.rasterise(data, *size)
    return color_facts.resized_rgba(data, *size)


def _shared(
    data: bytes,
    file: str,
    canvas: Canvas,
    seen: auditing.SeenPicture,
    facts: rules.FileFacts,
    standard: Standard,
    checks: Sequence[Check],
) -> list[Finding]:
    """Let the checks of rendering judge what was seen; what they advise is put into words for a foreign picture."""
    size: PixelSize = canvas.size
    subject = CheckSubject(
        auditing.as_scene(standard.format, size, file),
        auditing.as_layout(seen, size, file),
        standard.format,
        standard.kit.words.forbidden,
        EncodedFile(facts.media if facts.media != "pdf" else "png", data, None),  # type: ignore[arg-type]
        canvas,
    )
    found = validate(subject, [check for check in checks if check.id in SHARED])
    return [replace(finding, remedy=_REMEDIES.get(finding.check, finding.remedy)) for finding in found]
