"""What references leave behind is kept by bytes, named by what made it, batched with masks, and reused exactly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from flux2engine.key_values import KeyValueStore, ReferenceKeyValues, batch_key_values, reference_set_key
from flux2engine.pipeline import Flux2Pipeline
from flux2engine.transformer import Flux2Transformer
from tests.engine.parity import peer
from tests.engine.random_weights import randomise

HEADS, HEAD_DIM = 2, 4


def made_of(value: float, tokens: int = 3, blocks: int = 2) -> ReferenceKeyValues:
    """Return a set full of one number."""
    pair = torch.full((1, HEADS, tokens, HEAD_DIM), value), torch.full((1, HEADS, tokens, HEAD_DIM), -value)
    return ReferenceKeyValues((pair,) * blocks, (pair,))


def test_sizes() -> None:
    """Tokens and bytes are counted over all blocks, keys and values."""
    kept = made_of(1.0, tokens=5)
    assert (kept.tokens, kept.nbytes) == (5, 3 * 2 * HEADS * 5 * HEAD_DIM * 4)


def test_moving() -> None:
    """A set moves whole, and is itself where it is already there."""
    kept = made_of(1.0)
    assert kept.to(torch.device("cpu")) is kept
    moved = kept.to(torch.device("meta"))
    assert {tensor.device.type for pair in (*moved.double, *moved.single) for tensor in pair} == {"meta"}
    assert moved.nbytes == kept.nbytes


# --- the store ---------------------------------------------------------------------------------------------------


def test_the_one_not_asked_for_longest_goes_first() -> None:
    """Two fit; the third displaces the one that was not asked for since."""
    one, two, three = (made_of(value) for value in (1.0, 2.0, 3.0))
    store = KeyValueStore(2 * one.nbytes)
    store.put("one", one)
    store.put("two", two)
    assert store.get("one") is one
    store.put("three", three)
    assert (store.get("one"), store.get("two"), store.get("three")) == (one, None, three)
    assert store.nbytes == 2 * one.nbytes


def test_putting_again_replaces() -> None:
    """A key holds its latest set and is counted once."""
    store = KeyValueStore(10**6)
    store.put("key", made_of(1.0))
    again = made_of(2.0)
    store.put("key", again)
    assert store.get("key") is again
    assert store.nbytes == again.nbytes


def test_too_large_for_the_store() -> None:
    """A set above the limit is not kept and displaces nothing; one of exactly the limit is."""
    small, large = made_of(1.0), made_of(2.0, tokens=9)
    store = KeyValueStore(small.nbytes)
    store.put("small", small)
    store.put("large", large)
    assert store.get("large") is None
    assert store.get("small") is small
    store.clear()
    assert (store.get("small"), store.nbytes) == (None, 0)


def test_a_store_on_another_device() -> None:
    """What is put is moved to the store's device."""
    store = KeyValueStore(10**6, torch.device("meta"))
    store.put("key", made_of(1.0))
    kept = store.get("key")
    assert kept is not None
    assert kept.single[0][0].device.type == "meta"


# --- the key -----------------------------------------------------------------------------------------------------


def test_the_key_names_everything() -> None:
    """Pictures, their order, their borders, weights and dtype each give another key; threads do not enter."""
    base = reference_set_key([b"ab", b"c"], "weights", torch.float32)
    assert base == reference_set_key([b"ab", b"c"], "weights", torch.float32)
    others = [
        reference_set_key([b"c", b"ab"], "weights", torch.float32),
        reference_set_key([b"a", b"bc"], "weights", torch.float32),
        reference_set_key([b"abc"], "weights", torch.float32),
        reference_set_key([b"ab", b"c", b""], "weights", torch.float32),
        reference_set_key([b"ab", b"c"], "other", torch.float32),
        reference_set_key([b"ab", b"c"], "weights", torch.bfloat16),
    ]
    assert len({base, *others}) == 7


# --- batches -----------------------------------------------------------------------------------------------------


