"""All that is kept of one subject's rows: open panes, windows, decayed sums, and the numbering of closings.

Rows go through `runs` into open panes. `close_due` takes out what is complete, gives it to the caller (who
moves the detector on) and adds it to every window. Panes without rows are not numbered and go nowhere.

**Numbering.** Panes are numbered from 1 in the order in which they close. A checkpoint keeps the number; a
monitor that resumes goes on counting from there under an epoch of its own, and `epochs` says with which
number each began. What an earlier epoch had closed beyond that number, between its last checkpoint and its
death, is for the resumed monitor as if it had never been; `sidecar.profile.snapshot` leaves it out of merges.

**Memory** of F features, in bytes of arrays: open panes (`sidecar.profile.cutting`), windows
(`sidecar.profile.window`) and 8 F (L + 1) a half-life; `most_bytes` adds them up. 1,000 numeric
features, the default horizons, panes of a minute and counts of 2 bytes at rest: 15.1 MB of open panes and
35.4 MB of windows, 51 KB a feature; a report holds 8.2 MB more. Shorter panes cost no more granules than the
limit, and 1.9 MB for every further pane that the lateness keeps open.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from kernels.binning import I64
from kernels.sketch import CELLS
from sidecar.profile.cutting import MOST_WIDE, PaneCutter, RowPanes, Run, TimePanes
from sidecar.profile.decay import DecayedSum
from sidecar.profile.pane import Pane
from sidecar.profile.resting import RestingPane, at_rest
from sidecar.profile.window import (
    FIXED_BYTES,
    SlidingWindow,
    TumblingWindow,
    Window,
    granule_limit,
    window_bytes,
)

NS = 1_000_000_000
EPOCHS = 1024  # resumptions remembered; a snapshot older than that many is merged as it is

WindowKind = Literal["sliding", "tumbling"]
Epochs = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class WindowPlan:
    """How rows are cut and how long they are kept.

    Args:
        pane_ns: length of a pane.
        horizons_ns: lengths of the windows, in rising order; the first is judged.
        lateness_ns: how much later than a newer row one may come.
        kind: of the windows.
        pane_rows: rows of a pane, which then has no fixed length.
        half_lives_ns: of the decayed sums.
    """

    pane_ns: int
    horizons_ns: tuple[int, ...]
    lateness_ns: int = 0
    kind: WindowKind = "sliding"
    pane_rows: int | None = None
    half_lives_ns: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class ClosedPanes:
    """What has closed, for snapshots; frozen, and apart from what goes on.

    Args:
        epochs: monitor starts and the number of the last closing before each.
        granules: by horizon in nanoseconds, the oldest first.
        growing: horizon and first number of those that panes may still be added to.
    """

    epochs: Epochs
    granules: tuple[tuple[int, tuple[RestingPane, ...]], ...]
    growing: frozenset[tuple[int, int]] = frozenset()


class History:
    """Open and closed panes of one subject.

    Args:
        plan: how rows are cut and kept.
        width: F.
        lanes: L.
        epoch: start of this monitor, in nanoseconds of unix time; greater than those before.
    """

    def __init__(self, plan: WindowPlan, width: int, lanes: int, epoch: int) -> None:
        self._plan = plan
        self._shape = (width, lanes)
        self._cutter = _cutter(plan, width, lanes)
        self._windows = _windows(plan, width, lanes)
        self._decayed = [DecayedSum(half_life_ns, width, lanes) for half_life_ns in plan.half_lives_ns]
        self._epoch = epoch
        self._epochs: Epochs = ((epoch, 0),)
        self._n_closed = 0

    @property
    def now_unix_ns(self) -> int:
        """Latest time seen, of a row or told."""
        return self._cutter.now_unix_ns

    @property
    def n_closed(self) -> int:
        """Number of the last closing."""
        return self._n_closed

    @property
    def newest_start_unix_ns(self) -> int:
        """Where the newest pane begins."""
        return self._cutter.newest_start_unix_ns

    @property
    def late(self) -> dict[str, int]:
        """Rows that were late so far, by reason; a copy."""
        return dict(self._cutter.late)

    def bounded(self, stamps: I64, now_unix_ns: int) -> I64:
        """Times that lie no further ahead of the clock than the lateness; those beyond it become now.

        Args:
            stamps: times of rows, shape (n,), int64.
            now_unix_ns: the clock, read after the rows had come.

        Returns:
            The same array, or one in which some are `now_unix_ns`; these are counted as `ahead`.
        """
        limit = now_unix_ns + self._plan.lateness_ns
        if len(stamps) == 0 or int(stamps.max()) <= limit:
            return stamps
        ahead = stamps > limit
        self._cutter.late["ahead"] += int(np.count_nonzero(ahead))
        return np.where(ahead, now_unix_ns, stamps)

    def runs(self, stamps: I64) -> Iterator[Run]:
        """Cuts a block into runs of rows that go into one pane; see `PaneCutter.runs`.

        Args:
            stamps: time of each row, shape (n,), int64.

        Yields:
            Runs in order.
        """
        if len(stamps):
            yield from self._cutter.runs(stamps)

    def advance(self, now_unix_ns: int) -> None:
        """Time passes.

        Args:
            now_unix_ns: time up to which no row is missing; one earlier than before changes nothing.
        """
        self._cutter.advance(now_unix_ns)

    def close_due(self) -> Iterator[Pane]:
        """Closes what is complete and lets the windows slide.

        Yields:
            The closed panes in order; each is in the windows already and may be kept.
        """
        for pane in self._cutter.due():
            if pane.rows == 0:
                continue
            self._n_closed += 1
            rested = at_rest(pane, self._n_closed, self._n_closed, self._epoch)
            for window in self._windows:
                window.push(rested)
            for decayed in self._decayed:
                decayed.push(rested)
            yield pane
        newest = self.newest_start_unix_ns
        for window in self._windows:
            window.expire(newest)

    def open_panes(self) -> list[tuple[I64, int]]:
        """What is counted in the open panes, the oldest first.

        Returns:
            Lanes of shape (F, L), int64, not to be changed, and begin of each pane that has rows.
        """
        return [
            (np.asarray(pane.counts, dtype=np.int64), pane.start_unix_ns)
            for pane in self._cutter.open_panes()
            if pane.rows
        ]

    def sums(self) -> list[Pane]:
        """The windows as they stand, the open panes included.

        Returns:
            One sum for each horizon, each its own.
        """
        panes = self._cutter.open_panes()
        return [window.with_open(panes) for window in self._windows]

    def decayed_sums(self) -> list[DecayedSum]:
        """The decayed sums as they stand, the open panes included.

        Returns:
            One for each half-life, each its own.
        """
        sums = []
        for decayed in self._decayed:
            total = decayed.copy()
            for pane in self._cutter.open_panes():
                total.push(pane)
            sums.append(total)
        return sums

    def closed(self) -> ClosedPanes:
        """What has closed and is still held.

        Returns:
            Frozen; nothing is copied, since panes at rest do not change.
        """
        held = zip(self._plan.horizons_ns, self._windows, strict=True)
        granules = tuple((horizon_ns, window.granules) for horizon_ns, window in held)
        # Tumbling: a pane kept by rows may begin in the stretch before
        newest = slice(None) if self._plan.kind == "tumbling" else slice(-1, None)
        growing = frozenset(
            (horizon_ns, pane.first) for horizon_ns, panes in granules for pane in panes[newest]
        )
        return ClosedPanes(self._epochs, granules, growing)

    def to_state(self) -> dict[str, Any]:
        """All of it for a checkpoint.

        Returns:
            Numbers, bytes, lists, dictionaries and None; `restore` goes on without changing a number.
        """
        return {
            "panes": self._cutter.to_state(),
            "windows": [window.to_state() for window in self._windows],
            "decayed": [decayed.to_state() for decayed in self._decayed],
            "n_closed": self._n_closed,
            "epochs": [list(entry) for entry in self._epochs],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from a checkpoint, under this monitor's own epoch.

        Args:
            state: from `to_state`, of the same plan and shape.

        Raises:
            KeyError, TypeError, ValueError: it is damaged or of another shape.
        """
        self._cutter.restore(state["panes"])
        for window, held in zip(self._windows, state["windows"], strict=True):
            window.restore(held)
        for decayed, held in zip(self._decayed, state["decayed"], strict=True):
            decayed.restore(held)
        self._n_closed = int(state["n_closed"])
        epochs = tuple((int(epoch), int(last)) for epoch, last in state["epochs"])
        if epochs[-1][0] != self._epoch:
            epochs = (*epochs[1 - EPOCHS :], (self._epoch, self._n_closed))
        self._epochs = epochs


