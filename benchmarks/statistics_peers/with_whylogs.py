"""whylogs: a profile of a data frame, and its Kolmogorov-Smirnov test between two profiles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import whylogs as why
from whylogs.viz.drift.column_drift_algorithms import KS, calculate_drift_scores

from benchmarks.statistics_peers.frame import Contestant, main


class Whylogs(Contestant):
    distribution = "whylogs"
    method = "KS of two profiles, p <= 0.05"
    repeats = 2
    wide_repeats = 1
    null_windows = 60
    streams = 5

    def prepare(self, reference: np.ndarray, window_rows: int) -> None:
        self.names = [f"f{k}" for k in range(reference.shape[1])]
        self.reference = self.fill(reference)

    def fill(self, rows: np.ndarray) -> Any:
        return why.log(pd.DataFrame(rows, columns=self.names)).profile().view()

    def _scores(self, state: Any) -> list[dict[str, Any]]:
        scores = calculate_drift_scores(
            target_view=state,
            reference_view=self.reference,
            drift_map=dict.fromkeys(self.names, KS()),
            with_thresholds=True,
        )
        return [scores[name] for name in self.names]

    def drift(self, state: Any) -> list[float]:
        return [float(score["statistic"]) for score in self._scores(state)]

    def drifted(self, state: Any) -> list[bool]:
        return [score["drift_category"] == "DRIFT" for score in self._scores(state)]

    def state_bytes(self, state: Any) -> float | None:
        return len(state.serialize()) / len(self.names)


if __name__ == "__main__":
    main(Whylogs())
