"""Apache DataSketches: a KLL sketch (k = 200) a column, and its own two-sample Kolmogorov-Smirnov test."""

from __future__ import annotations

from typing import Any

import datasketches
import numpy as np

from benchmarks.statistics_peers.frame import Contestant, main

SIZE = 200  # k, the library's default
LEVEL = 0.05
POINTS = np.linspace(0.005, 0.995, 199)


class DataSketches(Contestant):
    distribution = "datasketches"
    method = "ks_test p < 0.05"

    def prepare(self, reference: np.ndarray, window_rows: int) -> None:
        self.reference = self.fill(reference)

    def fill(self, rows: np.ndarray) -> Any:
        filled = []
        for f in range(rows.shape[1]):
            sketch = datasketches.kll_doubles_sketch(SIZE)
            sketch.update(np.ascontiguousarray(rows[:, f]))
            filled.append(sketch)
        return filled

    def drift(self, state: Any) -> list[float]:
        """The test says yes or no only: here the distance that it judges, at the reference's percentiles."""
        numbers = []
        for there, here in zip(self.reference, state, strict=True):
            points = sorted(set(there.get_quantiles(POINTS)))
            below = np.array([there.get_cdf(points), here.get_cdf(points)])
            numbers.append(float(np.abs(below[0] - below[1]).max()))
        return numbers

    def compute(self, state: Any) -> object:
        return self.drifted(state)

    def drifted(self, state: Any) -> list[bool]:
        pairs = zip(self.reference, state, strict=True)
        return [bool(datasketches.ks_test(there, here, LEVEL)) for there, here in pairs]

    def state_bytes(self, state: Any) -> float | None:
        return float(np.mean([len(sketch.serialize()) for sketch in state]))


if __name__ == "__main__":
    main(DataSketches())
