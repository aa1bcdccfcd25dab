"""Repeated rows: how many rows of a block are equal to an earlier one of it.

A share of repeated rows depends on how many rows one looks at: of rows with a thousand possible values, few
of the first hundred repeat and nearly all of the first million. So it is counted in blocks of 256 rows in the
order in which they come, exactly, and the share of a block has one expectation whatever the traffic's pace. A
block is one trial: its rows depend on each other.

How many different rows a longer stretch had is estimated by HyperLogLog from the same hashes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kernels.hashing import U64, count_repeats

BLOCK_ROWS = 256
_SCRATCH = 2 * BLOCK_ROWS


class RepeatCounter:
    """Counts repeats block by block.

    Attributes:
        blocks: whole blocks so far.
        repeats: repeated rows in them.
    """

    __slots__ = ("_filled", "_hashes", "_scratch", "blocks", "repeats")

    def __init__(self) -> None:
        self._hashes = np.zeros(BLOCK_ROWS, dtype=np.uint64)
        self._scratch = np.zeros((2, _SCRATCH), dtype=np.uint64)
        self._filled = 0
        self.blocks = 0
        self.repeats = 0

    @property
    def room(self) -> int:
        """Rows until the block is whole, 1 to 256."""
        return BLOCK_ROWS - self._filled

    def take(self, hashes: U64) -> bool:
        """Takes in rows of one block.

        Args:
            hashes: of the rows, shape (n,), uint64 (`kernels.hashing`), n <= `room`.

        Returns:
            Whether the block is whole now; it is counted then, and the next one begins.
        """
        end = self._filled + hashes.size
        self._hashes[self._filled : end] = hashes
        self._filled = end
        if end < BLOCK_ROWS:
            return False
        self.repeats += int(count_repeats(self._hashes, self._scratch[0], self._scratch[1]))
        self.blocks += 1
        self._filled = 0
        return True

    def to_state(self) -> dict[str, Any]:
        """The counter for a checkpoint.

        Returns:
            Numbers and bytes; `restore` goes on without changing a number.
        """
        return {
            "hashes": self._hashes[: self._filled].astype("<u8").tobytes(),
            "blocks": self.blocks,
            "repeats": self.repeats,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from a checkpoint.

        Args:
            state: from `to_state`.

        Raises:
            ValueError, KeyError: it is damaged.
        """
        hashes = np.frombuffer(state["hashes"], dtype="<u8")
        self._hashes[: hashes.size] = hashes
        self._filled = hashes.size
        self.blocks = int(state["blocks"])
        self.repeats = int(state["repeats"])
