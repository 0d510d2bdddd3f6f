"""Set text and the kit's Hunspell dictionaries → words that their language does not know. No dictionary, no finding."""

from __future__ import annotations

import functools
import importlib
import io
import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from flux2flow.domain.finding import Finding, Level
from flux2flow.domain.standards import SpellingDictionary
from flux2flow.interfaces import CheckSubject, FileSource
from flux2flow.validation.subjects import UNSPACED, about, script

SHORTEST = 3
"""Letters of the shortest word that is looked up: two letters are mostly abbreviations."""

SAMPLE = 2000
"""Words of a dictionary that show its letters."""

_WORD = re.compile(r"(?<!\w)[^\W\d_]+(?:['’\u00ad-][^\W\d_]+)*(?!\w)")
_ADDRESS = re.compile(r"(?:https?://|www\.)\S+|\S+@\S+|[#@]\w+|\b[\w-]+\.(?:[a-z]{2,})(?:/\S*)?", re.IGNORECASE)


class Dictionary(Protocol):
    """What spylls gives."""

    def lookup(self, word: str) -> bool:
        """Say whether a word is one."""
        ...

    def suggest(self, word: str) -> Iterator[str]:
        """Guess what was meant."""
        ...


class _Spelling:
    id = "spelling"
    aliases = ("T17",)
    title = "Spelling"
    rationale = (
        "Copy is proofread, cells of a table are not. Words are looked up in the Hunspell dictionaries that the kit "
        "names for a language (extra [intl]); brand and product names, the kit's own list, addresses, words with "
        "digits and abbreviations in capitals are never mistakes. A compound's parts are looked up where the whole is "
        "not known. Without a dictionary for the language nothing is said. T17."
    )
    level: Level = "warn"
    needs_pixels = False

    def run(self, subject: CheckSubject) -> Iterable[Finding]:
        """One finding per layer and word."""
        found = dictionary_of(subject.standards.dictionaries, subject.scene.locale)
        if found is None or subject.files is None:
            return
        try:
            words = lexicon(subject)
        except Exception as error:  # noqa: BLE001 - spylls raises what it comes across in a file that is no dictionary
            message = f"the kit's dictionary for {found.locale} cannot be read: {type(error).__name__}: {error}"
            remedy = f"Replace {found.words.path} and its .aff, or take the locale from words.dictionaries."
            yield Finding(self.id, "fail", message, subject.scene.id, measured=found.words.path, remedy=remedy)
            return
        if words is None:
            message = f"the kit names a dictionary for {found.locale}, and the package that reads it is not installed"
            remedy = "pip install 'flux2flow[intl]'"
            yield Finding(self.id, "info", message, subject.scene.id, measured=found.words.path, remedy=remedy)
            return
        for text in subject.layout.texts():
            for word in dict.fromkeys(_words(text.text)):
                if words.holds(word):
                    continue
                guesses = words.guesses(word)
                meant = f"; perhaps {', '.join(f'‘{guess}’' for guess in guesses)}" if guesses else ""
                yield about(
                    self, subject, text, f"‘{word}’ is in no dictionary for {found.locale}{meant}", measured=word,
                    remedy="Correct it, or add it to the kit's words.allowed.",
                )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The words of a language as a subject takes them: its dictionary, and what its kit and scene call right."""

    dictionary: Dictionary
    known: frozenset[str]
    """Case-folded."""

    def holds(self, word: str) -> bool:
        """Say whether a word is right, in its own case or as a sentence or a line in capitals writes it."""
        return word.casefold() in self.known or _is_spelt(word, self.dictionary)

    def guesses(self, word: str) -> list[str]:
        """Guess what was meant: at most three words."""
        return list(itertools.islice(self.dictionary.suggest(word), 3))


def lexicon(subject: CheckSubject) -> Lexicon | None:
    """Open what a subject's words are looked up in: None without a dictionary of its locale, or what reads it.

    Raises whatever spylls comes across in a file that is no dictionary.
    """
    found = dictionary_of(subject.standards.dictionaries, subject.scene.locale)
    if found is None or subject.files is None or (dictionary := _opened(found, subject.files)) is None:
        return None
    return Lexicon(dictionary, _known_words(subject))


def dictionary_of(dictionaries: Sequence[SpellingDictionary], locale: str) -> SpellingDictionary | None:
    """Choose the dictionary of a locale, else of its language."""
    by_locale = {found.locale.lower(): found for found in dictionaries}
    return by_locale.get(locale.lower()) or by_locale.get(locale.lower().split("-")[0])


def letters(found: SpellingDictionary, files: FileSource) -> str:
    """Give the letters of a dictionary's words, each once: whoever does not know them reads none of its words."""
    data = files.read(found.words)
    lines = data.decode(_encoding(files.read(found.affixes)), "replace").splitlines()[1 : SAMPLE + 1]
    return "".join(dict.fromkeys(c for line in lines for c in line.partition("/")[0].lower() if c.isalpha()))


