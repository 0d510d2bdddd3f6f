"""The picture gate: everything that decodes comes out upright in sRGB; everything else is a GateError."""

from __future__ import annotations

import io
import struct
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flux2flow.domain.canvas import Canvas
from flux2flow.domain.measures import PixelSize
from flux2flow.errors import GateError
from flux2flow.export.color_profile import srgb_profile
from flux2flow.gates import pictures

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def encoded(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def pixel(data: bytes, x: int, y: int) -> tuple[int, ...]:
    width, _, pixels = pictures.decode_rgba(data)
    return tuple(pixels[(y * width + x) * 4 :][:4])


def quarters() -> Image.Image:
    """Return a 4 × 2 picture: red left half, green right half."""
    picture = Image.new("RGB", (4, 2), RED)
    picture.paste(GREEN, (2, 0, 4, 2))
    return picture


@pytest.mark.parametrize(("kind", "media"), [("PNG", "png"), ("JPEG", "jpeg"), ("WEBP", "webp")])
def test_three_formats_pass_with_their_size(kind: str, media: str) -> None:
    facts = pictures.inspect(encoded(quarters(), kind), f"photo.{media}")
    assert (facts.width, facts.height, facts.media, facts.alpha) == (4, 2, media, False)


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "BMP", "ICO", "PPM"])
def test_other_formats_are_refused_before_a_decoder_sees_them(kind: str) -> None:
    with pytest.raises(GateError, match=r"x\.bin: not a PNG, JPEG or WebP picture"):
        pictures.inspect(encoded(quarters(), kind), "x.bin")


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", ": the file is empty"),
        (b"hello, I am no picture\n", ": it holds text"),
        (b"%PDF-1.7\n", ": it is a PDF"),
        (b"GIF89a\1\0", ": it is a GIF"),
        (b"\0\0\0\x18ftypheic", ": it is a film, HEIC or AVIF"),
        (b"\xff\xfe\xfd\xfc", ""),
        (b"ab\0cd", ""),
    ],
)
def test_a_refused_file_is_told_by_its_beginning(data: bytes, told: str) -> None:
    """The name says picture; what it is instead is said, and nothing is guessed."""
    with pytest.raises(GateError) as caught:
        pictures.inspect(data, "photo.png")
    assert str(caught.value).endswith(f"not a PNG, JPEG or WebP picture{told}")


def test_a_name_that_contradicts_the_bytes_is_refused() -> None:
    with pytest.raises(GateError, match="the name says png, the bytes are jpeg"):
        pictures.inspect(encoded(quarters(), "JPEG"), "photo.png")
    assert pictures.inspect(encoded(quarters(), "JPEG"), "photo.JPG").media == "jpeg"


def test_alpha_means_a_pixel_that_is_not_opaque() -> None:
    opaque = quarters().convert("RGBA")
    assert not pictures.inspect(encoded(opaque), "a.png").alpha
    opaque.putpixel((0, 0), (255, 0, 0, 254))
    assert pictures.inspect(encoded(opaque), "a.png").alpha


