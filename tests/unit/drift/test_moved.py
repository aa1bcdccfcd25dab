from __future__ import annotations

import numpy as np
import pytest

from sidecar.drift.moved import Moved, name_move
from sidecar.drift.rates import make_rates
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.learning import learn_reference

# 0, 1, ..., 999: the quantile q has the edge 1000 q, less one
(NUMBER,) = learn_reference([FeatureSpec("n", "input", "numeric")], np.arange(1000.0)[:, None], [()])
RATES = make_rates([NUMBER], 0.01)
MEDIAN = RATES.places.index("q0.5")


def since_of(values, n=1000.0):
    """Tallies of values that are spread evenly over [low, high]."""
    low, high = values
    since = np.zeros((RATES.shares.size, 3))
    below = np.clip((NUMBER.edges - low) / (high - low), 0.0, 1.0)
    since[RATES.is_quantile, 0] = n * below
    since[:, 1] = n
    since[:, 2] = n * RATES.shares
    return since


def test_quantile_moves_against_the_share_below_its_edge():
    moved = name_move(RATES, MEDIAN, False, since_of((200.0, 1200.0)), NUMBER, np.array([200.0, 1200.0]))
    assert (moved.at, moved.direction) == ("q0.5", "up")
    assert moved.share == pytest.approx(0.5, abs=2e-3)
    assert moved.new_share == pytest.approx(0.3, abs=2e-3)
    assert moved.value == pytest.approx(500.0, abs=2)
    assert moved.new_value == pytest.approx(700.0, abs=3)


def test_value_in_the_outer_cells_lies_between_edge_and_extreme():
    since, last = since_of((5000.0, 6000.0)), float(NUMBER.edges[-1])
    beyond = name_move(RATES, MEDIAN, False, since, NUMBER, np.array([5000.0, 6000.0]))
    assert beyond.new_value == pytest.approx(last + 0.5 * (6000 - last), rel=0.01)
    unknown = name_move(RATES, MEDIAN, False, since, NUMBER, np.array([np.inf, -np.inf]))
    assert unknown.new_value == pytest.approx(last)
    infinite = name_move(RATES, MEDIAN, False, since, NUMBER, np.array([0.0, np.inf]))
    assert infinite.new_value is None
    below = name_move(RATES, MEDIAN, True, since_of((-900.0, -100.0)), NUMBER, np.array([-900.0, -100.0]))
    first = float(NUMBER.edges[0])
    assert below.direction == "down"
    assert -900.0 < below.new_value < first


def test_share_of_the_reference_is_that_of_the_hours_since():
    since = since_of((0.0, 1000.0))
    since[MEDIAN, 2] = 0.6 * since[MEDIAN, 1]
    assert name_move(RATES, MEDIAN, True, since, NUMBER, None).share == pytest.approx(0.6)


def test_no_rows_since():
    moved = name_move(RATES, MEDIAN, True, np.zeros((RATES.shares.size, 3)), NUMBER, None)
    assert (moved.new_share, moved.new_value) == (None, None)
    assert moved.share == pytest.approx(RATES.shares[MEDIAN])


def test_rates_that_are_no_quantiles_have_no_value():
    since = since_of((0.0, 1000.0))
    since[0, 0] = 250.0
    assert name_move(RATES, 0, True, since, NUMBER, None) == Moved("missing", "up", 0.0, 0.25)


def test_to_json():
    assert Moved("q0.5", "up", 0.5, 0.3, 10.0, 12.5).to_json() == {
        "at": "q0.5",
        "direction": "up",
        "from": 0.5,
        "to": 0.3,
        "from_value": 10.0,
        "to_value": 12.5,
    }
