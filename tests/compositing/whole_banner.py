"""Compose and encode one banner with every kind of layer and print the digests; run in fresh processes by a test."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from flux2flow.compositing import compose
from flux2flow.domain.canvas import Canvas
from flux2flow.domain.format import Format
from flux2flow.domain.measures import Box, PixelSize
from flux2flow.domain.scene import ContactShadow
from flux2flow.export import encode
from flux2flow.gates import pictures, vectors
from tests.compositing import builders as make

LIBRARY = Path(__file__).parents[2] / "brand_kits" / "aurora"


def banner() -> Canvas:
    """Compose a 600 × 315 banner."""
    size = PixelSize(600, 315)
    files = make.Files()
    inter = (LIBRARY / "fonts" / "Inter-Variable.ttf").read_bytes()
    product = (LIBRARY / "references" / "dew-serum.png").read_bytes()
    logo = (LIBRARY / "logos" / "aurora.svg").read_bytes()
    photo, mark = pictures.inspect(product, "product.png"), vectors.inspect(logo, "logo.svg")
    plate_size = PixelSize(320, 176)
    rows = np.linspace(230, 190, plate_size.height)[:, None, None] + np.zeros((1, plate_size.width, 3))
    plate = Canvas(plate_size, rows.astype(np.uint8).tobytes())
    bold = make.font(files, inter, wght=760.0)
    height = 220.0
    layout = make.layout(
        size,
        make.plate(plate, size, Box(0, 4, 320, 168), flip=True),
        make.fill("#fff8f000", Box(0, 0, 600, 315), to="#fff8f0cc", angle=180),
        make.picture(
            files.picture("p.png", product, photo.width, photo.height),
            Box(420, 60, height * photo.width / photo.height, height),
            shadow=ContactShadow(-40, 50),
        ),
        make.logo(
            files.picture("l.svg", logo, mark.width, mark.height, "svg"),
            Box(30, 24, 110, 110 * mark.height / mark.width),
        ),
        make.text(bold, inter, "Dew you can wear", 30, 140, 34.5, "#1f2a2e"),
        make.fill("#1f5a52", Box(30, 220, 130, 36), radius=18),
        make.text(bold, inter, "Shop now", 52.3, 244, 16, "#ffffff"),
    )
    return compose(layout, plate, files)


if __name__ == "__main__":
    canvas = banner()
    print(hashlib.sha256(canvas.pixels).hexdigest())
    for media in ("png", "jpeg", "webp"):
        format = Format(id="test/banner", width=600, height=315, media=(media,), max_bytes=400_000)
        print(hashlib.sha256(encode(canvas, format, {"title": "Banner"}).data).hexdigest())
