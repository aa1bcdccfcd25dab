"""The product itself: panes filled by the fused kernel, effect sizes, and the e-detector at its defaults."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.statistics_peers.frame import Contestant, main
from sidecar.drift.detector import Detector, false_alarm_panes
from sidecar.drift.univariate import Comparison
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.lanes import lane_table
from sidecar.profile.learning import learn_reference
from sidecar.profile.pane import Pane

BLOCK_ROWS = 1024  # as the monitor drains its ring
FALSE_ALARM_DAYS = 90.0
PANE_S = 60.0
TOLERANCE = 0.01
MIN_ROWS = 200


class Sidecar(Contestant):
    distribution = "model-sidecar"
    method = "e-detector, one false alarm in 90 days of 60 s panes"
    repeats = 15
    wide_repeats = 5
    null_windows = 400

    def prepare(self, reference: np.ndarray, window_rows: int) -> None:
        width = reference.shape[1]
        specs = [FeatureSpec(f"f{k}", "input", "numeric") for k in range(width)]
        features = learn_reference(specs, reference, [()] * width)
        self.table = lane_table(specs, features)
        self.comparisons = [Comparison(feature, MIN_ROWS) for feature in features]
        self.detector = Detector(features, false_alarm_panes(FALSE_ALARM_DAYS, PANE_S), TOLERANCE)

    def fill(self, rows: np.ndarray) -> Any:
        pane = Pane.empty(0, 0, self.table.width, self.table.lanes)
        for begin in range(0, rows.shape[0], BLOCK_ROWS):
            pane.fill(self.table, rows[begin : begin + BLOCK_ROWS])
        return pane

    def drift(self, state: Any) -> list[float]:
        sizes = [comparison.measure(state.counts[f]) for f, comparison in enumerate(self.comparisons)]
        return [float("nan") if size.psi is None else size.psi for size in sizes]

    def compute(self, state: Any) -> object:
        """All effect sizes of every feature, and the detector's view of the pane."""
        return self.drift(state), self.detector.evidence(state.counts, 0.0)

    def drifted(self, state: Any) -> list[bool]:
        self.detector.advance(state.counts, 0.0)
        return [not np.isnan(since) for since in self.detector.drift_since_unix_s]

    def state_bytes(self, state: Any) -> float | None:
        pane = state.counts.nbytes + state.sums.nbytes + state.extremes.nbytes + state.sketches.nbytes
        return float(pane + self.detector.log_m.nbytes) / self.table.width


if __name__ == "__main__":
    main(Sidecar())
