from __future__ import annotations

import math

import numpy as np
import pytest

from sidecar.compare.histogram import ShareHistogram, SizeHistogram, error_quantiles, json_number, likeness


def sizes_of(*values):
    histogram = SizeHistogram()
    histogram.add(np.array(values, dtype=np.float64))
    return histogram


def shares_of(*values):
    histogram = ShareHistogram()
    histogram.add(np.array(values, dtype=np.float64))
    return histogram


@pytest.mark.parametrize("share", [0.01, 0.25, 0.5, 0.9, 0.99])
def test_quantiles_of_sizes_are_within_an_eighth_of_an_octave(share):
    values = np.random.default_rng(1).lognormal(sigma=5.0, size=5000)
    true = float(np.quantile(values, share, method="inverted_cdf"))
    found = sizes_of(*values).quantile(share)
    assert true <= found <= true * 1.125


@pytest.mark.parametrize("value", [1.0, 1.125, 2.0**-64, 2.0**60, 0.75])
def test_a_size_lies_below_the_upper_border_of_its_cell(value):
    assert value < sizes_of(value).quantile(1.0) <= value * 1.125


@pytest.mark.parametrize("value", [0.0, 1.0, 0.3, 1e-300, 1e300, 7.99])
def test_one_size_is_counted_as_an_array_of_one(value):
    histogram = SizeHistogram()
    histogram.add_one(value)
    assert histogram.counts.tolist() == sizes_of(value).counts.tolist()


def test_nothing_zero_and_more_than_can_be_told():
    assert sizes_of().quantile(0.5) is None
    assert sizes_of(0.0, 0.0).quantile(0.5) == 0.0
    assert math.isinf(sizes_of(math.inf).quantile(0.5))
    assert math.isinf(sizes_of(2.0**70).quantile(0.5))
    assert sizes_of(1e-300).quantile(0.5) == 2.0**-64 * 1.125
    assert sizes_of(math.nan).quantile(0.5) is None


def test_shares():
    histogram = shares_of(0.25, 0.75, -3.0, 7.0, math.nan)
    assert histogram.mean() == 0.5
    assert [histogram.quantile(share) for share in (0.0, 0.25, 0.5, 1.0)] == [0.0, 0.0, 0.25, 1.0]
    assert (shares_of().mean(), shares_of().quantile(0.5)) == (None, None)


def test_figures_are_json():
    assert error_quantiles(sizes_of(0.0, 0.0, math.inf)) == {"p50": 0.0, "p95": None, "p99": None}
    assert likeness(shares_of(1.0, 0.5)) == {"mean": 0.75, "p1": 0.5, "p5": 0.5, "p50": 0.5}
    assert [json_number(value) for value in (None, math.nan, math.inf, 2.0)] == [None, None, None, 2.0]
