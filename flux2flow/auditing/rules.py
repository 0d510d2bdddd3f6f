"""What was seen, and the kit's rules → Findings that only a foreign picture can have: bent logos, strange colours.

One function a rule; each yields findings with its own id. Knows no pixel.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flux2flow.auditing.differences import mixed_from, nearest
from flux2flow.auditing.seen import PlainArea, SeenLogo, SeenPicture
from flux2flow.domain.finding import Finding, Level
from flux2flow.domain.format import Format
from flux2flow.domain.measures import Box, Color
from flux2flow.domain.reading import ReadLine, comparable, edit_distance
from flux2flow.interfaces import TextReader

BENT, BENT_SMALL = 0.04, 0.07
"""How far a logo's proportions may be from its drawing's; less can be measured where it is under `SMALL` px high."""
SMALL = 24
TINY = 9
"""Pixels of height below which the proportions of a logo cannot be measured."""
TURNED = 2.0
"""Degrees."""
RECOLORED, RECOLORED_SMALL = 12.0, 20.0
"""ΔE2000 between a logo's colour and its drawing's. JPEG at quality 60 with halved colour takes 17 from a small one."""
OFF_PALETTE = 5.0
"""ΔE2000 to the nearest token from which a plain area is another colour."""
LARGE_AREA = 0.02
SHAPED = 0.5
"""Of its box: below it, an area is where a soft ground runs even, and no shape."""
CLUTTERED = 0.06
"""Share of a logo's clear space that may differ strongly from its ground: a soft shadow, a horizon."""
EXTREMES = (Color(255, 255, 255), Color(0, 0, 0))


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What a file says of itself: media type, colour model, bits a channel, and its profile's name ('' without one)."""

    media: str
    model: str
    bits: int
    profile: str
    pages: int = 1


def file_type(facts: FileFacts, format: Format, file: str) -> Iterator[Finding]:
    """Refuse a media type that the platform does not take."""
    if facts.media not in format.media:
        yield Finding(
            "file-type", "fail", f"the file is a {facts.media.upper()}; {format.id} takes {', '.join(format.media)}",
            file, measured=facts.media, limit=", ".join(format.media), remedy="Save it as one of these types.",
        )  # fmt: skip


def unseen_pages(facts: FileFacts, file: str) -> Iterator[Finding]:
    """Say that a document's further pages were not looked at."""
    if facts.pages > 1:
        yield Finding(
            "file-type", "warn", f"the document has {facts.pages} pages; only the first was checked", file,
            measured=str(facts.pages), limit="1", remedy="Save each page as a file of its own.",
        )  # fmt: skip


def color_profile(facts: FileFacts, file: str) -> Iterator[Finding]:
    """Say where a picture's numbers mean other colours on other screens."""
    remedy = "Convert it to sRGB, 8 bits a channel, and save it again."
    if facts.model not in ("RGB", "grey"):
        yield Finding(
            "color-profile", "fail", f"the colours are {facts.model}: browsers show them differently, or not at all",
            file, measured=facts.model, limit="sRGB", remedy=remedy,
        )  # fmt: skip
    elif facts.profile and "srgb" not in facts.profile.lower():
        yield Finding(
            "color-profile", "warn", f"the profile is {facts.profile}: platforms often drop it, and colours shift",
            file, measured=facts.profile, limit="sRGB", remedy=remedy,
        )  # fmt: skip
    if facts.bits > 8:
        yield Finding(
            "color-profile", "warn", f"the file has {facts.bits} bits a channel; platforms take 8", file,
            measured=str(facts.bits), limit="8", remedy=remedy,
        )  # fmt: skip


