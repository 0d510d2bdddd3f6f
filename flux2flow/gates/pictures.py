"""Untrusted picture bytes → facts, or straight sRGB pixels. PNG, JPEG and WebP; the first frame only.

Every decoder error leaves as a GateError. Refuses to know what a picture is for; Pillow is imported on first use.
"""

from __future__ import annotations

import io
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from flux2flow.domain.canvas import Canvas
from flux2flow.domain.measures import PixelSize
from flux2flow.errors import GateError
from flux2flow.gates.headers import RasterMedia, dimensions, sniff

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage
    from PIL.Image import Transpose

MAX_BYTES = 64_000_000
MAX_SIDE = 16_384
MAX_PIXELS = 64_000_000

_SUFFIXES = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}
_ORIENTATION = 0x0112  # EXIF tag


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """A picture that decodes: upright size, media type, and whether any pixel is less than opaque."""

    width: int
    height: int
    media: RasterMedia
    alpha: bool


def inspect(data: bytes, name: str) -> PictureFacts:
    """Decode the picture once and say what it is; `name` heads the message of a GateError."""
    try:
        media = _admit(data)
        expected = _SUFFIXES.get(PurePosixPath(name).suffix.lower())
        if expected not in (None, media):
            raise GateError(f"the name says {expected}, the bytes are {media}: rename the file")
        picture = _upright_srgb(data)
    except GateError as error:
        raise GateError(f"{name}: {error}") from error
    alpha = picture.mode == "RGBA" and picture.getchannel("A").getextrema()[0] != 255
    return PictureFacts(picture.width, picture.height, media, alpha)


def decode_rgba(data: bytes) -> tuple[int, int, bytes]:
    """Width, height and height × width × 4 bytes of straight-alpha sRGB, turned upright."""
    picture = _upright_srgb(data)
    with _translated("decode"):
        return picture.width, picture.height, picture.convert("RGBA").tobytes()


def decode_canvas(data: bytes) -> Canvas:
    """Return the picture as a canvas: sRGB, upright, transparent parts on white."""
    picture = _upright_srgb(data)
    with _translated("decode"):
        if picture.mode == "RGBA":
            from PIL import Image

            ground = Image.new("RGBA", picture.size, "white")
            picture = Image.alpha_composite(ground, picture).convert("RGB")
        return Canvas(PixelSize(picture.width, picture.height), picture.tobytes())


def encode_png(canvas: Canvas, level: int = 1) -> bytes:
    """Return a lossless PNG without metadata, for pictures that only this program reads; `level` is zlib's 0 to 9."""
    from PIL import Image

    out = io.BytesIO()
    size = (canvas.size.width, canvas.size.height)
    Image.frombytes("RGB", size, canvas.pixels).save(out, "PNG", compress_level=level)
    return out.getvalue()


_BEGINNING = 256
_OTHERS = {
    b"%PDF-": "a PDF",
    b"GIF8": "a GIF",
    b"BM": "a BMP",
    b"II*\0": "a TIFF",
    b"MM\0*": "a TIFF",
    b"8BPS": "a Photoshop file",
    b"<svg": "an SVG",
    b"<?xml": "XML, such as an SVG",
}
"""What files of other kinds begin with."""


def _admit(data: bytes) -> RasterMedia:
    """Refuse by size, magic and header, before a decoder is involved."""
    if len(data) > MAX_BYTES:
        raise GateError(f"the file has {len(data):,} bytes; pictures may have {MAX_BYTES:,}")
    media = sniff(data)
    if media is None:
        raise GateError(f"not a PNG, JPEG or WebP picture{_told(data)}")
    _check_size(*dimensions(data, media))
    return media


def _told(data: bytes) -> str:
    """Say what a refused file looks like instead, whatever its name is; nothing where that is not known."""
    if not data:
        return ": the file is empty"
    if b"ftyp" in data[4:8]:
        return ": it is a film, HEIC or AVIF"
    found = next((name for magic, name in _OTHERS.items() if data.startswith(magic)), None)
    if found is None:
        try:
            data[:_BEGINNING].decode("ascii")
        except UnicodeDecodeError:
            return ""
        return ": it holds text" if b"\0" not in data[:_BEGINNING] else ""
    return f": it is {found}"


