"""The smallest closed summary of traffic: counts and moments of all features over one stretch of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from kernels.binning import F64, I64
from kernels.histogram import fill_block
from kernels.moments import WIDTH, empty_moments, merge_moments
from sidecar.errors import ShapeMismatch
from sidecar.profile.lanes import LaneTable


@dataclass(slots=True, eq=False)
class Pane:
    """Sums over [start, end); merging is addition, so any order and any cut give the same counts.

    Args:
        start_unix_ns: begin.
        end_unix_ns: end.
        rows: rows counted.
        counts: shape (F, L), int64.
        moments: shape (F, 5), float64.
    """

    start_unix_ns: int
    end_unix_ns: int
    rows: int
    counts: I64
    moments: F64

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
            start_unix_ns, end_unix_ns, 0, np.zeros((width, lanes), dtype=np.int64), empty_moments(width)
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
        fill_block(matrix, table.edges, table.codes, table.pivots, self.counts, self.moments)
        self.rows += matrix.shape[0]

    def merge(self, other: Pane) -> None:
        """Adds another pane over the same lanes.

        Args:
            other: any time; the stretch grows to hold both.

        Raises:
            ShapeMismatch: "pane: expected counts of (20, 35), got (20, 68)".
        """
        if other.counts.shape != self.counts.shape:
            raise ShapeMismatch(f"pane: expected counts of {self.counts.shape}, got {other.counts.shape}")
        self.start_unix_ns = min(self.start_unix_ns, other.start_unix_ns)
        self.end_unix_ns = max(self.end_unix_ns, other.end_unix_ns)
        self.rows += other.rows
        self.counts += other.counts
        merge_moments(self.moments, other.moments)

    def copy(self) -> Pane:
        return Pane(self.start_unix_ns, self.end_unix_ns, self.rows, self.counts.copy(), self.moments.copy())

    def to_state(self) -> dict[str, Any]:
        """The pane for a checkpoint.

        Returns:
            Numbers and bytes; `from_state` gives the same pane, bit by bit.
        """
        count_bytes = _count_bytes(int(self.counts.max(initial=0)))
        return {
            "start_unix_ns": self.start_unix_ns,
            "end_unix_ns": self.end_unix_ns,
            "rows": self.rows,
            "count_bytes": count_bytes,
            "counts": self.counts.astype(f"<u{count_bytes}").tobytes(),
            "moments": self.moments.astype("<f8").tobytes(),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any], width: int, lanes: int) -> Pane:
        """A pane of a checkpoint.

        Args:
            state: from `to_state`.
            width: F.
            lanes: L.

        Returns:
            The pane.

        Raises:
            ValueError: the arrays have another shape.
        """
        return cls(
            int(state["start_unix_ns"]),
            int(state["end_unix_ns"]),
            int(state["rows"]),
            np.frombuffer(state["counts"], dtype=f"<u{state['count_bytes']}")
            .astype(np.int64)
            .reshape(width, lanes),
            np.frombuffer(state["moments"], dtype="<f8").astype(np.float64).reshape(width, WIDTH),
        )


def _count_bytes(largest: int) -> int:
    """Bytes that hold a count: a checkpoint has a thousand panes of mostly small ones."""
    return next((size for size in (1, 2, 4) if largest < 256**size), 8)
