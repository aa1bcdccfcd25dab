"""OpenTelemetry's base-2 exponential histogram, with its exact bucket rule.

At scale s the base is 2^(2^-s), and a positive value v belongs to bucket i with base^i < v <= base^(i + 1):
lower borders are exclusive, upper ones inclusive. Negative values are counted likewise by their size, zeros
apart. A subnormal counts as the smallest normal number, as OpenTelemetry's own mappings have it. NaN and
infinities are in no bucket and counted apart.

**Exactness.** Borders between powers of two are irrational, so a float64 lies on one side for certain, and
the question is only how to tell. Up to scale 8 the borders of one octave, rounded down to float64 by
whole-number roots, lie in a table of 256; the upper bits of the mantissa lead to one candidate, since borders
are further apart (2^-8 ln 2) than a step of 2^-9. Lower scales are the same index shifted right: buckets
merge by pairs. Above scale 8 the logarithm gives the bucket, except within 2^-28 of a border, where the
border itself is computed to 100 bits; no float64 lies nearer than that to one at scale 20.

**State.** A frame of int64 (SCALE, ZEROS, NOT_FINITE, then the lowest and highest index of the positive and
of the negative side) and counts of shape (2, 160): index i lies in place i mod 160, which needs no moving
while a side spans at most 160 buckets. When one spans more, both sides go to the highest scale at which they
fit. That scale follows from the extremes alone, so any order and grouping of values and merges gives the same
bytes.

Source: OpenTelemetry metrics data model, section ExponentialHistogram.
"""

from __future__ import annotations

import math

import numpy as np

from kernels.binning import F64, I64
from kernels.jit import kernel

BUCKETS = 160  # OpenTelemetry's default of most buckets a side
MOST_SCALE = 20
LEAST_SCALE = -10  # the base is 2^1024: one bucket for all above 1, one for all below
TABLE_SCALE = 8
SIDES = 2

SCALE = 0
ZEROS = 1
NOT_FINITE = 2
LOWEST = 3  # + 2 for the negative side
HIGHEST = 4
FRAME = 7

_NONE_LOW = np.int64(1 << 62)
_NONE_HIGH = np.int64(-(1 << 62))
_MANTISSA_BITS = 52
_MANTISSA_MASK = (1 << _MANTISSA_BITS) - 1
_BIAS = 1023
_BITS = 240  # of the whole numbers that the borders are made of
_LEAST_NORMAL = 2.0**-1022
_NEAR = 2.0**-28  # in buckets; the logarithm's own error at scale 20 is below 2^-31


def _root_bits(times: int) -> int:
    """2^(2^-times) in units of 2^-BITS, rounded down."""
    root = 2 << _BITS
    for _ in range(times):
        root = math.isqrt(root << _BITS)
    return root


def _borders() -> tuple[I64, I64]:
    """Mantissas of 2^(j / 256) rounded down, j = 0 to 255, and for every step of 2^-9 the first border in it
    or after it.

    Powers of the 256th root, each rounded down to 2^-240, are 256 such units too small at most; no border
    lies so near above a float64 (a test compares all of them with whole-number roots).
    """
    root, power = _root_bits(TABLE_SCALE), 1 << _BITS
    borders = np.zeros(1 << TABLE_SCALE, dtype=np.int64)
    for j in range(borders.size):
        borders[j] = (power >> (_BITS - _MANTISSA_BITS)) & _MANTISSA_MASK
        power = power * root >> _BITS
    steps = np.arange(2 << TABLE_SCALE, dtype=np.int64) << (_MANTISSA_BITS - TABLE_SCALE - 1)
    return borders, np.searchsorted(borders, steps, side="left").astype(np.int64)


def _roots() -> F64:
    """2^(2^-i) for i = 1 to 20 as sums of two float64, shape (20, 2)."""
    roots = np.zeros((MOST_SCALE, 2))
    for i in range(MOST_SCALE):
        root = _root_bits(i + 1)
        high = root / (1 << _BITS)  # correctly rounded by Python
        rest = root - (int(high * 2**_MANTISSA_BITS) << (_BITS - _MANTISSA_BITS))
        roots[i] = high, rest / (1 << _BITS)
    return roots


_BORDERS, _FIRST_BORDER = _borders()
_ROOTS = _roots()


def empty_frame() -> I64:
    """Frame of no values at all.

    Returns:
        Shape (7,), int64, at scale 20.
    """
    frame = np.zeros(FRAME, dtype=np.int64)
    frame[SCALE] = MOST_SCALE
    frame[LOWEST::2] = _NONE_LOW
    frame[HIGHEST::2] = _NONE_HIGH
    return frame