def _check_size(width: int, height: int) -> None:
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE) or width * height > MAX_PIXELS:
        limit = f"at most {MAX_SIDE:,} a side and {MAX_PIXELS // 10**6} megapixels pass"
        raise GateError(f"{width}×{height} pixels; {limit}")


class _Quiet:
    """Silences Pillow's warnings about odd files, except the one about bombs, which becomes an error.

    `warnings.catch_warnings` is not made for threads: the first one in and the last one out share a single one.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._catching = warnings.catch_warnings()

    def __enter__(self) -> None:
        from PIL import Image

        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._catching = warnings.catch_warnings()
                self._catching.__enter__()
                warnings.simplefilter("ignore")
                warnings.simplefilter("error", Image.DecompressionBombWarning)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._catching.__exit__(None, None, None)


_QUIET = _Quiet()


@contextmanager
def _translated(doing: str) -> Iterator[None]:
    """Turn whatever Pillow raises or warns of into a GateError."""
    with _QUIET:
        try:
            yield
        except GateError:
            raise
        except Exception as error:  # Pillow raises eight unrelated classes on broken files
            raise GateError(f"cannot {doing} the picture: {error or type(error).__name__}") from error


def _upright_srgb(data: bytes) -> PillowImage:
    """Return the first frame as RGB or RGBA, upright, in sRGB."""
    media = _admit(data)
    from PIL import Image

    with _translated("decode"):
        picture: PillowImage = Image.open(io.BytesIO(data), formats=[media.upper()])
        _check_size(*picture.size)
        picture.load()
        turn = _orientation(picture)
        profile = picture.info.get("icc_profile")
        picture = _eight_bits(picture)
        if turn is not None:
            picture = picture.transpose(turn)
        colors, alpha = _without_alpha(picture)
        colors = _to_srgb(colors, profile) if profile else colors.convert("RGB")
        if alpha is not None:
            colors.putalpha(alpha)
        return colors


def _orientation(picture: PillowImage) -> Transpose | None:
    """Return the turn that EXIF asks for; unreadable EXIF asks for none, as in every viewer."""
    from PIL.Image import Transpose

    try:
        value = picture.getexif().get(_ORIENTATION)
    except Exception:  # noqa: BLE001 - broken metadata is no reason to refuse a picture that decodes
        return None
    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    return turns.get(value)  # type: ignore[arg-type]


def _eight_bits(picture: PillowImage) -> PillowImage:
    """Reduce palettes, bilevel and 16-bit grey to 8 bits a channel; CMYK stays for its profile."""
    if picture.mode.startswith("I") or picture.mode == "F":
        import numpy as np
        from PIL import Image

        values = np.asarray(picture).astype(np.float64).clip(0, 65535)
        return Image.fromarray(np.rint(values / 257).astype(np.uint8))
    if "transparency" in picture.info or picture.mode in ("PA", "La", "RGBa"):
        return picture.convert("RGBA")
    if picture.mode in ("P", "RGBX"):
        return picture.convert("RGB")
    return picture.convert("L") if picture.mode == "1" else picture


def _without_alpha(picture: PillowImage) -> tuple[PillowImage, PillowImage | None]:
    if picture.mode == "RGBA":
        return picture.convert("RGB"), picture.getchannel("A")
    if picture.mode == "LA":
        return picture.getchannel("L"), picture.getchannel("A")
    return picture, None


def _to_srgb(picture: PillowImage, profile: bytes) -> PillowImage:
    """Convert from an embedded profile; a profile that is sRGB already, or of another colour model, changes nothing."""
    from PIL import ImageCms

    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if ImageCms.getProfileDescription(source).startswith("sRGB"):
            return picture.convert("RGB")
        model = {"GRAY": "L", "RGB": "RGB", "CMYK": "CMYK"}.get(source.profile.xcolor_space.strip())
        if model != picture.mode:
            # Files do this: a grey picture under an RGB profile. The profile's model is what its numbers mean.
            if model is None or "CMYK" in (model, picture.mode):
                raise GateError("its colour profile is of another colour model: save the picture again as sRGB")
            picture = picture.convert(model)
        converted = ImageCms.profileToProfile(
            picture,
            source,
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError) as error:
        raise GateError("its colour profile cannot be read: save the picture again as sRGB") from error
    if converted is None:
        raise GateError("its colour profile cannot be applied: save the picture again as sRGB")
    return converted
