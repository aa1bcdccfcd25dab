"""A sliding window as a sum of panes.

A long window over short panes would hold thousands of them, so neighbouring panes are merged into granules;
the window then slides by whole granules. How many granules are kept follows from the memory that they may
take.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from sidecar.profile.pane import Pane

GRANULE_LIMIT = 360  # 5 minutes of 1 s panes and 6 hours of 1 min panes slide exactly
LANE_LIMIT = 2_000_000  # counts held by one window: 16 MB


class SlidingWindow:
    """The closed panes of the last horizon.

    Args:
        horizon_ns: length; at least one pane is kept.
        pane_ns: length of a pane.
        width: F.
        lanes: L.
    """

    def __init__(self, horizon_ns: int, pane_ns: int, width: int, lanes: int) -> None:
        limit = max(16, min(GRANULE_LIMIT, LANE_LIMIT // max(1, width * lanes)))
        panes = max(1, -(-horizon_ns // pane_ns))
        self.horizon_ns = horizon_ns
        self.granule_ns = -(-panes // limit) * pane_ns
        self._shape = (width, lanes)
        self._granules: deque[Pane] = deque()
        self._sum = Pane.empty(0, 0, width, lanes)

    @property
    def granules(self) -> tuple[Pane, ...]:
        return tuple(self._granules)

    def push(self, pane: Pane) -> None:
        """Takes in a closed pane; panes without rows are left out.

        Args:
            pane: later than those before; not changed by the window.
        """
        if pane.rows == 0:
            return
        last = self._granules[-1] if self._granules else None
        if last is not None and self._granule(last) == self._granule(pane):
            last.merge(pane)
        else:
            granule = pane.copy()
            granule.drop_sketches()
            self._granules.append(granule)
        self._add_up()

    def expire(self, open_start_unix_ns: int) -> None:
        """Drops what lies wholly before the horizon.

        Args:
            open_start_unix_ns: begin of the open pane.
        """
        cutoff = open_start_unix_ns - self.horizon_ns
        before = len(self._granules)
        while self._granules and self._granules[0].end_unix_ns <= cutoff:
            self._granules.popleft()
        if len(self._granules) != before:
            self._add_up()

    def with_open(self, pane: Pane) -> Pane:
        """The window judged: the closed panes and the open one.

        Args:
            pane: the open pane.

        Returns:
            A sum of its own.
        """
        if not self._granules:
            return pane.copy()
        total = self._sum.copy()
        total.merge(pane)
        return total

    def restore(self, granules: Iterable[Pane]) -> None:
        """Takes over the granules of a checkpoint.

        Args:
            granules: as `granules` gave them.
        """
        self._granules = deque(granules)
        self._add_up()

    def _granule(self, pane: Pane) -> int:
        return pane.start_unix_ns // self.granule_ns

    def _add_up(self) -> None:
        if not self._granules:
            self._sum = Pane.empty(0, 0, *self._shape)
            return
        self._sum = self._granules[0].copy()
        for granule in list(self._granules)[1:]:
            self._sum.merge(granule)
