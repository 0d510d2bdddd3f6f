"""Text → embedding levels and visual order: the Unicode Bidirectional Algorithm (UAX #9), with isolates and brackets.

Knows nothing about glyphs: mirroring is HarfBuzz's work. Classes come from Python's `unicodedata`, whose Unicode
version depends on the interpreter; a code point that is newer takes the class that the standard keeps for its block
(DerivedBidiClass, @missing), which is what the character gets when it is assigned, but for rare symbols.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import lru_cache

MAX_DEPTH = 125

_REMOVED = frozenset({"RLE", "LRE", "RLO", "LRO", "PDF", "BN"})
_ISOLATE_STARTS = frozenset({"LRI", "RLI", "FSI"})
_ISOLATES = _ISOLATE_STARTS | {"PDI"}
_NEUTRAL = frozenset({"B", "S", "WS", "ON", "FSI", "LRI", "RLI", "PDI"})
_NEEDS_ALGORITHM = frozenset({"R", "AL", "AN", "RLE", "LRE", "RLO", "LRO", "PDF", "LRI", "RLI", "FSI", "PDI"})

# DerivedBidiClass.txt, @missing lines (Unicode 15 to 16): the classes of code points not yet assigned.
_UNASSIGNED: tuple[tuple[int, int, str], ...] = (
    (0x0590, 0x05FF, "R"), (0x0600, 0x07BF, "AL"), (0x07C0, 0x085F, "R"), (0x0860, 0x08FF, "AL"),
    (0x20A0, 0x20CF, "ET"), (0xFB1D, 0xFB4F, "R"), (0xFB50, 0xFDCF, "AL"), (0xFDD0, 0xFDEF, "BN"),
    (0xFDF0, 0xFDFF, "AL"), (0xFE70, 0xFEFF, "AL"), (0xFFF0, 0xFFF8, "BN"), (0x2065, 0x2065, "BN"),
    (0x10800, 0x10CFF, "R"), (0x10D00, 0x10D3F, "AL"), (0x10D40, 0x10EBF, "R"), (0x10EC0, 0x10EFF, "AL"),
    (0x10F00, 0x10F2F, "R"), (0x10F30, 0x10F6F, "AL"), (0x10F70, 0x10FFF, "R"), (0x1E800, 0x1EC6F, "R"),
    (0x1EC70, 0x1ECBF, "AL"), (0x1ECC0, 0x1ECFF, "R"), (0x1ED00, 0x1ED4F, "AL"), (0x1ED50, 0x1EDFF, "R"),
    (0x1EE00, 0x1EEFF, "AL"), (0x1EF00, 0x1EFFF, "R"), (0xE0000, 0xE0FFF, "BN"),
)  # fmt: skip

# BidiBrackets.txt: opening and closing bracket, pair by pair.
_PAIRS = (
    "()[]{}༺༻༼༽᚛᚜⁅⁆⁽⁾₍₎⌈⌉⌊⌋\u2329\u232a❨❩❪❫❬❭❮❯❰❱❲❳❴❵⟅⟆⟦⟧⟨⟩⟪⟫⟬⟭⟮⟯⦃⦄⦅⦆⦇⦈⦉⦊⦋⦌⦍⦐⦏⦎⦑⦒⦓⦔⦕⦖⦗⦘⧘⧙⧚⧛⧼⧽"
    "⸢⸣⸤⸥⸦⸧⸨⸩⹕⹖⹗⹘⹙⹚⹛⹜〈〉《》「」『』【】〔〕〖〗〘〙〚〛﹙﹚﹛﹜﹝﹞（）［］｛｝｟｠｢｣"
)
_CANONICAL = {"\u2329": "\u3008", "\u232a": "\u3009"}  # the two brackets with canonical equivalents (BD16)
CLOSING_OF = dict(zip(_PAIRS[::2], _PAIRS[1::2], strict=True))
_CLOSING = frozenset(CLOSING_OF.values())


@lru_cache(maxsize=4096)
def bidi_class(character: str) -> str:
    """Give a character's Bidi_Class, with the standard's default for one that `unicodedata` does not know."""
    known = unicodedata.bidirectional(character)
    if known:
        return known
    code = ord(character)
    if code & 0xFFFE == 0xFFFE:
        return "BN"
    return next((name for first, last, name in _UNASSIGNED if first <= code <= last), "L")


def paragraph_level(classes: Sequence[str], start: int = 0, stop: int | None = None) -> int | None:
    """Find the level that the first strong character sets (P2, P3), isolates skipped; None where there is none."""
    depth = 0
    for kind in classes[start:stop]:
        if kind in _ISOLATE_STARTS:
            depth += 1
        elif kind == "PDI":
            if depth == 0 and start:
                return None
            depth = max(depth - 1, 0)
        elif depth == 0 and kind in ("L", "R", "AL"):
            return 0 if kind == "L" else 1
    return None


def levels(text: str, base: int) -> tuple[int, ...]:
    """Resolve the embedding level of every character of one paragraph, before the line rule L1.

    Characters that the algorithm removes (X9) take the level of the character before them, so that runs stay whole.
    """
    classes = [bidi_class(character) for character in text]
    if base == 0 and _NEEDS_ALGORITHM.isdisjoint(classes):
        return (0,) * len(text)
    return tuple(resolve(classes, base, text))


def resolve(classes: Sequence[str], base: int, text: str = "") -> list[int]:
    """Resolve levels from classes; `text` gives the brackets of rule N0 and may be empty."""
    result, kinds = _explicit(classes, base)
    matching = _matching_pdi(classes)
    for sequence, opening_type, closing_type in _isolating_sequences(classes, result, matching, base):
        level = result[sequence[0]]
        _weak(sequence, kinds, opening_type)
        if text:
            _brackets(sequence, kinds, classes, text, level, opening_type)
        _neutral(sequence, kinds, level, opening_type, closing_type)
        for index in sequence:
            kind = kinds[index]
            if level % 2 == 0:
                result[index] = level + {"R": 1, "AN": 2, "EN": 2}.get(kind, 0)
            elif kind in ("L", "EN", "AN"):
                result[index] = level + 1
    for index, kind in enumerate(classes):
        if kind in _REMOVED:
            result[index] = result[index - 1] if index else base
    return result


def line_levels(text: str, paragraph: Sequence[int], start: int, stop: int, base: int) -> list[int]:
    """Give the levels of one line: trailing white space and isolates, and separators, return to the base level (L1)."""
    result = list(paragraph[start:stop])
    reset = True
    for index in range(stop - start - 1, -1, -1):
        kind = bidi_class(text[start + index])
        if kind in ("B", "S"):
            reset = True
        elif kind != "WS" and kind not in _ISOLATES and kind not in _REMOVED:
            reset = False
        if reset:
            result[index] = base
    return result


def visual_order(levels_of_items: Sequence[int]) -> list[int]:
    """Order items (characters or runs) as they stand from left to right (L2)."""
    order = list(range(len(levels_of_items)))
    odd = [level for level in levels_of_items if level % 2]
    if not odd:
        return order
    for threshold in range(max(levels_of_items), min(odd) - 1, -1):
        start = 0
        while start < len(order):
            if levels_of_items[order[start]] < threshold:
                start += 1
                continue
            stop = start
            while stop < len(order) and levels_of_items[order[stop]] >= threshold:
                stop += 1
            order[start:stop] = reversed(order[start:stop])
            start = stop
    return order


def _matching_pdi(classes: Sequence[str]) -> dict[int, int]:
    """Map every isolate initiator to its PDI (BD9); one without a PDI is absent."""
    pairs: dict[int, int] = {}
    stack: list[int] = []
    for index, kind in enumerate(classes):
        if kind in _ISOLATE_STARTS:
            stack.append(index)
        elif kind == "PDI" and stack:
            pairs[stack.pop()] = index
    return pairs


def _explicit(classes: Sequence[str], base: int) -> tuple[list[int], list[str]]:
    """Apply X1 to X8: explicit levels, and the classes after overrides."""
    result, kinds = [base] * len(classes), list(classes)
    stack: list[tuple[int, str | None, bool]] = [(base, None, False)]
    overflow_isolates = overflow_embeddings = valid_isolates = 0
    matching = _matching_pdi(classes)
    for index, kind in enumerate(classes):
        level, override, _ = stack[-1]
        if kind in ("RLE", "LRE", "RLO", "LRO"):
            result[index] = level
            new = _next_level(level, odd=kind in ("RLE", "RLO"))
            if new <= MAX_DEPTH and not overflow_isolates and not overflow_embeddings:
                stack.append((new, {"RLO": "R", "LRO": "L"}.get(kind), False))
            elif not overflow_isolates:
                overflow_embeddings += 1
        elif kind in _ISOLATE_STARTS:
            result[index] = level
            kinds[index] = override or kind
            right = kind == "RLI"
            if kind == "FSI":
                right = paragraph_level(classes, index + 1, matching.get(index, len(classes))) == 1
            new = _next_level(level, odd=right)
            if new <= MAX_DEPTH and not overflow_isolates and not overflow_embeddings:
                valid_isolates += 1
                stack.append((new, None, True))
            else:
                overflow_isolates += 1
        elif kind == "PDI":
            if overflow_isolates:
                overflow_isolates -= 1
            elif valid_isolates:
                overflow_embeddings = 0
                while not stack[-1][2]:
                    stack.pop()
                stack.pop()
                valid_isolates -= 1
            result[index] = stack[-1][0]
            kinds[index] = stack[-1][1] or kind
        elif kind == "PDF":
            if not overflow_isolates:
                if overflow_embeddings:
                    overflow_embeddings -= 1
                elif not stack[-1][2] and len(stack) >= 2:
                    stack.pop()
            result[index] = stack[-1][0]
        elif kind == "B":
            result[index] = base
        else:
            result[index] = level
            if kind != "BN" and override:
                kinds[index] = override
    return result, kinds


def _next_level(level: int, *, odd: bool) -> int:
    return level + 1 + (level % 2 if odd else 1 - level % 2)


def _isolating_sequences(
    classes: Sequence[str], explicit: Sequence[int], matching: dict[int, int], base: int
) -> list[tuple[list[int], str, str]]:
    """Build the isolating run sequences with their sos and eos (X10)."""
    kept = [index for index, kind in enumerate(classes) if kind not in _REMOVED]
    runs: list[list[int]] = []
    for index in kept:
        if runs and explicit[runs[-1][-1]] == explicit[index]:
            runs[-1].append(index)
        else:
            runs.append([index])
    run_of_start = {run[0]: run for run in runs}
    matched_pdis = set(matching.values())
    place = {index: number for number, index in enumerate(kept)}
    result = []
    for run in runs:
        if classes[run[0]] == "PDI" and run[0] in matched_pdis:
            continue
        sequence = list(run)
        while classes[sequence[-1]] in _ISOLATE_STARTS and sequence[-1] in matching:
            sequence += run_of_start[matching[sequence[-1]]]
        level = explicit[sequence[0]]
        before, last = place[sequence[0]] - 1, sequence[-1]
        previous = explicit[kept[before]] if before >= 0 else base
        after = place[last] + 1
        open_ended = classes[last] in _ISOLATE_STARTS or after >= len(kept)
        following = base if open_ended else explicit[kept[after]]
        result.append((sequence, _direction(max(level, previous)), _direction(max(level, following))))
    return result


def _direction(level: int) -> str:
    return "R" if level % 2 else "L"


def _weak(sequence: Sequence[int], kinds: list[str], opening_type: str) -> None:
    """Apply W1 to W7 to one isolating run sequence."""
    previous = opening_type
    for index in sequence:  # W1
        if kinds[index] == "NSM":
            kinds[index] = "ON" if previous in _ISOLATES else previous
        previous = kinds[index]
    strong = opening_type
    for index in sequence:  # W2, W3
        if kinds[index] in ("L", "R", "AL"):
            strong = kinds[index]
        elif kinds[index] == "EN" and strong == "AL":
            kinds[index] = "AN"
    for index in sequence:
        if kinds[index] == "AL":
            kinds[index] = "R"
    for place in range(1, len(sequence) - 1):  # W4
        index, before, after = sequence[place], kinds[sequence[place - 1]], kinds[sequence[place + 1]]
        if before == after and (
            (before == "EN" and kinds[index] in ("ES", "CS")) or (before == "AN" and kinds[index] == "CS")
        ):
            kinds[index] = before
    place = 0
    while place < len(sequence):  # W5
        if kinds[sequence[place]] != "ET":
            place += 1
            continue
        stop = place
        while stop < len(sequence) and kinds[sequence[stop]] == "ET":
            stop += 1
        beside = (place and kinds[sequence[place - 1]] == "EN") or (
            stop < len(sequence) and kinds[sequence[stop]] == "EN"
        )
        for index in sequence[place:stop]:
            kinds[index] = "EN" if beside else "ON"  # else W6
        place = stop
    strong = opening_type
    for index in sequence:  # W6, W7
        if kinds[index] in ("ES", "CS"):
            kinds[index] = "ON"
        elif kinds[index] in ("L", "R"):
            strong = kinds[index]
        elif kinds[index] == "EN" and strong == "L":
            kinds[index] = "L"


def _brackets(
    sequence: Sequence[int], kinds: list[str], classes: Sequence[str], text: str, level: int, opening_type: str
) -> None:
    """Apply N0: a bracket pair takes the direction of what it encloses, or of its context."""
    pairs: list[tuple[int, int]] = []
    stack: list[tuple[str, int]] = []
    for place, index in enumerate(sequence):
        character = _CANONICAL.get(text[index], text[index])
        if kinds[index] != "ON":
            continue
        if character in CLOSING_OF:
            if len(stack) == 63:
                pairs.clear()
                break
            stack.append((_CANONICAL.get(CLOSING_OF[character], CLOSING_OF[character]), place))
        elif character in _CLOSING:
            for depth in range(len(stack) - 1, -1, -1):
                if stack[depth][0] == character:
                    pairs.append((stack[depth][1], place))
                    del stack[depth:]
                    break
    embedding = _direction(level)
    for first, last in sorted(pairs):
        inside = {_strong(kinds[sequence[place]]) for place in range(first + 1, last)} - {""}
        if not inside:
            continue
        direction = embedding
        if embedding not in inside:
            context = next(
                (found for place in range(first - 1, -1, -1) if (found := _strong(kinds[sequence[place]]))),
                opening_type,
            )
            direction = context if context != embedding else embedding
        for place in (first, last):
            kinds[sequence[place]] = direction
            for follower in sequence[place + 1 :]:
                if classes[follower] != "NSM":
                    break
                kinds[follower] = direction


def _strong(kind: str) -> str:
    return "R" if kind in ("R", "EN", "AN") else "L" if kind == "L" else ""


def _neutral(sequence: Sequence[int], kinds: list[str], level: int, opening_type: str, closing_type: str) -> None:
    """Apply N1 and N2: neutrals take the direction on both their sides, or the embedding's."""
    place = 0
    while place < len(sequence):
        if kinds[sequence[place]] not in _NEUTRAL:
            place += 1
            continue
        stop = place
        while stop < len(sequence) and kinds[sequence[stop]] in _NEUTRAL:
            stop += 1
        before = _strong(kinds[sequence[place - 1]]) if place else opening_type
        after = _strong(kinds[sequence[stop]]) if stop < len(sequence) else closing_type
        direction = before if before == after else _direction(level)
        for index in sequence[place:stop]:
            kinds[index] = direction
        place = stop
