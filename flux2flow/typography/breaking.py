"""Text → where its lines may break, and how good each break would be.

UAX #14 (and Thai and its kin by ICU's dictionaries where installed), then what it leaves to typesetters:
kinsoku, brand names, no-break rules, Korean by words, Japanese and Chinese by a liking for phrases, no widows. Knows
nothing about widths.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from flux2flow.domain.kept_together import CURRENCY_CODES, CURRENCY_SIGNS
from flux2flow.typography import dictionaries, no_break, phrases
from flux2flow.typography.casing import names_in
from flux2flow.typography.line_break import opportunities

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

SOFT_HYPHEN = "\u00ad"
HYPHENS_IN_A_ROW = 2
"""So many lines at most end with a hyphen one after another (Chicago, Duden, Imprimerie nationale)."""
HYPHENATED = 0.1
"""The penalty of a break that shows a hyphen."""

_CHINESE_PARTICLES = frozenset("的地得了着過过吗嗎呢吧啊呀")
_KOREAN_CLOSING = frozenset(")]}’”」』》〉%")
_WIDOWS = {"character": 0.5, "price": 0.2, "syllable": 0.3, "word": 0.15}
_SHORT_PART, _SHORT_PART_AFTER = re.compile(r"(?<!\w)\w{1,3}[-‐]$"), re.compile(r"\w{1,3}(?!\w)")
_SHORT_WORD = 5  # letters: fewer are a widow alone on a last line
_PRICE = re.compile(
    rf"[{CURRENCY_SIGNS}]?(?:(?:{CURRENCY_CODES})\s)?[\d.,\s\u2019]+[^\W\d_]{{0,4}}\.?[{CURRENCY_SIGNS}%]?[*!.]*"
)


@dataclass(frozen=True, slots=True)
class Break:
    """A place where a line may end: the index of the next line's first character; `penalty` 0 is a good one.

    `hyphen` says that a hyphen will show at the line's end.
    """

    index: int
    penalty: float
    mandatory: bool = False
    hyphen: bool = False


@lru_cache(maxsize=1024)
def breaks(text: str, language: str, unbroken: tuple[str, ...] = ()) -> tuple[Break, ...]:
    """List the permitted breaks of a text, its end included, in order."""
    allowed = dictionaries.word_starts(text, language).union(opportunities(text))
    hindered = _Hindrances(text, language, unbroken)
    result = []
    for index in range(1, len(text)):
        if text[index - 1] == "\n":
            result.append(Break(index, 0.0, mandatory=True))
        elif index in allowed and not hindered.by(index):
            hyphen = text[index - 1] == SOFT_HYPHEN
            result.append(Break(index, _penalty(text, index, language), hyphen=hyphen))
    result.append(Break(len(text), 0.0, mandatory=True))
    return tuple(result)


def hindrance(text: str, index: int, language: str, unbroken: tuple[str, ...] = ()) -> str:
    """Name the rule of ours that forbids a break which UAX #14 would allow; empty where none does.

    The names: brand-name, no-break, kinsoku-start, kinsoku-end, inseparable, hangul-word.
    """
    return _Hindrances(text, language, unbroken).by(index)


def widow(text: str, start: int, stop: int) -> str:
    """Say in what way a last line is too short to stand alone: character, price, syllable, word; empty where it is not.

    A character is one of kanji, kana or hangul; a syllable a word of one or two letters; a price stands for any figure
    with its unit. A paragraph's only line is no widow.
    """
    visible = text[start:stop].strip()
    if not text[:start].strip() or not visible:
        return ""
    letters = [character for character in visible if unicodedata.category(character)[0] in "LN"]
    if any(_kind(character) in ("kanji", "hiragana", "katakana", "hangul") for character in letters):
        return "character" if len(letters) <= 1 else ""
    if any(character.isdecimal() for character in visible) and _PRICE.fullmatch(visible):
        return "price"
    if re.search(r"\s", visible):
        return ""
    return "syllable" if len(letters) <= 2 else "word" if len(letters) < _SHORT_WORD else ""


def widow_penalty(text: str, start: int, stop: int) -> float:
    """Give the penalty of a last line `text[start:stop]`; 0 where it is long enough."""
    return _WIDOWS.get(widow(text, start, stop), 0.0)


class _Hindrances:
    """What of ours forbids breaks in one text."""

    def __init__(self, text: str, language: str, unbroken: tuple[str, ...]) -> None:
        self.text = text
        self.inside_names = _inside_names(text, unbroken)
        self.held = no_break.held(text, language)
        self.korean = _primary(language) == "ko"

    def by(self, index: int) -> str:
        if index in self.inside_names:
            return "brand-name"
        return "no-break" if index in self.held else _kinsoku(self.text, index, self.korean)


def _inside_names(text: str, names: Iterable[str]) -> set[int]:
    return {index for start, stop in names_in(text, names) for index in range(start + 1, stop)}


def _primary(language: str) -> str:
    return language.replace("_", "-").split("-")[0].lower()


def _kinsoku(text: str, index: int, korean: bool) -> str:
    """Apply kinsoku, and Korean's rule that words stay whole; spaces before the break are looked through."""
    after = text[index]
    before = text[:index].rstrip(" \u3000")[-1:] or " "
    if after in NOT_AT_START:
        return "kinsoku-start"
    if before in OPENING or text[index - 1] in NOT_AT_END:
        return "kinsoku-end"
    if after == before in INSEPARABLE or (after == text[index - 1] and unicodedata.category(after) in ("Sm", "Sc")):
        return "inseparable"  # …… and A+++
    return "hangul-word" if _inside_korean_word(text[index - 1], after, korean) else ""