@pytest.mark.parametrize(
    ("orientation", "size", "first", "last"),
    [(1, (4, 2), RED, GREEN), (3, (4, 2), GREEN, RED), (6, (2, 4), RED, GREEN), (8, (2, 4), GREEN, RED)],
)
def test_exif_turns_are_applied(
    orientation: int, size: tuple[int, int], first: tuple[int, ...], last: tuple[int, ...]
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(quarters(), exif=exif)
    facts = pictures.inspect(data, "a.png")
    assert (facts.width, facts.height) == size
    assert pixel(data, 0, 0)[:3] == first
    assert pixel(data, size[0] - 1, size[1] - 1)[:3] == last


def swapped_profile() -> bytes:
    """Return a profile whose red is sRGB's blue and the other way round, under a name of its own."""
    profile = srgb_profile().replace("sRGB".encode("utf-16-be"), "BGR!".encode("utf-16-be"))
    return profile.replace(b"rXYZ", b"????").replace(b"bXYZ", b"rXYZ").replace(b"????", b"bXYZ")


def test_an_embedded_profile_is_applied_and_srgb_changes_nothing() -> None:
    red = Image.new("RGB", (2, 2), (200, 40, 10))
    assert pixel(encoded(red, icc_profile=srgb_profile()), 0, 0)[:3] == (200, 40, 10)
    converted = pixel(encoded(red, icc_profile=swapped_profile()), 0, 0)[:3]
    assert np.abs(np.array(converted, int) - (10, 40, 200)).max() <= 2


def test_alpha_survives_a_profile() -> None:
    picture = Image.new("RGBA", (2, 2), (200, 40, 10, 77))
    assert pixel(encoded(picture, icc_profile=swapped_profile()), 1, 1)[3] == 77


def test_an_unreadable_profile_is_refused_with_the_remedy() -> None:
    with pytest.raises(GateError, match="save the picture again as sRGB"):
        pictures.inspect(encoded(quarters(), "JPEG", icc_profile=b"nonsense" * 40), "a.jpg")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_mode_of_png_decodes_to_the_same_grey(mode: str) -> None:
    if mode == "I;16":
        picture = Image.fromarray(np.full((3, 3), 65535, np.uint16))
    else:
        picture = Image.new("RGB", (3, 3), "white").convert(mode)
    assert pixel(encoded(picture), 1, 1) == (255, 255, 255, 255)


def test_sixteen_bit_grey_keeps_its_tone() -> None:
    data = encoded(Image.fromarray(np.full((3, 3), 0x8080, np.uint16)))
    assert pixel(data, 0, 0) == (128, 128, 128, 255)


def test_palette_transparency_becomes_alpha() -> None:
    picture = Image.new("P", (2, 1))
    picture.putpalette([255, 0, 0, 0, 0, 255])
    picture.putpixel((1, 0), 1)
    data = encoded(picture, transparency=0)
    assert pictures.inspect(data, "a.png").alpha
    assert pixel(data, 0, 0)[3] == 0
    assert pixel(data, 1, 0) == (0, 0, 255, 255)


def test_cmyk_jpeg_becomes_rgb() -> None:
    data = encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", quality=100)
    red, green, blue, _ = pixel(data, 4, 4)
    assert red > 200
    assert max(green, blue) < 60


def test_only_the_first_frame_counts() -> None:
    second = Image.new("RGB", (4, 2), BLUE)
    for kind in ("PNG", "WEBP"):
        data = encoded(quarters(), kind, save_all=True, append_images=[second], lossless=True)
        assert pixel(data, 0, 0)[:3] == RED


def header_only(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBB", 13, b"IHDR", width, height, 8, 2, 0, 0, 0) + b"\0" * 40


@pytest.mark.parametrize(("width", "height"), [(16_385, 1), (1, 16_385), (8_001, 8_000), (0, 5)])
def test_size_is_refused_from_the_header(width: int, height: int) -> None:
    with pytest.raises(GateError, match=f"{width}×{height} pixels; at most 16,384 a side and 64 megapixels"):
        pictures.inspect(header_only(width, height), "bomb.png")


def test_a_lying_header_of_allowed_size_is_refused_by_the_decoder() -> None:
    with pytest.raises(GateError, match="cannot decode"):
        pictures.inspect(header_only(8_000, 8_000), "a.png")


def test_a_webp_claiming_a_huge_canvas_is_refused_before_its_decoder_allocates() -> None:
    frames = [Image.new("RGB", (4, 2), color) for color in ("red", "blue")]
    data = bytearray(encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:]))
    assert data[12:16] == b"VP8X"
    data[24:30] = b"\xff\x3f\x00\xff\x3f\x00"
    with pytest.raises(GateError, match="16384×16384"):
        pictures.inspect(bytes(data), "a.webp")


def test_a_file_above_64_megabytes_is_refused_unread() -> None:
    with pytest.raises(GateError, match="64,000,000"):
        pictures.inspect(b"\x89PNG\r\n\x1a\n" + bytes(64_000_000), "a.png")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_cut_anywhere_is_refused_or_whole(kind: str) -> None:
    """No cut of a file leaves as a foreign exception."""
    noise = Image.fromarray(np.random.default_rng(7).integers(0, 255, (24, 24, 3), np.uint8))
    data = encoded(noise, kind)
    refused = 0
    for length in range(0, len(data), max(len(data) // 60, 1)):
        try:
            pictures.inspect(data[:length], "a")
        except GateError:
            refused += 1
    assert refused >= 50


def test_transparent_parts_lie_on_white_on_a_canvas() -> None:
    picture = Image.new("RGBA", (2, 1), (255, 0, 0, 255))
    picture.putpixel((1, 0), (0, 0, 0, 0))
    assert pictures.decode_canvas(encoded(picture)).pixels == bytes((255, 0, 0, 255, 255, 255))


def test_a_canvas_survives_the_store_unchanged() -> None:
    pixels = np.random.default_rng(3).integers(0, 255, (9, 7, 3), np.uint8).tobytes()
    canvas = Canvas(PixelSize(7, 9), pixels)
    data = pictures.encode_png(canvas)
    assert pictures.decode_canvas(data) == canvas
    assert pictures.encode_png(canvas) == data
    assert pictures.decode_canvas(pictures.encode_png(canvas, level=9)) == canvas


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of hostile files is not at hand")
@pytest.mark.parametrize("folder", ["img-pillow-crashers", "png-libpng-crashers"])
def test_hostile_pictures_are_refused_or_decoded_never_crash(folder: str) -> None:
    refused, passed = [], []
    for path in sorted((CORPUS / folder).iterdir()):
        try:
            facts = pictures.inspect(path.read_bytes(), path.stem)
        except GateError:
            refused.append(path.name)
        else:
            passed.append(path.name)
            assert facts.width * facts.height <= pictures.MAX_PIXELS
    assert len(refused) >= 21
    assert all(Path(name).suffix in (".png", ".jpg") for name in passed)


def test_many_threads_leave_the_warning_filters_as_they_were() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(quarters(), "JPEG", exif=exif)
    before = list(warnings.filters)
    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(lambda _: pictures.inspect(data, "a.jpg"), range(200)))
    assert len(set(results)) == 1
    assert list(warnings.filters) == before
