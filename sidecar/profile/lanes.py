"""The arrays by which the kernels count: one row of edges, one code limit, one pivot for each feature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kernels.binning import CELLS, EDGES, F64, I64
from kernels.lanes import FIRST_CELL, NUMERIC, UNCOUNTED
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.reference import FeatureReference
from sidecar.profile.vocabulary import CATEGORY_LIMIT


@dataclass(frozen=True, slots=True)
class LaneTable:
    """How F features are counted into L lanes each; the layout is that of kernels.lanes.

    Args:
        edges: shape (F, 31), padded with +inf.
        codes: shape (F,), as `kernels.histogram.fill_block` takes them.
        scales: pivot and unit of each feature, shape (F, 2).
        lanes: L.
    """

    edges: F64
    codes: I64
    scales: F64
    lanes: int

    @property
    def width(self) -> int:
        return int(self.codes.shape[0])


def lane_table(specs: Sequence[FeatureSpec], references: Sequence[FeatureReference | None]) -> LaneTable:
    """Arrays for a set of features.

    L depends on the kinds only, so that a feature whose reference is learnt later fits into the counts
    already held.

    Args:
        specs: the F features.
        references: for each its reference, or None while that is being learnt: then it is not counted.

    Returns:
        The table.
    """
    edges = np.full((len(specs), EDGES), np.inf)
    codes = np.full(len(specs), UNCOUNTED, dtype=np.int64)
    scales = np.tile([0.0, 1.0], (len(specs), 1))
    for place, reference in enumerate(references):
        if reference is None:
            continue
        scales[place] = reference.pivot, reference.unit
        if reference.spec.kind == "numeric":
            edges[place, : reference.edges.size] = reference.edges
            codes[place] = NUMERIC
        else:
            codes[place] = len(reference.categories)
    return LaneTable(edges, codes, scales, lanes_of(categorical=any(s.kind == "categorical" for s in specs)))


def lanes_of(*, categorical: bool) -> int:
    """Lanes of every feature.

    Args:
        categorical: whether any of them holds categories.

    Returns:
        L.
    """
    return FIRST_CELL + (CATEGORY_LIMIT + 1 if categorical else CELLS)
