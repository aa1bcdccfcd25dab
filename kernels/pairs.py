"""Two models' numbers side by side: which are the same, and histograms of how far apart the others are.

**Error.** e = |shadow - primary|; 0 for two NaN or two equal infinities, +inf where only one of them is one.
Two numbers are the same when e <= absolute + relative |primary| (an infinite primary adds nothing) and e is
finite.

**Sizes.** Errors, relative errors e / |primary| (0 when e is; not counted when both are infinite) and
distances in units in the last place are counted in cells: 0, then `parts` equal parts of every octave from
2^-64 up to 2^64, then all beyond. The counts are whole numbers, so neither order nor grouping matters.

**Units in the last place.** Float64 numbers in the order of their values, one apart where they are
neighbours, both zeros the same; 0 for two NaN, 2^63 - 1 where one is NaN or the distance is larger.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from kernels.binning import F64, I64
from kernels.jit import kernel

OCTAVES = 128  # from 2^-64 up to 2^64
WIDEST = 1e290  # a difference beyond it counts as this one: the sum of any number of them stays finite

ABSOLUTE, RELATIVE, ULPS = 0, 1, 2  # rows of the sizes

_TOP = (1 << 63) - 1


@kernel(inline=True)
def _error(ours: float, theirs: float) -> float:
    if ours == theirs or (math.isnan(ours) and math.isnan(theirs)):
        return 0.0
    error = math.fabs(theirs - ours)
    return math.inf if math.isnan(error) else error


@kernel(inline=True)
def _count(size: float, parts: int, counts: I64) -> None:
    if math.isnan(size):
        return
    last = OCTAVES * parts + 1
    if size == 0.0:
        cell = 0
    elif math.isinf(size):
        cell = last
    else:
        mantissa, exponent = math.frexp(size)  # in [0.5, 1)
        part = math.floor((2.0 * mantissa - 1.0) * parts)
        cell = min(max((exponent + OCTAVES // 2 - 1) * parts + part + 1, 1), last)
    counts[cell] += 1


@kernel(inline=True)
def _ordered(value: float) -> int:
    """A whole number in the order of the values, one apart where these are neighbours; both zeros are 0."""
    bits = int(np.float64(value).view(np.int64))
    return -(1 << 63) - bits if bits < 0 else bits


@kernel(inline=True)
def _ulps(ours: float, theirs: float) -> float:
    if math.isnan(ours) or math.isnan(theirs):
        return 0.0 if math.isnan(ours) and math.isnan(theirs) else float(_TOP)
    first, second = _ordered(ours), _ordered(theirs)
    low, high = min(first, second), max(first, second)
    if low < 0 and high > _TOP + low:  # their difference is no int64
        return float(_TOP)
    return float(high - low)


@kernel(inline=True)
def _relative(error: float, size: float) -> float:
    if error == 0.0:
        return 0.0
    return math.inf if size == 0.0 else error / size


@kernel("i8(Array(f8, 1, 'C', True), Array(f8, 1, 'C', True), f8, f8, i8, i8[:, ::1], f8[::1], b1[::1])")
def compare_numbers(
    primary: F64,
    shadow: F64,
    absolute: float,
    relative: float,
    parts: int,
    sizes: I64,
    signed: F64,
    same: NDArray[np.bool_],
) -> int:
    """Compares numbers pair by pair.

    Args:
        primary: shape (n,), float64.
        shadow: shape (n,), float64.
        absolute: >= 0.
        relative: >= 0.
        parts: cells an octave, >= 1.
        sizes: shape (3, OCTAVES * parts + 2), int64, added to: `ABSOLUTE`, `RELATIVE`, `ULPS`.
        signed: shape (n,), float64; its first places get shadow - primary, at most `WIDEST` in size, of the
            pairs whose error is finite.
        same: shape (n,), bool, filled.

    Returns:
        How many places of `signed` were filled.
    """
    n_signed = 0
    for i in range(primary.size):
        ours, theirs = float(primary[i]), float(shadow[i])
        error = _error(ours, theirs)
        size = math.fabs(ours)
        allowed = absolute + relative * (size if math.isfinite(size) else 0.0)
        same[i] = error <= allowed and math.isfinite(error)
        _count(error, parts, sizes[ABSOLUTE])
        _count(_relative(error, size), parts, sizes[RELATIVE])
        _count(_ulps(ours, theirs), parts, sizes[ULPS])
        if math.isfinite(error):
            bounded = min(error, WIDEST)
            signed[n_signed] = -bounded if theirs < ours else bounded
            n_signed += 1
    return n_signed
