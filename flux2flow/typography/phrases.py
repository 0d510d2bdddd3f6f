"""Japanese and Chinese text → where its phrases and words begin, by BudouX's models (no dictionary, no network).

Only Japanese and Chinese themselves are asked about, never forbidden: kinsoku and no-break rules stand in `breaking`
and `no_break`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from budoux.parser import Parser

_TRADITIONAL = frozenset({"hant", "tw", "hk", "mo"})


@dataclass(frozen=True, slots=True)
class Parts:
    """The indices at which phrases (文節) and words begin, without the text's start; in Chinese both are words."""

    phrases: frozenset[int]
    words: frozenset[int]


@lru_cache(maxsize=1024)
def japanese(text: str) -> Parts:
    """Find the phrases of Japanese, and the words of its compounds; where a phrase begins, so does a word."""
    found = _starts("ja", text)
    return Parts(found, found | _starts("ja_word", text))


@lru_cache(maxsize=1024)
def chinese(text: str, language: str) -> Parts:
    """Find the words of Chinese, by the model of its script: traditional for zh-Hant, Taiwan, Hong Kong and Macao."""
    subtags = language.lower().replace("_", "-").split("-")
    words = _starts("zh-hant" if subtags[0] == "yue" or _TRADITIONAL & set(subtags) else "zh-hans", text)
    return Parts(words, words)


def _starts(model: str, text: str) -> frozenset[int]:
    starts, place = [], 0
    for part in _parser(model).parse(text):
        place += len(part)
        starts.append(place)
    return frozenset(starts[:-1])


@lru_cache(maxsize=4)
def _parser(model: str) -> Parser:
    from budoux.parser import Parser  # 20 ms: only texts in these languages pay them

    data = resources.files("budoux").joinpath("models", f"{model}.json").read_text(encoding="utf-8")
    return Parser(json.loads(data))
