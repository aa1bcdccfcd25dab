from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import beta, binom

from kernels.lanes import TYPE_ERROR_NAN
from sidecar.drift.rates import RATE_RISK, ExtraRate, binomial_bound, chernoff_bound, make_rates
from sidecar.errors import ShapeMismatch
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.lanes import lane_table
from sidecar.profile.learning import learn_reference
from sidecar.profile.pane import Pane

NUMBER = FeatureSpec("n", "input", "numeric")
TEXT = FeatureSpec("c", "input", "categorical")


def features_of(rows=2000, seed=1):
    rng = np.random.default_rng(seed)
    matrix = np.column_stack(
        [rng.normal(size=rows), rng.choice([1.0, 2.0, 0.0], p=[0.7, 0.2, 0.1], size=rows)]
    )
    matrix[:10] = np.nan
    return learn_reference([NUMBER, TEXT], matrix, [(), ("a", "b")])


def test_rates_are_counted_from_the_lanes():
    features = features_of()
    rates = make_rates(features, 0.01)
    rng = np.random.default_rng(2)
    column = rng.normal(size=300)
    column[:4], column[4], column[5] = np.nan, np.inf, -np.inf
    codes = rng.choice([1.0, 2.0, 5.0, np.nan], size=300)
    table = lane_table([NUMBER, TEXT], features)
    pane = Pane.empty(0, 0, 2, table.lanes)
    pane.fill(table, np.column_stack([column, codes]))
    successes, trials = (np.delete(one, rates.positions.at) for one in rates.count(pane.counts))
    present = column[~np.isnan(column)]
    edges = features[0].edges
    low, high = np.quantile(edges, [2 / (edges.size - 1), 1 - 2 / (edges.size - 1)])
    expected = [4, 0, *((present < edge).sum() for edge in edges)]
    expected += [((present >= low) & (present < high)).sum()]
    expected += [np.isnan(codes).sum(), 0, (codes == 5).sum(), (codes == 1).sum(), (codes == 2).sum()]
    assert successes.tolist() == expected
    n_codes = int((~np.isnan(codes)).sum())
    assert trials.tolist() == [300, 300, *[296] * (edges.size + 1), 300, 300, *[n_codes] * 3]


def test_places():
    rates = make_rates(features_of(), 0.01)
    assert rates.places[:5] == ("missing", "type_error", "q0.001", "q0.01", "q0.05")
    assert rates.places[-5:] == ("missing", "type_error", "other", "category=a", "category=b")
    assert rates.is_quantile[2]
    assert not rates.is_quantile[1]


def test_spread_is_the_share_between_two_quantiles_and_none_is_made_of_one():
    rates = make_rates(features_of(), 0.01)
    (spread,) = rates.spreads
    assert rates.places[spread] == "spread"
    assert rates.shares[spread] == pytest.approx(0.9, abs=0.002)
    (constant,) = learn_reference([NUMBER], np.full((500, 1), np.inf), [()])
    assert make_rates([constant], 0.01).spreads.size == 0


def test_atom_is_named_by_its_own_share():
    (feature,) = learn_reference([NUMBER], np.r_[np.zeros(930), np.ones(70)][:, None], [()])
    assert make_rates([feature], 0.01).places == (
        "missing",
        "type_error",
        "q0",
        "q0.93",
        "q0.93",
        "q1",
        "spread",
        "position",
    )


@pytest.mark.parametrize("rows", [100, 2000, 50_000])
def test_band_holds_the_rate_and_more_rows_narrow_it(rows):
    rates = make_rates(features_of(rows), 0.01)
    wider = make_rates(features_of(rows), 0.05)
    assert np.all(rates.lower < rates.upper)
    assert np.all(wider.upper >= rates.upper)
    width = rates.upper - rates.lower
    assert np.median(width) < 0.05 + 6 / math.sqrt(rows)


def test_band_never_closes_however_large_the_reference():
    column = np.tile(np.arange(10.0), 50_000)
    (feature,) = learn_reference([NUMBER], column[:, None], [()])
    rates = make_rates([feature], 0.01)
    assert rates.upper[0] >= 2 * 0.01**2  # missing: never seen in half a million rows
    assert (rates.upper - rates.lower).max() >= 0.02


@pytest.mark.parametrize(("rows", "hits"), [(100, 0), (2000, 0), (2000, 2), (2000, 1000), (10_000, 9990)])
def test_chernoff_bound_is_an_upper_confidence_limit(rows, hits):
    level = math.log(1 / 0.01)
    (bound,) = chernoff_bound(np.array([hits / rows]), np.array([float(rows)]), level)
    # were the true rate the bound, so few hits would have come with probability at most 1 %
    assert 1e-5 < binom.cdf(hits, rows, bound) <= 0.01


