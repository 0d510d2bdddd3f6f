"""Items with different references share a batch exactly, and ten references stay under the stated memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from flux2engine import latents, transformer
from flux2engine.pipeline import Flux2Pipeline
from flux2engine.transformer import Flux2Transformer, peak_bytes
from flux2engine.variants import TransformerConfig
from tests.engine.parity import peer
from tests.engine.random_weights import randomise

LIMIT = 1e-5  # of the largest value


def pictures(count: int) -> list[Image.Image]:
    """Return so many pictures of different sizes and shapes."""
    generator = np.random.default_rng(count)
    sizes = [(64 + 16 * (i % 3), 64 + 16 * (i % 4)) for i in range(count)]
    return [Image.fromarray(generator.integers(0, 256, (h, w, 3), dtype=np.uint8)) for w, h in sizes]


REFERENCES = [pictures(count) for count in (0, 1, 3, 10)]
PROMPTS, SEEDS = ["a bottle", "a red can", "fog", "a podium"], [1, 2, 3, 4]


def pipeline(kept: bool) -> Flux2Pipeline:
    """Return a small model that takes ten references, in the standard or in the kept scheme."""
    variant = replace(peer.variant("klein"), cached_references=kept, default_steps=2)
    return Flux2Pipeline(peer.transformer(), peer.autoencoder(), peer.GivenEmbeddings(), variant)


def last_latents(model: Flux2Pipeline, items: list[int]) -> Tensor:
    """Paint some of the four items in one batch."""
    *_, last = model.run([PROMPTS[i] for i in items], 96, 64, [SEEDS[i] for i in items], [REFERENCES[i] for i in items])
    return last.latents


@pytest.mark.parametrize("kept", [False, True], ids=["standard", "kept"])
def test_four_items_are_four_pictures(kept: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Items with 0, 1, 3 and 10 references in one batch are what each is alone; without masks they are not."""
    model = pipeline(kept)
    alone = torch.cat([last_latents(model, [item]) for item in range(4)])
    assert peer.relative_error(last_latents(model, [0, 1, 2, 3]), alone) <= LIMIT
    assert peer.relative_error(last_latents(model, [3, 0, 2, 1]), alone[[3, 0, 2, 1]]) <= LIMIT
    monkeypatch.setattr(transformer, "_attention_mask", lambda mask, others: None)
    unmasked = last_latents(model, [0, 1, 2, 3])
    errors = [peer.relative_error(unmasked[item], alone[item]) for item in range(4)]
    assert min(errors[:3]) > 100 * LIMIT  # padding was seen
    assert errors[3] <= LIMIT  # the longest has none


# --- memory ------------------------------------------------------------------------------------------------------

WIDE = TransformerConfig(
    hidden_size=384,
    heads=3,
    head_dim=128,
    axes_dim=(32, 32, 32, 32),
    double_blocks=1,
    single_blocks=2,
    context_dim=96,
    guidance_embedding=False,
)
MIXED = [(8, 16), (8, 12), (12, 10), (4, 16), (16, 4), (9, 11), (6, 6), (16, 16), (4, 5), (10, 12)]
TOKENS = sum(height * width for height, width in MIXED)
TEXT, GRID = 32, (8, 12)
OWN = TEXT + GRID[0] * GRID[1]
SLICE = 256 * 1024


class LiveBytes(TorchDispatchMode):
    """Count the bytes of all tensors that operations made and nobody has let go, after every operation."""

    def __init__(self, known: list[Tensor]) -> None:
        super().__init__()
        self.known = {tensor.untyped_storage()._cdata for tensor in known}
        self.live: dict[int, tuple[StorageWeakRef, int]] = {}
        self.peak = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor) and tensor.untyped_storage()._cdata not in self.known:
                storage = tensor.untyped_storage()
                self.live[storage._cdata] = StorageWeakRef(storage), storage.nbytes()
        self.live = {key: entry for key, entry in self.live.items() if not entry[0].expired()}
        self.peak = max(self.peak, sum(size for _, size in self.live.values()))
        return result


@pytest.fixture(scope="module")
def wide() -> Flux2Transformer:
    """Return a transformer whose tokens are as wide, against its other parts, as in the real ones."""
    model = Flux2Transformer(WIDE)
    randomise(model, seed=5)
    return model


