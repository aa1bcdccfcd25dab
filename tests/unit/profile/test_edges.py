from __future__ import annotations

import numpy as np
import pytest

from kernels.binning import EDGES
from sidecar.profile.edges import SHARES, quantile_edges


def test_continuous_values_are_cut_at_their_quantiles():
    values = np.random.default_rng(1).normal(size=5000)
    edges = quantile_edges(values)
    assert edges.size == len(SHARES) == 23
    below = np.searchsorted(np.sort(values), edges) / 5000
    assert below == pytest.approx(SHARES, abs=0.001)


def test_order_of_the_values_does_not_matter():
    values = np.random.default_rng(2).integers(0, 40, size=3000).astype(float)
    assert np.array_equal(quantile_edges(values), quantile_edges(values[::-1]))


def test_atoms_get_cells_of_their_own():
    values = np.concatenate([np.zeros(400), np.random.default_rng(3).exponential(size=600)])
    edges = quantile_edges(values)
    assert 0.0 in edges
    assert np.nextafter(0.0, 1.0) in edges


def test_constant_has_a_cell_and_two_sides():
    assert quantile_edges(np.full(100, 3.0)).tolist() == [3.0, np.nextafter(3.0, 4.0)]


def test_single_precision_of_an_atom_falls_into_its_cell():
    edges = quantile_edges(np.full(100, 0.1))
    cells = np.searchsorted(edges, [0.1, float(np.float32(0.1)), 0.1001, 0.0999], side="right")
    assert cells.tolist() == [1, 1, 2, 0]


@pytest.mark.parametrize("distinct", [2, 10, 16, 31, 50, 200])
def test_never_more_than_31_and_both_ends_stay(distinct):
    values = np.random.default_rng(distinct).integers(0, distinct, size=20_000).astype(float)
    edges = quantile_edges(values)
    assert edges.size <= EDGES
    assert np.all(np.diff(edges) > 0)
    assert edges[0] == 0.0
    assert edges[-1] >= distinct - 1


def test_few_whole_numbers_keep_one_cell_each():
    values = np.random.default_rng(4).integers(0, 24, size=10_000).astype(float)
    edges = quantile_edges(values)
    cells = np.searchsorted(edges, np.arange(24.0), side="right")
    assert np.unique(cells).size == 24


def test_nan_and_infinities_make_no_edges():
    values = np.array([np.nan, np.inf, -np.inf, 1.0, 2.0, 3.0])
    assert np.isfinite(quantile_edges(values)).all()
    assert quantile_edges(values[:3]).size == 0
    assert quantile_edges(np.empty(0)).size == 0


def test_one_outlier_moves_no_inner_edge():
    values = np.random.default_rng(5).normal(size=10_000)
    spoiled = values.copy()
    spoiled[0] = 1e300
    assert quantile_edges(spoiled)[1:-1] == pytest.approx(quantile_edges(values)[1:-1], abs=0.05)


def test_largest_float_as_an_atom():
    edges = quantile_edges(np.full(50, np.finfo(np.float64).max))
    assert np.isfinite(edges).all()
