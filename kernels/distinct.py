"""How often each different value of a column occurs, for the values whose hash is small, and what kinds
there are.

A table of at most 2^n places, open addressing with linear steps. A place holds a hash (0 is an empty place),
how often it occurred, and the number that it stands for (NaN for a text, whose letters the caller keeps).
Only hashes up to a limit are let in, so when the table gets too full the caller keeps the smallest D hashes,
makes the largest of these the limit, and goes on: a value among the D smallest of all is among the D
smallest of every part, so it was never thrown out and its count is exact, whatever the order of the rows
(bottom-k sketch with counts; Cohen and Kaplan 2007).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numba.core import config
from numpy.typing import NDArray

from kernels.binning import F64, I64
from kernels.hashing import hash_octets
from kernels.jit import kernel

U64 = NDArray[np.uint64]
U8 = NDArray[np.uint8]
ZERO, NINE, POINT, MINUS = 0x30, 0x39, 0x2E, 0x2D
PLAIN_DIGITS = 15  # decimal digits that every float64 gives back
SMALL_ZEROS = 3  # zeros behind the point; with more Python writes an exponent

C = TypeVar("C", bound=Callable[..., Any])
Table = tuple[U64, I64, F64]
Texts = tuple[U8, I64, U8]

N_POS_INF, N_NEG_INF, N_FINITE, USED = range(4)  # places in a tally
TALLY = 4
LETTERS, DIGITS, SPACES, SIGNS, BEYOND_ASCII = range(5)  # classes of characters
CLASSES = 5
LENGTHS = 33  # texts by the bits of their length: "", 1, 2-3, 4-7, ...

_EMPTY = np.uint64(0)
_ONE = np.uint64(1)
_MULTIPLY_1 = np.uint64(0xBF58476D1CE4E5B9)
_MULTIPLY_2 = np.uint64(0x94D049BB133111EB)
_SEED = np.uint64(0)
_SALT = np.uint64(0x9E3779B97F4A7C15)  # bits of 0.0 are 0, which mixing would leave 0

_PLAIN = bool(vars(config)["DISABLE_JIT"])


@kernel(inline=True)
def _mixed(word: np.uint64) -> np.uint64:
    """Finaliser of SplitMix64 (Steele, Lea and Flood 2014)."""
    word = (word ^ (word >> np.uint64(30))) * _MULTIPLY_1
    word = (word ^ (word >> np.uint64(27))) * _MULTIPLY_2
    return word ^ (word >> np.uint64(31))


@kernel(inline=True)
def _counted(wanted: np.uint64, number: float, times: int, table: Table) -> int:
    """Adds to a hash's count; 1 if it was not there."""
    keys, counts, numbers = table
    mask = keys.shape[0] - 1
    at = np.int64(wanted & np.uint64(mask))
    while keys[at] != wanted:
        if keys[at] == _EMPTY:
            keys[at] = wanted
            counts[at] = times
            numbers[at] = number
            return 1
        at = (at + 1) & mask
    counts[at] += times
    return 0


@kernel()
def _is_plain(text: U8) -> bool:
    size = text.shape[0]
    start = 1 if size > 0 and text[0] == MINUS else 0
    point = size
    for at in range(start, size):
        if text[at] == POINT and point == size:
            point = at
        elif not ZERO <= text[at] <= NINE:
            return False
    whole, fraction = point - start, max(size - point - 1, 0)
    if whole == 0 or whole + fraction > PLAIN_DIGITS or (point < size and fraction == 0):
        return False
    if text[start] == ZERO and (whole > 1 or (fraction == 0 and start == 1)):
        return False  # 01, 00.5, -0
    if fraction == 0:
        return True
    zeros = 0
    while zeros < fraction and text[point + 1 + zeros] == ZERO:
        zeros += 1
    small = text[start] == ZERO and zeros > SMALL_ZEROS
    return not small and text[size - 1] != ZERO


@kernel(inline=True)
def _class_of(octet: int) -> int:
    folded = octet | 0x20
    if octet >= 0x80:
        return BEYOND_ASCII
    if 0x61 <= folded <= 0x7A:
        return LETTERS
    if 0x30 <= octet <= 0x39:
        return DIGITS
    if octet == 0x20 or 0x09 <= octet <= 0x0D:
        return SPACES
    return SIGNS


def _wrapping(function: C) -> C:
    """Without the compiler numpy warns where machine code wraps around, and so it must."""
    return np.errstate(over="ignore")(function) if _PLAIN else function


