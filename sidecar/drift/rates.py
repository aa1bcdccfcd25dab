"""What the alarm watches: every feature as a set of rates, each with the band in which it may move.

A numeric feature's rates are its distribution function at every edge (share of present values below the
edge); a categorical one's are the shares of `other` and of every category; both have the missing rate and
that of type errors. Each is one run of lanes over another, so all rates of all features come from one
cumulative sum. A numeric feature has its mean position as well (`sidecar.drift.position`), which finds
shifts sooner than any single share, and the share of values between its quantiles 0.05 and 0.95, which finds
another spread in two fifths of the rows, since it counts both tails at once. Rates that are no lanes (errors,
duplicates, what a data quality check counts) are given as `ExtraRate`, and their successes and trials beside
the counts; a success may be a fraction, y in [0, 1].

**Out of range** is the outermost edges' business. They lie at the quantiles 0.001 and 0.999, so a share of
values beyond everything seen shows there as `q0.001 down` or `q0.999 up` once it passes 0.1 % and the band.
Edges at the extremes themselves would have a reference share of 0 and a band hardly narrower (with m rows
what was never seen may have a share of L / m); a count against the extremes can be had as an extra rate.

The band of a rate q measured on m reference rows is [l, u], the sum of two parts.

* What does not matter: 2 delta sqrt(q (1 - q)), two delta of the deviation of one row's y, delta being the
  tolerance at the median; a mean position's deviation is that of the reference's positions. A share below
  delta^2 counts as delta^2 here, so that a change of 2 delta^2 is never an alarm however large the reference.
* What the reference does not know: the highest v under which so few successes would still have come with
  probability exp(-L), nearly Clopper and Pearson's limit, and for distribution functions the inequality of
  Dvoretzky, Kiefer, Wolfowitz and Massart if that is closer. They may fail with 2.25 % and 0.25 % (and the
  mean position's two bounds with 0.25 % and 2.25 %) over all rates, sides and features together. Not
  Bernstein's bound with q in place of the unknown rate, since that one is too small where it matters: at
  q = 0 it gives L / 3m while L / m is right. Rows that depend on each other say less: m is divided by the
  feature's design effect (`sidecar.profile.design_effect`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from kernels.binning import F64, I64
from kernels.lanes import FIRST_CELL, FIRST_PRESENT, MISSING, NEG_INF, TYPE_ERROR
from kernels.sequential import count_rates
from sidecar.drift.position import (
    Positions,
    level_of,
    make_positions,
    own_deviations_of,
    position_bounds,
)
from sidecar.errors import ShapeMismatch
from sidecar.profile.edges import SHARES
from sidecar.profile.reference import FeatureReference

REFERENCE_RISK = 0.05  # probability that some band misses the true rate because the reference is finite
RATE_RISK, EDGES_RISK, POSITION_RISK, OWN_POSITION_RISK = 0.0225, 0.0025, 0.0025, 0.0225  # its parts
NOT_COUNTED = (-1, 0, 0, 0)
POSITION = "position"
SPREAD, SPREAD_ENDS = "spread", (0.05, 0.95)


@dataclass(frozen=True, slots=True)
class ExtraRate:
    """A rate that is no run of lanes.

    Args:
        place: what it is about: "errors", "duplicate_rows".
        share: that of the reference, 0 to 1.
        rows: trials that the share rests on, >= 1.
        feature: place of the feature that it belongs to; None for a rate of its own.
    """

    place: str
    share: float
    rows: float
    feature: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Rates:
    """All rates of F features and X rates of their own; R of them, those of one feature side by side.

    Args:
        width: F.
        groups: the feature that a rate belongs to; F and above for rates of their own, shape (R,), int64.
        runs: the lanes of each as in `kernels.sequential.count_rates`, shape (R, 4), int64.
        given: where the extra rates are, in the order in which they were given, shape (X,), int64.
        shares: q, shape (R,).
        rows: m, already divided by the design effect, shape (R,).
        lower: l, shape (R,); <= 0 where the rate cannot fall too low.
        upper: u, shape (R,); >= 1 where it cannot rise too high.
        places: what a rate is about: "q0.95", "category=JFK", "missing".
        is_quantile: whether a higher rate means that a quantile has moved down, shape (R,), bool.
        spreads: where the shares between two quantiles are, shape (N',), int64.
        tolerance: delta.
        positions: the rates that are mean positions (sidecar.drift.position).
    """

    width: int
    groups: I64
    runs: I64
    given: I64
    shares: F64
    rows: F64
    lower: F64
    upper: F64
    places: tuple[str, ...]
    is_quantile: NDArray[np.bool_]
    spreads: I64
    tolerance: float
    positions: Positions

    @property
    def n_groups(self) -> int:
        """Features and rates of their own."""
        own = int(self.groups.max(initial=-1)) + 1
        return max(self.width, own)

    def tally(self, counts: I64, extra: F64 | None = None) -> F64:
        """Successes and trials of every rate.

        Args:
            counts: shape (F, L), int64.
            extra: successes and trials of the extra rates, shape (X, 2); without them they have no trials.

        Returns:
            Shape (R, 2), float64.

        Raises:
            ShapeMismatch: "rates: expected extra tallies of (2, 2), got (1, 2)".
        """
        tallies = np.zeros((self.shares.size, 2))
        count_rates(counts, self.runs, np.empty(counts.shape[1] + 1, dtype=np.int64), tallies)
        positions = self.positions
        if positions.at.size:
            tallies[positions.at, 0] = positions.successes(counts)
            tallies[positions.at, 1] = tallies[positions.edges_at[:, 0], 1]
        if extra is not None:
            if extra.shape != (self.given.size, 2):
                raise ShapeMismatch(
                    f"rates: expected extra tallies of ({self.given.size}, 2), got {extra.shape}"
                )
            tallies[self.given] = extra
        return tallies

    def count(self, counts: I64) -> tuple[F64, F64]:
        """Successes and trials of every rate that is a run of lanes.

        Args:
            counts: shape (F, L), int64.

        Returns:
            Two arrays of shape (R,), float64.
        """
        tallies = self.tally(counts)
        return tallies[:, 0], tallies[:, 1]

    def at(self, shares: F64, rows: F64, n_bands: int) -> Rates:
        """The same rates with other reference shares.

        Args:
            shares: q, shape (R,).
            rows: m, already divided by the design effect, shape (R,).
            n_bands: how many such sets of bands may fail together with REFERENCE_RISK.

        Returns:
            Rates with the bands of these shares.
        """
        lower, upper = _bands(shares, rows, self, n_bands)
        return replace(self, shares=shares, rows=rows, lower=lower, upper=upper)


def _bands(shares: F64, rows: F64, rates: Rates, n_bands: int = 1) -> tuple[F64, F64]:
    """Ends of the bands, each of shape (R,)."""
    if not shares.size:
        return shares, shares
    most = int(np.bincount(rates.groups).max())
    level = math.log(2.0 * most * rates.n_groups * n_bands / RATE_RISK)
    level_of_all = math.log(2.0 * rates.n_groups * n_bands / EDGES_RISK)
    uniform = np.sqrt(level_of_all / (2.0 * np.maximum(rows, 1.0)))
    high = binomial_bound(shares, rows, level)
    low = 1.0 - binomial_bound(1.0 - shares, rows, level)
    high = np.where(rates.is_quantile, np.minimum(high, shares + uniform), high)
    low = np.where(rates.is_quantile, np.maximum(low, shares - uniform), low)
    least = rates.tolerance * rates.tolerance
    middle = np.clip(shares, least, 1.0 - least)
    slack = 2.0 * rates.tolerance * np.sqrt(middle * (1.0 - middle))
    positions = rates.positions
    known = positions.below(shares), positions.below(low), positions.below(high)
    low, high = low - slack, high + slack
    if positions.at.size:
        wanted = level_of(POSITION_RISK, rates.n_groups, n_bands)
        own = own_deviations_of(OWN_POSITION_RISK, rates.n_groups) if n_bands == 1 else None
        bounds = position_bounds(positions, known, rows[positions.at], rates.tolerance, wanted, own)
        low[positions.at], high[positions.at] = bounds
    return low, high


@dataclass(frozen=True, slots=True)
class _Rate:
    group: int
    run: tuple[int, int, int, int]
    share: float
    rows: float
    place: str
    is_quantile: bool = False
    given: int = -1
    is_position: bool = False


def make_rates(
    features: Sequence[FeatureReference | None],
    tolerance: float,
    extra: Sequence[ExtraRate] = (),
    phi: Sequence[float] | None = None,
) -> Rates:
    """The rates of some features.

    Args:
        features: F references; None for a feature that is not watched yet.
        tolerance: delta, 0 to 0.5: change of a share at the median that is never an alarm.
        extra: X rates that are counted elsewhere.
        phi: design effect of each feature, shape (F,), >= 1; all 1 when left out.

    Returns:
        The rates with their bands.
    """
    rates = [
        rate
        for place, feature in enumerate(features)
        if feature is not None and feature.rows > 0
        for rate in _rates_of(place, feature, 1.0 if phi is None else float(phi[place]))
    ]
    rates += _extra_rates(extra, len(features))
    rates.sort(key=lambda rate: rate.group)  # stable: a feature's extra rates come after its lanes
    nothing = np.empty(0)
    given = {rate.given: at for at, rate in enumerate(rates) if rate.given >= 0}
    blank = Rates(
        width=len(features),
        groups=np.array([rate.group for rate in rates], dtype=np.int64),
        runs=np.array([rate.run for rate in rates], dtype=np.int64).reshape(-1, 4),
        given=np.array([given[number] for number in range(len(extra))], dtype=np.int64),
        shares=np.array([rate.share for rate in rates]),
        rows=np.array([float(rate.rows) for rate in rates]),
        lower=nothing,
        upper=nothing,
        places=tuple(rate.place for rate in rates),
        is_quantile=np.array([rate.is_quantile for rate in rates], dtype=bool),
        spreads=np.flatnonzero([rate.place == SPREAD for rate in rates]).astype(np.int64),
        tolerance=tolerance,
        positions=_positions(features, rates),
    )
    return blank.at(blank.shares, blank.rows, 1)


def _positions(features: Sequence[FeatureReference | None], rates: Sequence[_Rate]) -> Positions:
    edges: dict[int, list[int]] = {}
    for at, rate in enumerate(rates):
        if rate.is_quantile:
            edges.setdefault(rate.group, []).append(at)
    mine = [at for at, rate in enumerate(rates) if rate.is_position]
    places = [rates[at].group for at in mine]
    of_edges = [np.array(edges[place], dtype=np.int64) for place in places]
    return make_positions(features, mine, of_edges, places)


def _extra_rates(extra: Sequence[ExtraRate], width: int) -> list[_Rate]:
    rates, group = [], width
    for number, rate in enumerate(extra):
        own = rate.feature is None
        at = group if rate.feature is None else rate.feature
        rates.append(_Rate(at, NOT_COUNTED, rate.share, rate.rows, rate.place, given=number))
        group += own
    return rates


def binomial_bound(shares: F64, rows: F64, level: float) -> F64:
    """Highest true rates that are not refuted by what was measured; closer than Chernoff's bound.

    The probability of k successes or fewer is at most that of k times a geometric series, whose ratio is that
    of the last two terms (Feller I, VI.3): P(X <= k) <= P(X = k) / (1 - k (1 - v) / ((m - k + 1) v)).

    Args:
        shares: measured rates q = k / m, shape (R,), 0 to 1; k need not be whole.
        rows: m, shape (R,), > 0.
        level: L; the bound fails with probability at most exp(-L).

    Returns:
        v >= q, shape (R,); at most 1, and at most that of `chernoff_bound`. For m = 10,000, k = 10 and L =
        10.6 it is 0.00295; Clopper and Pearson's is 0.00294, Chernoff's 0.00323.
    """
    hits = shares * rows
    misses = rows - hits
    choices = _log_gamma(rows + 1.0) - _log_gamma(hits + 1.0) - _log_gamma(misses + 1.0)
    low, high = shares.copy(), chernoff_bound(shares, rows, level)
    for _ in range(50):
        middle = 0.5 * (low + high)
        with np.errstate(divide="ignore", invalid="ignore"):
            last = choices + np.where(hits > 0.0, hits * np.log(middle), 0.0) + misses * np.log1p(-middle)
            ratio = hits * (1.0 - middle) / ((misses + 1.0) * middle)
            beyond = last - np.log1p(-ratio) <= -level  # no number, so not beyond, where the ratio is above 1
        high = np.where(beyond, middle, high)
        low = np.where(beyond, low, middle)
    return high


def _log_gamma(values: F64) -> F64:
    return np.array([math.lgamma(value) for value in values.tolist()])


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


def _rates_of(place: int, feature: FeatureReference, phi: float) -> list[_Rate]:
    rows, present = feature.rows, feature.present

    def rate(first: int, end: int, base: int, hits: int, name: str, *, quantile: bool = False) -> _Rate:
        trials = rows if base == 0 else present
        return _Rate(place, (place, first, end, base), hits / trials, trials / phi, name, quantile)

    rates = [
        rate(lane, lane + 1, 0, int(feature.counts[lane]), name)
        for lane, name in ((MISSING, "missing"), (TYPE_ERROR, "type_error"))
    ]
    if present == 0:
        return rates
    if feature.spec.kind == "numeric":
        below = (int(feature.counts[NEG_INF]) + np.cumsum(feature.cells[:-1])).tolist()
        for cell, hits in enumerate(below):
            name = _quantile_name(hits / present, present)
            rates.append(rate(NEG_INF, FIRST_CELL + cell + 1, FIRST_PRESENT, hits, name, quantile=True))
        if feature.edges.size:
            low, high = (_nearest(below, share * present) for share in SPREAD_ENDS)
            if below[low] < below[high]:
                ends, hits = (FIRST_CELL + low + 1, FIRST_CELL + high + 1), below[high] - below[low]
                rates.append(rate(*ends, FIRST_PRESENT, hits, SPREAD))
            position = _Rate(place, NOT_COUNTED, 0.5, present / phi, POSITION, is_position=True)
            rates.append(position)
        return rates
    for code, text in enumerate(("other", *feature.categories)):
        lane = FIRST_CELL + code
        name = f"category={text}" if code else "other"
        rates.append(rate(lane, lane + 1, FIRST_PRESENT, int(feature.counts[lane]), name))
    return rates


def _nearest(below: list[int], wanted: float) -> int:
    return min(range(len(below)), key=lambda edge: abs(below[edge] - wanted))


def _quantile_name(share: float, rows: int) -> str:
    """`q0.95` for a share as near to it as a quantile of so many rows can be, else the share."""
    nearest = min(SHARES, key=lambda nominal: abs(nominal - share))
    reach = max(0.2 * min(nearest, 1.0 - nearest, 0.05), 1.5 / rows)
    near = 0.0 < share < 1.0 and abs(nearest - share) <= reach
    return f"q{nearest if near else share:.3g}"
