"""Fixed random directions, the same on every machine and under every version of numpy.

Words come from SplitMix64 of a counter. A direction's components are whole numbers: for random Fourier
features the number of ones among 256 bits less 128, which is normal with deviation 8 but for its grid; for
projections a sign. The component of direction i and place j depends on i and j alone.

Source: Steele, Lea and Flood (2014); signs as projections: Achlioptas (2003).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from kernels.binning import F64

U64 = NDArray[np.uint64]

FOURIER = 256
PROJECTIONS = 16
DIRECTIONS = FOURIER + PROJECTIONS
SPREAD = 8.0  # deviation of a Fourier direction's components

_GOLDEN = 0x9E3779B97F4A7C15
_WORDS = 4  # 256 bits
_STRIDE = 1 << 16  # counters of one place
_SIGNS = (
    FOURIER * _WORDS
)  # counters of the projections' words and of the offsets' follow those of the directions
_OFFSETS = 1 << 40
_ONES = np.array([bin(byte).count("1") for byte in range(256)], dtype=np.int64)


@lru_cache(maxsize=4)
def direction_matrix(dimension: int) -> F64:
    """Directions of vectors of some length.

    Args:
        dimension: d, 1 to 4096.

    Returns:
        Shape (d, 256 + 16), float64, whole numbers: Fourier directions, then signs; not to be written to.
    """
    places: U64 = np.arange(dimension, dtype=np.uint64)[:, None] * np.uint64(_STRIDE)
    fourier = _words(places, FOURIER * _WORDS)
    ones = _ONES[fourier.view(np.uint8)].reshape(dimension, FOURIER, -1).sum(axis=2)
    signs = _words(places + np.uint64(_SIGNS), PROJECTIONS) >> np.uint64(63)
    matrix = np.empty((dimension, FOURIER + PROJECTIONS))
    matrix[:, :FOURIER] = ones - 32 * _WORDS
    matrix[:, FOURIER:] = 2.0 * signs - 1.0
    matrix.flags.writeable = False
    return matrix


@lru_cache(maxsize=1)
def phase_offsets() -> F64:
    """Offsets of the Fourier features.

    Returns:
        In turns, shape (256,), 0 to 1; not to be written to.
    """
    words = _words(_OFFSETS, FOURIER)
    offsets = (words >> np.uint64(11)).astype(np.float64) * 2.0**-53
    offsets.flags.writeable = False
    return offsets


def _words(first: U64 | int, count: int) -> U64:
    """Words of neighbouring counters."""
    counters = np.add(first, np.arange(count, dtype=np.uint64), dtype=np.uint64)
    with np.errstate(over="ignore"):
        mixed: U64 = (counters + np.uint64(1)) * np.uint64(_GOLDEN)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):
            mixed = np.bitwise_xor(mixed, np.right_shift(mixed, np.uint64(shift))) * np.uint64(factor)
    return mixed
