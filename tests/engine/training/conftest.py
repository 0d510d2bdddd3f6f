"""A tiny cache, painted and encoded by an untrained teacher, and a tokenizer trained on a few hundred captions."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer

from flux2engine.autoencoder import TinyAutoencoder
from flux2engine.training.buckets import Stage
from flux2engine.training.cache import make_shard
from flux2engine.training.shards import shard_path, write_shard
from flux2engine.training.tokenizer import sample_captions, train_tokenizer

SMALL = Stage(((64, 64),), 24, (64,), 0.6)


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    return train_tokenizer(sample_captions([], 300, seed=1), 2048)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    teacher = TinyAutoencoder().eval().requires_grad_(False)
    folder = tmp_path_factory.mktemp("cache")
    for index in range(2):
        write_shard(shard_path(folder, "small", index), make_shard(teacher, [], SMALL, index, seed=4))
    return folder
