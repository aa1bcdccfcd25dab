"""Nanoseconds a value of the counting kernels, beside numpy and boost-histogram; microseconds a feature of
the effect sizes, beside scipy.

    python -m benchmarks.bench_kernels [--quick]

Every case first gives the same lanes, sums and extremes as a plain twin in numpy. `numpy` stands for what one
would write without kernels: searchsorted and bincount for the lanes, sums and extremes, column by column.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import summary_cases
from benchmarks.effect_cases import assert_effects, effect_cases
from benchmarks.harness import RESULTS, Row, assert_same, measure, pin, print_table, save, versions
from kernels.binning import EDGES, F64, I64, fill_cells
from kernels.histogram import fill_block
from kernels.lanes import FIRST_CELL, MISSING, NEG_INF, NUMERIC, POS_INF
from kernels.moments import deviation, empty_extremes, empty_sums, fill_sums, mean, unit_for
from kernels.sketch import CELLS, fill_sketch
from sidecar.drift.detector import Detector, false_alarm_panes
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.lanes import lane_table
from sidecar.profile.learning import learn_reference
from sidecar.profile.pane import Pane

try:
    import boost_histogram
except ImportError:
    boost_histogram = None

LANES = FIRST_CELL + EDGES + 1
N_FEATURES = 20
CODES = np.full(N_FEATURES, NUMERIC)


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of traffic and what they are counted against."""

    rows: F64
    edges: F64
    scales: F64

    @staticmethod
    def make(n_rows: int, missing_ratio: float) -> Block:
        """Normal values, their own 1/32 quantiles as edges, some missing and a few infinite ones."""
        rng = np.random.default_rng(3)
        sample = rng.normal(size=(10_000, N_FEATURES))
        edges = np.ascontiguousarray(np.quantile(sample, np.arange(1, EDGES + 1) / (EDGES + 1), axis=0).T)
        rows = rng.normal(size=(n_rows, N_FEATURES))
        rows[rng.random(rows.shape) < missing_ratio] = np.nan
        if missing_ratio > 0.0:
            rows[0, 0], rows[1, 0] = np.inf, -np.inf
        units = np.full(N_FEATURES, unit_for(1.0, 0.0))
        return Block(rows, edges, np.column_stack([sample.mean(axis=0), units]))


class Counted:
    """All that `fill_block` adds to."""

    def __init__(self) -> None:
        self.counts = np.zeros((N_FEATURES, LANES), np.int64)
        self.tallies = (self.counts, empty_sums(N_FEATURES), np.zeros((N_FEATURES, CELLS), np.int64))
        self.extremes = empty_extremes(N_FEATURES)

    def fill(self, block: Block) -> None:
        """Counts a block."""
        fill_block(block.rows, block.edges, CODES, block.scales, self.tallies, self.extremes)


def counted_by_kernel(block: Block) -> tuple[I64, F64]:
    """Lanes, and mean, deviation and extremes, by `fill_block`."""
    made = Counted()
    made.fill(block)
    sums = made.tallies[1]
    figures = [
        (mean(sums[f], *block.scales[f]), deviation(sums[f], block.scales[f, 1]), *made.extremes[f])
        for f in range(N_FEATURES)
    ]
    return made.counts, np.array(figures)


def counted_by_numpy(block: Block) -> tuple[I64, F64]:
    """The same by numpy, column by column."""
    counts = np.zeros((N_FEATURES, LANES), np.int64)
    figures = np.zeros((N_FEATURES, 4))
    for f in range(N_FEATURES):
        column = block.rows[:, f]
        finite = column[np.isfinite(column)]
        cells = np.searchsorted(block.edges[f], finite, side="right")
        counts[f, FIRST_CELL:] = np.bincount(cells, minlength=EDGES + 1)
        counts[f, MISSING] = np.isnan(column).sum()
        counts[f, POS_INF] = np.isposinf(column).sum()
        counts[f, NEG_INF] = np.isneginf(column).sum()
        figures[f] = finite.mean(), finite.std(ddof=1), finite.min(), finite.max()
    return counts, figures


