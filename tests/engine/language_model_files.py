"""Small language models → the files of their real repositories: weights, config.json, tokenizer and chat template.

Written by transformers' and tokenizers' own `save_pretrained`, so that nothing of ours decides what real files look
like. Shapes are those of the real rows with everything but the number of layers made small.
"""

from __future__ import annotations

import copy
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    Mistral3Config,
    Mistral3ForConditionalGeneration,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
)
from transformers.utils.logging import disable_progress_bar, enable_progress_bar

from flux2engine.variants import TextEncoderConfig
from tests.engine.random_weights import randomise

VOCABULARY = 400

# The order gives the ids: <pad> is 11 in the Mistral tokenizer and [IMG] is 10.
MISTRAL_SPECIAL = (
    *("<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]"),
    *("[/TOOL_RESULTS]", "[TOOL_CALLS]", "[IMG]", "<pad>", "[IMG_BREAK]", "[IMG_END]", "[PREFIX]", "[MIDDLE]"),
    *("[SUFFIX]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[TOOL_CONTENT]"),
)
QWEN_SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>")
QWEN_PLAIN_ADDED = ("<tool_call>", "</tool_call>", "<think>", "</think>")  # added tokens that are not "special"

# A pattern of the family: words with at most one leading space, single digits, marks, runs of spaces.
_WORDS = Regex(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_TRAINING_TEXT = ["a red bottle on a podium, studio light", "object relationships, object attribution and actions"] * 4

QWEN_TEMPLATE = """\
{%- for message in messages -%}
{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{- '<|im_start|>assistant\\n' -}}
{%- if enable_thinking is defined and enable_thinking is false -%}
{{- '<think>\\n\\n</think>\\n\\n' -}}
{%- endif -%}
{%- endif -%}"""

MISTRAL_TEMPLATE = """\
{{- bos_token -}}
{%- for message in messages -%}
{%- if message.role == 'system' -%}
{{- '[SYSTEM_PROMPT]' -}}
{%- elif message.role == 'user' -%}
{{- '[INST]' -}}
{%- endif -%}
{%- if message.content is string -%}
{{- message.content -}}
{%- else -%}
{%- for block in message.content -%}
{{- '[IMG]' if block.type in ('image', 'image_url') else block.text -}}
{%- endfor -%}
{%- endif -%}
{%- if message.role == 'system' -%}
{{- '[/SYSTEM_PROMPT]' -}}
{%- elif message.role == 'user' -%}
{{- '[/INST]' -}}
{%- else -%}
{{- eos_token -}}
{%- endif -%}
{%- endfor -%}"""


@lru_cache
def language_model(config: TextEncoderConfig, seed: int = 24) -> Any:
    """Return transformers' whole model (head included; vision tower too for Mistral-3) with random weights, fp32."""
    sizes = {
        "vocab_size": config.vocabulary,
        "hidden_size": config.hidden_size,
        "intermediate_size": config.feed_forward_size,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.key_value_heads,
        "head_dim": config.head_dim,
        "rope_theta": config.rope_theta,
        "max_position_embeddings": 4096,
    }
    with torch.random.fork_rng():
        torch.manual_seed(seed)  # transformers draws its own weights first; they are replaced below
        if config.kind == "qwen3":
            # The 4B model ties its head to the embeddings, the 8B one does not; the narrow sibling stands for the 4B.
            tied = config.hidden_size < 40
            model: Any = Qwen3ForCausalLM(Qwen3Config(**sizes, rms_norm_eps=1e-6, tie_word_embeddings=tied))
        else:
            vision = {
                "model_type": "pixtral",
                "hidden_size": 32,
                "intermediate_size": 48,
                "num_hidden_layers": 1,
                "num_attention_heads": 2,
                "head_dim": 16,
                "image_size": 112,
                "patch_size": 14,
            }
            text = {
                "model_type": "mistral",
                **sizes,
                "rms_norm_eps": 1e-5,
                "sliding_window": None,
                "tie_word_embeddings": False,
            }
            model = Mistral3ForConditionalGeneration(
                Mistral3Config(
                    vision_config=vision,
                    text_config=text,
                    image_token_index=10,
                    spatial_merge_size=2,
                    tie_word_embeddings=False,
                )
            )
    randomise(model, seed)
    return model


def write_language_model(
    folder: Path, config: TextEncoderConfig, *, dtype: torch.dtype = torch.float32, shard_size: str = "5GB"
) -> Path:
    """Write config.json and model.safetensors, or shards of at most `shard_size` with their index; return `folder`."""
    model = language_model(config)
    if dtype != torch.float32:
        model = copy.deepcopy(model).to(dtype)  # the cached one stays unrounded
    disable_progress_bar()
    try:
        model.save_pretrained(folder, max_shard_size=shard_size)
    finally:
        enable_progress_bar()
    return folder


def write_tokenizer(folder: Path, kind: str) -> Path:
    """Write the tokenizer folder of Qwen3, or for "mistral3" the whole processor's; return `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    if kind == "qwen3":
        return _write_qwen(folder)
    return _write_mistral(folder)


@lru_cache
def qwen_tokenizer() -> Tokenizer:
    """Return a byte-level tokenizer with Qwen's parts; its special tokens follow the words, as in the real file."""
    made = Tokenizer(models.BPE())
    made.normalizer = normalizers.NFC()
    _train(made, VOCABULARY - len(QWEN_SPECIAL) - len(QWEN_PLAIN_ADDED), [])
    made.post_processor = processors.ByteLevel(trim_offsets=False)
    made.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in QWEN_SPECIAL])
    made.add_tokens([AddedToken(token, normalized=False, special=False) for token in QWEN_PLAIN_ADDED])
    return made


