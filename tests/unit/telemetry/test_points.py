from __future__ import annotations

import pytest

from sidecar.telemetry.names import EXCHANGES, LEVEL, PROXY_OVERHEAD
from sidecar.telemetry.points import (
    OTHER,
    Buckets,
    CounterSet,
    Family,
    Histogram,
    HistogramSet,
    Point,
    fold,
    folded_points,
    single,
)


@pytest.mark.parametrize(
    ("value", "bucket"), [(0.5, 0), (1.0, 0), (1.0000001, 1), (2.0, 1), (3.0, 2), (-1.0, 0), (1e300, 2)]
)
def test_a_bound_belongs_to_the_bucket_below_it(value: float, bucket: int) -> None:
    histogram = Histogram((1.0, 2.0))
    histogram.observe(value)
    assert histogram.snapshot().counts.index(1) == bucket


def test_a_snapshot_is_a_copy() -> None:
    histogram = Histogram((1.0,))
    histogram.observe(0.5)
    earlier = histogram.snapshot()
    histogram.observe(4.0)
    assert earlier == Buckets((1.0,), (1, 0), 0.5)
    assert histogram.snapshot() == Buckets((1.0,), (1, 1), 4.5)
    assert histogram.snapshot().count == 2


def test_a_counter_set_adds_by_attributes() -> None:
    sums = CounterSet(EXCHANGES)
    sums.add((("outcome", "ok"),))
    sums.add((("outcome", "ok"),), 2)
    sums.add((("outcome", "rejected"),))
    points = [Point((("outcome", "ok"),), 3), Point((("outcome", "rejected"),), 1)]
    assert sums.family() == Family(EXCHANGES, points)


@pytest.mark.parametrize("limit", [0, 1, 2])
def test_a_full_counter_set_folds_and_loses_nothing(limit: int) -> None:
    sums = CounterSet(EXCHANGES, limit)
    for turn in range(10):
        sums.add((("outcome", str(turn)),))
    family = sums.family()
    assert len(family.points) == limit + 1
    assert family.points[-1] == Point((("outcome", OTHER),), 10 - limit)
    assert sums.folded == 10 - limit


@pytest.mark.parametrize("limit", [0, 1, 2])
def test_a_full_histogram_set_folds_and_loses_nothing(limit: int) -> None:
    histograms = HistogramSet(PROXY_OVERHEAD, limit)
    for turn in range(10):
        histograms.observe(0.1, (("x", str(turn)),))
        histograms.observe(0.1, (("x", "0"),))
    points = histograms.family().points
    assert len(points) == limit + 1
    assert sum(point.value.count for point in points if isinstance(point.value, Buckets)) == 20
    assert points[-1].attributes == (("x", OTHER),)


def test_folding_keeps_the_names() -> None:
    assert fold((("a", "1"), ("b", "2"))) == (("a", OTHER), ("b", OTHER))
    assert fold(()) == ()


def test_folded_points_name_the_sets_that_folded() -> None:
    full, roomy = CounterSet(EXCHANGES, 0), HistogramSet(PROXY_OVERHEAD)
    full.add((("outcome", "ok"),))
    roomy.observe(0.1)
    assert folded_points([full, roomy]) == [Point((("instrument", "sidecar.exchanges"),), 1)]


def test_single_has_no_attributes() -> None:
    assert single(LEVEL, 2) == Family(LEVEL, [Point((), 2)])
