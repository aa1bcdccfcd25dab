"""boost-histogram: counts into 32 cells with the reference's quantiles as edges; it has no drift number."""

from __future__ import annotations

from typing import Any

import boost_histogram as bh
import numpy as np

from benchmarks.statistics_peers.frame import Contestant, main


class BoostHistogram(Contestant):
    distribution = "boost-histogram"
    method = "counts of 32 cells only"

    def prepare(self, reference: np.ndarray, window_rows: int) -> None:
        self.edges = np.quantile(reference, np.arange(1, 32) / 32, axis=0)

    def fill(self, rows: np.ndarray) -> Any:
        filled = []
        for f in range(rows.shape[1]):
            histogram = bh.Histogram(bh.axis.Variable(self.edges[:, f]), storage=bh.storage.Int64())
            filled.append(histogram.fill(rows[:, f]))
        return filled

    def drift(self, state: Any) -> list[float]:
        return []

    def drifted(self, state: Any) -> list[bool]:
        return []

    def state_bytes(self, state: Any) -> float | None:
        return float(state[0].values(flow=True).nbytes)


if __name__ == "__main__":
    main(BoostHistogram())
