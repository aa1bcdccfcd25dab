"""The feature ring: decoded rows on their way from the decode thread to the kernel thread.

Each row carries the time of its exchange. The ring decouples decoding from statistics, and what it holds
behind its tail are the recent rows that the status API shows. Every method is one or a few kernel calls,
which run without the GIL; layout and ordering are in `kernels.ring`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from kernels import ring as kernel
from sidecar.errors import RingError, ShapeMismatch

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]


class FeatureRing:
    """Fixed-width rows, one writer, one reader.

    Args:
        width: columns F, >= 1; categories as codes, missing as NaN.
        capacity_rows: a power of two, >= 1.

    Attributes:
        width: F.
        capacity_rows: how many rows fit.

    Raises:
        RingError: the capacity is not a power of two, or the width is below 1.
    """

    __slots__ = ("_data", "_header", "_stamps", "capacity_rows", "width")

    def __init__(self, width: int, capacity_rows: int) -> None:
        if capacity_rows < 1 or capacity_rows & (capacity_rows - 1):
            raise RingError(f"feature ring: capacity_rows: expected a power of two, got {capacity_rows}")
        if width < 1:
            raise RingError(f"feature ring: width: expected at least 1, got {width}")
        self.width = width
        self.capacity_rows = capacity_rows
        self._data = np.zeros((capacity_rows, width))
        self._stamps = np.zeros(capacity_rows, dtype=np.int64)
        self._header = np.zeros(kernel.HEADER_WORDS, dtype=np.int64)

    def push(self, matrix: F64, stamps: I64) -> int:
        """Writes rows as far as there is room.

        Args:
            matrix: shape (n, F), float64, C-contiguous.
            stamps: time of the exchange that each comes from, shape (n,), int64, C-contiguous.

        Returns:
            How many of the first rows were taken; the caller counts or keeps the rest.

        Raises:
            ShapeMismatch: another width, or not a stamp for each row.

        Called by: writer only.

        Ordering: rows before head, see `kernels.ring.push_rows`.
        """
        if matrix.ndim != 2 or matrix.shape[1] != self.width:
            raise ShapeMismatch(f"feature ring: expected shape (n, {self.width}), got {matrix.shape}")
        if len(stamps) != len(matrix):
            raise ShapeMismatch(f"feature ring: expected {len(matrix)} stamps, got {len(stamps)}")
        rows = np.ascontiguousarray(matrix, dtype=np.float64)
        return kernel.push_rows(rows, stamps, self._data, self._stamps, self._header)

    def drain(self, visit: Callable[[F64, I64], object], most_rows: int = 1 << 62) -> int:
        """Shows the waiting rows to the reader, in order, without a copy.

        Args:
            visit: is given a block of shape (n, F), n >= 1, and the time of each row, shape (n,), int64, both
                valid during the call only; when it raises, the block stays in the ring.
            most_rows: stop after so many, >= 1.

        Returns:
            How many rows were shown, 0 when none waited.

        Called by: reader only.

        Ordering: a block's places are given back after its visit.
        """
        n_shown = 0
        while n_shown < most_rows:
            n = min(kernel.peek_rows(self._data, self._header), most_rows - n_shown)
            if n == 0:
                break
            first = int(self._header[kernel.TAIL]) & (self.capacity_rows - 1)
            visit(self._data[first : first + n], self._stamps[first : first + n])
            kernel.take_rows(self._header, n)
            n_shown += n
        return n_shown

    def latest(self, n: int) -> F64:
        """Copies the newest rows, whether drained or not.

        Args:
            n: at most so many, >= 0.

        Returns:
            Shape (m, F), m <= min(n, capacity), oldest first; fewer when the writer is overwriting them.

        Called by: any thread.

        Ordering: torn rows are left out, see `kernels.ring.latest_rows`.
        """
        into = np.empty((min(n, self.capacity_rows), self.width))
        whole = kernel.latest_rows(self._data, self._header, into)
        return into[into.shape[0] - whole :]

    def __len__(self) -> int:
        """How many rows wait; see `kernels.ring.waiting_rows`."""
        return kernel.waiting_rows(self._header)
