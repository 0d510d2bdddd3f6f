"""The procedural backend: plates of the asked colours, lit from the asked side, the same bytes every time."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flux2flow.domain.files import FileRef
from flux2flow.domain.measures import Box, Color, PixelSize
from flux2flow.domain.plate import Direction, PaletteColor, PlateRequest
from flux2flow.generation.procedural import LIMITS, ProceduralBackend, entry
from flux2flow.interfaces import ImageBackend, Painted, PaintStep


class NoFiles:
    """A source that holds nothing: the backend may not ask."""

    def read(self, file: FileRef) -> bytes:
        raise AssertionError(f"{file} was read")


def request(
    size: tuple[int, int] = (320, 192),
    *,
    palette: dict[str, str] | None = None,
    azimuth: float = -45,
    focal: Box | None = None,
    seed: int = 7,
    ground: float = 0.8,
) -> PlateRequest:
    """Ask for a plate by its direction."""
    colors = palette or {"backdrop": "#e8d5b5", "floor": "#e8d5b5"}
    parts = tuple(PaletteColor(part, Color.from_hex(value), part) for part, value in colors.items())
    return PlateRequest("", PixelSize(*size), seed, (), Direction(parts, (), focal, ground, azimuth, 48))


def painted(asked: PlateRequest) -> npt.NDArray[Any]:
    """Paint one plate: (H, W, 3), float."""
    *_, last = ProceduralBackend().paint([asked], NoFiles())
    assert isinstance(last, Painted)
    assert last.canvas.size == asked.size
    pixels = np.frombuffer(last.canvas.pixels, np.uint8)
    return pixels.reshape(asked.size.height, asked.size.width, 3).astype(float)


def test_steps_come_before_each_plate_and_say_how_many_there_are() -> None:
    """At least four, so that a kill falls between them; step 0 says that the plate is begun."""
    events = list(ProceduralBackend().paint([request(), request(seed=8)], NoFiles()))
    steps = [event for event in events if isinstance(event, PaintStep)]
    assert [(step.plate, step.done, step.of) for step in steps] == [
        (plate, n, 4) for plate in (0, 1) for n in (0, 1, 2, 3, 4)
    ]
    assert [type(event) for event in events] == ([PaintStep] * 5 + [Painted]) * 2


def test_it_is_a_backend_and_its_entry_makes_one() -> None:
    """By the seam's own protocol."""
    made = entry()
    assert (made.name, made.limits) == ("procedural", LIMITS)
    assert isinstance(made.create(), ImageBackend)
    assert made.create().identity() == ProceduralBackend(1.0).identity()


def test_the_same_request_gives_the_same_bytes_and_the_seed_only_moves_the_grain() -> None:
    """In other processes too; another seed differs, by two levels at most."""
    asked = request()
    one, two = painted(asked), painted(asked)
    assert np.array_equal(one, two)
    other = painted(replace(asked, seed=8))
    assert not np.array_equal(one, other)
    assert np.abs(one - other).max() <= 2


GOLDEN = "033a65d30bb14afa94d75a9505fc1282af956dc03b1281b99017ae06cadfe143"


def test_the_bytes_are_those_that_every_machine_paints() -> None:
    """Only sums, products and square roots decide them. Raise PAINTING_VERSION when this changes on purpose."""
    asked = request(
        palette={"backdrop": "#cfe0dc", "podium": "#0f4c5c", "disc": "#e3a847"}, focal=Box(0.5, 0.2, 0.3, 0.6)
    )
    *_, last = ProceduralBackend().paint([asked], NoFiles())
    assert isinstance(last, Painted)
    assert hashlib.sha256(last.canvas.pixels).hexdigest() == GOLDEN


