"""Ends what takes too long, with one timer for all that is on its way.

A timer for every answer is made and taken back some thousand times a second, and hardly ever rings.
"""

from __future__ import annotations

import asyncio
import math
from time import perf_counter
from typing import Protocol

LEAST_S = 0.001  # between two looks: what a loop's timers tell apart


class Expiring(Protocol):
    """What takes its time."""

    def expire(self) -> None: ...


class Deadlines:
    """Used on one event loop.

    Args:
        limit_s: the time that everything has.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._due_s: dict[Expiring, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._look_s = math.inf  # when the timer rings

    def enter(self, item: Expiring, start_s: float) -> None:
        """Watches something until `leave`; it expires once at most.

        Args:
            item: any, by its identity; not watched yet.
            start_s: when its time began, by `time.perf_counter`.
        """
        due_s = self._due_s[item] = start_s + self._limit_s
        if due_s < self._look_s:
            self._look_at(due_s)

    def leave(self, item: Expiring) -> None:
        """Watches it no more.

        Args:
            item: entered before.
        """
        self._due_s.pop(item, None)

    def close(self) -> None:
        """Nothing expires any more."""
        self._due_s.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _look_at(self, due_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._look_s, wait_s = due_s, max(LEAST_S, due_s - perf_counter())
        self._timer = asyncio.get_running_loop().call_later(wait_s, self._look)

    def _look(self) -> None:
        self._look_s, now_s = math.inf, perf_counter()
        for item in [item for item, due_s in self._due_s.items() if due_s <= now_s]:
            del self._due_s[item]
            item.expire()
        if self._due_s:
            self._look_at(min(self._due_s.values()))
