"""Each stage learns within fifty steps, and a run that was stopped goes on exactly as if it had not been."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer
from torch import Tensor

from flux2engine.autoencoder import TinyAutoencoder
from flux2engine.manifest import read_manifest
from flux2engine.pipeline import Flux2Pipeline
from flux2engine.schedule import sampling_times
from flux2engine.training import (
    checkpoint,
    distill_autoencoder,
    flow_matching,
    guidance_distillation,
    loop,
    step_distillation,
    text_pretraining,
)
from flux2engine.training.batches import Batch
from flux2engine.training.distill_autoencoder import Crops
from flux2engine.training.distillation import Loss, Setting, distill
from flux2engine.training.flow_matching import Nano, Phase
from flux2engine.training.guidance_distillation import Guidance
from flux2engine.training.muon import orthogonalise
from flux2engine.training.package import defaults, package
from flux2engine.training.sizes import transformer_config
from flux2engine.training.text_pretraining import CaptionSource, fresh_encoder

TINY = transformer_config("tiny")
PLAN = [Phase("small", 50, size=4)]
Run = Callable[[Path, int | None], list[float]]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def train_flow(cache: Path, tokenizer: Tokenizer, out: Path, stop_after: int | None = None) -> list[float]:
    limits = loop.Limits(stop_after=stop_after)
    return flow_matching.train(Nano(tokenizer, TINY), cache, out, PLAN, rate=3e-3, limits=limits)


@pytest.fixture(scope="session")
def flow(cache: Path, tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fifty steps of the flow: a teacher for what follows it."""
    out = tmp_path_factory.mktemp("flow") / "flow"
    train_flow(cache, tokenizer, out)
    return out


@pytest.fixture
def stages(cache: Path, tokenizer: Tokenizer, flow: Path) -> dict[str, Run]:
    def text(out: Path, stop_after: int | None) -> list[float]:
        encoder = fresh_encoder(tokenizer)
        source = CaptionSource(encoder, [], seed=1, pool=8)
        return text_pretraining.pretrain(encoder, source, out, 50, size=3, stop_after=stop_after)

    def distilled(loss: Loss) -> Run:
        def run(out: Path, stop_after: int | None) -> list[float]:
            rate = 0.0 if out.stem == "still" else 1e-3
            setting = Setting(rate=rate, limits=loop.Limits(stop_after=stop_after))
            return distill((Nano(tokenizer, TINY), Nano(tokenizer, TINY)), flow, cache, out, PLAN, loss, setting)

        return run

    def halved(part: str) -> Run:
        def run(out: Path, stop_after: int | None) -> list[float]:
            torch.manual_seed(0)
            teacher = TinyAutoencoder().eval().requires_grad_(False)  # the one that painted the cache
            limits, plan = loop.Limits(stop_after=stop_after), [Crops(64, 50, 2)]
            start = []
            for other in ("decoder", "encoder") if part == "joint" else ():
                start.append(out.parent / f"{other}-start.pt")
                if not start[-1].exists():
                    distill_autoencoder.distill(other, cache, start[-1], [Crops(64, 2, 2)])
            rate = 0.0 if out.stem == "still" else 1e-3
            return distill_autoencoder.distill(
                part, cache, out, plan, rate, limits=limits, teacher=teacher, start=start
            )

        return run

    return {
        "text": text,
        "flow": lambda out, stop_after: train_flow(cache, tokenizer, out, stop_after),
        "guidance": distilled(guidance_distillation.loss_with(Guidance(words=4.0, references=2.0))),
        "steps": distilled(step_distillation.loss_with(2, 3)),
        "decoder": halved("decoder"),
        "encoder": halved("encoder"),
        "joint": halved("joint"),
    }


@pytest.mark.parametrize("name", ["text", "flow", "guidance", "steps", "decoder", "encoder", "joint"])
def test_fifty_steps_lower_the_loss_and_resume_exactly(name: str, stages: dict[str, Run], tmp_path: Path) -> None:
    """The last steps' loss is clearly below the first ones'; stopping in between changes no weight."""
    straight = stages[name](tmp_path / "straight.pt", None)
    assert len(straight) == 50
    # Where batches differ more than fifty steps learn, it is compared with weights that stood still on the same ones.
    still = name not in ("text", "flow")
    before = stages[name](tmp_path / "still.pt", None)[-10:] if still else straight[:10]
    assert sum(straight[-10:]) < 0.9 * sum(before), straight
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


def test_a_run_out_of_time_stops_with_its_state(cache: Path, tokenizer: Tokenizer, tmp_path: Path) -> None:
    """With no time at all one step is run and kept; the run goes on from it to where an untimed one ends."""
    model = Nano(tokenizer, TINY)
    timed = flow_matching.train(model, cache, tmp_path / "timed", PLAN, rate=3e-3, limits=loop.Limits(seconds=0))
    state = checkpoint.load(tmp_path / "timed")
    assert state is not None
    assert len(timed) == state["step"] == 1
    timed += train_flow(cache, tokenizer, tmp_path / "timed", 5)
    assert timed == train_flow(cache, tokenizer, tmp_path / "untimed", 6)


