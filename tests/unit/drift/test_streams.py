from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from sidecar.drift.rates import ExtraRate, make_rates
from sidecar.drift.streams import ODDS, POSITION_WEIGHT, RARE_ODDS, SPREAD_WEIGHT, make_sides
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.learning import learn_reference

RATES = make_rates([], 0.01, [ExtraRate("a", 0.3, 1e4), ExtraRate("b", 0.0, 1e4), ExtraRate("c", 1.0, 1e4)])


def test_sides_whose_band_reaches_the_end_are_left_out():
    sides = make_sides(RATES, all_of_them=False)
    assert sides.rate_of.tolist() == [0, 0, 1, 2]
    assert sides.rises.tolist() == [True, False, True, False]
    assert sides.starts.tolist() == [0, 2, 3, 4]
    assert make_sides(RATES, all_of_them=True).rate_of.tolist() == [0, 0, 1, 1, 2, 2]


def test_gains_are_log_ratios_of_odds_beyond_the_band():
    gains = make_sides(RATES, all_of_them=False).gains(RATES, np.ones(3))
    up, low = RATES.upper[0], RATES.lower[0]
    for k, odds in enumerate(ODDS):
        theta = odds * up / (1 - up + odds * up)
        assert theta / (1 - theta) == pytest.approx(odds * up / (1 - up))
        assert gains[0, k] == pytest.approx([math.log(theta / up), math.log((1 - theta) / (1 - up))])
        fallen = low / (odds * (1 - low) + low)  # odds of failure, R times those at the lower end
        assert gains[1, k] == pytest.approx([math.log(fallen / low), math.log((1 - fallen) / (1 - low))])


def test_what_is_rare_is_asked_for_higher_odds():
    gains = make_sides(RATES, all_of_them=False).gains(RATES, np.ones(3))
    rare, share = gains[2], RATES.upper[1]
    assert share < 0.02
    thetas = [odds * share / (1 - share + odds * share) for odds in RARE_ODDS]
    assert rare[:, 0] == pytest.approx(np.log(thetas) - math.log(share))
    assert share * np.exp(rare[:, 0]) + (1 - share) * np.exp(rare[:, 1]) == pytest.approx(np.ones(len(ODDS)))


def test_no_stream_grows_on_average_anywhere_in_the_band():
    gains = make_sides(RATES, all_of_them=False).gains(RATES, np.ones(3))
    for theta in np.linspace(RATES.lower[0], RATES.upper[0], 9):
        means = theta * np.exp(gains[:2, :, 0]) + (1 - theta) * np.exp(gains[:2, :, 1])
        assert np.all(means <= 1 + 1e-12)


def test_design_effect_divides_the_gains():
    sides = make_sides(RATES, all_of_them=False)
    plain = sides.gains(RATES, np.ones(3))
    assert sides.gains(RATES, np.full(3, 4.0)) == pytest.approx(plain / 4)


def test_side_at_rest_gains_nothing():
    sides = make_sides(RATES, all_of_them=True)
    vacuous = replace(RATES, upper=np.array([1.0, 0.1, 1.2]), lower=np.array([0.2, -0.1, 0.9]))
    gains = sides.gains(vacuous, np.ones(3))
    assert [bool(gains[d].any()) for d in range(6)] == [False, True, True, False, False, True]


def test_weights_of_a_feature_add_up_to_one():
    rng = np.random.default_rng(1)
    specs = [FeatureSpec("n", "input", "numeric"), FeatureSpec("c", "input", "categorical")]
    rows = np.column_stack([rng.normal(size=2000), rng.choice([1.0, 2.0], size=2000)])
    rates = make_rates(
        learn_reference(specs, rows, [(), ("a", "b")]), 0.01, [ExtraRate("errors", 0.1, 100.0)]
    )
    sides = make_sides(rates, all_of_them=False)
    weights = sides.weights(rates)
    groups = rates.groups[sides.rate_of]
    assert np.bincount(groups, weights=weights) == pytest.approx([1.0, 1.0, 1.0])
    assert weights[np.isin(sides.rate_of, rates.positions.at)].sum() == pytest.approx(POSITION_WEIGHT)
    assert weights[np.isin(sides.rate_of, rates.spreads)].sum() == pytest.approx(SPREAD_WEIGHT)
    middle, tail = (rates.places.index(place) for place in ("q0.5", "q0.001"))
    of_rate = {place: weights[sides.rate_of == place].max() for place in (middle, tail)}
    assert of_rate[tail] == pytest.approx(of_rate[middle] * (0.25 / 0.000999) ** 0.75, rel=0.05)