def most_bytes(plan: WindowPlan, width: int, lanes: int, *, count_bytes: int) -> int:
    """Bytes of the arrays of a history at most.

    Args:
        plan, width, lanes, count_bytes: as `parts_bytes` takes them.

    Returns:
        The sum of its parts.
    """
    return sum(parts_bytes(plan, width, lanes, count_bytes=count_bytes).values())


def parts_bytes(plan: WindowPlan, width: int, lanes: int, *, count_bytes: int) -> dict[str, int]:
    """The same by part.

    Args:
        plan: how rows are cut and kept.
        width: F.
        lanes: L.
        count_bytes: of the largest count at rest: 1, 2, 4 or 8.

    Returns:
        Bytes of "open panes", of "window of 300 s" for every horizon, and of "decayed sums" if there are any.
    """
    wide = width * (8 * (lanes + CELLS) + FIXED_BYTES)
    rested = width * (count_bytes * (lanes + CELLS) + FIXED_BYTES)
    n_open = 1 if plan.pane_rows is not None else plan.lateness_ns // plan.pane_ns + 2
    parts = {"open panes": min(n_open, MOST_WIDE) * wide + max(0, n_open - MOST_WIDE) * rested}
    for place, horizon_ns in enumerate(plan.horizons_ns):
        judged = place == 0
        panes = -(-horizon_ns // (plan.pane_ns if plan.pane_rows is None else 1))
        limit = granule_limit(width, lanes, sketches=judged)
        granules = 2 if plan.kind == "tumbling" else min(panes, limit) + 1
        held = window_bytes(width, lanes, granules, sketches=judged, count_bytes=count_bytes)
        parts[f"window of {horizon_ns / NS:g} s"] = held
    if plan.half_lives_ns:
        parts["decayed sums"] = 8 * width * (lanes + 1) * len(plan.half_lives_ns)
    return parts


def _cutter(plan: WindowPlan, width: int, lanes: int) -> PaneCutter:
    judged_ns = plan.horizons_ns[0]
    if plan.pane_rows is not None:
        return RowPanes(plan.pane_rows, judged_ns, width, lanes)
    return TimePanes(plan.pane_ns, plan.lateness_ns, judged_ns, width, lanes)


def _windows(plan: WindowPlan, width: int, lanes: int) -> list[Window]:
    """The first one is judged and holds sketches."""
    if plan.kind == "tumbling":
        return [
            TumblingWindow(horizon_ns, width, lanes, sketches=place == 0)
            for place, horizon_ns in enumerate(plan.horizons_ns)
        ]
    pane_ns = plan.pane_ns if plan.pane_rows is None else 1
    return [
        SlidingWindow(horizon_ns, pane_ns, width, lanes, sketches=place == 0)
        for place, horizon_ns in enumerate(plan.horizons_ns)
    ]