def test_chernoff_bound_without_hits():
    (bound,) = chernoff_bound(np.array([0.0]), np.array([2000.0]), 10.0)
    assert bound == pytest.approx(1 - math.exp(-10 / 2000), rel=1e-9)
    assert chernoff_bound(np.array([1.0]), np.array([2000.0]), 10.0)[0] == 1.0


def test_unwatched_and_empty_features_have_no_rates():
    (empty,) = learn_reference([NUMBER], np.empty((0, 1)), [()])
    assert make_rates([None, empty], 0.01).places == ()
    (absent,) = learn_reference([NUMBER], np.full((100, 1), np.nan), [()])
    assert make_rates([absent], 0.01).places == ("missing", "type_error")


def test_type_errors_are_a_rate_of_all_rows():
    rates = make_rates(features_of(), 0.01)
    column = np.full(50, TYPE_ERROR_NAN)
    column[:10], column[10:13] = 1.0, np.nan
    table = lane_table([NUMBER, TEXT], features_of())
    pane = Pane.empty(0, 0, 2, table.lanes)
    pane.fill(table, np.column_stack([column, np.ones(50)]))
    hits, trials = rates.count(pane.counts)
    place = rates.places.index("type_error")
    assert (hits[place], trials[place]) == (37, 50)


EXTRA = (
    ExtraRate("errors", 0.02, 5000.0),
    ExtraRate("constant", 0.0, 40.0, feature=0),
    ExtraRate("shape", 0.5, 300.0),
)


def test_extra_rates_stand_beside_their_feature_or_by_themselves():
    rates = make_rates(features_of(), 0.01, EXTRA)
    assert rates.n_groups == 4
    assert rates.groups.tolist() == sorted(rates.groups.tolist())
    at = {place: (group, q) for place, group, q in zip(rates.places, rates.groups, rates.shares, strict=True)}
    assert at["constant"] == (0, 0.0)
    assert at["errors"] == (2, 0.02)
    assert at["shape"] == (3, 0.5)
    counts = np.zeros((2, 80), dtype=np.int64)
    tallies = rates.tally(counts, np.array([[1.5, 10.0], [0.0, 3.0], [2.0, 4.0]]))
    given = {rates.places[k]: tallies[k].tolist() for k in np.flatnonzero(tallies[:, 1])}
    assert given == {"errors": [1.5, 10.0], "constant": [0.0, 3.0], "shape": [2.0, 4.0]}
    assert not rates.tally(counts).any()


def test_extra_tallies_of_another_number():
    with pytest.raises(ShapeMismatch) as caught:
        make_rates([], 0.01, EXTRA).tally(np.zeros((0, 36), dtype=np.int64), np.zeros((2, 2)))
    assert str(caught.value) == "rates: expected extra tallies of (3, 2), got (2, 2)"


def test_dependent_reference_rows_widen_the_band_as_fewer_rows_would():
    whole = make_rates(features_of(2000), 0.0, phi=[4.0, 1.0])
    assert whole.rows[0] == 500.0
    most = int(np.bincount(whole.groups).max())
    shares, level = whole.shares, math.log(2 * most * 2 / RATE_RISK)
    assert whole.upper[0] == pytest.approx(binomial_bound(shares[:1], np.array([500.0]), level)[0], rel=1e-9)
    plain = make_rates(features_of(2000), 0.0)
    mine = whole.groups == 0
    assert np.all(whole.upper[mine] > plain.upper[mine])
    assert np.array_equal(whole.upper[~mine], plain.upper[~mine])


def test_other_shares_have_bands_of_their_own():
    rates = make_rates(features_of(), 0.01)
    assert np.array_equal(rates.at(rates.shares, rates.rows, 1).upper, rates.upper)
    assert np.all(rates.at(rates.shares, rates.rows, 168).upper >= rates.upper)
    moved = rates.at(np.full(rates.shares.size, 0.25), np.full(rates.shares.size, 1e9), 1)
    others = np.delete(moved.upper, moved.positions.at)
    assert others == pytest.approx(0.25 + 2 * 0.01 * math.sqrt(0.25 * 0.75), abs=1e-3)


@pytest.mark.parametrize(
    ("rows", "hits"), [(100, 0), (100, 3), (2000, 2), (2000, 1000), (10_000, 10), (50, 49)]
)
@pytest.mark.parametrize("level", [6.0, 10.6])
def test_binomial_bound_is_nearly_clopper_and_pearsons(rows, hits, level):
    q, m = np.array([hits / rows]), np.array([float(rows)])
    (bound,) = binomial_bound(q, m, level)
    exact = beta.ppf(1.0 - math.exp(-level), hits + 1, rows - hits)
    assert exact <= bound * (1 + 1e-9)  # never too small
    assert bound - q[0] <= 1.15 * (exact - q[0])
    assert bound <= chernoff_bound(q, m, level)[0]


def test_binomial_bound_of_a_rate_that_is_always_there():
    assert binomial_bound(np.array([1.0]), np.array([50.0]), 3.0)[0] == 1.0
