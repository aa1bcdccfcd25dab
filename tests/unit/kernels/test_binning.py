from __future__ import annotations

import numpy as np
import pytest

from kernels.binning import EDGES, fill_cells


def padded(*edges):
    row = np.full(EDGES, np.inf)
    row[: len(edges)] = edges
    return row


def cells(values, edges):
    found = np.full(len(values), -1, dtype=np.int64)
    fill_cells(np.array(values, dtype=np.float64), edges, found)
    return found.tolist()


def test_cell_is_the_number_of_edges_at_or_below_the_value():
    assert cells([-1.0, 0.0, 0.5, 1.0, 2.0, 9.0], padded(0.0, 1.0, 2.0)) == [0, 1, 1, 2, 3, 3]


def test_all_31_edges_are_searched():
    edges = np.arange(EDGES, dtype=np.float64)
    values = [*(k - 0.5 for k in range(EDGES + 1)), *map(float, range(EDGES))]
    assert cells(values, edges) == [*range(EDGES + 1), *range(1, EDGES + 1)]


def test_without_edges_everything_is_in_cell_0():
    assert cells([-1e308, 0.0, 1.7e308], padded()) == [0, 0, 0]


def test_largest_float_never_reaches_the_padding():
    assert cells([np.finfo(np.float64).max], padded(0.0)) == [1]


@pytest.mark.parametrize("value", [0.1, 1.0, -3.5, 1e300, 5e-324])
def test_atom_has_a_cell_of_its_own(value):
    edges = padded(value, np.nextafter(value, np.inf))
    around = [np.nextafter(value, -np.inf), value, np.nextafter(value, np.inf)]
    assert cells(around, edges) == [0, 1, 2]


def test_minus_zero_is_zero():
    assert cells([-0.0, 0.0], padded(0.0)) == [1, 1]
