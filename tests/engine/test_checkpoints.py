"""The small checkpoints that other tests read are what the peers' own loaders take for real ones."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer, Mistral3ForConditionalGeneration, Qwen3ForCausalLM

from flux2engine.variants import VARIANTS
from tests.engine import checkpoints
from tests.engine.language_model_files import MISTRAL_SPECIAL, language_model
from tests.engine.parity import from_disk, peer


@pytest.mark.parametrize("name", ["klein-4b", "klein-base-9b"])
def test_diffusers_reads_the_whole_folder(name: str, tmp_path: Path) -> None:
    """`from_pretrained` takes transformer, autoencoder, text encoder, tokenizer and scheduler from the folder alone."""
    folder = checkpoints.write_diffusers(tmp_path, name, shard_size="200KB")
    pipeline = peer.Flux2KleinPipeline.from_pretrained(folder)
    assert isinstance(pipeline.text_encoder, Qwen3ForCausalLM)
    assert pipeline.config.is_distilled is VARIANTS[name].fixed_sampling
    states, _ = pipeline.encode_prompt(prompt="a red bottle")
    assert states.shape == (1, 512, checkpoints.sibling(name).transformer.context_dim)
    assert torch.isfinite(states).all()


def test_the_tokenizers_have_the_real_structure(tmp_path: Path) -> None:
    """Qwen ends a turn and pads apart and thinks in plain tokens; Mistral begins with <s>, pads on the left with 11."""
    qwen = AutoTokenizer.from_pretrained(checkpoints.write_text_encoder(tmp_path / "q", "klein-4b") / "tokenizer")
    assert (qwen.eos_token, qwen.pad_token, qwen.bos_token) == ("<|im_end|>", "<|endoftext|>", None)
    message = [{"role": "user", "content": "a bottle"}]
    rendered = qwen.apply_chat_template(message, tokenize=False, add_generation_prompt=True, enable_thinking=False)
    assert rendered == "<|im_start|>user\na bottle<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
    tokens = qwen.convert_ids_to_tokens(qwen(rendered, add_special_tokens=False).input_ids)
    assert [token for token in tokens if token.startswith("<")] == [
        *("<|im_start|>", "<|im_end|>", "<|im_start|>", "<think>", "</think>")
    ]
    folder = checkpoints.write_text_encoder(tmp_path / "m", "dev") / "tokenizer"
    config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    raw = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    assert (config["pad_token"], config["padding_side"]) == ("<pad>", "left")
    assert [token["content"] for token in raw["added_tokens"]] == list(MISTRAL_SPECIAL)
    assert (MISTRAL_SPECIAL[11], MISTRAL_SPECIAL[10], MISTRAL_SPECIAL[17]) == ("<pad>", "[IMG]", "[SYSTEM_PROMPT]")


def test_transformers_reads_mistral(tmp_path: Path) -> None:
    """The sharded Mistral-3 folder, vision tower included, comes back as the model that was written."""
    folder = checkpoints.write_text_encoder(tmp_path, "dev", shard_size="200KB") / "text_encoder"
    read = Mistral3ForConditionalGeneration.from_pretrained(folder).state_dict()
    written = language_model(checkpoints.sibling("dev").text_encoder).state_dict()
    assert read.keys() == written.keys()
    assert all(torch.equal(tensor, written[name]) for name, tensor in read.items())


def test_sizes_are_told_apart() -> None:
    """No two sizes share a width, a number of heads or of blocks, so that a mix-up cannot load."""
    sizes = sorted(checkpoints.TRANSFORMERS.values(), key=lambda config: config.hidden_size)
    for small, large in pairwise(sizes):
        assert small.hidden_size < large.hidden_size
        assert small.heads < large.heads
        assert small.double_blocks < large.double_blocks
        assert small.single_blocks < large.single_blocks
        assert small.context_dim < large.context_dim
    for name in checkpoints.PUBLISHED:
        variant = checkpoints.sibling(name)
        assert variant.text_encoder.context_dim == variant.transformer.context_dim


def test_variants_of_one_size_have_other_weights(tmp_path: Path) -> None:
    """Base, distilled and KV siblings differ in weights only."""
    first, second = (
        from_disk.load(checkpoints.write_official(tmp_path, name))[0].state_dict()
        for name in ("klein-4b", "klein-base-4b")
    )
    assert first.keys() == second.keys()
    assert all(not torch.equal(tensor, second[name]) for name, tensor in first.items())
