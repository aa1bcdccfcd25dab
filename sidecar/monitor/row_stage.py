"""Rows on their way to one feature ring, so that many go at once.

Pushing costs a kernel's call and a turn of the interpreter's lock, whatever it pushes: more than all else
that is done for a row. So the rows of a batch of exchanges wait here for each other.
"""

from __future__ import annotations

import numpy as np

from kernels.binning import F64, I64


class RowStage:
    """Written and emptied by one thread.

    Args:
        width: cells of a row, >= 1.

    Attributes:
        n_cells: of the rows that wait.
    """

    __slots__ = ("_blocks", "_stamps", "_width", "n_cells")

    def __init__(self, width: int) -> None:
        self._width = width
        self._blocks: list[F64] = []
        self._stamps: list[int] = []
        self.n_cells = 0

    def add(self, matrix: F64, stamps: list[int]) -> None:
        """Takes the rows of one message.

        Args:
            matrix: shape (n, width), float64; held until it is taken.
            stamps: one for each row.
        """
        self._blocks.append(matrix)
        self._stamps += stamps
        self.n_cells += len(stamps) * self._width

    def take(self) -> tuple[F64, I64]:
        """All rows that wait, in order, and their stamps; at least one message's.

        Returns:
            Shape (n, width), float64, and shape (n,), int64.
        """
        blocks, stamps = self._blocks, self._stamps
        self._blocks, self._stamps, self.n_cells = [], [], 0
        matrix = blocks[0] if len(blocks) == 1 else np.concatenate(blocks)
        return matrix, np.array(stamps, dtype=np.int64)
