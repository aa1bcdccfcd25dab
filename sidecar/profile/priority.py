"""Which rows are kept: those with the smallest priorities, a number drawn for each row by a hash.

A row's priority is SplitMix64's draw number r of the seed f, r being its number within its file and f the
file's fingerprint. So the k rows of smallest priority are a uniform sample without replacement, and the same
rows whoever reads which part of which file, in whatever order, under whatever name (bottom-k sampling; Cohen
and Kaplan 2007).

The fingerprint is of the file's size and its first and last 64 KiB: known before the first row without
reading all. Two files that share it share their priorities, and lose nothing but the independence of equal
row numbers.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kernels.binning import F64
from sidecar.errors import BadReference

U64 = NDArray[np.uint64]

EDGE_BYTES = 65_536
_STEP = np.uint64(0x9E3779B97F4A7C15)


def fingerprint(path: Path) -> int:
    """A number that tells a file from others by a look at both ends.

    Args:
        path: a file.

    Returns:
        0 to 2^64 - 1.

    Raises:
        BadReference: "a.csv: expected a readable file, got No such file or directory".
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            digest = hashlib.sha256(size.to_bytes(8, "little") + file.read(EDGE_BYTES))
            file.seek(max(0, size - EDGE_BYTES))
            digest.update(file.read(EDGE_BYTES))
    except OSError as exc:
        raise BadReference(f"{path}: expected a readable file, got {exc.strerror or exc}") from exc
    return int.from_bytes(digest.digest()[:8], "little")


def mixed(words: U64) -> U64:
    """Numbers that look drawn at random, one for one (finaliser of SplitMix64; Steele, Lea and Flood 2014).

    Args:
        words: shape (n,), uint64.

    Returns:
        Shape (n,), uint64.
    """
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def row_priorities(seed: int, first_row: int, rows: int) -> U64:
    """Priorities of some rows of a file.

    Args:
        seed: the file's fingerprint.
        first_row: number of the first of them within the file, from 0.
        rows: how many.

    Returns:
        Shape (rows,), uint64. Worked example: seed 0 and row 0 give 0xE220A8397B1DCDAF.
    """
    numbers = np.arange(first_row + 1, first_row + rows + 1, dtype=np.uint64)
    return mixed(np.uint64(seed) + numbers * _STEP)


def row_order(matrix: F64) -> NDArray[np.intp]:
    """An order of rows that depends on what they hold alone, and looks random.

    Args:
        matrix: shape (n, F), float64.

    Returns:
        Shape (n,): places of the rows; equal rows may come in any order.
    """
    state = np.zeros(matrix.shape[0], dtype=np.uint64)
    for column in matrix.T:
        bits = (np.where(np.isnan(column), np.nan, column) + 0.0).view(np.uint64)
        state = mixed((state ^ bits) + _STEP)
    return np.argsort(state, kind="stable")
