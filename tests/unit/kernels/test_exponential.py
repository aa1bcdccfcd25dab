from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from kernels.exponential import (
    BUCKETS,
    HIGHEST,
    LOWEST,
    MOST_SCALE,
    NOT_FINITE,
    SCALE,
    ZEROS,
    empty_buckets,
    empty_frame,
    exponential_index,
    exponential_quantile,
    fill_exponential,
    merge_exponential,
)
from tests.twins import plain_summaries as plain

GOLD = Path(__file__).parents[2] / "corpus" / "gold" / "otel_exponential_mapping.json"
CASES = json.loads(GOLD.read_text())["cases"]
SCRATCH = np.empty(BUCKETS, dtype=np.int64)


def filled(values):
    frame, buckets = empty_frame(), empty_buckets()
    fill_exponential(np.asarray(values, dtype=np.float64), frame, buckets, SCRATCH)
    return frame, buckets


def positive_side(frame, buckets):
    return {i: int(buckets[0, i % BUCKETS]) for i in range(frame[LOWEST], frame[HIGHEST] + 1)}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['scale']}:{case['value']}")
def test_opentelemetry_s_own_indices(case):
    assert exponential_index(float(case["value"]), case["scale"]) == case.get(
        "expected_index", case["run_here"]
    )


def test_all_gold_cases_are_there():
    assert len(CASES) == 69


def test_subnormal_values_count_as_the_smallest_normal_one():
    for value in (5e-324, 1e-310, 2.0**-1022):
        assert exponential_index(value, 3) == (-1022 << 3) - 1


def test_one_value_is_kept_at_the_finest_scale():
    frame, buckets = filled([1.5])
    assert frame[SCALE] == MOST_SCALE
    assert positive_side(frame, buckets) == {plain.exponential_index(1.5, MOST_SCALE): 1}


@pytest.mark.parametrize("spread", [1e-6, 0.01, 1.0, 50.0, 700.0])
def test_scale_is_the_highest_at_which_160_buckets_do(spread):
    values = np.exp(np.random.default_rng(1).uniform(-spread / 2, spread / 2, size=500))
    frame, buckets = filled(values)
    scale = int(frame[SCALE])
    spans = [
        plain.exponential_index(values.max(), s) - plain.exponential_index(values.min(), s) + 1
        for s in (scale, scale + 1)
    ]
    assert spans[0] <= BUCKETS
    assert spans[1] > BUCKETS or scale == MOST_SCALE
    expected: dict[int, int] = {}
    for value in values.tolist():
        index = plain.exponential_index(value, scale)
        expected[index] = expected.get(index, 0) + 1
    assert {i: n for i, n in positive_side(frame, buckets).items() if n} == expected


def test_signs_zeros_and_what_is_not_finite_are_kept_apart():
    frame, buckets = filled([0.0, -0.0, -3.0, 3.0, 3.0, math.nan, math.inf, -math.inf])
    assert (frame[ZEROS], frame[NOT_FINITE]) == (2, 3)
    assert buckets.sum(axis=1).tolist() == [2, 1]
    assert frame[LOWEST] == frame[LOWEST + 2]


def test_the_widest_values_fit():
    frame, buckets = filled([5e-324, 1.7976931348623157e308, -5e-324, -1.7976931348623157e308])
    assert frame[SCALE] == -4
    assert buckets.sum(axis=1).tolist() == [2, 2]


@pytest.mark.parametrize(
    ("first", "second"), [((0.0, 0.1), (0.0, 150.0)), ((200.0, 1.0), (-200.0, 1.0)), ((0, 5), (3, 5))]
)
def test_merging_two_scales_is_filling_at_once(first, second):
    rng = np.random.default_rng(9)
    values = [rng.choice([-1, 1], size=200) * np.exp(rng.normal(*part, size=200)) for part in (first, second)]
    whole = filled(np.concatenate(values))
    for order in (values, values[::-1]):
        (frame, buckets), (other_frame, other_buckets) = map(filled, order)
        merge_exponential(frame, buckets, other_frame, other_buckets, SCRATCH)
        assert frame.tolist() == whole[0].tolist()
        assert buckets.tolist() == whole[1].tolist()


def test_merging_an_empty_one_changes_nothing():
    frame, buckets = filled([1.0, 2.0, -5.0, 0.0])
    merge_exponential(frame, buckets, *filled([]), SCRATCH)
    assert (frame.tolist(), buckets.tolist()) == tuple(
        part.tolist() for part in filled([1.0, 2.0, -5.0, 0.0])
    )
    empty = filled([])
    merge_exponential(*empty, frame, buckets, SCRATCH)
    assert empty[0].tolist() == frame.tolist()


@pytest.mark.parametrize("share", [0.01, 0.2, 0.5, 0.9, 1.0])
def test_quantiles_are_too_far_from_zero_by_one_bucket_at_most(share):
    values = np.sort(np.random.default_rng(2).normal(size=2001))
    frame, buckets = filled(values)
    true = values[max(math.ceil(share * values.size) - 1, 0)]
    ratio = exponential_quantile(frame, buckets, share) / true
    assert 1.0 - 1e-12 <= ratio <= 2.0 ** (2.0 ** -float(frame[SCALE])) + 1e-12


def test_quantile_among_zeros_and_of_nothing():
    assert exponential_quantile(*filled([-1.0, 0.0, 0.0, 0.0, 1.0]), 0.5) == 0.0
    assert math.isnan(exponential_quantile(*filled([math.nan]), 0.5))
