"""One alarm for several pods.

The better way is to add the panes: counts of the same stretch of time, summed over the pods, feed one
detector, which then gives to the bit what a single process would have given that saw all rows. Where the
panes cannot be brought together (pods of another network, other panes), the pods' values may be averaged:
each M is an e-detector by itself, and so is their mean, whatever the dependence between the pods. The
threshold stays the same. It is slower to find what happens in all pods, by ln(pods) nats at most what one pod
alone finds.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kernels.binning import F64, I64
from sidecar.errors import ShapeMismatch


def add_counts(panes: Sequence[I64]) -> I64:
    """Counts of one stretch of time over all pods.

    Args:
        panes: one a pod, shape (F, L), int64, over the same reference.

    Returns:
        Their sum, shape (F, L), int64.

    Raises:
        ShapeMismatch: "fleet: expected counts of (20, 36), got (20, 68)", or of no pods.
    """
    _check(panes)
    return np.asarray(np.sum(panes, axis=0, dtype=np.int64))


def average_log_e(log_e: Sequence[F64]) -> F64:
    """Ln of the mean of the pods' values.

    Args:
        log_e: one a pod, ln M of every feature, shape (F,), float64; -inf before the first rows.

    Returns:
        Shape (F,), float64; to be held against the same threshold.

    Raises:
        ShapeMismatch: "fleet: expected values of (20,), got (19,)", or of no pods.
    """
    _check(log_e)
    values = np.stack(list(log_e))
    highest = values.max(axis=0, initial=-np.inf)
    base = np.where(np.isfinite(highest), highest, 0.0)
    with np.errstate(divide="ignore"):
        return np.asarray(base + np.log(np.exp(values - base).mean(axis=0)))


def _check(arrays: Sequence[F64] | Sequence[I64]) -> None:
    if not arrays:
        raise ShapeMismatch("fleet: expected at least one pod, got none")
    for array in arrays:
        if array.shape != arrays[0].shape:
            raise ShapeMismatch(f"fleet: expected an array of {arrays[0].shape}, got {array.shape}")