@pytest.mark.parametrize("color", ["#e8d5b5", "#0f4c5c", "#f0cdb8", "#14234d", "#d62828", "#8e9296"])
def test_the_asked_backdrop_is_the_pictures_average(color: str) -> None:
    """Within a few levels, light and vignette included; the control is another colour."""
    mean = painted(request(palette={"backdrop": color})).mean(axis=(0, 1))
    wanted = Color.from_hex(color)
    assert np.abs(mean - [wanted.red, wanted.green, wanted.blue]).max() < 9
    assert np.abs(mean - [255 - wanted.red, 255 - wanted.green, 255 - wanted.blue]).max() > 20


def test_the_light_comes_from_its_azimuth() -> None:
    """The half it comes from is brighter, and the mirrored azimuth gives the mirrored light."""
    left, right = painted(request(azimuth=-60)), painted(request(azimuth=60))
    assert left[:, :160].mean() > left[:, 160:].mean() + 3
    assert right[:, 160:].mean() > right[:, :160].mean() + 3
    assert np.abs(left - right[:, ::-1]).max() <= 2


def test_a_podium_stands_under_the_focal_box_where_the_palette_names_one() -> None:
    """Its top meets the ground line at the box's middle; without the part there is none."""
    focal = Box(0.55, 0.2, 0.3, 0.5)
    colors = {"backdrop": "#e8d5b5", "podium": "#0f4c5c"}
    plate = painted(request(palette=colors, focal=focal, ground=0.7))
    inside, outside = plate[round(0.78 * 192), round(0.7 * 320)], plate[round(0.78 * 192), round(0.2 * 320)]
    assert inside.sum() < 0.55 * outside.sum()
    assert plate[round(0.5 * 192), round(0.7 * 320)].sum() > 500
    bare = painted(request(palette={"backdrop": "#e8d5b5"}, focal=focal, ground=0.7))
    assert bare[round(0.78 * 192), round(0.7 * 320)].sum() > 500


def test_wall_and_floor_meet_without_a_line() -> None:
    """No row differs from the next by more than a few levels, even where the colours do by a hundred."""
    plate = painted(request((256, 512), palette={"backdrop": "#e8d5b5", "floor": "#7a4a20"}))
    rows = plate.mean(axis=(1, 2))
    assert max(abs(a - b) for a, b in pairwise(rows)) < 4
    assert rows[:100].mean() - rows[-60:].mean() > 60


def test_soft_gradients_have_grain_instead_of_bands() -> None:
    """Neighbours differ almost everywhere; without grain long runs would be equal."""
    plate = painted(request((512, 128)))
    equal = (plate[:, 1:, 0] == plate[:, :-1, 0]).mean()
    assert equal < 0.7


@given(
    st.integers(4, 20),
    st.integers(4, 20),
    st.floats(-180, 180),
    st.floats(0, 1),
    st.one_of(
        st.none(), st.builds(Box, st.floats(-0.5, 1), st.floats(-0.5, 1), st.floats(0.01, 1), st.floats(0.01, 1))
    ),
)
@settings(deadline=None, max_examples=40)
def test_any_direction_can_be_painted(across: int, down: int, azimuth: float, ground: float, focal: Box | None) -> None:
    """No division by zero, no warning, no hole."""
    colors = {"backdrop": "#000000", "podium": "#ffffff", "disc": "#ff0000"}
    plate = painted(request((16 * across, 16 * down), palette=colors, azimuth=azimuth, ground=ground, focal=focal))
    assert plate.shape == (16 * down, 16 * across, 3)


def test_registering_it_imports_no_numpy() -> None:
    """`validate` and `--help` list backends and paint nothing."""
    heavy = "print([name for name in ('numpy', 'torch', 'PIL', 'flux2engine') if name in sys.modules])"
    register = "from flux2flow.generation import flux2, procedural; procedural.entry(); flux2.nano_entry()"

    def loaded(code: str) -> str:
        return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()

    assert loaded(f"import sys; {register}; {heavy}") == "[]"
    assert loaded(f"import sys, numpy; {register}; {heavy}") == "['numpy']"