def empty_buckets() -> I64:
    """Counts of no values at all.

    Returns:
        Shape (2, 160), int64: the positive and the negative side.
    """
    return np.zeros((SIDES, BUCKETS), dtype=np.int64)


@kernel(inline=True)
def _index_by_table(mantissa: int, exponent: int) -> int:
    """Bucket at scale 8."""
    border = int(_FIRST_BORDER[mantissa >> (_MANTISSA_BITS - TABLE_SCALE - 1)])
    if border < _BORDERS.shape[0] and mantissa > _BORDERS[border]:
        border += 1
    return (exponent << TABLE_SCALE) + border - 1


@kernel(inline=True)
def _two_sum(a: float, b: float) -> tuple[float, float]:
    """A sum and what rounding took from it (Dekker); |a| >= |b|."""
    total = a + b
    return total, b - (total - a)


@kernel(inline=True)
def _two_product(a: float, b: float) -> tuple[float, float]:
    """A product and what rounding took from it (Dekker's split into halves of 26 bits)."""
    split = 134217729.0
    a_high = a * split - (a * split - a)
    b_high = b * split - (b * split - b)
    a_low, b_low = a - a_high, b - b_high
    product = a * b
    return product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


@kernel()
def _above_border(fraction: float, step: int, scale: int) -> bool:
    """Whether a number of [1, 2) lies above 2^(step / 2^scale), to 100 bits."""
    high, low = 1.0, 0.0
    if step >> scale:
        return False  # the border is 2
    for i in range(scale):
        if (step >> (scale - 1 - i)) & 1:
            product, error = _two_product(high, _ROOTS[i, 0])
            high, low = _two_sum(product, error + (high * _ROOTS[i, 1] + low * _ROOTS[i, 0]))
    return fraction > high or (fraction == high and low < 0.0)


@kernel()
def _index_by_logarithm(mantissa: int, exponent: int, scale: int) -> int:
    """Bucket at scales above 8."""
    if mantissa == 0:
        return (exponent << scale) - 1
    fraction = 1.0 + mantissa * 2.0**-_MANTISSA_BITS
    place = math.log2(fraction) * float(1 << scale)
    step = math.floor(place)
    nearest = math.floor(place + 0.5)
    if abs(place - float(nearest)) < _NEAR:
        step = nearest if _above_border(fraction, nearest, scale) else nearest - 1
    return int((exponent << scale) + step)


@kernel("i8(f8, i8)")
def exponential_index(value: float, scale: int) -> int:
    """Bucket of a positive value.

    Args:
        value: finite, > 0.
        scale: -10 to 20.

    Returns:
        The i with base^i < value <= base^(i + 1), base = 2^(2^-scale).

    Worked examples: at scale 1 (base sqrt 2) 1 is in bucket -1, 1.5 in 1, 2 in 1, 2.5 in 2.
    """
    bits = np.float64(max(value, _LEAST_NORMAL)).view(np.int64)
    exponent = int(bits >> _MANTISSA_BITS) - _BIAS
    mantissa = int(bits & _MANTISSA_MASK)
    if scale > TABLE_SCALE:
        return _index_by_logarithm(mantissa, exponent, scale)
    return _index_by_table(mantissa, exponent) >> (TABLE_SCALE - scale)


@kernel()
def _lower_scale(frame: I64, buckets: I64, by: int, scratch: I64) -> None:
    """Merges neighbours until the scale is lower by so much."""
    frame[SCALE] -= by
    for side in range(SIDES):
        low, high = frame[LOWEST + 2 * side], frame[HIGHEST + 2 * side]
        if low > high:
            continue
        scratch[:] = 0
        for index in range(low, high + 1):
            scratch[(index >> by) % BUCKETS] += buckets[side, index % BUCKETS]
        for place in range(BUCKETS):  # a slice may overlap, for which numba would allocate
            buckets[side, place] = scratch[place]
        frame[LOWEST + 2 * side], frame[HIGHEST + 2 * side] = low >> by, high >> by


@kernel(inline=True)
def _excess(low: int, high: int) -> int:
    """By how much the scale must fall for a span of indices to fit."""
    by = 0
    while (high >> by) - (low >> by) >= BUCKETS:
        by += 1
    return by


