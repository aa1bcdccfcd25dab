"""Rows as small whole numbers, so that a matrix of sums of products is exact, by BLAS, in any order.

    k = rint((x - pivot) / step),   |k| <= 2^15

With the step 2^-13 of the reference's scale (a power of two from its deviation to twice that), what lies
further than 4 scales from the pivot counts as 4: one wild value weighs as one at the rim does. Rounding adds
step^2 / 12, less than 5e-9 of the variance, to the diagonal and nothing on average elsewhere.

**Why float64 products are exact.** Every product is a whole number of at most 2^30. Whatever order BLAS
takes, whatever it splits and fuses, each partial sum over n rows is a whole number of at most n 2^30; for n
<= 2^23 that is at most 2^53, below which float64 holds every whole number. So no step rounds. A block's sums
are then added in int64, which holds 2^33 rows.

Values that are not finite are absent: k = 0, and `absent` says so. Sums over the rows in which both of two
columns are present follow from four sums (N rows, a = 1 where absent):

    pairs     n_ij = N - sum a_i - sum a_j + sum a_i a_j
    first     s_ij = sum k_i - sum k_i a_j
    products  q_ij = sum k_i k_j

so that rows without gaps cost nothing beyond the products.
"""

from __future__ import annotations

import math

import numpy as np

from kernels.binning import F64, I64
from kernels.jit import kernel
from kernels.moments import SCALE_BITS

STEP_BITS = 13
CLIP_SCALES = 4
LIMIT = float(CLIP_SCALES << STEP_BITS)  # 2^15
BLOCK_ROWS = 1 << 23  # most rows of one float64 sum
MOST_ROWS = 1 << 33  # of an int64 one


def step_of(unit: float) -> float:
    """Step of a feature's whole numbers.

    Args:
        unit: of `kernels.moments`, a power of two.

    Returns:
        2^-13 of the feature's scale.
    """
    return math.ldexp(unit, SCALE_BITS - STEP_BITS)


@kernel(
    "i8(Array(f8, 2, 'C', True), i8[::1], f8[:,::1], f8[:,::1], f8[:,::1])",
)
def round_rows(rows: F64, columns: I64, scales: F64, rounded: F64, absent: F64) -> int:
    """Whole numbers of some columns of a block of rows.

    Args:
        rows: shape (n, F), float64, C order, may be a read-only view.
        columns: the J columns wanted, int64, 0 to F - 1.
        scales: pivot and steps a unit (a power of two, so that multiplying is exact) of each, shape (J, 2),
            float64.
        rounded: shape (n, J), float64, overwritten with k; 0 where the value is not finite.
        absent: shape (n, J), float64, zeros; set to 1 where the value is not finite.

    Returns:
        How many values are absent.
    """
    n_absent = 0
    for i in range(rows.shape[0]):
        for j in range(columns.shape[0]):
            value = rows[i, columns[j]]
            if math.isfinite(value):
                distance = (value - scales[j, 0]) * scales[j, 1]
                rounded[i, j] = np.rint(min(max(distance, -LIMIT), LIMIT))
            else:
                rounded[i, j] = 0.0
                absent[i, j] = 1.0
                n_absent += 1
    return n_absent


@kernel("void(f8[:,::1], f8[:,::1], i8[:,::1], i8[:,::1], i8[:,::1])")
def add_gaps(rounded: F64, absent: F64, both: I64, lost: I64, lost_squares: I64) -> None:
    """Add what the gaps of a block of rows take from pairs of columns.

    Args:
        rounded: from `round_rows`, shape (n, J).
        absent: from `round_rows`, shape (n, J).
        both: rows in which i and j are absent, shape (J, J), int64, added to.
        lost: row j gets the sums of k_i over the rows in which j is absent, shape (J, J), int64, added to.
        lost_squares: the same of k_i^2.

    Cost: some 2 J ns a gap.
    """
    width = rounded.shape[1]
    for i in range(rounded.shape[0]):
        for j in range(width):
            if absent[i, j] != 0.0:
                for other in range(width):
                    k = np.int64(rounded[i, other])
                    lost[j, other] += k
                    lost_squares[j, other] += k * k
                    both[j, other] += np.int64(absent[i, other])
