"""The geometry of plates: sizes that cover, crops that meet at one point."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flux2flow.domain.layout import crop_for, crop_size, kept_inside, plate_size, seen_through, shared_point
from flux2flow.domain.measures import Box, PixelSize

sizes = st.builds(PixelSize, st.integers(16, 4096), st.integers(16, 4096))
fractions = st.floats(0, 1)
NANO = {"max_pixels": 360_448, "multiple": 16, "min_side": 64, "max_ratio": 4.0}
WIDE = {"max_pixels": 10**9, "multiple": 16, "min_side": 64, "max_ratio": 4.0}


@given(st.lists(sizes, min_size=1, max_size=4))
@settings(deadline=None)
def test_a_plate_keeps_every_limit(wanted: list[PixelSize]) -> None:
    """Whatever is asked, sides are multiples, the area is the model's, the ratio is capped."""
    plate = plate_size(wanted, **NANO)
    assert plate.width % 16 == plate.height % 16 == 0
    assert plate.pixels <= 360_448
    assert min(plate.width, plate.height) >= 64
    assert 1 / 4.0 <= plate.ratio <= 4.0


@given(st.lists(sizes, min_size=1, max_size=4))
@settings(deadline=None)
def test_a_plate_with_room_covers_every_crop_and_is_the_smallest(wanted: list[PixelSize]) -> None:
    """Without a limit on pixels nothing is enlarged, and one multiple less on a side would break that."""
    plate = plate_size(wanted, **WIDE)
    assert all(crop_size(plate, size)[0] >= size.width - 1e-6 for size in wanted)
    for smaller in (PixelSize(plate.width - 16, plate.height), PixelSize(plate.width, plate.height - 16)):
        fits = min(smaller.width, smaller.height) >= 64 and 1 / 4 <= smaller.ratio <= 4
        assert not fits or any(crop_size(smaller, size)[0] < size.width - 1e-6 for size in wanted)


def test_a_plate_short_of_pixels_enlarges_as_little_as_any_other_plate_could() -> None:
    """Checked against every plate there is."""
    for wanted in (PixelSize(1200, 630), PixelSize(1080, 1920), PixelSize(1080, 1080)):
        plate = plate_size([wanted], **NANO)
        chosen = wanted.width / crop_size(plate, wanted)[0]
        every = [PixelSize(w, h) for w in range(64, 1201, 16) for h in range(64, 1201, 16) if w * h <= 360_448]
        best = min(wanted.width / crop_size(other, wanted)[0] for other in every)
        assert chosen == pytest.approx(best)


def test_a_leaderboard_is_cut_from_a_plate_of_four_to_one() -> None:
    """728×90 needs a plate of at least 728 × 182."""
    assert plate_size([PixelSize(728, 90)], **NANO) == PixelSize(736, 192)


def test_limits_that_allow_no_plate_are_refused() -> None:
    """64 × 64 pixels need more than 1000."""
    with pytest.raises(ValueError, match="no plate of at most 1000"):
        plate_size([PixelSize(100, 100)], max_pixels=1000, multiple=16, min_side=64, max_ratio=4)


@given(sizes, sizes, fractions, fractions, fractions, fractions)
@settings(deadline=None)
def test_a_crop_has_the_targets_ratio_and_stays_on_the_plate(
    plate: PixelSize, target: PixelSize, x: float, y: float, plate_x: float, plate_y: float
) -> None:
    """No anchor moves it off."""
    crop = crop_for(plate, target, canvas_point=(x, y), plate_point=(plate_x, plate_y))
    assert Box(0, 0, plate.width, plate.height).contains(crop, 1e-6)
    assert crop.width / crop.height == pytest.approx(target.ratio)
    assert crop.width == pytest.approx(plate.width) or crop.height == pytest.approx(plate.height)


@given(st.lists(st.tuples(st.floats(0.2, 1), fractions), min_size=1, max_size=4))
@settings(deadline=None)
def test_where_one_point_can_be_shared_every_crop_shows_it_at_its_own_place(shares: list[tuple[float, float]]) -> None:
    """A ground line of the canvas falls on the ground line of the plate."""
    shared = shared_point(shares)
    possible = max(part * place for part, place in shares) <= min(1 - (1 - place) * part for part, place in shares)
    for part, place in shares:
        plate, target = PixelSize(1000, 1000), PixelSize(1000, max(1, round(1000 * part)))
        crop = crop_for(plate, target, canvas_point=(0.5, place), plate_point=(0.5, shared))
        seen = (shared * 1000 - crop.y) / crop.height
        if possible:
            assert seen == pytest.approx(place, abs=0.01)


def test_a_shared_point_takes_the_median_where_every_crop_reaches_it() -> None:
    """The control: with a full-height crop among them there is no choice."""
    assert shared_point([(0.5, 0.8), (0.5, 0.9), (0.6, 0.7)]) == pytest.approx(0.8)
    assert shared_point([(0.5, 0.8), (1.0, 0.6)]) == pytest.approx(0.6)


@given(st.builds(Box, st.floats(-500, 500), st.floats(-500, 500), st.floats(1, 900), st.floats(1, 900)))
def test_a_kept_box_stands_inside_and_moves_only_when_it_must(box: Box) -> None:
    """A box that is inside already is left alone."""
    frame = Box(20, 30, 400, 300)
    kept = kept_inside(box, frame)
    assert frame.contains(kept, 1e-9)
    assert kept.width == min(box.width, 400)
    if frame.contains(box):
        assert kept == box


def test_a_region_is_seen_where_its_crop_stands() -> None:
    """The lower half of a crop that is itself the lower half is the lowest quarter."""
    seen = seen_through(Box(0, 0.5, 1, 0.5), Box(0, 50, 100, 50), PixelSize(100, 100))
    assert seen == Box(0, 0.75, 1, 0.25)
