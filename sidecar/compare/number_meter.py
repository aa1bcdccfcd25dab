"""Scores and regression values side by side."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sidecar.compare.correlation import rank_correlation
from sidecar.compare.documents import Tolerance
from sidecar.compare.histogram import F64, SizeHistogram, error_quantiles
from sidecar.compare.sample import Sample
from sidecar.compare.vectors import BoolArray, absolute_errors, flips, ulp_distances, within

SAMPLE_PAIRS = 2048
WIDEST = 1e290  # a difference beyond it counts as this one: the sum of any number of them stays finite


class NumberMeter:
    """Scores and regression values: errors, bias, rank correlation, flips of a decision.

    Args:
        tolerance: up to which two numbers are the same.
        threshold: of a decision; then rows disagree when the decision flips, and not otherwise.
        single: whether the server answers in single precision.
    """

    def __init__(self, tolerance: Tolerance, threshold: float | None = None, *, single: bool = False) -> None:
        self._tolerance = tolerance
        self._threshold = threshold
        self._single = single
        self._rows = self._within = self._flips = 0
        self._signed: list[float] = []
        self._absolute, self._relative, self._ulps = SizeHistogram(), SizeHistogram(), SizeHistogram()
        self._sample: Sample[tuple[float, float]] = Sample(SAMPLE_PAIRS)

    def add(self, primary: F64, shadow: F64, priority: int) -> BoolArray:
        """Takes numbers.

        Args:
            primary: shape (rows,), float64.
            shadow: shape (rows,), float64.
            priority: 64-bit hash of the request.

        Returns:
            Shape (rows,): where they disagree.
        """
        same = within(primary, shadow, self._tolerance.absolute, self._tolerance.relative)
        errors = absolute_errors(primary, shadow)
        self._rows += len(primary)
        self._within += int(np.count_nonzero(same))
        self._signed = _partials(self._signed, _signed(primary, shadow, errors).tolist())
        self._absolute.add(errors)
        with np.errstate(divide="ignore", invalid="ignore"):
            self._relative.add(np.where(errors == 0.0, 0.0, errors / np.abs(primary)))
        self._ulps.add(ulp_distances(primary, shadow, single=self._single).astype(np.float64))
        for row, pair in enumerate(zip(primary.tolist(), shadow.tolist(), strict=True)):
            self._sample.offer((priority + row) & 0xFFFF_FFFF_FFFF_FFFF, pair)
        if self._threshold is None:
            return ~same
        flipped = flips(primary, shadow, self._threshold)
        self._flips += int(np.count_nonzero(flipped))
        return flipped

    def to_json(self) -> dict[str, Any]:
        """Share `within` the tolerance, `bias` (mean of shadow - primary), error quantiles,
        `rank_correlation`, share of `flips`.
        """
        pairs = np.array(self._sample.items(), dtype=np.float64).reshape(-1, 2)
        return {
            "rows": self._rows,
            "within": self._within / self._rows if self._rows else None,
            "bias": math.fsum(self._signed) / self._rows if self._rows else None,
            "absolute_error": error_quantiles(self._absolute),
            "relative_error": error_quantiles(self._relative),
            "ulp_error": error_quantiles(self._ulps),
            "rank_correlation": rank_correlation(pairs[:, 0], pairs[:, 1]),
            "flips": None if self._threshold is None else self._flips / self._rows if self._rows else None,
        }


def _signed(primary: F64, shadow: F64, errors: F64) -> F64:
    """Shadow - primary where that is a number."""
    finite = np.minimum(errors, WIDEST)[np.isfinite(errors)]
    return np.where((shadow < primary)[np.isfinite(errors)], -finite, finite)


def _partials(partials: list[float], values: list[float]) -> list[float]:
    """A sum as floats that do not overlap (Shewchuk 1997): exact, so that order does not matter."""
    for value in values:
        kept = []
        for partial in partials:
            if abs(value) < abs(partial):
                value, partial = partial, value
            high = value + partial
            low = partial - (high - value)
            if low:
                kept.append(low)
            value = high
        partials = [*kept, value]
    return partials
