from __future__ import annotations

import numpy as np

from kernels.lanes import TYPE_ERROR_NAN
from kernels.runs import ABOVE, BELOW, PRESENT, TALLIES, TYPE_ERRORS, fill_runs


def watched(rows, ranges=None):
    rows = np.array(rows, dtype=np.float64)
    width = rows.shape[1]
    wide = np.tile([-np.inf, np.inf], (width, 1)) if ranges is None else np.array(ranges, dtype=np.float64)
    latest, runs = np.full(width, np.nan), np.zeros(width, dtype=np.int64)
    tallies = np.zeros((width, TALLIES), dtype=np.int64)
    fill_runs(rows, wide, latest, runs, tallies)
    return latest, runs, tallies


def test_run_is_as_long_as_the_value_stays():
    latest, runs, _ = watched([[1.0, 5.0], [2.0, 5.0], [2.0, 5.0]])
    assert latest.tolist() == [2.0, 5.0]
    assert runs.tolist() == [2, 3]


def test_missing_values_neither_end_a_run_nor_lengthen_it():
    latest, runs, _ = watched([[3.0], [np.nan], [3.0], [np.nan]])
    assert (latest[0], runs[0]) == (3.0, 2)


def test_nothing_but_missing_values_is_no_run():
    latest, runs, tallies = watched([[np.nan], [np.nan]], [[0.0, 1.0]])
    assert np.isnan(latest[0])
    assert (runs[0], tallies.sum()) == (0, 0)


def test_the_ends_of_the_range_lie_inside():
    _, _, tallies = watched([[0.0], [1.0], [-1e-300], [2.0], [np.inf]], [[0.0, 1.0]])
    assert tallies[0, [BELOW, ABOVE, PRESENT]].tolist() == [1, 2, 5]


def test_type_errors_are_told_from_missing_values():
    _, runs, tallies = watched([[TYPE_ERROR_NAN], [np.nan], [1.0]])
    assert tallies[0, [PRESENT, TYPE_ERRORS]].tolist() == [1, 1]
    assert runs[0] == 1
