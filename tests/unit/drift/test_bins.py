from __future__ import annotations

import math

import numpy as np
import pytest

from sidecar.drift.bins import cell_widths, clip_edges, kurtosis, moment_scale, reading_plan, typical_spread
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.learning import learn_reference

NUMBER = FeatureSpec("n", "input", "numeric")


def numeric(column):
    return learn_reference([NUMBER], np.asarray(column, dtype=np.float64)[:, None], [()])[0]


def counts(*values):
    return np.array(values, dtype=np.int64)


def bins_of(cells, ordered, min_rows):
    order, ends = reading_plan(cells, ordered, min_rows)
    starts = np.r_[0, np.flatnonzero(ends)[:-1] + 1]
    return [part.tolist() for part in np.split(order, starts[1:])]


class TestPlan:
    def test_neighbours_are_joined_until_they_hold_enough(self):
        assert bins_of(counts(5, 5, 5, 5, 40, 40), True, 100) == [[0, 1, 2, 3], [4], [5]]

    def test_an_atom_is_a_bin_beside_the_rest(self):
        assert bins_of(counts(930, 70), True, 200) == [[0], [1]]

    def test_a_small_rest_joins_the_last_bin(self):
        assert bins_of(counts(50, 49, 1), True, 200) == [[0], [1, 2]]

    def test_categories_are_joined_from_the_most_frequent_down(self):
        assert bins_of(counts(3, 60, 4, 30, 3), False, 200) == [[1], [3], [2, 0, 4]]

    def test_one_cell(self):
        assert reading_plan(counts(7), True, 200).tolist() == [[0], [1]]

    def test_nothing_counted(self):
        order, ends = reading_plan(counts(0, 0, 0), True, 200)
        assert order.tolist() == [0, 1, 2]
        assert ends[-1] == 1


class TestClip:
    def test_one_and_ninety_nine_per_cent(self):
        cells = counts(1, 9, 490, 490, 9, 1)
        assert clip_edges(cells) == (1, 3)
        widths = cell_widths(np.array([0.0, 1.0, 3.0, 7.0, 8.0]), (1, 3))
        assert widths.tolist() == [0.0, 0.0, 2.0, 4.0, 0.0, 0.0]

    def test_whole_range_when_there_is_nothing_between(self):
        assert clip_edges(counts(0, 1000, 0)) == (0, 1)
        assert clip_edges(counts(5)) == (0, 0)
        assert clip_edges(counts(0, 0)) == (0, 0)


class TestScale:
    def test_interquartile_range(self):
        feature = numeric(np.random.default_rng(1).normal(size=20_000))
        assert typical_spread(feature, clip_edges(feature.cells)) == pytest.approx(1.349, rel=0.03)

    def test_constants_have_no_spread_but_atoms_do(self):
        mostly = numeric(np.r_[np.zeros(900), np.linspace(1, 2, 100)])
        assert typical_spread(mostly, clip_edges(mostly.cells)) > 0.9
        for value in (0.0, 0.1, -1e300):
            constant = numeric(np.full(500, value))
            assert typical_spread(constant, clip_edges(constant.cells)) == 0.0
        assert typical_spread(numeric(np.full(50, np.nan)), (0, 0)) == 0.0

    def test_limits_lie_half_as_far_again_as_the_outermost_edges(self):
        feature = numeric(np.random.default_rng(2).normal(10.0, 2.0, size=20_000))
        pivot, unit, low, high = moment_scale(feature)
        assert (pivot, unit) == (feature.pivot, feature.unit)
        assert low == pytest.approx(10 - 1.5 * 2 * 3.09, abs=0.8)
        assert high == pytest.approx(10 + 1.5 * 2 * 3.09, abs=0.8)

    def test_without_edges_there_is_no_limit(self):
        assert moment_scale(numeric(np.full(50, np.nan)))[2:].tolist() == [-math.inf, math.inf]

    @pytest.mark.filterwarnings("error")
    def test_the_greatest_numbers_have_no_limit_and_no_spread(self):
        feature = numeric(1.7e308 * np.linspace(-1.0, 1.0, 400))
        assert moment_scale(feature)[2:].tolist() == [-math.inf, math.inf]
        assert typical_spread(feature, clip_edges(feature.cells)) == 0.0


class TestKurtosis:
    @pytest.mark.parametrize(
        ("draw", "expected"),
        [
            (lambda rng: rng.normal(size=50_000), 3.0),
            (lambda rng: rng.random(50_000), 1.8),
            (lambda rng: rng.exponential(size=50_000), 9.0),
        ],
    )
    def test_of_known_distributions(self, draw, expected):
        feature = numeric(draw(np.random.default_rng(3)))
        low, high = moment_scale(feature)[2:].tolist()
        assert kurtosis(feature, (low, high)) == pytest.approx(expected, rel=0.15)

    def test_one_outlier_does_not_matter(self):
        column = np.random.default_rng(4).normal(size=20_000)
        column[0] = 1e6
        feature = numeric(column)
        low, high = moment_scale(feature)[2:].tolist()
        assert kurtosis(feature, (low, high)) == pytest.approx(3.0, rel=0.15)

    def test_of_nothing(self):
        assert math.isnan(kurtosis(numeric(np.full(50, np.nan)), (-1.0, 1.0)))
