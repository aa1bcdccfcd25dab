"""The smallest closed summary of traffic: all that is kept of all features over one stretch of time.

Whole numbers, smallest and largest: merging is exact, so panes merged in any order and grouping are the same
to the bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kernels.binning import F64, I64
from kernels.histogram import fill_block
from kernels.moments import empty_extremes, empty_sums, merge_extremes
from kernels.sketch import CELLS
from sidecar.errors import ShapeMismatch
from sidecar.profile.lanes import LaneTable


@dataclass(slots=True, eq=False)
class Pane:
    """Sums over [start, end); merging is addition, so any order and any cut give the same counts.

    Args:
        start_unix_ns: begin.
        end_unix_ns: end.
        rows: rows counted.
        counts: lanes (kernels.lanes), shape (F, L), int64.
        sums: shape (F, 4), int64 (kernels.moments).
        extremes: smallest and largest finite value, shape (F, 2), float64.
        sketches: shape (F, CELLS), int64 (kernels.sketch); (F, 0) in a pane at rest that goes without.
    """

    start_unix_ns: int
    end_unix_ns: int
    rows: int
    counts: I64
    sums: I64
    extremes: F64
    sketches: I64

    @classmethod
    def empty(cls, start_unix_ns: int, end_unix_ns: int, width: int, lanes: int) -> Pane:
        """A pane without rows.

        Args:
            start_unix_ns: begin.
            end_unix_ns: end.
            width: F.
            lanes: L.

        Returns:
            The pane.
        """
        return cls(
            start_unix_ns,
            end_unix_ns,
            0,
            np.zeros((width, lanes), dtype=np.int64),
            empty_sums(width),
            empty_extremes(width),
            np.zeros((width, CELLS), dtype=np.int64),
        )

    def fill(self, table: LaneTable, matrix: F64) -> None:
        """Counts rows.

        Args:
            table: how to count.
            matrix: shape (n, F), float64, C order.

        Raises:
            ShapeMismatch: "pane: expected rows of 20 float64 in C order, got (3, 19) float32".
        """
        width = self.counts.shape[0]
        wrong = matrix.ndim != 2 or matrix.shape[1] != width or matrix.dtype != np.float64
        if wrong or not matrix.flags.c_contiguous:
            raise ShapeMismatch(
                f"pane: expected rows of {width} float64 in C order, got {matrix.shape} {matrix.dtype}"
            )
        tallies = (self.counts, self.sums, self.sketches)
        fill_block(matrix, table.edges, table.codes, table.scales, tallies, self.extremes)
        self.rows += matrix.shape[0]

    def merge(self, other: Pane) -> None:
        """Adds another pane over the same lanes.

        Args:
            other: any time; the stretch grows to hold both. A sum with a pane without sketches has none.

        Raises:
            ShapeMismatch: "pane: expected counts of (20, 35), got (20, 68)".
        """
        if other.counts.shape != self.counts.shape:
            raise ShapeMismatch(f"pane: expected counts of {self.counts.shape}, got {other.counts.shape}")
        self.start_unix_ns = min(self.start_unix_ns, other.start_unix_ns)
        self.end_unix_ns = max(self.end_unix_ns, other.end_unix_ns)
        self.rows += other.rows
        self.counts += other.counts
        self.sums += other.sums
        merge_extremes(self.extremes, other.extremes)
        if self.sketches.size and other.sketches.size:
            self.sketches += other.sketches
        else:
            self.drop_sketches()

    def copy(self) -> Pane:
        return Pane(
            self.start_unix_ns,
            self.end_unix_ns,
            self.rows,
            self.counts.copy(),
            self.sums.copy(),
            self.extremes.copy(),
            self.sketches.copy(),
        )

    def drop_sketches(self) -> None:
        """Lets go of the sketches, the largest part of a pane."""
        self.sketches = self.sketches[:, :0].copy()
