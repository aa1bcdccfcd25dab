"""The admin server's view of some subjects, without anything around them."""

from __future__ import annotations

from sidecar.board import Board
from sidecar.clock import Clock, SystemClock
from sidecar.monitor.level import LevelControl
from sidecar.monitor.subjects import Subjects
from sidecar.monitor.views import Views


def views_of(
    subjects: Subjects, *, origin: str, clock: Clock | None = None, started_unix_ns: int = 0
) -> Views:
    """Views without rings, workers or metrics."""
    return Views(
        rings=[],
        subjects=subjects,
        control=LevelControl(1.0, 1.0),
        board=Board(1),
        collect=list,
        lag_ns=lambda: 0,
        clock=clock or SystemClock(),
        started_unix_ns=started_unix_ns,
        origin=origin,
    )
