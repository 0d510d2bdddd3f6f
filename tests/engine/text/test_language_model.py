"""The states at the taps are those of transformers' whole model and of diffusers' pipelines, bit for bit in fp32."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import Flux2KleinPipeline, Flux2Pipeline
from torch import Tensor, nn
from transformers import Mistral3Config, Mistral3ForConditionalGeneration, Qwen3Config, Qwen3ForCausalLM

from flux2engine.chat_templates import TEMPLATES
from flux2engine.errors import ManifestError, WeightsError
from flux2engine.language_model import (
    LanguageModelEncoder,
    build_language_model,
    load_text_encoder,
    load_tokenizer,
    restore_rotations,
)
from flux2engine.variants import TEXT_ENCODERS, AutoencoderConfig
from flux2engine.weights.checkpoint import open_checkpoint
from flux2engine.weights.identify import identify
from tests.engine.checkpoints import write_language_model, write_text_encoder_file
from tests.engine.text.conftest import CPU, Encoding, read_config

PROMPTS = {
    "short": "a red bottle",
    "empty": "",
    "cut": "studio light, " * 300,
    "unicode": "naïve café 東京 🍾 e\u0301 \u202eright to left\u202c",
    "special": "x<|im_end|>\n<|im_start|>system\n[/INST]<s> [IMG] <pad><|endoftext|> </think>",
}
# The rows that published names mean; the counts of parameters are those of engine/README.md and flux2.md §1.8.
FULL = {"qwen3-4b": 3.11e9, "qwen3-8b": 5.83e9, "mistral-small-3.2": 17.34e9}


def _diffusers(encoding: Encoding, prompts: list[str]) -> Tensor:
    embed: Callable[..., Tensor] = (
        Flux2KleinPipeline._get_qwen3_prompt_embeds
        if encoding.config.kind == "qwen3"
        else Flux2Pipeline._get_mistral_3_small_prompt_embeds
    )
    with torch.inference_mode():
        return embed(encoding.whole, encoding.tokenizer, prompts)


def _transformers(encoding: Encoding, prompt: str, padding_side: str) -> tuple[Tensor, ...]:
    """Return the hidden states of the whole model; the tokens come from transformers' own tokenizer."""
    encoding.tokenizer.padding_side = padding_side
    text = TEMPLATES[encoding.config.kind](prompt)
    given = encoding.tokenizer(
        text, add_special_tokens=False, padding="max_length", truncation=True, max_length=512, return_tensors="pt"
    )
    encoding.tokenizer.padding_side = encoding.config.padding_side
    with torch.inference_mode():
        states: tuple[Tensor, ...] = encoding.whole(
            input_ids=given["input_ids"],
            attention_mask=given["attention_mask"],
            output_hidden_states=True,
            use_cache=False,
        ).hidden_states
    return states


def _joined(states: tuple[Tensor, ...], taps: tuple[int, ...]) -> Tensor:
    return torch.cat([states[tap] for tap in taps], dim=-1)


@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS.keys())
def test_as_transformers_and_diffusers(encoding: Encoding, prompt: str) -> None:
    """States of real and padding positions are identical; padding on the other side and taps off by one are not."""
    config = encoding.config
    ours = encoding.encoder.encode([prompt])
    assert ours.states.shape == (1, 512, config.context_dim)
    states = _transformers(encoding, prompt, config.padding_side)
    assert torch.equal(ours.states, _joined(states, config.taps))
    assert torch.equal(ours.states, _diffusers(encoding, [prompt]))
    # Controls.
    for shift in (-1, 1):
        assert not torch.equal(ours.states, _joined(states, tuple(tap + shift for tap in config.taps)))
    if prompt == PROMPTS["short"]:
        other = {"left": "right", "right": "left"}[config.padding_side]
        assert not torch.equal(ours.states, _joined(_transformers(encoding, prompt, other), config.taps))
    normed = nn.functional.rms_norm(states[config.taps[-1]], (config.hidden_size,))
    assert not torch.equal(ours.states[..., -config.hidden_size :], normed)


def test_a_batch_as_diffusers(encoding: Encoding) -> None:
    """Prompts given together have the states they have alone, and those of diffusers' batch."""
    prompts = [PROMPTS["short"], PROMPTS["cut"], PROMPTS["special"]]
    together = encoding.encoder.encode(prompts).states
    assert torch.equal(together, torch.cat([encoding.encoder.encode([prompt]).states for prompt in prompts]))
    assert torch.equal(together, _diffusers(encoding, prompts))
    assert not torch.equal(together, _diffusers(encoding, prompts[::-1]))


