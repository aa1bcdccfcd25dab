"""What is kept of the last horizon in a bounded number of equal stretches of time.

A stretch is found by the time of what is added, so that the order of adding does not matter, and the whole
window is the set of its stretches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

GRANULES = 32  # in a horizon; one more may be held, of which a part is older

T = TypeVar("T")


class Granules(Generic[T]):
    """Summaries by stretch of time.

    Args:
        horizon_ns: how long a summary is held, > 0.
        make: an empty summary.
        limit: stretches in the horizon.
    """

    __slots__ = ("_by_start", "_horizon_ns", "_make", "granule_ns")

    def __init__(self, horizon_ns: int, make: Callable[[], T], limit: int = GRANULES) -> None:
        self._horizon_ns = horizon_ns
        self.granule_ns = max(1, -(-horizon_ns // limit))
        self._make = make
        self._by_start: dict[int, T] = {}

    def at(self, unix_ns: int) -> T:
        """The summary of a moment, made when there is none.

        Args:
            unix_ns: the moment.

        Returns:
            The summary, to be changed in place.
        """
        start = unix_ns // self.granule_ns * self.granule_ns
        found = self._by_start.get(start)
        if found is None:
            found = self._by_start[start] = self._make()
        return found

    def found(self, unix_ns: int) -> T | None:
        """The summary of a moment.

        Args:
            unix_ns: the moment.

        Returns:
            None when there is none.
        """
        return self._by_start.get(unix_ns // self.granule_ns * self.granule_ns)

    def expire(self, unix_ns: int) -> list[T]:
        """Drops what lies wholly before the horizon.

        Args:
            unix_ns: now.

        Returns:
            What was dropped.
        """
        return self.drop_before(unix_ns - self._horizon_ns)

    def drop_before(self, unix_ns: int | None) -> list[T]:
        """Drops what lies wholly before a moment.

        Args:
            unix_ns: the moment; None drops everything.

        Returns:
            What was dropped.
        """
        by_start = self._by_start
        due = [start for start in by_start if unix_ns is None or start + self.granule_ns <= unix_ns]
        return [by_start.pop(start) for start in due]

    def all(self) -> Iterable[T]:
        """The summaries held, the oldest first."""
        return [summary for _, summary in self.items()]

    def items(self) -> list[tuple[int, T]]:
        """Begin and summary of every stretch held, the oldest first."""
        return sorted(self._by_start.items(), key=lambda item: item[0])