def _inside_korean_word(before: str, after: str, korean: bool) -> bool:
    """Say whether a place is inside a word of Korean, which only spaces part (KLREQ); 25,800원, English가, (A)에서.

    Hanja, and the particle after a closing bracket, belong to the word only where the language says that the text is
    Korean. Before an opening bracket a line may begin, as in CSS (`word-break: keep-all`).
    """
    kinds = _kind(before), _kind(after)
    letters = ("hangul", "latin", "digit", "kanji") if korean else ("hangul", "latin", "digit")
    if korean:
        return kinds[1] in letters and (kinds[0] in letters or before in _KOREAN_CLOSING)
    return "hangul" in kinds and kinds[0] in letters and kinds[1] in letters


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
    if category[0] in "LM":  # a mark belongs to its letter, as Thai vowel signs do
        return "latin"
    return "space" if category == "Zs" else "mark"


def _penalty(text: str, index: int, language: str) -> float:
    before, after = text[index - 1], text[index]
    kinds = _kind(before), _kind(after)
    if kinds[0] == "space":
        return no_break.AVOIDED if index in no_break.avoided(text, language) else _penalty_at_space(text, index)
    if before == SOFT_HYPHEN:
        return HYPHENATED
    if before in "-‐":  # all-in-one had better stay whole
        return 0.15 if _SHORT_PART.search(text, 0, index) or _SHORT_PART_AFTER.match(text, index) else 0.05
    if before in "/\u200b":
        return 0.05
    if "kanji" not in kinds and "hiragana" not in kinds and "katakana" not in kinds:
        return 0.0 if kinds[0] == "mark" else 0.05
    primary = _primary(language)
    if primary == "ja":
        return _penalty_in_japanese(text, index, *kinds)
    if "mark" in kinds:
        return 0.0
    return _penalty_in_chinese(text, index, language) if primary in ("zh", "yue") else 0.05


def _penalty_at_space(text: str, index: int) -> float:
    word = text[:index].rstrip().rsplit(" ", 1)[-1]
    if word[-1:] in ".!?…؟۔" and len(word) > 3:  # a sentence's end; what is shorter is mostly an abbreviation
        return AFTER_SENTENCE
    if word[-1:] in ",:;–—،؛":
        return -0.02
    return 0.02 if len(word) <= 3 else 0.0  # a line that ends with an article or a preposition


def _penalty_in_japanese(text: str, index: int, before: str, after: str) -> float:
    """Like breaks between phrases (文節), bear them between a compound's words, and avoid them elsewhere."""
    if before == "mark" or after == "mark":
        return 0.05 if text[index - 1] == "・" else AFTER_SENTENCE if text[index - 1] in "。！？" else -0.06
    if before == "digit":
        return 0.4  # 第1四半期: what a figure counts, whatever it is
    parts = phrases.japanese(text)
    if index not in parts.words:
        return 0.6 if before == after == "katakana" else 0.5
    particle = before == "hiragana" and after != "hiragana" and text[index - 1] in "をはがにでとへも"
    if particle and not _honorific(text, index):
        return 0.01
    if index in parts.phrases:
        return 0.02
    if before == "hiragana" and after != "hiragana":  # の, な and verbs' endings, where the model saw no phrase's end
        return 0.4 if _honorific(text, index) else 0.05
    return 0.2 if "hiragana" not in (before, after) and before != after else 0.35


def _honorific(text: str, index: int) -> bool:
    """Say whether お or ご before the index stands before its noun, as in お部屋."""
    return text[index - 1] in "おご" and (index < 2 or _kind(text[index - 2]) != "hiragana")


def _penalty_in_chinese(text: str, index: int, language: str) -> float:
    """Like breaks between words, and not before a particle; any other is possible, and no reason to set smaller."""
    if text[index] in _CHINESE_PARTICLES:
        return 0.15
    return 0.03 if index in phrases.chinese(text, language).words else 0.2
