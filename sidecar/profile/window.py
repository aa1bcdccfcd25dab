"""Windows as sums of closed panes: sliding ones, and tumbling ones.

**Sliding.** A long window over short panes would hold thousands of them, so neighbouring panes are merged
into granules at rest; the window then slides by whole granules. The sum of all granules is kept beside
them: a closed pane is added to it and a granule that leaves is taken out of it again, which whole numbers
allow without a rounding error. Only the extremes are found anew.

**Tumbling.** The time axis is cut at multiples of the length. What is judged is the last complete stretch;
until there is one, the running one.

**Memory.** All horizons hold lanes, sums and extremes; the judged one (the first) holds sketches too. With F
features, L lanes (36 of numbers, 69 with categories), K = 899 sketch cells and w bytes a count at rest (1
with fewer than 256 rows in every cell of a granule, 2 with fewer than 65,536, else 4):

    granule            F (w L + 48) bytes, and F w K more in the judged window
    granules           as many as fit into 8 MiB at w = 2 (24 MiB in the judged window), but 16 to 360
    sum of a window    F (8 L + 48), and 8 F K more in the judged window

`window_bytes` is this formula. F = 1,000, L = 36, horizons of 5 minutes, 1 hour and 24 hours, panes of a
minute, w = 2: 11.5, 7.3 and 8.4 MB of granules and 8.2 MB of sums.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, Protocol

from kernels.moments import SUMS
from kernels.sketch import CELLS
from sidecar.profile.pane import Pane
from sidecar.profile.resting import RestingPane, least_extremes

GRANULE_LIMIT = 360  # 5 minutes of 1 s panes and 6 hours of 1 min panes slide exactly
LEAST_GRANULES = 16
GRANULE_BYTES = 8 << 20
JUDGED_GRANULE_BYTES = 24 << 20
TYPICAL_BYTES = 2  # a count at rest
FIXED_BYTES = 8 * (SUMS + 2)  # sums and extremes of a feature


class Window(Protocol):
    """What is kept of one horizon."""

    horizon_ns: int

    @property
    def granules(self) -> tuple[RestingPane, ...]:
        """All that is held, in order."""
        ...

    def push(self, pane: RestingPane) -> None:
        """Takes in a closed pane with rows.

        Args:
            pane: later than those before.
        """
        ...

    def expire(self, open_start_unix_ns: int) -> None:
        """Drops what lies before the window.

        Args:
            open_start_unix_ns: begin of the newest pane; never goes back.
        """
        ...

    def with_open(self, panes: Sequence[Pane | RestingPane]) -> Pane:
        """The window judged: closed panes and open ones.

        Args:
            panes: the open panes; those that lie before the window are passed over.

        Returns:
            A sum of its own; without panes one of no length.
        """
        ...

    def to_state(self) -> dict[str, Any]:
        """The window for a checkpoint.

        Returns:
            Numbers, bytes, lists and None; `restore` goes on without changing a number.
        """
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Takes over what a checkpoint holds.

        Args:
            state: from `to_state`.

        Raises:
            KeyError, TypeError, ValueError: it is damaged or of another shape.
        """
        ...


