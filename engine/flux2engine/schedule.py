"""A step count and a picture's token count → the times at which the sampler stands, from 1 (noise) to 0 (picture).

Arithmetic only: no tensors, no model.
"""

from __future__ import annotations

import math

# The official straight lines mu(tokens) measured at 10 and at 200 steps, as (slope, intercept).
MU_AT_10_STEPS = (8.73809524e-05, 1.89833333)
MU_AT_200_STEPS = (0.00016927, 0.45666666)
# Above this the official code drops the step count, and mu jumps down (2.05 to 1.19 at 50 steps): a peculiarity that
# the weights are sampled with everywhere, so it is kept.
LARGE_IMAGE_TOKENS = 4300


def time_shift(image_tokens: int, steps: int) -> float:
    """Return mu for the output's own tokens; references and text are not counted."""
    at_10 = MU_AT_10_STEPS[0] * image_tokens + MU_AT_10_STEPS[1]
    at_200 = MU_AT_200_STEPS[0] * image_tokens + MU_AT_200_STEPS[1]
    if image_tokens > LARGE_IMAGE_TOKENS:
        return at_200
    slope = (at_200 - at_10) / 190.0
    return slope * steps + (at_200 - 200.0 * slope)


def shift_time(time: float, mu: float) -> float:
    """Move one time in [0, 1] towards the noise by mu."""
    return 0.0 if time == 0.0 else math.exp(mu) / (math.exp(mu) + (1.0 / time - 1.0))


def sampling_times(steps: int, image_tokens: int) -> tuple[float, ...]:
    """Return the steps + 1 shifted times, from 1.0 to 0.0."""
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    mu = time_shift(image_tokens, steps)
    return tuple(shift_time(1.0 - index / steps, mu) for index in range(steps + 1))
