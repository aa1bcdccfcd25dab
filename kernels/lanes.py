"""The lane layout, used everywhere.

Counts have shape (F, L), int64; the lanes of one feature are one row:

    lane 0            missing (NaN)
    lane 1            type error: a value of a kind that the feature does not have, as text for a number
    lane 2            +inf            numeric features only, else 0
    lane 3            -inf            numeric features only, else 0
    lane 4 + b        cell b

A numeric feature's cell b holds the finite values x for which b reference edges are <= x
(`kernels.binning`), so cell 0 is "below all edges" and the last one "at or above the last edge". A
categorical feature's cell 0 is `other` (a text that the vocabulary does not hold) and cell c is the category
with code c, counted from 1. The fixed lanes come first, so the lanes that one feature uses are always a
prefix of its row and padding lies only at the end. The present values are the lanes from `FIRST_PRESENT` on.

In a matrix of rows a type error is a NaN with bits of its own. Copying keeps them; arithmetic need not.
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

MISSING = 0
TYPE_ERROR = 1
POS_INF = 2
NEG_INF = 3  # next to the cells: the values below an edge are one run of lanes
FIRST_CELL = 4
FIRST_PRESENT = POS_INF

NUMERIC = -1  # in `codes`: the column is numeric
UNCOUNTED = -2  # in `codes`: the column is not counted (its reference is still being learnt)

TYPE_ERROR_BITS = 0x7FF8_0000_0000_7E01
TYPE_ERROR_NAN: float = struct.unpack("<d", struct.pack("<Q", TYPE_ERROR_BITS))[0]


def type_errors(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which values are type errors.

    Args:
        values: any shape, float64, C order.

    Returns:
        The same shape.
    """
    return np.equal(values.view(np.int64), TYPE_ERROR_BITS)
