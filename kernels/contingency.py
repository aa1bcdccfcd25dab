"""Tests whether two histograms come from one distribution: the 2 x B table of reference and current counts.

Both sides are samples, so the reference's own noise counts: a test that takes the reference as exact rejects
far too often when the window is not much smaller than it.
"""

from __future__ import annotations

import math

from kernels.binning import I64
from kernels.jit import kernel
from kernels.totals import totals


@kernel("i8(i8[::1], i8[::1])")
def freedom(reference: I64, current: I64) -> int:
    """Degrees of freedom: cells that either side has filled, less one.

    Args:
        reference: counts, shape (B,), int64.
        current: counts, shape (B,), int64.

    Returns:
        0 to B - 1.
    """
    filled = 0
    for b in range(reference.shape[0]):
        if reference[b] + current[b] > 0:
            filled += 1
    return max(filled - 1, 0)


@kernel("f8(i8[::1], i8[::1])")
def chi_square(reference: I64, current: I64) -> float:
    """Two-sample chi-square statistic: sum of (sqrt(m / n) c - sqrt(n / m) r)^2 / (c + r).

    Args:
        reference: counts r, shape (B,), int64, m in all.
        current: counts c, shape (B,), int64, n in all.

    Returns:
        X^2 >= 0, without drift chi-square with `freedom` degrees; NaN when either side is empty.

    Source: Pearson (1911); the same number as a test of independence in the 2 x B table.
    """
    m, n = totals(reference, current)
    if m == 0 or n == 0:
        return math.nan
    up = math.sqrt(m / n)
    result = 0.0
    for b in range(reference.shape[0]):
        both = current[b] + reference[b]
        if both > 0:
            difference = up * current[b] - reference[b] / up
            result += difference * difference / both
    return result


@kernel("f8(i8[::1], i8[::1])")
def likelihood_ratio(reference: I64, current: I64) -> float:
    """G statistic of the 2 x B table: 2 sum of observed ln(observed / expected).

    Args:
        reference: counts, shape (B,), int64.
        current: counts, shape (B,), int64.

    Returns:
        G >= 0, without drift chi-square with `freedom` degrees; NaN when either side is empty.

    Source: Wilks (1938).
    """
    m, n = totals(reference, current)
    if m == 0 or n == 0:
        return math.nan
    result = 0.0
    for b in range(reference.shape[0]):
        share = (current[b] + reference[b]) / (n + m)
        if current[b] > 0:
            result += current[b] * math.log(current[b] / (n * share))
        if reference[b] > 0:
            result += reference[b] * math.log(reference[b] / (m * share))
    return max(2.0 * result, 0.0)


@kernel("f8(i8[::1], i8[::1])")
def cramers_v(reference: I64, current: I64) -> float:
    """Cramer's V of the 2 x B table: sqrt(X^2 / (n + m)).

    Args:
        reference: counts, shape (B,), int64.
        current: counts, shape (B,), int64.

    Returns:
        0 (equal) to 1 (which side a row is on follows from its cell); NaN when either side is empty.

    Source: Cramer (1946).
    """
    m, n = totals(reference, current)
    if m == 0 or n == 0:
        return math.nan
    return math.sqrt(min(chi_square(reference, current) / (n + m), 1.0))
