"""Small histograms of what two answers have in common, and of how far apart they are.

Both are counts over fixed cells, so they merge by addition and give the same figures in any order.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from kernels.pairs import OCTAVES

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

SHARE_CELLS = 1000
PARTS = 8  # cells an octave: a quantile is at most an eighth above the true one


class ShareHistogram:
    """Values from 0 to 1, such as an overlap, in steps of 1/1000."""

    __slots__ = ("counts",)

    def __init__(self) -> None:
        self.counts: I64 = np.zeros(SHARE_CELLS + 1, dtype=np.int64)

    def add(self, shares: F64) -> None:
        """Counts values.

        Args:
            shares: any shape, float64; below 0 counts as 0, above 1 as 1, NaN not at all.
        """
        known = shares[~np.isnan(shares)]
        np.add.at(self.counts, np.rint(np.clip(known, 0.0, 1.0) * SHARE_CELLS).astype(np.int64), 1)

    def mean(self) -> float | None:
        """Mean value; None without values."""
        total = int(self.counts.sum())
        return float(self.counts @ np.arange(SHARE_CELLS + 1)) / (SHARE_CELLS * total) if total else None

    def quantile(self, share: float) -> float | None:
        """Value that the given share of the values does not exceed; None without values."""
        place = _place(self.counts, share)
        return None if place is None else place / SHARE_CELLS


class SizeHistogram:
    """Sizes from 0 to infinity, such as an error or a time, in equal parts of octaves.

    Args:
        parts: cells an octave.
        counts: shape (OCTAVES * parts + 2,), int64, of 0, the octaves, and what is beyond; new ones when left
            out.
    """

    __slots__ = ("_last", "_parts", "counts")

    def __init__(self, parts: int = PARTS, counts: I64 | None = None) -> None:
        self._parts = parts
        self._last = OCTAVES * parts + 1
        self.counts: I64 = np.zeros(self._last + 1, dtype=np.int64) if counts is None else counts

    def add(self, sizes: F64) -> None:
        """Counts sizes.

        Args:
            sizes: any shape, float64, >= 0; NaN is not counted.
        """
        known = sizes[~np.isnan(sizes)]
        mantissas, exponents = np.frexp(known)  # in [0.5, 1)
        parts = np.floor((2.0 * mantissas - 1.0) * self._parts)
        cells = np.clip((exponents + OCTAVES // 2 - 1) * self._parts + parts + 1, 1, self._last)
        cells = np.where(known == 0.0, 0, np.where(np.isinf(known), self._last, cells))
        np.add.at(self.counts, cells.astype(np.int64), 1)

    def add_one(self, size: float) -> None:
        """Counts one size; as `add`, without the cost of an array.

        Args:
            size: >= 0, finite.
        """
        mantissa, exponent = math.frexp(size)
        part = math.floor((2.0 * mantissa - 1.0) * self._parts)
        cell = (exponent + OCTAVES // 2 - 1) * self._parts + part + 1
        self.counts[0 if size == 0.0 else min(max(cell, 1), self._last)] += 1

    def quantile(self, share: float) -> float | None:
        """Upper border of the cell that holds the quantile.

        Args:
            share: 0 to 1.

        Returns:
            0, a size, or infinity for what lies beyond 2^64; None without sizes.
        """
        place = _place(self.counts, share)
        return None if place is None else self._border(place)

    def border_below(self, share: float) -> float | None:
        """Lower border of the cell that holds the quantile; as `quantile`."""
        place = _place(self.counts, share)
        return None if place is None else self._border(max(place - 1, 0))

    def _border(self, place: int) -> float:
        """Upper border of a cell."""
        if place in (0, self._last):
            return 0.0 if place == 0 else math.inf
        octave, part = divmod(place, self._parts)
        return float(2.0 ** (octave - OCTAVES // 2) * (1.0 + part / self._parts))


def error_quantiles(sizes: SizeHistogram) -> dict[str, float | None]:
    """The quantiles that errors are shown by, as JSON.

    Args:
        sizes: any.

    Returns:
        `p50`, `p95`, `p99`; None without sizes, or beyond 2^64.
    """
    return {f"p{round(share * 100)}": json_number(sizes.quantile(share)) for share in (0.5, 0.95, 0.99)}


def likeness(shares: ShareHistogram) -> dict[str, float | None]:
    """The figures that a likeness is shown by, as JSON: its mean, and where it is least.

    Args:
        shares: any.

    Returns:
        `mean`, `p1`, `p5`, `p50`; None without values.
    """
    lower = {f"p{round(share * 100)}": shares.quantile(share) for share in (0.01, 0.05, 0.5)}
    return {"mean": shares.mean(), **lower}


def json_number(value: float | None) -> float | None:
    """A number that JSON can hold.

    Args:
        value: any.

    Returns:
        The value, None instead of NaN and the infinities.
    """
    return None if value is None or not math.isfinite(value) else float(value)


def _place(counts: I64, share: float) -> int | None:
    total = int(counts.sum())
    if total == 0:
        return None
    return int(np.searchsorted(np.cumsum(counts), max(1.0, share * total)))
