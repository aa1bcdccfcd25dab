"""One rate for a whole numeric feature: the mean position of its values among the reference's.

A value's position is the share of reference values below it, taken in the middle of its cell: y in [0, 1]
with mean 1/2 when nothing has changed. A shift moves every edge's share a little and the position as much,
while its spread is that of an even distribution, 0.29 instead of 0.5, and the reference knows the mean better
than it knows all shares at once. So it finds a shift in two thirds of the rows.

The null: every share of values below an edge lies in its band [l_j, u_j], and the mean position in

    mu +- (2 delta sd + what the reference does not know of it),

the tolerance of every rate, sd being the deviation of the reference's positions, and the latter the closer of
two bounds.

*Bernstein's*, sqrt(2 V L / m) + L / (3 m), with the highest variance V that the bands of the shares allow: at
most the mean of (y - c)^2, which is the highest where all that may lie farther from c does, F_j = u_j below c
and l_j above. It needs no risk for V beside that of the bands.

*Pinelis'* (1994), where positions are those among the very rows that they are measured on. Then the mean is
1/2 by construction, and by summation by parts the true one is as far off as the mean of the true positions of
these m rows, which are independent. Without cells those were even over [0, 1]: sums of signs with fixed
weights, U - 1/2 = sum of +-2^-(k+1) over k >= 1. For convex f with f'' convex the mean of f of such a sum is
at most that of a normal variable of the same variance, and so

    P(mean - 1/2 >= t) <= (2 e^3 / 9) P(Z >= t sqrt(12 m)).

The middle of a cell is the mean of what lies in it, which by Jensen makes the mean of no convex f larger: so
it holds with cells and atoms too. It says nothing of the rows of one hour of the week, whose positions are
among those of all hours.

A stream bets by exp(lambda y) and pays the highest mean that this can have under the null,

    psi = ln sup E exp(lambda y),

since exp is convex and rising, that is reached by the distribution which is as low as it may be below some
level t, as high as it may be above, and nothing between: F_j = min(max(t, l_j), u_j), with t such that the
mean is the highest allowed (of two distributions of one mean whose functions cross once, the more spread has
the higher mean of every convex function; Karlin and Novikoff 1963). With S the sum of positions of n values,
L = lambda S - n psi is a sum of a gain for each success and one for each failure: lambda - psi and -psi.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from kernels.binning import F64, I64
from kernels.lanes import FIRST_CELL, FIRST_PRESENT, NEG_INF, POS_INF
from sidecar.profile.reference import FeatureReference

TILTS = (5.0, 2.2, 1.2, 0.7, 0.4, 0.2)  # lambda; a shift of mean d is found best by 12 d
ROUNDS = 50
PINELIS = 2.0 * math.e**3 / 9.0


@dataclass(frozen=True, slots=True, eq=False)
class Positions:
    """The positions of N numeric features.

    Args:
        places: of the features, shape (N,), int64.
        at: where their rates are among all rates, shape (N,), int64.
        edges_at: where the rate of each edge is, shape (N, E), int64; -1 is padding.
        scores: position of every lane, shape (N, L'), float64; 0 for lanes that hold no present value.
        cells: position of every cell, shape (N, E + 1), float64; padding repeats the last.
    """

    places: I64
    at: I64
    edges_at: I64
    scores: F64
    cells: F64

    def successes(self, counts: I64) -> F64:
        """Sum of the positions of all present values.

        Args:
            counts: shape (F, L), int64.

        Returns:
            Shape (N,), float64.
        """
        width = min(self.scores.shape[1], counts.shape[1])
        mine = counts[self.places, :width]
        return np.asarray(np.einsum("nl,nl->n", mine, self.scores[:, :width]))

    def below(self, of_rates: F64) -> F64:
        """What belongs to each edge, in their order.

        Args:
            of_rates: shape (R,).

        Returns:
            Shape (N, E); 1 where there is no edge: all values lie below it.
        """
        return np.where(self.edges_at >= 0, of_rates[self.edges_at], 1.0)

    def mean(self, below: F64) -> F64:
        """Mean position under distribution functions.

        Args:
            below: shares of values below each edge, shape (N, E).

        Returns:
            Shape (N,).
        """
        steps = np.diff(self.cells, axis=1)
        return np.asarray(self.cells[:, -1] - (below * steps).sum(axis=1))

    def most_squares(self, lowest: F64, highest: F64, center: F64) -> F64:
        """Highest mean of (y - c)^2, and so of the variance, within bands of the distribution functions.

        Args:
            lowest, highest: shares of values below each edge, shape (N, E).
            center: c, shape (N,).

        Returns:
            Shape (N,).
        """
        squares = (self.cells - center[:, None]) ** 2
        steps = np.diff(squares, axis=1)  # falling below c, rising above
        below = np.clip(np.where(steps < 0.0, highest, lowest), 0.0, 1.0)
        return np.asarray(squares[:, -1] - (below * steps).sum(axis=1))


def make_positions(
    features: Sequence[FeatureReference | None],
    at: Sequence[int],
    edges_at: Sequence[I64],
    places: Sequence[int],
) -> Positions:
    """Positions of some features.

    Args:
        features: all F.
        at: where the positions' rates are.
        edges_at: for each the places of its edges' rates, in order.
        places: of their features.

    Returns:
        The positions.
    """
    n, most = len(places), max((edges.size for edges in edges_at), default=0)
    padded = np.full((n, most), -1, dtype=np.int64)
    cells = np.zeros((n, most + 1))
    scores = np.zeros((n, FIRST_CELL + most + 1))
    for row, (place, edges) in enumerate(zip(places, edges_at, strict=True)):
        feature = features[place]
        assert feature is not None  # only what is watched has rates
        padded[row, : edges.size] = edges
        held = feature.cells.astype(np.float64)
        held[0] += feature.counts[NEG_INF]
        held[-1] += feature.counts[POS_INF]
        ends = np.cumsum(held) / max(1, feature.present)
        middles = ends - 0.5 * held / max(1, feature.present)
        cells[row, : middles.size] = middles
        cells[row, middles.size :] = middles[-1]
        scores[row, FIRST_CELL : FIRST_CELL + middles.size] = middles
        scores[row, NEG_INF], scores[row, POS_INF] = middles[0], middles[-1]
    assert FIRST_PRESENT == POS_INF  # so the lanes before it count nothing
    where = np.asarray(at, dtype=np.int64)
    return Positions(np.asarray(places, dtype=np.int64), where, padded, scores, cells)


def position_bounds(
    positions: Positions,
    shares: tuple[F64, F64, F64],
    rows: F64,
    tolerance: float,
    level: float,
    own_deviations: float | None = None,
) -> tuple[F64, F64]:
    """Ends of the bands of the mean positions.

    Args:
        positions: N of them.
        shares: of the values below the edges: those measured, and the lowest and highest that they may truly
            be, each of shape (N, E).
        rows: m, shape (N,).
        tolerance: delta; by 2 delta deviations the mean may move without being an alarm.
        level: L; Bernstein's bound fails with probability at most exp(-L) on either side.
        own_deviations: from `own_deviations_of`; left out where the rows are not those that positions are
            among.

    Returns:
        Lowest and highest mean, each of shape (N,).
    """
    below, lowest, highest = shares
    mean, trials = positions.mean(below), np.maximum(rows, 1.0)
    variance = positions.most_squares(lowest, highest, mean)
    unknown = np.sqrt(2.0 * variance * level / trials) + level / (3.0 * trials)
    if own_deviations is not None:
        unknown = np.minimum(unknown, own_deviations / np.sqrt(12.0 * trials))
    reach = 2.0 * tolerance * np.sqrt(positions.most_squares(below, below, mean)) + unknown
    return mean - reach, mean + reach


def position_gains(cells: F64, lower: F64, upper: F64, farthest: F64, rises: NDArray[np.bool_]) -> F64:
    """What a success and a failure add to L for every tilt.

    Args:
        cells: position of every cell, ascending, shape (N, E + 1).
        lower: l_j, shape (N, E).
        upper: u_j, shape (N, E).
        farthest: farthest mean that the null allows in the direction watched, shape (N,).
        rises: whether higher positions are asked for, shape (N,).

    Returns:
        Shape (N, K, 2), float64.
    """
    low, high = np.clip(lower, 0.0, 1.0), np.clip(upper, 0.0, 1.0)
    turned = ~rises
    cells = np.where(turned[:, None], 1.0 - cells[:, ::-1], cells)
    low, high = (
        np.where(turned[:, None], 1.0 - high[:, ::-1], low),
        np.where(turned[:, None], 1.0 - low[:, ::-1], high),
    )
    most = np.where(turned, 1.0 - farthest, farthest)
    low = np.maximum.accumulate(low, axis=1)
    high = np.minimum.accumulate(high[:, ::-1], axis=1)[:, ::-1]
    worst = _worst(cells, low, high, most)
    tilts = np.array(TILTS)[None, :, None]
    powers = np.exp(tilts * cells[:, None, :])
    psi = np.log(powers[:, :, -1] - (worst[:, None, :] * np.diff(powers, axis=2)).sum(axis=2))
    gains = np.stack([np.array(TILTS) - psi, -psi], axis=2)
    gains[turned] = gains[turned][:, :, ::-1]
    return gains


def _worst(cells: F64, low: F64, high: F64, most: F64) -> F64:
    """Distribution functions within [low, high] of mean `most`, as spread as can be; shape (N, E)."""
    steps = np.diff(cells, axis=1)
    left, right = np.zeros(len(cells)), np.ones(len(cells))
    for _ in range(ROUNDS):
        level = 0.5 * (left + right)
        mean = cells[:, -1] - (np.clip(level[:, None], low, high) * steps).sum(axis=1)
        above = mean > most
        left = np.where(above, level, left)
        right = np.where(above, right, level)
    # Of both ends the left one, whose mean is not below the highest allowed: to pay more is always safe
    return np.clip(left[:, None], low, high)


def level_of(risk: float, features: int, bands: int) -> float:
    """L such that the bounds of all features, both sides and all bands fail with a given probability.

    Args:
        risk: 0 to 1.
        features: how many, >= 1.
        bands: how many sets of bands are in use, >= 1.

    Returns:
        L, for bounds that fail with probability exp(-L) each.
    """
    return math.log(2.0 * features * bands / risk)


def own_deviations_of(risk: float, features: int) -> float:
    """How many deviations the mean of an own reference's positions may be off, by Pinelis' bound.

    Args:
        risk: 0 to 1.
        features: how many, >= 1.

    Returns:
        z, such that all features and both sides together fail with probability `risk`: 4.03 for 0.005 and 20.
    """
    return -NormalDist().inv_cdf(risk / (2.0 * features * PINELIS))