@kernel("void(Array(f8, 1, 'C', True), i8[::1], i8[:,::1], i8[::1])")
def fill_exponential(values: F64, frame: I64, buckets: I64, scratch: I64) -> None:
    """Counts values.

    Args:
        values: shape (n,), float64.
        frame: shape (7,), int64, changed in place.
        buckets: shape (2, 160), int64, changed in place.
        scratch: shape (160,), int64; overwritten.

    Cost: 7 ns a value once the scale is 8 or lower, as it is for values over more than half an octave; 11
    above.
    """
    for i in range(values.shape[0]):
        value = values[i]
        if not math.isfinite(value):
            frame[NOT_FINITE] += 1
        elif value == 0.0:
            frame[ZEROS] += 1
        else:
            side = 0 if value > 0.0 else 1
            index = exponential_index(abs(value), frame[SCALE])
            low, high = frame[LOWEST + 2 * side], frame[HIGHEST + 2 * side]
            if index < low or index > high:  # rare, and only then does one value wait for the one before
                low, high = min(low, index), max(high, index)
                if high - low >= BUCKETS:
                    by = _excess(low, high)
                    _lower_scale(frame, buckets, by, scratch)
                    index, low, high = index >> by, low >> by, high >> by
                frame[LOWEST + 2 * side], frame[HIGHEST + 2 * side] = low, high
            buckets[side, index % BUCKETS] += 1


@kernel("void(i8[::1], i8[:,::1], i8[::1], i8[:,::1], i8[::1])")
def merge_exponential(frame: I64, buckets: I64, other_frame: I64, other_buckets: I64, scratch: I64) -> None:
    """Adds another histogram, of whatever scale.

    Args:
        frame: shape (7,), int64, changed in place.
        buckets: shape (2, 160), int64, changed in place.
        other_frame: as `frame`.
        other_buckets: as `buckets`.
        scratch: shape (160,), int64; overwritten.
    """
    scale = min(frame[SCALE], other_frame[SCALE])
    by, other_by = frame[SCALE] - scale, other_frame[SCALE] - scale
    more = 0
    for side in range(SIDES):
        low = min(frame[LOWEST + 2 * side] >> by, other_frame[LOWEST + 2 * side] >> other_by)
        high = max(frame[HIGHEST + 2 * side] >> by, other_frame[HIGHEST + 2 * side] >> other_by)
        if low <= high:
            more = max(more, _excess(low, high))
    if by + more > 0:
        _lower_scale(frame, buckets, by + more, scratch)
    shift = other_by + more
    frame[ZEROS] += other_frame[ZEROS]
    frame[NOT_FINITE] += other_frame[NOT_FINITE]
    for side in range(SIDES):
        low, high = other_frame[LOWEST + 2 * side], other_frame[HIGHEST + 2 * side]
        if low > high:
            continue
        for index in range(low, high + 1):
            buckets[side, (index >> shift) % BUCKETS] += other_buckets[side, index % BUCKETS]
        frame[LOWEST + 2 * side] = min(frame[LOWEST + 2 * side], low >> shift)
        frame[HIGHEST + 2 * side] = max(frame[HIGHEST + 2 * side], high >> shift)


@kernel()
def _above(index: int, scale: int) -> float:
    """Upper border of a bucket; infinite beyond float64."""
    if scale <= 0:
        exponent = (index + 1) << -scale
        return math.inf if exponent > _BIAS else math.ldexp(1.0, int(max(exponent, -_BIAS - _MANTISSA_BITS)))
    part = float((index + 1) & ((1 << scale) - 1)) / float(1 << scale)
    exponent = (index + 1) >> scale
    return math.inf if exponent > _BIAS else math.ldexp(2.0**part, int(exponent))


@kernel("f8(i8[::1], i8[:,::1], f8)")
def exponential_quantile(frame: I64, buckets: I64, share: float) -> float:
    """Value below or at which about the given share of the finite values lies.

    Args:
        frame: shape (7,), int64.
        buckets: shape (2, 160), int64.
        share: 0 to 1.

    Returns:
        The border of the value's bucket that is further from 0, so at most a factor 2^(2^-scale) too large in
        size; 0 among zeros, NaN without values.
    """
    total = frame[ZEROS]
    for side in range(SIDES):
        for place in range(BUCKETS):
            total += buckets[side, place]
    if total == 0:
        return math.nan
    wanted = max(share * total, 1.0)
    scale = frame[SCALE]
    below = 0.0
    low, high = frame[LOWEST + 2], frame[HIGHEST + 2]
    for back in range(max(high - low + 1, 0)):  # the largest size is the smallest value
        below += buckets[1, (high - back) % BUCKETS]
        if below >= wanted:
            return -_above(high - back, scale)
    below += frame[ZEROS]
    if below >= wanted:
        return 0.0
    low, high = frame[LOWEST], frame[HIGHEST]
    for index in range(low, high + 1):
        below += buckets[0, index % BUCKETS]
        if below >= wanted:
            return _above(index, scale)
    return _above(high, scale)
