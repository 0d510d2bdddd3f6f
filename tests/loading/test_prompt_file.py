"""Prompt files: what is written reads back equal, whatever a model answered; a write never leaves the project."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flux2flow.domain.upsampled import MAX_PROMPT, UpsampledPrompt
from flux2flow.errors import SpecError, StoreError
from flux2flow.loading import load, prompt_file_path, prompt_file_text, read_prompt_file, write_prompt_file
from flux2flow.loading.collector import Collector
from flux2flow.loading.prompt_file import _prompts, unfit
from flux2flow.loading.yaml_composer import read
from flux2flow.project import Project
from tests.loading.conftest import BACKENDS, project_of

ENTRY = UpsampledPrompt(
    original="A lamp, backdrop in sand (#dcc7a1).", references=("0" * 64,), text="A brass lamp.", model="mistral",
    weights="1" * 64, seed=7,
)  # fmt: skip
WORDS = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Co", "Cn", "Zl", "Zp", "Cf")), min_size=1, max_size=300
).filter(str.strip)
PROSE = st.lists(
    st.sampled_from(["a", "- b:", "#abc", '"quoted"', "'s", "{x}", "%", "ü", "灯", "…", "k: v", ">-"]), min_size=1
)


@given(WORDS, WORDS | PROSE.map(" ".join), st.lists(WORDS, max_size=2))
def test_what_is_written_reads_back_equal(original: str, text: str, review: list[str]) -> None:
    """Folded, quoted or escaped, in YAML of our own kind."""
    entries = (
        ENTRY.model_copy(update={"original": original, "text": text, "review": tuple(review)}),
        ENTRY.model_copy(update={"original": original + "!", "text": None, "kept": text}),
    )
    document, problems = read("p.yaml", prompt_file_text(entries).encode()), Collector()
    assert _prompts(document, problems) == entries
    assert problems.diagnostics == ()


def test_the_text_is_made_for_reading_in_a_review() -> None:
    """Folded at a width, so that a changed word is a changed line; a comment says what may be edited."""
    long = ENTRY.model_copy(update={"text": "A brass lamp glows on an oak table. " * 8 + "Calm."})
    lines = prompt_file_text((long,)).splitlines()
    assert lines[1] == "# `text` is painted and may be edited; `original` and `references` find its plate and may not."
    assert "    text: >-" in lines
    assert max(len(line) for line in lines) <= 101
    assert prompt_file_text(()).endswith("prompts: []\n")


def test_a_file_beyond_what_yaml_may_have_is_not_written() -> None:
    many = [ENTRY.model_copy(update={"original": f"{number} {'x' * 900}"}) for number in range(250)]
    with pytest.raises(StoreError, match="250 prompts do not fit into one file of 256 KiB"):
        prompt_file_text(many)
    assert len(prompt_file_text(many[:200])) > 200_000  # control


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "is empty"), ("x" * (MAX_PROMPT + 1), "4001 characters"), ("a\x1b[31mb", "U+001B"), ("a\u202eb", "U+202E")],
)
def test_what_can_be_no_prompt(text: str, words: str) -> None:
    assert words in unfit(text)
    assert unfit("A lamp,\non a table.") == ""


def test_a_campaign_names_its_file_or_gets_one_beside_it(campaign: Path) -> None:
    project = project_of(campaign)
    write_prompt_file(project, "prompts/own.yaml", (ENTRY,))
    campaign.write_text(campaign.read_text() + "prompts: prompts/own.yaml\n")
    bundle = load(campaign, project, backends=BACKENDS)
    assert bundle.prompts is not None
    assert (bundle.prompts.file.path, bundle.prompts.prompts) == ("prompts/own.yaml", (ENTRY,))
    assert project.read(bundle.prompts.file) == prompt_file_text((ENTRY,)).encode()
    assert prompt_file_path(bundle, project) == "prompts/own.yaml"
    unnamed = replace(bundle, campaign=bundle.campaign.model_copy(update={"prompts": None}))
    assert prompt_file_path(unnamed, project) == "prompts/spring.yaml"


def test_the_file_stays_unread_where_it_is_about_to_be_written(campaign: Path) -> None:
    campaign.write_text(campaign.read_text() + "prompts: prompts/own.yaml\n")
    assert load(campaign, project_of(campaign), backends=BACKENDS, prompts=False).prompts is None
    with pytest.raises(SpecError, match=r"prompts/own\.yaml does not exist"):
        load(campaign, project_of(campaign), backends=BACKENDS)


def test_reading_alone_gives_nothing_where_there_is_none_and_tells_what_is_wrong(campaign: Path) -> None:
    project = project_of(campaign)
    assert read_prompt_file(project, "prompts/own.yaml") == ()
    (campaign.parent / "prompts").mkdir()
    (campaign.parent / "prompts/own.yaml").write_text("flux2flow: 1\nprompts: [{original: x}]\n")
    with pytest.raises(SpecError, match="'model' is missing"):
        read_prompt_file(project, "prompts/own.yaml")


def test_nothing_is_written_through_a_link_that_leads_out(campaign: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (campaign.parent / "prompts").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="leads out of the project"):
        write_prompt_file(project_of(campaign), "prompts/own.yaml", (ENTRY,))
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_file_at_the_projects_root_is_read_and_written_at_one_place(campaign: Path) -> None:
    """A campaign below the root may name it, as it may name pictures."""
    root = campaign.parent
    (root / "flux2flow.yaml").write_text("")
    inner = root / "campaigns" / "spring"
    inner.mkdir(parents=True)
    for name in ("copy", "products.csv", "campaign.yaml"):
        shutil.move(root / name, inner / name)
    moved = inner / "campaign.yaml"
    moved.write_text(moved.read_text() + "prompts: prompts/own.yaml\n")
    project = replace(Project.of(moved), library=root / "none")
    write_prompt_file(project, "prompts/own.yaml", (ENTRY,))
    bundle = load(moved, project, backends=BACKENDS)
    assert bundle.prompts is not None
    assert bundle.prompts.file.path == prompt_file_path(bundle, project) == "prompts/own.yaml"
    (root / "prompts/own.yaml").unlink()
    assert prompt_file_path(bundle, project) == "campaigns/spring/prompts/own.yaml"
