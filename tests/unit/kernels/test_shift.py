from __future__ import annotations

import math

import numpy as np
import pytest

from kernels.moments import SUMS, fill_sums, unit_for
from kernels.shift import MEAN, ROWS, VARIANCE, limited_moments


def moments_of(values, limits=(-6.0, 6.0), pivot=0.0, spread=1.0):
    values = np.asarray(values, dtype=np.float64)
    unit = unit_for(spread, pivot)
    sums = np.zeros(SUMS, dtype=np.int64)
    fill_sums(values, pivot, unit, sums)
    extremes = np.array([values.min(initial=np.inf), values.max(initial=-np.inf)])
    found = np.empty(3)
    limited_moments(sums, extremes, np.array([pivot, unit, *limits]), found)
    return found * [1.0, unit, unit * unit]


def test_values_within_the_limits_are_taken_as_they_are():
    values = np.random.default_rng(1).normal(size=500)
    found = moments_of(values, pivot=0.25)
    assert found[ROWS] == 500
    # values are whole numbers of 2^-26 scales
    assert found[MEAN] + 0.25 == pytest.approx(values.mean(), abs=1e-8)
    assert found[VARIANCE] == pytest.approx(values.var(ddof=1), rel=1e-7)


@pytest.mark.parametrize("wild", [7.0, 1e6, 1e300])
@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_one_wild_value_counts_as_one_at_the_limit(wild, side):
    values = np.random.default_rng(2).normal(size=200)
    values[0] = side * wild
    held = values.copy()
    held[0] = side * 6.0
    found = moments_of(values)
    assert found[MEAN] == pytest.approx(held.mean(), abs=1e-7)
    assert found[VARIANCE] == pytest.approx(held.var(ddof=1), rel=1e-6)


def test_wild_values_on_both_sides_are_both_held():
    values = np.r_[-1e9, np.linspace(-1, 1, 99), 1e9]
    held = np.r_[-6.0, np.linspace(-1, 1, 99), 6.0]
    assert moments_of(values)[VARIANCE] == pytest.approx(held.var(ddof=1), rel=1e-6)


def test_a_sample_beyond_the_limits_stays_where_it_is():
    """All values moved by 20: the largest is held no further in than the others lie."""
    values = 20.0 + np.random.default_rng(3).normal(size=400)
    found = moments_of(values)
    assert found[MEAN] == pytest.approx(20.0, abs=0.2)
    assert found[VARIANCE] == pytest.approx(values.var(ddof=1), rel=0.1)


def test_few_values():
    assert moments_of([])[ROWS] == 0
    assert math.isnan(moments_of([])[MEAN])
    one = moments_of([9.0])
    assert one[MEAN] == pytest.approx(9.0)
    assert math.isnan(one[VARIANCE])
    assert moments_of([2.0, 4.0])[VARIANCE] == pytest.approx(2.0, rel=1e-7)
