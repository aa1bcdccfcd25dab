from __future__ import annotations

import numpy as np
import pytest

from kernels.lanes import FIRST_CELL, MISSING, NEG_INF, POS_INF
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.learning import LEARN_VALUES, Learning, learn_reference

NUMBER = FeatureSpec("n", "input", "numeric")
TEXT = FeatureSpec("c", "input", "categorical")


def test_counts_are_exact():
    rng = np.random.default_rng(1)
    column = rng.normal(size=1000)
    column[:7] = np.nan
    column[7], column[8] = np.inf, -np.inf
    (feature,) = learn_reference([NUMBER], column[:, None], [()])
    finite = column[np.isfinite(column)]
    cells = np.bincount(
        np.searchsorted(feature.edges, finite, side="right"), minlength=feature.edges.size + 1
    )
    assert feature.cells.tolist() == cells.tolist()
    assert feature.counts[[MISSING, POS_INF, NEG_INF]].tolist() == [7, 1, 1]
    assert feature.rows == 1000


def test_codes_beyond_the_categories_are_other():
    (feature,) = learn_reference([TEXT], np.array([[1.0], [2.0], [3.0], [0.0], [np.nan]]), [("a", "b")])
    assert feature.counts[FIRST_CELL:].tolist() == [2, 1, 1]
    assert feature.counts[MISSING] == 1


def test_column_without_values():
    (feature,) = learn_reference([NUMBER], np.full((10, 1), np.nan), [()])
    assert feature.edges.size == 0
    assert (feature.rows, feature.present) == (10, 0)


def test_huge_value_does_not_spoil_the_pivot():
    column = np.ones(1000)
    column[0] = 1e300
    (feature,) = learn_reference([NUMBER], column[:, None], [()])
    assert feature.pivot == 1.0


def test_learning_takes_what_it_needs():
    learning = Learning([2, 0], 5)
    matrix = np.arange(12.0).reshape(4, 3)
    assert learning.take(matrix) == 4
    assert learning.active
    matrix[:] = -1.0
    assert learning.take(np.full((4, 3), 7.0)) == 1
    assert not learning.active
    assert learning.gathered().tolist() == [[2, 0], [5, 3], [8, 6], [11, 9], [7, 7]]


def test_learning_nothing_is_never_active():
    assert not Learning([], 100).active


@pytest.mark.parametrize("columns", [1, 100, 4096])
def test_rows_kept_are_bounded(columns):
    learning = Learning(range(columns), 10**9)
    assert 1 <= learning.limit * columns <= LEARN_VALUES


def test_finished_learning_lets_go():
    learning = Learning([0], 5)
    learning.take(np.zeros((3, 1)))
    learning.finish()
    assert not learning.active
    assert learning.gathered().shape == (0, 1)


def test_restored_learning_goes_on():
    learning = Learning([0], 5)
    learning.restore(np.zeros((3, 1)))
    assert learning.take(np.ones((9, 1))) == 2
    assert learning.gathered().ravel().tolist() == [0, 0, 0, 1, 1]
