from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from kernels.cells import count_cells

N_CELLS = 4


def counted(observations, n_axes):
    places = n_axes + n_axes * (n_axes - 1) // 2
    counts = np.zeros((places, N_CELLS**2), dtype=np.int64)
    weights = np.zeros((places, N_CELLS**2))
    for cells, weight in observations:
        count_cells(np.array(cells, dtype=np.int64), N_CELLS, weight, counts, weights)
    return counts, weights


class TestCountCells:
    def test_counts_each_axis_and_then_each_pair(self):
        counts, weights = counted([((3, 0, 2), 0.5)], 3)
        found = [(place, cell) for place, cell in zip(*np.nonzero(counts), strict=True)]
        assert found == [(0, 3), (1, 0), (2, 2), (3, 12), (4, 14), (5, 2)]
        np.testing.assert_array_equal(weights, 0.5 * counts)

    @pytest.mark.parametrize("n_axes", [0, 1, 2, 5])
    def test_agrees_with_counting_by_hand(self, n_axes):
        rng = np.random.default_rng(n_axes)
        observations = [(rng.integers(0, N_CELLS, n_axes), float(rng.integers(0, 3))) for _ in range(50)]
        counts, weights = counted(observations, n_axes)
        rows = [(axis,) for axis in range(n_axes)] + list(combinations(range(n_axes), 2))
        for place, axes in enumerate(rows):
            for cell in range(N_CELLS ** len(axes)):
                at = (cell,) if len(axes) == 1 else divmod(cell, N_CELLS)
                inside = [weight for cells, weight in observations if tuple(cells[list(axes)]) == at]
                assert (counts[place, cell], weights[place, cell]) == (len(inside), sum(inside))
        assert counts.sum() == 50 * len(rows)
