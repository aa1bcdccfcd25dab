"""Vectors and scores side by side: cosines, flips of a decision."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


def cosines(primary: F64, shadow: F64) -> F64:
    """Cosine of the angle between the rows of two matrices.

    Args:
        primary: shape (n, d), float64.
        shadow: shape (n, d), float64.

    Returns:
        Shape (n,), -1 to 1; 1 for two rows of zeros, 0 when only one is, NaN where a row is not finite.
    """
    scale_ours, scale_theirs = (np.abs(rows).max(axis=1, initial=0.0) for rows in (primary, shadow))
    with np.errstate(invalid="ignore"):
        ours = primary / np.where(scale_ours > 0.0, scale_ours, 1.0)[:, None]
        theirs = shadow / np.where(scale_theirs > 0.0, scale_theirs, 1.0)[:, None]
        products = (ours * theirs).sum(axis=1)
        norms = np.sqrt((ours * ours).sum(axis=1) * (theirs * theirs).sum(axis=1))
        angles = products / np.where(norms > 0.0, norms, 1.0)
    empty_ours, empty_theirs = scale_ours == 0.0, scale_theirs == 0.0
    return np.where(empty_ours & empty_theirs, 1.0, np.clip(angles, -1.0, 1.0))


def flips(primary: F64, shadow: F64, threshold: float) -> BoolArray:
    """Where two scores lie on different sides of a decision threshold.

    Args:
        primary: any shape, float64.
        shadow: the same shape.
        threshold: a score at or above it decides for.

    Returns:
        The same shape; NaN decides against.
    """
    return np.not_equal(primary >= threshold, shadow >= threshold)
