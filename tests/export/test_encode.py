"""Encoded files: within budget and above the floor, tagged sRGB and with provenance, the same bytes every time."""

from __future__ import annotations

import io
import math
import struct
import zlib
from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import fromstring

import numpy as np
import pytest
from PIL import Image, ImageCms

from flux2flow.domain.asset import EncodedFile
from flux2flow.domain.canvas import Canvas
from flux2flow.domain.format import Format, Media
from flux2flow.domain.measures import PixelSize
from flux2flow.errors import ExportError
from flux2flow.export import encode
from flux2flow.export.color_profile import srgb_profile
from flux2flow.export.jpeg import FLOOR_QUALITY, TARGET_QUALITY, JpegExporter
from flux2flow.export.measuring import best_quality, psnr
from flux2flow.export.png import PALETTE_FLOOR, PngExporter
from flux2flow.export.provenance import DIGITAL_SOURCE_TYPE, xmp_packet
from flux2flow.export.webp import WebpExporter
from flux2flow.gates import pictures

DSC = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"
WIDTH, HEIGHT = 320, 200


def canvas_of(pixels: np.ndarray) -> Canvas:
    return Canvas(PixelSize(pixels.shape[1], pixels.shape[0]), np.clip(pixels, 0, 255).astype(np.uint8).tobytes())


