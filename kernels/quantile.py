"""Quantiles read off a histogram: exact at the edges, linear between them."""

from __future__ import annotations

import math

from kernels.binning import F64, I64
from kernels.jit import kernel


@kernel("f8(f8[::1], i8[::1], f8, f8, f8)")
def approx_quantile(edges: F64, cells: I64, low: float, high: float, share: float) -> float:
    """Value below which about the given share of the counted values lies.

    The two open cells are closed by the extremes that were seen. The error is at most the width of the cell.

    Args:
        edges: ascending, shape (E,), float64, finite, not padded.
        cells: counts, shape (E + 1,), int64, cell b as in kernels.binning.
        low: smallest value counted.
        high: largest value counted.
        share: 0 to 1.

    Returns:
        The value, within [low, high]; NaN without counts.
    """
    total = 0
    for count in cells:
        total += count
    if total == 0:
        return math.nan
    wanted = share * total
    below = 0.0
    last = cells.shape[0] - 1
    for b in range(cells.shape[0]):
        count = float(cells[b])
        if count > 0.0 and below + count >= wanted:
            left = low if b == 0 else max(low, edges[b - 1])
            right = high if b == last else min(high, edges[b])
            part = (wanted - below) / count
            return float(left + max(right - left, 0.0) * min(max(part, 0.0), 1.0))
        below += count
    return high
