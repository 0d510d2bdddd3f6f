"""A prompt and pictures → a richer prompt, written by the whole of Mistral-3, seeded.

The model's classes are fixed here and configured from checked numbers; of a folder's JSON nothing but numbers is read.
A prompt is data: it cannot close the instruction it stands in. Knows nothing of painting.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from tokenizers import Tokenizer
from torch import Tensor, nn

from flux2engine.chat_templates import PICTURE, PICTURE_END, PICTURE_ROW_END, upsampling_ids
from flux2engine.errors import ManifestError, RequestError, WeightsError
from flux2engine.language_model import language_model_config, load_tokenizer, restore_rotations
from flux2engine.variants import TextEncoderConfig
from flux2engine.weights.checkpoint import WeightSource
from flux2engine.weights.identify import Identified
from flux2engine.weights.layouts import plain_language_model_name
from flux2engine.weights.loading import load_weights

# As the official pipeline asks: diffusers, pipelines/flux2/pipeline_flux2.py, upsample_prompt.
TEMPERATURE = 0.15
MAX_NEW_TOKENS = 512
MAX_INPUT_TOKENS = 2048
MAX_PICTURE_AREA = 768**2
TOP_CANDIDATES = 50  # what transformers samples from where nothing else is said

# CLIP's statistics, which Pixtral was trained with.
_MEAN = np.array([0.48145466, 0.4578275, 0.40821073], dtype=np.float32)
_DEVIATION = np.array([0.26862954, 0.26130258, 0.27577711], dtype=np.float32)

_END = "</s>"
HEAD = "lm_head.weight"
_VISION_THETA = 10_000.0
_SIZE = Field(ge=1, le=1 << 20)
_REMEDY = "; prompt upsampling needs the whole Mistral-Small-3.2-24B-Instruct-2506, as mistralai publishes it"


class Rotation(BaseModel):
    """Read how the vision tower counts positions, as newer files say it."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    rope_theta: float = Field(_VISION_THETA, gt=1)
    rope_type: Literal["axial", "default"] = "axial"


class VisionNumbers(BaseModel):
    """Read the numbers of config.json's vision_config; the rest of it decides nothing here."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    hidden_size: int = _SIZE
    intermediate_size: int = _SIZE
    num_hidden_layers: int = Field(ge=1, le=256)
    num_attention_heads: int = _SIZE
    num_channels: Literal[3] = 3
    image_size: int = Field(ge=28, le=1 << 14)
    patch_size: int = Field(ge=1, le=256)
    hidden_act: Literal["silu", "gelu"] = "gelu"
    rope_theta: float = Field(_VISION_THETA, gt=1)
    rope_parameters: Rotation | None = None

    @property
    def theta(self) -> float:
        """Return the base of the rotary frequencies."""
        return self.rope_parameters.rope_theta if self.rope_parameters else self.rope_theta


class TextNumbers(BaseModel):
    """Read from config.json's text_config how many layers the whole model has; its shape comes from the weights."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    num_hidden_layers: int = Field(ge=1, le=1024)


class Mistral3Numbers(BaseModel):
    """Read the numbers of config.json that decide the picture side of Mistral-3."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    vision_config: VisionNumbers
    text_config: TextNumbers
    spatial_merge_size: int = Field(2, ge=1, le=16)
    vision_feature_layer: int = Field(-1, ge=-256, le=256)
    projector_hidden_act: Literal["silu", "gelu"] = "gelu"
    multimodal_projector_bias: bool = False
    tie_word_embeddings: bool = False  # then a file may leave the output head out


@dataclass(frozen=True)
class Upsampled:
    """Hold what became of one prompt."""

    original: str
    text: str  # the original, if there is a problem
    token_count: int  # of the answer
    problem: str = ""  # why the answer was not used


@dataclass(frozen=True)
class PreparedPicture:
    """Hold a picture as the vision tower takes it."""

    pixels: Tensor  # (1, 3, H, W), float32
    grid: tuple[int, int]  # rows and columns of tokens after merging


class PlainTokens:
    """Encode text in which nothing is a control token, and control tokens by name."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._tokenizer.encode_special_tokens = True  # "[/INST]" in a text is seven characters
        self._control_ids = {
            index for index, token in tokenizer.get_added_tokens_decoder().items() if _is_control(token)
        }

    def control(self, token: str) -> int:
        """Return the id of a control token."""
        index = self._tokenizer.token_to_id(token)
        if index is None:
            raise ValueError(f"the tokenizer has no {token}")
        return index

    def knows(self, token: str) -> bool:
        """Whether the tokenizer has a control token."""
        return self._tokenizer.token_to_id(token) is not None

    def plain(self, text: str) -> list[int]:
        """Return the ids of `text`; raise RequestError if a control token came out of it all the same."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        if not self._control_ids.isdisjoint(ids):
            raise RequestError("the prompt spells a control token of the language model; write it another way")
        return ids

    def text(self, ids: Sequence[int]) -> str:
        """Return the text of `ids` without control tokens and outer blanks."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=True)).strip()