@lru_cache
def mistral_tokenizer() -> Tokenizer:
    """Return a byte-level tokenizer with Mistral's parts; its special tokens come first, as in the real file."""
    made = Tokenizer(models.BPE())
    _train(made, VOCABULARY, [AddedToken(token, normalized=False, special=True) for token in MISTRAL_SPECIAL])
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B:1", special_tokens=[("<s>", MISTRAL_SPECIAL.index("<s>"))]
    )
    return made


def _train(made: Tokenizer, size: int, special: list[AddedToken]) -> None:
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(_WORDS, behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=special,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    made.train_from_iterator(_TRAINING_TEXT, trainer)


def _write_qwen(folder: Path) -> Path:
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=qwen_tokenizer(),
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=["<|im_start|>", "<|im_end|>"],
        model_max_length=131072,
        clean_up_tokenization_spaces=False,
    )
    wrapped.chat_template = QWEN_TEMPLATE
    wrapped.save_pretrained(folder, save_jinja_files=False)  # Qwen3's folder keeps the template in its JSON
    _rewrite(folder / "tokenizer_config.json", tokenizer_class="Qwen2Tokenizer", add_bos_token=False)
    return folder


def _write_mistral(folder: Path) -> Path:
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=mistral_tokenizer(),
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        pad_token="<pad>",
        padding_side="left",
        model_max_length=1_000_000,
        clean_up_tokenization_spaces=False,
    )
    wrapped.chat_template = MISTRAL_TEMPLATE
    wrapped.save_pretrained(folder)  # with the template beside it, as chat_template.jinja
    # The library's own processor imports torchvision, which nothing here needs: its two files are written by hand.
    pictures = {
        "image_processor_type": "PixtralImageProcessorFast",
        "do_convert_rgb": True,
        "do_normalize": True,
        "do_rescale": True,
        "do_resize": True,
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711],
        "patch_size": 14,
        "processor_class": "PixtralProcessor",
        "resample": 3,
        "rescale_factor": 1 / 255,
        "size": {"longest_edge": 112},
    }
    whole = {
        "image_break_token": "[IMG_BREAK]",
        "image_end_token": "[IMG_END]",
        "image_token": "[IMG]",
        "patch_size": 14,
        "processor_class": "PixtralProcessor",
        "spatial_merge_size": 2,
    }
    for name, values in (("preprocessor_config.json", pictures), ("processor_config.json", whole)):
        (folder / name).write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    _rewrite(folder / "tokenizer_config.json", tokenizer_class="LlamaTokenizerFast", legacy=True)
    return folder


def _rewrite(path: Path, **changes: Any) -> None:
    written = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(written | changes, indent=2) + "\n", encoding="utf-8")