def palette(seen: SeenPicture, tokens: Sequence[tuple[str, Color]], file: str) -> Iterator[Finding]:
    """Name plain areas in a colour that the kit does not have."""
    for area in seen.areas:
        name, token, away = nearest(area.color, tokens)
        if away <= OFF_PALETTE:
            continue
        mix = mixed_from(area.color, tokens, within=2.5)
        yield Finding(
            check="palette",
            level="fail" if not mix and _is_set(area) else "info" if mix or area.filled < SHAPED else "warn",
            message=f"{area.color.hex} fills {area.share:.1%} of the picture; the nearest token is {name} {token.hex}"
            + (f", and it is a mix of {mix[0]} and {mix[1]}" if mix else ""),
            asset=file,
            box=area.box,
            measured=f"ΔE2000 {away:.1f}",
            limit=f"{OFF_PALETTE:g}",
            remedy=f"Take {name} {token.hex}, or add the colour to the kit.",
        )


def _is_set(area: PlainArea) -> bool:
    """Whether an area was laid out by a designer: a large rectangle, and neither paper white nor black."""
    return area.filled >= 0.85 and area.share >= LARGE_AREA and area.color not in EXTREMES


def logo_missing(seen: SeenPicture, wanted: Sequence[str], file: str) -> Iterator[Finding]:
    """Say that no logo of the kit was found."""
    if wanted and not seen.logos:
        yield Finding(
            "logo-missing", "warn", f"no logo of the kit was found ({', '.join(wanted)})", file, measured="0",
            limit="1", remedy="Set the logo from the kit's file; a very small, cut or covered one is not recognised.",
        )  # fmt: skip


def logo_shape(seen: SeenPicture, file: str) -> Iterator[Finding]:
    """Refuse a logo that was stretched or turned."""
    remedy = "Place the kit's file again, scaled by the same factor in both directions."
    for logo in seen.logos:
        allowed = BENT_SMALL if logo.pose.height < SMALL else BENT
        if logo.pose.height >= TINY and abs(logo.proportion - 1) > allowed:
            yield _of_logo(
                "logo-shape", logo, file, f"the logo is {logo.proportion:.2f} times as tall as it must be at its width",
                f"{logo.proportion:.3f}", f"1 ± {allowed:g}", remedy,
            )  # fmt: skip
        if abs(logo.pose.angle) > TURNED:
            yield _of_logo(
                "logo-shape", logo, file, f"the logo is turned by {logo.pose.angle:.1f}°", f"{logo.pose.angle:.1f}°",
                f"± {TURNED:g}°", remedy,
            )  # fmt: skip


def logo_color(seen: SeenPicture, file: str) -> Iterator[Finding]:
    """Refuse a logo in colours that none of its drawings has."""
    for logo in seen.logos:
        part = max(logo.colors, key=lambda part: part.difference, default=None)
        allowed = RECOLORED_SMALL if logo.pose.height < SMALL else RECOLORED
        if part is not None and part.difference > allowed:
            yield _of_logo(
                "logo-color", logo, file, f"the logo's {part.expected.hex} is {part.seen.hex} here",
                f"ΔE2000 {part.difference:.1f}", f"{allowed:g}",
                "Take the kit's file for light or for dark grounds as it is.",
            )  # fmt: skip


def logo_clutter(seen: SeenPicture, file: str) -> Iterator[Finding]:
    """Warn of what is no line of words and stands in a logo's clear space."""
    for logo in seen.logos:
        entered = any(_overlap(text.box, logo.clear) for text in seen.texts)
        if logo.cluttered > CLUTTERED and not entered:
            yield _of_logo(
                "logo-space", logo, file, f"{logo.cluttered:.0%} of the logo's clear space is not its ground",
                f"{logo.cluttered:.1%}", f"{CLUTTERED:.0%}", "Move what stands there, or the logo.", level="warn",
            )  # fmt: skip


