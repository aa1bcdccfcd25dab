"""A closed pane, or a sum of closed panes, at rest: as narrow as its counts allow, and never changed.

An open pane counts into int64 cells, of which a feature has nearly a thousand; what is closed holds mostly
small numbers. So lanes and sketches rest in the smallest type that holds their largest count (1, 2 or 4
bytes unsigned, else 8): a pane of fewer than 256 rows takes an eighth. The type follows from the content,
so equal sums are equal bytes.

A resting pane says which closings it covers: panes are numbered as they close, and the monitor's start
(epoch) under which it came to be is kept for snapshots.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels.binning import F64, I64
from kernels.moments import SUMS, merge_extremes
from sidecar.profile.packing import type_of, type_of_size
from sidecar.profile.pane import Pane

Counts = NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class RestingPane:
    """Sums over [start, end), read only.

    Args:
        start_unix_ns: begin.
        end_unix_ns: end.
        rows: rows counted.
        counts: lanes, shape (F, L), each >= 0.
        sums: shape (F, 4), int64.
        extremes: shape (F, 2), float64.
        sketches: shape (F, CELLS), each >= 0; (F, 0) without.
        first: number of the first closing that it covers, from 1.
        last: number of the last one, >= first.
        epoch: monitor start under which the last one closed, in nanoseconds of unix time.
    """

    start_unix_ns: int
    end_unix_ns: int
    rows: int
    counts: Counts
    sums: I64
    extremes: F64
    sketches: Counts
    first: int
    last: int
    epoch: int

    @property
    def n_bytes(self) -> int:
        """Bytes of its arrays."""
        return self.counts.nbytes + self.sums.nbytes + self.extremes.nbytes + self.sketches.nbytes

    def without_sketches(self) -> RestingPane:
        """The same without sketches; the other arrays are shared.

        Returns:
            The pane.
        """
        return replace(self, sketches=self.sketches[:, :0].copy())  # a view would keep them

    def wake(self) -> Pane:
        """A wide copy, to be added to.

        Returns:
            The pane.
        """
        return Pane(
            self.start_unix_ns,
            self.end_unix_ns,
            self.rows,
            self.counts.astype(np.int64),
            self.sums.copy(),
            self.extremes.copy(),
            self.sketches.astype(np.int64),
        )

    def add_to(self, total: Pane) -> None:
        """Adds it to a sum; a sum with what has no sketches has none.

        Args:
            total: over the same lanes, changed in place.
        """
        total.start_unix_ns = min(total.start_unix_ns, self.start_unix_ns)
        total.end_unix_ns = max(total.end_unix_ns, self.end_unix_ns)
        total.rows += self.rows
        np.add(total.counts, self.counts, out=total.counts)
        total.sums += self.sums
        merge_extremes(total.extremes, self.extremes)
        if total.sketches.size and self.sketches.size:
            np.add(total.sketches, self.sketches, out=total.sketches)
        else:
            total.drop_sketches()

    def take_from(self, total: Pane) -> None:
        """Takes what was added out of a sum again; stretch and extremes are left as they are.

        Args:
            total: a sum that it was added to, changed in place.
        """
        total.rows -= self.rows
        np.subtract(total.counts, self.counts, out=total.counts)
        total.sums -= self.sums
        if total.sketches.size:
            np.subtract(total.sketches, self.sketches, out=total.sketches)

    def joined(self, later: RestingPane) -> RestingPane:
        """The sum with the panes that closed next.

        Args:
            later: over the same lanes.

        Returns:
            One that covers both.
        """
        total = self.wake()
        later.add_to(total)
        return at_rest(total, self.first, later.last, later.epoch)

    def to_state(self) -> dict[str, Any]:
        """The pane for a checkpoint or a snapshot.

        Returns:
            Numbers, bytes and lists, in one order.
        """
        return {
            "start_unix_ns": self.start_unix_ns,
            "end_unix_ns": self.end_unix_ns,
            "rows": self.rows,
            "first": self.first,
            "last": self.last,
            "epoch": self.epoch,
            "counts": _packed(self.counts),
            "sums": self.sums.astype("<i8").tobytes(),
            "extremes": self.extremes.astype("<f8").tobytes(),
            "sketches": _packed(self.sketches),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any], width: int, lanes: int, cells: int) -> RestingPane:
        """A pane of a checkpoint or a snapshot.

        Args:
            state: from `to_state`.
            width: F.
            lanes: L.
            cells: of a sketch.

        Returns:
            The pane.

        Raises:
            KeyError, TypeError, ValueError: it is not one, or of another shape.
        """
        sketches = _unpacked(state["sketches"])
        made = cls(
            int(state["start_unix_ns"]),
            int(state["end_unix_ns"]),
            int(state["rows"]),
            _unpacked(state["counts"]).reshape(width, lanes),
            np.frombuffer(state["sums"], dtype="<i8").astype(np.int64).reshape(width, SUMS),
            np.frombuffer(state["extremes"], dtype="<f8").astype(np.float64).reshape(width, 2),
            sketches.reshape(width, cells if sketches.size else 0),
            int(state["first"]),
            int(state["last"]),
            int(state["epoch"]),
        )
        if made.rows < 0 or not 1 <= made.first <= made.last or made.start_unix_ns > made.end_unix_ns:
            raise ValueError("a pane whose numbers contradict each other")
        return made


def at_rest(pane: Pane, first: int, last: int, epoch: int) -> RestingPane:
    """A pane as it is kept once it has closed.

    Args:
        pane: not kept and not changed.
        first: number of the first closing that it covers.
        last: number of the last one.
        epoch: monitor start.

    Returns:
        A narrow copy.
    """
    return RestingPane(
        pane.start_unix_ns,
        pane.end_unix_ns,
        pane.rows,
        narrow(pane.counts),
        pane.sums.copy(),
        pane.extremes.copy(),
        narrow(pane.sketches),
        first,
        last,
        epoch,
    )


def narrow(counts: I64) -> Counts:
    """Counts in the smallest type that holds the largest of them.

    Args:
        counts: any shape, each >= 0.

    Returns:
        A copy.
    """
    return counts.astype(type_of(int(counts.max(initial=0))))


def least_extremes(panes: Iterable[RestingPane], width: int) -> F64:
    """Smallest and largest values of all.

    Args:
        panes: any number.
        width: F.

    Returns:
        Shape (F, 2), float64; +inf and -inf without values.
    """
    found = np.tile([np.inf, -np.inf], (width, 1))
    for pane in panes:
        merge_extremes(found, pane.extremes)
    return found


def _packed(counts: Counts) -> list[Any]:
    return [counts.dtype.itemsize, counts.tobytes()]


def _unpacked(packed: list[Any]) -> Counts:
    size, octets = packed
    kind = type_of_size(size)
    counts: Counts = np.frombuffer(octets, dtype=kind)
    if counts.min(initial=0) < 0 or type_of(int(counts.max(initial=0))) != kind:
        raise ValueError(f"counts that are not those of {size} bytes")
    return counts