@_wrapping
@kernel(
    "void(Array(f8, 1, 'C', True), u8, Tuple((u8[::1], i8[::1], f8[::1])), i8[::1], f8[::1])",
)
def count_numbers(values: F64, limit: np.uint64, table: Table, tally: I64, extremes: F64) -> None:
    """Count numbers by kind and by value.

    Args:
        values: shape (n,), float64; NaN is passed over.
        limit: largest hash that the table takes.
        table: keys, counts and numbers, each of shape (a power of two > USED + n,), added to.
        tally: shape (4,), int64, added to.
        extremes: smallest and largest finite value, shape (2,), widened.

    Cost: 2 ns a value that is not let in, about 5 ns in a table that fits the cache.
    """
    for value in values:
        if math.isnan(value):
            continue
        if math.isfinite(value):
            tally[N_FINITE] += 1
            extremes[0] = min(extremes[0], value)
            extremes[1] = max(extremes[1], value)
        else:
            tally[N_POS_INF if value > 0.0 else N_NEG_INF] += 1
        found = _mixed(np.float64(value + 0.0).view(np.uint64) + _SALT)  # + 0.0 turns -0.0 into 0.0
        found = found if found != _EMPTY else _ONE
        if found <= limit:
            tally[USED] += _counted(found, value + 0.0, 1, table)


@kernel("void(Array(u1, 1, 'C', True), i8[::1], u1[::1])")
def mark_plain(octets: U8, offsets: I64, plain: U8) -> None:
    """Find the texts that are what Python would write for the number they are read as.

    Those are whole numbers and decimal fractions of at most 15 digits, which a float64 holds apart, without a
    sign but for a minus, without zeros that could be left out, and not so small that Python writes an
    exponent. Texts of more digits are never found, though some would be.

    Args:
        octets: of all texts (UTF-8, read-only).
        offsets: where each begins and the last one ends, shape (n + 1,), int64.
        plain: 1 for those found, else 0; shape (n,), uint8, overwritten.

    Cost: about 1 ns an octet.
    """
    for i in range(plain.shape[0]):
        plain[i] = 1 if _is_plain(octets[offsets[i] : offsets[i + 1]]) else 0


@kernel("void(Tuple((Array(u1, 1, 'C', True), i8[::1], u1[::1])), u8[::1])")
def hash_texts(texts: Texts, hashes: U64) -> None:
    """Find the hash by which each text is known.

    Args:
        texts: the octets of all (UTF-8, read-only), where each begins and the last one ends, shape (n + 1,),
            and 1 for each that is present, shape (n,), uint8.
        hashes: XXH64 with seed 0, but 1 for 0, and 0 where there is no text; shape (n,), uint64, overwritten.

    Cost: about 1 ns an octet and 3 ns a text.
    """
    octets, offsets, present = texts
    for i in range(present.shape[0]):
        hashes[i] = _EMPTY
        if present[i] != 0:
            found = np.uint64(hash_octets(octets[offsets[i] : offsets[i + 1]], _SEED))
            hashes[i] = found if found != _EMPTY else _ONE


@kernel(
    "i8(Tuple((Array(u1, 1, 'C', True), i8[::1], u8[::1])), u8, Tuple((u8[::1], i8[::1], f8[::1])), i8[::1],"
    " UniTuple(i8[::1], 3))"
)
def count_texts(
    texts: tuple[U8, I64, U64], limit: np.uint64, table: Table, tally: I64, written: tuple[I64, I64, I64]
) -> int:
    """Count texts by length, by the characters in them, and by text.

    Args:
        texts: the octets of all (UTF-8, read-only), where each begins and the last one ends, shape (n + 1,),
            and the hash of each, shape (n,), 0 where there is none.
        limit: largest hash that the table takes.
        table: as in `count_numbers`.
        tally: shape (4,), int64; only USED is added to.
        written: lengths, shape (33,), and classes of characters, shape (5,), added to; and the rows whose
            texts the table did not hold before, shape (n,), overwritten.

    Returns:
        How many of the last there are.

    Cost: about 1 ns an octet and 5 ns a text.
    """
    octets, offsets, hashes = texts
    lengths, classes, fresh = written
    n_fresh = 0
    for i in range(hashes.shape[0]):
        if hashes[i] == _EMPTY:
            continue
        characters = 0
        for at in range(offsets[i], offsets[i + 1]):
            octet = octets[at]
            if octet & 0xC0 != 0x80:  # not inside a character of several octets
                characters += 1
                classes[_class_of(octet)] += 1
        length = 0
        while characters > 0 and length < LENGTHS - 1:
            characters >>= 1
            length += 1
        lengths[length] += 1
        if hashes[i] <= limit and _counted(hashes[i], math.nan, 1, table) == 1:
            tally[USED] += 1
            fresh[n_fresh] = i
            n_fresh += 1
    return n_fresh


@kernel("i8(u8[::1], i8[::1], f8[::1], u8, Tuple((u8[::1], i8[::1], f8[::1])))")
def move_entries(keys: U64, counts: I64, numbers: F64, limit: np.uint64, table: Table) -> int:
    """Add the entries of one table, or a list of entries, to another table.

    Args:
        keys: hashes, 0 where there is none, shape (n,), uint64.
        counts: shape (n,), int64.
        numbers: shape (n,), float64.
        limit: hashes above are left out.
        table: large enough, added to.

    Returns:
        How many hashes were new to the table.
    """
    n_new = 0
    for i in range(keys.shape[0]):
        if keys[i] != _EMPTY and keys[i] <= limit:
            n_new += _counted(keys[i], numbers[i], counts[i], table)
    return n_new