class PromptUpsampler:
    """Rewrite prompts with a language model that sees pictures; equal seeds give equal answers on a CPU."""

    def __init__(
        self,
        model: nn.Module,
        tokens: PlainTokens,
        numbers: Mistral3Numbers,
        bytes_moved: int,
        temperature: float = TEMPERATURE,
        max_new_tokens: int = MAX_NEW_TOKENS,
    ) -> None:
        self.model = model
        self.tokens = tokens
        self.numbers = numbers
        self.bytes_moved = bytes_moved
        self.temperature = temperature  # 0 always takes the likeliest token
        self.max_new_tokens = max_new_tokens

    def upsample(self, prompt: str, pictures: Sequence[Image.Image], seed: int) -> Upsampled:
        """Return a richer prompt, or the prompt itself and why.

        Raise RequestError if prompt and pictures together are longer than the model is asked to read.
        """
        picture = self.prepared(pictures)
        ids = upsampling_ids(self.tokens, prompt, [picture.grid] if picture else [])
        if len(ids) > MAX_INPUT_TOKENS:
            raise RequestError(f"the prompt takes {len(ids)} tokens with its frame, more than {MAX_INPUT_TOKENS}")
        answer, ended = self.answer(ids, picture, seed)
        text = self.tokens.text(answer)
        if not ended:
            return Upsampled(prompt, prompt, len(answer), f"the answer did not end within {self.max_new_tokens} tokens")
        if not text:
            return Upsampled(prompt, prompt, len(answer), "the answer was empty")
        return Upsampled(prompt, text, len(answer))

    @torch.inference_mode()
    def answer(self, ids: Sequence[int], picture: PreparedPicture | None, seed: int) -> tuple[list[int], bool]:
        """Continue `ids`; return the new ids and whether the model ended by itself."""
        device = next(self.model.parameters()).device
        generator = torch.Generator().manual_seed(seed)
        end = self.tokens.control(_END)
        sight: dict[str, Any] = {}
        if picture:
            sight = {"pixel_values": picture.pixels.to(device), "image_sizes": [tuple(picture.pixels.shape[-2:])]}
        prefix = torch.tensor([list(ids)], device=device)
        output = self.model(input_ids=prefix, use_cache=True, logits_to_keep=1, **sight)
        answer: list[int] = []
        while len(answer) < self.max_new_tokens:
            token = self._choose(output.logits[0, -1], generator)
            if token == end:
                return answer, True
            answer.append(token)
            latest = torch.tensor([[token]], device=device)
            output = self.model(input_ids=latest, past_key_values=output.past_key_values, use_cache=True)
        return answer, False

    def _choose(self, logits: Tensor, generator: torch.Generator) -> int:
        logits = logits.float().cpu()  # the dice are thrown on the CPU, so that a seed means the same everywhere
        if not torch.isfinite(logits).all():
            raise WeightsError("the language model's answer is not finite; bfloat16 has the range")
        if self.temperature == 0:
            return int(logits.argmax())
        logits = logits / self.temperature
        least = logits.topk(min(TOP_CANDIDATES, logits.numel())).values[-1]
        chances = logits.masked_fill(logits < least, -math.inf).softmax(dim=-1)
        return int(torch.multinomial(chances, 1, generator=generator))

    def prepared(self, pictures: Sequence[Image.Image]) -> PreparedPicture | None:
        """Return the pictures as the one that the model is shown; None for no pictures."""
        if not pictures:
            return None
        vision = self.numbers.vision_config
        return prepare_picture(
            side_by_side(pictures), vision.image_size, vision.patch_size * self.numbers.spatial_merge_size
        )


def load_upsampler(
    checkpoint: WeightSource,
    found: Identified,
    tokenizer_file: Path,
    config: Mapping[str, Any],
    device: torch.device,
    dtype: torch.dtype | None,
) -> PromptUpsampler:
    """Load the whole of Mistral-3; `config` is the parsed config.json that stands beside its weights.

    Raise WeightsError for an encoder that was cut down to what painting needs, and ManifestError for numbers or a
    tokenizer that cannot serve.
    """
    shape = found.shape
    if not isinstance(shape, TextEncoderConfig) or shape.kind != "mistral3":
        what = shape.kind if isinstance(shape, TextEncoderConfig) else found.kind
        raise WeightsError(f"{what} weights cannot rewrite prompts{_REMEDY}")
    lacking = _lacking(checkpoint.forms, shape, config)
    if lacking:
        raise WeightsError(f"this text encoder was cut down, it has {', '.join(lacking)}{_REMEDY}")
    numbers = _numbers(config)
    tokens = PlainTokens(load_tokenizer(tokenizer_file, shape))
    absent = [token for token in (_END, PICTURE, PICTURE_ROW_END, PICTURE_END) if not tokens.knows(token)]
    if absent:
        raise ManifestError(f"{tokenizer_file} lacks {', '.join(absent)}{_REMEDY}")
    tied = HEAD not in map(plain_language_model_name, checkpoint.forms)
    model = build_mistral3(shape, numbers, tokens.control(PICTURE), tied=tied)
    bytes_moved = load_weights(model, checkpoint, found, device, dtype)
    restore_rotations(model, device)
    return PromptUpsampler(model, tokens, numbers, bytes_moved)