def brand_names(seen: SeenPicture, names: Sequence[str], reread: dict[Box, str], file: str) -> Iterator[Finding]:
    """Find names of the brand that are almost right. `reread` holds a second reading of each line's box."""
    for number, text in enumerate(seen.texts, 1):
        for name in names:
            length = len(name.split())
            again = _windows(reread.get(text.box, text.text).split(), length)
            for window in _windows(text.text.split(), length):
                problem = _misspelt(window, name)
                # A slip of the reader rarely happens twice; a slip of the writer stands in both readings.
                if not problem or window in names or window not in again:
                    continue
                yield Finding(
                    "brand-names", "fail" if problem == "misspelt" else "warn",
                    f"‘{window}’ stands where the brand writes ‘{name}’", file, f"line {number}", text.box,
                    window, name, "Write the name as the kit does.",
                )  # fmt: skip


def _windows(words: Sequence[str], length: int) -> list[str]:
    return [" ".join(words[i : i + length]).strip(".,:;!?()‘’“”\"'") for i in range(len(words) - length + 1)]


def _misspelt(window: str, name: str) -> str:
    """Say how a text misses a name: `misspelt`, `cased`, or not at all ('': the name, or something else)."""
    if window in (name, name.upper(), f"{name}s", f"{name}'s", f"{name}’s"):
        return ""
    away = edit_distance(window.lower(), name.lower())
    if away == 0:
        return "cased"
    return "misspelt" if len(name) >= 5 and away <= max(1, len(name) // 5) else ""


def expected_copy(
    lines: Sequence[ReadLine], expected: Sequence[str], reader: TextReader, file: str
) -> Iterator[Finding]:
    """Look for every text that must stand in the picture among what was read."""
    whole = comparable("".join(line.text for line in lines))
    for text in expected:
        if letters := reader.unreadable(text):
            yield Finding(
                "ocr-readback", "info", f"not looked for: {reader.name} does not know ‘{letters[:12]}’", file,
                measured=text,
            )  # fmt: skip
            continue
        wanted = comparable(text)
        if not wanted:
            continue
        errors = min(_errors_within(wanted, whole), _errors_by_line(wanted, lines))
        if errors >= 1 and errors / len(wanted) > 0.1:
            lost = errors / len(wanted) > 0.5
            yield Finding(
                "ocr-readback", "fail" if lost else "warn",
                f"‘{text[:60]}’ {'does not stand in the picture' if lost else 'stands there differently'}", file,
                measured=f"{errors} of {len(wanted)} characters", limit="10%",
                remedy="Compare the picture with the copy.",
            )  # fmt: skip


def _errors_within(wanted: str, read: str) -> int:
    """Count the errors of the best place of a text inside a longer one (Sellers 1980)."""
    row = list(range(len(wanted) + 1))
    best = len(wanted)
    for letter in read:
        previous, row[0] = row[0], 0
        for i, meant in enumerate(wanted, 1):
            previous, row[i] = row[i], min(row[i] + 1, row[i - 1] + 1, previous + (meant != letter))
        best = min(best, row[-1])
    return best


def _errors_by_line(wanted: str, lines: Sequence[ReadLine]) -> int:
    """Count what no line accounts for: columns that stand side by side are read across each other."""
    left = len(wanted)
    for line in lines:
        piece = comparable(line.text)
        if 3 <= len(piece) <= len(wanted):
            errors = _errors_within(piece, wanted)
            if errors <= 0.15 * len(piece):
                left -= len(piece) - errors
    return max(left, 0)


def _overlap(one: Box, other: Box) -> bool:
    common = one.intersection(other)
    return common.width > 0 and common.height > 0


def _of_logo(
    check: str, logo: SeenLogo, file: str, message: str, measured: str, limit: str, remedy: str, level: Level = "fail"
) -> Finding:
    return Finding(check, level, message, file, logo.name, logo.box, measured, limit, remedy)


def reread_boxes(seen: SeenPicture, names: Sequence[str]) -> list[Box]:
    """List the lines that hold a name almost right: only they are worth a second reading."""
    return [
        text.box
        for text in seen.texts
        if any(_misspelt(window, name) for name in names for window in _windows(text.text.split(), len(name.split())))
    ]
