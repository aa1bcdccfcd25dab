"""Small histograms of what two answers have in common, and of how far apart they are.

Both are counts over fixed cells, so they merge by addition and give the same figures in any order.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

SHARE_CELLS = 1000
OCTAVES = 128  # from 2^-64 up to 2^64
PARTS = 8  # cells an octave: a quantile is within 9 % of the true one


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
    """Sizes from 0 to infinity, such as an error, in steps of an eighth of an octave."""

    __slots__ = ("counts",)

    def __init__(self) -> None:
        self.counts: I64 = np.zeros(OCTAVES * PARTS + 2, dtype=np.int64)  # 0, then the octaves, then beyond

    def add(self, sizes: F64) -> None:
        """Counts sizes.

        Args:
            sizes: any shape, float64, >= 0; NaN is not counted.
        """
        known = sizes[~np.isnan(sizes)]
        mantissas, exponents = np.frexp(known)  # in [0.5, 1)
        cells = (exponents + OCTAVES // 2 - 1) * PARTS + np.floor((2.0 * mantissas - 1.0) * PARTS) + 1
        cells = np.clip(cells, 1, OCTAVES * PARTS + 1)
        cells = np.where(known == 0.0, 0, np.where(np.isinf(known), OCTAVES * PARTS + 1, cells))
        np.add.at(self.counts, cells.astype(np.int64), 1)

    def quantile(self, share: float) -> float | None:
        """Upper border of the cell that holds the quantile.

        Args:
            share: 0 to 1.

        Returns:
            0, a size, or infinity for what lies beyond 2^64; None without sizes.
        """
        place = _place(self.counts, share)
        if place is None or place == 0:
            return None if place is None else 0.0
        if place == OCTAVES * PARTS + 1:
            return float("inf")
        octave, part = divmod(place - 1, PARTS)
        return float(2.0 ** (octave - OCTAVES // 2) * (1.0 + (part + 1) / PARTS))


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
