"""A page of shared memory in which the supervisor notes what it knows of its children, for the monitor to
report.

Each word is one aligned store by the supervisor; a reader sees the old or the new number, never a mixture.
"""

from __future__ import annotations

import mmap

MONITOR = 0
_WORDS_A_CHILD = 2  # process id, restarts


class Board:
    """One entry a child: the monitor's first, then the workers'.

    Args:
        n_workers: how many workers there are, >= 1.
    """

    def __init__(self, n_workers: int) -> None:
        self.n_workers = n_workers
        # Anonymous and shared: kept over a fork
        self._map = mmap.mmap(-1, 8 * _WORDS_A_CHILD * (n_workers + 1))
        self._words: memoryview[int] = memoryview(self._map).cast("q")

    def note(self, place: int, pid: int, n_restarts: int) -> None:
        """Notes a child that was started.

        Args:
            place: `MONITOR`, or 1 + the worker's index.
            pid: its process id.
            n_restarts: how often it has been started again.

        Called by: supervisor only.
        """
        self._words[place * _WORDS_A_CHILD] = pid
        self._words[place * _WORDS_A_CHILD + 1] = n_restarts

    def pid(self, place: int) -> int:
        """The child's process id."""
        return self._words[place * _WORDS_A_CHILD]

    def n_restarts(self, place: int) -> int:
        """How often the child has been started again."""
        return self._words[place * _WORDS_A_CHILD + 1]
