"""river: ADWIN, one value at a time, as the library's default parameters have it."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
from river.drift import ADWIN

from benchmarks.statistics_peers.frame import Contestant, main


class River(Contestant):
    distribution = "river"
    method = "ADWIN delta 0.002"
    repeats = 2
    wide_repeats = 1

    def prepare(self, reference: np.ndarray, window_rows: int) -> None:
        self.detectors = [ADWIN() for _ in range(reference.shape[1])]
        self.fill(reference)

    def fill(self, rows: np.ndarray) -> Any:
        """The detectors themselves, which have by then said what they have to say."""
        self.called = []
        for f, detector in enumerate(self.detectors):
            called = False
            for value in rows[:, f].tolist():
                detector.update(value)
                called |= detector.drift_detected
            self.called.append(called)
        return self.detectors

    def drift(self, state: Any) -> list[float]:
        """Its estimate of the mean since the last change: the number that its alarm is about."""
        return [float(detector.estimation) for detector in state]

    def drifted(self, state: Any) -> list[bool]:
        return self.called

    def state_bytes(self, state: Any) -> float | None:
        return float(np.mean([len(pickle.dumps(detector)) for detector in state]))


if __name__ == "__main__":
    main(River())
