from __future__ import annotations

import pytest
from scipy.stats import chi2, ncx2

from sidecar.drift.chi_square import (
    chi_square_cdf,
    chi_square_quantile,
    chi_square_tail,
    detectable_noncentrality,
)

FREEDOMS = [1, 2, 3, 5, 9, 19, 31, 64, 200]


@pytest.mark.parametrize("freedom", FREEDOMS)
@pytest.mark.parametrize("share", [0.001, 0.05, 0.5, 0.95, 0.99, 0.9999])
def test_quantile_is_scipys(share, freedom):
    assert chi_square_quantile(share, freedom) == pytest.approx(chi2.ppf(share, freedom), rel=1e-10)


@pytest.mark.parametrize("freedom", FREEDOMS)
@pytest.mark.parametrize("value", [0.0, 1e-6, 0.1, 1.0, 5.0, 20.0, 80.0, 400.0])
def test_distribution_function_is_scipys(value, freedom):
    assert chi_square_cdf(value, freedom) == pytest.approx(chi2.cdf(value, freedom), rel=1e-11, abs=1e-15)


def test_worked_example():
    assert chi_square_quantile(0.99, 9) == pytest.approx(21.666, abs=5e-4)
    assert detectable_noncentrality(0.99, 0.8, 9) == pytest.approx(21.4, abs=0.05)


@pytest.mark.parametrize("freedom", FREEDOMS)
@pytest.mark.parametrize("value", [0.0, 0.1, 5.0, 80.0, 400.0, 1300.0])
def test_tail_is_scipys_however_small(value, freedom):
    assert chi_square_tail(value, freedom) == pytest.approx(chi2.sf(value, freedom), rel=1e-9)


@pytest.mark.parametrize("freedom", FREEDOMS)
@pytest.mark.parametrize("power", [0.5, 0.8, 0.99])
def test_a_change_of_that_size_is_seen_that_often(power, freedom):
    noncentrality = detectable_noncentrality(0.99, power, freedom)
    assert ncx2.sf(chi2.ppf(0.99, freedom), freedom, noncentrality) == pytest.approx(power, abs=1e-9)