def cells_by_boost(block: Block) -> I64:
    """The cells alone by boost-histogram, which also knows flow bins but puts NaN into the last of them."""
    counts = np.zeros((N_FEATURES, EDGES + 1), np.int64)
    for f in range(N_FEATURES):
        histogram = boost_histogram.Histogram(
            boost_histogram.axis.Variable(block.edges[f]), storage=boost_histogram.storage.Int64()
        )
        counts[f] = histogram.fill(block.rows[:, f]).values(flow=True)
    return counts


def assert_twins() -> None:
    """Checks the kernels against numpy, and that missing and infinite values change the answer."""
    clean, holed = Block.make(512, 0.0), Block.make(512, 0.1)
    for name, block in (("clean", clean), ("holed", holed)):
        counts, figures = counted_by_kernel(block)
        twin_counts, twin_figures = counted_by_numpy(block)
        assert_same(f"fill_block, {name}: lanes", counts, twin_counts)
        assert_same(  # the kernel rounds values to 2^-26 of their scale
            f"fill_block, {name}: mean, deviation, extremes",
            np.isclose(figures, twin_figures, rtol=1e-7, atol=1e-8),
            np.True_,
        )
    assert_same("missing values are counted", int(counted_by_kernel(clean)[0][:, MISSING].sum()), 0)
    assert_same(
        "their share changes the lanes", bool(counted_by_kernel(holed)[0][:, MISSING].sum() > 900), True
    )
    if boost_histogram is not None:
        assert_same(
            "boost-histogram: cells", cells_by_boost(clean), counted_by_numpy(clean)[0][:, FIRST_CELL:]
        )


def cases(block: Block) -> Iterator[tuple[str, int, Callable[[], object]]]:
    """Name, number of values handled and call of each case."""
    counted = Counted()
    column = np.ascontiguousarray(block.rows[:, 0])
    finite = column[np.isfinite(column)]
    cells, sums, sketch = np.empty(finite.size, np.int64), empty_sums(1)[0], np.zeros(CELLS, np.int64)
    pivot, unit = block.scales[0].tolist()
    size = block.rows.size

    yield "fill_block (lanes, sums, extremes, sketch)", size, lambda: counted.fill(block)
    yield "  numpy: searchsorted, bincount, sums", size, lambda: counted_by_numpy(block)
    if boost_histogram is not None:
        yield "  boost-histogram: cells alone", size, lambda: cells_by_boost(block)
    yield "fill_cells", finite.size, lambda: fill_cells(finite, block.edges[0], cells)
    yield "  numpy: searchsorted", finite.size, lambda: np.searchsorted(block.edges[0], finite, side="right")
    yield "fill_sums", column.size, lambda: fill_sums(column, pivot, unit, sums)
    yield "  numpy: isfinite, sums, extremes", column.size, lambda: moments_by_numpy(column)
    yield "fill_sketch", column.size, lambda: fill_sketch(column, pivot, unit, sketch)


def moments_by_numpy(column: F64) -> tuple[float, ...]:
    """One column's moments by numpy."""
    finite = column[np.isfinite(column)]
    return finite.size, finite.sum(), np.dot(finite, finite), finite.min(), finite.max()


def detector_cases(quick: bool) -> Iterator[tuple[str, int, int, Callable[[], object]]]:
    """Name, rows of a pane, features and call of a detector that takes in panes without drift.

    `advance` is a closed pane, `evidence` the look into an open one; both with all that is around the kernel.
    """
    for width in (20, 100) if quick else (20, 100, 1000):
        specs = [FeatureSpec(f"f{k}", "input", "numeric") for k in range(width)]
        rng = np.random.default_rng(5)
        features = learn_reference(specs, rng.normal(size=(2000, width)), [()] * width)
        table = lane_table(specs, features)
        for n_rows in (200, 2000):
            panes = [Pane.empty(0, 0, width, table.lanes) for _ in range(16)]
            for pane in panes:
                pane.fill(table, rng.normal(size=(n_rows, width)))
            detector = Detector(features, false_alarm_panes(90.0, 60.0), 0.01)
            detector.advance(panes[0].counts, 0.0)
            assert_same("streams follow the formula", *twin_of_detector(detector, panes[1].counts))
            turn = cycle([pane.counts for pane in panes])
            yield "advance", n_rows, width, partial(call_with, detector.advance, turn)
            yield "evidence", n_rows, width, partial(call_with, detector.evidence, turn)


def call_with(take: Callable[[I64, float], object], panes: Iterator[I64]) -> None:
    """Gives the next pane."""
    take(next(panes), 0.0)


