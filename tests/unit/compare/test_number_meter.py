from __future__ import annotations

import json
import math

import numpy as np
import pytest

from sidecar.compare.documents import Tolerance
from sidecar.compare.number_meter import NumberMeter


def filled(primary, shadow, blocks=1, **settings):
    meter = NumberMeter(settings.pop("tolerance", Tolerance()), **settings)
    pairs = zip(np.array_split(primary, blocks), np.array_split(shadow, blocks), strict=True)
    apart = [meter.add(ours, theirs, number << 40) for number, (ours, theirs) in enumerate(pairs)]
    return meter, np.concatenate(apart)


def test_errors_bias_and_order():
    rng = np.random.default_rng(1)
    primary = rng.normal(size=1000)
    meter, apart = filled(primary, primary + 0.25, 10, tolerance=Tolerance(absolute=0.3))
    found = meter.to_json()
    assert not apart.any()
    assert found["within"] == 1.0
    assert found["bias"] == pytest.approx(0.25)
    assert 0.25 <= found["absolute_error"]["p99"] <= 0.25 * 1.125
    assert found["rank_correlation"] == pytest.approx(1.0)
    assert found["flips"] is None


def test_with_a_threshold_only_a_flip_is_a_disagreement():
    primary, shadow = np.array([0.1, 0.49, 0.9, 0.6]), np.array([0.3, 0.51, 0.51, 0.4])
    meter, apart = filled(primary, shadow, threshold=0.5)
    assert apart.tolist() == [False, True, False, True]
    assert (meter.to_json()["flips"], meter.to_json()["within"]) == (0.5, 0.0)


def test_units_in_the_last_place():
    found, _ = filled(np.array([0.1]), np.nextafter(np.array([0.1]), 1.0))
    assert 1.0 <= found.to_json()["ulp_error"]["p50"] <= 1.125


def test_order_does_not_change_a_figure():
    rng = np.random.default_rng(2)
    primary, shadow = rng.normal(size=500) * 1e8, rng.normal(size=500)
    forward, backward = NumberMeter(Tolerance()), NumberMeter(Tolerance())
    for place in range(500):
        forward.add(primary[place : place + 1], shadow[place : place + 1], place)
        back = 499 - place
        backward.add(primary[back : back + 1], shadow[back : back + 1], back)
    assert forward.to_json() == backward.to_json()


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf, 1e308, -1e308, 0.0])
def test_odd_numbers_give_figures_that_json_holds(odd):
    meter, _ = filled(np.array([odd, 1.0, odd]), np.array([1.0, odd, -odd]))
    json.dumps(meter.to_json(), allow_nan=False)


def test_before_the_first_row():
    json.dumps(NumberMeter(Tolerance(), 0.5).to_json(), allow_nan=False)
