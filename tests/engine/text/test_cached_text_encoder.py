"""Cached states are the encoder's own, bit for bit, and whatever is cached wakes no encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from flux2engine import chat_templates
from flux2engine.language_model import CachedTextEncoder, EncoderIdentity
from flux2engine.tensor_cache import TensorCache
from flux2engine.text_encoder import TextEmbeddings, TextEncoder
from tests.engine.text.conftest import CPU, Encoding

IDENTITY = EncoderIdentity("digest", (9, 18, 27), 512, torch.float32, CPU)
LONG = "studio light, " * 300


class Sleeping:
    """Count how often the encoder is woken, and note what it is asked."""

    def __init__(self, encoder: TextEncoder) -> None:
        self.encoder = encoder
        self.woken = 0
        self.asked: list[list[str]] = []

    def load(self) -> TextEncoder:
        """Wake it."""
        self.woken += 1
        return self

    def encode(self, prompts: Sequence[str]) -> TextEmbeddings:
        """Note the prompts and encode them."""
        self.asked.append(list(prompts))
        return self.encoder.encode(prompts)


@pytest.mark.parametrize(("kept", "dtype"), [("disk", torch.bfloat16), ("memory", torch.float32)])
def test_the_second_run_loads_nothing(encoding: Encoding, tmp_path: Path, kept: str, dtype: torch.dtype) -> None:
    """Misses are encoded once in one call, hits come back with the same bits, counts and cuts, in the order asked."""
    folder = tmp_path if kept == "disk" else None
    cache = TensorCache(folder, 64 * 2**20)
    sleeping = Sleeping(_In(encoding.encoder, dtype))
    identity = replace(IDENTITY, taps=encoding.config.taps, dtype=dtype)
    first = CachedTextEncoder(sleeping.load, cache, identity).encode(["a", LONG, "a", ""])
    assert (sleeping.woken, sleeping.asked) == (1, [["a", LONG, ""]])
    expected = sleeping.encoder.encode(["a", LONG, "a", ""])
    cache = TensorCache(folder, 64 * 2**20) if kept == "disk" else cache  # another process
    second = CachedTextEncoder(sleeping.load, cache, identity).encode(["a", LONG, "a", ""])
    assert sleeping.woken == 1
    for embeddings in (first, second):
        assert embeddings.states.dtype == dtype
        assert torch.equal(embeddings.states, expected.states)
        assert embeddings.token_counts == expected.token_counts
        assert embeddings.truncated == expected.truncated == (False, True, False, False)
    turned = CachedTextEncoder(sleeping.load, cache, identity).encode([LONG, "b", ""])
    assert sleeping.asked[1:] == [["b"]]
    assert torch.equal(turned.states[0], expected.states[1])
    assert torch.equal(turned.states[2], expected.states[3])


def test_a_damaged_entry_is_encoded_again(encodings: dict[str, Encoding], tmp_path: Path) -> None:
    """A byte flipped on disk costs one encoding and never a wrong state."""
    sleeping = Sleeping(encodings["klein-4b"].encoder)
    cached = CachedTextEncoder(sleeping.load, TensorCache(tmp_path, 64 * 2**20), IDENTITY)
    expected = cached.encode(["a"]).states
    [path] = tmp_path.rglob("*.tensors")
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)
    assert torch.equal(cached.encode(["a"]).states, expected)
    assert sleeping.woken == 2
    cached.encode(["a"])
    assert sleeping.woken == 2


def test_everything_that_decides_a_state_is_in_its_key() -> None:
    """Change any one part, and the key is another; the parts cannot flow into each other."""
    keys = [
        IDENTITY.key("a"),
        IDENTITY.key("b"),
        IDENTITY.key("a "),
        IDENTITY.key("\ud83c"),  # half a surrogate pair
        replace(IDENTITY, digest="other").key("a"),
        replace(IDENTITY, digest="").key("digesta"),
        replace(IDENTITY, taps=(9, 18, 26)).key("a"),
        replace(IDENTITY, tokens=256).key("a"),
        replace(IDENTITY, dtype=torch.bfloat16).key("a"),
        replace(IDENTITY, device=torch.device("cuda")).key("a"),
        replace(IDENTITY, template="chat-0").key("a"),
    ]
    assert len(set(keys)) == len(keys)
    assert IDENTITY.template.endswith(str(chat_templates.TEMPLATE_VERSION))
    assert replace(IDENTITY).key("a") == IDENTITY.key("a")
    # Two devices of a kind compute alike.
    assert replace(IDENTITY, device=torch.device("cuda", 1)).key("a") == replace(
        IDENTITY, device=torch.device("cuda", 0)
    ).key("a")


def test_no_prompts_is_a_mistake(encodings: dict[str, Encoding]) -> None:
    """Neither encoder makes up an answer to nothing."""
    encoder = encodings["klein-4b"].encoder
    with pytest.raises(ValueError, match="no prompts"):
        encoder.encode([])
    with pytest.raises(ValueError, match="no prompts"):
        CachedTextEncoder(lambda: encoder, TensorCache(None, 0), IDENTITY).encode([])


class _In:
    """Give an encoder's states in another dtype."""

    def __init__(self, encoder: TextEncoder, dtype: torch.dtype) -> None:
        self._encoder, self._dtype = encoder, dtype

    def encode(self, prompts: Sequence[str]) -> TextEmbeddings:
        """Encode and cast."""
        embeddings = self._encoder.encode(prompts)
        return replace(embeddings, states=embeddings.states.to(self._dtype))
