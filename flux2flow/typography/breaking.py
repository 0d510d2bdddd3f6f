"""Text → where its lines may break, and how good each break would be.

UAX #14 (uniseg's tables), then what it leaves to typesetters: kinsoku, brand names, numbers with their units, Korean by
words, and for Japanese a liking for phrase ends. Thai and its kin break at spaces only: there is no dictionary here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from uniseg.linebreak import line_break_breakables

from flux2flow.typography.casing import names_in

SEVERE = 0.3
"""From this penalty on a break parts what belongs together: it is taken only where the text would be far too small."""
AFTER_SENTENCE = -0.08
"""The penalty, a reward, of a break where a sentence ends."""

# JIS X 4051 and JLREQ: characters that never begin a line (行頭禁則) …
NOT_AT_START = frozenset(
    "、。，．・：；？！‼⁇⁈⁉ヽヾゝゞ々〻ーァィゥェォッャュョヮヵヶぁぃぅぇぉっゃゅょゎゕゖㇰㇱㇲㇳㇴㇵㇶㇷㇸㇹㇺㇻㇼㇽㇾㇿ"
    "）〕］｝〉》」』】〙〗〟｠‐゠–〜～％‰℃℉°′″…‥)]},.:;!?%｡､｣･ｧｨｩｪｫｬｭｮｯｰﾞﾟ"
)
# … that never end one (行末禁則), and pairs that never part (分離禁止). Quotation marks are left to UAX #14: what opens
# in one language (« “) closes in the next.
OPENING = frozenset("（〔［｛〈《「『【〘〖〝｟([{｢")
NOT_AT_END = OPENING | frozenset("￥＄￡＃＠¥$£€#@")
INSEPARABLE = frozenset("…‥―—")

_UNITS = (
    r"(?:%|‰|°|℃|[€$£¥]|[kKmMcµnGTh]?(?:m|g|l|L|W|Wh|V|A|Hz|B|b|px|s|J|Pa|t)\b"
    r"|(?:cm|mm|km|kg|lm|dB|h|min|ha|EUR|USD|CHF)\b)"
)
_UNIT = re.compile(rf"(?<=\d)[ \u2009](?={_UNITS})")
_SIGN_BEFORE = re.compile(r"(?<=[€$£¥§№#])[ \u2009](?=\d)")
_THOUSANDS = re.compile(r"(?<=\d)[ \u2009](?=\d{3}(?!\d))")
_ORDINAL = re.compile(r"(?<!\d)\d{1,2}\. (?=[^\W\d_])")
_WITH_ORDINALS = frozenset({"cs", "da", "de", "fi", "hr", "hu", "nb", "nn", "no", "sk", "sl"})
_PARTICLES = "をはがにでとのもへや"


@dataclass(frozen=True, slots=True)
class Break:
    """A place where a line may end: the index of the next line's first character; `penalty` 0 is a good one."""

    index: int
    penalty: float
    mandatory: bool = False


@lru_cache(maxsize=1024)
def breaks(text: str, language: str, unbroken: tuple[str, ...] = ()) -> tuple[Break, ...]:
    """List the permitted breaks of a text, its end included, in order."""
    primary = language.split("-")[0].lower()
    forbidden = _inside_names(text, unbroken) | _inside_quantities(text, primary)
    result = []
    allowed = list(line_break_breakables(text))
    for index in range(1, len(text)):
        if text[index - 1] == "\n":
            result.append(Break(index, 0.0, mandatory=True))
        elif allowed[index] and index not in forbidden and _permitted(text, index):
            result.append(Break(index, _penalty(text, index, primary)))
    result.append(Break(len(text), 0.0, mandatory=True))
    return tuple(result)


def _inside_names(text: str, names: Iterable[str]) -> set[int]:
    return {index for start, stop in names_in(text, names) for index in range(start + 1, stop)}


def _inside_quantities(text: str, language: str) -> set[int]:
    """Find the spaces inside 5 kg, € 49, 12 000 and, where ordinals carry a full stop, 24. Dezember."""
    patterns = [_UNIT, _SIGN_BEFORE, _THOUSANDS, *([_ORDINAL] if language in _WITH_ORDINALS else [])]
    return {match.end() for pattern in patterns for match in pattern.finditer(text)}


def _permitted(text: str, index: int) -> bool:
    """Apply kinsoku, and Korean's rule that words stay whole; spaces before the break are looked through."""
    after = text[index]
    before = text[:index].rstrip(" \u3000")[-1:] or " "
    if after in NOT_AT_START or before in OPENING or text[index - 1] in NOT_AT_END:
        return False
    if before in INSEPARABLE and after == before:
        return False
    return not (_kind(text[index - 1]) == "hangul" and _kind(after) in ("hangul", "latin", "digit"))


@lru_cache(maxsize=8192)
def _kind(character: str) -> str:
    name = unicodedata.name(character, "")
    if name.startswith(("CJK UNIFIED", "CJK COMPAT")) or character in "々〆":
        return "kanji"
    for kind in ("KATAKANA", "HIRAGANA", "HANGUL"):  # the prolonged sound mark is of both kana, and mostly katakana
        if kind in name and "MIDDLE DOT" not in name:
            return kind.lower()
    if character in "%％‰℃":
        return "digit"
    category = unicodedata.category(character)
    if category == "Nd":
        return "digit"
    if category.startswith("L"):
        return "latin"
    return "space" if category == "Zs" else "mark"


def _penalty(text: str, index: int, language: str) -> float:
    before, after = text[index - 1], text[index]
    kinds = _kind(before), _kind(after)
    if kinds[0] == "space":
        return _penalty_at_space(text, index)
    if before == "\u00ad":
        return 0.1
    if before in "-‐/" or before == "\u200b":
        return 0.05
    if "kanji" not in kinds and "hiragana" not in kinds and "katakana" not in kinds:
        return 0.0 if kinds[0] == "mark" else 0.05
    if language == "ja":
        return _penalty_in_japanese(text, index, *kinds)
    return 0.0 if "mark" in kinds else 0.05


def _penalty_at_space(text: str, index: int) -> float:
    word = text[:index].rstrip().rsplit(" ", 1)[-1]
    if word[-1:] in ".!?…؟۔" and len(word) > 3:  # a sentence's end; what is shorter is mostly an abbreviation
        return AFTER_SENTENCE
    if word[-1:] in ",:;–—،؛":
        return -0.02
    return 0.02 if len(word) <= 3 else 0.0  # a line that ends with an article or a preposition


def _penalty_in_japanese(text: str, index: int, before: str, after: str) -> float:
    """Guess phrase ends (文節) from the change of script; a stand-in for a dictionary, and a good one in headlines."""
    if before == "mark" or after == "mark":
        return 0.05 if text[index - 1] == "・" else AFTER_SENTENCE if text[index - 1] in "。！？" else -0.06
    if before == "hiragana" and after != "hiragana":
        if text[index - 1] in "おご" and (index < 2 or _kind(text[index - 2]) != "hiragana"):
            return 0.4  # an honorific and its noun
        return 0.01 if text[index - 1] in "をはがにでとへも" else 0.05
    if before == "hiragana":
        if text[index - 1] == "を":
            return 0.02
        return 0.2 if text[index - 1] in _PARTICLES else 0.35
    if after == "hiragana":
        return 0.4  # endings and particles stay with their word
    if before == after:
        return 0.6 if before == "katakana" else 0.35
    return 0.4 if before == "digit" else 0.12
