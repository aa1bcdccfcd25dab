from __future__ import annotations

import math

import numpy as np
import pytest

from kernels.distance import ks, largest_difference, total_variation, wasserstein


def counts(*values):
    return np.array(values, dtype=np.int64)


def test_ks_by_hand():
    assert ks(counts(50, 50), counts(30, 70)) == pytest.approx(0.2, abs=1e-15)
    assert ks(counts(10, 0), counts(0, 3)) == 1.0
    assert ks(counts(1, 1, 2), counts(2, 2, 4)) == 0.0


def test_ks_does_not_depend_on_the_size():
    assert ks(counts(1, 2, 3), counts(3, 2, 1)) == pytest.approx(ks(counts(100, 200, 300), counts(3, 2, 1)))


def test_wasserstein_of_a_shift_by_one_cell():
    edges = np.array([0.0, 1.0, 2.0])
    assert wasserstein(edges, counts(0, 1, 0, 0), counts(0, 0, 1, 0), 0, 2) == 1.0


def test_wasserstein_of_crossing_functions():
    edges = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
    spread, middle = counts(0, 2, 0, 0, 2, 0), counts(0, 0, 2, 2, 0, 0)
    assert wasserstein(edges, spread, middle, 0, 4) == pytest.approx(1.0, abs=1e-15)


def test_wasserstein_within_one_cell_where_the_functions_cross():
    edges = np.array([0.0, 1.0])
    # F_c - F_r runs from +0.5 to -0.5: two triangles of 0.125 each
    assert wasserstein(edges, counts(0, 2, 0), counts(1, 0, 1), 0, 1) == pytest.approx(0.25, abs=1e-15)


def test_wasserstein_looks_between_its_two_edges_only():
    edges = np.array([0.0, 1.0, 2.0, 1000.0])
    reference, current = counts(0, 5, 5, 0, 0), counts(0, 5, 0, 5, 0)
    assert wasserstein(edges, reference, current, 0, 2) == pytest.approx(0.25)
    assert wasserstein(edges, reference, current, 0, 3) > 200


def test_largest_difference_is_of_single_cells():
    assert largest_difference(counts(5, 5, 0), counts(3, 3, 4)) == pytest.approx(0.4)


def test_total_variation_is_the_share_that_moved():
    assert total_variation(counts(5, 5, 0), counts(3, 3, 4)) == pytest.approx(0.4)
    assert total_variation(counts(1, 0), counts(0, 1)) == 1.0


@pytest.mark.parametrize(("a", "b"), [((0, 0), (1, 2)), ((1, 2), (0, 0))])
def test_empty_side_is_nan(a, b):
    assert math.isnan(ks(counts(*a), counts(*b)))
    assert math.isnan(largest_difference(counts(*a), counts(*b)))
    assert math.isnan(total_variation(counts(*a), counts(*b)))
    assert math.isnan(wasserstein(np.array([0.0]), counts(*a), counts(*b), 0, 0))
