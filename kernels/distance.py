"""Distances between two histograms of ordered cells."""

from __future__ import annotations

import math

from kernels.binning import F64, I64
from kernels.effect import mean_absolute
from kernels.jit import kernel
from kernels.totals import totals


@kernel("f8(i8[::1], i8[::1])")
def ks(reference: I64, current: I64) -> float:
    """Largest difference of the two cumulative shares, at the edges.

    Exact at the edges; the statistic of the raw values exceeds it by at most the largest cell's share.

    Args:
        reference: counts in order, shape (B,), int64.
        current: counts, shape (B,), int64.

    Returns:
        0 to 1; NaN when either side is empty.
    """
    m, n = totals(reference, current)
    if m == 0 or n == 0:
        return math.nan
    below_reference = 0
    below_current = 0
    largest = 0.0
    for b in range(reference.shape[0]):
        below_reference += reference[b]
        below_current += current[b]
        largest = max(largest, abs(below_current / n - below_reference / m))
    return largest


@kernel("f8(f8[::1], i8[::1], i8[::1], i8, i8)")
def wasserstein(edges: F64, reference: I64, current: I64, first: int, last: int) -> float:
    """Area between the two distribution functions from edge `first` to edge `last`.

    Within a cell both functions are taken as straight lines, so the area is exact for values that lie at the
    edges or evenly between them. It is Wasserstein's distance of the values clipped to [edges[first],
    edges[last]].

    Args:
        edges: ascending, shape (E,), float64, finite.
        reference: counts, shape (E + 1,), int64, cells as in kernels.binning.
        current: counts, shape (E + 1,), int64.
        first: index of an edge.
        last: index of an edge, >= first.

    Returns:
        The area in the feature's unit, >= 0; NaN when either side is empty.
    """
    m, n = totals(reference, current)
    if m == 0 or n == 0:
        return math.nan
    below_reference = 0
    below_current = 0
    area = 0.0
    for b in range(last + 1):
        left = below_current / n - below_reference / m
        below_reference += reference[b]
        below_current += current[b]
        right = below_current / n - below_reference / m
        if b > first:  # cell b lies between edges b - 1 and b
            area += (edges[b] - edges[b - 1]) * mean_absolute(left, right)
    return area


@kernel("f8(i8[::1], i8[::1])")
def largest_difference(reference: I64, current: I64) -> float:
    """Largest difference of a single cell's share (L-infinity), for unordered categories.

    Args:
        reference: counts, shape (B,), int64.
        current: counts, shape (B,), int64.

    Returns:
        0 to 1; NaN when either side is empty.
    """
    m, n = totals(reference, current)
    if m == 0 or n == 0:
        return math.nan
    largest = 0.0
    for b in range(reference.shape[0]):
        largest = max(largest, abs(current[b] / n - reference[b] / m))
    return largest


@kernel("f8(i8[::1], i8[::1])")
def total_variation(reference: I64, current: I64) -> float:
    """Total variation distance: half the sum of the differences of the cells' shares.

    Args:
        reference: counts, shape (B,), int64.
        current: counts, shape (B,), int64.

    Returns:
        0 to 1: the share of rows that would have to change their cell; NaN when either side is empty.
    """
    m, n = totals(reference, current)
    if m == 0 or n == 0:
        return math.nan
    total = 0.0
    for b in range(reference.shape[0]):
        total += abs(current[b] / n - reference[b] / m)
    return 0.5 * total