def _opened(found: SpellingDictionary, files: FileSource) -> Dictionary | None:
    try:
        importlib.import_module("spylls.hunspell")
    except ModuleNotFoundError:
        return None
    return _read(found.affixes.digest, found.words.digest, files.read(found.affixes), files.read(found.words))


@functools.lru_cache(maxsize=4)
def _read(_affixes: str, _words: str, aff: bytes, dic: bytes) -> Dictionary:
    """Read a dictionary from bytes; it takes seconds, so the last few stay."""
    readers = (
        importlib.import_module("spylls.hunspell.readers.aff"),
        importlib.import_module("spylls.hunspell.readers.dic"),
    )
    hunspell = importlib.import_module("spylls.hunspell.dictionary").Dictionary
    encoding = _encoding(aff)
    rules, context = readers[0].read_aff(_Lines(aff, encoding))
    words = readers[1].read_dic(_Lines(dic, encoding), aff=rules, context=context)
    return cast(Dictionary, hunspell(rules, words))


def _encoding(aff: bytes) -> str:
    match = re.search(rb"^SET[ \t]+(\S+)", aff, re.MULTILINE)
    return match.group(1).decode("ascii", "replace") if match else "iso8859-1"


class _Lines:
    """Numbered lines of bytes, as spylls's own file reader gives them."""

    def __init__(self, data: bytes, encoding: str) -> None:
        self._lines = io.StringIO(data.decode(encoding, "surrogateescape").removeprefix("\ufeff"))
        self._number = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> tuple[int, str]:
        for line in self._lines:
            self._number += 1
            if text := line.strip():
                return self._number, text
        raise StopIteration

    def reset_encoding(self, encoding: str) -> None:
        """Ignore a later SET: the whole file was read in it."""


def _known_words(subject: CheckSubject) -> frozenset[str]:
    named = (*subject.standards.names, *subject.standards.allowed, *subject.scene.unbroken)
    return frozenset(word.casefold() for name in named for word in (name, *_WORD.findall(name)))


def _words(text: str) -> Iterator[str]:
    """Yield what is to be looked up: no addresses, no abbreviations, no script that sets no spaces."""
    for match in _WORD.finditer(_ADDRESS.sub(" ", text)):
        word = unicodedata.normalize("NFC", match.group().replace("\u00ad", "").replace("’", "'"))
        if len(word) < SHORTEST or (word.isupper() and len(word) <= 5) or script(word[0]) in UNSPACED:
            continue
        yield word


def _is_spelt(word: str, dictionary: Dictionary) -> bool:
    forms = [word, word.lower(), word.capitalize()] if word.isupper() else [word]
    if word[:1].isupper() and not word.isupper():
        forms.append(word[0].lower() + word[1:])
    if any(dictionary.lookup(form) for form in forms):
        return True
    parts = word.split("-")
    return len(parts) > 1 and all(len(part) < SHORTEST or _is_spelt(part, dictionary) for part in parts)


CHECK = _Spelling()
