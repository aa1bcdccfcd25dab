"""What is counted of every cell of a column, sampled or not: kinds, extremes, different values, how texts
look.

Whole numbers, smallest and largest: merging is exact in any order and grouping.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from kernels.binning import F64, I64
from kernels.distinct import CLASSES, LENGTHS, N_FINITE, N_NEG_INF, N_POS_INF, TALLY
from sidecar.profile.cells import Cells
from sidecar.profile.distinct import Distinct


class ColumnTally:
    """Counts of one column.

    Args:
        position: place among its file's columns, the smallest there was.
    """

    def __init__(self, position: int) -> None:
        self.position = position
        self.n_texts = 0
        self.kinds: I64 = np.zeros(TALLY, dtype=np.int64)
        self.extremes: F64 = np.array([np.inf, -np.inf])
        self.lengths: I64 = np.zeros(LENGTHS, dtype=np.int64)
        self.classes: I64 = np.zeros(CLASSES, dtype=np.int64)
        self.dimensions: Counter[int] = Counter()
        self.distinct = Distinct()

    @property
    def present(self) -> int:
        """Cells that hold something."""
        return self.n_texts + int(self.kinds[[N_POS_INF, N_NEG_INF, N_FINITE]].sum())

    @property
    def written(self) -> int:
        """Cells that are kept as text, numbers in letters of their own among them."""
        return int(self.lengths.sum())

    def add(self, cells: Cells, most: int) -> None:
        """Counts a block.

        Args:
            cells: the column.
            most: different values kept.
        """
        texts = cells.texts
        if cells.dimensions is not None:
            values, counts = np.unique(cells.dimensions[cells.dimensions > 0], return_counts=True)
            self.dimensions.update(dict(zip(values.tolist(), counts.tolist(), strict=True)))
        bare = cells.numbers
        if texts is not None:
            written, numeric = texts.present, ~np.isnan(bare)
            self.n_texts += int((written & ~numeric).sum())
            self.distinct.add_texts(texts, most, self.lengths, self.classes)
            self._add_written(bare[written & numeric])
            bare = bare[~written & numeric]
        if cells.dimensions is None:
            self.distinct.add_numbers(bare, most, self.kinds, self.extremes)
        else:
            self._add_written(bare[~np.isnan(bare)])

    def _add_written(self, numbers: F64) -> None:
        """Numbers that are not to be counted by value, since their texts are, or since they are norms."""
        finite = np.isfinite(numbers)
        n_finite = int(finite.sum())
        self.kinds[N_FINITE] += n_finite
        self.kinds[N_POS_INF] += int((numbers == np.inf).sum())
        self.kinds[N_NEG_INF] += int((numbers == -np.inf).sum())
        if n_finite:
            chosen = numbers if n_finite == numbers.size else numbers[finite]
            self.extremes[0] = min(self.extremes[0], chosen.min())
            self.extremes[1] = max(self.extremes[1], chosen.max())

    def merge(self, other: ColumnTally, most: int) -> None:
        """Adds another count of the same column.

        Args:
            other: of other rows.
            most: different values kept of both together.
        """
        self.position = min(self.position, other.position)
        self.n_texts += other.n_texts
        self.kinds += other.kinds
        self.lengths += other.lengths
        self.classes += other.classes
        self.dimensions.update(other.dimensions)
        self.extremes[0] = min(self.extremes[0], other.extremes[0])
        self.extremes[1] = max(self.extremes[1], other.extremes[1])
        self.distinct.merge(other.distinct, most)

    def to_state(self) -> dict[str, Any]:
        """Numbers, texts and bytes; `from_state` takes them."""
        return {
            "position": self.position,
            "n_texts": self.n_texts,
            "kinds": self.kinds.tolist(),
            "extremes": self.extremes.astype("<f8").tobytes(),
            "lengths": self.lengths.tolist(),
            "classes": self.classes.tolist(),
            "dimensions": sorted(self.dimensions.items()),
            "distinct": self.distinct.to_state(),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> ColumnTally:
        """What `to_state` gave.

        Args:
            state: from there.

        Raises:
            ValueError: the arrays do not fit together.
        """
        made = cls(int(state["position"]))
        made.n_texts = int(state["n_texts"])
        made.kinds = np.array(state["kinds"], dtype=np.int64).reshape(TALLY)
        made.extremes = np.frombuffer(state["extremes"], dtype="<f8").astype(np.float64).reshape(2)
        made.lengths = np.array(state["lengths"], dtype=np.int64).reshape(LENGTHS)
        made.classes = np.array(state["classes"], dtype=np.int64).reshape(CLASSES)
        made.dimensions = Counter({int(length): int(rows) for length, rows in state["dimensions"]})
        made.distinct = Distinct.from_state(state["distinct"])
        return made
