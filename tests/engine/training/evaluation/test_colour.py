"""The evaluation's own measures, against values that do not come from it."""

from __future__ import annotations

import numpy as np
from coloraide import Color

from flux2engine.training.evaluate import Results
from flux2engine.training.evaluation.colour import delta_e_2000, to_lab


def test_the_colour_difference_is_the_standard_one() -> None:
    """Lab and CIEDE2000 agree with coloraide's; plain distance in Lab does not."""
    rng = np.random.default_rng(0)
    pairs = rng.random((40, 2, 3))
    ours = delta_e_2000(to_lab(pairs[:, 0]), to_lab(pairs[:, 1]))
    theirs = np.array([Color("srgb", a.tolist()).delta_e(Color("srgb", b.tolist()), method="2000") for a, b in pairs])
    # coloraide's Lab stands on D50, ours on D65: a few tenths.
    assert np.abs(ours - theirs).max() < 2.5
    assert np.abs(np.linalg.norm(to_lab(pairs[:, 0]) - to_lab(pairs[:, 1]), axis=-1) - theirs).max() > 10


def test_the_difference_matches_published_pairs() -> None:
    """Pairs 1, 4, 17 and 25 of Sharma, Wu and Dalal (2005)."""
    first = np.array(
        [[50.0, 2.6772, -79.7751], [50.0, -1.3802, -84.2814], [50.0, 2.5, 0.0], [60.2574, -34.0099, 36.2677]]
    )
    second = np.array([[50.0, 0.0, -82.7485], [50.0, 0.0, -82.7485], [73.0, 25.0, -18.0], [60.4626, -34.1751, 39.4387]])
    assert np.allclose(delta_e_2000(first, second), [2.0425, 1.0, 27.1492, 1.2644], atol=2e-4)


def test_a_missed_goal_is_named() -> None:
    """Each goal misses by itself."""
    assert not Results(10, 30, 14, 11, 1).missed
    assert [len(Results(*values, 1).missed) for values in ((16, 30, 14, 11), (10, 20, 14, 11), (10, 30, 12, 11))] == [
        1,
        1,
        1,
    ]