def build_mistral3(
    shape: TextEncoderConfig, numbers: Mistral3Numbers, image_token: int, *, tied: bool = False
) -> nn.Module:
    """Return the whole model on the meta device; `tied` uses the embeddings as output head too."""
    from transformers import Mistral3Config, Mistral3ForConditionalGeneration, PixtralVisionConfig

    vision = numbers.vision_config
    tower: dict[str, Any] = vision.model_dump(exclude={"rope_theta", "rope_parameters"}) | {
        "rope_parameters": {"rope_type": "axial", "rope_theta": vision.theta},
        "attn_implementation": "sdpa",
    }
    whole: dict[str, Any] = {
        "vision_config": PixtralVisionConfig(**tower),
        "text_config": language_model_config(shape, shape.layers),
        "image_token_index": image_token,
        "projector_hidden_act": numbers.projector_hidden_act,
        "vision_feature_layer": numbers.vision_feature_layer,
        "multimodal_projector_bias": numbers.multimodal_projector_bias,
        "spatial_merge_size": numbers.spatial_merge_size,
        "tie_word_embeddings": tied,
        "attn_implementation": "sdpa",
    }
    with torch.device("meta"):
        model = Mistral3ForConditionalGeneration(Mistral3Config(**whole))
    if tied:
        model.lm_head.weight = model.model.language_model.embed_tokens.weight
    made: nn.Module = model
    return made.eval().requires_grad_(False)


def side_by_side(pictures: Sequence[Image.Image]) -> Image.Image:
    """Join pictures in one row on white, middles aligned, shrunk to 768² pixels if there are more.

    Transparent pixels show white, where the official pipeline shows whatever colour lies under them.
    """
    flat = [_flattened(picture) for picture in pictures]
    joined = Image.new("RGB", (sum(each.width for each in flat), max(each.height for each in flat)), (255, 255, 255))
    left = 0
    for each in flat:
        joined.paste(each, (left, (joined.height - each.height) // 2))
        left += each.width
    area = joined.width * joined.height
    if area <= MAX_PICTURE_AREA:
        return joined
    scale = math.sqrt(MAX_PICTURE_AREA / area)
    size = max(1, int(joined.width * scale)), max(1, int(joined.height * scale))
    return joined.resize(size, Image.Resampling.LANCZOS)


def prepare_picture(picture: Image.Image, longest: int, cell: int) -> PreparedPicture:
    """Resize to whole cells of `cell` pixels, at most `longest` a side, and normalise as Pixtral was trained."""
    ratio = max(picture.width / longest, picture.height / longest, 1.0)
    columns, rows = (math.ceil(max(1, math.floor(side / ratio)) / cell) for side in (picture.width, picture.height))
    resized = picture.resize((columns * cell, rows * cell), Image.Resampling.BICUBIC)
    values = (np.asarray(resized, dtype=np.float32) / 255 - _MEAN) / _DEVIATION
    pixels = torch.from_numpy(values.transpose(2, 0, 1).copy())[None]
    return PreparedPicture(pixels, (rows, columns))


def _flattened(picture: Image.Image) -> Image.Image:
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    layer = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, (255, 255, 255, 255)), layer).convert("RGB")


def _is_control(token: Any) -> bool:
    return bool(token.special)


def _lacking(forms: Iterable[str], shape: TextEncoderConfig, config: Mapping[str, Any]) -> list[str]:
    """Say what the file lacks of the whole model, in words."""
    present = set(map(plain_language_model_name, forms))
    lacking = []
    if not any(name.startswith("vision_tower.") for name in present):
        lacking.append("no vision tower")
    if not any(name.startswith("multi_modal_projector.") for name in present):
        lacking.append("no projector between vision tower and language model")
    if HEAD not in present and config.get("tie_word_embeddings") is not True:
        lacking.append("no output head")
    if "norm.weight" not in present:
        lacking.append("no final norm")
    text = config.get("text_config")
    layers = text.get("num_hidden_layers") if isinstance(text, Mapping) else None
    if isinstance(layers, int) and shape.layers < layers:
        lacking.append(f"{shape.layers} of {layers} layers")
    return lacking


def _numbers(config: Mapping[str, Any]) -> Mistral3Numbers:
    try:
        numbers = Mistral3Numbers.model_validate(config)
    except ValidationError as error:
        reasons = "; ".join(f"{'.'.join(map(str, item['loc'])) or 'file'}: {item['msg']}" for item in error.errors())
        raise ManifestError(f"config.json of the language model: {reasons}{_REMEDY}") from error
    vision = numbers.vision_config
    if vision.hidden_size % vision.num_attention_heads:
        raise ManifestError("config.json of the language model: vision_config.hidden_size is no multiple of its heads")
    return numbers
