from __future__ import annotations

import pytest
from scipy.stats import chi2

from sidecar.drift.chi_square import chi_square_cdf, chi_square_quantile

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
