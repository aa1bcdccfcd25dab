"""Panes of normal features and a categorical one, and the detector that takes them in."""

from __future__ import annotations

import numpy as np

from sidecar.drift.detector import Detector
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.lanes import lane_table
from sidecar.profile.learning import learn_reference
from sidecar.profile.pane import Pane

PANES = 2000.0


class Stream:
    """Panes of rows of F normal features and one categorical, and a detector that takes them in."""

    def __init__(self, width=4, rows=10_000, seed=1):
        self.rng = np.random.default_rng(seed)
        kinds = ["numeric"] * width + ["categorical"]
        self.specs = [FeatureSpec(f"f{k}", "input", kind) for k, kind in enumerate(kinds)]
        texts = [()] * width + [("JFK", "LGA")]
        self.features = learn_reference(self.specs, self.rows(rows), texts)
        self.table = lane_table(self.specs, self.features)
        self.detector = Detector(self.features, PANES, 0.01)
        self.now = 0.0

    def rows(self, n, width=4):
        return np.column_stack([self.rng.normal(size=(n, width)), self.rng.choice([1.0, 2.0], size=n)])

    def pane(self, change=lambda rows: rows, n=500):
        pane = Pane.empty(0, 0, len(self.specs), self.table.lanes)
        pane.fill(self.table, np.ascontiguousarray(change(self.rows(n))))
        return pane.counts

    def advance(self, change=lambda rows: rows, n=500, panes=1):
        for _ in range(panes):
            self.detector.advance(self.pane(change, n), self.now)
            self.now += 60.0
        return self.evidence()

    def evidence(self, open_counts=None):
        nothing = np.zeros((len(self.specs), self.table.lanes), dtype=np.int64)
        return self.detector.evidence(nothing if open_counts is None else open_counts, self.now)

    def drifted(self, evidence):
        return [k for k in range(len(self.specs)) if evidence.drifted(k)]


def shifted(by):
    def change(rows):
        rows[:, 1] += by
        return rows

    return change
