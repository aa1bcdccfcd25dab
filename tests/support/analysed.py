"""One subject under analysis, with a reference of its own and traffic of a fixed seed."""

from __future__ import annotations

import json

import numpy as np

from sidecar.monitor.analysis import ModelAnalysis
from sidecar.monitor.settings import NS, AnalysisSettings
from sidecar.payload.columns import Columns, intern_schema
from sidecar.profile.codec import seal
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.learning import learn_reference

PANE = 60 * NS
START = 1_700_000_040 * NS  # a multiple of 60 s
SCHEMA = intern_schema(("x[0]", "x[1]", "c"), ("numeric", "numeric", "categorical"))
SETTINGS = AnalysisSettings(features=("age", "income"), auto_rows=500, false_alarm_days=1.0)


def reference(rows=5000, seed=1):
    specs = [
        FeatureSpec("age", "input", "numeric"),
        FeatureSpec("c", "input", "categorical"),
        FeatureSpec("late", "output", "numeric"),
    ]
    rng = np.random.default_rng(seed)
    matrix = np.column_stack([rng.normal(size=rows), rng.choice([1.0, 2.0], size=rows), rng.random(rows)])
    features = learn_reference(specs, matrix, [(), ("a", "b"), ()])
    return seal(rows, features, created_unix_s=0.0, provenance={})


class Traffic:
    def __init__(self, analysis, seed=2):
        self.analysis = analysis
        self.rng = np.random.default_rng(seed)

    def columns(self, rows, shift=0.0):
        numeric = self.rng.normal(size=(rows, 2))
        numeric[:, 0] += shift
        texts = (self.rng.choice(["a", "b"], size=rows).tolist(),)
        return Columns("v2", "request", "m", None, None, rows, SCHEMA, numeric, texts, ())

    def send(self, now_ns, rows=300, shift=0.0):
        self.analysis.add_rows(self.analysis.encoder.encode(self.columns(rows, shift)), now_ns)


def analysis_of(given=None, settings=SETTINGS):
    return ModelAnalysis("m", "1", "input", SCHEMA, settings, given)


def states(report):
    return {verdict.spec.name: verdict.state for verdict in report.verdicts}


def body(analysis, now_ns):
    return json.dumps(analysis.report(now_ns).drift_json(), allow_nan=False)
