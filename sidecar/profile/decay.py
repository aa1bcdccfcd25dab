"""Sums that forget: every closed pane's weight halves with each half-life that has passed since it ended.

A sliding window forgets all at once; this one bit by bit, and holds one sum whatever its length. Of weighted
counts no statistic knows how sure it may be, so they are stated as if fewer rows had been counted equally:
with w the weight of each row, the effective size (Kish 1965)

    n_eff = (sum w)^2 / sum w^2

is the number of equally weighted rows whose mean varies as much. It holds for rows that are independent of
each other. At a steady rate r of rows a second, n_eff tends to 2 r h / ln 2 = 2.89 r h for the half-life h.

The sums are floats. They are derived from the panes, in the order in which these close, and go through a
checkpoint bit by bit; but they are not merged between monitors: a fleet adds its panes, which are whole
numbers, and derives.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kernels.binning import F64, I64
from sidecar.profile.pane import Pane
from sidecar.profile.resting import RestingPane


class DecayedSum:
    """Lanes of all features with halving weights.

    Args:
        half_life_ns: after which a row counts half.
        width: F.
        lanes: L.

    Attributes:
        half_life_ns: as given.
        counts: sum of w, shape (F, L), float64.
        squares: sum of w^2 over the rows of each feature, shape (F,), float64.
        at_unix_ns: moment for which the weights hold: end of the last pane.
    """

    __slots__ = ("at_unix_ns", "counts", "half_life_ns", "squares")

    def __init__(self, half_life_ns: int, width: int, lanes: int) -> None:
        self.half_life_ns = half_life_ns
        self.counts: F64 = np.zeros((width, lanes))
        self.squares: F64 = np.zeros(width)
        self.at_unix_ns = 0

    def push(self, pane: Pane | RestingPane) -> None:
        """Takes in a pane with the weight 1 and lets the others lose theirs.

        Args:
            pane: one that ends no earlier than those before.
        """
        weight = self._weight(pane.end_unix_ns)
        self.counts *= weight
        self.squares *= weight * weight
        self.counts += pane.counts
        self.squares += pane.counts.sum(axis=1)
        self.at_unix_ns = max(self.at_unix_ns, pane.end_unix_ns)

    def copy(self) -> DecayedSum:
        made = DecayedSum(self.half_life_ns, *self.counts.shape)
        made.counts = self.counts.copy()
        made.squares = self.squares.copy()
        made.at_unix_ns = self.at_unix_ns
        return made

    def effective_rows(self) -> F64:
        """Kish's effective size of every feature.

        Returns:
            Shape (F,), float64, >= 0; 0 without rows.
        """
        total = self.counts.sum(axis=1)
        found: F64 = np.divide(
            total * total, self.squares, out=np.zeros_like(total), where=self.squares > 0.0
        )
        return found

    def effective_counts(self) -> I64:
        """Whole counts that add up to the effective size, in the proportion of the weights.

        Returns:
            Shape (F, L), int64; a count is rounded by at most one half.
        """
        total = self.counts.sum(axis=1)
        factor = np.divide(self.effective_rows(), total, out=np.zeros_like(total), where=total > 0.0)
        counts: I64 = np.rint(self.counts * factor[:, None]).astype(np.int64)
        return counts

    def to_state(self) -> dict[str, Any]:
        """The sum for a checkpoint.

        Returns:
            Numbers and bytes; `restore` gives the same sum, bit by bit.
        """
        return {
            "at_unix_ns": self.at_unix_ns,
            "counts": self.counts.astype("<f8").tobytes(),
            "squares": self.squares.astype("<f8").tobytes(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from a checkpoint.

        Args:
            state: from `to_state`.

        Raises:
            KeyError, TypeError, ValueError: it is damaged or of another shape.
        """
        self.at_unix_ns = int(state["at_unix_ns"])
        self.counts[:] = np.frombuffer(state["counts"], dtype="<f8").reshape(self.counts.shape)
        self.squares[:] = np.frombuffer(state["squares"], dtype="<f8").reshape(self.squares.shape)

    def _weight(self, end_unix_ns: int) -> float:
        """What a row counts at that moment whose weight was 1 at `at_unix_ns`."""
        passed_ns = max(0, end_unix_ns - self.at_unix_ns) if self.at_unix_ns else 0
        return float(0.5 ** (passed_ns / self.half_life_ns))
