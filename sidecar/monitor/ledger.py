"""What the alarm of one subject tells: its last panes, and what its detector held before them.

A second detector follows the first one, as many panes behind as are told. It is what a snapshot needs to go
on from, and costs as much as the first one: a few microseconds a feature and pane.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np

from kernels.binning import I64
from sidecar.drift.detector import Detector
from sidecar.profile.account import Account, AlarmPane, Standing, Terms, account_of
from sidecar.profile.history import WindowPlan
from sidecar.profile.resting import narrow
from sidecar.profile.window import granule_limit

NS = 1_000_000_000
LEAST_PANES = 16  # a collector that asks every quarter of an hour misses none of a minute


def panes_told(plan: WindowPlan, width: int, lanes: int) -> int:
    """How many panes are told: those of the judged window, within bounds.

    Args:
        plan: how rows are cut.
        width: F.
        lanes: L.

    Returns:
        16 to 360.
    """
    judged = -(-plan.horizons_ns[0] // (plan.pane_ns if plan.pane_rows is None else 1))
    return max(LEAST_PANES, min(judged, granule_limit(width, lanes, sketches=False)))


class Ledger:
    """The last panes of one alarm.

    Args:
        detector: before the first pane; not changed.
        most_panes: how many are told.
        epoch: start of this monitor.
    """

    def __init__(self, detector: Detector, most_panes: int, epoch: int) -> None:
        self._detector = detector.fork()
        self._most_panes = most_panes
        self._epoch = epoch
        self._panes: deque[AlarmPane] = deque()
        self._before = (0, epoch, 0)  # number, epoch and begin of the last pane before those that are held
        self._account: Account | None = None

    def begin_anew(self, detector: Detector) -> None:
        """Another detector goes on behind the last pane, and those before it are told no more.

        Args:
            detector: as it stands; not changed.
        """
        self._detector = detector.fork()
        if self._panes:
            self._before = _place_of(self._panes[-1])
        self._panes.clear()
        self._account = None

    def add(self, number: int, start_unix_ns: int, counts: I64) -> None:
        """A pane that the alarm has taken in.

        Args:
            number: of its closing.
            start_unix_ns: its begin.
            counts: of the rows that count, shape (F, L); not kept.
        """
        self._panes.append(AlarmPane(number, self._epoch, start_unix_ns, narrow(counts)))
        self._account = None
        while len(self._panes) > self._most_panes:
            oldest = self._panes.popleft()
            self._detector.advance(oldest.counts.astype(np.int64), oldest.start_unix_ns / NS)
            self._before = _place_of(oldest)

    def account(self, terms: Terms) -> Account:
        """What is told.

        Args:
            terms: by which the detector weighs.

        Returns:
            Frozen; the same one until the next pane.
        """
        if self._account is None or self._account.terms is not terms:
            self._account = account_of(terms, [self._standing()], self._panes)
        return self._account

    def to_state(self) -> dict[str, Any]:
        """All of it for a checkpoint.

        Returns:
            Numbers, bytes, lists and dictionaries.
        """
        return {"standing": self._standing().to_state(), "panes": [pane.to_state() for pane in self._panes]}

    def restore(self, state: Mapping[str, Any], shape: tuple[int, int]) -> None:
        """Goes on from a checkpoint.

        Args:
            state: from `to_state`.
            shape: F and L.

        Raises:
            KeyError, TypeError, ValueError: it is damaged, or of another detector.
        """
        standing = Standing.from_state(state["standing"])
        self._detector.restore(standing.state)
        self._before = standing.number, standing.epoch, standing.start_unix_ns
        self._panes = deque(AlarmPane.from_state(pane, *shape) for pane in state["panes"])
        self._account = None

    def _standing(self) -> Standing:
        return Standing(*self._before, self._detector.to_state())


def _place_of(pane: AlarmPane) -> tuple[int, int, int]:
    return pane.number, pane.epoch, pane.start_unix_ns
