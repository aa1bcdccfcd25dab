"""Where two models disagree: parts of the input space with more disagreement than the rest has.

A part is one cell of one feature (`income >= 91,200`), or of two. Each holds how many requests fell into it
and the sum of their disagreements, so parts merge by addition. A part is told of when its disagreement cannot
be that of everything outside it, taking into account that many parts were looked at.

* **p-value.** With n requests of mean disagreement d in a part and d' outside of it, exp(-n' kl(d, d')), n'
  being 1 / (1/n + 1/m) for m requests outside: Chernoff's bound, which holds for disagreements anywhere from
  0 to 1, with fewer requests in place of the sampling error of the rest (an approximation).
* **Many parts.** Benjamini and Hochberg's rule over all parts with enough requests: of the parts told of, at
  most the stated share is there by chance, in one look. Looking every minute picks the luckiest minute; the
  verdict (`sidecar.compare.verdict`) is what stays valid then.
* **Order.** By the lower bound of the excess, which small parts have little of, so that support counts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from kernels.cells import count_cells
from sidecar.compare.cells import fill_cells, fill_sums, pack_cells, pack_sums
from sidecar.compare.state import SegmentsState

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

CELLS = 8  # of one feature
MOST_FEATURES = 24  # further ones are not looked at: pairs grow with the square
LEAST_REQUESTS = 50  # in a part that is looked at
FALSE_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Axis:
    """One feature, cut into cells.

    Args:
        feature: its name.
        cells: what each cell is called, at most `CELLS`.
    """

    feature: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the inputs in which the models disagree more than elsewhere.

    Args:
        where: feature and cell, one or two of them.
        requests: its support.
        rate: mean disagreement in it.
        rate_elsewhere: mean disagreement outside of it.
        excess_low: lower bound of the difference of the two, at the level of its p-value's rule.
        p_value: as in the module's docstring.
    """

    where: tuple[tuple[str, str], ...]
    requests: int
    rate: float
    rate_elsewhere: float
    excess_low: float
    p_value: float


