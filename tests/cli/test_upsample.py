"""`flux2flow upsample`: what a language model answers becomes a file to review; nothing else of the project changes."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from flux2flow import api
from flux2flow.cli import main
from flux2flow.domain.fingerprint import digest
from flux2flow.generation.flux2 import upsampling
from flux2flow.generation.flux2.upsampling import Answer
from flux2flow.loading import read_prompt_file
from flux2flow.store import read_journal

FILE = "prompts/work.yaml"


def richer(prompt: str) -> str:
    return f"A photograph with long shadows. {prompt}"


@dataclass
class Fake:
    """A language model that answers by a rule and notes what it was asked."""

    answer: Callable[[str], str] = richer
    problem: str = ""
    fails_after: int | None = None
    name: str = "mistral-small-3.2"
    weights_digest: str = "5f" * 32
    asked: list[tuple[str, int, int]] = field(default_factory=list)

    def upsample(self, prompt: str, pictures: Sequence[bytes], seed: int) -> Answer:
        if self.fails_after is not None and len(self.asked) >= self.fails_after:
            raise KeyboardInterrupt
        assert all(data.startswith((b"\x89PNG", b"\xff\xd8", b"RIFF")) for data in pictures)
        self.asked.append((prompt, len(pictures), seed))
        return Answer(self.answer(prompt), 42, self.problem)


@pytest.fixture
def campaign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Write a project whose two rows differ in their backdrop, so that there are two prompts."""
    monkeypatch.setenv("FLUX2FLOW_MODELS", str(tmp_path / "models"))
    assert main(["init", str(tmp_path / "work")]) == 0
    monkeypatch.chdir(tmp_path / "work")
    path = Path("campaign.yaml")
    path.write_text(
        path.read_text().replace("iab/medium-rectangle, web/open-graph, meta/story", "iab/medium-rectangle")
    )
    return "campaign.yaml"


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    """Put a fake behind the door that finds language models."""
    made = Fake()
    monkeypatch.setattr(upsampling, "choose_upsampler", lambda name=None: made)
    return made


def entries() -> list[dict[str, object]]:
    project = api.load("campaign.yaml", prompts=False).project
    return [entry.model_dump() for entry in read_prompt_file(project, FILE)]


def originals() -> list[str]:
    loaded = api.load("campaign.yaml", prompts=False)
    return list(dict.fromkeys(plate.request.prompt for plate in api.plan(loaded).plates))


def test_answers_become_a_file_that_the_campaign_opts_into(
    campaign: str, fake: Fake, capsys: pytest.CaptureFixture[str]
) -> None:
    before = originals()
    assert main(["upsample", campaign, "--seed", "9"]) == 0
    shown = capsys.readouterr().out
    assert "{+A photograph with long shadows.+}" in shown
    assert f"{len(before)} prompts rewritten: {FILE}" in shown
    assert f"To paint them, add to the campaign:  prompts: {FILE}" in shown
    assert [asked[2] for asked in fake.asked] == [9] * len(before)
    assert [entry["text"] for entry in entries()] == [richer(prompt) for prompt in before]
    assert {(entry["model"], entry["weights"], entry["seed"]) for entry in entries()} == {(fake.name, "5f" * 32, 9)}
    assert {plate.request.prompt for plate in api.plan(api.load(campaign)).plates} == set(before)  # nobody opted in
    Path(campaign).write_text(Path(campaign).read_text() + f"prompts: {FILE}\n")
    assert {plate.request.prompt for plate in api.plan(api.load(campaign)).plates} == {richer(p) for p in before}
    assert main(["plan", campaign]) == 0
    assert "2 of 2 plates are painted by upsampled prompts" in capsys.readouterr().out


def test_the_manifest_holds_both_texts(campaign: str, fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["upsample", campaign, "--backend", "procedural"]) == 0
    Path(campaign).write_text(Path(campaign).read_text() + f"prompts: {FILE}\n")
    capsys.readouterr()
    main(["render", campaign, "--backend", "procedural", "--json"])
    plates = json.loads(capsys.readouterr().out)["plates"]
    asked = [prompt for prompt, _, _ in fake.asked]
    assert [(plate["original_prompt"], plate["prompt"]) for plate in plates] == [(p, richer(p)) for p in asked]


def test_the_run_is_journalled(campaign: str, fake: Fake) -> None:
    assert main(["upsample", campaign, "--seed", "9"]) == 0
    (path,) = Path(".flux2flow/journal").iterdir()
    records = read_journal(path).records
    assert [record.kind for record in records] == ["run-start", *["prompt-upsampled"] * len(fake.asked), "run-end"]
    for record, (prompt, _, _) in zip(records[1:-1], fake.asked, strict=True):
        details = dict(record.details)
        assert record.subject == digest(prompt.encode())
        assert details["text"] == digest(richer(prompt).encode())
        assert (details["model"], details["weights"], details["seed"]) == (fake.name, "5f" * 32, 9)


