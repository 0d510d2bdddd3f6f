"""The text encoder computes what transformers' Qwen3 computes, and says what it cut."""

from __future__ import annotations

import warnings
from dataclasses import replace

import pytest
import torch
from tokenizers import Tokenizer

from flux2engine.text_encoder import Qwen3FormEncoder
from flux2engine.variants import VARIANTS, TextEncoderConfig
from tests.engine.random_weights import randomise

CONFIG = TextEncoderConfig(
    kind="qwen3",
    hidden_size=48,
    layers=4,
    heads=4,
    key_value_heads=2,
    head_dim=16,
    feed_forward_size=96,
    vocabulary=300,
    taps=(1, 2, 3),
    tokens=24,
    padding_side="right",
    rope_theta=1_000_000.0,
)
PROMPTS = ["a red bottle", "on a podium, studio light, and some more words"]


@pytest.fixture(scope="module")
def encoder(tokenizer: Tokenizer) -> Qwen3FormEncoder:
    """Return an encoder with random weights."""
    made = Qwen3FormEncoder(CONFIG, tokenizer)
    randomise(made, seed=10)
    return made


def test_same_as_transformers(encoder: Qwen3FormEncoder) -> None:
    """Taps 1, 2, 3 of four layers equal the library's hidden states, padding positions included."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from transformers import Qwen3Config, Qwen3Model
    peer = Qwen3Model(
        Qwen3Config(
            vocab_size=CONFIG.vocabulary,
            hidden_size=CONFIG.hidden_size,
            intermediate_size=CONFIG.feed_forward_size,
            num_hidden_layers=CONFIG.layers,
            num_attention_heads=CONFIG.heads,
            num_key_value_heads=CONFIG.key_value_heads,
            head_dim=CONFIG.head_dim,
            rope_parameters={"rope_type": "default", "rope_theta": CONFIG.rope_theta},
            max_position_embeddings=512,
        )
    ).eval()
    result = peer.load_state_dict(encoder.model.state_dict(), strict=False)
    assert not result.unexpected_keys
    assert all(key.startswith(("layers.3.", "norm.")) for key in result.missing_keys)  # after the last tap
    token_ids, counts = encoder.tokenize(PROMPTS)
    mask = (torch.arange(CONFIG.tokens) < torch.tensor(counts)[:, None]).long()
    with torch.no_grad():
        hidden = peer(input_ids=token_ids, attention_mask=mask, output_hidden_states=True).hidden_states
    expected = torch.cat([hidden[tap] for tap in CONFIG.taps], dim=-1)
    ours = encoder.encode(PROMPTS).states
    assert expected.std() > 0.1
    assert (ours - expected).abs().max() / expected.abs().max() <= 1e-5


@pytest.mark.parametrize("change", [{"rope_theta": 10_000.0}, {"taps": (0, 2, 3)}, {"key_value_heads": 2, "heads": 4}])
def test_what_the_comparison_sees(encoder: Qwen3FormEncoder, tokenizer: Tokenizer, change: dict[str, int]) -> None:
    """The control: another theta or tap gives other states; the same configuration gives the same."""
    other = Qwen3FormEncoder(replace(CONFIG, **change), tokenizer)
    other.load_state_dict(encoder.state_dict())
    same = torch.equal(other.encode(PROMPTS).states, encoder.encode(PROMPTS).states)
    assert same == (replace(CONFIG, **change) == CONFIG)


def test_counts_and_truncation(encoder: Qwen3FormEncoder) -> None:
    """Long prompts are cut at the fixed length, and that is said."""
    embeddings = encoder.encode(["a red bottle", "zebra " * 30])
    assert embeddings.states.shape == (2, CONFIG.tokens, 3 * CONFIG.hidden_size)
    assert embeddings.truncated == (False, True)
    assert embeddings.token_counts[0] < CONFIG.tokens < embeddings.token_counts[1]


def test_a_prompt_does_not_depend_on_its_neighbours(encoder: Qwen3FormEncoder) -> None:
    """Alone or in a batch, a prompt has the same states."""
    both = encoder.encode(PROMPTS).states
    for index, prompt in enumerate(PROMPTS):
        torch.testing.assert_close(encoder.encode([prompt]).states[0], both[index], rtol=1e-5, atol=1e-5)
    assert (both[0] - both[1]).abs().max() > 0.1


def test_the_empty_prompt_is_finite(encoder: Qwen3FormEncoder) -> None:
    """No tokens at all still give states: classifier-free guidance needs them."""
    embeddings = encoder.encode([""])
    assert embeddings.token_counts == (0,)
    assert torch.isfinite(embeddings.states).all()


def test_the_template_is_counted(tokenizer: Tokenizer, encoder: Qwen3FormEncoder) -> None:
    """Prefix and suffix stand around the prompt."""
    framed = Qwen3FormEncoder(CONFIG, tokenizer, prompt_prefix="a ", prompt_suffix=" podium")
    assert framed.tokenize(["red"])[0].tolist() == encoder.tokenize(["a red podium"])[0].tolist()


def test_unusable_configurations(tokenizer: Tokenizer) -> None:
    """Left padding, too large a tokenizer and an unknown padding token are refused when the encoder is made."""
    with pytest.raises(ValueError, match="right only"):
        Qwen3FormEncoder(replace(CONFIG, padding_side="left"), tokenizer)
    size = tokenizer.get_vocab_size()
    with pytest.raises(ValueError, match=f"{size} tokens, the model {size - 1}"):
        Qwen3FormEncoder(replace(CONFIG, vocabulary=size - 1), tokenizer)
    with pytest.raises(ValueError, match="padding token"):
        Qwen3FormEncoder(CONFIG, tokenizer, pad_token="<pad>")


@pytest.mark.parametrize("name", VARIANTS)
def test_text_fits_the_transformer(name: str) -> None:
    """In every row of the table the joined states are as wide as the transformer's context."""
    assert VARIANTS[name].text_encoder.context_dim == VARIANTS[name].transformer.context_dim
