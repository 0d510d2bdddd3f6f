"""Prompts are rewritten as diffusers does it with transformers' whole Mistral-3, seeded, with and without pictures."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import Flux2Pipeline
from diffusers.pipelines.flux2.image_processor import Flux2ImageProcessor
from PIL import Image
from safetensors.torch import save_file
from torch import nn
from transformers import Mistral3Config, Mistral3ForConditionalGeneration
from transformers.models.pixtral.image_processing_pil_pixtral import PixtralImageProcessorPil

from flux2engine.chat_templates import upsampling_ids
from flux2engine.errors import ManifestError, RequestError, WeightsError
from flux2engine.upsampling import (
    Mistral3Numbers,
    PromptUpsampler,
    build_mistral3,
    load_upsampler,
    prepare_picture,
    side_by_side,
)
from flux2engine.variants import TEXT_ENCODERS
from flux2engine.weights.checkpoint import open_checkpoint
from flux2engine.weights.identify import identify
from tests.engine.checkpoints import write_text_encoder_file
from tests.engine.text.conftest import CPU, Encoding, read_config

NEW_TOKENS = 10
WARM = 2.0  # random weights say one thing at 0.15


@pytest.fixture(scope="module")
def mistral(encodings: dict[str, Encoding]) -> Encoding:
    """Return dev's text encoder."""
    return encodings["dev"]


@pytest.fixture(scope="module")
def config(mistral: Encoding) -> Any:
    """Return its parsed config.json."""
    return read_config(mistral.folder / "text_encoder")


@pytest.fixture(scope="module")
def upsampler(mistral: Encoding, config: Any) -> PromptUpsampler:
    """Return the loaded model, in fp32, that says few words."""
    made = load_upsampler(mistral.checkpoint, mistral.found, mistral.tokenizer_file, config, CPU, torch.float32)
    made.max_new_tokens = NEW_TOKENS
    return made


def _picture(width: int, height: int, mode: str = "RGB", seed: int = 0) -> Image.Image:
    values = np.random.default_rng(seed).integers(0, 256, (height, width, len(mode)), dtype=np.uint8)
    return Image.fromarray(values)


PICTURES = [_picture(150, 90), _picture(70, 200, seed=1)]


class _Processor:
    """Play PixtralProcessor, which needs torchvision: transformers' template, tokenizer and slow picture processor."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self._pictures = PixtralImageProcessorPil(size={"longest_edge": 112}, patch_size=28)

    def apply_chat_template(
        self, messages: Any, *, add_generation_prompt: bool, tokenize: bool, return_dict: bool, **options: Any
    ) -> dict[str, Any]:
        assert tokenize
        assert return_dict
        [conversation] = messages
        text = self.tokenizer.apply_chat_template(
            conversation, tokenize=False, add_generation_prompt=add_generation_prompt
        )
        blocks = [block for message in conversation for block in message["content"]]
        pictures = [block["image"] for block in blocks if block["type"] == "image"]
        seen: dict[str, Any] = dict(self._pictures(pictures, return_tensors="pt")) if pictures else {}
        for height, width in seen.get("image_sizes", []):
            rows, columns = int(height) // 28, int(width) // 28
            grid = ("[IMG]" * columns + "[IMG_BREAK]") * rows
            text = text.replace("[IMG]", grid.removesuffix("[IMG_BREAK]") + "[IMG_END]", 1)
        return {**self.tokenizer(text, add_special_tokens=False, **options), **seen}


def _diffusers(mistral: Encoding, prompt: str, pictures: Sequence[Image.Image], seed: int, **options: Any) -> list[int]:
    """Return the ids that diffusers' `upsample_prompt` has the whole model write."""
    written: list[torch.Tensor] = []

    def generate(**inputs: Any) -> torch.Tensor:
        assert inputs.pop("max_new_tokens") == 512
        torch.manual_seed(seed)
        ids = mistral.whole.generate(**inputs, max_new_tokens=NEW_TOKENS, pad_token_id=11)
        written.append(ids[:, inputs["input_ids"].shape[1] :])
        return torch.as_tensor(ids)

    encoder = SimpleNamespace(device=CPU, dtype=torch.float32, generate=generate)
    pipeline = SimpleNamespace(
        text_encoder=encoder,
        tokenizer=_Processor(mistral.tokenizer),
        image_processor=Flux2ImageProcessor(vae_scale_factor=16),
        upsampling_max_image_size=768**2,
    )
    with torch.random.fork_rng(), torch.inference_mode():
        images = [list(pictures)] if pictures else None
        Flux2Pipeline.upsample_prompt(pipeline, prompt, images=images, **options)
    return [int(token) for token in written[0][0]]