def granule_limit(width: int, lanes: int, *, sketches: bool) -> int:
    """How many granules a window may hold.

    Args:
        width: F.
        lanes: L.
        sketches: whether it is the judged window.

    Returns:
        16 to 360.
    """
    granule = width * (TYPICAL_BYTES * (lanes + (CELLS if sketches else 0)) + FIXED_BYTES)
    room = JUDGED_GRANULE_BYTES if sketches else GRANULE_BYTES
    return max(LEAST_GRANULES, min(GRANULE_LIMIT, room // max(1, granule)))


def window_bytes(width: int, lanes: int, granules: int, *, sketches: bool, count_bytes: int) -> int:
    """Bytes of the arrays of one window.

    Args:
        width: F.
        lanes: L.
        granules: how many it holds.
        sketches: whether it is the judged window.
        count_bytes: of a count at rest: 1, 2, 4 or 8.

    Returns:
        Bytes of granules and sum together.
    """
    cells = lanes + (CELLS if sketches else 0)
    return width * (granules * (count_bytes * cells + FIXED_BYTES) + 8 * cells + FIXED_BYTES)


class SlidingWindow:
    """The closed panes of the last horizon.

    Args:
        horizon_ns: length; at least one pane is kept.
        pane_ns: length of a pane.
        width: F.
        lanes: L.
        sketches: whether sketches are held.
    """

    def __init__(
        self, horizon_ns: int, pane_ns: int, width: int, lanes: int, *, sketches: bool = False
    ) -> None:
        panes = max(1, -(-horizon_ns // pane_ns))
        self.horizon_ns = horizon_ns
        self.granule_ns = -(-panes // granule_limit(width, lanes, sketches=sketches)) * pane_ns
        self._sketches = sketches
        self._granules: deque[RestingPane] = deque()
        self._open_start_unix_ns = 0
        self._sum = _empty(width, lanes, sketches=sketches)

    @property
    def granules(self) -> tuple[RestingPane, ...]:
        return tuple(self._granules)

    def push(self, pane: RestingPane) -> None:
        if pane.end_unix_ns <= self._cutoff:
            return
        kept = pane if self._sketches else pane.without_sketches()
        last = self._granules[-1] if self._granules else None
        if last is not None and self._granule(last) == self._granule(kept):
            self._granules[-1] = last.joined(kept)
        else:
            self._granules.append(kept)
        kept.add_to(self._sum)
        self._reach()

    def expire(self, open_start_unix_ns: int) -> None:
        self._open_start_unix_ns = open_start_unix_ns
        gone = False
        while self._granules and self._granules[0].end_unix_ns <= self._cutoff:
            self._granules.popleft().take_from(self._sum)
            gone = True
        if gone:
            self._sum.extremes = least_extremes(self._granules, self._sum.counts.shape[0])
            self._reach()

    def with_open(self, panes: Sequence[Pane | RestingPane]) -> Pane:
        total = self._sum.copy()
        if not self._granules:
            total.start_unix_ns = total.end_unix_ns = self._open_start_unix_ns
        for pane in panes:
            if pane.end_unix_ns > self._cutoff:
                _add(total, pane)
        return total

    def to_state(self) -> dict[str, Any]:
        return {
            "open_start_unix_ns": self._open_start_unix_ns,
            "granules": [granule.to_state() for granule in self._granules],
        }

    def restore(self, state: dict[str, Any]) -> None:
        width, lanes = self._sum.counts.shape
        self._open_start_unix_ns = int(state["open_start_unix_ns"])
        self._granules = deque(_restored(state["granules"], width, lanes, sketches=self._sketches))
        self._sum = _empty(width, lanes, sketches=self._sketches)
        for granule in self._granules:
            granule.add_to(self._sum)
        self._reach()

    @property
    def _cutoff(self) -> int:
        return self._open_start_unix_ns - self.horizon_ns

    def _granule(self, pane: RestingPane) -> int:
        return pane.start_unix_ns // self.granule_ns

    def _reach(self) -> None:
        """Begin and end of the sum are those of the granules."""
        if self._granules:
            self._sum.start_unix_ns = self._granules[0].start_unix_ns
            self._sum.end_unix_ns = self._granules[-1].end_unix_ns


class TumblingWindow:
    """The last complete stretch between two multiples of the horizon, and the running one.

    A pane belongs to the stretch in which it begins.

    Args:
        horizon_ns: length of a stretch.
        width: F.
        lanes: L.
        sketches: whether sketches are held.
    """

    def __init__(self, horizon_ns: int, width: int, lanes: int, *, sketches: bool = False) -> None:
        self.horizon_ns = horizon_ns
        self._shape = (width, lanes)
        self._sketches = sketches
        self._stretch: int | None = None  # number of the running one
        self._complete: int | None = None  # number of the last one that came to its end while we watched
        self._open_start_unix_ns = 0
        self._held: dict[int, RestingPane] = {}

    @property
    def granules(self) -> tuple[RestingPane, ...]:
        return tuple(self._held[stretch] for stretch in sorted(self._held))

    def push(self, pane: RestingPane) -> None:
        stretch = pane.start_unix_ns // self.horizon_ns
        if self._stretch is not None and stretch < self._stretch - 1:
            return
        kept = pane if self._sketches else pane.without_sketches()
        held = self._held.get(stretch)
        self._held[stretch] = kept if held is None else held.joined(kept)

    def expire(self, open_start_unix_ns: int) -> None:
        self._open_start_unix_ns = open_start_unix_ns
        stretch = open_start_unix_ns // self.horizon_ns
        if self._stretch is not None and stretch > self._stretch:
            self._complete = stretch - 1
        self._stretch = stretch
        self._held = {number: pane for number, pane in self._held.items() if number >= stretch - 1}

    def with_open(self, panes: Sequence[Pane | RestingPane]) -> Pane:
        judged = self._complete if self._complete is not None else self._stretch
        begin = self._open_start_unix_ns if judged is None else judged * self.horizon_ns
        total = _empty(*self._shape, sketches=self._sketches)
        total.start_unix_ns = total.end_unix_ns = begin
        if judged in self._held:
            _add(total, self._held[judged])
        for pane in panes:
            if pane.start_unix_ns // self.horizon_ns == judged:
                _add(total, pane)
        return total

    def to_state(self) -> dict[str, Any]:
        return {
            "open_start_unix_ns": self._open_start_unix_ns,
            "stretch": self._stretch,
            "complete": self._complete,
            "granules": [granule.to_state() for granule in self.granules],
        }

    def restore(self, state: dict[str, Any]) -> None:
        self._open_start_unix_ns = int(state["open_start_unix_ns"])
        self._stretch = None if state["stretch"] is None else int(state["stretch"])
        self._complete = None if state["complete"] is None else int(state["complete"])
        granules = _restored(state["granules"], *self._shape, sketches=self._sketches)
        self._held = {granule.start_unix_ns // self.horizon_ns: granule for granule in granules}


def _empty(width: int, lanes: int, *, sketches: bool) -> Pane:
    made = Pane.empty(0, 0, width, lanes)
    if not sketches:
        made.drop_sketches()
    return made


def _restored(states: list[dict[str, Any]], width: int, lanes: int, *, sketches: bool) -> list[RestingPane]:
    granules = [RestingPane.from_state(state, width, lanes, CELLS) for state in states]
    if any((granule.sketches.size > 0) != (sketches and width > 0) for granule in granules):
        raise ValueError("granules with sketches in a window without, or the other way round")
    return granules


def _add(total: Pane, pane: Pane | RestingPane) -> None:
    """Adds a pane; the first one gives the sum its begin."""
    if total.start_unix_ns == total.end_unix_ns:
        total.start_unix_ns, total.end_unix_ns = pane.start_unix_ns, pane.end_unix_ns
    if isinstance(pane, RestingPane):
        pane.add_to(total)
    else:
        total.merge(pane)
