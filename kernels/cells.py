"""Counts by the cells of several axes, each axis alone and every two of them together.

**Places.** One row a place: the axes in order, then the pairs (0, 1), (0, 2) ... (1, 2) ...; in the row of an
axis its cell, in that of a pair first * n_cells + second.
"""

from __future__ import annotations

from kernels.binning import F64, I64
from kernels.jit import kernel


@kernel("void(i8[::1], i8, f8, i8[:,::1], f8[:,::1])")
def count_cells(cells: I64, n_cells: int, weight: float, counts: I64, weights: F64) -> None:
    """Counts one observation at its place in every row.

    Args:
        cells: its cell on each axis, shape (axes,), int64, 0 to n_cells - 1.
        n_cells: of an axis, at most.
        weight: finite.
        counts: shape (axes + pairs, n_cells^2), int64, added to.
        weights: likewise, float64.
    """
    place = cells.size
    for first in range(cells.size):
        counts[first, cells[first]] += 1
        weights[first, cells[first]] += weight
        for second in range(first + 1, cells.size):
            both = cells[first] * n_cells + cells[second]
            counts[place, both] += 1
            weights[place, both] += weight
            place += 1