def _ours(upsampler: PromptUpsampler, prompt: str, pictures: Sequence[Image.Image], seed: int) -> list[int]:
    picture = upsampler.prepared(pictures)
    ids = upsampling_ids(upsampler.tokens, prompt, [picture.grid] if picture else [])
    return upsampler.answer(ids, picture, seed)[0]


def _at(upsampler: PromptUpsampler, temperature: float) -> PromptUpsampler:
    warm = copy.copy(upsampler)
    warm.temperature = temperature
    return warm


@pytest.mark.parametrize("count", [0, 1, 2])
def test_as_diffusers(mistral: Encoding, upsampler: PromptUpsampler, count: int) -> None:
    """The same seed writes the same tokens as the official pipeline's code; another seed writes others."""
    pictures = PICTURES[:count]
    theirs = _diffusers(mistral, "a red bottle", pictures, 2, temperature=WARM)
    assert _ours(_at(upsampler, WARM), "a red bottle", pictures, 2) == theirs
    assert _ours(_at(upsampler, WARM), "a red bottle", pictures, 3) != theirs
    if not pictures:  # once at the official temperature, which the pipeline takes by itself
        assert _ours(upsampler, "a red bottle", [], 1) == _diffusers(mistral, "a red bottle", [], 1)


def test_greedy_as_transformers(mistral: Encoding, upsampler: PromptUpsampler) -> None:
    """Without dice, the answer is transformers' own greedy continuation of the same inputs."""
    for pictures in ([], PICTURES):
        picture = upsampler.prepared(pictures)
        ids = upsampling_ids(upsampler.tokens, "a red bottle", [picture.grid] if picture else [])
        seen = {}
        if picture:
            seen = {"pixel_values": picture.pixels, "image_sizes": torch.tensor([picture.pixels.shape[-2:]])}
        theirs = mistral.whole.generate(
            input_ids=torch.tensor([ids]), max_new_tokens=NEW_TOKENS, do_sample=False, pad_token_id=11, **seen
        )[0, len(ids) :].tolist()
        cold = _at(upsampler, 0)
        assert cold.answer(ids, picture, seed=5)[0] == theirs
        assert cold.answer([ids[0], *ids[:0:-1]], picture, seed=5)[0] != theirs


def test_a_picture_is_seen(mistral: Encoding, upsampler: PromptUpsampler) -> None:
    """Chances after a picture are the whole model's own, bit for bit; another picture of its size gives others."""

    def chances(model: Any, picture: Image.Image) -> torch.Tensor:
        prepared = upsampler.prepared([picture])
        assert prepared is not None
        ids = upsampling_ids(upsampler.tokens, "a red bottle", [prepared.grid])
        sizes = [tuple(prepared.pixels.shape[-2:])]
        with torch.inference_mode():
            output = model(
                input_ids=torch.tensor([ids]), pixel_values=prepared.pixels, image_sizes=sizes, logits_to_keep=1
            )
        return torch.as_tensor(output.logits)

    first, other = _picture(100, 60), _picture(100, 60, seed=9)
    assert torch.equal(chances(upsampler.model, first), chances(mistral.whole, first))
    assert not torch.allclose(chances(upsampler.model, first), chances(upsampler.model, other))


def test_a_seed_is_all_that_decides(upsampler: PromptUpsampler) -> None:
    """Equal calls give equal answers whatever the global dice were, and leave them as they were."""
    warm = _at(upsampler, WARM)
    before = torch.random.get_rng_state()
    first = _ours(warm, "a red bottle", PICTURES, 7)
    assert torch.equal(torch.random.get_rng_state(), before)
    with torch.random.fork_rng():
        torch.manual_seed(12345)
        assert _ours(warm, "a red bottle", PICTURES, 7) == first


SIZES = [(150, 90), (28, 28), (29, 27), (112, 113), (200, 101), (641, 640)]


