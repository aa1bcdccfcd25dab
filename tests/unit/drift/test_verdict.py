from __future__ import annotations

import json

import numpy as np
import pytest

from sidecar.drift.detector import Evidence
from sidecar.drift.moved import Moved
from sidecar.drift.univariate import Comparison
from sidecar.drift.verdict import judge
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.lanes import lane_table
from sidecar.profile.learning import learn_reference
from sidecar.profile.pane import Pane

SPECS = [FeatureSpec("a", "input", "numeric"), FeatureSpec("b", "output", "numeric")]
RNG = np.random.default_rng(1)
FEATURES = learn_reference(SPECS, RNG.normal(size=(2000, 2)), [(), ()])
TABLE = lane_table(SPECS, FEATURES)
KEYS = [
    "name",
    "role",
    "kind",
    "rows",
    "missing_ratio",
    "state",
    "psi",
    "psi_debiased",
    "psi_critical",
    "js_distance",
    "ks",
    "wasserstein",
    "effects",
    "chi_square",
    "rates",
    "log_e",
    "log_e_threshold",
    "moved",
    "since_unix_s",
]


def verdicts(rows, log_e=(0.0, 0.0), comparisons=None):
    pane = Pane.empty(0, 0, 2, TABLE.lanes)
    pane.fill(TABLE, RNG.normal(size=(rows, 2)))
    if comparisons is None:
        comparisons = [Comparison(feature, 200) for feature in FEATURES]
    moved = (Moved("q0.95", "up"), Moved("missing", "down"))
    evidence = Evidence(np.array(log_e), 7.0, moved, np.array([60.0, 120.0]))
    return judge(SPECS, comparisons, pane, evidence, 200)


def test_three_states():
    assert [v.state for v in verdicts(500)] == ["ok", "ok"]
    assert [v.state for v in verdicts(199)] == ["not_enough_data"] * 2
    assert [v.state for v in verdicts(500, (7.0, 6.999))] == ["drift", "ok"]


def test_drift_stands_however_few_the_rows():
    first, second = verdicts(3, (8.0, 1.0))
    assert (first.state, second.state) == ("drift", "not_enough_data")
    assert first.effects.psi is None


def test_what_moved_is_told_only_of_drift():
    first, second = verdicts(500, (8.0, 1.0))
    assert (first.moved, first.since_unix_s) == (Moved("q0.95", "up"), 60.0)
    assert (second.moved, second.since_unix_s) == (None, None)


def test_no_rows_and_no_evidence():
    (first, _) = verdicts(0, (-np.inf, -np.inf))
    assert (first.rows, first.missing_ratio, first.log_e) == (0, None, None)


def test_feature_that_is_still_learnt():
    first, second = verdicts(500, (-np.inf, 0.0), [None, Comparison(FEATURES[1], 200)])
    assert first.effects.psi is None
    assert second.effects.psi is not None


@pytest.mark.parametrize("rows", [0, 3, 500])
@pytest.mark.parametrize("log_e", [(-np.inf, 0.0), (9.0, 9.0)])
def test_json_has_the_fields_of_the_contract(rows, log_e):
    for verdict in verdicts(rows, log_e):
        fields = verdict.to_json()
        assert list(fields) == KEYS
        json.dumps(fields, allow_nan=False)


def test_json_of_a_drift():
    fields = verdicts(500, (8.0, 1.0))[0].to_json()
    assert fields["moved"] == Moved("q0.95", "up").to_json()
    assert (fields["name"], fields["role"], fields["kind"], fields["rows"]) == ("a", "input", "numeric", 500)


def test_sizes_come_with_what_they_are_worth():
    fields = verdicts(500)[0].to_json()
    assert list(fields["effects"]) == [
        "psi",
        "js_distance",
        "hellinger",
        "ks",
        "wasserstein",
        "mean_shift",
        "log_sd_ratio",
    ]
    for name in ("psi", "js_distance", "ks", "wasserstein"):
        assert fields["effects"][name]["value"] == fields[name]
    assert fields["effects"]["psi"]["critical"] == fields["psi_critical"]
    low, high = fields["effects"]["mean_shift"]["interval"]
    assert low < fields["effects"]["mean_shift"]["value"] < high
    assert list(fields["rates"]) == ["missing", "type_error", "out_of_range"]
    assert fields["chi_square"]["freedom"] == 9


def test_exported_numbers():
    (first, _) = verdicts(500, (1.5, 0.0))
    assert first.number("log_e") == 1.5
    assert first.number("mean_shift") == first.effects.mean_shift is not None
    assert verdicts(3)[0].number("ks") is None


def test_few_rows_say_how_many_it_takes():
    fields = verdicts(100)[0].to_json()
    assert fields["effects"]["psi"] == {
        "value": None,
        "critical": None,
        "interval": None,
        "detectable": None,
        "least_rows": 200,
    }
    assert fields["effects"]["ks"]["value"] == fields["ks"] is not None