def test_batches_are_padded_and_masked() -> None:
    """Items of three, no and one token share a batch; what is real is marked and stands first."""
    joined, mask = batch_key_values([made_of(1.0, 3), None, made_of(2.0, 1)])
    assert joined is not None
    assert mask is not None
    assert mask.tolist() == [[True] * 3, [False] * 3, [True, False, False]]
    key, value = joined.double[0]
    assert key.shape == (3, HEADS, 3, HEAD_DIM)
    assert key[:, 0, :, 0].tolist() == [[1, 1, 1], [0, 0, 0], [2, 0, 0]]
    assert value[2, 1, :, 3].tolist() == [-2, 0, 0]


def test_equal_lengths_need_no_mask() -> None:
    """Nothing is masked where nothing is padded, and nothing given gives nothing."""
    _, mask = batch_key_values([made_of(1.0), made_of(2.0)])
    assert mask is None
    assert batch_key_values([None, None]) == (None, None)


def test_a_shared_set_is_not_copied() -> None:
    """A batch that shares one set looks at its memory."""
    kept = made_of(1.0)
    joined, mask = batch_key_values([kept] * 4)
    assert joined is kept
    assert mask is None
    assert batch_key_values([kept, made_of(1.0)])[0] is not kept  # the control: equal is not the same


# --- reuse -------------------------------------------------------------------------------------------------------


def picture(seed: int, width: int = 80, height: int = 64) -> Image.Image:
    """Return a picture of random pixels."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


REFERENCES = [picture(1), picture(2, 64, 96)]


def kv_pipeline(
    digest: str = "weights", store: KeyValueStore | None = None, transformer: Flux2Transformer | None = None
) -> Flux2Pipeline:
    """Return the small sibling of klein 9B-KV."""
    variant = replace(peer.variant("klein"), name="klein-9b-kv", cached_references=True)
    model = transformer or peer.transformer()
    return Flux2Pipeline(model, peer.autoencoder(), peer.GivenEmbeddings(), variant, digest, key_values=store)


def paint(pipeline: Flux2Pipeline, references: list[Image.Image], **changes: Any) -> torch.Tensor:
    """Return the last latents of one picture."""
    request: dict[str, Any] = {"prompts": ["a bottle"], "width": 96, "height": 64, "seeds": [3]}
    *_, last = pipeline.run(**(request | changes), references=[references])
    return last.latents


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the tokens of every pass over references."""
    counted: list[int] = []
    original: Callable[..., ReferenceKeyValues] = Flux2Transformer.reference_key_values

    def counting(self: Flux2Transformer, tokens: torch.Tensor, ids: torch.Tensor) -> ReferenceKeyValues:
        counted.append(tokens.shape[1])
        return original(self, tokens, ids)

    monkeypatch.setattr(Flux2Transformer, "reference_key_values", counting)
    return counted


def test_one_pass_serves_a_campaign(passes: list[int]) -> None:
    """Two prompts, two seeds and two sizes need one pass over the references, and equal recomputation bit for bit."""
    shared = kv_pipeline()
    requests: list[dict[str, Any]] = [
        {},
        {"prompts": ["a red can"]},
        {"seeds": [4]},
        {"width": 64, "height": 128},
        {"steps": 4, "prompts": ["fog"], "seeds": [9], "width": 128},
    ]
    reused = [paint(shared, REFERENCES, **request) for request in requests]
    assert passes == [44]
    for latents, request in zip(reused, requests, strict=True):
        assert torch.equal(latents, paint(kv_pipeline(), REFERENCES, **request)), request
    assert len(passes) == 1 + len(requests)  # the control: a fresh pipeline keeps nothing of another's


def test_a_batch_that_shares_its_references(passes: list[int]) -> None:
    """Items of one batch share one pass; another shape of batch agrees within 1e-5 of the largest value."""
    pipeline = kv_pipeline()
    *_, last = pipeline.run(["a bottle", "a can"], 96, 64, [3, 4], references=[REFERENCES, REFERENCES])
    alone = [paint(pipeline, REFERENCES), paint(pipeline, REFERENCES, prompts=["a can"], seeds=[4])]
    assert passes == [44]
    assert peer.relative_error(last.latents, torch.cat(alone)) <= 1e-5


