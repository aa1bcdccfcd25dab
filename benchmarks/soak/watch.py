"""Descriptors, threads and memory of every process of a sidecar, and whether a line through them climbs.

Memory is what a process has to itself (RssAnon): the ring is shared, and touching it is not growth. A line
climbs when its slope is more than three of its own standard errors above nothing *and* what it gains over the
judged stretch is more than a floor, below which allocators and the kernel move by themselves.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

from benchmarks.harness import process_tree

WARM_UP_SHARE = 0.25  # of the judged stretch
MIN_JUDGED_S = 180.0  # a monitor that was just started fills its tables for a minute or two
STANDARD_ERRORS = 3.0
FLOORS = {"memory": 2e6, "descriptors": 8.0, "threads": 0.5}
# Windows fill for as long as they reach back, a day by default, and that is no leak: these are full at once.
SHORT_WINDOW = {"pane_s": 1.0, "lateness_s": 1.0, "horizons_s": [1.0, 20.0]}
LIVED_SHARE = 0.6  # of the judged stretch, for a process that is judged


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at one process."""

    time_s: float
    role: str
    pid: int
    values: dict[str, float]  # descriptors, threads, memory (bytes), resident (bytes)


def look(pid: int) -> dict[str, float] | None:
    """A process's figures; None once it is gone."""
    try:
        descriptors = len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 - only the number is wanted
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    lines = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    if "RssAnon" not in lines:
        return None  # ended, not yet reaped
    kilobytes = {name: float(lines[name].split()[0]) * 1024 for name in ("RssAnon", "VmRSS")}
    return {
        "descriptors": float(descriptors),
        "threads": float(lines["Threads"]),
        "memory": kilobytes["RssAnon"],
        "resident": kilobytes["VmRSS"],
    }


class Watch:
    """Looks at a sidecar's processes in a thread of its own, every `interval_s`."""

    def __init__(self, root_pid: int, role_of: Callable[[int], str], interval_s: float = 1.0) -> None:
        self._root_pid = root_pid
        self._role_of = role_of
        self._interval_s = interval_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.samples: list[Sample] = []

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self) -> None:
        """Ends."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(self._interval_s):
            self.samples += self.now()

    def now(self) -> list[Sample]:
        """One look at every process."""
        now_s = time.monotonic()
        found = []
        for pid in process_tree(self._root_pid):
            values = look(pid)
            if values is not None:
                found.append(Sample(now_s, self._role_of(pid), pid, values))
        return found


@dataclass(frozen=True, slots=True)
class Trend:
    """A line through one figure of one process.

    Attributes:
        gain: what the line gains over the judged stretch.
        climbs: whether that is growth; None when the stretch was too short to say.
    """

    role: str
    figure: str
    first: float
    last: float
    gain: float
    climbs: bool | None


def fit(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Slope and its standard error of the least-squares line through at least three points."""
    n = len(points)
    mean_x, mean_y = sum(x for x, _ in points) / n, sum(y for _, y in points) / n
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread
    residual = sum((y - mean_y - slope * (x - mean_x)) ** 2 for x, y in points)
    return slope, sqrt(residual / (n - 2) / spread)


def trends(samples: Sequence[Sample], from_s: float, to_s: float) -> list[Trend]:
    """Lines for every process that lived through most of the stretch, its warm-up left out."""
    begin_s = from_s + WARM_UP_SHARE * (to_s - from_s)
    found = []
    for role, pid in dict.fromkeys((sample.role, sample.pid) for sample in samples):
        mine = [s for s in samples if s.pid == pid and begin_s <= s.time_s <= to_s]
        if len(mine) < 3 or mine[-1].time_s - mine[0].time_s < LIVED_SHARE * (to_s - begin_s):
            continue
        for figure, floor in FLOORS.items():
            points = [(sample.time_s, sample.values[figure]) for sample in mine]
            slope, error = fit(points)
            gain = slope * (points[-1][0] - points[0][0])
            climbs = (
                gain > floor and slope > STANDARD_ERRORS * error if to_s - from_s >= MIN_JUDGED_S else None
            )
            found.append(Trend(role, figure, points[0][1], points[-1][1], gain, climbs))
    return found
