"""Prompts → the states FLUX.2 was conditioned on, by the lower layers of Qwen3 or Mistral-3.

The layers are transformers' own, chosen and configured here: no class is named by a folder, no template of a folder is
run, and what lies above the last tapped layer (norm, head, vision tower) is never read from disk. Knows no pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from flux2engine.chat_templates import CONTROL_TOKENS, PAD_TOKENS, TEMPLATES
from flux2engine.errors import ManifestError, WeightsError
from flux2engine.streaming import Streaming, load_streamed
from flux2engine.text_encoder import TextEmbeddings
from flux2engine.variants import TextEncoderConfig
from flux2engine.weights.checkpoint import WeightSource
from flux2engine.weights.identify import Identified
from flux2engine.weights.loading import load_weights

MAX_TOKENIZER_BYTES = 64 * 2**20  # the largest published one takes 17 MB
# Not among the shapes of a TextEncoderConfig: each family has one.
NORM_EPSILONS = {"qwen3": 1e-6, "mistral3": 1e-5}


class LanguageModelEncoder:
    """Encode prompts with the layers of a language model up to the last tap."""

    def __init__(self, config: TextEncoderConfig, tokenizer: Tokenizer, model: nn.Module, bytes_moved: int) -> None:
        self.config = config
        self.tokenizer = tokenizer
        self.model = model
        self.bytes_moved = bytes_moved  # to the device, when the weights were loaded
        pad_id = tokenizer.token_to_id(PAD_TOKENS[config.kind])
        if pad_id is None:
            raise ValueError(f"the tokenizer has no {PAD_TOKENS[config.kind]}")
        self.pad_id = pad_id

    def tokenize(self, prompt: str) -> tuple[Tensor, Tensor, int]:
        """Return ids (1, T), the mask of real tokens (1, T) and the full count, of the prompt in its template."""
        length = self.config.tokens
        ids = self.tokenizer.encode(TEMPLATES[self.config.kind](prompt), add_special_tokens=False).ids
        kept = ids[:length]
        padding, real = [self.pad_id] * (length - len(kept)), [1] * len(kept)
        if self.config.padding_side == "left":
            row, mask = padding + kept, [0] * len(padding) + real
        else:
            row, mask = kept + padding, real + [0] * len(padding)
        return torch.tensor([row]), torch.tensor([mask]), len(ids)

    def states(self, token_ids: Tensor, mask: Tensor) -> Tensor:
        """Return the tapped states side by side (B, T, taps · hidden), those of padding included.

        Positions count from the first padding token, as they did in training, so the model is told none.
        """
        output = self.model(input_ids=token_ids, attention_mask=mask, output_hidden_states=True, use_cache=False)
        return torch.cat([output.hidden_states[tap] for tap in self.config.taps], dim=-1)

    @torch.inference_mode()
    def encode(self, prompts: Sequence[str]) -> TextEmbeddings:
        """Encode `prompts`, each by itself: 512 tokens fill a device, and no prompt's last bits hang on its neighbours.

        Raise WeightsError if the states are not finite.
        """
        if not prompts:
            raise ValueError("no prompts to encode")
        device = next(self.model.parameters()).device
        rows, counts = [], []
        for prompt in prompts:
            token_ids, mask, count = self.tokenize(prompt)
            rows.append(self.states(token_ids.to(device), mask.to(device)))
            counts.append(count)
        states = torch.cat(rows)
        if not torch.isfinite(states).all():
            raise WeightsError(f"the text encoder's states are not finite in {states.dtype}; bfloat16 has the range")
        return _embeddings(states, counts, self.config.tokens)


def load_text_encoder(
    checkpoint: WeightSource,
    found: Identified,
    tokenizer_file: Path,
    device: torch.device,
    dtype: torch.dtype | None,
    taps: tuple[int, ...],
    tokens: int = 512,
    streaming: Streaming | None = None,
    keep_packed: bool = False,
) -> LanguageModelEncoder:
    """Load the layers up to the last tap; dtype None computes as the file stores. Streamed, layers come one by one.

    Raise WeightsError for weights and ManifestError for a tokenizer that cannot serve, each with a remedy.
    """
    if not isinstance(found.shape, TextEncoderConfig):
        raise WeightsError(f"a text encoder was asked for, and these weights are a {found.kind}")
    config = replace(found.shape, taps=taps, tokens=tokens)
    if not taps or min(taps) < 0 or max(taps) > config.layers:
        raise WeightsError(
            f"the text encoder has {config.layers} layers and its states are taken after {', '.join(map(str, taps))};"
            " import weights with all the layers"
        )
    tokenizer = load_tokenizer(tokenizer_file, config)
    model = build_language_model(config, layers=max(taps))
    if streaming is None:
        bytes_moved = load_weights(model, checkpoint, found, device, dtype, keep_packed)
    else:
        lists = ("layers",)
        _, bytes_moved = load_streamed(model, lists, checkpoint, found, device, dtype, streaming, keep_packed)
    restore_rotations(model, device)
    return LanguageModelEncoder(config, tokenizer, model, bytes_moved)


def build_language_model(config: TextEncoderConfig, layers: int) -> nn.Module:
    """Return the lowest `layers` layers on the meta device, without the final norm and without a head."""
    # Imported here: half the commands that import this module never load a language model, and this takes seconds.
    from transformers import MistralModel, Qwen3Model

    with torch.device("meta"):
        kind = Qwen3Model if config.kind == "qwen3" else MistralModel
        model: nn.Module = kind(language_model_config(config, layers))
    model.norm = nn.Identity()
    return model.eval().requires_grad_(False)


def language_model_config(config: TextEncoderConfig, layers: int) -> Any:
    """Return transformers' configuration of `config` with `layers` layers."""
    from transformers import MistralConfig, Qwen3Config

    shape: dict[str, Any] = {
        "vocab_size": config.vocabulary,
        "hidden_size": config.hidden_size,
        "intermediate_size": config.feed_forward_size,
        "num_hidden_layers": layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.key_value_heads,
        "head_dim": config.head_dim,
        "rms_norm_eps": NORM_EPSILONS[config.kind],
        "rope_parameters": {"rope_type": "default", "rope_theta": config.rope_theta},
        "hidden_act": "silu",
        "bos_token_id": None,
        "eos_token_id": None,
        "attn_implementation": "sdpa",
    }
    if config.kind == "qwen3":
        return Qwen3Config(**shape, max_position_embeddings=40_960, attention_bias=False, use_sliding_window=False)
    return MistralConfig(**shape, max_position_embeddings=131_072, sliding_window=None)