@pytest.fixture(scope="module")
def photo() -> Canvas:
    """Paint soft shapes with a grain, as plates have."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    base = np.stack([128 + 100 * np.sin(x / 37 + y / 51), 128 + 90 * np.cos(y / 23), 120 + x / 4], axis=2)
    return canvas_of(base + np.random.default_rng(11).normal(0, 3, (HEIGHT, WIDTH, 1)))


@pytest.fixture(scope="module")
def noise() -> Canvas:
    return canvas_of(np.random.default_rng(12).integers(0, 256, (HEIGHT, WIDTH, 3)))


@pytest.fixture(scope="module")
def chart() -> Canvas:
    """Paint flat bars on one ground."""
    pixels = np.full((HEIGHT, WIDTH, 3), (250, 246, 240))
    for bar in range(5):
        pixels[20 + 30 * bar : 40 + 30 * bar, 20 : 80 + 40 * bar] = (196, 101, 58)
    return canvas_of(pixels)


def format_of(*media: Media, max_bytes: int | None = None) -> Format:
    return Format(id="test/format", width=WIDTH, height=HEIGHT, media=media, max_bytes=max_bytes)


def opened(file: EncodedFile) -> Any:
    return Image.open(io.BytesIO(file.data))


def chunks(data: bytes) -> list[bytes]:
    """Return the chunk names of a PNG, in order."""
    names, at = [], 8
    while at < len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        names.append(name)
        at += 12 + length
    return names


def xmp_of(file: EncodedFile) -> bytes:
    info = opened(file).info
    found = info.get("xmp") or info.get("XML:com.adobe.xmp")
    return found if isinstance(found, bytes) else str(found).encode()


ALL: tuple[Media, ...] = ("png", "jpeg", "webp")


@pytest.mark.parametrize("media", ALL)
def test_each_type_decodes_to_nearly_the_canvas(media: Media, photo: Canvas) -> None:
    file = encode(photo, format_of(media), {})
    assert file.media == media
    decoded = pictures.decode_canvas(file.data)
    assert decoded.size == photo.size
    assert psnr(photo, file.data) >= (math.inf if media == "png" else 36)
    assert pictures.inspect(file.data, f"a.{media}").media == media


@pytest.mark.parametrize("media", ALL)
def test_each_type_states_the_digital_source_type(media: Media, photo: Canvas) -> None:
    description = fromstring(xmp_of(encode(photo, format_of(media), {}))).find(".//{*}Description")
    assert description is not None
    assert description.get(DSC) == DIGITAL_SOURCE_TYPE
    assert DIGITAL_SOURCE_TYPE.endswith("/compositeWithTrainedAlgorithmicMedia")


@pytest.mark.parametrize("media", ALL)
def test_each_type_is_tagged_srgb(media: Media, photo: Canvas) -> None:
    file = encode(photo, format_of(media), {})
    if media == "png":
        assert b"sRGB" in chunks(file.data)
        assert opened(file).info["srgb"] == 0
    else:
        assert opened(file).info["icc_profile"] == srgb_profile()


@pytest.mark.parametrize("media", ALL)
def test_no_time_and_no_exif_and_the_same_bytes_twice(media: Media, photo: Canvas) -> None:
    file = encode(photo, format_of(media), {"title": "x"})
    assert file == encode(photo, format_of(media), {"title": "x"})
    assert file.data != encode(photo, format_of(media), {"title": "y"}).data
    assert "exif" not in opened(file).info
    if media == "png":
        assert set(chunks(file.data)) == {b"IHDR", b"sRGB", b"iTXt", b"IDAT", b"IEND"}
    assert b"Date" not in xmp_of(file)


def test_jpeg_keeps_full_chroma(photo: Canvas) -> None:
    data = encode(photo, format_of("jpeg"), {}).data
    frame = data.index(b"\xff\xc0")
    assert [data[frame + 11 + 3 * component] for component in range(3)] == [0x11, 0x11, 0x11]


def coloured_strokes() -> Canvas:
    """Return red strokes one pixel wide on blue, with a grain."""
    pixels = np.full((HEIGHT, WIDTH, 3), (20, 40, 160))
    pixels[:, ::8] = (230, 30, 40)
    return canvas_of(pixels + np.random.default_rng(4).normal(0, 2, (HEIGHT, WIDTH, 1)))


def test_red_type_on_blue_stays_red_in_jpeg() -> None:
    """One-pixel strokes: 4:2:0 would wash them out; the control shows that."""
    stripes = coloured_strokes()
    ours = pictures.decode_canvas(encode(stripes, format_of("jpeg"), {}).data)
    out = io.BytesIO()
    Image.frombytes("RGB", (WIDTH, HEIGHT), stripes.pixels).save(out, "JPEG", quality=92, subsampling=2)
    washed = pictures.decode_canvas(out.getvalue())
    red = [np.frombuffer(c.pixels, np.uint8).reshape(HEIGHT, WIDTH, 3)[:, ::8, 0].mean() for c in (ours, washed)]
    assert red[0] > 215
    assert red[1] < 190


# Budgets


def test_a_photo_becomes_jpeg_and_a_chart_becomes_png(photo: Canvas, chart: Canvas) -> None:
    assert encode(photo, format_of("png", "jpeg"), {}).media == "jpeg"
    flat = encode(chart, format_of("png", "jpeg"), {})
    assert flat.media == "png"
    assert psnr(chart, flat.data) == math.inf


def test_without_a_limit_jpeg_takes_its_target_quality(photo: Canvas) -> None:
    assert encode(photo, format_of("jpeg"), {}).quality == TARGET_QUALITY


@pytest.mark.parametrize("media", ["jpeg", "webp"])
def test_a_tight_limit_lowers_the_quality_no_further_than_needed(media: Media, photo: Canvas) -> None:
    free = encode(photo, format_of(media), {})
    limit = int(len(free.data) * 0.72)
    file = encode(photo, format_of(media, max_bytes=limit), {})
    assert len(file.data) <= limit * 0.98
    assert len(file.data) >= limit * 0.85
    assert free.quality is not None
    assert file.quality is not None
    assert file.quality < free.quality


def test_nothing_is_encoded_below_its_floor(noise: Canvas) -> None:
    file = encode(noise, format_of("png", "jpeg", "webp", max_bytes=5_000), {})
    assert len(file.data) > 5_000  # over the budget, for the file-weight check to keep out
    assert "no file fits test/format's 5,000 bytes" in file.notes[-1]


def test_the_smallest_file_above_the_floor_is_given_where_none_fits(noise: Canvas) -> None:
    file = encode(noise, format_of("jpeg", max_bytes=20_000), {})
    out = io.BytesIO()
    Image.frombytes("RGB", (WIDTH, HEIGHT), noise.pixels).save(
        out, "JPEG", quality=FLOOR_QUALITY, subsampling=0, icc_profile=srgb_profile(), xmp=xmp_packet({})
    )
    assert file.data == out.getvalue()


def test_a_forced_png_over_its_limit_is_not_swapped(noise: Canvas) -> None:
    file = encode(noise, format_of("png", max_bytes=50_000), {})
    assert file.media == "png"
    assert len(file.data) > 50_000


def test_a_png_over_its_limit_takes_a_palette_where_the_picture_bears_it(noise: Canvas) -> None:
    shade = np.linspace(235, 190, HEIGHT)[:, None, None] * np.array((1.0, 0.93, 0.86))
    backdrop = canvas_of(shade + np.random.default_rng(2).normal(0, 2, (HEIGHT, WIDTH, 1)))
    lossless = len(encode(backdrop, format_of("png"), {}).data)
    file = encode(backdrop, format_of("png", max_bytes=int(lossless * 0.8)), {})
    assert opened(file).mode == "P"
    assert PALETTE_FLOOR <= psnr(backdrop, file.data) < math.inf
    assert b"sRGB" in chunks(file.data)
    assert "compositeWithTrainedAlgorithmicMedia" in xmp_of(file).decode()
    limit = int(len(encode(noise, format_of("png"), {}).data) * 0.7)
    assert (
        len(encode(noise, format_of("png", max_bytes=limit), {}).data) > limit
    )  # noise would need a palette that shows


def test_webp_wins_over_jpeg_where_it_is_smaller_and_as_near(photo: Canvas) -> None:
    file = encode(photo, format_of("jpeg", "webp"), {})
    jpeg = encode(photo, format_of("jpeg"), {})
    webp = encode(photo, format_of("webp"), {})
    near = psnr(photo, webp.data) >= min(psnr(photo, jpeg.data) - 0.5, 43)
    assert len(webp.data) < len(jpeg.data)
    assert file.media == ("webp" if near else "jpeg")
    assert any("dB against" in note for note in file.notes)


def test_a_smaller_webp_that_washes_coloured_type_out_loses() -> None:
    strokes = coloured_strokes()
    webp = encode(strokes, format_of("webp"), {})
    chosen = encode(strokes, format_of("jpeg", "webp"), {})
    assert chosen.media == "jpeg"
    assert len(webp.data) < len(chosen.data)
    assert psnr(strokes, webp.data) < psnr(strokes, chosen.data) - 3


def test_each_exporter_says_where_nothing_fits(noise: Canvas) -> None:
    for exporter in (PngExporter(), JpegExporter(), WebpExporter()):
        assert not exporter.attempt(noise, 5_000, {}).fits
        fitting = exporter.attempt(noise, None, {})
        assert fitting.fits
        assert fitting.file.media == exporter.media


def test_the_search_finds_the_highest_quality_that_fits() -> None:
    sizes = {quality: int(1000 * 1.05**quality) for quality in range(60, 93)}
    for budget in (sizes[60], sizes[73] + 5, sizes[91], sizes[92]):
        quality, data, fits, tried = best_quality(lambda q: bytes(sizes[q]), 60, 92, budget)
        assert fits
        assert len(data) <= budget
        assert sizes[quality] >= budget * 0.94
        assert tried <= 6
    assert best_quality(lambda q: bytes(sizes[q]), 60, 92, sizes[60] - 1)[2] is False


# Tags


def test_the_profile_is_srgb_to_a_colour_engine() -> None:
    profile = ImageCms.ImageCmsProfile(io.BytesIO(srgb_profile()))
    assert ImageCms.getProfileDescription(profile).strip() == "sRGB"
    colors = Image.fromarray(np.random.default_rng(1).integers(0, 256, (40, 40, 3), np.uint8))
    there = ImageCms.profileToProfile(colors, profile, ImageCms.createProfile("sRGB"))
    assert there is not None
    assert np.abs(np.asarray(there, int) - np.asarray(colors, int)).max() <= 1
    assert len(srgb_profile()) < 700


def test_metadata_survives_markup_controls_and_scripts() -> None:
    values = {"title": 'A <b> & "c" \x00\x1b ندى', "plate_key": "ab'\"<&>", "creator": "Ann"}
    root = fromstring(xmp_packet(values))
    text = "".join(root.itertext())
    assert 'A <b> & "c"    ندى' in text
    assert "Ann" in text
    description = root.find(".//{*}Description")
    assert description is not None
    assert description.get("{https://flux2flow.dev/ns/1.0/}plate_key") == "ab'\"<&>"


@pytest.mark.parametrize("key", ["", "a b", 'x="1" y', "1a", "xmlns:x"])
def test_a_key_that_is_no_name_is_refused(key: str) -> None:
    with pytest.raises(ExportError, match="cannot name a metadata property"):
        xmp_packet({key: "x"})


def test_the_source_type_can_be_stated_otherwise(photo: Canvas) -> None:
    other: Mapping[str, str] = {"digital_source_type": "http://cv.iptc.org/newscodes/digitalsourcetype/composite"}
    assert b"trainedAlgorithmic" not in xmp_of(encode(photo, format_of("png"), other))


def test_png_data_is_intact(chart: Canvas) -> None:
    """Chunks carry their checksums: a foreign decoder accepts the file."""
    data = encode(chart, format_of("png"), {}).data
    at = 8
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        body = data[at + 4 : at + 8 + length]
        assert struct.unpack_from(">I", data, at + 8 + length)[0] == zlib.crc32(body)
        at += 12 + length
