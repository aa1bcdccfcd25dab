"""Which cell of a feature's reference edges a value falls into.

Cell b of a value x is the number of edges <= x, so E edges make E + 1 cells and the ends ("under", "over")
need no test of their own. Edges are padded to 31 with +inf, which no finite value reaches; so every feature
takes the same five comparisons. The search is arithmetic (`b += h * (x >= edge)`) and written out: as a loop
LLVM turns it back into branches, and their mispredictions cost ten times as much (22 against 3 ns a value).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kernels.jit import kernel

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

EDGES = 31  # padded length of a feature's edges: five comparisons find one of 32 cells
CELLS = EDGES + 1


@kernel(inline=True)
def cell_of(edges: F64, value: float) -> int:
    """Number of edges that are <= value.

    Args:
        edges: ascending, shape (31,), float64, padded with +inf.
        value: not NaN; finite.

    Returns:
        The cell, 0 to 31; at most the number of unpadded edges.
    """
    cell = np.int64(0)
    cell += np.int64(16) * np.int64(value >= edges[15])
    cell += np.int64(8) * np.int64(value >= edges[cell + 7])
    cell += np.int64(4) * np.int64(value >= edges[cell + 3])
    cell += np.int64(2) * np.int64(value >= edges[cell + 1])
    cell += np.int64(1) * np.int64(value >= edges[cell])
    return cell  # type: ignore[return-value]  # an int64 under the compiler and without it


@kernel("void(f8[::1], f8[::1], i8[::1])")
def fill_cells(values: F64, edges: F64, cells: I64) -> None:
    """Find the cell of each value.

    Args:
        values: shape (n,), float64, finite.
        edges: as in `cell_of`.
        cells: shape (n,), int64, overwritten.
    """
    for i in range(values.shape[0]):
        cells[i] = cell_of(edges, values[i])
