"""Which cell of ascending edges a value falls into.

Written by `python -m kernels.search_source`, which says why.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kernels.jit import kernel

F64 = NDArray[np.float64]


@kernel(inline=True)
def cell_of_8(edges: F64, value: float) -> int:
    """Number of edges that are <= value, of at most 7.

    Args:
        edges: ascending, shape (>= 7,), float64, padded with +inf.
        value: finite.

    Returns:
        The cell, 0 to 7; at most the number of unpadded edges.
    """
    cell = np.int64(0)
    cell += np.int64(4) * np.int64(value >= edges[cell + 3])
    cell += np.int64(2) * np.int64(value >= edges[cell + 1])
    cell += np.int64(1) * np.int64(value >= edges[cell])
    return cell  # type: ignore[return-value]  # an int64 under the compiler and without it


@kernel(inline=True)
def cell_of_16(edges: F64, value: float) -> int:
    """Number of edges that are <= value, of at most 15.

    Args:
        edges: ascending, shape (>= 15,), float64, padded with +inf.
        value: finite.

    Returns:
        The cell, 0 to 15; at most the number of unpadded edges.
    """
    cell = np.int64(0)
    cell += np.int64(8) * np.int64(value >= edges[cell + 7])
    cell += np.int64(4) * np.int64(value >= edges[cell + 3])
    cell += np.int64(2) * np.int64(value >= edges[cell + 1])
    cell += np.int64(1) * np.int64(value >= edges[cell])
    return cell  # type: ignore[return-value]  # an int64 under the compiler and without it


@kernel(inline=True)
def cell_of_32(edges: F64, value: float) -> int:
    """Number of edges that are <= value, of at most 31.

    Args:
        edges: ascending, shape (>= 31,), float64, padded with +inf.
        value: finite.

    Returns:
        The cell, 0 to 31; at most the number of unpadded edges.
    """
    cell = np.int64(0)
    cell += np.int64(16) * np.int64(value >= edges[cell + 15])
    cell += np.int64(8) * np.int64(value >= edges[cell + 7])
    cell += np.int64(4) * np.int64(value >= edges[cell + 3])
    cell += np.int64(2) * np.int64(value >= edges[cell + 1])
    cell += np.int64(1) * np.int64(value >= edges[cell])
    return cell  # type: ignore[return-value]  # an int64 under the compiler and without it
