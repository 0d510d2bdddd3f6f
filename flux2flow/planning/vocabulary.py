"""What a plate's words ask to be painted → the nouns that the chosen model was never taught, each with advice.

A rule of thumb, no parser: a noun phrase opens a text, or follows a comma, "and" or a preposition with an article or a
number; its head is its last words. Which nouns are known is the backend's to say. Knows no template and no prompt.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from flux2flow.domain.plate import BackendLimits
from flux2flow.planning.color_names import NAMES

_TOKEN = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*|\d+|[,.;:!?()–—]")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ONE = _words("a an another one")
_MANY = _words("two three four five six seven eight nine ten eleven twelve some several many few both")
_THE = _words("the its their this these his her")
# Supports and neighbours hold things that are painted too; after the others stands how, where or when.
_OPENING = _words("with on and beside behind under near between beneath against plus")
_CLOSING = _words(
    """
    in at from by for of to over into onto through inside around above below along across during like as before
    after without next stand stands standing sit sits sitting placed is are was were lie lies lying rest rests
    resting floating hanging arranged surrounded lit filled showing holding leaning rising falling seen shown
    made painted covered bathed framed that which where while has have made set-up or full off up down
    """
)
# Words about the picture, and measures: nothing to paint by themselves; after their "of" stands what is meant.
_SILENT = _words(
    """
    product object subject item thing photograph photo picture image shot render rendering illustration view
    close-up portrait scene life composition style mood look feeling atmosphere light lighting shadow reflection
    highlight glow beam ray haze angle lens field depth focus detail space room area side third half part corner
    edge centre center middle foreground way line row circle grid pile stack pair piece slice bunch group kind
    sort collection couple drop flight splash sheet layer touch hint play range mix arrangement assortment selection
    number lot colour color tone shade hue palette gradient pattern texture surface finish material summer
    spring autumn winter morning evening day dawn dusk afternoon season sense text type copy headline word words
    campaign brand advert advertisement banner poster infographic plate quality resolution look blur bokeh
    """
)
_DESCRIBING = _words(
    """
    soft clean minimal minimalist calm bright dark warm cool cold simple plain elegant modern smooth matte
    glossy shiny large small big little tall short low high wide narrow quiet rich deep pale light muted vivid
    dusty airy clear empty natural neutral round square fresh new old vintage rustic luxurious premium serene
    dreamy moody dramatic cosy cozy delicate fine thin thick heavy bold subtle gentle pastel tidy uncluttered
    bare beautiful hard crisp open sunlit single lone different identical matching
    """
) | {name.split()[-1] for name in NAMES}
_TRAILING = _words("only alone together again too centred centered upright")
_FOREIGN = _words(
    """
    ein eine einer einem einen eines der das dem den auf mit und vor neben aus im zum zur un une le la les des
    du sur avec et devant dans el los las una con sobre il lo gli su di della uma com het een op met naast
    """
)


@dataclass(frozen=True)
class _Phrase:
    """The words of one stretch of text, what stood before it, and whether it names something to paint."""

    before: str
    words: tuple[str, ...]
    counts: bool


def unknown_pictures(texts: Iterable[str], shown: Sequence[str], limits: BackendLimits) -> list[str]:
    """Say of each noun in the texts that the backend has no picture of it, and what to do; `shown` are captions.

    What a caption in `shown` names is seen on a reference or set exactly; so is what is called by an image's number.
    """
    if limits.nouns is None:
        return []
    advice = "give it as a reference, set it exactly, or choose another model"
    said: dict[str, None] = {}
    for text in texts:
        for caption in filter(None, shown):
            text = re.sub(re.escape(caption), "the product", text, flags=re.IGNORECASE)
        if found := _in_another_language(text):
            said[
                f"{limits.name} was taught English words: it cannot read {found!r}; say it in English, or {advice}"
            ] = None
            continue
        for noun in unknown_nouns(text, limits.nouns):
            near = nearest(noun, limits.nouns)
            known = f" (nearest it knows: {near!r})" if near else ""
            said[f"{limits.name} has no picture of {noun!r}; it will paint a blob: {advice}{known}"] = None
    return list(said)


def unknown_nouns(text: str, nouns: frozenset[str]) -> tuple[str, ...]:
    """List what a text asks to be painted and `nouns` does not hold, in the text's own words."""
    known = _known(nouns)
    for whole in _with_prepositions(nouns):  # "bowl with spoon" is one thing
        text = re.sub(rf"\b{re.escape(whole)}\b", "product", text, flags=re.IGNORECASE)
    found = [head for phrase in _phrases(text) if phrase.counts and (head := _unknown_head(phrase.words, known))]
    return tuple(dict.fromkeys(found))


