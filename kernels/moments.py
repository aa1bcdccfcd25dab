"""Mean and deviation from whole numbers, so that any order and any grouping give the same bits.

Sums of floats depend on the order in which they are added: two panes merged in another order would differ in
the last digits, and so would two builds of one reference. So a value x is first rounded to a whole number of
small units about a pivot,

    k = rint((x - pivot) / unit),   |k| <= 2^31

and a feature's sums are four int64: n, sum k, and sum k^2 as its high and its low 32 bits, summed apart. With
the unit 2^-26 of the reference's scale (a power of two at or above its deviation), rounding moves the mean by
at most 2^-27 scales and the deviation by 1 part in 10^8, and what lies further than 32 scales from the pivot
counts as 32: one wild value moves the mean by at most 32 scales / n. Sums hold for 2^31 rows.

With the pivot near the mean no digits are lost to cancellation: NIST's NumAcc4, on which a naive sum of
squares gives 0.179 instead of 0.1, comes out to 1e-8.
"""

from __future__ import annotations

import math

import numpy as np

from kernels.binning import F64, I64
from kernels.jit import kernel

SUMS = 4
SCALE_BITS = 26  # units in a scale, as a power of two
LIMIT = 2.0**31  # |k| at most
LOW_BITS = 32
LOW_MASK = (1 << LOW_BITS) - 1


def unit_for(spread: float, pivot: float) -> float:
    """Unit for values of a given spread.

    Args:
        spread: deviation of typical values, >= 0; 0 for a constant.
        pivot: their middle, finite.

    Returns:
        A power of two: 2^-26 of the next power of two at or above the spread; of the pivot where the spread
        is too small for the pivot's own digits, and of 1 where both are 0.
    """
    floor = abs(pivot) * 2.0**-SCALE_BITS
    scale = max(spread, floor) if math.isfinite(spread) else floor
    if scale <= 0.0:
        scale = 1.0
    exponent = min(max(math.ceil(math.log2(scale)), -960), 960)
    return math.ldexp(1.0, exponent - SCALE_BITS)


def empty_sums(features: int) -> I64:
    """Sums of no rows at all.

    Args:
        features: F >= 0.

    Returns:
        Shape (F, 4), int64.
    """
    return np.zeros((features, SUMS), dtype=np.int64)


def empty_extremes(features: int) -> F64:
    """Extremes of no rows at all.

    Args:
        features: F >= 0.

    Returns:
        Shape (F, 2), float64: +inf and -inf.
    """
    extremes = np.empty((features, 2))
    extremes[:, 0] = np.inf
    extremes[:, 1] = -np.inf
    return extremes


def merge_extremes(into: F64, other: F64) -> None:
    """Widen extremes by others.

    Args:
        into: smallest and largest value, shape (..., 2), float64, changed in place.
        other: the same shape.
    """
    np.minimum(into[..., 0], other[..., 0], out=into[..., 0])
    np.maximum(into[..., 1], other[..., 1], out=into[..., 1])


@kernel("void(f8[::1], f8, f8, i8[::1])")
def fill_sums(values: F64, pivot: float, unit: float, sums: I64) -> None:
    """Add one feature's finite values; NaN and infinities are passed over.

    Args:
        values: shape (n,), float64.
        pivot: finite, near the mean.
        unit: from `unit_for`.
        sums: shape (4,), int64, added to.
    """
    for value in values:
        if math.isfinite(value):
            k = int(np.rint(min(max((value - pivot) / unit, -LIMIT), LIMIT)))
            sums[0] += 1
            sums[1] += k
            sums[2] += (k * k) >> LOW_BITS
            sums[3] += (k * k) & LOW_MASK


@kernel("f8(i8[::1], f8, f8)")
def mean(sums: I64, pivot: float, unit: float) -> float:
    """Mean of the finite values.

    Args:
        sums: shape (4,), int64.
        pivot: what they were taken about.
        unit: what they were taken in.

    Returns:
        The mean; NaN without values.
    """
    if sums[0] <= 0:
        return math.nan
    return float(pivot + unit * (sums[1] / sums[0]))


@kernel("f8(i8[::1], f8)")
def deviation(sums: I64, unit: float) -> float:
    """Standard deviation of the finite values, with n - 1.

    Args:
        sums: shape (4,), int64.
        unit: what they were taken in.

    Returns:
        The deviation, >= 0; NaN with fewer than two values.
    """
    if sums[0] < 2:
        return math.nan
    n = float(sums[0])
    squares = float(sums[2]) * 2.0**LOW_BITS + float(sums[3])
    centre = sums[1] / n
    spread = squares - n * centre * centre
    return float(unit * math.sqrt(max(spread, 0.0) / (n - 1.0)))
