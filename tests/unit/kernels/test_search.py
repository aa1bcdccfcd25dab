from __future__ import annotations

import numpy as np
import pytest

from kernels import search
from kernels.search_source import SIZES


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("used", [0, 1, 2, 7])
def test_the_cell_is_the_number_of_edges_at_or_below_the_value(size, used):
    rng = np.random.default_rng(size)
    edges = np.full(size - 1, np.inf)
    edges[:used] = np.sort(rng.normal(size=used))
    cell_of = getattr(search, f"cell_of_{size}")
    for value in [*edges[:used], *rng.normal(size=50), -1e308, 1e308]:
        assert cell_of(edges, value) == np.searchsorted(edges, value, side="right")


@pytest.mark.parametrize("size", SIZES)
def test_all_edges_used(size):
    edges = np.arange(size - 1, dtype=np.float64)
    cell_of = getattr(search, f"cell_of_{size}")
    assert [cell_of(edges, value) for value in np.arange(-0.5, size - 1)] == list(range(size))
