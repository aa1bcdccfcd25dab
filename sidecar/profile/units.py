"""One row a request for the detector, since rows of one request depend on each other.

A request for a batch often holds rows of one customer, one page or one moment, at worst copies. Taken as
independent they make any test too eager: with ten copies a request every pane seems ten times surer than it
is. So of every request one row is chosen, without regard to what it holds, and the detector counts that one;
histograms and effect sizes take all rows. If requests are independent, so are the chosen rows.

While every request has one row, the detector's counts are the pane's own; a pane gets counts apart with the
first row that is not chosen.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels.binning import F64, I64
from kernels.histogram import fill_block
from kernels.moments import empty_extremes, empty_sums
from kernels.sketch import CELLS
from sidecar.profile.lanes import LaneTable

_MASK = (1 << 64) - 1

Chosen = NDArray[np.bool_]


def chosen_row(exchange_id: int, rows: int) -> int:
    """The row of a request that the detector counts.

    Args:
        exchange_id: number of the exchange, 64 bits; the same one chooses the same row, in replay too.
        rows: of the request, >= 1.

    Returns:
        0 to rows - 1, evenly spread over exchanges.

    Source: the finaliser of SplitMix64 (Steele, Lea and Flood 2014).
    """
    if rows <= 1:
        return 0
    mixed = (exchange_id + 0x9E37_79B9_7F4A_7C15) & _MASK
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58_476D_1CE4_E5B9) & _MASK
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D0_49BB_1331_11EB) & _MASK
    return ((mixed ^ (mixed >> 31)) * rows) >> 64


def stamps_of(rows: int, unix_ns: int, exchange_id: int | None) -> list[int]:
    """The stamps of one message's rows: its time, with the last bit 1 on the rows that are not chosen.

    Args:
        rows: of the message, >= 1.
        unix_ns: time of the exchange; whether a nanosecond is odd is nobody's business.
        exchange_id: number of the exchange, of whose rows one is chosen; None chooses them all.

    Returns:
        Nanoseconds, one for each row.
    """
    if exchange_id is None:
        return [unix_ns & ~1] * rows
    stamps = [unix_ns | 1] * rows
    stamps[chosen_row(exchange_id, rows)] = unix_ns & ~1
    return stamps


def chosen_of(stamps: I64) -> Chosen | None:
    """Which rows stand for their exchange.

    Args:
        stamps: shape (n,), int64.

    Returns:
        Shape (n,), bool; None when all do.
    """
    passed_over = (stamps & 1).astype(np.bool_)
    return ~passed_over if passed_over.any() else None


class UnitTally:
    """The chosen rows of open panes, as far as they are not all rows.

    Args:
        width: F.
        lanes: L.
    """

    def __init__(self, width: int, lanes: int) -> None:
        self._shape = (width, lanes)
        self._apart: dict[int, I64] = {}
        # What else the kernel counts is not used
        self._unused = (empty_sums(width), np.zeros((width, CELLS), dtype=np.int64))
        self._unused_extremes = empty_extremes(width)

    def fill(self, key: int, table: LaneTable, rows: F64, chosen: Chosen | None, before: I64) -> None:
        """Counts the chosen rows; to be called before the pane counts all of them.

        Args:
            key: of the pane.
            table: how to count.
            rows: shape (n, F), float64, C order.
            chosen: which of them are, shape (n,), bool; all when left out.
            before: counts of the pane so far, shape (F, L), int64.
        """
        counts = self._apart.get(key)
        if chosen is None or chosen.all():
            if counts is not None:
                self._count(table, rows, counts)
            return
        if counts is None:
            counts = self._apart[key] = before.copy()
        self._count(table, np.ascontiguousarray(rows[chosen]), counts)

    def counts(self, key: int, all_rows: I64) -> I64:
        """Counts of the chosen rows of a pane.

        Args:
            key: of the pane.
            all_rows: counts of all its rows.

        Returns:
            Shape (F, L), int64: `all_rows` itself when all rows were chosen.
        """
        return self._apart.get(key, all_rows)

    def close(self, key: int, all_rows: I64) -> I64:
        """The same of a pane that has closed, and forgets it.

        Args:
            key: of the pane.
            all_rows: counts of all its rows.

        Returns:
            As `counts`.
        """
        return self._apart.pop(key, all_rows)

    def to_state(self) -> list[list[Any]]:
        """What is held apart, for a checkpoint.

        Returns:
            Pairs of key and bytes.
        """
        return [[key, counts.astype("<i8").tobytes()] for key, counts in sorted(self._apart.items())]

    def restore(self, state: Iterable[Any]) -> None:
        """Goes on from a checkpoint.

        Args:
            state: from `to_state` of a tally of this shape.

        Raises:
            TypeError, ValueError: it is damaged.
        """
        self._apart = {
            int(key): np.frombuffer(counts, dtype="<i8").astype(np.int64).reshape(self._shape)
            for key, counts in state
        }

    def _count(self, table: LaneTable, rows: F64, counts: I64) -> None:
        tallies = (counts, *self._unused)
        fill_block(rows, table.edges, table.codes, table.scales, tallies, self._unused_extremes)
