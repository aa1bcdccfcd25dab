"""Cost of watching features together, beside what numpy alone would do without the exactness.

    python -m benchmarks.bench_joint [--quick]

Joint sums: nanoseconds a row, beside the product of the rows in floating point, with which nothing merges to
the same bytes. Embeddings: nanoseconds a vector from the payload's numbers to the 17 features and 256
cosines, beside the matrix products and cosines of numpy.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as in the monitor; read by numpy at its import

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import RESULTS, Row, assert_same, measure, pin, print_table, save, versions
from kernels.binning import F64
from sidecar.drift.multivariate import JointComparison, embedding_shift
from sidecar.profile.directions import FOURIER, direction_matrix
from sidecar.profile.embedding import lay_out
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.fourier import FourierSums, build_fourier
from sidecar.profile.joint import JointFill, JointSums
from sidecar.profile.joint_reference import build_joint
from sidecar.profile.learning import learn_reference

N_ROWS = 4096
Case = tuple[str, int, Callable[[], object]]


def normal_rows(n: int, width: int, missing: float, seed: int = 3) -> F64:
    """Rows on four common factors."""
    rng = np.random.default_rng(seed)
    loads = np.random.default_rng(1).normal(size=(4, width))
    rows = rng.normal(size=(n, 4)) @ loads + rng.normal(size=(n, width))
    rows[rng.random(rows.shape) < missing] = np.nan
    return rows


def joint_cases(width: int) -> Iterator[Case]:
    """Filling and measuring of so many features."""
    reference_rows = normal_rows(4000, width, 0.0)
    specs = [FeatureSpec(f"f{place}", "input", "numeric") for place in range(width)]
    features = learn_reference(specs, reference_rows, [()] * width)
    joint = build_joint(features, reference_rows)
    assert joint is not None  # enough rows and features
    _, space = joint.among(joint.names)
    clean = normal_rows(N_ROWS, width, 0.0, seed=4)
    once, twice = JointSums.empty(width), JointSums.empty(width)
    fill = JointFill(space)
    fill.add(clean, once)
    fill.flush(once)
    rounded, _ = space.rounded(clean)
    assert_same(f"products of {width}", once.products, (rounded.T @ rounded).astype(np.int64))
    for block in (clean[:1000], clean[1000:]):
        fill.add(block, twice)
    fill.flush(twice)
    assert_same(f"products of {width}, in two blocks", twice.products, once.products)
    for name, missing in (("joint sums", 0.0), ("joint sums, 1 % missing", 0.01)):
        rows = normal_rows(N_ROWS, width, missing, seed=4)
        yield f"{name}, F={width}", N_ROWS, lambda rows=rows: fill.add(rows, twice)  # type: ignore[misc]
    yield f"  numpy: rows.T @ rows, F={width}", N_ROWS, lambda: clean.T @ clean
    comparison = JointComparison(joint, 200)
    yield f"correlation shift of a window, F={width}", 1, lambda: comparison.correlation_shift(once)
    yield f"reconstruction error of a window, F={width}", 1, lambda: comparison.reconstruction(once)


def embedding_cases(dimension: int) -> Iterator[Case]:
    """Vectors of so many components, 256 at a time."""
    n = 256
    rows = np.random.default_rng(5).normal(size=(2000, dimension)) * 0.05
    layout = lay_out(dimension, [("e", 0, dimension)])
    _, (vectors,) = layout.reduce(rows)
    reference = build_fourier("e", dimension, vectors.products, vectors.states)
    assert reference is not None  # enough vectors
    phases, sums, block = reference.phases(), FourierSums.empty(), rows[:n]
    directions = direction_matrix(dimension)
    weights = directions[:, :FOURIER] / (8.0 * reference.bandwidth)
    offsets = 2.0 * np.pi * phases[1:]
    sums.add(vectors.products[:n], vectors.states[:n], phases)
    expected = np.sqrt(2.0 / FOURIER) * np.cos(block @ weights + offsets).mean(axis=0)
    assert_same("mean of cosines", np.isclose(sums.mean(), expected, atol=2e-4), np.True_)

    def take() -> None:
        _, (taken,) = layout.reduce(block)
        sums.add(taken.products, taken.states, phases)

    def take_one() -> None:
        _, (taken,) = layout.reduce(block[:1])
        sums.add(taken.products, taken.states, phases)

    yield f"embedding, d={dimension}", n, take
    yield f"embedding, d={dimension}, one at a time", 1, take_one
    yield (
        f"  numpy: projections, cosines, d={dimension}",
        n,
        lambda: np.cos(block @ weights + offsets).sum(axis=0),
    )
    yield f"discrepancy of a window, d={dimension}", 1, lambda: embedding_shift(reference, sums, 200)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark and stores its rows."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_joint")
    parser.add_argument("--quick", action="store_true", help="fewer repeats")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for joint.json")
    given = parser.parse_args(arguments)
    pin()
    rows: list[dict[str, Any]] = []
    printed = []
    groups = [*(joint_cases(width) for width in (20, 100)), *(embedding_cases(d) for d in (384, 768))]
    for group in groups:
        for name, items, call in group:
            timing = measure(call, repeats=3 if given.quick else 9, min_s=0.02 if given.quick else 0.1).per(
                items
            )
            rows.append(Row(name.strip(), timing, "ns", {"items_a_call": items}).to_json())
            printed.append([name, str(items), f"{timing.best_ns:.0f}", f"{timing.median_ns:.0f}"])
    print_table(("case", "items a call", "best ns an item", "median"), printed)
    path = save("joint", rows, folder=given.results, versions=versions("numpy", "numba"))
    print(f"stored in {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
