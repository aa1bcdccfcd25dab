"""Rank correlation of two columns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]


def rank_correlation(primary: F64, shadow: F64) -> float | None:
    """Spearman's rank correlation.

    Args:
        primary: shape (n,), float64; pairs with a NaN are left out.
        shadow: shape (n,), float64.

    Returns:
        -1 to 1; None with fewer than two pairs, or when either side is constant.

    Source: Spearman (1904): Pearson's correlation of the ranks, ties sharing their mean rank.
    Worked example: 1, 2, 3, 4 against 1, 3, 2, 4 give 0.8.
    """
    both = ~(np.isnan(primary) | np.isnan(shadow))
    if np.count_nonzero(both) < 2:
        return None
    ours, theirs = (ranks(column[both]) for column in (primary, shadow))
    ours, theirs = ours - ours.mean(), theirs - theirs.mean()
    spread = float(np.sqrt((ours @ ours) * (theirs @ theirs)))
    return float(np.clip(ours @ theirs / spread, -1.0, 1.0)) if spread > 0.0 else None


def ranks(values: F64) -> F64:
    """Rank of each value, from 1; equal values share their mean rank.

    Args:
        values: shape (n,), float64, without NaN.

    Returns:
        Shape (n,), float64.
    """
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    mean: F64 = last - (counts - 1) / 2.0
    return mean[place]
