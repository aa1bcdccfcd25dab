"""How a feature's cells are read: which of them make a bin, where distances look, what a deviation is worth.

PSI's null law, (1/n + 1/m) times chi-square with B - 1 degrees of freedom (Yurdakul 2018), holds from about
20 rows a bin on, so neighbouring cells are joined until each bin holds a share of 20 / min_rows of the
reference (deciles at 200 rows, never finer than 20 bins); an atom larger than that is a bin of its own.
Categories are joined from the most frequent one down.
"""

from __future__ import annotations

import math

import numpy as np

from kernels.binning import F64, I64
from kernels.quantile import approx_quantile
from sidecar.profile.reference import FeatureReference

ROWS_A_BIN = 20
FINEST_SHARE = 0.05
SMALL_BIN = (
    0.25  # what is left beside an atom or at the end may be a bin of this part of the rows: 5, Cochran's rule
)
CLIP = 0.01  # Wasserstein looks between these two quantiles of the reference, so outliers do not stretch it
REACH = 1.5  # the single smallest and largest value count at most this far out, in outermost edges


def reading_plan(cells: I64, ordered: bool, min_rows: int) -> I64:
    """Order of the cells, and which of them end a bin.

    Args:
        cells: reference counts, shape (B,), int64.
        ordered: whether only neighbours may be joined.
        min_rows: fewest rows of a window.

    Returns:
        The plan of `kernels.effect.measure_lanes`, shape (2, B), int64.
    """
    share = min(max(FINEST_SHARE, ROWS_A_BIN / min_rows), 0.5)
    order = np.arange(cells.size) if ordered else np.argsort(-cells, kind="stable")
    least = max(share * float(cells.sum()) * (1.0 - 1e-9), 1.0)
    starts = [0]
    held = 0.0
    for place, count in enumerate(cells[order].tolist()):
        if held >= least or (count >= least and held >= least * SMALL_BIN):
            starts.append(place)
            held = 0.0
        held += count
    if held < least * SMALL_BIN and len(starts) > 1:
        starts.pop()  # the rest is too small for a bin of its own
    plan = np.zeros((2, cells.size), dtype=np.int64)
    plan[0] = order
    plan[1, np.array([*starts[1:], cells.size]) - 1] = 1
    return plan


def clip_edges(cells: I64) -> tuple[int, int]:
    """The edges nearest to the 1 % and the 99 % quantile from inside.

    Args:
        cells: reference counts, shape (E + 1,), int64.

    Returns:
        Two indices of edges; the outermost where there are no two inside.
    """
    if cells.size < 2 or cells.sum() == 0:
        return 0, 0
    below = np.cumsum(cells)[:-1] / float(cells.sum())
    first = int(np.searchsorted(below, CLIP * 0.9))
    last = int(np.searchsorted(below, 1.0 - CLIP * 0.9, side="right")) - 1
    if first >= last:
        return 0, below.size - 1
    return first, last


def cell_widths(edges: F64, clip: tuple[int, int]) -> F64:
    """Width of every cell between two edges, 0 for the others.

    Args:
        edges: ascending, shape (E,), float64.
        clip: indices of the two edges.

    Returns:
        Shape (E + 1,), float64.
    """
    widths = np.zeros(edges.size + 1)
    first, last = clip
    widths[first + 1 : last + 1] = np.diff(edges[first : last + 1])
    return widths


def typical_spread(feature: FeatureReference, clip: tuple[int, int]) -> float:
    """The interquartile range, or the clipped range where half of the values are one.

    Args:
        feature: a numeric feature's reference.
        clip: from `clip_edges`.

    Returns:
        In the feature's unit; 0 where at least 98 % are one value, since nothing between is told apart then,
        and where no number can hold it.
    """
    if clip[1] - clip[0] < 2:
        return 0.0
    width = _quantile(feature, 0.75) - _quantile(feature, 0.25)
    whole = float(feature.edges[clip[1]]) - float(feature.edges[clip[0]])
    spread = width if width > 1e-9 * whole else whole
    return spread if math.isfinite(whole) else 0.0


def moment_scale(feature: FeatureReference) -> F64:
    """What moments are taken about and in, and where the outermost values are held.

    Args:
        feature: a numeric feature's reference.

    Returns:
        Pivot, unit, low and high limit (kernels.shift), shape (4,), float64.
    """
    if feature.edges.size == 0:
        return np.array([feature.pivot, feature.unit, -np.inf, np.inf])
    middle = _quantile(feature, 0.5)
    with np.errstate(over="ignore"):  # behind the greatest number there is no limit
        low, high = middle + REACH * (feature.edges[[0, -1]] - middle)
    return np.array([feature.pivot, feature.unit, low, high])


def kurtosis(feature: FeatureReference, limits: tuple[float, float]) -> float:
    """Fourth moment over the squared second one: how uncertain a deviation is.

    Args:
        feature: a numeric feature's reference.
        limits: where the outermost cells end.

    Returns:
        Of values that lie evenly in their cells; 3 for a normal feature, at least 1; NaN for a constant.
    """
    cells = feature.cells.astype(np.float64)
    if feature.edges.size == 0 or cells.sum() == 0.0:
        return float("nan")
    low, high = feature.extremes.tolist()
    ends = [max(low, limits[0]), min(high, limits[1])]
    borders = np.concatenate(
        [[min(ends[0], feature.edges[0])], feature.edges, [max(ends[1], feature.edges[-1])]]
    )
    shares = cells / cells.sum()
    borders = borders / max(float(np.abs(borders).max()), 1e-300)  # no power of a huge value
    width = float(borders[-1] - borders[0])
    if width <= 0.0:
        return float("nan")
    borders = (borders - borders[0]) / width
    middles = 0.5 * (borders[1:] + borders[:-1])
    square = (0.5 * np.diff(borders)) ** 2  # a cell of half width h has moments h^2 / 3 and h^4 / 5
    away = (middles - float(shares @ middles)) ** 2
    second = float(shares @ (away + square / 3.0))
    fourth = float(shares @ (away**2 + 2.0 * away * square + square**2 / 5.0))
    return max(fourth / second**2, 1.0) if second > 0.0 else float("nan")


def _quantile(feature: FeatureReference, share: float) -> float:
    low, high = feature.extremes.tolist()
    return approx_quantile(feature.edges, feature.cells, low, high, share)