def nearest(noun: str, nouns: frozenset[str]) -> str:
    """Give the known noun that a word may stand for: a kind of it ("beer mug" for a mug), or one spelled alike."""
    form = _form(noun.lower().split())
    kinds = sorted((o for o in nouns if _form(o.split()).endswith(f" {form}")), key=lambda o: (len(o.split()), o))
    alike = difflib.get_close_matches(noun.lower(), sorted(nouns), n=1, cutoff=0.8)
    return next(iter([*kinds, *alike]), "")


def singular(word: str) -> str:
    """Give a plural's singular, roughly, and any other word as it is; the same form for both is what matters."""
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith("ves"):
        return word[:-3] + "f"
    if word.endswith(("ches", "shes", "sses", "xes", "zes", "toes")):
        return word[:-2]
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us")) else word


@lru_cache(maxsize=8)
def _known(nouns: frozenset[str]) -> frozenset[str]:
    return frozenset(_form(noun.split()) for noun in nouns) | {singular(word) for word in _SILENT}


@lru_cache(maxsize=8)
def _with_prepositions(nouns: frozenset[str]) -> tuple[str, ...]:
    return tuple(sorted(noun for noun in nouns if {*noun.split()} & (_OPENING | _CLOSING)))


def _form(words: Sequence[str]) -> str:
    """Give the form in which nouns are compared: knife, knives and knif, wave, waves and waf are one each."""
    last = singular(words[-1])
    if last.endswith(("fe", "ve")):
        last = last[:-2] + "f"
    return " ".join((*words[:-1], last))


def _phrases(text: str) -> list[_Phrase]:
    """Cut a text into phrases at punctuation, prepositions and verbs, and tell which of them name a thing."""
    cut: list[tuple[str, list[str]]] = [("", [])]
    for token in (token.lower() for token in _TOKEN.findall(text)):
        words = cut[-1][1]
        joins = token in (",", "and") and words and words[-1] in _DESCRIBING  # "a red and blue cup", "a soft, calm set"
        if joins:
            continue
        if token in _OPENING or token in _CLOSING or not token[0].isalnum():
            if words or not cut[-1][0]:
                cut.append((token, []))
            elif token.isalpha():  # "next to a cup": the last word decides
                cut[-1] = ("beside" if cut[-1][0] == "next" else token, [])
        else:
            words.append(token)
    made: list[_Phrase] = []
    for before, words in cut:
        made.append(_Phrase(before, tuple(words), bool(words) and _counts(before, words, made)))
    return _without_numbered(made)


def _counts(before: str, words: Sequence[str], earlier: Sequence[_Phrase]) -> bool:
    first = words[0]
    number = first in _ONE or first in _MANY or first.isdigit()
    if not any(phrase.words for phrase in earlier):
        return True
    last = earlier[-1]
    if before == "of":
        return bool(last.words) and last.counts and singular(last.words[-1]) in _SILENT
    if before == "and":
        return number or (last.counts and first not in _THE)
    return number and (before in _OPENING or not before.isalpha())


def _without_numbered(phrases: list[_Phrase]) -> list[_Phrase]:
    """Leave out what an image shows: "the kettle from image 1, an old one"."""
    kept = list(phrases)
    for index, phrase in enumerate(phrases):
        if re.search(r"\bimages? \d", " ".join(phrase.words)):
            following = index + 1 < len(phrases) and phrases[index + 1].before == ","
            for other in (index - 1, index, *([index + 1] if following else [])):
                if other >= 0:
                    kept[other] = _Phrase(kept[other].before, kept[other].words, False)
    return kept


def _unknown_head(words: Sequence[str], known: frozenset[str]) -> str:
    """Give the head of a noun phrase where no ending of it is known; empty where one is, or where it has none."""
    bare = [word for word in words if word not in _ONE | _MANY | _THE and not word.isdigit()]
    while bare and bare[-1] in _TRAILING:
        bare.pop()
    parts = " ".join(bare).replace("-", " ").split()
    if not parts or parts[-1] in _DESCRIBING or any(_form(parts[start:]) in known for start in range(len(parts))):
        return ""
    while len(bare) > 1 and bare[0] in _DESCRIBING:
        bare = bare[1:]
    return " ".join(bare[-2:])


def _in_another_language(text: str) -> str:
    """Give the text's beginning where it is not English: another language's small words, or another script."""
    words = [token.lower() for token in _TOKEN.findall(text) if token[0].isalpha()]
    letters = [letter for word in words for letter in word if letter.isalpha()]
    foreign = {*words} & _FOREIGN and not {*words} & (_ONE | _THE | _OPENING | {"of", "in"})
    if words and (foreign or sum(ord(letter) > 0x24F for letter in letters) > len(letters) / 2):
        return text if len(text) <= 60 else f"{text[:59]}…"
    return ""
