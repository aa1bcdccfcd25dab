"""What every contestant of bench_statistics is put through, in a process of its own.

    python -m benchmarks.statistics_peers.with_NAME [--quick] [--correctness]

prints one line of JSON. Only numpy and the standard library are needed. The data are the same for all: normal
float64 columns by a fixed seed, whose hash is printed so that the caller can see that they were.

What is measured:

* `fill_ns`: from raw rows to what the tool keeps of them, for one value. For tools that keep nothing and work
  from raw rows whenever asked, it is the whole way from rows to drift numbers.
* `drift_ms`: from what is kept (raw rows, for those tools) to the drift numbers of all features.
* `peak_bytes`: the most memory resident during one fill and one drift number above what was resident before,
  the data being there already.
* `state_bytes`: what is kept a feature, serialised; None for tools that need the rows.

And whether the numbers can be trusted (`--correctness`): the drift number of a feature that has moved by one
standard deviation, with and without one wild value or one NaN; how often a feature, and a window of 20
features, is called drifted without any drift at 200 rows a window; how many such windows it takes to see a
change of one of the 20.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import math
import sys
import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

REFERENCE_ROWS = 10_000
ROWS = 100_000
WINDOW_ROWS = 200
WIDTH = 20
WIDE = 100
CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "mean + 0.5 sd": lambda values: values + 0.5,
    "sd x 1.3": lambda values: values * 1.3,
}
MOST_WINDOWS = 60  # a shift that is not seen in so many windows is not seen


class Contestant(ABC):
    """One tool, used as its documentation says."""

    distribution: str
    method: str  # what its alarm stands for
    keeps_rows = False  # it has no state but the rows themselves
    repeats = 5  # loops over the 20 features; slow tools have fewer
    wide_repeats = 2
    null_windows = 200  # windows without drift
    streams = 10  # streams in which 0.5 sigma is to be seen

    def versions(self) -> dict[str, str]:
        return {name: version(name) for name in (self.distribution, "numpy")}

    @abstractmethod
    def prepare(self, reference: np.ndarray, window_rows: int) -> None:
        """Takes in the reference, shape (m, F); not timed."""

    @abstractmethod
    def fill(self, rows: np.ndarray) -> Any:
        """What is kept of rows, shape (n, F)."""

    @abstractmethod
    def drift(self, state: Any) -> list[float]:
        """One number a feature."""

    @abstractmethod
    def drifted(self, state: Any) -> list[bool]:
        """Whether its default rule calls each feature drifted; called once for every window, in order."""

    def compute(self, state: Any) -> object:
        """What is timed as computing drift: the tool's own way to it."""
        return self.drift(state)

    def state_bytes(self, state: Any) -> float | None:
        """Bytes a feature, serialised."""
        return None


def main(contestant: Contestant, arguments: Sequence[str] | None = None) -> None:
    """Puts a contestant through everything and prints the line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="one loop of everything, no wide rows")
    parser.add_argument("--correctness", action="store_true", help="also what can be trusted")
    given = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    line: dict[str, Any] = {
        "versions": contestant.versions(),
        "method": contestant.method,
        "keeps_rows": contestant.keeps_rows,
        "speed": {str(WIDTH): speed(contestant, WIDTH, 1 if given.quick else contestant.repeats)},
    }
    if not given.quick:
        line["speed"][str(WIDE)] = speed(contestant, WIDE, contestant.wide_repeats)
    if given.correctness:
        line["outlier"] = outlier(contestant)
        line["false_alarms"] = false_alarms(contestant, 20 if given.quick else contestant.null_windows)
        streams = 3 if given.quick else contestant.streams
        line["windows_to_alarm"] = {name: windows_to_alarm(contestant, streams, name) for name in CHANGES}
    print(json.dumps(line, default=float))


# --- speed and memory -------------------------------------------------------------------------------


def speed(contestant: Contestant, width: int, repeats: int) -> dict[str, Any]:
    """Time and memory with a number of features."""
    rng = np.random.default_rng(width)
    reference = rng.normal(size=(REFERENCE_ROWS, width))
    rows = rng.normal(size=(ROWS, width))
    digest = hashlib.sha256(rows.tobytes()).hexdigest()
    contestant.prepare(reference, ROWS)
    contestant.drift(contestant.fill(rows[:WINDOW_ROWS]))  # whatever is loaded or compiled on first use
    gc.collect()
    before = resident_bytes()
    forget_peak()
    state = contestant.fill(rows)
    numbers = contestant.drift(state)
    peak = peak_bytes() - before
    if not contestant.keeps_rows:
        fill_s = [seconds(lambda: contestant.fill(rows)) for _ in range(repeats)]
    drift_s = [seconds(lambda: contestant.compute(state)) for _ in range(repeats)]
    return {
        "rows": ROWS,
        "data": digest,
        "fill_ns": median(drift_s if contestant.keeps_rows else fill_s) * 1e9 / rows.size,
        "drift_ms": median(drift_s) * 1e3 if numbers else None,
        "peak_bytes": max(0, peak),
        "state_bytes": contestant.state_bytes(state),
    }


def seconds(call: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def resident_bytes() -> int:
    """Resident memory of this process."""
    return _status("VmRSS")


def peak_bytes() -> int:
    """The most that was resident since `forget_peak`."""
    return _status("VmHWM")


def forget_peak() -> None:
    """Lets the kernel's mark of the most resident memory start from now."""
    Path("/proc/self/clear_refs").write_text("5")


