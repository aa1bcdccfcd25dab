"""64-bit hashes of texts and of rows: xxHash's XXH64 (Collet; specification version 0.1.1).

Chosen because its quality is tested by others, its test values are published, and its four accumulators keep
the multipliers busy: a chain of one mixing step a value would wait for each (3 ns a value instead of 1).

A row is hashed as the bytes of its float64 values, little-endian, after two changes: -0.0 is taken as 0.0,
and every missing value as one NaN, every type error as another, whatever their bits were. So two rows have
one hash if they are equal to a reader, and otherwise with probability 2^-64: in 10^6 rows a false repeat
turns up once in 37 million times.

Machine code wraps around at 2^64 and so must the arithmetic without the compiler, where numpy would warn.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numba.core import config
from numpy.typing import NDArray

from kernels.binning import F64
from kernels.jit import kernel
from kernels.lanes import TYPE_ERROR_BITS

U64 = NDArray[np.uint64]
U8 = NDArray[np.uint8]
C = TypeVar("C", bound=Callable[..., Any])

_PLAIN = bool(vars(config)["DISABLE_JIT"])

_PRIME_1 = np.uint64(11400714785074694791)
_PRIME_2 = np.uint64(14029467366897019727)
_PRIME_3 = np.uint64(1609587929392839161)
_PRIME_4 = np.uint64(9650029242287828579)
_PRIME_5 = np.uint64(2870177450012600261)
_NOTHING = np.uint64(0)
_MISSING_BITS = np.uint64(0x7FF8_0000_0000_0000)
_TYPE_ERROR_BITS = np.uint64(TYPE_ERROR_BITS)


def _wrapping(function: C) -> C:
    return np.errstate(over="ignore")(function) if _PLAIN else function


@kernel(inline=True)
def _rotated(word: np.uint64, bits: int) -> np.uint64:
    return (word << np.uint64(bits)) | (word >> np.uint64(64 - bits))


@kernel(inline=True)
def _rounded(lane: np.uint64, word: np.uint64) -> np.uint64:
    return _rotated(lane + word * _PRIME_2, 31) * _PRIME_1


@kernel(inline=True)
def _joined(first: np.uint64, second: np.uint64, third: np.uint64, fourth: np.uint64) -> np.uint64:
    joined = _rotated(first, 1) + _rotated(second, 7) + _rotated(third, 12) + _rotated(fourth, 18)
    for lane in (first, second, third, fourth):
        joined = (joined ^ _rounded(_NOTHING, lane)) * _PRIME_1 + _PRIME_4
    return joined


@kernel(inline=True)
def _with_word(state: np.uint64, word: np.uint64) -> np.uint64:
    return _rotated(state ^ _rounded(_NOTHING, word), 27) * _PRIME_1 + _PRIME_4


@kernel(inline=True)
def _avalanched(state: np.uint64) -> np.uint64:
    state = (state ^ (state >> np.uint64(33))) * _PRIME_2
    state = (state ^ (state >> np.uint64(29))) * _PRIME_3
    return state ^ (state >> np.uint64(32))


@kernel(inline=True)
def _word(octets: U8, at: int, size: int) -> np.uint64:
    """Little-endian number of some bytes; the compiler makes one load of it."""
    word = _NOTHING
    for byte in range(size):
        word |= np.uint64(octets[at + byte]) << np.uint64(8 * byte)
    return word


@_wrapping
@kernel("u8(Array(u1, 1, 'C', True), u8)")
def hash_octets(octets: U8, seed: np.uint64) -> int:
    """XXH64 of some bytes.

    Args:
        octets: shape (n,), uint8, n >= 0; may be a read-only view.
        seed: 0 to 2^64 - 1.

    Returns:
        The hash, 0 to 2^64 - 1.

    Source: https://github.com/Cyan4973/xxHash, doc/xxhash_spec.md. Worked example: no bytes and seed 0 give
    0xEF46DB3751D8E999.
    """
    size = octets.shape[0]
    at = 0
    if size >= 32:
        first, second = seed + _PRIME_1 + _PRIME_2, seed + _PRIME_2
        third, fourth = seed + _NOTHING, seed - _PRIME_1
        while at + 32 <= size:
            first = _rounded(first, _word(octets, at, 8))
            second = _rounded(second, _word(octets, at + 8, 8))
            third = _rounded(third, _word(octets, at + 16, 8))
            fourth = _rounded(fourth, _word(octets, at + 24, 8))
            at += 32
        state = _joined(first, second, third, fourth)
    else:
        state = seed + _PRIME_5
    state += np.uint64(size)
    while at + 8 <= size:
        state = _with_word(state, _word(octets, at, 8))
        at += 8
    if at + 4 <= size:
        state = _rotated(state ^ (_word(octets, at, 4) * _PRIME_1), 23) * _PRIME_2 + _PRIME_3
        at += 4
    while at < size:
        state = _rotated(state ^ (np.uint64(octets[at]) * _PRIME_5), 11) * _PRIME_1
        at += 1
    return _avalanched(state)  # type: ignore[return-value]  # a uint64 under the compiler and without it


@kernel(inline=True)
def _bits(value: float) -> np.uint64:
    bits = np.float64(value + 0.0).view(np.uint64)  # + 0.0 turns -0.0 into 0.0
    if math.isnan(value) and np.float64(value).view(np.uint64) == _TYPE_ERROR_BITS:
        bits = _TYPE_ERROR_BITS
    elif math.isnan(value):
        bits = _MISSING_BITS
    return bits


@_wrapping
@kernel("void(Array(f8, 2, 'C', True), u8[::1])")
def fill_row_hashes(rows: F64, hashes: U64) -> None:
    """Hash of each row, with seed 0.

    Args:
        rows: shape (n, F), float64, C order; may be a read-only view.
        hashes: shape (n,), uint64, overwritten.

    Cost: about 1 ns a value.
    """
    width = rows.shape[1]
    for i in range(rows.shape[0]):
        at = 0
        if width >= 4:
            first, second = _PRIME_1 + _PRIME_2, _PRIME_2 + _NOTHING
            third, fourth = _NOTHING + _NOTHING, _NOTHING - _PRIME_1
            while at + 4 <= width:
                first = _rounded(first, _bits(rows[i, at]))
                second = _rounded(second, _bits(rows[i, at + 1]))
                third = _rounded(third, _bits(rows[i, at + 2]))
                fourth = _rounded(fourth, _bits(rows[i, at + 3]))
                at += 4
            state = _joined(first, second, third, fourth)
        else:
            state = _PRIME_5 + _NOTHING
        state += np.uint64(8 * width)
        while at < width:
            state = _with_word(state, _bits(rows[i, at]))
            at += 1
        hashes[i] = _avalanched(state)


@kernel("i8(u8[::1], u8[::1], u8[::1])")
def count_repeats(hashes: U64, seen: U64, marks: U64) -> int:
    """How many of some hashes are equal to an earlier one among them.

    Args:
        hashes: shape (n,), uint64.
        seen: scratch, shape (a power of two >= 2 n,), uint64; overwritten.
        marks: scratch of the same shape; overwritten.

    Returns:
        n minus the number of different hashes.

    Cost: about 4 ns a hash. Open addressing with linear steps, at most half full.
    """
    marks[:] = _NOTHING  # which places are taken: any hash may occur, 0 too
    mask = seen.shape[0] - 1
    repeats = 0
    for i in range(hashes.shape[0]):
        wanted = hashes[i]
        at = np.int64(wanted & np.uint64(mask))
        while marks[at] != _NOTHING and seen[at] != wanted:
            at = (at + 1) & mask
        if marks[at] != _NOTHING:
            repeats += 1
        else:
            marks[at] = np.uint64(1)
            seen[at] = wanted
    return repeats
