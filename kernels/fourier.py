"""Vectors on a grid, and the cosines of random phases, exactly the same in any order and any block.

A component is rounded to a multiple of 2^-25 and cut at +-512, so it is a whole number of at most 2^34 steps.
Random directions are whole numbers of at most 2^7, vectors have at most 2^12 components: a scalar product is
at most 2^53 steps, exact in float64 whatever order BLAS takes (see `kernels.second_moments`). What follows
(`product * turns_per_step + offset`, its fraction of a turn, a look-up in a table of cosines) rounds each
value by itself, and sums are whole numbers: the bytes do not depend on how rows were put into blocks.
"""

from __future__ import annotations

import math

import numpy as np

from kernels.binning import F64, I64
from kernels.jit import kernel

GRID_BITS = 25
GRID = 2.0**-GRID_BITS
COMPONENT_LIMIT = 512.0
DIRECTION_LIMIT = 1 << 7
MOST_COMPONENTS = 1 << 12

TABLE_BITS = 11
TABLE = 1 << TABLE_BITS  # cosines of one turn
AMPLITUDE = 1 << 12  # of the whole numbers that stand for cosines

WHOLE = 0
MISSING = 1
TYPE_ERROR = 2
INFINITE = 3

_TYPE_ERROR_BITS = 0x7FF8_0000_0000_7E01


def cosine_table() -> I64:
    """Cosines of the middles of equal parts of a turn.

    Returns:
        Shape (2048,), int64, -4096 to 4096.
    """
    parts = range(TABLE)
    cosines = [round(AMPLITUDE * math.cos(2.0 * math.pi * (part + 0.5) / TABLE)) for part in parts]
    return np.array(cosines, dtype=np.int64)


@kernel(
    "void(Array(f8, 2, 'C', True), i8, f8[:,::1], f8[::1], i8[::1])",
)
def grid_rows(rows: F64, first: int, steps: F64, norms: F64, states: I64) -> None:
    """Round the vectors that lie in some neighbouring columns of a block of rows.

    Args:
        rows: shape (n, W), float64, C order, may be a read-only view.
        first: column of the first component.
        steps: shape (n, d), float64, overwritten with whole numbers of steps; 0 where the vector is not
            whole.
        norms: Euclidean norm of each vector, shape (n,), overwritten; NaN where one is not whole.
        states: WHOLE; TYPE_ERROR when some component is one; else MISSING when one is; else INFINITE; shape
            (n,), int64, overwritten.
    """
    for i in range(rows.shape[0]):
        state = WHOLE
        squares = 0.0
        for j in range(steps.shape[1]):
            value = rows[i, first + j]
            if math.isnan(value):
                error = np.float64(value).view(np.int64) == _TYPE_ERROR_BITS
                state = TYPE_ERROR if error or state == TYPE_ERROR else MISSING
            elif math.isinf(value):
                state = max(state, INFINITE) if state == WHOLE else state
            cut = min(max(value, -COMPONENT_LIMIT), COMPONENT_LIMIT)
            step = np.rint(cut / GRID)
            steps[i, j] = step
            squares += (step * GRID) * (step * GRID)
        states[i] = state
        norms[i] = math.sqrt(squares)
        if state != WHOLE:
            norms[i] = math.nan
            for j in range(steps.shape[1]):
                steps[i, j] = 0.0


@kernel("i8(f8[:,::1], i8[::1], f8[::1], i8[::1], i8[::1])")
def add_cosines(products: F64, states: I64, phases: F64, table: I64, totals: I64) -> int:
    """Add the cosine features of a block of vectors.

    Args:
        products: scalar products with D (or more) directions, shape (n, >= D), float64, whole numbers.
        states: as `grid_rows` gives them; only whole vectors are added.
        phases: turns a unit of a product, then D offsets in turns; shape (D + 1,), float64.
        table: from `cosine_table`.
        totals: sum of each cosine, and behind them the sum of all squared cosines; shape (D + 1,), int64,
            added to.

    Returns:
        How many vectors were added.
    """
    n_added = 0
    last = totals.shape[0] - 1
    for i in range(products.shape[0]):
        if states[i] != WHOLE:
            continue
        n_added += 1
        squares = 0
        for j in range(last):
            turns = products[i, j] * phases[0] + phases[j + 1]
            cosine = table[int((turns - math.floor(turns)) * TABLE) & (TABLE - 1)]
            totals[j] += cosine
            squares += cosine * cosine
        totals[last] += squares
    return n_added
