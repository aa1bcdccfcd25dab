from __future__ import annotations

import json

import numpy as np

from sidecar.drift.detector import Evidence
from sidecar.drift.quantiles import QUANTILES
from sidecar.drift.report import ModelReport
from sidecar.drift.univariate import Comparison
from sidecar.drift.verdict import judge
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.lanes import lane_table
from sidecar.profile.learning import learn_reference
from sidecar.profile.pane import Pane

SPECS = (
    FeatureSpec("n", "input", "numeric"),
    FeatureSpec("c", "input", "categorical"),
    FeatureSpec("new", "input", "numeric"),
)


def report():
    rng = np.random.default_rng(1)
    matrix = np.column_stack([rng.normal(size=2000), rng.choice([1.0, 2.0], size=2000), np.zeros(2000)])
    known = learn_reference(SPECS[:2], matrix[:, :2], [(), ("a", "b")])
    features = (*known, None)
    table = lane_table(SPECS, features)
    pane = Pane.empty(0, 60_000_000_000, 3, table.lanes)
    rows = matrix[:600].copy()
    rows[0, 0], rows[1, 0], rows[:6, 1] = np.nan, np.inf, 0.0
    pane.fill(table, rows)
    comparisons = (*(Comparison(feature, 200) for feature in known), None)
    evidence = Evidence(np.array([0.0, 0.0, -np.inf]), 9.0, (None, None, None), np.full(3, np.nan))
    return ModelReport(
        model="m",
        version="1",
        role="input",
        reference_id="sha256:ab",
        reference_rows=2000,
        start_unix_s=0.0,
        end_unix_s=42.0,
        window=pane,
        horizons=((300.0, pane), (3600.0, pane)),
        verdicts=judge(SPECS, comparisons, pane, evidence, 200),
        features=features,
        comparisons=comparisons,
    )


def test_drift_json_is_the_contract():
    body = report().drift_json()
    json.dumps(body, allow_nan=False)
    assert list(body) == ["model", "version", "reference", "window", "features", "multivariate"]
    assert body["reference"] == {"id": "sha256:ab", "rows": 2000}
    assert body["window"] == {"start_unix_s": 0.0, "end_unix_s": 42.0, "rows": 600}
    assert [(f["name"], f["state"]) for f in body["features"]] == [
        ("n", "ok"),
        ("c", "ok"),
        ("new", "not_enough_data"),
    ]


def test_numeric_feature():
    body = report().feature_json("n")
    json.dumps(body, allow_nan=False)
    assert len(body["edges"]) + 1 == len(body["reference"]["counts"]) == len(body["current"]["counts"])
    current = body["current"]
    assert (current["rows"], current["missing"], current["pos_inf"], current["neg_inf"]) == (600, 1, 1, 0)
    assert sum(current["counts"]) == 598
    assert list(current["quantiles"]) == [f"{share:g}" for share in QUANTILES]
    assert current["min"] <= current["quantiles"]["0.5"] <= current["max"]
    assert abs(current["quantiles"]["0.5"] - body["reference"]["quantiles"]["0.5"]) < 0.2
    assert [h["horizon_s"] for h in body["horizons"]] == [300.0, 3600.0]
    assert body["horizons"][0]["psi"] == body["psi"]
    assert body["horizons"][0]["effects"] == body["effects"]
    assert body["effects"]["mean_shift"]["value"] is not None
    assert body["rates"]["missing"]["ratio"] == 1 / 600


def test_categorical_feature():
    body = report().feature_json("c")
    json.dumps(body, allow_nan=False)
    assert body["categories"] == ["other", "a", "b"]
    assert body["edges"] is None
    assert body["current"]["counts"][0] == 6
    assert sum(body["current"]["counts"]) == 600
    assert "mean" not in body["current"]


def test_feature_that_is_still_learnt():
    body = report().feature_json("new")
    assert (body["reference"], body["current"], body["horizons"]) == (None, None, [])
    assert body["state"] == "not_enough_data"


def test_unknown_feature():
    assert report().feature_json("nope") is None
