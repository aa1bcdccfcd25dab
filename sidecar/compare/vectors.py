"""Numbers side by side: errors, units in the last place, cosines."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


def absolute_errors(primary: F64, shadow: F64) -> F64:
    """|shadow - primary|.

    Args:
        primary: any shape, float64.
        shadow: the same shape.

    Returns:
        The same shape; 0 for two NaN or two equal infinities, +inf where only one of them is one.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        errors = np.abs(shadow - primary)
    same = (primary == shadow) | (np.isnan(primary) & np.isnan(shadow))
    return np.where(same, 0.0, np.where(np.isnan(errors), np.inf, errors))


def within(primary: F64, shadow: F64, absolute: float, relative: float) -> BoolArray:
    """Where two arrays count as the same: |shadow - primary| <= absolute + relative |primary|.

    Args:
        primary: any shape, float64.
        shadow: the same shape.
        absolute: >= 0.
        relative: >= 0.

    Returns:
        The same shape; infinities are within nothing but themselves.
    """
    errors = absolute_errors(primary, shadow)
    allowed = absolute + relative * np.where(np.isfinite(primary), np.abs(primary), 0.0)
    return (errors <= allowed) & np.isfinite(errors)


def ulp_distances(primary: F64, shadow: F64, *, single: bool = False) -> I64:
    """How many floating-point numbers lie between two, in units in the last place.

    Args:
        primary: any shape, float64.
        shadow: the same shape.
        single: whether the numbers are float32 at heart: servers that answer in single precision.

    Returns:
        The same shape, int64, >= 0; 0 for two NaN, the largest int64 where only one is NaN, and where the
        distance is larger than that.
    """
    kinds = (np.float32, np.int32) if single else (np.float64, np.int64)
    ours, theirs = (_ordered(values.astype(kinds[0]), kinds[1]) for values in (primary, shadow))
    top = np.uint64(np.iinfo(np.int64).max)
    apart = np.where(ours > theirs, ours - theirs, theirs - ours).view(np.uint64)
    distances = np.minimum(apart, top).astype(np.int64)
    nan_ours, nan_theirs = np.isnan(primary), np.isnan(shadow)
    distances[nan_ours & nan_theirs] = 0
    distances[nan_ours ^ nan_theirs] = np.iinfo(np.int64).max
    return distances


def _ordered(values: NDArray[np.floating], kind: type[np.signedinteger]) -> I64:
    """Integers in the order of the numbers, one apart where the numbers are neighbours; both zeros are 0."""
    bits = np.ascontiguousarray(values).view(kind).astype(np.int64)
    lowest = np.int64(np.iinfo(kind).min)
    with np.errstate(over="ignore"):
        return np.where(bits < 0, lowest - bits, bits)


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
