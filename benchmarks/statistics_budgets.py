"""The budgets of the statistics: filling, effect sizes, the detector, loading kernels from their cache.

A figure that was not measured misses its budget. boost-histogram stands beside the fill as a ratio of the
same
rounds: it counts 32 cells and nothing else, and is given contiguous columns, which it likes best, while ours
takes rows as they come, in blocks of 1,024 as the monitor drains its ring, and counts cells and odd values,
sums, squares, extremes and the quantile sketch.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks import harness
from benchmarks.budgets import Verdict, missed, print_verdicts
from kernels.binning import EDGES
from kernels.effect import SIZES, measure_lanes
from sidecar.drift.detector import Detector, false_alarm_panes
from sidecar.drift.univariate import Comparison
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.lanes import LaneTable, lane_table
from sidecar.profile.learning import learn_reference
from sidecar.profile.pane import Pane

try:
    import boost_histogram
except ImportError:
    boost_histogram = None

__all__ = ["LIMITS", "judge", "measure_budgets", "missed", "print_verdicts"]

ROOT = Path(__file__).resolve().parents[1]
BLOCK_ROWS = 1024
ROWS = 64 * BLOCK_ROWS
WIDTHS = (20, 100)
LIMITS: Mapping[str, tuple[str, float, bool]] = {  # what, limit, whether at least
    "fill_20_ns": ("fused fill of 32 cells, 20 features, ns a value", 10.0, False),
    "fill_100_ns": ("fused fill of 32 cells, 100 features, ns a value", 10.0, False),
    "boost_20_ratio": ("boost-histogram doing less, 20 features, x the fill", 3.0, True),
    "boost_100_ratio": ("boost-histogram doing less, 100 features, x the fill", 3.0, True),
    "effects_us": ("all effect sizes of a feature from its counts, us", 2.0, False),
    "effects_whole_us": ("the same through Comparison.measure, as the monitor calls it, us", 0.0, False),
    "detector_us": ("detector update, us a feature and pane", 5.0, False),
    "kernels_s": ("all kernels from their cache in a fresh process, numba being up, s", 0.2, False),
    "numba_s": ("numba itself, imported and up, s", 0.0, False),
}
NOT_JUDGED = {"numba_s", "effects_whole_us"}
# Numba needs a second of its own that no cache of ours can save: half of it for its import, the other half
# with the first kernel, whatever that is, when it enters what it knows into its tables. Our clock starts
# behind that.
LOAD = (
    "import importlib, pathlib, time\n"
    "start = time.perf_counter()\n"
    "import numpy, numba\n"
    "from numba.core.registry import cpu_target\n"
    "cpu_target.typing_context.refresh()\n"
    "cpu_target.target_context.refresh()\n"
    "numba_s = time.perf_counter() - start\n"
    "names = sorted(path.stem for path in pathlib.Path('kernels').glob('*.py') if path.stem != '__init__')\n"
    "start = time.perf_counter()\n"
    "for name in names:\n    importlib.import_module(f'kernels.{name}')\n"
    "spent = time.perf_counter() - start\n"
    "from kernels.jit import cache_report\n"
    "report = cache_report()\n"
    "assert report['misses'] == 0 or {fill}, report\n"
    "print(spent, numba_s)\n"
)


def measure_budgets(*, quick: bool) -> dict[str, list[float]]:
    """Every figure once a round."""
    rounds = 3 if quick else 9
    min_s = 0.02 if quick else 0.1
    cases = {name: case for width in WIDTHS for name, case in fill_cases(width).items()}
    cases["effects_us"] = effects_kernel_case()
    cases["effects_whole_us"] = effects_case()
    cases["detector_us"] = detector_case()
    found: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, (call, items, unit_ns) in cases.items():
            timing = harness.measure(call, repeats=3, min_s=min_s, warmup=1).per(items)
            found.setdefault(name, []).append(timing.best_ns / unit_ns)
    for width in WIDTHS:
        boost = found.pop(f"boost_{width}_ns", [])
        fills = found[f"fill_{width}_ns"]
        found[f"boost_{width}_ratio"] = [b / f for b, f in zip(boost, fills, strict=False)]
    found["kernels_s"], found["numba_s"] = load_seconds(3 if quick else 7)
    return found


Case = tuple[Callable[[], object], int, float]


def fill_cases(width: int) -> dict[str, Case]:
    """Filling by us and by boost-histogram, which both first give the same counts."""
    rng = np.random.default_rng(width)
    edges = np.quantile(rng.normal(size=(10_000, width)), np.arange(1, EDGES + 1) / (EDGES + 1), axis=0)
    rows = rng.normal(size=(ROWS, width))
    table = _table(width, edges)
    blocks = [rows[begin : begin + BLOCK_ROWS] for begin in range(0, ROWS, BLOCK_ROWS)]
    pane = Pane.empty(0, 0, width, table.lanes)

    def fill() -> None:
        for block in blocks:
            pane.fill(table, block)

    cases: dict[str, Case] = {f"fill_{width}_ns": (fill, rows.size, 1.0)}
    if boost_histogram is not None:
        columns = [np.ascontiguousarray(rows[:, f]) for f in range(width)]
        histograms = [
            boost_histogram.Histogram(
                boost_histogram.axis.Variable(edges[:, f]), storage=boost_histogram.storage.Int64()
            )
            for f in range(width)
        ]

        def boost() -> None:
            for histogram, column in zip(histograms, columns, strict=True):
                histogram.fill(column)

        fill()
        boost()
        counted = np.array([histogram.values(flow=True) for histogram in histograms])
        harness.assert_same(f"cells of {width} features", pane.counts[:, -(EDGES + 1) :], counted)
        cases[f"boost_{width}_ns"] = (boost, rows.size, 1.0)
    return cases


def _table(width: int, edges: np.ndarray) -> LaneTable:
    specs = [FeatureSpec(f"f{k}", "input", "numeric") for k in range(width)]
    features = learn_reference(specs, np.random.default_rng(1).normal(size=(1000, width)), [()] * width)
    table = lane_table(specs, features)
    table.edges[:] = edges.T  # exactly 32 cells, more than the usual quantiles give
    return table


def _world(width: int) -> tuple[Sequence[Any], list[np.ndarray]]:
    rng = np.random.default_rng(2)
    specs = [FeatureSpec(f"f{k}", "input", "numeric") for k in range(width)]
    features = learn_reference(specs, rng.normal(size=(10_000, width)), [()] * width)
    table = lane_table(specs, features)
    counts = []
    for _ in range(8):
        pane = Pane.empty(0, 0, width, table.lanes)
        pane.fill(table, rng.normal(size=(200, width)))
        counts.append(pane.counts)
    return features, counts


def effects_kernel_case() -> Case:
    """All effect sizes of 20 features by their kernel, every cell a bin."""
    features, counts = _world(20)
    cells = features[0].cells.size
    plan = np.stack([np.arange(cells), np.ones(cells, dtype=np.int64)])
    widths, sizes = np.ones(cells), np.empty(SIZES)
    lanes = [np.ascontiguousarray(row) for row in counts[0]]

    def measure() -> None:
        for feature, current in zip(features, lanes, strict=True):
            measure_lanes(feature.counts, current, plan, widths, 0.5, sizes)

    return measure, len(features), 1e3


def effects_case() -> Case:
    """All effect sizes of 20 features against windows of 200 rows."""
    features, counts = _world(20)
    comparisons = [Comparison(feature, 200) for feature in features]

    def measure() -> None:
        for f, comparison in enumerate(comparisons):
            comparison.measure(counts[0][f])

    return measure, len(comparisons), 1e3


def detector_case() -> Case:
    """The e-detector of 100 features taking in panes of 200 rows."""
    features, counts = _world(100)
    detector = Detector(features, false_alarm_panes(90.0, 60.0), 0.01)

    def advance() -> None:
        for pane in counts:
            detector.advance(pane, 0.0)

    return advance, len(features) * len(counts), 1e3


def load_seconds(times: int) -> tuple[list[float], list[float]]:
    """Seconds that fresh processes take to import all kernel modules once numba is up, and for numba
    itself."""
    with tempfile.TemporaryDirectory() as cache:
        # Bytecode is cached as well, as it is wherever the package is installed
        environment = {**os.environ, "NUMBA_CACHE_DIR": cache, "PYTHONPYCACHEPREFIX": f"{cache}/bytecode"}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        spent = []
        for number in range(times + 1):
            code = LOAD.replace("{fill}", str(number == 0))
            run = subprocess.run(
                [sys.executable, "-c", code],
                cwd=ROOT,
                env=environment,
                capture_output=True,
                text=True,
                check=True,
            )
            spent.append(tuple(map(float, run.stdout.split())))
        return [own for own, _numba in spent[1:]], [
            numba for _own, numba in spent[1:]
        ]  # the first one compiled


def judge(figures: Mapping[str, Sequence[float]]) -> list[Verdict]:
    """One verdict a promise, by the median of its rounds."""
    verdicts = []
    for name, (what, limit, least) in LIMITS.items():
        values = figures.get(name) or []
        middle = median(values) if values else None
        kept = middle is not None and (middle >= limit if least else middle <= limit)
        ends = (min(values), max(values)) if values else (None, None)
        judged = name not in NOT_JUDGED
        rule = f"{'>=' if least else '<='} {limit:g}" if judged else "-"
        verdicts.append(Verdict(what, rule, middle, *ends, judged, kept))
    return verdicts