def test_counts_are_full(encoding: Encoding) -> None:
    """Counts are those of the whole rendered prompt, and only what is longer than 512 is called cut."""
    embeddings = encoding.encoder.encode([PROMPTS["short"], PROMPTS["cut"]])
    rendered = [TEMPLATES[encoding.config.kind](PROMPTS[name]) for name in ("short", "cut")]
    expected = tuple(len(encoding.tokenizer(text, add_special_tokens=False)["input_ids"]) for text in rendered)
    assert embeddings.token_counts == expected
    assert embeddings.truncated == (False, True)
    assert expected[0] < 512 < 600 < expected[1]


def test_exactly_512_tokens_are_not_cut(encoding: Encoding) -> None:
    """The edge: 512 tokens fit and 513 lose their last one."""
    short = encoding.encoder.encode([""]).token_counts[0]
    letter = "7"  # one token each, side by side
    full = encoding.encoder.encode([letter * (512 - short), letter * (513 - short)])
    assert (full.token_counts, full.truncated) == ((512, 513), (False, True))


def test_padding_is_by_place_and_never_by_number(encoding: Encoding) -> None:
    """The pad token has the published id's place in the family; one written inside a prompt is a real token."""
    pad = {"qwen3": "<|endoftext|>", "mistral3": "<pad>"}[encoding.config.kind]
    ids, mask, count = encoding.encoder.tokenize(f"a {pad} b")
    assert int(mask.sum()) == count
    assert int((ids == encoding.encoder.pad_id).sum()) == 512 - count + 1
    left = encoding.config.padding_side == "left"
    assert bool(mask[0, 0]) is not left
    assert bool(mask[0, -1]) is left
    assert encoding.encoder.pad_id == (11 if left else encoding.tokenizer.convert_tokens_to_ids("<|endoftext|>"))


def test_bfloat16_as_transformers(encoding: Encoding, tmp_path: Path) -> None:
    """In bf16 ours is still the whole model's, read by its own loader; rounding is visible and small."""
    write_language_model(tmp_path, encoding.config, dtype=torch.bfloat16)
    peer = type(encoding.whole).from_pretrained(tmp_path, dtype=torch.bfloat16, local_files_only=True).eval()
    checkpoint = open_checkpoint(tmp_path)
    found = identify(checkpoint, read_config(tmp_path))
    encoder = load_text_encoder(checkpoint, found, encoding.tokenizer_file, CPU, None, encoding.config.taps)
    states = encoder.encode([PROMPTS["short"]]).states
    assert states.dtype == torch.bfloat16
    expected = _diffusers(replace(encoding, whole=peer), [PROMPTS["short"]])
    assert torch.equal(states, expected)
    fine = encoding.encoder.encode([PROMPTS["short"]]).states
    error = float((states.float() - fine).norm() / fine.norm())
    assert 1e-4 < error < 0.1  # random weights: 0.02 to 0.06
    encoder.model.to(torch.bfloat16)  # rounds the rotary frequencies too: the mistake that `restore_rotations` avoids
    assert not torch.equal(encoder.encode([PROMPTS["short"]]).states, expected)


def test_rotations_are_computed_anew(encoding: Encoding) -> None:
    """Frequencies left as the meta device leaves them give other states."""
    config = encoding.config
    state = encoding.encoder.model.state_dict()
    model = build_language_model(config, max(config.taps)).to_empty(device=CPU)
    assert isinstance(model.norm, nn.Identity)
    model.load_state_dict(state)
    model.rotary_emb.inv_freq.zero_()
    forgetful = LanguageModelEncoder(config, encoding.encoder.tokenizer, model, 0)
    expected = encoding.encoder.encode([PROMPTS["short"]]).states
    assert not torch.equal(forgetful.encode([PROMPTS["short"]]).states, expected)
    restore_rotations(model, CPU)
    assert torch.equal(forgetful.encode([PROMPTS["short"]]).states, expected)


class _Counting:
    """Stand before a checkpoint and note what is read."""

    def __init__(self, checkpoint: Any) -> None:
        self._checkpoint = checkpoint
        self.read: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._checkpoint, name)

    def tensor(self, name: str) -> Tensor:
        self.read.append(name)
        result: Tensor = self._checkpoint.tensor(name)
        return result


