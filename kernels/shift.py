"""Mean and deviation from exact sums, with the two outermost values held to a limit.

Sums of `kernels.moments` let one wild value count as 32 scales: in 200 rows enough to double the deviation.
The smallest and the largest value of a pane are known, so they can be taken out of the sums and put back at a
limit: one row, however wild, then moves the result by no more than a row at the limit does. Several wild
values on one side still count; they are then more than one row.
"""

from __future__ import annotations

import math

import numpy as np

from kernels.binning import F64, I64
from kernels.jit import kernel
from kernels.moments import LIMIT, LOW_BITS

ROWS = 0
MEAN = 1
VARIANCE = 2


@kernel(inline=True)
def _units(value: float, pivot: float, unit: float) -> float:
    """The whole number as which the sums have counted a value."""
    return float(np.rint(min(max((value - pivot) / unit, -LIMIT), LIMIT)))


@kernel("void(i8[::1], f8[::1], f8[::1], f8[::1])")
def limited_moments(sums: I64, extremes: F64, scale: F64, moments: F64) -> None:
    """Rows, mean and variance of the finite values.

    Args:
        sums: shape (4,), int64 (kernels.moments).
        extremes: smallest and largest finite value, shape (2,), float64.
        scale: pivot, unit, and the limits below and above, shape (4,), float64.
        moments: rows, mean less pivot in units, and variance with n - 1 in squared units, so that values of
            any size fit; shape (3,), float64, overwritten; NaN where there are too few rows.
    """
    n = float(sums[0])
    moments[ROWS] = n
    moments[MEAN] = math.nan
    moments[VARIANCE] = math.nan
    if sums[0] <= 0:
        return
    pivot = scale[0]
    unit = scale[1]
    total = float(sums[1])
    squares = float(sums[2]) * 2.0**LOW_BITS + float(sums[3])
    low = _units(extremes[0], pivot, unit)
    high = _units(extremes[1], pivot, unit)
    held_low = min(max(low, _units(scale[2], pivot, unit)), high)
    held_high = max(min(high, _units(scale[3], pivot, unit)), low)  # no further in than the other values lie
    total += held_low - low + held_high - high
    squares += held_low * held_low - low * low + held_high * held_high - high * high
    centre = total / n
    moments[MEAN] = centre
    if n >= 2.0:
        moments[VARIANCE] = max(squares - n * centre * centre, 0.0) / (n - 1.0)