def test_a_run_goes_on_where_another_ended(cache: Path, tokenizer: Tokenizer, flow: Path, tmp_path: Path) -> None:
    """A new plan starts with the other's weights and memory, so below where that began; and with other words."""
    limits, first = loop.Limits(stop_after=8), train_flow(cache, tokenizer, tmp_path / "fresh", 8)
    model = Nano(tokenizer, TINY)
    following = flow_matching.train(model, cache, tmp_path / "next", PLAN, rate=3e-3, limits=limits, start=flow)
    assert sum(following) < 0.9 * sum(first)
    state = checkpoint.load(tmp_path / "next")
    assert state is not None
    assert (state["step"], state["age"]) == (8, 58)
    encoder = fresh_encoder(tokenizer, seed=1)
    text_pretraining.pretrain(encoder, CaptionSource(encoder, [], seed=1, pool=4), tmp_path / "text.pt", 1, size=2)
    none = [Phase("small", 0)]
    flow_matching.train(model, cache, tmp_path / "worded", none, text=tmp_path / "text.pt", start=flow)
    weight = "model.layers.0.mlp.up_proj.weight"
    assert torch.equal(model.encoder.state_dict()[weight], encoder.state_dict()[weight])


def test_batches_planned_by_others_are_the_same(cache: Path, tokenizer: Tokenizer, tmp_path: Path) -> None:
    """Two planning processes change nothing but the time it takes."""
    alone = train_flow(cache, tokenizer, tmp_path / "alone", 6)
    model, limits = Nano(tokenizer, TINY), loop.Limits(stop_after=6)
    helped = flow_matching.train(model, cache, tmp_path / "helped", PLAN, rate=3e-3, limits=limits, workers=2)
    assert helped == alone


def test_products_in_bf16_train_as_well(cache: Path, tokenizer: Tokenizer, tmp_path: Path) -> None:
    """Multiplying in bf16 gives nearly, and not exactly, the same losses; the weights stay in fp32."""
    exact = train_flow(cache, tokenizer, tmp_path / "exact", 12)
    model, limits = Nano(tokenizer, TINY), loop.Limits(stop_after=12)
    rounded = flow_matching.train(model, cache, tmp_path / "rounded", PLAN, rate=3e-3, limits=limits, bf16=True)
    assert exact != rounded
    assert rounded == pytest.approx(exact, rel=0.02)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_a_new_shard_is_seen_while_training_goes_on(cache: Path, tokenizer: Tokenizer, tmp_path: Path) -> None:
    """A course that looks again draws from what has come; one that does not keeps to what it had."""
    growing = tmp_path / "growing"
    (growing / "small").mkdir(parents=True)
    shutil.copy(cache / "small" / "00000.npz", growing / "small")
    words = Nano(tokenizer, TINY).words
    looking, still = (flow_matching.Course(PLAN, growing, words, 3, refresh=refresh) for refresh in (2, 0))
    assert torch.equal(looking.batch(1).tokens, still.batch(1).tokens)
    shutil.copy(cache / "small" / "00001.npz", growing / "small")
    looking.batch(2), still.batch(2)
    assert looking.source is not None
    assert still.source is not None
    assert (looking.source.count, still.source.count) == (48, 24)
    assert looking.source.latents[8, 8].shape[0] == 48


