"""The door to prompt upsampling: a small real Mistral-3, imported as a user imports it, answers through it."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

from flux2flow import api
from flux2flow.cli import main
from flux2flow.errors import GateError, GenerationError
from flux2flow.generation.flux2 import library
from flux2flow.generation.flux2.upsampling import LibraryUpsampler, choose_upsampler
from flux2flow.loading import read_prompt_file
from tests.engine.checkpoints import write_text_encoder, write_text_encoder_file

PROMPT = "Image 1 is the product, a lamp. A lamp on a table, backdrop in warm sand (#e8d5b5)."


@pytest.fixture(scope="module")
def mistral(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the small sibling of Mistral-Small with its tokenizer, vision tower and head."""
    return write_text_encoder(tmp_path_factory.mktemp("mistral"), "dev")


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep records in a folder of the test's own."""
    monkeypatch.setenv(library.FOLDER_VARIABLE, str(tmp_path / "models"))


def add(folder: Path, name: str) -> None:
    library.import_path(folder / "text_encoder", name=name, tokenizer=folder / "tokenizer")


def picture() -> bytes:
    stream = io.BytesIO()
    Image.new("RGBA", (96, 64), (200, 40, 40, 128)).save(stream, "PNG")
    return stream.getvalue()


def test_a_real_model_is_asked_with_pictures(mistral: Path) -> None:
    """Random weights never come to an end: the door says so, and gives the prompt itself."""
    add(mistral, "small")
    model = choose_upsampler()
    assert isinstance(model, LibraryUpsampler)
    assert model._loaded is None  # finding it loads nothing
    model._model().max_new_tokens = 8
    answer = model.upsample(PROMPT, [picture(), picture()], 1)
    assert (answer.text, answer.tokens) == (PROMPT, 8)
    assert answer.problem == "the answer did not end within 8 tokens"
    with pytest.raises(GateError):
        model.upsample(PROMPT, [b"no picture"], 1)  # pictures pass the gate on their way
    with pytest.raises(GenerationError, match=r"small: the prompt takes \d+ tokens"):
        model.upsample("word " * 5000, [], 1)


def test_the_command_asks_the_imported_model(
    mistral: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From `models import` to the prompt file, with nothing in between replaced."""
    add(mistral, "small")
    assert main(["init", str(tmp_path / "work")]) == 0
    monkeypatch.chdir(tmp_path / "work")
    part = ("--only", "format=iab/medium-rectangle,locale=en,row=dew-serum", "--backend", "procedural")
    capsys.readouterr()
    assert main(["upsample", "campaign.yaml", "--seed", "3", *part]) == 0
    assert "1 prompts rewritten" in capsys.readouterr().out
    (entry,) = read_prompt_file(api.load("campaign.yaml").project, "prompts/work.yaml")
    assert (entry.model, entry.seed, entry.weights) == ("small", 3, choose_upsampler().weights_digest)
    assert (entry.text is None) == bool(entry.kept)


def test_there_must_be_one_and_it_must_be_meant(mistral: Path, tmp_path: Path) -> None:
    with pytest.raises(GenerationError, match="no language model that can rewrite prompts is imported"):
        choose_upsampler()
    qwen = write_text_encoder(tmp_path / "qwen", "klein-4b")
    add(qwen, "qwen")
    with pytest.raises(GenerationError, match="no language model that can rewrite prompts is imported"):
        choose_upsampler("qwen")  # it encodes, and cannot be asked
    add(mistral, "one")
    assert choose_upsampler().name == "one"
    with pytest.raises(GenerationError, match=r"no language model 'two' .* there are one"):
        choose_upsampler("two")
    add(write_text_encoder(tmp_path / "two", "dev", dtype=torch.bfloat16), "two")
    with pytest.raises(GenerationError, match="choose with --with, one of one, two"):
        choose_upsampler()
    assert choose_upsampler("two").name == "two"


def test_a_model_that_was_cut_down_to_painting_is_refused_with_what_it_lacks(mistral: Path, tmp_path: Path) -> None:
    cut = write_text_encoder_file(tmp_path / "cut", "dev", layers=30)
    shutil.copyfile(mistral / "text_encoder" / "config.json", cut.parent / "config.json")
    library.import_path(cut, name="cut", tokenizer=mistral / "tokenizer")
    with pytest.raises(GenerationError, match="cut: this text encoder was cut down, it has no vision tower"):
        choose_upsampler("cut").upsample(PROMPT, [], 1)


def test_a_file_that_changed_since_is_not_read(mistral: Path, tmp_path: Path) -> None:
    shutil.copytree(mistral, tmp_path / "own")
    add(tmp_path / "own", "own")
    (tmp_path / "own" / "text_encoder" / "model.safetensors").write_bytes(b"other")
    with pytest.raises(GenerationError, match=r"own is not as it was imported .*model\.safetensors"):
        choose_upsampler("own").upsample(PROMPT, [], 1)
