from __future__ import annotations

import math

import numpy as np

from kernels.betting import STATE, bet, betting_interval
from kernels.confidence import best_rho, normal_bound

MEANS = np.linspace(0.0, 1.0, 201)


def interval(values, alpha=0.05, cut=()):
    capitals, state, bounds = np.zeros((2, MEANS.size)), np.zeros(STATE), np.empty(2)
    for part in np.split(np.asarray(values, dtype=np.float64), cut):
        bet(np.ascontiguousarray(part), MEANS, alpha, capitals, state)
    betting_interval(MEANS, capitals, alpha, bounds)
    return bounds, capitals


def test_first_bets_by_hand():
    """alpha = 0.2, m = 0.4, values 1 and 0."""
    _, capitals = interval([1.0, 0.0], alpha=0.2)
    place = int(np.argmin(np.abs(MEANS - 0.4)))
    first = math.sqrt(2 * math.log(10) / (1 * math.log(2) * 0.25))
    up, down = min(first, 0.5 / 0.4), min(first, 0.5 / 0.6)
    capital_up, capital_down = 1 + up * 0.6, 1 - down * 0.6
    middle = (0.5 + 1) / 2
    variance = (0.25 + (1 - middle) ** 2) / 2
    second = math.sqrt(2 * math.log(10) / (2 * math.log(3) * variance))
    up, down = min(second, 0.5 / 0.4), min(second, 0.5 / 0.6)
    capital_up *= 1 - up * 0.4
    capital_down *= 1 + down * 0.4
    np.testing.assert_allclose(np.exp(capitals[:, place]), [capital_up, capital_down], rtol=1e-12)


def test_without_values_nothing_is_known():
    bounds, _ = interval([])
    assert bounds.tolist() == [0.0, 1.0]


def test_blocks_do_not_matter():
    values = np.random.default_rng(1).random(100)
    whole, capitals = interval(values)
    parts, capitals_of_parts = interval(values, cut=(1, 7, 50))
    assert whole.tolist() == parts.tolist()
    assert capitals.tolist() == capitals_of_parts.tolist()


def test_constant_at_an_end_is_found_from_one_side():
    low, high = interval(np.zeros(500))[0]
    assert low == 0.0
    assert high < 0.02


def test_small_variance_makes_it_narrower_than_a_sub_gaussian_boundary():
    values = np.random.default_rng(2).beta(10, 30, size=1000)
    low, high = interval(values)[0]
    # values in [0, 1] are sub-Gaussian with variance 1/4
    rho = best_rho(250.0, 0.05, False)
    sub_gaussian = 2.0 * normal_bound(250.0, 0.05, rho, False) / 1000.0
    assert high - low < 0.5 * sub_gaussian


def test_mean_is_held_at_all_times():
    """At level 20 %, whether K of the true mean ever reaches 1 / alpha in 1,000 rows."""
    rng = np.random.default_rng(3)
    alpha, mean, missed = 0.2, np.array([0.25]), 0
    for _ in range(200):
        capitals, state = np.zeros((2, 1)), np.zeros(STATE)
        values = rng.beta(1.0, 3.0, size=1000)
        highest = 0.0
        for part in np.split(values, 50):
            bet(np.ascontiguousarray(part), mean, alpha, capitals, state)
            highest = max(highest, capitals.max())
        missed += highest >= math.log(2.0 / alpha)
    assert missed / 200 <= alpha