def twin_of_detector(detector: Detector, counts: I64) -> tuple[bool, bool]:
    """Whether another pane does to the streams of one feature what the formula says."""
    before, gains = detector.values.copy(), detector.gains
    tallies = detector.rates.tally(counts)[detector.sides.rate_of]
    detector.advance(counts, 0.0)
    misses = tallies[:, 1] - tallies[:, 0]
    ratio = tallies[:, :1] * gains[:, :, 0] + misses[:, None] * gains[:, :, 1]
    expected = (1.0 + before) * np.exp(ratio)
    return bool(np.allclose(detector.values, expected, rtol=1e-9, atol=1e-280)), True


def import_seconds(cache: str) -> float:
    """Time that a fresh interpreter takes to import the kernels, with the given folder as numba's cache."""
    code = "import kernels.histogram"
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "NUMBA_CACHE_DIR": cache}, check=True, timeout=300
    )
    return time.perf_counter() - start


def effect_rows(quick: bool) -> list[dict[str, Any]]:
    """Times the effect sizes of one feature and prints them."""
    rows, printed = [], []
    for name, n_features, call in effect_cases():
        timing = measure(call, repeats=3 if quick else 9, min_s=0.02 if quick else 0.1).per(n_features)
        rows.append(Row(name.strip(), timing, "ns/feature", {"cells": 32, "bins": 20}).to_json())
        printed.append([name, f"{timing.best_ns / 1000:.2f}", f"{timing.median_ns / 1000:.2f}"])
    print_table(("effect sizes", "best us/feature", "median"), printed)
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark and stores its rows."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_kernels")
    parser.add_argument("--quick", action="store_true", help="fewer repeats")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for kernels.json")
    given = parser.parse_args(arguments)
    assert_twins()
    summary_cases.assert_twins()
    assert_effects()
    with tempfile.TemporaryDirectory() as cache:  # before pinning: a compiler may use every core
        cold_s, warm_s = import_seconds(cache), import_seconds(cache)
    pin()
    rows: list[dict[str, Any]] = []
    printed = []
    for n_rows in (64, 4096, 65_536):
        block = Block.make(n_rows, 0.02)
        for name, n_values, call in cases(block):
            timing = measure(call, repeats=3 if given.quick else 9, min_s=0.02 if given.quick else 0.1).per(
                n_values
            )
            extra = {"n_rows": n_rows, "n_features": N_FEATURES, "cells": EDGES + 1}
            rows.append(Row(name.strip(), timing, "ns/value", extra).to_json())
            printed.append([name, str(n_rows), f"{timing.best_ns:.2f}", f"{timing.median_ns:.2f}"])
    for name, n_values, call in summary_cases.cases(65_536):
        timing = measure(call, repeats=3 if given.quick else 9, min_s=0.02 if given.quick else 0.1)
        timing = timing.per(n_values)
        rows.append(Row(name.strip(), timing, "ns/value", {"n_values": n_values}).to_json())
        printed.append([name, str(n_values), f"{timing.best_ns:.2f}", f"{timing.median_ns:.2f}"])
    detected = []
    for name, n_rows, width, call in detector_cases(given.quick):
        timing = measure(call, repeats=3 if given.quick else 9, min_s=0.02 if given.quick else 0.1).per(width)
        extra = {"n_rows": n_rows, "n_features": width}
        rows.append(Row(f"detector: {name}", timing, "ns/feature", extra).to_json())
        detected.append([name, str(n_rows), str(width), f"{timing.best_ns:.0f}", f"{timing.median_ns:.0f}"])
    print_table(("detector", "rows", "features", "best ns/feature", "median"), detected)
    print_table(("kernel", "rows", "best ns/value", "median"), printed)
    rows += effect_rows(given.quick)
    print(f"import, compiling everything: {cold_s:.2f} s; from a warm cache: {warm_s:.2f} s")
    if boost_histogram is None:
        print("missing: boost-histogram: not installed: pip install boost-histogram")
    path = save(
        "kernels",
        rows,
        folder=given.results,
        import_cold_s=cold_s,
        import_warm_s=warm_s,
        versions=versions("numpy", "numba", "scipy", "boost-histogram", "datasketches", "xxhash"),
    )
    print(f"stored in {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
