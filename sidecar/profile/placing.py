"""Sampled cells as lanes of a feature: what a reference counts by, and its parts by time and segment."""

from __future__ import annotations

import numpy as np

from kernels.binning import F64, I64
from kernels.lanes import FIRST_CELL, MISSING, NEG_INF, POS_INF
from sidecar.profile.reference import FeatureReference
from sidecar.profile.sample import SampledColumn

BLOCK_ROWS = 65_536


def lanes_of(feature: FeatureReference, column: SampledColumn | None, size: int) -> I64:
    """The lane of every sampled cell.

    Args:
        feature: with edges or categories; its counts are not read.
        column: the sampled cells; None for a column that no row has.
        size: rows of the sample.

    Returns:
        Shape (size,), int64.
    """
    if column is None:
        return np.full(size, MISSING, dtype=np.int64)
    if feature.spec.kind == "numeric":
        return _numeric_lanes(feature.edges, column.numbers[:size])
    codes = {text: code for code, text in enumerate(feature.categories, 1)}
    coded = column.coded(size, codes, 0)
    return np.where(coded < 0, MISSING, FIRST_CELL + coded)


def codes_of(feature: FeatureReference, column: SampledColumn | None, size: int) -> F64:
    """Sampled cells as the kernels take them: numbers, or codes of categories.

    Args:
        feature: with its categories.
        column: the sampled cells; None for a column that no row has.
        size: rows of the sample.

    Returns:
        Shape (size,), float64; NaN where missing.
    """
    if column is None:
        return np.full(size, np.nan)
    if feature.spec.kind == "numeric":
        return column.numbers[:size]
    lanes = lanes_of(feature, column, size)
    return np.where(lanes == MISSING, np.nan, lanes - FIRST_CELL)


def grouped_lanes(lanes: I64, width: int, groups: I64, n_groups: int) -> I64:
    """Lanes counted by group.

    Args:
        lanes: lane of each row, shape (n,), int64.
        width: L.
        groups: group of each row, shape (n,), int64; rows of negative groups are left out.
        n_groups: G.

    Returns:
        Shape (G, L), int64.
    """
    kept = groups >= 0
    flat = groups[kept] * width + lanes[kept]
    return np.bincount(flat, minlength=n_groups * width).astype(np.int64).reshape(n_groups, width)


def _numeric_lanes(edges: F64, values: F64) -> I64:
    lanes = np.empty(values.size, dtype=np.int64)
    for start in range(0, values.size, BLOCK_ROWS):
        block = values[start : start + BLOCK_ROWS]
        found = FIRST_CELL + np.searchsorted(edges, block, side="right")
        found[np.isnan(block)] = MISSING
        found[block == np.inf] = POS_INF
        found[block == -np.inf] = NEG_INF
        lanes[start : start + BLOCK_ROWS] = found
    return lanes
