"""Reference pictures are prepared by the official rules, and refused by number where they break one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from flux2engine.autoencoder import Autoencoder
from flux2engine.errors import ReferencePictureError, RequestError
from flux2engine.latents import ReferenceTokens
from flux2engine.pipeline import Flux2Pipeline
from flux2engine.references import (
    ReferenceLimits,
    assemble,
    encode_picture,
    flatten,
    frame,
    picture_bytes,
    prepare_references,
)
from flux2engine.variants import VARIANTS

LIMITS = ReferenceLimits(max_count=10, area_single=2024 * 2024, area_several=1024 * 1024)


def encode_references(
    autoencoder: Autoencoder, batch: list[list[Image.Image]], limits: ReferenceLimits, device: torch.device
) -> ReferenceTokens | None:
    """Take each item's references all the way."""
    prepared = [prepare_references(pictures, limits) for pictures in batch]
    return assemble([[encode_picture(autoencoder, one, device) for one in item] for item in prepared])


def picture(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """Return a plain picture."""
    return Image.new(mode, (width, height), 128 if mode in ("L", "I;16") else None)


@pytest.mark.parametrize(
    ("count", "size", "expected"),
    [
        (1, (3000, 2000), (2464, 1648)),  # 2478 × 1652 by the single cap, then multiples of 16
        (2, (3000, 2000), (1248, 832)),  # 1254 × 836 by the cap for several
        (1, (2024, 2024), (2016, 2016)),
        (1, (64, 64), (64, 64)),
        (1, (100, 512), (96, 512)),
        (2, (640, 480), (640, 480)),
    ],
)
def test_sizes(count: int, size: tuple[int, int], expected: tuple[int, int]) -> None:
    """Sizes follow the caps: shrunk, never enlarged, cut to multiples of 16."""
    assert [prepared.size for prepared in prepare_references([picture(*size)] * count, LIMITS)] == [expected] * count


@pytest.mark.parametrize(
    ("size", "words"), [((63, 100), "at least 64"), ((100, 63), "at least 64"), ((900, 100), "8:1"), ((64, 513), "8:1")]
)
def test_refusals_name_the_picture(size: tuple[int, int], words: str) -> None:
    """A picture that is too small or too long is named by the number that prompts use."""
    with pytest.raises(ReferencePictureError, match=f"reference 2: .*{words}") as caught:
        prepare_references([picture(100, 100), picture(*size)], LIMITS)
    assert caught.value.index == 2


def test_the_table_has_the_official_caps() -> None:
    """Every large model takes 2024² alone and 1024² each."""
    large = [row for name, row in VARIANTS.items() if name != "nano"]
    assert {(row.reference_area_single, row.reference_area_several) for row in large} == {(2024**2, 1024**2)}


def test_the_extremes_are_allowed() -> None:
    """The control: 64 px and exactly 8:1 pass."""
    assert prepare_references([picture(64, 512)], LIMITS)[0].size == (64, 512)


def test_a_picture_that_is_edited_may_be_larger() -> None:
    """Where a model has an area for it, only an edited picture takes it; without one it is like any other."""
    limits = replace(LIMITS, area_single=64 * 64, area_several=64 * 64, area_base=128 * 128)
    pictures = [picture(256, 256), picture(256, 256)]
    assert [one.size for one in prepare_references(pictures, limits, based=True)] == [(128, 128), (64, 64)]
    assert [one.size for one in prepare_references(pictures, limits)] == [(64, 64), (64, 64)]
    none = replace(limits, area_base=None)
    assert [one.size for one in prepare_references(pictures, none, based=True)] == [(64, 64), (64, 64)]


def test_the_count_is_bounded() -> None:
    """Ten are taken, eleven are refused."""
    assert len(prepare_references([picture(64, 64)] * 10, LIMITS)) == 10
    with pytest.raises(RequestError, match="11 references"):
        prepare_references([picture(64, 64)] * 11, LIMITS)


def test_transparency_stands_on_the_matte() -> None:
    """Half-transparent red on a blue matte is purple; on white it is pink; opaque colours stay."""
    red = Image.new("RGBA", (64, 64), (255, 0, 0, 128))
    assert flatten(red, (0, 0, 255)).getpixel((0, 0)) == (128, 0, 127)
    assert flatten(red).getpixel((0, 0)) == (255, 127, 127)
    assert flatten(Image.new("RGBA", (64, 64), (9, 8, 7, 255)), (0, 0, 255)).getpixel((0, 0)) == (9, 8, 7)


def test_a_cut_out_is_framed_for_a_model_that_wants_it() -> None:
    """Its ink lies centred on a square of the matte, as long as training showed it; what is opaque stays as it is."""
    cut_out = Image.new("RGBA", (400, 300), (0, 0, 0, 0))
    cut_out.paste((255, 0, 0, 255), (300, 10, 358, 39))  # 58 × 29 in a corner
    framed = frame(cut_out, (0, 0, 255))
    assert framed.size == (64, 64)
    red = np.asarray(framed)[..., 0] > 128
    rows, columns = np.flatnonzero(red.any(1)), np.flatnonzero(red.any(0))
    assert (rows[0], rows[-1], columns[0], columns[-1]) == (17, 45, 3, 60)
    assert framed.getpixel((0, 0)) == (0, 0, 255)
    assert frame(picture(80, 64), (0, 0, 255)).size == (80, 64)
    assert frame(Image.new("RGBA", (70, 64), (0, 0, 0, 0))).size == (70, 64)  # nothing is seen

    framing = replace(LIMITS, framed=True, matte=(0, 0, 255))
    first, second = prepare_references([cut_out, cut_out], framing, based=True)
    assert (first.size, second.size) == ((400, 288), (64, 64))  # what is edited is never cropped to its ink
    assert prepare_references([cut_out], LIMITS)[0].size == (400, 288)


def test_other_modes() -> None:
    """Palettes with transparency, grey, 16 bits and CMYK become RGB without surprises."""
    palette = Image.new("P", (64, 64), 0)
    palette.putpalette([10, 20, 30] * 256)
    palette.info["transparency"] = 0
    assert flatten(palette).getpixel((0, 0)) == (255, 255, 255)
    assert flatten(Image.new("L", (64, 64), 77)).getpixel((0, 0)) == (77, 77, 77)
    deep = Image.fromarray(np.full((64, 64), 0x8040, dtype=np.uint16))
    assert flatten(deep).getpixel((0, 0)) == (128, 128, 128)
    assert flatten(Image.new("CMYK", (64, 64), (0, 0, 0, 0))).getpixel((0, 0)) == (255, 255, 255)


def test_orientation_is_applied() -> None:
    """A photograph that says it lies on its side is stood up."""
    lying = picture(80, 64)
    lying.getexif()[0x0112] = 6
    assert flatten(lying).size == (64, 80)
    assert flatten(picture(80, 64)).size == (80, 64)


def test_limits_of_a_model() -> None:
    """A model's row says what it takes; nothing else decides."""
    assert ReferenceLimits.of(VARIANTS["dev"]) == LIMITS
    assert ReferenceLimits.of(VARIANTS["klein-4b"], (0, 0, 0)) == ReferenceLimits(4, 2024**2, 1024**2, (0, 0, 0))


def test_the_bytes_of_a_picture() -> None:
    """Size and pixels name a prepared picture: two shapes of the same pixels are two pictures."""
    wide, tall = picture(128, 64), picture(64, 128)
    assert wide.tobytes() == tall.tobytes()
    assert picture_bytes(wide) != picture_bytes(tall)
    assert picture_bytes(wide) == picture_bytes(wide.copy())
    touched = wide.copy()
    touched.putpixel((5, 5), (0, 0, 1))
    assert picture_bytes(touched) != picture_bytes(wide)


def test_the_steps_can_be_taken_apart(pipeline: Flux2Pipeline) -> None:
    """Latents of each picture, kept and assembled later in any batch, are what encoding the batch gives."""
    device = torch.device("cpu")
    one, two = prepare_references([picture(64, 80), picture(96, 64)], LIMITS)
    packed = {name: encode_picture(pipeline.autoencoder, it, device) for name, it in (("one", one), ("two", two))}
    assert [tuple(kept.shape) for kept in packed.values()] == [(1, 128, 5, 4), (1, 128, 4, 6)]
    assert not packed["one"].requires_grad
    assembled = assemble([[packed["two"], packed["one"]], [packed["one"]]])
    at_once = encode_references(pipeline.autoencoder, [[two, one], [one]], LIMITS, device)
    assert assembled is not None
    assert at_once is not None
    for ours, theirs in zip(vars(assembled).values(), vars(at_once).values(), strict=True):
        assert torch.equal(ours, theirs)
    other = assemble([[packed["one"], packed["two"]], [packed["one"]]])
    assert other is not None
    assert not torch.equal(other.tokens, assembled.tokens)
    assert assemble([[], []]) is None


def test_encoding_pads_and_masks(pipeline: Flux2Pipeline) -> None:
    """Items with different references share a batch; padding is marked and has its place."""
    batch = [[picture(64, 64)], [], [picture(64, 80), picture(96, 64)]]
    encoded = encode_references(pipeline.autoencoder, batch, LIMITS, torch.device("cpu"))
    assert encoded is not None
    assert encoded.mask is not None
    assert encoded.tokens.shape == (3, 44, 128)
    assert encoded.mask.sum(1).tolist() == [16, 0, 44]
    assert encoded.ids[2, 0].tolist() == [10, 0, 0, 0]
    assert encoded.ids[2, 19].tolist() == [10, 4, 3, 0]
    assert encoded.ids[2, 20].tolist() == [20, 0, 0, 0]
    alone = encode_references(pipeline.autoencoder, [[picture(64, 64)]], LIMITS, torch.device("cpu"))
    assert alone is not None
    assert alone.mask is None
    assert torch.equal(alone.tokens[0], encoded.tokens[0, :16])
    assert encode_references(pipeline.autoencoder, [[], []], LIMITS, torch.device("cpu")) is None