class Segments:
    """Disagreements by part.

    Args:
        axes: the features; those beyond `MOST_FEATURES` are passed over.
    """

    def __init__(self, axes: Sequence[Axis]) -> None:
        self.axes = tuple(axes[:MOST_FEATURES])
        self._pairs = list(combinations(range(len(self.axes)), 2))
        places = len(self.axes) + len(self._pairs)
        self.requests: I64 = np.zeros((places, CELLS * CELLS), dtype=np.int64)
        self.disagreements: F64 = np.zeros((places, CELLS * CELLS))
        self.total = 0
        self.total_disagreement = 0.0

    def add(self, cells: Sequence[int], disagreement: float) -> None:
        """Counts one request.

        Args:
            cells: its cell on each axis, 0 to `CELLS` - 1; further features are passed over.
            disagreement: 0 to 1.
        """
        here = np.array(cells[: len(self.axes)], dtype=np.int64)
        count_cells(here, CELLS, disagreement, self.requests, self.disagreements)
        self.total += 1
        self.total_disagreement += disagreement

    def merge(self, other: Segments) -> None:
        """Adds what another one counted over the same axes."""
        self.requests += other.requests
        self.disagreements += other.disagreements
        self.total += other.total
        self.total_disagreement += other.total_disagreement

    def to_state(self) -> SegmentsState:
        """The counts for a checkpoint."""
        return SegmentsState(
            pack_cells(self.requests), pack_sums(self.disagreements), self.total, self.total_disagreement
        )

    @classmethod
    def from_state(cls, state: SegmentsState, axes: Sequence[Axis]) -> Segments:
        """Goes on from a checkpoint.

        Args:
            state: from `to_state`.
            axes: as before.

        Raises:
            ValueError: it is damaged, or the axes are others.
        """
        segments = cls(axes)
        fill_cells(state.requests, segments.requests)
        fill_sums(state.disagreements, segments.disagreements)
        segments.total, segments.total_disagreement = state.total, state.total_disagreement
        shares = (segments.disagreements >= 0.0) & (segments.disagreements <= segments.requests)
        if not shares.all() or not (segments.requests.sum(axis=1) == state.total).all():
            raise ValueError("parts that do not add up")
        return segments

    def top(self, most: int = 10) -> list[Part]:
        """Parts with more disagreement than elsewhere.

        Args:
            most: parts given.

        Returns:
            Those that pass the rule, by the lower bound of their excess. A pair is left out when one of its
            two cells alone stands above it.
        """
        candidates = self._candidates()
        if not candidates:
            return []
        limit = _rejected([part.p_value for part in candidates])
        passed = [part for part in candidates if part.p_value <= limit]
        passed.sort(key=lambda part: (-part.excess_low, len(part.where), part.where))
        told: list[Part] = []
        for part in passed:
            if not any(set(better.where) & set(part.where) for better in told if len(better.where) == 1):
                told.append(part)
        return told[:most]

    def _candidates(self) -> list[Part]:
        found = []
        for place, cell in zip(*np.nonzero(self.requests >= LEAST_REQUESTS), strict=True):
            part = self._part(int(place), int(cell))
            if part is not None:
                found.append(part)
        return found

    def _part(self, place: int, cell: int) -> Part | None:
        inside = int(self.requests[place, cell])
        outside = self.total - inside
        if outside < LEAST_REQUESTS:
            return None
        rate = float(self.disagreements[place, cell]) / inside
        elsewhere = max(self.total_disagreement - float(self.disagreements[place, cell]), 0.0) / outside
        weight = 1.0 / (1.0 / inside + 1.0 / outside)
        # a rest without any disagreement may still have some: half of one
        floor = max(elsewhere, 0.5 / outside)
        p_value = math.exp(-weight * relative_entropy(rate, floor)) if rate > floor else 1.0
        level = math.log(1.0 / FALSE_SHARE)
        low = lowest_rate(rate, inside, level) - highest_rate(elsewhere, outside, level)
        return Part(self._where(place, cell), inside, rate, elsewhere, low, p_value)

    def _where(self, place: int, cell: int) -> tuple[tuple[str, str], ...]:
        if place < len(self.axes):
            return (self._name(place, cell),)
        left, right = self._pairs[place - len(self.axes)]
        return self._name(left, cell // CELLS), self._name(right, cell % CELLS)

    def _name(self, axis: int, cell: int) -> tuple[str, str]:
        cells = self.axes[axis].cells
        return self.axes[axis].feature, cells[cell] if cell < len(cells) else str(cell)


def relative_entropy(p: float, q: float) -> float:
    """kl(p, q) of two coins.

    Args:
        p: 0 to 1.
        q: 0 < q < 1.

    Returns:
        Nats, >= 0.
    """
    first = p * math.log(p / q) if p > 0.0 else 0.0
    second = (1.0 - p) * math.log((1.0 - p) / (1.0 - q)) if p < 1.0 else 0.0
    return max(first + second, 0.0)


def highest_rate(rate: float, trials: int, level: float) -> float:
    """Highest true rate that is not refuted by a mean of trials.

    Args:
        rate: the mean, 0 to 1.
        trials: n >= 1.
        level: L; the bound fails with probability at most exp(-L).

    Returns:
        The largest q with n kl(rate, q) <= L, at most 1 (Chernoff's bound).
    """
    low, high = rate, 1.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        if middle >= 1.0 or trials * relative_entropy(rate, middle) > level:
            high = middle
        else:
            low = middle
    return high


def lowest_rate(rate: float, trials: int, level: float) -> float:
    """Lowest true rate that is not refuted; as `highest_rate`."""
    return 1.0 - highest_rate(1.0 - rate, trials, level)


def _rejected(p_values: list[float]) -> float:
    """The largest p-value that Benjamini and Hochberg's rule passes; -1 when none does."""
    ordered = np.sort(np.array(p_values))
    passed = ordered <= FALSE_SHARE * np.arange(1, ordered.size + 1) / ordered.size
    return float(ordered[np.flatnonzero(passed)[-1]]) if passed.any() else -1.0
