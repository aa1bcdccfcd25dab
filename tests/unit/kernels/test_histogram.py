from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from kernels.binning import EDGES
from kernels.histogram import fill_block
from kernels.lanes import (
    FIRST_CELL,
    MISSING,
    NEG_INF,
    NUMERIC,
    POS_INF,
    TYPE_ERROR,
    TYPE_ERROR_NAN,
    UNCOUNTED,
)
from kernels.moments import empty_extremes, empty_sums, mean, unit_for
from kernels.sketch import CELLS

UNIT = unit_for(1.0, 0.0)


@dataclass
class Filled:
    counts: np.ndarray
    sums: np.ndarray
    sketches: np.ndarray
    extremes: np.ndarray


def filled(rows, edges, codes, lanes=36):
    rows = np.ascontiguousarray(rows, dtype=np.float64)
    width = rows.shape[1]
    table = np.full((width, EDGES), np.inf)
    for f, own in enumerate(edges):
        table[f, : len(own)] = own
    counts = np.zeros((width, lanes), dtype=np.int64)
    sketches = np.zeros((width, CELLS), dtype=np.int64)
    made = Filled(counts, empty_sums(width), sketches, empty_extremes(width))
    scales = np.tile([0.0, UNIT], (width, 1))
    tallies = (made.counts, made.sums, made.sketches)
    fill_block(rows, table, np.array(codes, dtype=np.int64), scales, tallies, made.extremes)
    return made


def test_numeric_lanes():
    column = [np.nan, TYPE_ERROR_NAN, np.inf, -np.inf, -5.0, 0.0, 0.5, 1.0, 7.0]
    made = filled(np.array(column)[:, None], [[0.0, 1.0]], [NUMERIC])
    odd = made.counts[0, [MISSING, TYPE_ERROR, POS_INF, NEG_INF]]
    assert odd.tolist() == [1, 1, 1, 1]
    assert made.counts[0, FIRST_CELL : FIRST_CELL + 3].tolist() == [1, 2, 2]
    assert made.counts.sum() == len(column)
    assert made.sums[0, 0] == made.sketches[0].sum() == 5
    assert mean(made.sums[0], 0.0, UNIT) == pytest.approx(0.7, abs=UNIT)
    assert made.extremes[0].tolist() == [-5.0, 7.0]


@pytest.mark.parametrize("used", [0, 1, 6, 7, 8, 9, 14, 15, 16, 17, 30, 31])
def test_every_number_of_edges_has_its_cells(used):
    """Few edges take a shorter search; 7 and 15 are the most that it can part."""
    edges = np.arange(used, dtype=np.float64)
    column = np.array([-1e6, *(edges - 0.5), *edges, used - 0.5, 1e6])
    made = filled(column[:, None], [edges], [NUMERIC])
    expected = np.bincount(np.searchsorted(edges, column, side="right"), minlength=EDGES + 1)
    assert made.counts[0, FIRST_CELL:].tolist() == expected.tolist()


def test_columns_of_a_block_keep_their_own_number_of_edges():
    rng = np.random.default_rng(4)
    rows = rng.normal(size=(300, 5))
    edges = [np.sort(rng.normal(size=used)) for used in (31, 4, 15, 7, 20)]
    made = filled(rows, edges, [NUMERIC] * 5)
    for f, own in enumerate(edges):
        cells = np.searchsorted(own, rows[:, f], side="right")
        assert made.counts[f, FIRST_CELL:].tolist() == np.bincount(cells, minlength=EDGES + 1).tolist()


def test_categorical_lanes():
    column = [1.0, 2.0, 2.0, 0.0, np.nan, TYPE_ERROR_NAN, 3.0, 99.0, -1.0]
    made = filled(np.array(column)[:, None], [[]], [2])
    assert made.counts[0, [MISSING, TYPE_ERROR]].tolist() == [1, 1]
    assert made.counts[0, FIRST_CELL : FIRST_CELL + 3].tolist() == [4, 1, 2]
    assert made.sums[0, 0] == 7
    assert made.sketches.sum() == 0


def test_uncounted_column_is_left_alone():
    made = filled([[1.0, 1.0]], [[], []], [UNCOUNTED, NUMERIC])
    assert made.counts.sum(axis=1).tolist() == [0, 1]
    assert made.sums[0].tolist() == [0, 0, 0, 0]
    assert made.extremes[0].tolist() == [np.inf, -np.inf]


def test_no_rows_change_nothing():
    made = filled(np.empty((0, 3)), [[], [], []], [NUMERIC] * 3)
    assert made.counts.sum() == made.sums.sum() == made.sketches.sum() == 0
    assert np.array_equal(made.extremes, empty_extremes(3))


def test_filling_twice_is_filling_at_once():
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(100, 2))
    edges = [[-1.0, 0.0, 1.0], [0.0]]
    whole, first, second = (filled(part, edges, [NUMERIC] * 2) for part in (rows, rows[:37], rows[37:]))
    for name in ("counts", "sums", "sketches"):
        assert np.array_equal(getattr(whole, name), getattr(first, name) + getattr(second, name))


@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")  # told only without the compiler
@pytest.mark.parametrize("value", [1e6, -1e300, 1e308])
def test_one_outlier_is_one_count(value):
    made = filled([[0.1], [value]], [[0.0, 1.0]], [NUMERIC])
    assert made.counts[0, FIRST_CELL : FIRST_CELL + 3].sum() == made.sketches.sum() == 2
    assert made.counts[0, FIRST_CELL + 1] == 1
    assert abs(mean(made.sums[0], 0.0, UNIT)) <= 0.05 + 32 / 2
