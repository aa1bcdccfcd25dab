"""A page of shared memory with what the supervisor and its children know of each other.

Each word has one writer and is one aligned store; a reader sees the old or the new number, never a mixture.

    word        written by                                         read by
    pid         the supervisor, when it has started the child      monitor
    restarts    the supervisor, as above                           monitor
    beat        the child, from its event loop; the supervisor     supervisor
                clears it before it starts a child, when no
                process of this place is alive
"""

from __future__ import annotations

import mmap

MONITOR = 0
_PID, _RESTARTS, _BEAT = range(3)
_WORDS_A_CHILD = 3


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
            n_restarts: how often it has died and been started again.

        Called by: supervisor only.
        """
        self._words[place * _WORDS_A_CHILD + _PID] = pid
        self._words[place * _WORDS_A_CHILD + _RESTARTS] = n_restarts

    def pid(self, place: int) -> int:
        """The child's process id."""
        return self._words[place * _WORDS_A_CHILD + _PID]

    def n_restarts(self, place: int) -> int:
        """How often the child has died and been started again."""
        return self._words[place * _WORDS_A_CHILD + _RESTARTS]

    def beat(self, place: int, now_ns: int) -> None:
        """Notes that the child's event loop turns.

        Args:
            place: the child's own.
            now_ns: CLOCK_MONOTONIC, > 0.

        Called by: the child of this place only.
        """
        self._words[place * _WORDS_A_CHILD + _BEAT] = now_ns

    def beat_ns(self, place: int) -> int:
        """When the child's loop last said that it turns, CLOCK_MONOTONIC; 0 while the child starts."""
        return self._words[place * _WORDS_A_CHILD + _BEAT]

    def clear_beat(self, place: int) -> None:
        """Forgets what a child that is gone has said.

        Called by: supervisor only, while no process of this place is alive.
        """
        self._words[place * _WORDS_A_CHILD + _BEAT] = 0
