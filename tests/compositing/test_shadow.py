"""The contact shadow: it falls away from the light, follows the foot, tints with the ground, and mirrors."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from flux2flow.compositing import compose
from flux2flow.domain.canvas import Canvas
from flux2flow.domain.measures import Box, PixelSize
from flux2flow.domain.scene import ContactShadow
from flux2flow.errors import CompositingError
from tests.compositing import builders as make
from tests.compositing.builders import Files

SIZE = PixelSize(400, 300)
BOX = Box(150, 80, 100, 160)
GROUND = 240


def bottle(margin: int = 0) -> Image.Image:
    """Draw a red bottle, symmetrical, with `margin` transparent rows below it."""
    picture = Image.new("RGBA", (100, 160), (0, 0, 0, 0))
    draw = ImageDraw.Draw(picture)
    draw.rounded_rectangle((20, 50, 79, 159 - margin), 8, fill=(255, 0, 0, 255))
    draw.rectangle((40, 4, 59, 60), fill=(255, 0, 0, 255))
    return picture


def painted(
    light: ContactShadow | None, *, ground: tuple[int, int, int] = (220, 220, 220), picture: Image.Image | None = None
) -> np.ndarray:
    files = Files()
    file = files.picture("p.png", make.png(picture or bottle()), 100, 160)
    plate = Canvas(SIZE, bytes(ground) * SIZE.pixels)
    layer = make.picture(file, BOX, shadow=light)
    result = compose(make.layout(SIZE, make.plate(plate, SIZE), layer), plate, files)
    return np.frombuffer(result.pixels, np.uint8).reshape(300, 400, 3).astype(int)


def dark(picture: np.ndarray, ground: int = 220) -> tuple[float, float]:
    """Return how much the ground is darkened left and right of the bottle."""
    loss = ground - picture[:, :, 1]
    return float(loss[:, :165].sum()), float(loss[:, 235:].sum())


def test_without_a_light_there_is_no_shadow() -> None:
    assert dark(painted(None)) == (0, 0)


@pytest.mark.parametrize(("azimuth", "falls_right"), [(-45, True), (-90, True), (45, False), (90, False)])
def test_it_falls_away_from_the_light(azimuth: float, falls_right: bool) -> None:
    left, right = dark(painted(ContactShadow(azimuth, 45)))
    near, far = (right, left) if falls_right else (left, right)
    assert near > far * 3


def test_a_mirrored_light_gives_the_mirrored_picture() -> None:
    """To one step: the dither pattern stands still."""
    here, there = (painted(ContactShadow(azimuth, 50)) for azimuth in (-40, 40))
    assert np.abs(here - there[:, ::-1]).max() <= 1
    assert np.abs(here - there).max() > 10


def test_a_lower_light_throws_further() -> None:
    def reach(elevation: float) -> int:
        shaded = (painted(ContactShadow(-60, elevation))[:, :, 1] < 212).any(axis=0)
        return int(np.flatnonzero(shaded)[-1])

    assert reach(25) > reach(50) + 20 > reach(75) + 20


def test_it_is_darkest_where_the_object_meets_the_ground() -> None:
    picture = painted(ContactShadow(-45, 50))
    below = picture[GROUND : GROUND + 30, 200, 1]
    assert below[0] < 150
    assert below[-1] > 205
    assert (np.diff(below) >= -1).all()


def test_it_stays_near_the_object() -> None:
    picture = painted(ContactShadow(-45, 50))
    assert (picture[:, :60] == 220).all()
    assert (picture[:120, :140] == 220).all()


def test_it_keeps_the_hue_of_the_ground_and_is_never_black() -> None:
    picture = painted(ContactShadow(-45, 50), ground=(235, 205, 170))
    shade = picture[GROUND + 1, 200]
    assert shade[0] > shade[1] > shade[2] > 15
    assert shade[0] < 200
    # A neutral factor would keep the ratio of the channels in linear light; the ground's own bounce warms it.
    linear = (shade / 255.0) ** 2.2 / (np.array((235, 205, 170)) / 255.0) ** 2.2
    assert linear[0] > linear[1] > linear[2]


@pytest.mark.parametrize("margin", [0, 11, 30])
def test_the_shadow_meets_the_ink_whatever_its_file_leaves_below(margin: int) -> None:
    """The picture stays where the layout put it; the ground is where its ink ends, not where its file does."""
    picture = painted(ContactShadow(-45, 50), picture=bottle(margin))
    red = (picture[:, :, 0] > 200) & (picture[:, :, 1] < 40)
    assert np.flatnonzero(red.any(axis=1))[-1] == GROUND - margin - 1
    below = picture[GROUND - margin : GROUND - margin + 30, 200, 1]
    assert below[0] < 150
    assert below[-1] > 205


def test_an_arched_foot_is_shaded_along_its_arc() -> None:
    """A round base seen from above touches the floor along a curve; a plain line would leave its sides floating."""
    picture = Image.new("RGBA", (100, 160), (0, 0, 0, 0))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((5, 119, 94, 159), fill=(255, 0, 0, 255))
    draw.rectangle((5, 60, 94, 139), fill=(255, 0, 0, 255))
    result = painted(ContactShadow(0, 60), picture=picture)
    column = result[:, 150 + 15, :]
    foot = int(np.flatnonzero((column[:, 0] > 200) & (column[:, 1] < 40))[-1])
    assert foot < GROUND - 5
    below = column[foot + 1 : foot + 14, 1]
    assert below[0] < 170
    assert (np.diff(below) >= -2).all()  # no second dark line where the lowest point's row passes
    assert below[-1] > 205


def test_a_picture_without_ink_cannot_stand() -> None:
    with pytest.raises(CompositingError, match="layer 'picture': the standing picture is fully transparent"):
        painted(ContactShadow(-45, 50), picture=Image.new("RGBA", (100, 160)))


@pytest.mark.parametrize("x", [-60.0, 360.0])
def test_a_shadow_may_leave_the_canvas(x: float) -> None:
    files = Files()
    file = files.picture("p.png", make.png(bottle()), 100, 160)
    plate = Canvas(SIZE, bytes((220, 220, 220)) * SIZE.pixels)
    layer = make.picture(file, Box(x, 130, 100, 160), shadow=ContactShadow(-45, 30))
    result = compose(make.layout(SIZE, make.plate(plate, SIZE), layer), plate, files)
    assert result != plate
