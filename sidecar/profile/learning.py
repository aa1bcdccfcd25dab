"""References from rows: how the columns of a matrix were distributed.

The edges come from a sample of the rows, the counts from all of them, by the same kernel that later counts
traffic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from kernels.binning import F64
from kernels.lanes import FIRST_CELL
from kernels.moments import SUMS, unit_for
from sidecar.profile.edges import quantile_edges
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.lanes import lane_table
from sidecar.profile.pane import Pane
from sidecar.profile.reference import FeatureReference

LEARN_VALUES = 8_000_000  # rows kept for learning are bounded by this whatever auto_rows says: 64 MB


class Learning:
    """The first rows of some columns, until there are enough.

    Args:
        columns: places of the columns to learn.
        auto_rows: rows wanted.
    """

    def __init__(self, columns: Sequence[int], auto_rows: int) -> None:
        self.columns = list(columns)
        self.rows = 0
        self.limit = min(auto_rows, max(1, LEARN_VALUES // len(columns))) if columns else 0
        self._blocks: list[F64] = []

    @property
    def active(self) -> bool:
        return self.rows < self.limit

    def take(self, matrix: F64) -> int:
        """Keeps a copy of as many rows as are still wanted.

        Args:
            matrix: shape (n, F), float64, all columns.

        Returns:
            Rows taken, from the first one on.
        """
        taken: int = min(self.limit - self.rows, matrix.shape[0])
        if taken > 0:
            self._blocks.append(matrix[:taken][:, self.columns])
            self.rows += taken
        return taken

    def gathered(self) -> F64:
        """What was kept.

        Returns:
            Shape (rows, len(columns)), float64, C order.
        """
        empty = np.empty((0, len(self.columns)))
        return np.ascontiguousarray(np.concatenate([empty, *self._blocks]))

    def finish(self) -> None:
        """Lets go of the rows; nothing more is taken."""
        self._blocks = []
        self.limit = 0

    def restore(self, matrix: F64) -> None:
        """Goes on from a checkpoint.

        Args:
            matrix: as `gathered` gave it.
        """
        self._blocks = [matrix]
        self.rows = matrix.shape[0]


def learn_reference(
    specs: Sequence[FeatureSpec], matrix: F64, categories: Sequence[Sequence[str]]
) -> tuple[FeatureReference, ...]:
    """References of features from the rows themselves.

    Args:
        specs: F features.
        matrix: shape (n, F), float64: numbers, codes, NaN for missing.
        categories: for each feature the texts of code 1 to K; empty for numbers. Others count as `other`.

    Returns:
        One for each feature, with exact counts.
    """
    blank = blank_references(specs, matrix, categories)
    table = lane_table(specs, blank)
    pane = Pane.empty(0, 0, table.width, table.lanes)
    pane.fill(table, np.ascontiguousarray(matrix))
    return counted_references(blank, pane)


def blank_references(
    specs: Sequence[FeatureSpec], sample: F64, categories: Sequence[Sequence[str]]
) -> tuple[FeatureReference, ...]:
    """Edges, pivots and units without counts.

    Args:
        specs: F features.
        sample: rows to take the quantiles from, shape (n, F), float64.
        categories: as in `learn_reference`.

    Returns:
        One for each feature, all counts 0.
    """
    blanks: list[FeatureReference] = []
    for place, spec in enumerate(specs):
        edges = quantile_edges(sample[:, place]) if spec.kind == "numeric" else np.empty(0)
        cells = edges.size + 1 if spec.kind == "numeric" else len(categories[place]) + 1
        blanks.append(
            FeatureReference(
                spec,
                edges,
                tuple(categories[place]),
                np.zeros(FIRST_CELL + cells, dtype=np.int64),
                np.zeros(SUMS, dtype=np.int64),
                np.array([np.inf, -np.inf]),
                *(_scale(sample[:, place]) if spec.kind == "numeric" else (0.0, 1.0)),
            )
        )
    return tuple(blanks)


def counted_references(blanks: Sequence[FeatureReference], pane: Pane) -> tuple[FeatureReference, ...]:
    """The same references with what was counted.

    Args:
        blanks: F references.
        pane: filled by their table.

    Returns:
        One for each feature.
    """
    return tuple(
        replace(
            blank,
            counts=pane.counts[place, : blank.counts.size].copy(),
            sums=pane.sums[place].copy(),
            extremes=pane.extremes[place].copy(),
        )
        for place, blank in enumerate(blanks)
    )


def _scale(values: F64) -> tuple[float, float]:
    """Pivot and unit by the middle of the values: one of 1e300 must not spoil the sums of all others."""
    finite = np.sort(values[np.isfinite(values)])
    if finite.size == 0:
        return 0.0, 1.0
    cut = finite.size // 100
    middle = finite[cut : finite.size - cut]
    with np.errstate(over="ignore", invalid="ignore"):
        pivot, spread = float(np.mean(middle)), float(np.std(middle))
    pivot = pivot if np.isfinite(pivot) else 0.0
    return pivot, unit_for(spread, pivot)
