from __future__ import annotations

import sys

import numpy as np
import pytest
from river import drift

from sidecar.config.river import RiverConfig
from sidecar.drift.river_detectors import RiverDetectors
from sidecar.errors import ConfigError
from sidecar.profile.feature import FeatureSpec

SPECS = [FeatureSpec("x", "input", "numeric"), FeatureSpec("wrong", "output", "numeric")]
MADE = {
    "ADWIN": drift.ADWIN,
    "PageHinkley": drift.PageHinkley,
    "DDM": drift.binary.DDM,
    "KSWIN": lambda: drift.KSWIN(seed=1),
}


def rows_of(n=400, jump=True, seed=3):
    rng = np.random.default_rng(seed)
    high = (np.arange(n) >= n // 2) & jump
    return np.column_stack([rng.normal(size=n) + 3.0 * high, rng.random(n) < 0.1 + 0.5 * high]).astype(float)


@pytest.mark.parametrize(("name", "feature"), [("ADWIN", 0), ("PageHinkley", 0), ("DDM", 1), ("KSWIN", 0)])
def test_says_what_the_library_says(name, feature):
    rows = rows_of()
    detector, expected = MADE[name](), 0
    for value in rows[:, feature].tolist():
        detector.update(value)
        expected += detector.drift_detected
    watched = RiverDetectors([RiverConfig(detector=name, feature=SPECS[feature].name)], SPECS)
    watched.fill(rows[:150], 60.0)
    watched.fill(rows[150:], 120.0)
    assert expected >= 1
    assert watched.to_json() == [
        {
            "detector": name,
            "feature": SPECS[feature].name,
            "values": 400,
            "alarms": expected,
            "last_alarm_unix_s": 120.0,
            "guarantee": False,
        }
    ]


def test_parameters_reach_it():
    chosen = [
        RiverConfig(detector="PageHinkley", feature="x", parameters={"threshold": 1e9}),
        RiverConfig(detector="PageHinkley", feature="x"),
    ]
    watched = RiverDetectors(chosen, SPECS)
    watched.fill(rows_of(), 0.0)
    deaf, plain = watched.to_json()
    assert (deaf["alarms"], deaf["last_alarm_unix_s"]) == (0, None)
    assert plain["alarms"] >= 1


def test_missing_and_infinite_values_are_passed_over():
    rows = rows_of(40)
    rows[:5, 0], rows[5, 0] = np.nan, np.inf
    watched = RiverDetectors([RiverConfig(detector="ADWIN", feature="x")], SPECS)
    watched.fill(rows, 0.0)
    assert watched.to_json()[0]["values"] == 34


def test_feature_that_is_not_there():
    watched = RiverDetectors([RiverConfig(detector="ADWIN", feature="other")], SPECS)
    watched.fill(rows_of(), 0.0)
    assert watched.to_json() == []


def test_missing_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "river.drift", None)
    with pytest.raises(ConfigError) as caught:
        RiverDetectors([RiverConfig(detector="ADWIN", feature="x")], SPECS)
    assert str(caught.value) == "alarm.river: expected river to be installed (extra 'river'), got none"
    assert RiverDetectors([], SPECS).to_json() == []