@pytest.mark.parametrize(("size", "longest"), [*((size, 112) for size in SIZES), *((size, 1540) for size in SIZES)])
def test_pixels_as_transformers(size: tuple[int, int], longest: int) -> None:
    """Size, grid and values are those of transformers' slow processor."""
    picture = _picture(*size)
    ours = prepare_picture(picture, longest, 28)
    theirs = PixtralImageProcessorPil(size={"longest_edge": longest}, patch_size=28)(picture, return_tensors="pt")
    assert ours.pixels.shape == theirs["pixel_values"].shape
    assert ours.grid == tuple(int(side) // 28 for side in theirs["image_sizes"][0])
    assert torch.allclose(ours.pixels, theirs["pixel_values"].float(), atol=1e-6, rtol=0)
    assert not torch.allclose(ours.pixels, theirs["pixel_values"].float().flip(-2), atol=1e-2)


def test_a_thin_picture_keeps_a_row_of_cells() -> None:
    """Where the other side leaves less than a pixel, one row of cells stays."""
    assert prepare_picture(_picture(1, 300), 112, 28).grid == (4, 1)  # transformers rounds the width to nothing


@pytest.mark.parametrize(
    "sizes", [[(150, 90)], [(150, 90), (70, 200)], [(900, 700)], [(800, 600), (640, 480), (90, 9)]]
)
def test_joined_as_diffusers(sizes: list[tuple[int, int]]) -> None:
    """Several pictures stand side by side on white, shrunk to 768² where they are more."""
    pictures = [_picture(*size, seed=index) for index, size in enumerate(sizes)]
    theirs = Flux2ImageProcessor._resize_if_exceeds_area(Flux2ImageProcessor.concatenate_images(pictures), 768**2)
    ours = side_by_side(pictures)
    assert ours.size == theirs.size
    assert ours.width * ours.height <= 768**2
    assert ours.tobytes() == theirs.tobytes()


def test_transparency_shows_white() -> None:
    """What lies under a transparent pixel is not shown to the model."""
    clear = Image.new("RGBA", (40, 40), (255, 0, 0, 0))
    assert side_by_side([clear]).getcolors() == [(1600, (255, 255, 255))]
    assert side_by_side([Image.new("RGBA", (40, 40), (255, 0, 0, 255))]).getcolors() == [(1600, (255, 0, 0))]
    assert side_by_side([Image.new("L", (40, 40), 7)]).getcolors() == [(1600, (7, 7, 7))]


class _Scripted(nn.Module):
    """Say given tokens, one a call."""

    def __init__(self, script: Sequence[int]) -> None:
        super().__init__()
        self.script = list(script)
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, input_ids: torch.Tensor, **_: Any) -> Any:
        del input_ids
        logits = torch.full((1, 1, 400), -100.0)
        logits[0, 0, self.script.pop(0) if self.script else 50] = 100.0
        return SimpleNamespace(logits=logits, past_key_values=None)


def test_what_becomes_of_an_answer(upsampler: PromptUpsampler) -> None:
    """An answer is stripped; one that is empty, blank or cut keeps the prompt and says why."""
    end = upsampler.tokens.control("</s>")
    words = upsampler.tokens.plain("\n  a glass bottle [IMG] ")
    outcomes = {
        "good": [*words, end],
        "with control tokens": [upsampler.tokens.control("<s>"), *words, end],
        "empty": [end],
        "blank": [*upsampler.tokens.plain(" \n"), end],
        "fits exactly": [*words, *[50] * (511 - len(words)), end],
        "cut": [*words, *[50] * (512 - len(words)), end],
    }
    made = {}
    for name, script in outcomes.items():
        scripted = PromptUpsampler(_Scripted(script), upsampler.tokens, upsampler.numbers, 0)
        made[name] = scripted.upsample(" a bottle ", [], seed=1)
        assert made[name].original == " a bottle "
    assert (made["good"].text, made["good"].problem) == ("a glass bottle [IMG]", "")
    assert made["good"].token_count == len(words)
    assert made["with control tokens"].text == "a glass bottle [IMG]"
    for name in ("empty", "blank"):
        assert (made[name].text, made[name].problem) == (" a bottle ", "the answer was empty")
    assert made["fits exactly"].problem == ""
    assert made["fits exactly"].token_count == 511
    assert (made["cut"].text, made["cut"].token_count) == (" a bottle ", 512)
    assert made["cut"].problem == "the answer did not end within 512 tokens"


