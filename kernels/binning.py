"""Which cell of a feature's reference edges a value falls into.

Cell b of a value x is the number of edges <= x, so E edges make E + 1 cells and the ends ("under", "over")
need no test of their own. Edges are padded to 31 with +inf, which no finite value reaches. The search is
arithmetic (`b += h * (x >= edge)`) and written out, by `kernels.search_source`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kernels.jit import kernel
from kernels.search import cell_of_32

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

EDGES = 31  # padded length of a feature's edges: five comparisons find one of 32 cells
CELLS = EDGES + 1


@kernel("void(f8[::1], f8[::1], i8[::1])")
def fill_cells(values: F64, edges: F64, cells: I64) -> None:
    """Find the cell of each value.

    Args:
        values: shape (n,), float64, finite.
        edges: ascending, shape (31,), float64, padded with +inf.
        cells: shape (n,), int64, overwritten.
    """
    for i in range(values.shape[0]):
        cells[i] = cell_of_32(edges, values[i])
