from __future__ import annotations

import numpy as np
import pytest

from sidecar.profile.feature import FeatureSpec
from sidecar.profile.learning import learn_reference
from sidecar.profile.unseen_pane import Unseen
from sidecar.quality.fleet import fleet_quality
from sidecar.quality.report import QualityVerdict
from tests.support.beside import evidence, quality

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

    def test_adds_what_all_have_learnt(self) -> None:
        told = [evidence(5, width=2, blocks=40), evidence(5, width=2, blocks=30)]
        for some, share in ((told, 0.5), (told[:1], None), ([], None)):
            report = fleet_quality("input", FEATURES, [quality(0, 3, width=2)], some)
            rates = {(count.rate.name, count.rate.feature): count.rate for count in report.counts}
            assert rates["duplicate_rows", None].reference_share == share
            assert rates["constant", "age"].reference_share == (None if share is None else 1.0)
            assert rates["missing", "age"].reference_share == 0.0

    def test_says_of_alarms_what_it_is_given(self) -> None:
        verdict = QualityVerdict("violated", 12.0, 9.0, None)
        place = 5 * len(SPECS)  # the first rate of rows
        for given, state in (({}, None), ({place: verdict}, "violated")):
            report = fleet_quality("input", FEATURES, [quality(0, 3, width=2)], (), given)
            entries = {entry["rate"]: entry["state"] for entry in report.quality_json()}
            assert entries["duplicate_rows"] == state
            assert entries["shape"] is None
