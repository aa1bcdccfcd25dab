"""Shares with their uncertainty: how often something happened in a window, and what of it is chance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

CONFIDENCE = 0.95
POWER = 0.8
RISK = 0.01  # of a critical value: it is exceeded in this share of windows without drift
Z_INTERVAL = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2.0)
Z_CRITICAL = NormalDist().inv_cdf(1.0 - RISK / 2.0)
Z_POWER = NormalDist().inv_cdf(POWER)


@dataclass(frozen=True, slots=True)
class Share:
    """How often something happened.

    Args:
        ratio: in the window, 0 to 1.
        low: of the interval that holds the true share with 95 %.
        high: of the same.
        reference: in the reference.
        detectable: smallest rise above the reference that a test at 1 % would see in 80 % of such windows.
    """

    ratio: float
    low: float
    high: float
    reference: float
    detectable: float

    def to_json(self) -> dict[str, Any]:
        """The share as JSON.

        Returns:
            Numbers and a list of two.
        """
        return {
            "ratio": self.ratio,
            "interval": [self.low, self.high],
            "reference_ratio": self.reference,
            "detectable": self.detectable,
        }


def wilson_interval(successes: float, trials: float) -> tuple[float, float]:
    """Interval that holds the true share with about 95 %.

    Unlike share +- 2 sd it is right for few trials and shares near 0: after 200 trials without a success it
    says 0 to 1.9 %, not 0 to 0.

    Args:
        successes: 0 to trials; need not be whole.
        trials: > 0; divided by the design effect where rows depend on each other.

    Returns:
        Low and high, 0 to 1.

    Source: Wilson (1927).
    Worked example: 10 of 100 give 0.055 to 0.174.
    """
    share = successes / trials
    square = Z_INTERVAL * Z_INTERVAL / trials
    middle = (share + 0.5 * square) / (1.0 + square)
    half = math.sqrt(square * (share * (1.0 - share) + 0.25 * square)) / (1.0 + square)
    low = 0.0 if successes <= 0.0 else max(middle - half, 0.0)
    high = 1.0 if successes >= trials else min(middle + half, 1.0)
    return low, high


def detectable_rise(share: float, trials: float, reference_trials: float) -> float:
    """Smallest rise of a share that a two-sided test at 1 % sees in 80 % of windows.

    The d with d = z(0.995) sqrt(q (1 - q) (1/n + 1/m)) + z(0.8) sqrt(u (1 - u) / n + q (1 - q) / m) and
    u = q + d; not less than 1 - 0.2^(1/n), with which nothing at all is seen in one window of five.

    Args:
        share: q in the reference.
        trials: n > 0 in the window, divided by the design effect.
        reference_trials: m > 0, the same.

    Returns:
        0 to 1 - q.

    Worked example: q = 0.01, 2,000 against 10,000 rows give 0.0090.
    """
    known = share * (1.0 - share)
    noise = Z_CRITICAL * math.sqrt(known * (1.0 / trials + 1.0 / reference_trials))
    rise = noise
    for _ in range(6):  # each step leaves less than a fifth of the error
        risen = min(share + rise, 1.0)
        rise = noise + Z_POWER * math.sqrt(risen * (1.0 - risen) / trials + known / reference_trials)
    unseen = -math.expm1(math.log(1.0 - POWER) / trials)
    return min(max(rise, unseen), 1.0 - share)


def measure_share(
    successes: int, trials: int, reference: tuple[int, int], design_effect: float
) -> Share | None:
    """A share beside the reference's.

    Args:
        successes: in the window.
        trials: in the window.
        reference: the same two of the reference.
        design_effect: rows that count as one, >= 1.

    Returns:
        The share; None when either side has no trial.
    """
    known, rows = reference
    if trials == 0 or rows == 0:
        return None
    low, high = wilson_interval(successes / design_effect, trials / design_effect)
    detectable = detectable_rise(known / rows, trials / design_effect, rows / design_effect)
    return Share(successes / trials, low, high, known / rows, detectable)
