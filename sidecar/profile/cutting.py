"""How a stream of rows is cut into panes: by the time of their exchange, or by their number.

**By time.** A row belongs to the pane that its own time lies in. Rows come out of order (several workers,
answers of different length, a monitor that catches up), so a pane stays open until the watermark has passed
its end:

    watermark = the latest time seen so far - the lateness allowed

Rows that come in another order within the lateness therefore give the same panes, bit by bit. What comes
later than that is kept and counted: such a row goes into the pane of the watermark, the oldest that is
still open (`behind`). Only rows older than the judged window itself are left out (`stale`): to count them
now would be to judge another time. A row whose time lies further ahead of the clock than the lateness,
because that clock was set back, counts as of now (`ahead`). Each row is judged against what came before it,
whatever the blocks.

**By rows.** A pane closes with its n-th row, in the order of arrival; its stretch is that of the times of its
rows. One that does not fill while the judged window passes closes as it is.

**Memory.** The two panes that were filled last are wide (8 bytes a cell, F (8 L + 8 K + 48) bytes); others
that are still open rest as closed ones do. There are at most lateness / pane length + 2 of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple, Protocol

import numpy as np

from kernels.binning import I64
from kernels.sketch import CELLS
from sidecar.profile.pane import Pane
from sidecar.profile.resting import RestingPane, at_rest

MOST_WIDE = 2

LATE_REASONS = ("behind", "stale", "ahead")


class Run(NamedTuple):
    """Rows side by side that go into one pane.

    Attributes:
        start: the first row's place in the block.
        stop: place behind the last one.
        pane: where they go.
    """

    start: int
    stop: int
    pane: Pane


class PaneCutter(Protocol):
    """Open panes of one subject.

    Attributes:
        now_unix_ns: latest time seen, of a row or told.
        late: rows that were late so far, by reason (`LATE_REASONS`).
    """

    now_unix_ns: int
    late: dict[str, int]

    def runs(self, stamps: I64) -> Iterator[Run]:
        """Cuts a block; the caller fills each run, and closes what is due, before it asks for the next.

        The time is that of the run's rows already; its pane is never due by them alone.

        Args:
            stamps: time of each row in nanoseconds of unix time, shape (n,), int64, n >= 1.

        Yields:
            Runs in order; rows that are left out are in none.
        """
        ...

    def advance(self, now_unix_ns: int) -> None:
        """Time passes without rows.

        Args:
            now_unix_ns: time up to which no row is missing; one earlier than before changes nothing.
        """
        ...

    def due(self) -> Iterator[Pane]:
        """Takes out the panes that are to be closed now, the oldest first."""
        ...

    def open_panes(self) -> list[Pane | RestingPane]:
        """The open panes, the oldest first; not to be changed."""
        ...

    @property
    def newest_start_unix_ns(self) -> int:
        """Where the newest pane begins, or would begin; never goes back."""
        ...

    def to_state(self) -> dict[str, Any]:
        """The open panes for a checkpoint."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from a checkpoint.

        Raises:
            KeyError, TypeError, ValueError: it is damaged or of another shape.
        """
        ...


class TimePanes:
    """Panes between multiples of their length.

    Args:
        pane_ns: length.
        lateness_ns: how much later than a newer row one may come, >= 0.
        stale_ns: age from which late rows are left out: length of the judged window.
        width: F.
        lanes: L.
    """

    def __init__(self, pane_ns: int, lateness_ns: int, stale_ns: int, width: int, lanes: int) -> None:
        self.pane_ns = pane_ns
        self.lateness_ns = lateness_ns
        self.now_unix_ns = 0
        self.late = dict.fromkeys(LATE_REASONS, 0)
        self._stale_ns = max(stale_ns, lateness_ns)
        self._shape = (width, lanes)
        self._open: dict[int, Pane | RestingPane] = {}
        self._wide: list[int] = []  # begins of the wide ones, the last filled at the end

    def runs(self, stamps: I64) -> Iterator[Run]:
        low, high = int(stamps.min()), int(stamps.max())
        number, before = high // self.pane_ns, self._watermark // self.pane_ns
        after = max(before, (high - self.lateness_ns) // self.pane_ns)
        oldest = min(self._open, default=number)
        if low // self.pane_ns == number and number >= before and (before == after or after <= oldest):
            self.now_unix_ns = max(self.now_unix_ns, high)
            yield Run(0, len(stamps), self._pane(number))
            return
        newest = np.maximum.accumulate(np.maximum(stamps, self.now_unix_ns))  # no row is late for itself
        watermark = (newest - self.lateness_ns) // self.pane_ns
        numbers = stamps // self.pane_ns
        behind = numbers < watermark
        stale = behind & (stamps < newest - self._stale_ns)
        self.late["behind"] += int(np.count_nonzero(behind & ~stale))
        self.late["stale"] += int(np.count_nonzero(stale))
        places = np.where(stale, -1, np.maximum(numbers, watermark))
        # Behind a row that makes a pane due there is a border too, so that it closes before the next row.
        oldest = min(oldest, int(numbers.min()))
        makes_due = np.flatnonzero((np.diff(watermark, prepend=before) > 0) & (watermark > oldest)) + 1
        inner = np.union1d(np.flatnonzero(np.diff(places)) + 1, makes_due)
        borders = [0, *inner[inner < len(places)].tolist(), len(places)]
        for start, stop in pairwise(borders):
            self.now_unix_ns = int(newest[stop - 1])
            if places[start] >= 0:
                yield Run(start, stop, self._pane(int(places[start])))

    def advance(self, now_unix_ns: int) -> None:
        self.now_unix_ns = max(self.now_unix_ns, now_unix_ns)

    def due(self) -> Iterator[Pane]:
        watermark = self._watermark // self.pane_ns
        for number in sorted(number for number in self._open if number < watermark):
            pane = self._open.pop(number)
            if number in self._wide:
                self._wide.remove(number)
            yield pane.wake() if isinstance(pane, RestingPane) else pane

    def open_panes(self) -> list[Pane | RestingPane]:
        return [self._open[number] for number in sorted(self._open)]

    @property
    def newest_start_unix_ns(self) -> int:
        return self.now_unix_ns // self.pane_ns * self.pane_ns

    def to_state(self) -> dict[str, Any]:
        panes = [
            pane if isinstance(pane, RestingPane) else at_rest(pane, 1, 1, 0) for pane in self.open_panes()
        ]
        return {
            "now_unix_ns": self.now_unix_ns,
            "late": [self.late[reason] for reason in LATE_REASONS],
            "open": [pane.to_state() for pane in panes],
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.now_unix_ns = int(state["now_unix_ns"])
        self.late = {reason: int(n) for reason, n in zip(LATE_REASONS, state["late"], strict=True)}
        panes = [RestingPane.from_state(pane, *self._shape, CELLS) for pane in state["open"]]
        self._open = {pane.start_unix_ns // self.pane_ns: pane for pane in panes}
        self._wide = []

    @property
    def _watermark(self) -> int:
        return self.now_unix_ns - self.lateness_ns

    def _pane(self, number: int) -> Pane:
        """The pane of a number, wide; beyond two wide ones the one that was filled longest ago rests."""
        pane = self._open.get(number)
        if isinstance(pane, Pane):
            if self._wide[-1] != number:
                self._wide.remove(number)
                self._wide.append(number)
            return pane
        start = number * self.pane_ns
        made = Pane.empty(start, start + self.pane_ns, *self._shape) if pane is None else pane.wake()
        self._open[number] = made
        self._wide.append(number)
        if len(self._wide) > MOST_WIDE:
            cold = self._wide.pop(0)
            rested = self._open[cold]
            if isinstance(rested, Pane):
                self._open[cold] = at_rest(rested, 1, 1, 0)
        return made


class RowPanes:
    """Panes of so many rows.

    Args:
        pane_rows: rows of a pane, >= 1.
        longest_ns: time after which a pane closes as it is: length of the judged window.
        width: F.
        lanes: L.
    """

    def __init__(self, pane_rows: int, longest_ns: int, width: int, lanes: int) -> None:
        self.now_unix_ns = 0
        self.late = dict.fromkeys(LATE_REASONS, 0)
        self._pane_rows = pane_rows
        self._longest_ns = longest_ns
        self._shape = (width, lanes)
        self._open: Pane | None = None

    def runs(self, stamps: I64) -> Iterator[Run]:
        start = 0
        while start < len(stamps):
            pane = self._open
            if pane is None:
                first = int(stamps[start])
                pane = self._open = Pane.empty(first, first, *self._shape)
            stop = min(len(stamps), start + self._pane_rows - pane.rows)
            low, high = int(stamps[start:stop].min()), int(stamps[start:stop].max())
            pane.start_unix_ns = min(pane.start_unix_ns, low)
            pane.end_unix_ns = max(pane.end_unix_ns, high + 1)
            self.now_unix_ns = max(self.now_unix_ns, high)
            yield Run(start, stop, pane)
            start = stop

    def advance(self, now_unix_ns: int) -> None:
        self.now_unix_ns = max(self.now_unix_ns, now_unix_ns)

    def due(self) -> Iterator[Pane]:
        pane = self._open
        if pane is None:
            return
        if pane.rows >= self._pane_rows or pane.start_unix_ns + self._longest_ns <= self.now_unix_ns:
            self._open = None
            yield pane

    def open_panes(self) -> list[Pane | RestingPane]:
        return [] if self._open is None else [self._open]

    @property
    def newest_start_unix_ns(self) -> int:
        return self.now_unix_ns

    def to_state(self) -> dict[str, Any]:
        return {
            "now_unix_ns": self.now_unix_ns,
            "late": [self.late[reason] for reason in LATE_REASONS],
            "open": [
                at_rest(pane, 1, 1, 0).to_state() for pane in self.open_panes() if isinstance(pane, Pane)
            ],
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.now_unix_ns = int(state["now_unix_ns"])
        self.late = {reason: int(n) for reason, n in zip(LATE_REASONS, state["late"], strict=True)}
        panes = [RestingPane.from_state(pane, *self._shape, CELLS) for pane in state["open"]]
        self._open = panes[0].wake() if panes else None
