"""Counting a block of rows into lanes, sums, extremes and sketch, in one pass (layout: `kernels.lanes`)."""

from __future__ import annotations

import math

import numpy as np

from kernels.binning import F64, I64
from kernels.jit import kernel
from kernels.lanes import (
    FIRST_CELL,
    MISSING,
    NEG_INF,
    NUMERIC,
    POS_INF,
    TYPE_ERROR,
    TYPE_ERROR_BITS,
)
from kernels.moments import LIMIT, LOW_BITS, LOW_MASK
from kernels.search import cell_of_8, cell_of_16, cell_of_32
from kernels.sketch import sketch_cell

Tallies = tuple[I64, I64, I64]

TILE = 256  # rows taken at a time, column by column: with 100 features they stay in a core's own cache


@kernel(inline=True)
def _count_odd(value: float, lanes: I64) -> None:
    """A value that is no finite number has a lane of its own: never zero, never dropped."""
    if math.isnan(value):
        lanes[TYPE_ERROR if np.float64(value).view(np.int64) == TYPE_ERROR_BITS else MISSING] += 1
    else:
        lanes[NEG_INF if value < 0.0 else POS_INF] += 1


@kernel()
def _fill_numeric(
    column: F64, edges: F64, scale: F64, lanes: I64, tally: tuple[I64, I64], extremes: F64
) -> None:
    sums, sketch = tally
    pivot, per_unit = scale[0], 1.0 / scale[1]
    n_finite, total, high_bits, low_bits = 0, 0, 0, 0
    low = extremes[0]
    high = extremes[1]
    few = edges[7] == math.inf  # a flag has four edges, its values being atoms
    fewer_than_half = edges[15] == math.inf
    for i in range(column.shape[0]):
        value = column[i]
        if math.isfinite(value):
            if few:
                cell = cell_of_8(edges, value)
            elif fewer_than_half:
                cell = cell_of_16(edges, value)
            else:
                cell = cell_of_32(edges, value)
            lanes[FIRST_CELL + cell] += 1
            distance = min(max((value - pivot) * per_unit, -LIMIT), LIMIT)
            sketch[sketch_cell(distance)] += 1
            k = int(np.rint(distance))
            n_finite += 1
            total += k
            high_bits += (k * k) >> LOW_BITS
            low_bits += (k * k) & LOW_MASK
            low = min(low, value)
            high = max(high, value)
        else:
            _count_odd(value, lanes)
    sums[0] += n_finite
    sums[1] += total
    sums[2] += high_bits
    sums[3] += low_bits
    extremes[0] = low
    extremes[1] = high


@kernel()
def _fill_codes(column: F64, highest: int, lanes: I64, sums: I64) -> None:
    n_present = 0
    for i in range(column.shape[0]):
        value = column[i]
        if math.isnan(value):
            _count_odd(value, lanes)
            continue
        n_present += 1
        if 1.0 <= value <= highest:
            lanes[FIRST_CELL + int(value)] += 1
        else:
            lanes[FIRST_CELL] += 1  # a code given after the vocabulary was frozen is `other` too
    sums[0] += n_present


@kernel(
    "void(Array(f8, 2, 'C', True), f8[:,::1], i8[::1], f8[:,::1], UniTuple(i8[:,::1], 3), f8[:,::1])",
)
def fill_block(rows: F64, edges: F64, codes: I64, scales: F64, tallies: Tallies, extremes: F64) -> None:
    """Add a block of rows to all that is kept of the features.

    Args:
        rows: shape (n, F), float64, C order, may be a read-only view; categories as codes, NaN = missing.
        edges: shape (F, 31), float64, each row ascending and padded with +inf; not read for other columns.
        codes: shape (F,), int64: `NUMERIC`, `UNCOUNTED`, or the highest code of a categorical column (>= 0).
        scales: pivot (finite) and unit (a power of two) of each feature, shape (F, 2), float64.
        tallies: what is added to, all int64 and C order: lanes of shape (F, L), L >= 36 with numeric columns
            and >= 5 + the highest code; sums of shape (F, 4) as in `kernels.moments`; sketches of shape
            (F, CELLS) as in `kernels.sketch`.
        extremes: smallest and largest finite value, shape (F, 2), float64, widened.

    Cost: 3 to 10 ns a value from 64 rows on, a quarter less with up to 7 edges; a call costs about 1 us
    whatever it does.
    """
    lanes, sums, sketches = tallies
    for start in range(0, rows.shape[0], TILE):
        tile = rows[start : start + TILE]
        for f in range(rows.shape[1]):
            column = tile[:, f]
            if codes[f] == NUMERIC:
                _fill_numeric(column, edges[f], scales[f], lanes[f], (sums[f], sketches[f]), extremes[f])
            elif codes[f] >= 0:
                _fill_codes(column, codes[f], lanes[f], sums[f])
