from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from kernels.moments import (
    SCALE_BITS,
    deviation,
    empty_extremes,
    empty_sums,
    fill_sums,
    mean,
    merge_extremes,
    unit_for,
)

GOLD = Path(__file__).parents[2] / "corpus" / "gold" / "nist_strd_moments.json"
NIST = json.loads(GOLD.read_text())["cases"]


def nist_values(generator):
    if generator["values"] is not None:
        return np.array(generator["values"])
    return np.array([generator["first"], *generator["pair"] * generator["repeats"]])


def sums_of(values, pivot, unit):
    sums = empty_sums(1)[0]
    fill_sums(np.asarray(values, dtype=np.float64), pivot, unit, sums)
    return sums


@pytest.mark.parametrize("case", NIST, ids=lambda case: case["name"])
def test_nist_certified_values(case):
    values = nist_values(case["generator"])
    pivot = float(values[0])
    unit = unit_for(float(values.std()), pivot)
    sums = sums_of(values, pivot, unit)
    assert mean(sums, pivot, unit) == pytest.approx(case["certified"]["mean"], rel=1e-14)
    assert deviation(sums, unit) == pytest.approx(case["certified"]["sd_ddof1"], **case["tolerance"])


def test_any_order_and_grouping_gives_the_same_bits():
    rng = np.random.default_rng(1)
    values = rng.lognormal(5.0, 2.0, size=3001)
    unit = unit_for(1e3, 150.0)
    whole = sums_of(values, 150.0, unit)
    parts = [sums_of(part, 150.0, unit) for part in np.array_split(rng.permutation(values), 7)]
    assert sum(parts).tolist() == whole.tolist()


def test_one_wild_value_counts_as_32_scales():
    values = np.zeros(1000)
    values[0] = 1e300
    unit = unit_for(1.0, 0.0)
    assert mean(sums_of(values, 0.0, unit), 0.0, unit) == 32 / 1000


@pytest.mark.parametrize("extreme", [1e300, -1e300])
def test_sums_of_extremes_do_not_overflow(extreme):
    unit = unit_for(1.0, 0.0)
    sums = sums_of([extreme], 0.0, unit) * (2**31 - 1)
    assert abs(mean(sums, 0.0, unit)) == 32.0
    assert sums[2] > 0


def test_nan_and_infinities_are_passed_over():
    assert sums_of([math.nan, math.inf, -math.inf, 2.0], 1.0, 0.5).tolist() == [1, 2, 0, 4]


def test_too_few_values_have_no_mean_or_deviation():
    assert math.isnan(mean(empty_sums(1)[0], 0.0, 1.0))
    sums = sums_of([3.0], 1.0, 1.0)
    assert mean(sums, 1.0, 1.0) == 3.0
    assert math.isnan(deviation(sums, 1.0))


def test_constant_has_no_deviation():
    assert deviation(sums_of(np.full(1000, 0.1), 0.1, unit_for(0.0, 0.1)), unit_for(0.0, 0.1)) == 0.0


@pytest.mark.parametrize(
    ("spread", "pivot", "scale"),
    [
        (1.0, 0.0, 1.0),
        (1.1, 0.0, 2.0),
        (0.3, 7.0, 0.5),
        (0.0, 0.0, 1.0),
        (0.0, 2.0**30, 16.0),
        (math.inf, 4.0, 2.0**-24),
        (math.nan, 0.0, 1.0),
    ],
)
def test_unit_is_a_small_part_of_the_next_power_of_two(spread, pivot, scale):
    assert unit_for(spread, pivot) == scale * 2.0**-SCALE_BITS


@pytest.mark.parametrize("spread", [1e-320, 1e308])
def test_unit_of_any_spread_has_an_inverse(spread):
    assert 0.0 < 1.0 / unit_for(spread, 0.0) < math.inf


def test_extremes_widen():
    extremes = empty_extremes(2)
    merge_extremes(extremes, np.array([[1.0, 2.0], [np.inf, -np.inf]]))
    merge_extremes(extremes, np.array([[0.0, 1.5], [np.inf, -np.inf]]))
    assert extremes.tolist() == [[0.0, 2.0], [np.inf, -np.inf]]
