"""The pipeline paints from a folder, deterministically, and refuses what does not fit before it computes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from flux2engine.errors import EngineError, ManifestError, ReferencePictureError, RequestError, SizeError, WeightsError
from flux2engine.pipeline import Flux2Pipeline, State
from flux2engine.variants import VARIANTS


def noise_picture(seed: int, width: int = 96, height: int = 64) -> Image.Image:
    """Return a picture of random pixels."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def paint(pipeline: Flux2Pipeline, **changes: Any) -> np.ndarray[Any, Any]:
    """Paint one small picture."""
    request = {"prompts": ["a red bottle"], "width": 96, "height": 64, "seeds": [3]}
    return pipeline.generate(**(request | changes))[0]


def test_one_state_per_step_and_pixels_at_the_end(pipeline: Flux2Pipeline) -> None:
    """The model's own number of steps is walked, and only the last state has pictures, as tall as asked."""
    states = list(pipeline.run(["a red bottle", "a can"], 96, 64, [1, 2]))
    assert [(state.step, state.of) for state in states] == [(1, 3), (2, 3), (3, 3)]
    assert [state.pixels is None for state in states] == [True, True, False]
    assert states[-1].truncated == (False, False)
    pictures = states[-1].pixels or ()
    assert [(picture.shape, picture.dtype) for picture in pictures] == [((64, 96, 3), np.uint8)] * 2
    assert len(np.unique(pictures[0])) > 10


def test_five_runs_give_the_same_bytes(pipeline: Flux2Pipeline, model_folder: Path) -> None:
    """The same request gives the same bytes, from a model loaded again too; every part of the request matters."""
    request: dict[str, Any] = {"references": [[noise_picture(1)]], "steps": 2}
    first = paint(pipeline, **request)
    assert all(np.array_equal(paint(pipeline, **request), first) for _ in range(4))
    assert np.array_equal(paint(Flux2Pipeline.from_folder(model_folder, "cpu"), **request), first)
    others: list[dict[str, Any]] = [
        {"seeds": [4]},
        {"prompts": ["a podium"]},
        {"steps": 3},
        {"guidance": 3.0},
        {"references": [[noise_picture(2)]]},
        {"references": None},
    ]
    for other in others:
        assert not np.array_equal(paint(pipeline, **(request | other)), first), other


def test_an_item_does_not_depend_on_its_batch(pipeline: Flux2Pipeline) -> None:
    """Items with no, one and two references in one batch are what each is alone, to the last place but one."""
    prompts, seeds = ["a red bottle", "a podium", "studio light"], [1, 2, 3]
    references = [[], [noise_picture(1)], [noise_picture(2, 64, 64), noise_picture(3, 128, 80)]]
    together = pipeline.generate(prompts, 96, 64, seeds, references)
    for index in range(3):
        alone = pipeline.generate([prompts[index]], 96, 64, [seeds[index]], [references[index]])[0]
        assert np.abs(together[index].astype(int) - alone).max() <= 1
    swapped = pipeline.generate(prompts, 96, 64, seeds, references[::-1])
    assert np.abs(together[0].astype(int) - swapped[0]).max() > 1


def test_editing_is_a_first_reference(pipeline: Flux2Pipeline) -> None:
    """A base is the first reference, before the others; their order matters."""
    base, other = noise_picture(1), noise_picture(2)
    edited = paint(pipeline, bases=[base], references=[[other]])
    assert np.array_equal(edited, paint(pipeline, references=[[base, other]]))
    assert not np.array_equal(edited, paint(pipeline, references=[[other, base]]))
    assert np.array_equal(paint(pipeline, bases=[None]), paint(pipeline))


def test_long_prompts_are_said(pipeline: Flux2Pipeline) -> None:
    """A prompt that was cut shows in every state."""
    states: list[State] = list(pipeline.run(["zebra " * 30, "a can"], 64, 64, [1, 2], steps=1))
    assert states[0].truncated == (True, False)


