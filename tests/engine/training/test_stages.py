"""Each stage learns within fifty steps, and a run that was stopped goes on exactly as if it had not been."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer

from flux2engine.autoencoder import TinyAutoencoder
from flux2engine.training import checkpoint, distill_autoencoder, flow_matching, text_pretraining
from flux2engine.training.cache import read_scenes, shard_path
from flux2engine.training.flow_matching import LatentSource, Nano, Phase
from flux2engine.training.muon import orthogonalise
from flux2engine.training.text_pretraining import CaptionSource, fresh_encoder
from flux2engine.variants import TransformerConfig

TINY = TransformerConfig(
    hidden_size=64,
    heads=2,
    head_dim=32,
    axes_dim=(8, 8, 8, 8),
    double_blocks=1,
    single_blocks=1,
    context_dim=384,
    guidance_embedding=False,
)
Stage = Callable[[Path, int | None], list[float]]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def stages(cache: Path, tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> dict[str, Stage]:
    monkeypatch.setattr(flow_matching, "BATCH_SIZE", {"small": 4})
    monkeypatch.setattr(distill_autoencoder, "BATCH_SIZE", {64: 2})

    def text(out: Path, stop_after: int | None) -> list[float]:
        encoder = fresh_encoder(tokenizer)
        source = CaptionSource(encoder, [], seed=1, pool=8)
        return text_pretraining.pretrain(encoder, source, out, 50, size=3, stop_after=stop_after)

    def flow(out: Path, stop_after: int | None) -> list[float]:
        return flow_matching.train(
            Nano(tokenizer, TINY), cache, out, [Phase("small", 50)], rate=3e-3, stop_after=stop_after
        )

    def decoder(out: Path, stop_after: int | None) -> list[float]:
        torch.manual_seed(0)
        teacher = TinyAutoencoder().eval().requires_grad_(False)  # the one that painted the cache
        return distill_autoencoder.distill("decoder", cache, out, [(64, 50)], stop_after=stop_after, teacher=teacher)

    def encoder(out: Path, stop_after: int | None) -> list[float]:
        return distill_autoencoder.distill("encoder", cache, out, [(64, 50)], stop_after=stop_after)

    return {"text": text, "flow": flow, "decoder": decoder, "encoder": encoder}


@pytest.mark.parametrize("name", ["text", "flow", "decoder", "encoder"])
def test_fifty_steps_lower_the_loss_and_resume_exactly(name: str, stages: dict[str, Stage], tmp_path: Path) -> None:
    """The last steps' loss is clearly below the first ones'; stopping in between changes no weight."""
    straight = stages[name](tmp_path / "straight.pt", None)
    assert len(straight) == 50
    assert sum(straight[-10:]) < 0.9 * sum(straight[:10]), straight
    halves = stages[name](tmp_path / "halves.pt", 20)
    shutil.copy(tmp_path / "halves.pt", tmp_path / "forgetful.pt")
    halves += stages[name](tmp_path / "halves.pt", None)
    assert halves == straight
    first, second = (checkpoint.load(tmp_path / f"{which}.pt") for which in ("straight", "halves"))
    assert first is not None
    assert second is not None
    assert first["step"] == second["step"] == 50
    assert all(torch.equal(first["model"][key], second["model"][key]) for key in first["model"])
    # The control: a run resumed without its optimiser's memory goes elsewhere.
    state = checkpoint.load(tmp_path / "forgetful.pt")
    assert state is not None
    state["optimiser"]["state"] = {}
    checkpoint.save(tmp_path / "forgetful.pt", **state)
    assert stages[name](tmp_path / "forgetful.pt", 3) != straight[20:23]


def test_digits_and_nibbles_are_single_tokens(tokenizer: Tokenizer) -> None:
    """A value is spelled by seven tokens, upper case or lower; letters inside words are not torn apart."""
    assert tokenizer.encode("#E8d5B5").tokens == ["#", "e", "8", "d", "5", "b", "5"]
    assert tokenizer.encode("image 12").tokens[-2:] == ["1", "2"]
    assert "backdrop" in "".join(tokenizer.encode("a backdrop").tokens[-1:])
    assert tokenizer.decode(tokenizer.encode("größe, 100 % é").ids) == "größe, 100 % é"


def test_the_cache_reads_back_what_was_encoded(cache: Path) -> None:
    """Latents, references and scenes agree in number and size; a scene with two products has two references."""
    scenes, arrays, references = read_scenes(shard_path(cache, "small", 0))
    assert len(scenes) == len(references) == arrays["latents"].shape[0] == 24
    assert arrays["latents"].shape[1:] == (32, 8, 8)
    for scene, row in zip(scenes, references, strict=True):
        assert len(row) == (scene.main is not None) + (scene.extra is not None)
        assert all(part.shape == (32, 8, 8) for part in row)


def test_packed_latents_are_normalised(cache: Path) -> None:
    """With its own statistics the cache has mean 0 and variance 1; raw latents do not."""
    source = LatentSource(cache, "small", None, seed=1)
    raw = torch.stack([sample.latents for group in source.groups.values() for sample in group])
    tokens = source.packed(raw)
    assert tokens.mean((0, 1)).abs().max() < 1e-3
    assert (tokens.var((0, 1)) - 1).abs().max() < 0.15
    assert raw.float().var() < 0.5


def test_muon_orthogonalises() -> None:
    """Singular values come near 1, tall or wide; the matrix itself has them spread."""
    torch.manual_seed(0)
    for shape in ((24, 64), (64, 24)):
        matrix = torch.randn(shape) @ torch.diag(torch.logspace(0, -1.5, shape[1]))
        before = torch.linalg.svdvals(matrix)
        after = torch.linalg.svdvals(orthogonalise(matrix))
        assert before.max() / before.min() > 5
        assert after.min() > 0.4
        assert after.max() < 1.4


def test_softened_latents_are_smoother_and_keep_their_mean() -> None:
    """Softening lowers the variance within a picture and leaves its mean where it was; jitter does the reverse."""
    latents = torch.randn(6, 32, 16, 16, generator=torch.Generator().manual_seed(0))
    softer = distill_autoencoder.soften(latents, torch.Generator().manual_seed(1))
    assert bool((softer.var((2, 3)) < latents.var((2, 3))).all())
    assert (softer.mean((2, 3)) - latents.mean((2, 3))).abs().max() < 0.1
    rougher = distill_autoencoder.jitter(softer, torch.Generator().manual_seed(1))
    assert rougher.diff(dim=-1).abs().mean() > softer.diff(dim=-1).abs().mean()


def test_a_plan_is_phases_of_whole_batches() -> None:
    """Samples become batches, rounded up; a third number is the share of batches with references."""
    assert flow_matching.parse_plan("small:33,large:6:0.35") == [Phase("small", 2), Phase("large", 1, 0.35)]


def test_times_lean_towards_the_noise() -> None:
    """About a fifth of the times and more lie above 0.9, where a palette is decided."""
    times = flow_matching.draw_times(torch.Generator().manual_seed(0), 4000, mu=0.9)
    assert bool(((times > 0) & (times < 1)).all())
    assert 0.25 < float((times > 0.9).float().mean()) < 0.35
    plain = torch.sigmoid(torch.randn(4000) + 0.0)
    assert float((plain > 0.9).float().mean()) < 0.05
