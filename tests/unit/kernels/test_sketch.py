from __future__ import annotations

import math

import numpy as np
import pytest

from kernels.moments import unit_for
from kernels.sketch import CELLS, CENTRE, fill_sketch, sketch_quantile

SHARES = (0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999)


def sketch_of(values, pivot, unit):
    cells = np.zeros(CELLS, dtype=np.int64)
    fill_sketch(np.asarray(values, dtype=np.float64), pivot, unit, cells)
    return cells


@pytest.mark.parametrize("shift", [0.0, 0.3, 4.0, 25.0])
@pytest.mark.parametrize("share", SHARES)
def test_quantiles_are_within_a_cell_of_the_true_ones(share, shift):
    """Also far outside of where the reference was: 1/32 of the distance from the pivot."""
    values = np.random.default_rng(3).normal(loc=7.0 + shift, size=20_000)
    unit = unit_for(1.0, 7.0)
    true = float(np.quantile(values, share, method="inverted_cdf"))
    allowed = max(abs(true - 7.0) / 32, 2.0**-8)
    assert sketch_quantile(sketch_of(values, 7.0, unit), 7.0, unit, share) == pytest.approx(true, abs=allowed)


def test_what_lies_beyond_32_scales_is_in_the_outermost_cells():
    cells = sketch_of([1e300, -1e300, 33.0, -33.0, 0.0], 0.0, unit_for(1.0, 0.0))
    assert (cells[0], cells[CENTRE], cells[-1]) == (2, 1, 2)
    assert sketch_quantile(cells, 0.0, unit_for(1.0, 0.0), 1.0) == 32.0
    assert sketch_quantile(cells, 0.0, unit_for(1.0, 0.0), 0.0) == -32.0


def test_mirrored_values_fall_into_mirrored_cells():
    values = np.random.default_rng(4).normal(size=1000)
    unit = unit_for(1.0, 0.0)
    assert sketch_of(values, 0.0, unit)[::-1].tolist() == sketch_of(-values, 0.0, unit).tolist()


def test_nan_and_infinities_are_passed_over():
    assert sketch_of([math.nan, math.inf, -math.inf], 0.0, 1.0).sum() == 0


def test_no_values_no_quantile():
    assert math.isnan(sketch_quantile(np.zeros(CELLS, dtype=np.int64), 0.0, 1.0, 0.5))
