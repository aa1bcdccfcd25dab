"""Slow plain twins of kernels/pairs.py, written from the formulas with numpy, never from the kernel."""

from __future__ import annotations

import numpy as np


def absolute_errors(primary, shadow):
    with np.errstate(invalid="ignore", over="ignore"):
        errors = np.abs(shadow - primary)
    same = (primary == shadow) | (np.isnan(primary) & np.isnan(shadow))
    return np.where(same, 0.0, np.where(np.isnan(errors), np.inf, errors))


def within(primary, shadow, absolute, relative):
    errors = absolute_errors(primary, shadow)
    allowed = absolute + relative * np.where(np.isfinite(primary), np.abs(primary), 0.0)
    return (errors <= allowed) & np.isfinite(errors)


def ulp_distances(primary, shadow):
    """Whole numbers of any size, so that nothing can overflow."""
    top = np.iinfo(np.int64).max
    found = []
    for ours, theirs in zip(primary, shadow, strict=True):
        if np.isnan(ours) or np.isnan(theirs):
            found.append(0 if np.isnan(ours) and np.isnan(theirs) else top)
        else:
            found.append(min(top, abs(_place(ours) - _place(theirs))))
    return np.array(found, dtype=np.int64)


def _place(value):
    """Of a number among all numbers, 0 for both zeros."""
    bits = int(np.abs(np.float64(value)).view(np.int64))
    return -bits if np.signbit(value) else bits
