from __future__ import annotations

import importlib.util

import pytest

from sidecar.config import river
from sidecar.config.river import PARAMETERS, RiverConfig, check_river
from sidecar.errors import ConfigError


def test_nothing_chosen_needs_no_library(monkeypatch):
    monkeypatch.setattr(river, "find_spec", lambda name: None)
    check_river(())


def test_missing_library(monkeypatch):
    monkeypatch.setattr(river, "find_spec", lambda name: None)
    with pytest.raises(ConfigError) as caught:
        check_river((RiverConfig(detector="ADWIN", feature="x"),))
    assert str(caught.value) == "alarm.river: expected river to be installed (extra 'river'), got none"


def test_unknown_parameter():
    entries = (
        RiverConfig(detector="ADWIN", feature="x", parameters={"delta": 0.1}),
        RiverConfig(detector="DDM", feature="x", parameters={"delta": 0.1}),
    )
    with pytest.raises(ConfigError) as caught:
        check_river(entries)
    known = "warm_start, warning_threshold, drift_threshold"
    assert str(caught.value) == f"alarm.river[1].parameters: expected some of {known}, got 'delta'"


def test_parameters_are_those_of_the_library():
    """Every name is one that river's constructor takes."""
    import inspect

    from river import drift

    assert importlib.util.find_spec("river") is not None
    for name, parameters in PARAMETERS.items():
        made = getattr(drift.binary if name == "DDM" else drift, name)
        assert set(parameters) <= set(inspect.signature(made).parameters)
