"""Whatever a language model answers: it is refused, or it is written, read and painted to the letter."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flux2flow.domain.upsampled import UpsampledPrompt
from flux2flow.loading import prompt_file_text
from flux2flow.loading.collector import Collector
from flux2flow.loading.prompt_file import _prompts
from flux2flow.loading.yaml_composer import read
from flux2flow.planning import judge
from tests.planning.test_upsampling import GOOD, ORIGINAL

CORPUS = Path(__file__).parents[2] / ".." / "shared" / "corpus" / "blns.json"


def naughty() -> list[str]:
    if not CORPUS.exists():
        pytest.skip("the corpus of naughty strings is not here")
    found: list[str] = json.loads(CORPUS.read_text(encoding="utf-8"))
    assert len(found) > 400
    return found


def test_no_answer_breaks_the_file_or_slips_past_the_limits() -> None:
    """500 strings that broke other programs, each after a faithful answer and on its own."""
    entries: list[UpsampledPrompt] = []
    used = 0
    for number, text in enumerate(naughty()):
        for answer in (f"{GOOD} {text}", text):
            judged = judge(ORIGINAL, answer)
            used += not judged.refused
            entries.append(
                UpsampledPrompt(
                    original=f"{number} {len(entries)}", text=None if judged.refused else judged.text,
                    kept=judged.refused, review=judged.review, model="m", weights="", seed=0,
                )
            )  # fmt: skip
            assert judged.refused or answer.startswith(GOOD), "a bare string keeps no fact of the brief"
    for some in (entries[start : start + 100] for start in range(0, len(entries), 100)):
        problems = Collector()
        assert _prompts(read("p.yaml", prompt_file_text(some).encode()), problems) == tuple(some)
        assert problems.diagnostics == ()
    assert 200 < used < len(entries) / 2  # most are plain words after a faithful answer