def test_a_prompt_that_is_too_long(upsampler: PromptUpsampler) -> None:
    """More than 2048 tokens are refused, not cut: what was cut might be the instruction's end."""
    with pytest.raises(RequestError, match="tokens with its frame, more than 2048"):
        upsampler.upsample("7" * 2048, [], seed=1)
    assert upsampler.upsample("7" * 900, [], seed=1).original == "7" * 900


def test_an_answer_that_is_not_finite(upsampler: PromptUpsampler) -> None:
    """Broken arithmetic is said, not sampled from."""
    broken = _Scripted([])
    broken.forward = lambda **_: SimpleNamespace(logits=torch.full((1, 1, 400), torch.nan), past_key_values=None)  # type: ignore[method-assign]
    with pytest.raises(WeightsError, match="not finite"):
        PromptUpsampler(broken, upsampler.tokens, upsampler.numbers, 0).upsample("a", [], seed=1)


def test_every_byte_is_loaded(mistral: Encoding, upsampler: PromptUpsampler) -> None:
    """The whole file is used, tower and projector included."""
    assert upsampler.bytes_moved == sum(form.nbytes for form in mistral.checkpoint.forms.values())
    assert all(not tensor.is_meta for tensor in (*upsampler.model.parameters(), *upsampler.model.buffers()))


@pytest.mark.parametrize("layout", ["published", "as the module"])
def test_a_head_of_its_own(mistral: Encoding, config: Any, tmp_path: Path, layout: str) -> None:
    """Published files hold an output head, under either spelling; every tensor of the file is in its place."""
    published = mistral.checkpoint
    state = {name: tensor.contiguous() for name, tensor in mistral.whole.state_dict().items()}
    if layout == "as the module":
        save_file(state, tmp_path / "model.safetensors")
        published = open_checkpoint(tmp_path)
    assert ("lm_head.weight" in published.forms) == (layout == "as the module")
    found = identify(published, config)
    loaded = load_upsampler(published, found, mistral.tokenizer_file, config, CPU, torch.float32)
    assert not torch.equal(state["lm_head.weight"], state["model.language_model.embed_tokens.weight"])
    assert loaded.model.state_dict().keys() == state.keys()
    for name, tensor in state.items():
        assert torch.equal(loaded.model.state_dict()[name], tensor), name


def test_a_head_that_is_the_embeddings(mistral: Encoding, config: Any, tmp_path: Path) -> None:
    """Where config.json says so, a file without a head is whole, and answers with its embeddings."""
    state = {name: tensor.contiguous() for name, tensor in mistral.whole.state_dict().items()}
    del state["lm_head.weight"]
    save_file(state, tmp_path / "model.safetensors")
    checkpoint = open_checkpoint(tmp_path)
    tied = config | {"tie_word_embeddings": True}
    rest = (mistral.tokenizer_file, tied, CPU, torch.float32)
    loaded = load_upsampler(checkpoint, identify(checkpoint, tied), *rest)
    assert loaded.model.get_parameter("lm_head.weight") is loaded.model.get_parameter(
        "model.language_model.embed_tokens.weight"
    )
    assert loaded.bytes_moved == sum(form.nbytes for form in checkpoint.forms.values())
    # The control: a head in the file is used whatever config.json says.
    both = load_upsampler(mistral.checkpoint, mistral.found, *rest)
    assert torch.equal(both.model.get_parameter("lm_head.weight"), mistral.whole.lm_head.weight)