def test_one_set_serves_every_item() -> None:
    """A set of one item, given to a batch, is what the same set repeated for every item is."""
    given = peer.transformer_inputs(references=1)
    model = peer.transformer()
    kept = model.reference_key_values(given.reference_tokens, given.reference_ids)
    repeated, _ = batch_key_values([kept, replace(kept)])
    assert repeated is not None
    assert repeated.double[0][0].shape[0] == 2
    two = replace(peer.transformer_inputs(batch=2), reference_tokens=None, reference_ids=None)
    assert torch.equal(model(**two.__dict__, key_values=kept), model(**two.__dict__, key_values=repeated))


def test_another_set_is_another_set(passes: list[int]) -> None:
    """Another order and one changed pixel are computed anew and paint something else; the first is still kept."""
    pipeline = kv_pipeline()
    first = paint(pipeline, REFERENCES)
    touched = REFERENCES[0].copy()
    touched.putpixel((40, 32), tuple(255 - value for value in touched.getpixel((40, 32))))
    for other in (REFERENCES[::-1], [touched, REFERENCES[1]], REFERENCES[:1]):
        assert not torch.equal(paint(pipeline, other), first)
    assert len(passes) == 4
    assert torch.equal(paint(pipeline, REFERENCES), first)
    assert len(passes) == 4


def test_other_weights_have_their_own(passes: list[int]) -> None:
    """Two models may share a store: the digest of the weights keeps them apart."""
    other = Flux2Transformer(peer.transformer().config)
    randomise(other, seed=77)
    store = KeyValueStore(10**9)
    paint(kv_pipeline("first", store), REFERENCES)
    second = paint(kv_pipeline("second", store, other), REFERENCES)
    assert torch.equal(second, paint(kv_pipeline("second", None, other), REFERENCES))
    # The control: under the first one's digest the second model would attend to what the first one left.
    assert not torch.equal(paint(kv_pipeline("first", store, other), REFERENCES), second)


def test_a_small_store_only_costs_time(passes: list[int]) -> None:
    """Where nothing can be kept, every call computes, and the picture is the same."""
    pipeline = kv_pipeline(store=KeyValueStore(0))
    assert torch.equal(paint(pipeline, REFERENCES), paint(kv_pipeline(), REFERENCES))
    paint(pipeline, REFERENCES)
    assert len(passes) == 3


def test_no_references_no_pass(passes: list[int]) -> None:
    """Without references such a model paints as any other."""
    plain = Flux2Pipeline(peer.transformer(), peer.autoencoder(), peer.GivenEmbeddings(), peer.variant("klein"))
    assert torch.equal(paint(kv_pipeline(), []), paint(plain, []))
    assert passes == []


def test_the_order_of_size_is_the_published_one() -> None:
    """Klein 9B keeps half a MiB a token in bf16: 2 GiB for a reference of a megapixel."""
    from flux2engine.variants import VARIANTS

    config = VARIANTS["klein-9b-kv"].transformer
    with torch.device("meta"):
        model = Flux2Transformer(config).bfloat16()
        kept = model.reference_key_values(
            torch.empty(1, 4096, 128, dtype=torch.bfloat16), torch.zeros(1, 4096, 4, dtype=torch.int64)
        )
    assert kept.nbytes == 2 * 1024**3
    assert (len(kept.double), len(kept.single)) == (8, 24)


def test_tokens_or_kept_not_both() -> None:
    """A call with references in both forms is refused."""
    given = peer.transformer_inputs(references=1)
    model = peer.transformer()
    kept = model.reference_key_values(given.reference_tokens, given.reference_ids)
    with pytest.raises(ValueError, match="not as both"):
        model(**given.__dict__, key_values=kept)


def test_embedded_guidance_is_not_guessed() -> None:
    """A model that embeds guidance has no scheme for kept references, and says what it misses."""
    given = peer.transformer_inputs(references=1)
    with pytest.raises(ValueError, match="embeds guidance"):
        peer.transformer(True).reference_key_values(given.reference_tokens, given.reference_ids)
