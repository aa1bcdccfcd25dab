"""The summaries of `bench_kernels`: row hashes, distinct and frequent values, other histograms.

Each gives the same answer as its peer first: datasketches estimates the same number of values within the
errors of both, boost-histogram counts the same bins, xxhash hashes the same bytes, OpenTelemetry's SDK finds
the same bucket.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from opentelemetry.sdk.metrics._internal.exponential_histogram.mapping.logarithm_mapping import (
    LogarithmMapping,
)

from benchmarks.harness import assert_same
from kernels import exponential, hashing, hyperloglog, runs, scores, space_saving

try:
    import boost_histogram
except ImportError:
    boost_histogram = None
try:
    import datasketches
except ImportError:
    datasketches = None
try:
    import xxhash
except ImportError:
    xxhash = None

BINS = 256
SCALE = 5
N_FEATURES = 20
SCRATCH = np.empty(exponential.BUCKETS, np.int64)

Case = tuple[str, int, Callable[[], object]]


class Stream:
    """Values for every summary."""

    def __init__(self, n: int) -> None:
        rng = np.random.default_rng(5)
        self.n = n
        self.rows = rng.normal(size=(max(n // N_FEATURES, 1), N_FEATURES))
        self.hashes = rng.integers(0, 2**64, size=n, dtype=np.uint64)
        self.keys = rng.zipf(1.3, size=n).astype(np.int64) % 1_000_000
        self.values = rng.lognormal(size=n)
        self.scores = rng.uniform(size=n)
        self.shadow = rng.uniform(size=n)
        self.classes = rng.integers(0, 2, size=n)


def assert_twins() -> None:
    """Checks the kernels against peers, and that their inputs change the answer."""
    stream = Stream(20_000)
    for n in (500, 20_000):
        registers = hyperloglog.empty_registers()
        hyperloglog.fill_registers(stream.hashes[:n], registers)
        assert_same(f"{n} distinct", bool(abs(hyperloglog.estimate(registers) / n - 1.0) < 0.07), True)
    table = space_saving.empty_table()
    space_saving.fill_table(stream.keys, table)
    most = int(np.bincount(stream.keys).argmax())
    assert_same("most frequent key", int(table[space_saving.KEYS, table[space_saving.COUNTS].argmax()]), most)
    mapping = LogarithmMapping(SCALE)
    assert_same(
        "OpenTelemetry: buckets",
        [exponential.exponential_index(value, SCALE) for value in stream.values[:500].tolist()],
        [mapping.map_to_index(value) for value in stream.values[:500].tolist()],
    )
    counts = np.zeros((3, BINS + scores.EXTRA_LANES), np.int64)
    scores.fill_scores(stream.classes, stream.scores, counts)
    if boost_histogram is not None:
        assert_same("boost-histogram: scores", counts[:2, 1:-2], scores_by_boost(stream))
    if xxhash is not None:
        hashes = np.empty(len(stream.rows), np.uint64)
        hashing.fill_row_hashes(stream.rows, hashes)
        assert_same("xxhash: rows", hashes.tolist(), hashes_by_xxhash(stream))
    if datasketches is not None:
        ours, theirs = hyperloglog.estimate(registers), distinct_by_datasketches(stream.hashes)
        assert_same("datasketches: distinct", bool(abs(ours / theirs - 1.0) < 0.1), True)


def cases(n: int) -> Iterator[Case]:
    """Name, number of values handled and call of each case."""
    stream = Stream(n)
    yield from _hash_cases(stream)
    registers, table = hyperloglog.empty_registers(), space_saving.empty_table()
    yield "fill_registers (HyperLogLog)", n, lambda: hyperloglog.fill_registers(stream.hashes, registers)
    if datasketches is not None:
        few = stream.hashes[:4096]
        yield "  datasketches: hll", few.size, lambda: distinct_by_datasketches(few)
    yield "fill_table (SpaceSaving, zipf 1.3)", n, lambda: space_saving.fill_table(stream.keys, table)
    if datasketches is not None:
        some = stream.keys[:4096]
        yield (
            "  datasketches: frequent items",
            some.size,
            lambda: frequent_by_datasketches(some),
        )
    yield from _histogram_cases(stream)


def _hash_cases(stream: Stream) -> Iterator[Case]:
    hashes = np.empty(len(stream.rows), np.uint64)
    size = stream.rows.size
    yield "fill_row_hashes (XXH64)", size, lambda: hashing.fill_row_hashes(stream.rows, hashes)
    if xxhash is not None:
        yield "  xxhash: row by row", size, lambda: hashes_by_xxhash(stream)
    ranges = np.tile([-3.0, 3.0], (N_FEATURES, 1))
    latest, lengths = np.full(N_FEATURES, np.nan), np.zeros(N_FEATURES, np.int64)
    tallies = np.zeros((N_FEATURES, runs.TALLIES), np.int64)
    yield "fill_runs", size, lambda: runs.fill_runs(stream.rows, ranges, latest, lengths, tallies)


def _histogram_cases(stream: Stream) -> Iterator[Case]:
    n = stream.n
    frame, buckets = exponential.empty_frame(), exponential.empty_buckets()
    mapping, few = LogarithmMapping(SCALE), stream.values[:4096].tolist()
    yield (
        "fill_exponential",
        n,
        lambda: exponential.fill_exponential(stream.values, frame, buckets, SCRATCH),
    )
    yield "  OpenTelemetry: bucket alone", len(few), lambda: [mapping.map_to_index(value) for value in few]
    counts = np.zeros((3, BINS + scores.EXTRA_LANES), np.int64)
    side = scores.JOINT_BINS + scores.EXTRA_LANES
    joint = np.zeros((side, side), np.int64)
    yield (
        "fill_scores (2 classes, 256 bins)",
        n,
        lambda: scores.fill_scores(stream.classes, stream.scores, counts),
    )
    if boost_histogram is not None:
        yield "  boost-histogram: the same", n, lambda: scores_by_boost(stream)
    yield "fill_joint (32 x 32)", n, lambda: scores.fill_joint(stream.scores, stream.shadow, joint)
    if boost_histogram is not None:
        yield "  boost-histogram: the same", n, lambda: joint_by_boost(stream)


def hashes_by_xxhash(stream: Stream) -> list[int]:
    """XXH64 of each row by xxhash."""
    return [xxhash.xxh64_intdigest(row.tobytes()) for row in stream.rows]


def distinct_by_datasketches(hashes: hashing.U64) -> float:
    """Distinct values by datasketches' HLL of the same size."""
    sketch = datasketches.hll_sketch(hyperloglog.PRECISION, datasketches.tgt_hll_type.HLL_8)
    for word in hashes.view(np.int64).tolist():
        sketch.update(word)
    return float(sketch.get_estimate())


def frequent_by_datasketches(keys: scores.I64) -> object:
    """Frequent values by datasketches with a map of 64 places."""
    sketch = datasketches.frequent_items_sketch(6)
    for key in keys.tolist():
        sketch.update(key)
    return sketch


def scores_by_boost(stream: Stream) -> scores.I64:
    """Scores by class by boost-histogram."""
    axes = boost_histogram.axis.Integer(0, 2), boost_histogram.axis.Regular(BINS, 0.0, 1.0)
    histogram = boost_histogram.Histogram(*axes, storage=boost_histogram.storage.Int64())
    return np.asarray(histogram.fill(stream.classes, stream.scores).values(), dtype=np.int64)


def joint_by_boost(stream: Stream) -> object:
    """Pairs of scores by boost-histogram."""
    axes = [boost_histogram.axis.Regular(scores.JOINT_BINS, 0.0, 1.0)] * 2
    histogram = boost_histogram.Histogram(*axes, storage=boost_histogram.storage.Int64())
    return histogram.fill(stream.scores, stream.shadow)
