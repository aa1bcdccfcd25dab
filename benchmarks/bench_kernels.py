"""Nanoseconds a value of the counting and moment kernels, beside numpy and boost-histogram.

    python -m benchmarks.bench_kernels [--quick]

Every case first gives the same lanes and moments as a plain twin in numpy. `numpy` stands for what one would
write without kernels: searchsorted and bincount for the lanes, sums for the moments, column by column.
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
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import RESULTS, Row, assert_same, measure, pin, print_table, save, versions
from kernels.binning import EDGES, F64, I64, fill_cells
from kernels.histogram import FIRST_CELL, MISSING, NEG_INF, NUMERIC, POS_INF, fill_block
from kernels.moments import empty_moments, fill_moments

try:
    import boost_histogram
except ImportError:
    boost_histogram = None

LANES = FIRST_CELL + EDGES + 1
N_FEATURES = 20


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of traffic and what they are counted against."""

    rows: F64
    edges: F64
    pivots: F64

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
        return Block(rows, edges, sample.mean(axis=0))


def counted_by_kernel(block: Block) -> tuple[I64, F64]:
    """Lanes and moments by `fill_block`."""
    counts = np.zeros((N_FEATURES, LANES), np.int64)
    moments = empty_moments(N_FEATURES)
    fill_block(block.rows, block.edges, np.full(N_FEATURES, NUMERIC), block.pivots, counts, moments)
    return counts, moments


def counted_by_numpy(block: Block) -> tuple[I64, F64]:
    """The same by numpy, column by column."""
    counts = np.zeros((N_FEATURES, LANES), np.int64)
    moments = empty_moments(N_FEATURES)
    for f in range(N_FEATURES):
        column = block.rows[:, f]
        finite = column[np.isfinite(column)]
        cells = np.searchsorted(block.edges[f], finite, side="right")
        counts[f, FIRST_CELL:] = np.bincount(cells, minlength=EDGES + 1)
        counts[f, MISSING] = np.isnan(column).sum()
        counts[f, POS_INF] = np.isposinf(column).sum()
        counts[f, NEG_INF] = np.isneginf(column).sum()
        centred = finite - block.pivots[f]
        moments[f] = finite.size, centred.sum(), np.square(centred).sum(), finite.min(), finite.max()
    return counts, moments


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
        counts, moments = counted_by_kernel(block)
        twin_counts, twin_moments = counted_by_numpy(block)
        assert_same(f"fill_block, {name}: lanes", counts, twin_counts)
        # numpy adds pairwise, the kernel in order: they differ in the last digits of a sum of 512 values
        assert_same(
            f"fill_block, {name}: moments",
            np.isclose(moments, twin_moments, rtol=1e-12, atol=1e-12),
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
    counts, moments = np.zeros((N_FEATURES, LANES), np.int64), empty_moments(N_FEATURES)
    codes = np.full(N_FEATURES, NUMERIC)
    column = np.ascontiguousarray(block.rows[:, 0])
    finite = column[np.isfinite(column)]
    cells, one = np.empty(finite.size, np.int64), moments[0].copy()
    size = block.rows.size

    yield (
        "fill_block (lanes and moments)",
        size,
        lambda: fill_block(block.rows, block.edges, codes, block.pivots, counts, moments),
    )
    yield "  numpy: searchsorted, bincount, sums", size, lambda: counted_by_numpy(block)
    if boost_histogram is not None:
        yield "  boost-histogram: cells alone", size, lambda: cells_by_boost(block)
    yield "fill_cells", finite.size, lambda: fill_cells(finite, block.edges[0], cells)
    yield "  numpy: searchsorted", finite.size, lambda: np.searchsorted(block.edges[0], finite, side="right")
    yield "fill_moments", column.size, lambda: fill_moments(column, 0.0, one)
    yield "  numpy: isfinite, sums, extremes", column.size, lambda: moments_by_numpy(column)


def moments_by_numpy(column: F64) -> tuple[float, ...]:
    """One column's moments by numpy."""
    finite = column[np.isfinite(column)]
    return finite.size, finite.sum(), np.dot(finite, finite), finite.min(), finite.max()


def import_seconds(cache: str) -> float:
    """Time that a fresh interpreter takes to import the kernels, with the given folder as numba's cache."""
    code = "import kernels.histogram, kernels.moments"
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "NUMBA_CACHE_DIR": cache}, check=True, timeout=300
    )
    return time.perf_counter() - start


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark and stores its rows."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_kernels")
    parser.add_argument("--quick", action="store_true", help="fewer repeats")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for kernels.json")
    given = parser.parse_args(arguments)
    assert_twins()
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
    print_table(("kernel", "rows", "best ns/value", "median"), printed)
    print(f"import, compiling everything: {cold_s:.2f} s; from a warm cache: {warm_s:.2f} s")
    if boost_histogram is None:
        print("missing: boost-histogram: not installed: pip install boost-histogram")
    path = save(
        "kernels",
        rows,
        folder=given.results,
        import_cold_s=cold_s,
        import_warm_s=warm_s,
        versions=versions("numpy", "numba", "boost-histogram"),
    )
    print(f"stored in {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