def test_only_the_tapped_layers_are_read(encoding: Encoding) -> None:
    """Embeddings and the layers up to the last tap are read once each; nothing else of the file is."""
    counting = _Counting(encoding.checkpoint)
    loaded = load_text_encoder(
        counting,  # type: ignore[arg-type]
        encoding.found,
        encoding.tokenizer_file,
        CPU,
        torch.float32,
        encoding.config.taps,
    )
    wanted = {f"{encoding.found.prefix}{name}" for name in loaded.model.state_dict()}
    assert sorted(counting.read) == sorted(wanted)
    assert len({name.split("layers.")[1].split(".")[0] for name in wanted if "layers." in name}) == max(
        encoding.config.taps
    )
    left = encoding.checkpoint.forms.keys() - wanted
    layers = {int(name.split("layers.")[1].split(".")[0]) for name in left if f"{encoding.found.prefix}layers." in name}
    assert layers == set(range(max(encoding.config.taps), encoding.config.layers))
    assert f"{encoding.found.prefix}norm.weight" in left
    assert any("vision_tower" in name for name in left) is (encoding.config.kind == "mistral3")
    assert loaded.bytes_moved == sum(encoding.checkpoint.forms[name].nbytes for name in wanted)
    assert loaded.bytes_moved < 0.8 * sum(form.nbytes for form in encoding.checkpoint.forms.values())


@pytest.mark.parametrize("prefix", ["model.", ""])
def test_a_file_cut_to_the_taps(encoding: Encoding, tmp_path: Path, prefix: str) -> None:
    """A single file with only the layers that encode gives the same states; one layer fewer is refused."""
    taps = encoding.config.taps
    name = {2560: "klein-4b", 4096: "klein-9b", 5120: "dev"}[_real_width(encoding)]
    states = _load_file(encoding, write_text_encoder_file(tmp_path, name, layers=max(taps), prefix=prefix))
    assert torch.equal(states, encoding.encoder.encode([PROMPTS["short"]]).states)
    with pytest.raises(WeightsError, match=f"{max(taps) - 1} layers"):
        _load_file(encoding, write_text_encoder_file(tmp_path, name, layers=max(taps) - 1, prefix=prefix))


def _load_file(encoding: Encoding, path: Path) -> Tensor:
    checkpoint = open_checkpoint(path)
    found = identify(checkpoint, read_config(encoding.folder / "text_encoder"))  # small shapes are not published ones
    loaded = load_text_encoder(checkpoint, found, encoding.tokenizer_file, CPU, torch.float32, encoding.config.taps)
    return loaded.encode([PROMPTS["short"]]).states


def _real_width(encoding: Encoding) -> int:
    return {32: 2560, 40: 4096, 48: 5120}[encoding.config.hidden_size]


@pytest.mark.parametrize("name", FULL)
def test_at_true_size(name: str) -> None:
    """Every key we ask for is one that transformers' whole model has, at its shape; counts are the published ones."""
    config = TEXT_ENCODERS[name].config
    ours = build_language_model(config, max(config.taps)).state_dict()
    theirs = _whole_at_true_size(name)
    prefix = {"qwen3": "model.", "mistral3": "model.language_model."}[config.kind]
    missing = {key for key in ours if theirs.get(prefix + key) != ours[key].shape}
    assert missing == set()
    assert sum(tensor.numel() for tensor in ours.values()) == pytest.approx(FULL[name], rel=2e-3)
    beyond = {key for key in theirs if key.removeprefix(prefix) not in ours}
    assert {key.split(".layers.")[1].split(".")[0] for key in beyond if key.startswith(f"{prefix}layers.")} == {
        str(index) for index in range(max(config.taps), config.layers)
    }
    assert f"{prefix}norm.weight" in beyond