def test_state_in_parts_is_the_state_in_one_file(flow: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder holds every tensor exactly, no file above its limit; a slim one holds bf16 weights and no optimiser."""
    state = checkpoint.load(flow)
    assert state is not None
    monkeypatch.setattr(checkpoint, "PART_BYTES", 300_000)
    checkpoint.save(tmp_path / "parts", **state)
    checkpoint.save(tmp_path / "parts", **state)  # over what was there
    parts = list((tmp_path / "parts").glob("part-*.pt"))
    largest = max(tensor.nbytes for tensor in state["model"].values())
    assert len(parts) > 10
    assert max(path.stat().st_size for path in parts) < max(300_000, largest) + 50_000
    again = checkpoint.load(tmp_path / "parts")
    assert again is not None
    assert all(torch.equal(again["model"][key], value) for key, value in state["model"].items())
    assert again["optimiser"]["param_groups"] == state["optimiser"]["param_groups"]
    memory = state["optimiser"]["state"]
    assert all(torch.equal(again["optimiser"]["state"][key]["momentum"], memory[key]["momentum"]) for key in (0, 1))
    slim = checkpoint.slim(state)
    assert "optimiser" not in slim
    assert slim["average"]["transformer.img_in.weight"].dtype == torch.bfloat16
    assert slim["mean"].dtype == torch.float32
    (tmp_path / "parts").rename(tmp_path / "parts.old")  # as a run killed between two renames leaves it
    assert checkpoint.load(tmp_path / "parts") is not None


def test_guidance_leads_away_from_the_unasked(cache: Path, tokenizer: Tokenizer, flow: Path) -> None:
    """At scale 1 the target is the teacher's own velocity; beyond it lies on the line through the unasked one."""
    state = checkpoint.load(flow)
    assert state is not None
    teacher = Nano(tokenizer, TINY).eval().requires_grad_(False)
    checkpoint.put_averaged(teacher, state["average"])
    course = flow_matching.Course([Phase("small", 9, 1.0, 4)], cache, teacher.words, 3)
    batch = next(b for step in range(9) if (b := course.batch(step)).reference_tokens is not None)
    generator, times = torch.Generator().manual_seed(0), torch.full((4,), 0.9)
    noisy, _ = flow_matching.add_noise(batch, times, generator)
    asked = teacher.velocity(batch, noisy, times)
    unasked = teacher.velocity(batch, noisy, times, worded=False)
    assert torch.equal(guidance_distillation.guided(teacher, batch, noisy, times, Guidance(1, 1)), asked)
    led = guidance_distillation.guided(teacher, batch, noisy, times, Guidance(2.0, 1))
    assert torch.allclose(led, unasked + 2 * (asked - unasked), atol=1e-5)
    assert not torch.allclose(led, asked, atol=1e-3)
    shown = guidance_distillation.guided(teacher, batch, noisy, times, Guidance(1, 2.0))
    assert not torch.allclose(shown, asked, atol=1e-4)


def test_the_teacher_stands_where_the_sampler_does() -> None:
    """Each row starts at one of the sampler's times and ends at the next; the last ends at the picture."""
    times = step_distillation.step_times(4, 3, tokens=64)
    wanted = sampling_times(4, 64)
    assert times.shape == (4, 4)
    assert times[:, 0].tolist() == pytest.approx(wanted[:-1])
    assert times[:, -1].tolist() == pytest.approx(wanted[1:])
    assert bool((times.diff(dim=1) < 0).all())


def test_a_straight_path_needs_one_step(cache: Path, tokenizer: Tokenizer) -> None:
    """Where the teacher's velocity is the same everywhere, its several steps go where one would."""
    course = flow_matching.Course(PLAN, cache, Nano(tokenizer, TINY).words, 3)
    batch = course.batch(0)

    class Constant(Nano):
        def velocity(self, batch: Batch, noisy: Tensor, times: Tensor, *_: bool, **__: bool) -> Tensor:
            return torch.full_like(noisy, 0.5)

    times = step_distillation.step_times(2, 4, batch.tokens.shape[1])[torch.tensor([0, 1, 0, 1])]
    reached = step_distillation.walk(Constant(tokenizer, TINY), batch, batch.tokens, times)
    expected = batch.tokens + 0.5 * (times[:, -1] - times[:, 0])[:, None, None]
    assert torch.allclose(reached, expected, atol=1e-5)


def test_a_package_says_its_own_size(flow: Path, tokenizer: Tokenizer, cache: Path, tmp_path: Path) -> None:
    """A folder of another size than the shipped one loads and paints; its manifest says how it differs."""
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    for part in ("decoder", "encoder"):
        distill_autoencoder.distill(part, cache, tmp_path / f"{part}.pt", [Crops(64, 1, 1)])
    files = (tmp_path / f"{part}.pt" for part in ("decoder", "encoder"))
    package(tmp_path / "tokenizer.json", flow, *files, tmp_path / "model", "0.0.1", "tiny", defaults(3, 1.0, 64, 64))
    assert read_manifest(tmp_path / "model").transformer["hidden_size"] == 64
    pipeline = Flux2Pipeline.from_folder(tmp_path / "model", device="cpu")
    assert (pipeline.variant.default_steps, pipeline.variant.reference_area_single) == (3, 4096)
    assert pipeline.generate(["a jar"], 64, 96, [1])[0].shape == (96, 64, 3)


def test_digits_and_nibbles_are_single_tokens(tokenizer: Tokenizer) -> None:
    """A value is spelled by seven tokens, upper case or lower; letters inside words are not torn apart."""
    assert tokenizer.encode("#E8d5B5").tokens == ["#", "e", "8", "d", "5", "b", "5"]
    assert tokenizer.encode("image 12").tokens[-2:] == ["1", "2"]
    assert "backdrop" in "".join(tokenizer.encode("a backdrop").tokens[-1:])
    assert tokenizer.decode(tokenizer.encode("größe, 100 % é").ids) == "größe, 100 % é"


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
    """Samples become batches, rounded up; then the share of batches with references, then the size of a batch."""
    assert flow_matching.parse_plan("small:33,large:6:0.35,middle:100:0.5:50") == [
        Phase("small", 2),
        Phase("large", 1, 0.35),
        Phase("middle", 2, 0.5, 50),
    ]


def test_times_lean_towards_the_noise() -> None:
    """About a fifth of the times and more lie above 0.9, where a palette is decided."""
    times = flow_matching.draw_times(torch.Generator().manual_seed(0), 4000, mu=0.9)
    assert bool(((times > 0) & (times < 1)).all())
    assert 0.25 < float((times > 0.9).float().mean()) < 0.35
    plain = torch.sigmoid(torch.randn(4000) + 0.0)
    assert float((plain > 0.9).float().mean()) < 0.05