def _status(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    return 0


# --- what can be trusted ----------------------------------------------------------------------------


def outlier(contestant: Contestant) -> dict[str, float | None]:
    """The drift number of one feature that has moved by 1 sigma, and with one odd value among 5,000 or
    20,000.

    The data are those of the gold file peer_robustness.json.
    """
    rng = np.random.default_rng(0)
    reference = rng.normal(size=20_000)
    current = rng.normal(size=5_000) + 1.0
    found: dict[str, float | None] = {}
    for name, in_reference, value in (
        ("clean", False, None),
        ("current 1e6", False, 1e6),
        ("reference 1e6", True, 1e6),
        ("current NaN", False, math.nan),
    ):
        sides = [reference.copy(), current.copy()]
        if value is not None:
            sides[0 if in_reference else 1][0] = value
        found[name] = _number(contestant, sides[0][:, None], sides[1][:, None])
    return found


def _number(contestant: Contestant, reference: np.ndarray, current: np.ndarray) -> float | None:
    """One number; None when the tool gives none, or fails over the data."""
    try:
        contestant.prepare(reference, current.shape[0])
        numbers = contestant.drift(contestant.fill(current))
    except (ValueError, ArithmeticError, IndexError, KeyError, TypeError, RuntimeError) as exc:
        print(f"outlier: {type(exc).__name__}: {exc}", file=sys.stderr)
        return None
    return float(numbers[0]) if numbers and not math.isnan(numbers[0]) else None


def false_alarms(
    contestant: Contestant, windows: int, windows_a_reference: int = 20
) -> dict[str, Any] | None:
    """How often features and windows are called drifted when nothing has changed."""
    features = any_feature = seen = 0
    for seed in range(max(1, windows // windows_a_reference)):
        rng = np.random.default_rng(1000 + seed)
        contestant.prepare(rng.normal(size=(REFERENCE_ROWS, WIDTH)), WINDOW_ROWS)
        for _ in range(min(windows, windows_a_reference)):
            called = contestant.drifted(contestant.fill(rng.normal(size=(WINDOW_ROWS, WIDTH))))
            if not called:
                return None
            features += sum(called)
            any_feature += any(called)
            seen += 1
    return {
        "windows": seen,
        "rows": WINDOW_ROWS,
        "features_ratio": features / (seen * WIDTH),
        "windows_ratio": any_feature / seen,
    }


def windows_to_alarm(contestant: Contestant, streams: int, change: str) -> float | None:
    """Windows of 200 rows until the one feature of 20 that has changed is called drifted."""
    delays = []
    for seed in range(streams):
        rng = np.random.default_rng(2000 + seed)
        contestant.prepare(rng.normal(size=(REFERENCE_ROWS, WIDTH)), WINDOW_ROWS)
        delay = MOST_WINDOWS + 1
        for window in range(1, MOST_WINDOWS + 1):
            rows = rng.normal(size=(WINDOW_ROWS, WIDTH))
            rows[:, 3] = CHANGES[change](rows[:, 3])
            called = contestant.drifted(contestant.fill(rows))
            if not called:
                return None
            if called[3]:
                delay = window
                break
        delays.append(delay)
    return float(median(delays))
