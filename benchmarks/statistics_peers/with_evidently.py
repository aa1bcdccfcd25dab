"""Evidently: a Report with DataDriftPreset, from raw rows; PSI where only one number is looked at."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from evidently import Report
from evidently.presets import DataDriftPreset

from benchmarks.statistics_peers.frame import Contestant, main

LIMIT = 0.1  # its own default for PSI


class Evidently(Contestant):
    distribution = "evidently"
    method = "PSI >= 0.1"
    keeps_rows = True
    repeats = 1
    wide_repeats = 1
    null_windows = 20
    streams = 2

    def prepare(self, reference: np.ndarray, window_rows: int) -> None:
        self.names = [f"f{k}" for k in range(reference.shape[1])]
        self.reference = pd.DataFrame(reference, columns=self.names)

    def fill(self, rows: np.ndarray) -> Any:
        return rows

    def drift(self, state: Any) -> list[float]:
        report = Report([DataDriftPreset(num_method="psi", num_threshold=LIMIT)])
        found = report.run(pd.DataFrame(state, columns=self.names), self.reference).dict()
        values = {}
        for metric in found["metrics"]:
            column = (metric.get("config") or {}).get("column")
            if column is not None:
                values[column] = float(metric["value"])
        return [values[name] for name in self.names]

    def drifted(self, state: Any) -> list[bool]:
        return [value >= LIMIT for value in self.drift(state)]


if __name__ == "__main__":
    main(Evidently())
