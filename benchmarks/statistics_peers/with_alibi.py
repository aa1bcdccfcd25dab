"""alibi-detect: KSDrift with its default Bonferroni correction, from raw rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from alibi_detect.cd import KSDrift

from benchmarks.statistics_peers.frame import Contestant, main

LEVEL = 0.05


class Alibi(Contestant):
    distribution = "alibi-detect"
    method = "KSDrift p < 0.05, Bonferroni"
    keeps_rows = True
    repeats = 2
    wide_repeats = 1
    null_windows = 100
    streams = 5

    def prepare(self, reference: np.ndarray, window_rows: int) -> None:
        self.detector = KSDrift(reference, p_val=LEVEL)

    def fill(self, rows: np.ndarray) -> Any:
        return rows

    def drift(self, state: Any) -> list[float]:
        found = self.detector.predict(state, return_p_val=True, return_distance=True)["data"]
        judged = np.where(np.isnan(np.atleast_1d(found["p_val"])), np.nan, np.atleast_1d(found["distance"]))
        return [float(value) for value in judged]

    def drifted(self, state: Any) -> list[bool]:
        found = self.detector.predict(state, return_p_val=True)["data"]
        return [bool(p < found["threshold"]) for p in np.atleast_1d(found["p_val"])]


if __name__ == "__main__":
    main(Alibi())
