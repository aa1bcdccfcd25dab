"""What moved, which way and by how much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from kernels.binning import F64
from kernels.quantile import approx_quantile
from sidecar.drift.rates import Rates
from sidecar.profile.reference import FeatureReference
from sidecar.profile.table import finite

Direction = Literal["up", "down"]


@dataclass(frozen=True, slots=True)
class Moved:
    """The strongest evidence of one feature.

    Args:
        at: "q0.95", "category=JFK", "other", "type_error" or "missing".
        direction: the way that quantile, share or ratio went.
        share: of the reference (0 to 1): of that category, or of the values below the edge of that quantile;
            None where no size is known.
        new_share: the same share in the rows since the change began.
        value: the quantile's edge; None for other rates.
        new_value: the value below which the same share of the rows since the change lies; None for other
            rates, or while there are none.
    """

    at: str
    direction: Direction
    share: float | None = None
    new_share: float | None = None
    value: float | None = None
    new_value: float | None = None

    def to_json(self) -> dict[str, Any]:
        """The field `moved` of `GET /api/v1/drift`.

        Returns:
            `at`, `direction`; `from` and `to`, shares from 0 to 1; for quantiles `from_value` and
            `to_value`.
        """
        return {
            "at": self.at,
            "direction": self.direction,
            "from": self.share,
            "to": self.new_share,
            "from_value": self.value,
            "to_value": self.new_value,
        }


def name_move(
    rates: Rates,
    rate: int,
    rises: bool,
    since: F64,
    feature: FeatureReference | None,
    extremes: F64 | None,
) -> Moved:
    """What the rows since a change say of it.

    Args:
        rates: R rates.
        rate: the one that moved.
        rises: whether it went up.
        since: successes, trials and expected successes of every rate since the change, shape (R, 3).
        feature: whose rate it is; None for a rate of its own.
        extremes: smallest and largest value lately, shape (2,); those of the reference when left out.

    Returns:
        The move.
    """
    quantile = bool(rates.is_quantile[rate])
    up = rises != quantile  # more values below an edge: it moved down
    trials = float(since[rate, 1])
    share = float(since[rate, 2]) / trials if trials > 0.0 else float(rates.shares[rate])
    new_share = float(since[rate, 0]) / trials if trials > 0.0 else None
    moved = Moved(rates.places[rate], "up" if up else "down", share, new_share)
    if not quantile or feature is None:
        return moved
    first = int(np.flatnonzero((rates.groups == rates.groups[rate]) & rates.is_quantile)[0])
    of_edges = slice(first, first + feature.edges.size)
    value = float(feature.edges[rate - first])
    if new_share is None:
        return Moved(moved.at, moved.direction, share, None, value, None)
    reach = feature.extremes if extremes is None else extremes
    new_value = _value_at(share, feature.edges, since[of_edges, 0], trials, reach)
    return Moved(moved.at, moved.direction, share, new_share, value, new_value)


def _value_at(share: float, edges: F64, below: F64, trials: float, extremes: F64) -> float | None:
    """Where a share of the trials lies below; `below` counts them at the edges.

    None where that is beyond the edges and no value is known there. The extremes are of other rows than the
    trials, so they close the outer cells only.
    """
    cells = np.diff(below, prepend=0.0, append=trials).astype(np.int64)
    low, high = min(float(extremes[0]), float(edges[0])), max(float(extremes[1]), float(edges[-1]))
    return finite(approx_quantile(edges, cells, low, high, share))