def _whole_at_true_size(name: str) -> Mapping[str, torch.Size]:
    """Return the shapes of the whole model, configured here with the published numbers and not with ours."""
    heads = {"num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128}
    published: dict[str, Any] = {
        "qwen3-4b": {"hidden_size": 2560, "intermediate_size": 9728, "tie_word_embeddings": True},
        "qwen3-8b": {"hidden_size": 4096, "intermediate_size": 12288, "tie_word_embeddings": False},
    }
    with torch.device("meta"):
        if name in published:
            sizes = {**heads, **published[name], "num_hidden_layers": 36, "vocab_size": 151936}
            model: nn.Module = Qwen3ForCausalLM(Qwen3Config(**sizes))
        else:
            model = Mistral3ForConditionalGeneration(Mistral3Config())  # its defaults are Mistral Small 3.1's
    return {key: tensor.shape for key, tensor in model.state_dict().items()}


def test_settings_in_the_tokenizer_file_are_not_obeyed(encoding: Encoding, tmp_path: Path) -> None:
    """A tokenizer.json saved with truncation and padding switched on tokenizes as the plain one does."""
    written = json.loads(encoding.tokenizer_file.read_text(encoding="utf-8"))
    written["truncation"] = {"direction": "Left", "max_length": 8, "strategy": "LongestFirst", "stride": 0}
    written["padding"] = {
        "strategy": {"Fixed": 64},
        "direction": "Right",
        "pad_to_multiple_of": None,
        "pad_id": 5,
        "pad_type_id": 0,
        "pad_token": "x",
    }
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(written), encoding="utf-8")
    tokenizer = load_tokenizer(path, encoding.config)
    encoder = LanguageModelEncoder(encoding.config, tokenizer, nn.Module(), 0)
    for mine, expected in zip(encoder.tokenize("a red bottle"), encoding.encoder.tokenize("a red bottle"), strict=True):
        assert torch.equal(torch.as_tensor(mine), torch.as_tensor(expected))


def test_tokenizers_that_cannot_serve(encodings: dict[str, Encoding], tmp_path: Path) -> None:
    """Each is refused with its path, what is wrong and what to do."""
    qwen, mistral = encodings["klein-4b"], encodings["dev"]
    highest = max(qwen.tokenizer.get_vocab().values())
    small = replace(qwen.config, vocabulary=highest)
    (tmp_path / "nonsense.json").write_text('{"version": "1.0"}')
    (tmp_path / "latin.json").write_bytes(b"\xff\xfe")
    # A token in the vocabulary that is not an added one is split like any word.
    ordinary = json.loads(mistral.tokenizer_file.read_text(encoding="utf-8"))
    ordinary["added_tokens"] = [token for token in ordinary["added_tokens"] if token["content"] != "[INST]"]
    (tmp_path / "ordinary.json").write_text(json.dumps(ordinary), encoding="utf-8")
    refused = [
        (mistral.tokenizer_file, qwen.config, r"lacks <\|endoftext\|>, <\|im_start\|>"),
        (qwen.tokenizer_file, mistral.config, "lacks <pad>, <s>, "),
        (tmp_path / "ordinary.json", mistral.config, r"lacks \[INST\];"),
        (qwen.tokenizer_file, small, f"token {highest} and the weights know {highest} tokens"),
        (tmp_path / "nonsense.json", qwen.config, "not a usable tokenizer"),
        (tmp_path / "latin.json", qwen.config, "not a usable tokenizer"),
        (tmp_path / "absent.json", qwen.config, "cannot be read"),
        (tmp_path, qwen.config, "cannot be read"),
    ]
    for path, config, reason in refused:
        with pytest.raises(ManifestError, match=reason) as caught:
            load_tokenizer(path, config)
        assert str(path) in str(caught.value)
        assert "take the tokenizer.json that stands beside" in str(caught.value)
    load_tokenizer(qwen.tokenizer_file, replace(small, vocabulary=highest + 1))  # the control


def test_weights_that_cannot_serve(encodings: dict[str, Encoding]) -> None:
    """Another kind of weights, and taps above the layers, are refused before anything is read."""
    qwen = encodings["klein-4b"]
    counting = _Counting(qwen.checkpoint)
    rest = (qwen.tokenizer_file, CPU, torch.float32)
    picture = replace(qwen.found, kind="autoencoder", shape=AutoencoderConfig())
    with pytest.raises(WeightsError, match="these weights are a autoencoder"):
        load_text_encoder(counting, picture, *rest, (9, 18, 27))  # type: ignore[arg-type]
    for taps in ((9, 18, 37), (-1, 2), ()):
        with pytest.raises(WeightsError, match="has 36 layers"):
            load_text_encoder(counting, qwen.found, *rest, taps)  # type: ignore[arg-type]
    assert counting.read == []


def test_states_that_overflow_are_refused(encodings: dict[str, Encoding]) -> None:
    """States that are not finite never reach the transformer."""
    qwen = encodings["klein-4b"]
    encoder = load_text_encoder(qwen.checkpoint, qwen.found, qwen.tokenizer_file, CPU, torch.float32, qwen.config.taps)
    encoder.encode(["fine"])
    encoder.model.get_parameter("layers.0.mlp.down_proj.weight").fill_(3e38)
    with pytest.raises(WeightsError, match=r"not finite in torch\.float32"):
        encoder.encode(["fine"])
