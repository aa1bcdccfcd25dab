"""Counting a block of rows into lanes, in one pass together with the moments.

**The lane layout, used everywhere** (counts have shape (F, L), int64; the lanes of one feature are one row):

    lane 0            missing (NaN)
    lane 1            +inf            numeric features only, else 0
    lane 2            -inf            numeric features only, else 0
    lane 3 + b        cell b

A numeric feature's cell b holds the finite values x for which b reference edges are <= x
(`kernels.binning`), so cell 0 is "below all edges" and the last one "at or above the last edge". A
categorical feature's cell 0 is `other` (a text that the vocabulary does not hold) and cell c is the category
with code c, counted from 1. The fixed lanes come first, so the lanes that one feature uses are always a
prefix of its row and padding lies only at the end.
"""

from __future__ import annotations

import math

from kernels.binning import F64, I64, cell_of
from kernels.jit import kernel

MISSING = 0
POS_INF = 1
NEG_INF = 2  # next to the cells: the values below an edge are one run of lanes
FIRST_CELL = 3

NUMERIC = -1  # in `codes`: the column is numeric
UNCOUNTED = -2  # in `codes`: the column is not counted (its reference is still being learnt)


@kernel()
def _fill_numeric(rows: F64, f: int, edges: F64, pivot: float, lanes: I64, moments: F64) -> None:
    n_finite = 0
    total = 0.0
    squares = 0.0
    low = moments[3]
    high = moments[4]
    for i in range(rows.shape[0]):
        value = rows[i, f]
        if math.isfinite(value):
            lanes[FIRST_CELL + cell_of(edges, value)] += 1
            n_finite += 1
            centred = value - pivot
            total += centred
            squares += centred * centred
            low = min(low, value)
            high = max(high, value)
        elif math.isnan(value):
            lanes[MISSING] += 1  # a lane of its own: never zero, never dropped
        elif value < 0.0:
            lanes[NEG_INF] += 1
        else:
            lanes[POS_INF] += 1
    moments[0] += n_finite
    moments[1] += total
    moments[2] += squares
    moments[3] = low
    moments[4] = high


@kernel()
def _fill_codes(rows: F64, f: int, highest: int, lanes: I64, moments: F64) -> None:
    n_present = 0
    for i in range(rows.shape[0]):
        value = rows[i, f]
        if math.isnan(value):
            lanes[MISSING] += 1
            continue
        n_present += 1
        if 1.0 <= value <= highest:
            lanes[FIRST_CELL + int(value)] += 1
        else:
            lanes[FIRST_CELL] += 1  # a code given after the vocabulary was frozen is `other` too
    moments[0] += n_present


@kernel(
    "void(f8[:,::1], f8[:,::1], i8[::1], f8[::1], i8[:,::1], f8[:,::1])",
    "void(Array(f8, 2, 'C', True), f8[:,::1], i8[::1], f8[::1], i8[:,::1], f8[:,::1])",
)
def fill_block(rows: F64, edges: F64, codes: I64, pivots: F64, counts: I64, moments: F64) -> None:
    """Add a block of rows to the lanes and moments of all features.

    Args:
        rows: shape (n, F), float64, C order, may be a read-only view; categories as codes, NaN = missing.
        edges: shape (F, 31), float64, each row ascending and padded with +inf; not read for other columns.
        codes: shape (F,), int64: `NUMERIC`, `UNCOUNTED`, or the highest code of a categorical column (>= 0).
        pivots: shape (F,), float64, finite; what the moments are taken about.
        counts: shape (F, L), int64, added to; L >= 35 with numeric columns and >= 4 + the highest code.
        moments: shape (F, 5), float64, added to; as in kernels.moments.

    Cost: 3 to 10 ns a value from 64 rows on; a call costs about 1 us whatever it does.
    """
    for f in range(rows.shape[1]):
        if codes[f] == NUMERIC:
            _fill_numeric(rows, f, edges[f], pivots[f], counts[f], moments[f])
        elif codes[f] >= 0:
            _fill_codes(rows, f, codes[f], counts[f], moments[f])
