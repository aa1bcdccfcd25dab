from __future__ import annotations

import math

import numpy as np
import pytest

from kernels.quantile import approx_quantile

EDGES = np.array([0.0, 1.0, 2.0])


def quantile(cells, share, low=-4.0, high=10.0):
    return approx_quantile(EDGES, np.array(cells, dtype=np.int64), low, high, share)


def test_linear_within_a_cell():
    assert quantile([0, 4, 0, 0], 0.25, low=0.0, high=1.0) == 0.25


def test_exact_at_an_edge():
    assert quantile([0, 5, 5, 0], 0.5, low=0.0, high=2.0) == 1.0


def test_open_cells_end_at_the_extremes():
    assert quantile([10, 0, 0, 10], 0.0) == -4.0
    assert quantile([10, 0, 0, 10], 1.0) == 10.0
    assert quantile([10, 0, 0, 10], 0.25) == -2.0


def test_extremes_narrow_the_inner_cells():
    assert quantile([0, 8, 0, 0], 1.0, low=0.25, high=0.5) == 0.5


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_nothing_counted_is_nan(share):
    assert math.isnan(quantile([0, 0, 0, 0], share))


def test_atom_gives_the_atom():
    edges = np.array([1.0, np.nextafter(1.0, 2.0)])
    assert approx_quantile(edges, np.array([0, 7, 0]), 1.0, 1.0, 0.5) == 1.0
