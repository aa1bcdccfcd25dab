"""NannyML: univariate drift by Jensen-Shannon distance, its default for numbers, from raw rows."""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("NML_DISABLE_USAGE_LOGGING", "1")

import nannyml as nml
import numpy as np
import pandas as pd

from benchmarks.statistics_peers.frame import Contestant, main


class NannyML(Contestant):
    distribution = "nannyml"
    method = "Jensen-Shannon, 3 deviations of reference chunks"
    keeps_rows = True
    repeats = 2
    wide_repeats = 1
    null_windows = 60
    streams = 5

    def prepare(self, reference: np.ndarray, window_rows: int) -> None:
        self.names = [f"f{k}" for k in range(reference.shape[1])]
        self.calculator = nml.UnivariateDriftCalculator(
            column_names=self.names,
            continuous_methods=["jensen_shannon"],
            chunk_size=min(window_rows, reference.shape[0]),
        )
        self.calculator.fit(pd.DataFrame(reference, columns=self.names))

    def fill(self, rows: np.ndarray) -> Any:
        return rows

    def _calculate(self, state: Any) -> list[tuple[float, bool]]:
        found = self.calculator.calculate(pd.DataFrame(state, columns=self.names))
        frame = found.filter(period="analysis").to_df()
        last = frame.iloc[-1]
        return [
            (float(last[(name, "jensen_shannon", "value")]), bool(last[(name, "jensen_shannon", "alert")]))
            for name in self.names
        ]

    def drift(self, state: Any) -> list[float]:
        return [value for value, _alert in self._calculate(state)]

    def drifted(self, state: Any) -> list[bool]:
        return [alert for _value, alert in self._calculate(state)]


if __name__ == "__main__":
    main(NannyML())
