"""What is counted of one stretch of time, in whole numbers that merge by addition."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kernels.binning import I64
from kernels.runs import ABOVE, BELOW, PRESENT, TALLIES, TYPE_ERRORS
from sidecar.quality.rates import FEATURE_KINDS, ROW_KINDS

SUCCESSES = 0
TRIALS = 1
_MISSING, _TYPE_ERROR, _UNSEEN, _OUT_OF_RANGE, _CONSTANT = range(len(FEATURE_KINDS))


@dataclass(slots=True, eq=False)
class Sums:
    """Sums over one stretch of time; F features.

    Args:
        rows: how many.
        tallies: of their values, shape (F, 4), int64 (kernels.runs).
        chosen: the same of the rows that stand for their message.
        blocks: in how many blocks a feature was constant, and in how many it could have been, shape (F, 2).
        others: successes and trials of the rates of `ROW_KINDS`, shape (2, 2), int64.
    """

    rows: int
    tallies: I64
    chosen: I64
    blocks: I64
    others: I64

    @classmethod
    def empty(cls, width: int) -> Sums:
        """Sums of nothing.

        Args:
            width: F.
        """
        shapes = ((width, TALLIES), (width, TALLIES), (width, 2), (len(ROW_KINDS), 2))
        return cls(0, *(np.zeros(shape, dtype=np.int64) for shape in shapes))

    @property
    def arrays(self) -> tuple[I64, ...]:
        return self.tallies, self.chosen, self.blocks, self.others

    def add(self, other: Sums) -> None:
        """Adds another stretch.

        Args:
            other: of as many features.
        """
        self.rows += other.rows
        self.tallies += other.tallies
        self.chosen += other.chosen
        self.blocks += other.blocks
        self.others += other.others

    def table(self) -> I64:
        """Successes and trials of every rate.

        Returns:
            Shape (5 F + 2, 2), int64: kind by kind in the order of `FEATURE_KINDS`, then `ROW_KINDS`.
        """
        width = self.tallies.shape[0]
        present, strange = self.tallies[:, PRESENT], self.tallies[:, TYPE_ERRORS]
        outside = self.tallies[:, BELOW] + self.tallies[:, ABOVE]
        found = np.empty((len(FEATURE_KINDS), width, 2), dtype=np.int64)
        found[: _TYPE_ERROR + 1, :, TRIALS] = self.rows
        found[_MISSING, :, SUCCESSES] = self.rows - present - strange
        found[_TYPE_ERROR, :, SUCCESSES] = strange
        found[_UNSEEN : _OUT_OF_RANGE + 1, :, SUCCESSES] = outside
        found[_UNSEEN : _OUT_OF_RANGE + 1, :, TRIALS] = present
        found[_CONSTANT] = self.blocks
        return np.concatenate([found.reshape(-1, 2), self.others])

    def trials(self) -> I64:
        """What a detector counts.

        Returns:
            As `table`, with values out of range counted once a message.
        """
        found = self.table()
        width = self.tallies.shape[0]
        concerned = slice(_OUT_OF_RANGE * width, (_OUT_OF_RANGE + 1) * width)
        found[concerned, SUCCESSES] = self.chosen[:, BELOW] + self.chosen[:, ABOVE]
        found[concerned, TRIALS] = self.chosen[:, PRESENT]
        return found