def test_negative_prompts(pipeline: Flux2Pipeline) -> None:
    """A negative prompt paints something else, the empty one is the default, and items have their own."""
    plain = paint(pipeline)
    away = paint(pipeline, negative_prompts=["grey fog"])
    assert not np.array_equal(away, plain)
    for empty in ([None], [""]):
        assert np.array_equal(paint(pipeline, negative_prompts=empty), plain)
    both = pipeline.generate(["a red bottle"] * 2, 96, 64, [3, 3], negative_prompts=["grey fog", None])
    assert np.abs(both[0].astype(int) - away).max() <= 1
    assert np.abs(both[1].astype(int) - plain).max() <= 1


@pytest.mark.parametrize("kind", ["none", "embedded"])
def test_negative_prompts_need_a_second_pass(pipeline: Flux2Pipeline, kind: Any) -> None:
    """Models without classifier-free guidance refuse them before anything is computed."""
    variant = replace(pipeline.variant, guidance_kind=kind)
    other = Flux2Pipeline(pipeline.transformer, pipeline.autoencoder, pipeline.text_encoder, variant)
    with pytest.raises(RequestError, match="takes no negative prompt"):
        other.run(["a can"], 96, 64, [1], negative_prompts=["fog"])


def test_equal_pictures_are_encoded_once(pipeline: Flux2Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch encodes each of its different reference pictures once."""
    encoded: list[tuple[int, ...]] = []
    original = pipeline.autoencoder.encode

    def encode(pixels: torch.Tensor) -> torch.Tensor:
        encoded.append(tuple(pixels.shape))
        return original(pixels)

    monkeypatch.setattr(pipeline.autoencoder, "encode", encode)
    one, two = noise_picture(1), noise_picture(2, 64, 64)
    list(pipeline.run(["a", "b"], 96, 64, [1, 2], [[one, two], [two, two.copy()]], steps=1))
    assert encoded == [(1, 3, 64, 96), (1, 3, 64, 64)]


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"width": 100}, SizeError, "nearest is 96 × 64"),
        ({"width": 48}, SizeError, "at least 64"),
        ({"width": 1024, "height": 64}, SizeError, "8:1"),
        ({"width": 2048, "height": 1024}, SizeError, "pixels this model paints"),
        ({"seeds": [1, 2]}, RequestError, "1 prompts and 2 seeds"),
        ({"prompts": [], "seeds": []}, RequestError, "no prompts"),
        ({"references": [[], []]}, RequestError, "2 lists of references"),
        ({"bases": [None, None]}, RequestError, "2 bases"),
        ({"negative_prompts": ["fog", None]}, RequestError, "2 negative prompts"),
        ({"negative_prompts": ["fog"], "guidance": 1.0}, RequestError, "raise guidance above 1"),
        ({"steps": 0}, RequestError, "steps"),
        ({"guidance": 0.5}, RequestError, "guidance"),
        ({"references": [[Image.new("RGB", (64, 64))] * 11]}, RequestError, "11 references"),
        ({"references": [[Image.new("RGB", (32, 64))]]}, ReferencePictureError, "reference 1"),
    ],
)
def test_refusals(pipeline: Flux2Pipeline, changes: dict[str, Any], error: type[EngineError], words: str) -> None:
    """What does not fit is refused with what would."""
    with pytest.raises(error, match=words):
        paint(pipeline, **changes)


def test_refusals_come_before_the_first_step(pipeline: Flux2Pipeline) -> None:
    """A wrong size is raised by the call itself, not when the states are first read."""
    with pytest.raises(SizeError):
        pipeline.run(["a can"], 100, 64, [1])
    with pytest.raises(ReferencePictureError):
        pipeline.run(["a can"], 96, 64, [1], references=[[Image.new("RGB", (32, 64))]])


def test_distilled_models_keep_their_steps(pipeline: Flux2Pipeline) -> None:
    """Distilled variants refuse other steps and guidance; the others take them."""
    fixed = Flux2Pipeline(
        pipeline.transformer,
        pipeline.autoencoder,
        pipeline.text_encoder,
        replace(pipeline.variant, name="klein-4b", fixed_sampling=True, default_guidance=1.0, guidance_kind="none"),
    )
    assert paint(fixed, steps=3).shape == (64, 96, 3)
    for wrong in ({"steps": 4}, {"guidance": 2.0}):
        with pytest.raises(RequestError, match="klein-4b is distilled for 3 steps at guidance 1"):
            paint(fixed, **wrong)
        assert paint(pipeline, **wrong).shape == (64, 96, 3)
    assert [name for name, row in VARIANTS.items() if row.fixed_sampling] == ["klein-9b", "klein-4b", "klein-9b-kv"]


# --- the folder --------------------------------------------------------------------------------------------------


@pytest.fixture
def broken_folder(model_folder: Path, tmp_path: Path) -> Callable[..., Path]:
    """Return a maker of copies of the model whose manifest has some keys changed."""

    def make(**changes: Any) -> Path:
        folder = tmp_path / "copy"
        shutil.copytree(model_folder, folder, dirs_exist_ok=True)
        manifest = json.loads((folder / "model.json").read_text())
        (folder / "model.json").write_text(json.dumps(manifest | changes))
        return folder

    return make


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format_version": 2}, "format_version"),
        ({"variant": "flux-3"}, "unknown variant 'flux-3'; known: dev"),
        ({"colour": "red"}, "colour"),
        ({"files": {"transformer": "../transformer.safetensors"}}, r"files\.transformer"),
        ({"transformer": {"hidden_sise": 64}}, "transformer: unknown hidden_sise; known: hidden_size"),
        ({"transformer": {"heads": "many"}}, "transformer: heads"),
        ({"transformer": {"heads": 5}}, "hidden_size"),
        ({"text_encoder": {"taps": [1, 2]}}, "values a token"),
        ({"defaults": {"transformer": {}}}, "defaults: unknown transformer"),
        ({"transformer": {"heads": 0, "hidden_size": 0}}, "at least 1"),
        ({"pad_token": "<pad>"}, "padding token '<pad>'"),
    ],
)
def test_wrong_manifests(broken_folder: Callable[..., Path], changes: dict[str, Any], words: str) -> None:
    """Every fault of model.json is a ManifestError that names the key."""
    with pytest.raises(ManifestError, match=words):
        Flux2Pipeline.from_folder(broken_folder(**changes), "cpu")


def test_the_copy_itself_loads(broken_folder: Callable[..., Path], pipeline: Flux2Pipeline) -> None:
    """The control: an unchanged copy paints the same picture and has the same digest as long as the bytes agree."""
    copy = Flux2Pipeline.from_folder(broken_folder(), "cpu")
    assert np.array_equal(paint(copy), paint(pipeline))
    assert copy.weights_digest != pipeline.weights_digest  # the manifest was written in another form
    assert len(pipeline.weights_digest) == 64


def test_missing_parts(broken_folder: Callable[..., Path], tmp_path: Path) -> None:
    """A folder without manifest, weights or tokenizer is refused by name."""
    with pytest.raises(ManifestError, match=r"model\.json cannot be read"):
        Flux2Pipeline.from_folder(tmp_path, "cpu")
    for name, error in (("transformer.safetensors", WeightsError), ("tokenizer.json", ManifestError)):
        folder = broken_folder()
        (folder / name).unlink()
        with pytest.raises(error, match=name):
            Flux2Pipeline.from_folder(folder, "cpu")
    folder = broken_folder()
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(ManifestError, match="usable tokenizer"):
        Flux2Pipeline.from_folder(folder, "cpu")


def test_weights_of_another_shape(broken_folder: Callable[..., Path]) -> None:
    """Weights that do not fit the manifest's shape name keys."""
    with pytest.raises(WeightsError, match=r"missing \(\d+\): double_blocks\.1"):
        Flux2Pipeline.from_folder(broken_folder(transformer={**SMALL_TRANSFORMER, "double_blocks": 2}), "cpu")


SMALL_TRANSFORMER = {
    "hidden_size": 64,
    "heads": 2,
    "head_dim": 32,
    "axes_dim": [8, 8, 8, 8],
    "double_blocks": 1,
    "single_blocks": 1,
    "context_dim": 96,
}
