"""Reference pictures → tokens and position ids the transformer can attend to, by the official preparation rules.

RGB, at least 64 px and at most 8:1, shrunk (never enlarged) to an area, cropped to multiples of 16 around the centre.
Three steps that can be taken apart and kept: prepare, encode one picture, assemble a batch. Knows nothing of prompts or
sampling.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.nn import functional

from flux2engine import latents
from flux2engine.autoencoder import Autoencoder
from flux2engine.errors import ReferencePictureError, RequestError
from flux2engine.latents import ReferenceTokens
from flux2engine.variants import PIXELS_PER_TOKEN, TOKEN_CHANNELS, ModelVariant

MIN_SIDE = 64
MAX_ASPECT = 8
WHITE = (255, 255, 255)
SHARE_SHOWN = 29 / 32  # of a framed reference's side: how long the longer side of what it shows is
_SEEN = 12  # of 255: alpha above this belongs to what a cut-out shows


@dataclass(frozen=True)
class ReferenceLimits:
    """Say how many references a model takes and how large each may be, in pixels of area."""

    max_count: int
    area_single: int
    area_several: int
    matte: tuple[int, int, int] = WHITE  # what stands behind transparent pixels
    area_base: int | None = None  # of a picture that is edited; None: as of any other
    framed: bool = False  # transparent pictures are cropped to what they show, and centred on a square of `matte`

    @classmethod
    def of(cls, variant: ModelVariant, matte: tuple[int, int, int] | None = None) -> ReferenceLimits:
        """Return what a model takes; transparency stands on white unless another `matte` is given."""
        single, several = variant.reference_area_single, variant.reference_area_several
        return cls(variant.max_references, single, several, matte or WHITE, variant.base_area, variant.frames_cut_outs)


def prepare_references(
    pictures: Sequence[Image.Image], limits: ReferenceLimits, based: bool = False
) -> list[Image.Image]:
    """Return the pictures as the model will see them; raise by the 1-based number that prompts use.

    `based`: the first one is not only shown, it is edited.
    """
    if len(pictures) > limits.max_count:
        raise RequestError(f"{len(pictures)} references, and this model takes at most {limits.max_count}")
    area = limits.area_single if len(pictures) == 1 else limits.area_several
    areas = [limits.area_base if based and not index and limits.area_base else area for index in range(len(pictures))]
    framed = [limits.framed and not (based and not index) for index in range(len(pictures))]
    flat = [(frame if own else flatten)(picture, limits.matte) for picture, own in zip(pictures, framed, strict=True)]
    counted = enumerate(zip(flat, areas, strict=True), start=1)
    return [_prepared(picture, index, own) for index, (picture, own) in counted]


def picture_bytes(prepared: Image.Image) -> bytes:
    """Return what a prepared picture's latents depend on beside the autoencoder: its size and pixels."""
    return b"%d %d " % prepared.size + prepared.tobytes()


@torch.no_grad()
def encode_picture(autoencoder: Autoencoder, prepared: Image.Image, device: torch.device) -> Tensor:
    """Encode one prepared picture by itself; return packed, normalised latents (1, 128, h, w) in fp32."""
    statistics = autoencoder.bn
    packed = latents.patchify(autoencoder.encode(pixels(prepared).to(device)))
    return latents.normalise(packed, statistics.running_mean, statistics.running_var).float()


def assemble(items: Sequence[Sequence[Tensor]], within: int | None = None) -> ReferenceTokens | None:
    """Join each item's packed latents, in the order of its references; return None if no item has any.

    `within` is the model's `positions_within`.
    """
    device = next((packed.device for pictures in items for packed in pictures), None)
    if device is None:
        return None
    nothing = torch.zeros(0, TOKEN_CHANNELS, device=device)
    tokens = [torch.cat([nothing, *(latents.to_tokens(packed)[0] for packed in pictures)]) for pictures in items]
    sizes = [[(packed.shape[2], packed.shape[3]) for packed in pictures] for pictures in items]
    ids = [latents.reference_ids(own, within) for own in sizes]
    lengths = torch.tensor([len(own) for own in tokens], device=device)
    longest = max(len(own) for own in tokens)
    mask = torch.arange(longest, device=device) < lengths[:, None]
    return ReferenceTokens(
        tokens=torch.stack([functional.pad(own, (0, 0, 0, longest - len(own))) for own in tokens]),
        ids=torch.stack([functional.pad(own, (0, 0, 0, longest - len(own))) for own in ids]).to(device),
        mask=None if bool(mask.all()) else mask,
    )


def pixels(picture: Image.Image) -> Tensor:
    """Turn an RGB picture into pixels (1, 3, H, W) in [0, 1]."""
    array = torch.from_numpy(np.array(picture, dtype=np.uint8))
    return array.permute(2, 0, 1)[None].float() / 255


def flatten(picture: Image.Image, matte: tuple[int, int, int] = WHITE) -> Image.Image:
    """Turn any mode into RGB, upright, with transparency set on `matte`."""
    upright = ImageOps.exif_transpose(picture)
    if upright.mode.startswith("I"):  # 16 bits a channel: Pillow's own conversion clips instead of scaling
        upright = Image.fromarray((np.asarray(upright).clip(0, 65535) >> 8).astype(np.uint8))
    if upright.has_transparency_data:
        layer = upright.convert("RGBA")
        ground = Image.new("RGBA", layer.size, (*matte, 255))
        upright = Image.alpha_composite(ground, layer)
    return upright.convert("RGB")


def frame(picture: Image.Image, matte: tuple[int, int, int] = WHITE) -> Image.Image:
    """Show what a transparent picture holds centred on a square of `matte`; any other as `flatten` does."""
    if not picture.has_transparency_data:
        return flatten(picture, matte)
    layer = ImageOps.exif_transpose(picture).convert("RGBA")
    seen = layer.getchannel("A").point(lambda value: 255 if value > _SEEN else 0).getbbox()
    if seen is None:
        return flatten(picture, matte)
    shown = layer.crop(seen)
    return centred(shown, max(MIN_SIDE, math.ceil(max(shown.size) / SHARE_SHOWN)), matte)


def centred(shown: Image.Image, side: int, ground: tuple[int, int, int]) -> Image.Image:
    """Return a transparent picture (RGBA) in the middle of a plain square of this side, RGB."""
    square = Image.new("RGB", (side, side), ground)
    square.paste(shown, ((side - shown.width) // 2, (side - shown.height) // 2), shown)
    return square


def _prepared(rgb: Image.Image, index: int, area: int) -> Image.Image:
    width, height = rgb.size
    if min(width, height) < MIN_SIDE:
        raise ReferencePictureError(index, f"{width} × {height} px; both sides must be at least {MIN_SIDE} px")
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise ReferencePictureError(index, f"{width} × {height} px is more extreme than {MAX_ASPECT}:1; crop it first")
    if width * height > area:
        scale = math.sqrt(area / (width * height))
        rgb = rgb.resize((int(width * scale), int(height * scale)), Image.Resampling.LANCZOS)
    return _centre_crop(rgb, index)


def _centre_crop(rgb: Image.Image, index: int) -> Image.Image:
    width, height = (side // PIXELS_PER_TOKEN * PIXELS_PER_TOKEN for side in rgb.size)
    if not width or not height:
        raise ReferencePictureError(index, f"nothing is left of it at {rgb.width} × {rgb.height} px; use a wider crop")
    left, top = (rgb.width - width) // 2, (rgb.height - height) // 2
    return rgb.crop((left, top, left + width, top + height))