def test_encoders_cut_down_to_painting(
    mistral: Encoding, config: Any, encodings: dict[str, Encoding], tmp_path: Path
) -> None:
    """What is missing is said in words, and what to fetch."""
    rest = (mistral.tokenizer_file, config, CPU, torch.float32)
    pruned = open_checkpoint(write_text_encoder_file(tmp_path, "dev", layers=30))
    with pytest.raises(
        WeightsError,
        match=r"cut down, it has no vision tower, no projector between vision tower and language model, no output"
        r" head, 30 of 40 layers; prompt upsampling needs the whole Mistral-Small-3\.2",
    ):
        load_upsampler(pruned, identify(pruned, config), *rest)
    parts = {"vision_tower.": "no vision tower;", "multi_modal": "no projector", "lm_head": "no output head;"}
    parts["model.norm"] = "no final norm;"
    for part, sentence in parts.items():
        forms = {name: form for name, form in mistral.checkpoint.forms.items() if part not in name}
        with pytest.raises(WeightsError, match=f"it has {sentence}"):
            load_upsampler(replace(mistral.checkpoint, forms=forms), mistral.found, *rest)
    qwen = encodings["klein-4b"]
    with pytest.raises(WeightsError, match="qwen3 weights cannot rewrite prompts; prompt upsampling needs"):
        load_upsampler(qwen.checkpoint, qwen.found, *rest)


def test_numbers_that_cannot_serve(mistral: Encoding, config: Any) -> None:
    """Every wrong number of config.json is refused by name before anything is built."""

    def changed(path: str, value: Any) -> Mapping[str, Any]:
        made = json.loads(json.dumps(config))
        *parents, last = path.split(".")
        place = made
        for parent in parents:
            place = place[parent]
        place[last] = value
        return dict(made)

    wrong = {
        "vision_config.hidden_size": [0, -1, "32", 1e9, True, None, 33],
        "vision_config.num_hidden_layers": [0, 10**6],
        "vision_config.hidden_act": ["exec", 3],
        "vision_config.patch_size": [0, [14, 14]],
        "vision_config.num_channels": [4],
        "vision_config.rope_parameters": [{"rope_type": "yarn"}, {"rope_theta": float("nan")}],
        "vision_config": [None, [], "x"],
        "text_config": [None],
        "spatial_merge_size": [0, 2.5],
        "vision_feature_layer": ["last", [1, 2]],
        "projector_hidden_act": ["relu"],
        "multimodal_projector_bias": ["no", 1],
    }
    for path, values in wrong.items():
        for value in values:
            with pytest.raises(ManifestError, match=f"config.json of the language model: .*{path.split('.')[-1]}"):
                load_upsampler(
                    mistral.checkpoint, mistral.found, mistral.tokenizer_file, changed(path, value), CPU, torch.float32
                )
    Mistral3Numbers.model_validate(changed("architectures", ["os.system"]))  # names of classes are not read


def test_at_true_size() -> None:
    """Built from the published row and numbers, the model's keys and shapes are those of transformers' own defaults."""
    numbers = Mistral3Numbers.model_validate(
        {
            "vision_config": {
                "hidden_size": 1024,
                "intermediate_size": 4096,
                "num_hidden_layers": 24,
                "num_attention_heads": 16,
                "image_size": 1540,
                "patch_size": 14,
                "hidden_act": "silu",
                "rope_theta": 10000.0,
            },
            "text_config": {"num_hidden_layers": 40},
        }
    )
    ours = build_mistral3(TEXT_ENCODERS["mistral-small-3.2"].config, numbers, image_token=10)
    with torch.device("meta"):
        theirs = Mistral3ForConditionalGeneration(Mistral3Config())
    assert {name: tensor.shape for name, tensor in ours.state_dict().items()} == {
        name: tensor.shape for name, tensor in theirs.state_dict().items()
    }
    assert ours.lm_head.weight is not ours.get_parameter("model.language_model.embed_tokens.weight")
    assert sum(tensor.numel() for tensor in ours.parameters()) == pytest.approx(24.0e9, rel=1e-2)


def test_a_tokenizer_without_picture_tokens(mistral: Encoding, config: Any, tmp_path: Path) -> None:
    """A tokenizer that cannot say where a picture stands is refused by the token's name."""
    written = json.loads(mistral.tokenizer_file.read_text(encoding="utf-8"))
    vocabulary = written["model"]["vocab"]
    vocabulary["[NO_PICTURE]"] = vocabulary.pop("[IMG]")
    for token in written["added_tokens"]:
        if token["content"] == "[IMG]":
            token["content"] = "[NO_PICTURE]"
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(written), encoding="utf-8")
    with pytest.raises(ManifestError, match=r"lacks \[IMG\];"):
        load_upsampler(mistral.checkpoint, mistral.found, path, config, CPU, torch.float32)
