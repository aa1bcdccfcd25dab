"""Rankings and embeddings side by side: how alike they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sidecar.compare.cells import fill_cells, pack_cells
from sidecar.compare.histogram import F64, ShareHistogram, likeness
from sidecar.compare.rankings import rank_biased_overlap
from sidecar.compare.state import EmbeddingState, RankingState
from sidecar.compare.vectors import BoolArray, cosines


class RankingMeter:
    """Rankings: rank-biased overlap, and the share of the first k that both have.

    Args:
        least: overlap from which two rankings count as the same.
        top_k: k.
    """

    def __init__(self, least: float = 0.9, top_k: int = 5) -> None:
        self._least = least
        self._top_k = top_k
        self._overlaps, self._shared = ShareHistogram(), ShareHistogram()

    def add(self, primary: Sequence[Sequence[Any]], shadow: Sequence[Sequence[Any]]) -> BoolArray:
        """Takes rankings, best first.

        Args:
            primary: one ranking a row.
            shadow: likewise.

        Returns:
            Shape (rows,): where they disagree.
        """
        pairs = list(zip(primary, shadow, strict=True))
        overlaps = np.array([rank_biased_overlap(ours, theirs) for ours, theirs in pairs])
        self._overlaps.add(overlaps)
        self._shared.add(np.array([_shared(ours, theirs, self._top_k) for ours, theirs in pairs]))
        return np.array(overlaps < self._least)

    def to_state(self) -> RankingState:
        """The meter for a checkpoint; no items of rankings are in it."""
        overlaps, shared = (pack_cells(shares.counts) for shares in (self._overlaps, self._shared))
        return RankingState(self._least, self._top_k, overlaps, shared)

    @classmethod
    def from_state(cls, state: RankingState) -> RankingMeter:
        """Goes on from a checkpoint.

        Args:
            state: from `to_state`.

        Raises:
            ValueError: it is damaged.
        """
        meter = cls(state.least, state.top_k)
        fill_cells(state.overlaps, meter._overlaps.counts)
        fill_cells(state.shared, meter._shared.counts)
        return meter

    def to_json(self) -> dict[str, Any]:
        """Means and lower quantiles of `overlap`, mean `top_k_overlap`."""
        return {
            "overlap": likeness(self._overlaps),
            "top_k": self._top_k,
            "top_k_overlap": self._shared.mean(),
        }


class EmbeddingMeter:
    """Vectors: cosine.

    Args:
        least: cosine from which two vectors count as the same.
    """

    def __init__(self, least: float = 0.99) -> None:
        self._least = least
        self._angles = ShareHistogram()

    def add(self, primary: F64, shadow: F64) -> BoolArray:
        """Takes vectors.

        Args:
            primary: shape (rows, d), float64.
            shadow: shape (rows, d), float64.

        Returns:
            Shape (rows,): where they disagree; also where a vector is not finite.
        """
        angles = cosines(primary, shadow)
        self._angles.add(angles)
        return np.logical_not(angles >= self._least)

    def to_state(self) -> EmbeddingState:
        """The meter for a checkpoint; no vectors are in it."""
        return EmbeddingState(self._least, pack_cells(self._angles.counts))

    @classmethod
    def from_state(cls, state: EmbeddingState) -> EmbeddingMeter:
        """Goes on from a checkpoint.

        Args:
            state: from `to_state`.

        Raises:
            ValueError: it is damaged.
        """
        meter = cls(state.least)
        fill_cells(state.angles, meter._angles.counts)
        return meter

    def to_json(self) -> dict[str, Any]:
        """Mean and lower quantiles of `cosine`; a negative one counts as 0."""
        return {"cosine": likeness(self._angles)}


def _shared(primary: Sequence[Any], shadow: Sequence[Any], k: int) -> float:
    ours, theirs = set(primary[:k]), set(shadow[:k])
    larger = max(len(ours), len(theirs))
    return len(ours & theirs) / larger if larger else 1.0
