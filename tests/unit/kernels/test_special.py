from __future__ import annotations

import math

import pytest
from scipy import special as peer
from scipy.stats import norm

from kernels.special import log_beta, log_beta_i, log_gamma_p, normal_cdf, zeta

SHAPES = (0.3, 1.0, 4.5, 60.0, 4000.0)


@pytest.mark.parametrize("value", [-37.0, -8.0, -1.0, 0.0, 0.3, 6.0])
def test_normal_distribution(value):
    assert normal_cdf(value) == pytest.approx(norm.cdf(value), rel=1e-12)


@pytest.mark.parametrize("a", SHAPES)
@pytest.mark.parametrize("b", SHAPES)
def test_beta_function(a, b):
    # three logarithms of gamma, the largest about 6e4, are added: 1e-16 of that is lost
    assert log_beta(a, b) == pytest.approx(peer.betaln(a, b), rel=1e-12, abs=1e-10)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("part", [0.01, 0.5, 0.98, 1.02, 2.0, 30.0])
def test_incomplete_gamma(shape, part):
    value = shape * part
    expected = peer.gammainc(shape, value)
    if expected > 1e-290:
        assert log_gamma_p(shape, value) == pytest.approx(math.log(expected), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("a", SHAPES)
@pytest.mark.parametrize("b", SHAPES)
@pytest.mark.parametrize("x", [0.001, 0.3, 0.5, 0.9])
def test_incomplete_beta(a, b, x):
    expected = peer.betainc(a, b, x)
    if expected > 1e-290:
        assert log_beta_i(a, b, x) == pytest.approx(math.log(expected), rel=1e-9, abs=1e-12)


def test_ends():
    assert log_gamma_p(2.0, 0.0) == -math.inf
    assert log_beta_i(2.0, 3.0, 0.0) == -math.inf
    assert log_beta_i(2.0, 3.0, 1.0) == 0.0


@pytest.mark.parametrize("s", [1.1, 1.4, 2.0, 7.0])
def test_zeta(s):
    assert zeta(s) == pytest.approx(peer.zeta(s), rel=1e-12)
