"""One column of a block of rows: numbers, texts, or rows of both, without an object a cell.

A cell that has a text and no number is a text. One that has both is a number that a file of text holds in
other letters than Python would write: it counts as the number until its column turns out to hold texts, and
then as what was written, so that "01" and "1" stay two categories.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kernels.binning import F64, I64
from kernels.distinct import hash_texts, mark_plain

U8 = NDArray[np.uint8]
U64 = NDArray[np.uint64]


@dataclass(frozen=True, slots=True, eq=False)
class Texts:
    """Texts side by side.

    Args:
        octets: UTF-8 of all, uint8, read-only.
        offsets: where each begins and the last one ends, shape (n + 1,), int64.
        hashes: by which each is known (kernels.distinct), shape (n,), uint64; 0 where there is none.
    """

    octets: U8
    offsets: I64
    hashes: U64

    @property
    def present(self) -> NDArray[np.bool_]:
        return np.not_equal(self.hashes, 0)

    def text(self, row: int) -> str:
        """The text of a row.

        Args:
            row: one that has a text.
        """
        return self.octets[self.offsets[row] : self.offsets[row + 1]].tobytes().decode("utf-8", "replace")


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """A column.

    Args:
        numbers: shape (n,), float64; NaN where there is none. Of an array in a cell its Euclidean norm.
        texts: n texts, or None if no cell has one.
        dimensions: length of the array in each cell, shape (n,), int64, 0 where there is none; None if no
            cell has one.
    """

    numbers: F64
    texts: Texts | None = None
    dimensions: I64 | None = None

    @property
    def rows(self) -> int:
        return int(self.numbers.size)


def join_texts(values: Sequence[str | None]) -> Texts:
    """Texts of a list.

    Args:
        values: None where missing.

    Returns:
        The same, side by side.
    """
    missing = None in values
    written = [value or "" for value in values] if missing else values
    present = np.ones(len(values), dtype=np.uint8)
    if missing:
        present[:] = [value is not None for value in values]
    octets, offsets = _joined(written)  # type: ignore[arg-type]  # no None is left
    return hashed_texts(octets, offsets, present)


def join_written(values: Sequence[str], numbers: F64, present: U8) -> Cells:
    """A column of a file of text.

    Args:
        values: what stands in each cell.
        numbers: what it is read as, shape (n,), float64; NaN for a text or nothing.
        present: 1 for cells that hold something, shape (n,), uint8.

    Returns:
        The cells; texts are kept of those that are none or not what Python would write for their number.
    """
    octets, offsets = _joined(values)
    plain = np.empty(len(values), dtype=np.uint8)
    mark_plain(octets, offsets, plain)
    kept = present & (1 - plain)
    return Cells(numbers, hashed_texts(octets, offsets, kept) if kept.any() else None)


def hashed_texts(octets: U8, offsets: I64, present: U8) -> Texts:
    """Texts that lie side by side already.

    Args:
        octets: UTF-8 of all, uint8, read-only.
        offsets: where each begins and the last one ends, shape (n + 1,), int64.
        present: 1 for each row that has one, shape (n,), uint8.

    Returns:
        The texts with their hashes.
    """
    hashes = np.empty(present.size, dtype=np.uint64)
    hash_texts((octets, offsets, present), hashes)
    return Texts(octets, offsets, hashes)


def join_arrays(values: F64, lengths: I64) -> Cells:
    """A column whose cells are arrays.

    Args:
        values: the elements of all, float64.
        lengths: of each array, shape (n,), int64; 0 where there is none.

    Returns:
        Their norms; NaN where there is none.
    """
    offsets = _offsets(lengths)
    norms = np.full(lengths.size, np.nan)
    for length in np.unique(lengths[lengths > 0]).tolist():  # by rows of one length: sums in one order
        rows = np.flatnonzero(lengths == length)
        block = values[offsets[rows][:, None] + np.arange(length)]
        with np.errstate(over="ignore", invalid="ignore"):
            norms[rows] = np.sqrt((block * block).sum(axis=1))
    return Cells(norms, None, lengths)


def _joined(values: Sequence[str]) -> tuple[U8, I64]:
    """Octets of texts, and where each begins and the last one ends."""
    joined = "".join(values)
    if joined.isascii():
        lengths = np.fromiter(map(len, values), dtype=np.int64, count=len(values))
        return np.frombuffer(joined.encode(), dtype=np.uint8), _offsets(lengths)
    encoded = [value.encode("utf-8", "replace") for value in values]
    lengths = np.fromiter(map(len, encoded), dtype=np.int64, count=len(values))
    return np.frombuffer(b"".join(encoded), dtype=np.uint8), _offsets(lengths)


def _offsets(lengths: I64) -> I64:
    offsets = np.zeros(lengths.size + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets
