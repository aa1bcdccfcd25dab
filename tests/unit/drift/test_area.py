from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import expon, norm, t

from sidecar.drift.area import NO_AREA, AreaNoise, area_noise

SHARES = np.r_[0.001, 0.01, np.arange(1, 20) / 20, 0.99, 0.999]


@pytest.mark.parametrize(
    "edges",
    [norm.ppf(SHARES), SHARES, expon.ppf(SHARES), t.ppf(SHARES, 3)],
    ids=["normal", "even", "exp", "t"],
)
def test_quantiles_are_those_of_simulated_bridges(edges):
    rng = np.random.default_rng(1)
    covariance = np.minimum.outer(SHARES, SHARES) - np.outer(SHARES, SHARES)
    bridges = rng.multivariate_normal(np.zeros(SHARES.size), covariance, size=20_000)
    widths = np.r_[0.0, 0.0, np.diff(edges)[1:-1], 0.0, 0.0]
    weights = (widths[1:] + widths[:-1]) / 2
    areas, signed = np.abs(bridges) @ weights, bridges @ weights
    noise = area_noise(SHARES, widths)
    assert noise.square == pytest.approx(np.mean(areas**2), rel=0.03)
    assert noise.signed_square == pytest.approx(np.mean(signed**2), rel=0.05)
    for share in (0.95, 0.99):
        # 20,000 draws: the 99 % quantile has a standard error of about 1 %
        assert noise.quantile(share) == pytest.approx(np.quantile(areas, share), rel=0.05)


def test_one_width_is_a_half_normal_variable():
    noise = AreaNoise(0.25, 0.25)
    assert noise.quantile(0.99) == pytest.approx(0.5 * 2.5758, rel=1e-4)


def test_ends_of_the_distribution_add_nothing():
    shares = np.array([0.0, 0.3, 0.6, 1.0 + 1e-15])  # a sum of shares may end a little above 1
    noise = area_noise(shares, np.array([0.0, 1.0, 1.0, 1.0, 0.0]))
    assert math.isfinite(noise.quantile(0.99))
    assert noise.square > noise.signed_square > 0.0


def test_no_area():
    assert NO_AREA.quantile(0.99) == 0.0
