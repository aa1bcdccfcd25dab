"""How features move together: sums of products of whole numbers (kernels.second_moments), which merge by
addition.

A missing value is left out pair by pair where correlations are computed: with a hundred features of which one
in a hundred values is missing, two rows in three have a gap, and complete rows alone would be the wrong rows.
Where a row must be whole (the reconstruction error), a missing value counts as the pivot, on both sides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from kernels.binning import F64, I64
from kernels.second_moments import BLOCK_ROWS, MOST_ROWS, add_gaps, round_rows
from sidecar.errors import ShapeMismatch

STAGE_ROWS = 512  # rows multiplied at once: few enough for the cache, enough for BLAS
GAPS = 3


@dataclass(frozen=True, slots=True, eq=False)
class JointSpace:
    """Which columns of a row matrix are joined, and their whole numbers.

    Args:
        names: of J features.
        columns: their places in the row matrix, shape (J,), int64.
        scales: pivot and step, shape (J, 2), float64.
    """

    names: tuple[str, ...]
    columns: I64
    scales: F64

    @property
    def width(self) -> int:
        return len(self.names)

    def kernel_scales(self) -> F64:
        """Pivot and steps a unit, as `round_rows` takes them."""
        return np.column_stack([self.scales[:, 0], 1.0 / self.scales[:, 1]])

    def rounded(self, matrix: F64) -> tuple[F64, F64]:
        """Whole numbers of rows.

        Args:
            matrix: shape (n, F), float64, C order.

        Returns:
            Of shape (n, J), float64 both: the numbers, 0 where absent; and 1 where absent.
        """
        rounded = np.empty((matrix.shape[0], self.width))
        absent = np.zeros_like(rounded)
        round_rows(matrix, self.columns, self.kernel_scales(), rounded, absent)
        return rounded, absent


@dataclass(slots=True, eq=False)
class JointSums:
    """Sums over rows; any order and any grouping give the same bytes.

    Args:
        rows: N.
        sums: sum k_i, shape (J,), int64.
        products: sum k_i k_j, shape (J, J), int64.
        gaps: nothing, shape (0, J, J), as long as no value is absent; else three matrices, (3, J, J), int64.
            First the rows in which both i and j are absent, and i alone on the diagonal; then, in row j, the
            sums of k_i over the rows in which j is absent; then those of k_i^2.
    """

    rows: int
    sums: I64
    products: I64
    gaps: I64

    @classmethod
    def empty(cls, width: int) -> JointSums:
        """Sums of no rows.

        Args:
            width: J.

        Returns:
            The sums.
        """
        products = np.zeros((width, width), np.int64)
        return cls(0, np.zeros(width, np.int64), products, np.zeros((0, width, width), np.int64))

    def add_rounded(self, rounded: F64, absent: F64, n_absent: int) -> None:
        """Adds rows that are whole numbers already.

        Args:
            rounded: from `round_rows`, shape (n, J), n <= 2^23.
            absent: from `round_rows`.
            n_absent: how many ones it has.

        Raises:
            ShapeMismatch: "joint sums: expected at most 8589934592 rows, got 8589934593".
        """
        for start in range(0, len(rounded), BLOCK_ROWS):
            self._add_block(rounded[start : start + BLOCK_ROWS], absent[start : start + BLOCK_ROWS], n_absent)

    def _add_block(self, rounded: F64, absent: F64, n_absent: int) -> None:
        self.rows = _bounded(self.rows + len(rounded))
        self.sums += (np.ones(len(rounded)) @ rounded).astype(np.int64)
        self.products += (rounded.T @ rounded).astype(np.int64)
        if n_absent:
            self._open_gaps()
            add_gaps(rounded, absent, *self.gaps)

    def merge(self, other: JointSums) -> None:
        """Adds other sums over the same features.

        Args:
            other: any.

        Raises:
            ShapeMismatch: "joint sums: expected 20 features, got 19"; or as `add_rounded`.
        """
        if other.sums.shape != self.sums.shape:
            raise ShapeMismatch(f"joint sums: expected {self.sums.size} features, got {other.sums.size}")
        self.rows = _bounded(self.rows + other.rows)
        self.sums += other.sums
        self.products += other.products
        if other.gaps.size:
            self._open_gaps()
            self.gaps += other.gaps

    def copy(self) -> JointSums:
        return JointSums(self.rows, self.sums.copy(), self.products.copy(), self.gaps.copy())

    def _open_gaps(self) -> None:
        if not self.gaps.size:
            self.gaps = np.zeros((GAPS, *self.products.shape), np.int64)

    def pairs(self) -> tuple[I64, I64, I64, I64]:
        """What correlations need, over the rows in which both features are present.

        Returns:
            n_ij, shape (J, J), int64; sum k_i, sum k_i^2 and sum k_i k_j, each of shape (J, J), int64.
        """
        squares = np.diagonal(self.products)
        if not self.gaps.size:
            whole = np.ones_like(self.products)
            return whole * self.rows, whole * self.sums[:, None], whole * squares[:, None], self.products
        both, lost, lost_squares = self.gaps
        alone = np.diagonal(both)
        n = self.rows - alone[:, None] - alone[None, :] + both
        return n, self.sums[:, None] - lost.T, squares[:, None] - lost_squares.T, self.products

    def to_state(self) -> dict[str, Any]:
        """The sums for a checkpoint, a snapshot or a reference.

        Returns:
            Numbers and bytes; `from_state` gives the same sums, bit by bit. Gaps that are not there take no
            room.
        """
        upper = np.triu_indices(self.sums.size)
        return {
            "rows": self.rows,
            "sums": _bytes(self.sums),
            "products": _bytes(self.products[upper]),
            "gaps": _bytes(self.gaps),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any], width: int) -> JointSums:
        """Sums of a checkpoint, a snapshot or a reference.

        Args:
            state: from `to_state`.
            width: J.

        Returns:
            The sums.

        Raises:
            ValueError: the arrays have another shape.
        """
        made = cls.empty(width)
        made.rows = _bounded(int(state["rows"]))
        made.sums[:] = _array(state["sums"], width)
        _fill_symmetric(made.products, _array(state["products"], width * (width + 1) // 2))
        if state["gaps"]:
            made.gaps = _array(state["gaps"], GAPS * width * width).reshape(GAPS, width, width)
        return made


class JointFill:
    """Rows on their way into sums, some hundred at a time.

    Args:
        space: which columns, and how.
    """

    def __init__(self, space: JointSpace) -> None:
        self.space = space
        self._rounded = np.empty((STAGE_ROWS, space.width))
        self._absent = np.zeros((STAGE_ROWS, space.width))
        self._scales = space.kernel_scales()
        self._staged = 0
        self._n_absent = 0

    def add(self, matrix: F64, into: JointSums) -> None:
        """Takes rows; the last ones may wait for `flush`.

        Args:
            matrix: shape (n, F), float64, C order; not kept.
            into: the sums that they go to, the same at every call until `flush`.
        """
        start = 0
        while start < len(matrix):
            taken = min(len(matrix) - start, STAGE_ROWS - self._staged)
            place = slice(self._staged, self._staged + taken)
            self._n_absent += round_rows(
                matrix[start : start + taken],
                self.space.columns,
                self._scales,
                self._rounded[place],
                self._absent[place],
            )
            self._staged += taken
            start += taken
            if self._staged == STAGE_ROWS:
                self.flush(into)

    def flush(self, into: JointSums) -> None:
        """Lets no row wait.

        Args:
            into: as for `add`.
        """
        if self._staged:
            into.add_rounded(self._rounded[: self._staged], self._absent[: self._staged], self._n_absent)
        if self._n_absent:
            self._absent[:] = 0.0
        self._staged = self._n_absent = 0


def _bounded(rows: int) -> int:
    if rows > MOST_ROWS:
        raise ShapeMismatch(f"joint sums: expected at most {MOST_ROWS} rows, got {rows}")
    return rows


def _bytes(numbers: I64) -> bytes:
    return numbers.astype("<i8").tobytes()


def _array(packed: bytes, size: int) -> I64:
    numbers = np.frombuffer(packed, dtype="<i8").astype(np.int64)
    if numbers.size != size:
        raise ValueError(f"joint sums of {size} numbers, got {numbers.size}")
    return numbers


def _fill_symmetric(square: I64, upper: I64) -> None:
    places = np.triu_indices(square.shape[0])
    square[places] = upper
    square.T[places] = upper