def restore_rotations(model: nn.Module, device: torch.device) -> None:
    """Compute the rotary frequencies of `model` anew: no checkpoint holds them, and the meta device forgot them.

    They stay in fp32 whatever the weights are; bf16 frequencies turn distant tokens by wrong angles.
    """
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if "inv_freq" in dict(child.named_buffers(recurse=False)):
                fresh = type(child)(child.config)
                setattr(parent, name, fresh.to(device))


def load_tokenizer(path: Path, config: TextEncoderConfig) -> Tokenizer:
    """Read a tokenizer.json; raise ManifestError unless it has the family's control tokens and fits the weights."""
    remedy = "; take the tokenizer.json that stands beside the language model's weights"
    try:
        if path.stat().st_size > MAX_TOKENIZER_BYTES:
            raise ManifestError(f"{path} is larger than {MAX_TOKENIZER_BYTES} bytes{remedy}")
        tokenizer = Tokenizer.from_str(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ManifestError(f"{path} cannot be read: {error.strerror}{remedy}") from error
    except ManifestError:
        raise
    except Exception as error:  # the library raises bare Exception
        raise ManifestError(f"{path} is not a usable tokenizer: {error}{remedy}") from error
    tokenizer.no_truncation()  # a file may carry what its last user had set
    tokenizer.no_padding()
    wanted = (PAD_TOKENS[config.kind], *CONTROL_TOKENS[config.kind])
    lacking = [token for token in wanted if not _is_one_token(tokenizer, token)]
    if lacking:
        raise ManifestError(f"{path} is not of the {config.kind} family, it lacks {', '.join(lacking)}{remedy}")
    highest = max(tokenizer.get_vocab(with_added_tokens=True).values())
    if highest >= config.vocabulary:
        raise ManifestError(
            f"{path} has token {highest} and the weights know {config.vocabulary} tokens, so they belong to different"
            f" models{remedy}"
        )
    return tokenizer


def _is_one_token(tokenizer: Tokenizer, token: str) -> bool:
    return tokenizer.encode(token, add_special_tokens=False).ids == [tokenizer.token_to_id(token)]


def _embeddings(states: Tensor, counts: Sequence[int], tokens: int) -> TextEmbeddings:
    return TextEmbeddings(states, tuple(counts), tuple(count > tokens for count in counts))
