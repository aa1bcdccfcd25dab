from __future__ import annotations

import numpy as np
import pytest

from sidecar.drift.quantiles import QUANTILES, quantiles_of, reach_of
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.lanes import lane_table
from sidecar.profile.learning import learn_reference
from sidecar.profile.pane import Pane

SPEC = FeatureSpec("n", "input", "numeric")
(FEATURE,) = learn_reference([SPEC], np.random.default_rng(1).normal(size=(5000, 1)), [()])


def quantiles(values, *, sketch=True):
    table = lane_table([SPEC], [FEATURE])
    pane = Pane.empty(0, 1, 1, table.lanes)
    pane.fill(table, np.asarray(values, dtype=np.float64).reshape(-1, 1))
    cells = np.ascontiguousarray(pane.counts[0, 4 : 4 + FEATURE.cells.size])
    return quantiles_of(
        FEATURE, cells, pane.extremes[0], pane.sketches[0] if sketch else pane.sketches[0, :0]
    )


def test_within_the_reference_they_are_those_of_the_values():
    values = np.random.default_rng(2).normal(size=5000)
    for share in QUANTILES:
        assert quantiles(values)[f"{share:g}"] == pytest.approx(np.quantile(values, share), abs=0.08)


def test_beyond_the_reference_one_wild_value_does_not_set_them():
    values = np.random.default_rng(3).normal(loc=10.0, size=5000)
    values[0] = 1e9
    for share in QUANTILES:
        true = np.quantile(values, share)
        assert quantiles(values)[f"{share:g}"] == pytest.approx(true, rel=0.04)
    assert quantiles(values, sketch=False)["0.5"] > 1e8


def test_without_values_there_is_none():
    assert set(quantiles(np.empty(0)).values()) == {None}


def test_the_reach_of_a_window_is_not_that_of_one_wild_value():
    values = np.random.default_rng(4).normal(loc=3.0, size=(5000, 1))
    values[0] = 1e9
    table = lane_table([SPEC], [FEATURE])
    pane = Pane.empty(0, 1, 1, table.lanes)
    pane.fill(table, values)
    low, high = reach_of(pane, [FEATURE])[0]
    assert low == pytest.approx(3.0 - 3.09, abs=0.4)
    assert high == pytest.approx(3.0 + 3.09, abs=0.4)
    pane.drop_sketches()
    assert reach_of(pane, [FEATURE])[0, 1] == 1e9
    assert reach_of(pane, [None])[0, 1] == 1e9
