"""Scores and regression values side by side."""

from __future__ import annotations

import math
from itertools import chain
from typing import Any

import numpy as np

from kernels.pairs import OCTAVES, compare_numbers
from sidecar.compare.cells import fill_cells, pack_cells
from sidecar.compare.correlation import rank_correlation
from sidecar.compare.documents import Tolerance
from sidecar.compare.histogram import F64, I64, PARTS, SizeHistogram, error_quantiles
from sidecar.compare.sample import Sample
from sidecar.compare.state import NumberState
from sidecar.compare.vectors import BoolArray, flips

SAMPLE_PAIRS = 2048


class NumberMeter:
    """Scores and regression values: errors, bias, rank correlation, flips of a decision.

    Args:
        tolerance: up to which two numbers are the same.
        threshold: of a decision; then rows disagree when the decision flips, and not otherwise.
    """

    def __init__(self, tolerance: Tolerance, threshold: float | None = None) -> None:
        self._tolerance = tolerance
        self._threshold = threshold
        self._rows = self._within = self._flips = 0
        self._signed: list[float] = []
        self._sizes: I64 = np.zeros((3, OCTAVES * PARTS + 2), dtype=np.int64)
        self._absolute, self._relative, self._ulps = (SizeHistogram(PARTS, row) for row in self._sizes)
        self._sample: Sample[tuple[float, float]] = Sample(SAMPLE_PAIRS)

    def add(self, primary: F64, shadow: F64, priority: int) -> BoolArray:
        """Takes numbers.

        Args:
            primary: shape (rows,), float64, C-contiguous.
            shadow: likewise.
            priority: 64-bit hash of the request.

        Returns:
            Shape (rows,): where they disagree.
        """
        same = np.empty(primary.size, dtype=np.bool_)
        signed = np.empty(primary.size)
        n_signed = compare_numbers(
            primary,
            shadow,
            self._tolerance.absolute,
            self._tolerance.relative,
            PARTS,
            self._sizes,
            signed,
            same,
        )
        self._rows += primary.size
        self._within += int(np.count_nonzero(same))
        self._signed = _partials(self._signed, signed[:n_signed].tolist())
        for row in range(primary.size):
            place = (priority + row) & 0xFFFF_FFFF_FFFF_FFFF
            if self._sample.wants(place):
                self._sample.offer(place, (float(primary[row]), float(shadow[row])))
        if self._threshold is None:
            return ~same
        flipped = flips(primary, shadow, self._threshold)
        self._flips += int(np.count_nonzero(flipped))
        return flipped

    def to_state(self) -> NumberState:
        """The meter for a checkpoint; it holds the numbers of the sample."""
        held = self._sample.held()
        return NumberState(
            tolerance=(self._tolerance.absolute, self._tolerance.relative),
            threshold=self._threshold,
            rows=self._rows,
            within=self._within,
            flips=self._flips,
            signed=self._signed,
            sizes=pack_cells(self._sizes),
            priorities=np.fromiter(held, "<u8", len(held)).tobytes(),
            pairs=np.fromiter(chain.from_iterable(held.values()), "<f8", 2 * len(held)).tobytes(),
        )

    @classmethod
    def from_state(cls, state: NumberState) -> NumberMeter:
        """Goes on from a checkpoint.

        Args:
            state: from `to_state`.

        Raises:
            ValueError: it is damaged.
        """
        meter = cls(Tolerance(*state.tolerance), state.threshold)
        meter._rows, meter._within, meter._flips = state.rows, state.within, state.flips
        if not all(map(math.isfinite, state.signed)):
            raise ValueError("errors without a sum")
        meter._signed = state.signed
        fill_cells(state.sizes, meter._sizes)
        priorities = np.frombuffer(state.priorities, dtype="<u8").tolist()
        pairs = np.frombuffer(state.pairs, dtype="<f8").reshape(-1, 2).tolist()
        for priority, (ours, theirs) in zip(priorities, pairs, strict=True):
            meter._sample.offer(priority, (ours, theirs))
        return meter

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