def test_what_has_an_entry_is_not_asked_about_again_unless_wanted(
    campaign: str, fake: Fake, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["upsample", campaign]) == 0
    first = len(fake.asked)
    edited = Path(FILE).read_text().replace("long shadows", "short shadows")
    Path(FILE).write_text(edited)
    capsys.readouterr()
    assert main(["upsample", campaign]) == 0
    assert f"0 prompts rewritten; {first} had an entry" in capsys.readouterr().out
    assert (len(fake.asked), Path(FILE).read_text()) == (first, edited)
    assert len(list(Path(".flux2flow/journal").iterdir())) == 1  # nothing asked leaves no trace
    assert main(["upsample", campaign, "--again"]) == 0
    assert len(fake.asked) == 2 * first
    assert "short shadows" not in Path(FILE).read_text()


def test_an_answer_that_loses_the_brands_facts_is_shown_and_not_used(
    campaign: str, fake: Fake, capsys: pytest.CaptureFixture[str]
) -> None:
    """T17: what stands in a cell may talk a model into anything, and into no plate."""
    fake.answer = lambda prompt: f'{prompt} A sign says "90% OFF".'
    assert main(["upsample", campaign]) == 0
    shown = capsys.readouterr().out
    assert "not used, the original is painted: the words '90% OFF' would be painted" in shown
    assert f"prompts rewritten, {len(fake.asked)} of them not used" in shown
    assert {entry["text"] for entry in entries()} == {None}
    Path(campaign).write_text(Path(campaign).read_text() + f"prompts: {FILE}\n")
    plan = api.plan(api.load(campaign))
    assert [plate.request.prompt for plate in plan.plates] == originals()
    assert {note.code for note in plan.notes} >= {"prompt-kept"}


def test_a_problem_the_model_tells_itself_keeps_the_original(campaign: str, fake: Fake) -> None:
    fake.problem = "the answer did not end within 512 tokens"
    assert main(["upsample", campaign]) == 0
    assert {entry["kept"] for entry in entries()} == {"the answer did not end within 512 tokens"}


def test_no_answer_draws_on_the_terminal(campaign: str, fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    fake.answer = lambda prompt: f"\x1b]0;title\x07 {prompt}"
    assert main(["upsample", campaign]) == 0
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "\\u001b]0;title\\u0007" in shown
    assert {entry["kept"] for entry in entries()} == {"the answer holds control characters"}


def test_stopping_keeps_what_is_done(campaign: str, fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    fake.fails_after = 1
    assert main(["upsample", campaign]) == 130
    assert "the same command continues from here" in capsys.readouterr().err
    assert len(entries()) == 1
    (path,) = Path(".flux2flow/journal").iterdir()
    assert dict(read_journal(path).records[-1].details)["outcome"] == "interrupted"
    fake.fails_after = None
    assert main(["upsample", campaign]) == 0
    assert len(entries()) == len(fake.asked) == 2  # no prompt twice


def test_pictures_go_along_with_the_prompt_that_numbers_them(campaign: str, fake: Fake) -> None:
    folder = Path("templates/banner/product-hero")
    folder.mkdir(parents=True)
    shipped = Path(api.load(campaign).project.library, "templates/banner/product-hero/template.yaml")
    text = shipped.read_text()
    assert "references:" not in text or "stands: true" in text
    folder.joinpath("template.yaml").write_text(text.replace("stands: true", "stands: false").replace(
        "  scene:", "  references: [slots.product]\n  scene:", 1))  # fmt: skip
    assert main(["upsample", campaign]) == 0
    assert all("image 1" in prompt.lower() and pictures == 1 for prompt, pictures, _ in fake.asked)
    assert {len(entry["references"]) for entry in entries()} == {1}  # type: ignore[arg-type]


def test_without_a_language_model_it_says_what_to_import(campaign: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["upsample", campaign]) == 3
    error = capsys.readouterr().err
    assert "flux2flow models import FOLDER" in error
    assert "Mistral-Small-3.2-24B-Instruct-2506" in error
    assert not Path("prompts").exists()


def test_a_broken_prompt_file_is_told_before_anything_is_asked(
    campaign: str, fake: Fake, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("prompts").mkdir()
    Path(FILE).write_text("flux2flow: 1\nprompts:\n  - {original: x}\n")
    assert main(["upsample", campaign]) == 2
    assert f"{FILE}:3:5: 'model' is missing" in capsys.readouterr().err
    assert fake.asked == []


def test_two_at_once_would_lose_answers_so_the_second_is_told_to_wait(campaign: str, fake: Fake) -> None:
    loaded = api.load(campaign, prompts=False)
    first = api.upsample(loaded, api.plan(loaded), fake)
    next(first)
    assert main(["upsample", campaign]) == 74
    assert len(fake.asked) == 1
    list(first)
    assert main(["upsample", campaign]) == 0


def test_an_answer_too_long_for_the_campaigns_model_is_told_at_once(
    campaign: str, fake: Fake, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.answer = lambda prompt: f"{prompt} {'Marvellously calm. ' * 40}"
    assert main(["upsample", campaign]) == 0
    assert capsys.readouterr().out.count("longer than nano reads, which paints the original") == len(fake.asked)
    assert main(["upsample", campaign, "--again", "--backend", "procedural"]) == 0
    assert "longer than" not in capsys.readouterr().out
