"""The text encoders of every size on disk, ours loaded from there, and transformers' whole models beside them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer

from flux2engine.language_model import LanguageModelEncoder, load_text_encoder
from flux2engine.variants import TextEncoderConfig
from flux2engine.weights.checkpoint import Checkpoint, open_checkpoint
from flux2engine.weights.identify import Identified, identify
from tests.engine.checkpoints import sibling, write_text_encoder
from tests.engine.language_model_files import language_model

CPU = torch.device("cpu")
NAMES = ("klein-4b", "klein-9b", "dev")


@dataclass(frozen=True)
class Encoding:
    """Hold one text encoder as files, as ours, and as transformers has it whole."""

    folder: Path  # with text_encoder/ and tokenizer/
    config: TextEncoderConfig
    checkpoint: Checkpoint
    found: Identified
    encoder: LanguageModelEncoder  # fp32
    whole: Any
    tokenizer: Any

    @property
    def tokenizer_file(self) -> Path:
        """Return the path of tokenizer.json."""
        return self.folder / "tokenizer" / "tokenizer.json"


def read_config(folder: Path) -> Any:
    """Return the parsed config.json of a component folder."""
    return json.loads((folder / "config.json").read_text(encoding="utf-8"))


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Compute on one thread, so that sums are added in one order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def make(folder: Path, name: str) -> Encoding:
    """Write and load the text encoder of variant `name`."""
    write_text_encoder(folder, name)
    config = sibling(name).text_encoder
    checkpoint = open_checkpoint(folder / "text_encoder")
    found = identify(checkpoint, read_config(folder / "text_encoder"))
    encoder = load_text_encoder(
        checkpoint, found, folder / "tokenizer" / "tokenizer.json", CPU, torch.float32, config.taps
    )
    tokenizer = AutoTokenizer.from_pretrained(folder / "tokenizer")
    return Encoding(folder, config, checkpoint, found, encoder, language_model(config), tokenizer)


@pytest.fixture(scope="package")
def encodings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Encoding]:
    """Return the text encoders of klein 4B, klein 9B and dev."""
    return {name: make(tmp_path_factory.mktemp(name), name) for name in NAMES}


@pytest.fixture(params=NAMES)
def encoding(request: pytest.FixtureRequest, encodings: dict[str, Encoding]) -> Encoding:
    """Return each text encoder in turn."""
    return encodings[request.param]
