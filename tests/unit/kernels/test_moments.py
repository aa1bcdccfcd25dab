from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from kernels.moments import deviation, empty_moments, fill_moments, mean, merge_moments

GOLD = Path(__file__).parents[2] / "corpus" / "gold" / "nist_strd_moments.json"
NIST = json.loads(GOLD.read_text())["cases"]


def nist_values(generator):
    if generator["values"] is not None:
        return np.array(generator["values"])
    return np.array([generator["first"], *generator["pair"] * generator["repeats"]])


@pytest.mark.parametrize("case", NIST, ids=lambda case: case["name"])
def test_nist_certified_values(case):
    values = nist_values(case["generator"])
    pivot = float(values[0])
    moments = empty_moments(1)[0]
    fill_moments(values, pivot, moments)
    assert mean(moments, pivot) == pytest.approx(case["certified"]["mean"], rel=1e-14)
    assert deviation(moments) == pytest.approx(case["certified"]["sd_ddof1"], **case["tolerance"])


def test_pivot_of_zero_loses_the_deviation_of_numacc4():
    values = nist_values(NIST[3]["generator"])
    moments = empty_moments(1)[0]
    fill_moments(values, 0.0, moments)
    assert deviation(moments) != pytest.approx(0.1, abs=0.01)


def test_merging_is_filling_at_once():
    rng = np.random.default_rng(1)
    values = rng.normal(5.0, 2.0, size=301)
    whole, first, second = (empty_moments(1) for _ in range(3))
    fill_moments(values, 5.0, whole[0])
    fill_moments(values[:100], 5.0, first[0])
    fill_moments(values[100:], 5.0, second[0])
    merge_moments(first, second)
    assert first[0] == pytest.approx(whole[0], rel=1e-12)


def test_merging_into_empty_copies():
    moments, other = empty_moments(1), empty_moments(1)
    fill_moments(np.array([1.0, 2.5]), 0.3, other[0])
    merge_moments(moments, other)
    assert np.array_equal(moments, other)


def test_nan_and_infinities_are_passed_over():
    moments = empty_moments(1)[0]
    fill_moments(np.array([math.nan, math.inf, -math.inf, 2.0]), 1.0, moments)
    assert moments.tolist() == [1.0, 1.0, 1.0, 2.0, 2.0]


def test_too_few_values_have_no_mean_or_deviation():
    moments = empty_moments(1)[0]
    assert math.isnan(mean(moments, 0.0))
    fill_moments(np.array([3.0]), 1.0, moments)
    assert mean(moments, 1.0) == 3.0
    assert math.isnan(deviation(moments))


def test_constant_has_no_deviation():
    moments = empty_moments(1)[0]
    fill_moments(np.full(1000, 0.1), 0.1, moments)
    assert deviation(moments) == 0.0
