from __future__ import annotations

import numpy as np
import pytest

from sidecar.profile.feature import FeatureSpec
from sidecar.profile.learning import learn_reference
from sidecar.profile.unseen_pane import Unseen
from sidecar.quality.fleet import fleet_quality
from tests.support.beside import quality

SPECS = [FeatureSpec("colour", "input", "categorical"), FeatureSpec("age", "input", "numeric")]
ROWS = np.column_stack([np.arange(300.0) % 2 + 1, np.arange(300.0)])
FEATURES = learn_reference(SPECS, ROWS, [("red", "blue"), ()])


class TestFleetQuality:
    def test_adds_what_all_have_counted(self) -> None:
        panes = [
            quality(0, 3, width=2, messages=2),
            quality(10, 4, width=2),
            quality(0, 2, width=2, messages=1),
        ]
        report = fleet_quality("input", FEATURES, panes)
        found = {
            (count.rate.name, count.rate.feature): (count.successes, count.trials) for count in report.counts
        }
        assert found["missing", "age"] == (0, 9)
        assert found["unseen", "colour"] == (0, 9)
        assert found["shape", None] == (0, 3)
        assert report.rows == 9
        assert report.distinct_rows == pytest.approx(4.0, abs=0.05)  # the same four registers

    def test_names_what_is_unseen_of_categorical_features(self) -> None:
        report = fleet_quality("input", FEATURES, [quality(0, 3, width=2), quality(10, 4, width=2)])
        assert report.unseen.keys() == {"colour"}
        assert report.unseen["colour"].categories == (Unseen("new", 7, 0),)

    def test_of_nobody_is_nothing(self) -> None:
        report = fleet_quality("output", FEATURES, [])
        assert (report.rows, report.distinct_rows) == (0, 0.0)
        assert {count.trials for count in report.counts} == {0}
        assert [entry["rate"] for entry in report.quality_json()] == ["duplicate_rows", "shape"]

    def test_says_nothing_of_alarms(self) -> None:
        entries = fleet_quality("input", FEATURES, [quality(0, 3, width=2)]).quality_json()
        assert {entry["state"] for entry in entries} == {None}