def inputs(references: bool) -> dict[str, Tensor]:
    """Return one call's arguments, with ten references of mixed sizes or none."""
    generator = torch.Generator().manual_seed(4)
    given = {
        "img": torch.randn(1, GRID[0] * GRID[1], 128, generator=generator),
        "img_ids": latents.image_ids(*GRID)[None],
        "txt": torch.randn(1, TEXT, WIDE.context_dim, generator=generator),
        "txt_ids": latents.text_ids(TEXT)[None],
        "timestep": torch.tensor([0.5]),
    }
    if references:
        given["reference_tokens"] = torch.randn(1, TOKENS, 128, generator=generator)
        given["reference_ids"] = latents.reference_ids(MIXED)[None]
    return given


def peak(model: Flux2Transformer, call: Callable[[], Any], given: dict[str, Tensor]) -> tuple[int, Any]:
    """Return the most bytes that lived at once beside weights and arguments, and what the call gave."""
    with torch.no_grad(), LiveBytes([*model.parameters(), *given.values()]) as counted:
        result = call()
    return counted.peak, result


def test_ten_references_stay_under_the_bound(wide: Flux2Transformer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step with ten references of mixed sizes takes what is stated; with wide states in one piece, twice that."""
    given = inputs(references=True)
    whole_bytes, whole = peak(wide, lambda: wide(**given), given)  # everything fits into one slice of 128 MiB
    monkeypatch.setattr(transformer, "SLICE_BYTES", SLICE)
    sliced_bytes, sliced = peak(wide, lambda: wide(**given), given)
    bound = peak_bytes(WIDE, OWN + TOKENS, element_size=4)
    print(f"{OWN + TOKENS} tokens: whole {whole_bytes:,}, sliced {sliced_bytes:,}, bound {bound:,} bytes")
    assert 0.8 * bound < sliced_bytes <= bound  # the bound is met, and means something
    assert whole_bytes > 1.8 * bound  # the control
    assert peer.relative_error(sliced, whole) <= 1e-6


def test_masks_take_no_more(wide: Flux2Transformer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch with padding stays under the bound for its tokens: no matrix of scores is ever made."""
    monkeypatch.setattr(transformer, "SLICE_BYTES", SLICE)
    given = {name: torch.cat([tensor, tensor]) for name, tensor in inputs(references=True).items()}
    given["reference_mask"] = torch.ones(2, TOKENS, dtype=torch.bool)
    given["reference_mask"][0, 100:] = False
    taken, _ = peak(wide, lambda: wide(**given), given)
    bound = peak_bytes(WIDE, 2 * (OWN + TOKENS), element_size=4)
    assert taken <= bound
    assert bound < taken + 4 * WIDE.heads * (OWN + TOKENS) ** 2  # the control: one matrix of scores would show


def test_kept_references_stay_under_the_bound(wide: Flux2Transformer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pass over the references and a step beside them take what is stated, beside what is kept."""
    given = inputs(references=True)
    tokens, ids = given.pop("reference_tokens"), given.pop("reference_ids")
    arguments = given | {"tokens": tokens, "ids": ids}

    def whole() -> Any:
        return wide.reference_key_values(tokens, ids)

    whole_bytes, _ = peak(wide, whole, arguments)
    monkeypatch.setattr(transformer, "SLICE_BYTES", SLICE)
    pass_bytes, kept = peak(wide, whole, arguments)
    assert kept.nbytes == 2 * 4 * WIDE.hidden_size * 3 * TOKENS
    bound = peak_bytes(WIDE, TOKENS, element_size=4) + kept.nbytes
    print(f"pass: whole {whole_bytes:,}, sliced {pass_bytes:,}, bound {bound:,}, of which kept {kept.nbytes:,} bytes")
    assert pass_bytes <= bound < whole_bytes

    there = {str(at): tensor for at, tensor in enumerate(tree_leaves([kept.double, kept.single]))}
    step_bytes, _ = peak(wide, lambda: wide(**given, key_values=kept), given | there)
    bound = peak_bytes(WIDE, OWN, kept_tokens=TOKENS, element_size=4)
    print(f"step: {step_bytes:,}, bound {bound:,} bytes")
    assert 0.5 * bound < step_bytes <= bound
    assert step_bytes > peak_bytes(WIDE, OWN, element_size=4)  # the control: what is kept does take its part
