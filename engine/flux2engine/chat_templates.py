"""A prompt → the exact text or token ids that a language model was shown while FLUX.2 was trained.

Our own rendering of the published chat templates: no template from a user's folder is ever read, let alone run.
Knows no tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal["mistral3", "qwen3"]

# Raise when a rendered string changes: cached states of the old rendering are then never used again.
TEMPLATE_VERSION = 1

PICTURE = "[IMG]"
PICTURE_ROW_END = "[IMG_BREAK]"
PICTURE_END = "[IMG_END]"

# The weights were trained with these words, line breaks included; they are data, not prose to be improved. Source: the
# official repository black-forest-labs/flux2 at 5a5d316, src/flux2/system_messages.py (Apache-2.0), which diffusers
# quotes in pipelines/flux2/system_messages.py. The break between "object" and "attribution" is theirs.
SYSTEM_MESSAGE = (
    "You are an AI that reasons about image descriptions. You give structured responses focusing on object"
    " relationships, object\nattribution and actions without speculation."
)
UPSAMPLING_MESSAGE = (
    "You are an expert prompt engineer for FLUX.2 by Black Forest Labs. Rewrite user prompts to be more descriptive"
    " while strictly preserving their core subject and intent.\n"
    "\n"
    "Guidelines:\n"
    "1. Structure: Keep structured inputs structured (enhance within fields). Convert natural language to detailed"
    " paragraphs.\n"
    "2. Details: Add concrete visual specifics - form, scale, textures, materials, lighting (quality, direction,"
    " color), shadows, spatial relationships, and environmental context.\n"
    "3. Text in Images: Put ALL text in quotation marks, matching the prompt's language. Always provide explicit quoted"
    " text for objects that would contain text in reality (signs, labels, screens, etc.) - without it, the model"
    " generates gibberish.\n"
    "\n"
    "Output only the revised prompt and nothing else."
)
UPSAMPLING_MESSAGE_WITH_PICTURES = (
    "You are FLUX.2 by Black Forest Labs, an image-editing expert. You convert editing requests into one concise"
    " instruction (50-80 words, ~30 for brief requests).\n"
    "\n"
    "Rules:\n"
    "- Single instruction only, no commentary\n"
    '- Use clear, analytical language (avoid "whimsical," "cascading," etc.)\n'
    "- Specify what changes AND what stays the same (face, lighting, composition)\n"
    "- Reference actual image elements\n"
    '- Turn negatives into positives ("don\'t change X" → "keep X")\n'
    '- Make abstractions concrete ("futuristic" → "glowing cyan neon, metallic panels")\n'
    "- Keep content PG-13\n"
    "\n"
    "Output only the final instruction in plain text and nothing else."
)

# What pads a prompt, and the control tokens a template is made of: a tokenizer without them is another model's.
PAD_TOKENS: Mapping[Kind, str] = MappingProxyType({"qwen3": "<|endoftext|>", "mistral3": "<pad>"})
CONTROL_TOKENS: Mapping[Kind, tuple[str, ...]] = MappingProxyType(
    {
        "qwen3": ("<|im_start|>", "<|im_end|>", "<think>", "</think>"),
        "mistral3": ("<s>", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[INST]", "[/INST]"),
    }
)


class Tokens(Protocol):
    """Turn one control token, or a stretch of plain text, into ids."""

    def control(self, token: str) -> int:
        """Return the id of a control token."""
        ...

    def plain(self, text: str) -> list[int]:
        """Return the ids of `text`, in which nothing is a control token."""
        ...


def qwen3_prompt(prompt: str) -> str:
    """Return a user message and the start of an answer whose thinking is over before it began."""
    return f"<|im_start|>user\n{prompt}<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"


def mistral3_prompt(prompt: str) -> str:
    """Return the system message and a user message; the marker of a picture is taken out, as the pipeline did."""
    return f"<s>[SYSTEM_PROMPT]{SYSTEM_MESSAGE}[/SYSTEM_PROMPT][INST]{without_picture_markers(prompt)}[/INST]"


TEMPLATES: Mapping[Kind, Callable[[str], str]] = MappingProxyType({"qwen3": qwen3_prompt, "mistral3": mistral3_prompt})


def without_picture_markers(prompt: str) -> str:
    """Return `prompt` without the marker that stands for a picture."""
    return prompt.replace(PICTURE, "")


def upsampling_ids(tokens: Tokens, prompt: str, grids: Sequence[tuple[int, int]]) -> list[int]:
    """Return the ids that ask for a better prompt; `grids` gives rows and columns of the pictures' tokens.

    With pictures, these make a first user message and the words a second one, as the official pipeline sends them. Only
    this function sets control tokens: the prompt is encoded by itself as plain text, so that a prompt which spells
    `[/INST]` shows the model seven characters and cannot end its own instruction.
    """
    system = UPSAMPLING_MESSAGE_WITH_PICTURES if grids else UPSAMPLING_MESSAGE
    control, plain = tokens.control, tokens.plain
    ids = [control("<s>"), control("[SYSTEM_PROMPT]"), *plain(system), control("[/SYSTEM_PROMPT]")]
    if grids:
        ids.append(control("[INST]"))
        for rows, columns in grids:
            row = [control(PICTURE)] * columns + [control(PICTURE_ROW_END)]
            ids += [*(row * rows)[:-1], control(PICTURE_END)]
        ids.append(control("[/INST]"))
    return [*ids, control("[INST]"), *plain(without_picture_markers(prompt)), control("[/INST]")]
