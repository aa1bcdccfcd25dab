from __future__ import annotations

import numpy as np
import pytest

from kernels.binning import EDGES
from kernels.histogram import FIRST_CELL, MISSING, NEG_INF, NUMERIC, POS_INF, UNCOUNTED, fill_block
from kernels.moments import empty_moments


def filled(rows, edges, codes, pivots=None, lanes=35):
    rows = np.ascontiguousarray(rows, dtype=np.float64)
    width = rows.shape[1]
    table = np.full((width, EDGES), np.inf)
    for f, own in enumerate(edges):
        table[f, : len(own)] = own
    counts = np.zeros((width, lanes), dtype=np.int64)
    moments = empty_moments(width)
    pivots = np.zeros(width) if pivots is None else np.array(pivots, dtype=np.float64)
    fill_block(rows, table, np.array(codes, dtype=np.int64), pivots, counts, moments)
    return counts, moments


def test_numeric_lanes():
    column = [np.nan, np.inf, -np.inf, -5.0, 0.0, 0.5, 1.0, 7.0]
    counts, moments = filled(np.array(column)[:, None], [[0.0, 1.0]], [NUMERIC])
    assert (counts[0, MISSING], counts[0, POS_INF], counts[0, NEG_INF]) == (1, 1, 1)
    assert counts[0, FIRST_CELL : FIRST_CELL + 3].tolist() == [1, 2, 2]
    assert counts.sum() == len(column)
    assert moments[0].tolist() == [5.0, 3.5, 25 + 0.25 + 1 + 49, -5.0, 7.0]


def test_categorical_lanes():
    column = [1.0, 2.0, 2.0, 0.0, np.nan, 3.0, 99.0, -1.0]
    counts, moments = filled(np.array(column)[:, None], [[]], [2])
    assert counts[0, MISSING] == 1
    assert counts[0, FIRST_CELL : FIRST_CELL + 3].tolist() == [4, 1, 2]
    assert moments[0, 0] == 7.0


def test_uncounted_column_is_left_alone():
    counts, moments = filled([[1.0, 1.0]], [[], []], [UNCOUNTED, NUMERIC])
    assert counts.sum(axis=1).tolist() == [0, 1]
    assert moments[0].tolist() == empty_moments(1)[0].tolist()


def test_no_rows_change_nothing():
    counts, moments = filled(np.empty((0, 3)), [[], [], []], [NUMERIC] * 3)
    assert counts.sum() == 0
    assert np.array_equal(moments, empty_moments(3))


def test_filling_twice_is_filling_at_once():
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(100, 2))
    edges = [[-1.0, 0.0, 1.0], [0.0]]
    whole, _ = filled(rows, edges, [NUMERIC] * 2)
    first, _ = filled(rows[:37], edges, [NUMERIC] * 2)
    second, _ = filled(rows[37:], edges, [NUMERIC] * 2)
    assert np.array_equal(whole, first + second)


@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")  # told only without the compiler
@pytest.mark.parametrize("value", [1e6, -1e300, 1e308])
def test_one_outlier_is_one_count(value):
    counts, _ = filled([[0.1], [value]], [[0.0, 1.0]], [NUMERIC])
    assert counts[0, FIRST_CELL : FIRST_CELL + 3].sum() == 2
    assert counts[0, FIRST_CELL + 1] == 1
