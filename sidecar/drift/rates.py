"""What the alarm watches: every feature as a set of rates, each with the band in which it may move.

A numeric feature's rates are its distribution function at every edge (share of present values below the
edge); a categorical one's are the shares of `other` and of every category; both have the missing rate. Each
is one run of lanes over another, so all rates of all features are two gathers from one cumulative sum.

The band of a rate q measured on m reference rows is [l, u], the sum of two parts.

* What does not matter: 2 delta sqrt(q (1 - q)), delta being the tolerance at the median. A share below
  delta^2 counts as delta^2 here, so that a change of 2 delta^2 is never an alarm however large the reference.
* What the reference does not know: Chernoff's bound, the v with m kl(q, v) = L, and for distribution
  functions the inequality of Dvoretzky, Kiefer, Wolfowitz and Massart if that is closer. Each has half of the
  5 % that the two may fail with, over all rates, sides and features together. Chernoff's bound and not
  Bernstein's with q in place of the unknown rate, since that one is too small where it matters: at q = 0 it
  gives L / 3m while L / m is right.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kernels.binning import F64, I64
from kernels.lanes import FIRST_CELL, FIRST_PRESENT, MISSING, NEG_INF
from sidecar.profile.edges import SHARES
from sidecar.profile.reference import FeatureReference

REFERENCE_RISK = 0.05  # probability that some band misses the true rate because the reference is finite


@dataclass(frozen=True, slots=True, eq=False)
class Rates:
    """All rates of all features; R of them, those of one feature side by side.

    Args:
        features: the feature that a rate belongs to, shape (R,), int64.
        first: first lane of the successes, shape (R,), int64.
        end: lane after the successes, shape (R,), int64.
        base: first lane of the trials (to the last lane), shape (R,), int64.
        lower: l, shape (R,); <= 0 where the rate cannot fall too low.
        upper: u, shape (R,); >= 1 where it cannot rise too high.
        places: what a rate is about: "q0.95", "category=JFK", "missing".
        is_quantile: whether a higher rate means that a quantile has moved down, shape (R,), bool.
    """

    features: I64
    first: I64
    end: I64
    base: I64
    lower: F64
    upper: F64
    places: tuple[str, ...]
    is_quantile: tuple[bool, ...]

    def count(self, counts: I64) -> tuple[F64, F64]:
        """Successes and trials of every rate.

        Args:
            counts: shape (F, L), int64.

        Returns:
            Two arrays of shape (R,), float64.
        """
        sums = np.zeros((counts.shape[0], counts.shape[1] + 1))
        np.cumsum(counts, axis=1, out=sums[:, 1:])
        successes = sums[self.features, self.end] - sums[self.features, self.first]
        trials = sums[self.features, -1] - sums[self.features, self.base]
        return successes, trials


@dataclass(frozen=True, slots=True)
class _Rate:
    feature: int
    first: int
    end: int
    base: int
    share: float
    rows: int
    place: str
    is_quantile: bool


def make_rates(features: Sequence[FeatureReference | None], tolerance: float) -> Rates:
    """The rates of some features.

    Args:
        features: F references; None for a feature that is not watched yet.
        tolerance: delta, 0 to 0.5: change of a share at the median that is never an alarm.

    Returns:
        The rates with their bands.
    """
    rates = [
        rate
        for place, feature in enumerate(features)
        if feature is not None and feature.rows > 0
        for rate in _rates_of(place, feature)
    ]
    shares = np.array([rate.share for rate in rates])
    rows = np.array([float(rate.rows) for rate in rates])
    quantile = np.array([rate.is_quantile for rate in rates], dtype=bool)
    per_feature = max(Counter(rate.feature for rate in rates).values(), default=1)
    level = math.log(2.0 * per_feature * len(features) / (REFERENCE_RISK / 2.0)) if rates else 1.0
    level_of_all = math.log(2.0 * max(1, len(features)) / (REFERENCE_RISK / 2.0))
    uniform = np.sqrt(level_of_all / (2.0 * np.maximum(rows, 1.0)))
    high = chernoff_bound(shares, rows, level)
    low = 1.0 - chernoff_bound(1.0 - shares, rows, level)
    high = np.where(quantile, np.minimum(high, shares + uniform), high)
    low = np.where(quantile, np.maximum(low, shares - uniform), low)
    least = tolerance * tolerance
    middle = np.clip(shares, least, 1.0 - least)
    slack = 2.0 * tolerance * np.sqrt(middle * (1.0 - middle))
    return Rates(
        features=np.array([rate.feature for rate in rates], dtype=np.int64),
        first=np.array([rate.first for rate in rates], dtype=np.int64),
        end=np.array([rate.end for rate in rates], dtype=np.int64),
        base=np.array([rate.base for rate in rates], dtype=np.int64),
        lower=low - slack,
        upper=high + slack,
        places=tuple(rate.place for rate in rates),
        is_quantile=tuple(rate.is_quantile for rate in rates),
    )


def chernoff_bound(shares: F64, rows: F64, level: float) -> F64:
    """Highest true rates that are not refuted by what was measured.

    Args:
        shares: measured rates q, shape (R,), 0 to 1.
        rows: m, shape (R,).
        level: L; the bound fails with probability at most exp(-L).

    Returns:
        The v >= q with m kl(q, v) = L, shape (R,); at most 1.
    """
    low, high = shares.copy(), np.ones_like(shares)
    for _ in range(60):
        middle = 0.5 * (low + high)
        beyond = rows * _relative_entropy(shares, middle) > level
        high = np.where(beyond, middle, high)
        low = np.where(beyond, low, middle)
    return high


def _relative_entropy(p: F64, q: F64) -> F64:
    with np.errstate(divide="ignore", invalid="ignore"):
        first = np.where(p > 0.0, p * np.log(p / q), 0.0)
        second = np.where(p < 1.0, (1.0 - p) * np.log((1.0 - p) / (1.0 - q)), 0.0)
    return np.asarray(first + second, dtype=np.float64)


def _rates_of(place: int, feature: FeatureReference) -> list[_Rate]:
    rows, present = feature.rows, feature.present
    missing = int(feature.counts[MISSING]) / rows
    rates = [_Rate(place, MISSING, MISSING + 1, MISSING, missing, rows, "missing", False)]
    if present == 0:
        return rates
    if feature.spec.kind == "numeric":
        below = int(feature.counts[NEG_INF])
        for cell, count in enumerate(feature.cells[:-1].tolist()):
            below += count
            share = below / present
            rates.append(
                _Rate(
                    place,
                    NEG_INF,
                    FIRST_CELL + cell + 1,
                    FIRST_PRESENT,
                    share,
                    present,
                    _quantile_name(share, present),
                    True,
                )
            )
        return rates
    for code, text in enumerate(("other", *feature.categories)):
        lane = FIRST_CELL + code
        share = int(feature.counts[lane]) / present
        name = f"category={text}" if code else "other"
        rates.append(_Rate(place, lane, lane + 1, FIRST_PRESENT, share, present, name, False))
    return rates


def _quantile_name(share: float, rows: int) -> str:
    """`q0.95` for a share as near to it as a quantile of so many rows can be, else the share."""
    nearest = min(SHARES, key=lambda nominal: abs(nominal - share))
    reach = max(0.2 * min(nearest, 1.0 - nearest, 0.05), 1.5 / rows)
    near = 0.0 < share < 1.0 and abs(nearest - share) <= reach
    return f"q{nearest if near else share:.3g}"
