from __future__ import annotations

import numpy as np
import pytest

from kernels.lanes import NEG_INF, POS_INF
from sidecar.drift.position import TILTS, own_deviations_of, position_bounds, position_gains
from sidecar.drift.rates import make_rates
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.lanes import lane_table
from sidecar.profile.learning import learn_reference
from sidecar.profile.pane import Pane

SPECS = [FeatureSpec("normal", "input", "numeric"), FeatureSpec("atoms", "input", "numeric")]
RNG = np.random.default_rng(1)
SAMPLE = np.column_stack([RNG.normal(size=5000), RNG.integers(0, 3, size=5000)]).astype(float)
FEATURES = learn_reference(SPECS, SAMPLE, [(), ()])
TABLE = lane_table(SPECS, FEATURES)
RATES = make_rates(FEATURES, 0.01)
POSITIONS = RATES.positions
UP, DOWN = np.ones(2, dtype=bool), np.zeros(2, dtype=bool)


def counted(rows):
    pane = Pane.empty(0, 0, 2, TABLE.lanes)
    pane.fill(TABLE, np.ascontiguousarray(rows))
    return pane.counts


def test_reference_lies_in_the_middle_of_itself():
    assert POSITIONS.successes(counted(SAMPLE)) / 5000 == pytest.approx([0.5, 0.5])
    below = POSITIONS.below(RATES.shares)
    assert POSITIONS.mean(below) == pytest.approx([0.5, 0.5])
    # even over [0, 1]; three equal atoms lie at 1/6, 1/2 and 5/6
    # known exactly, the shares allow no more than the variance
    assert POSITIONS.most_squares(below, below, np.full(2, 0.5)) == pytest.approx([1 / 12, 2 / 27], rel=0.02)


def test_mean_of_a_shifted_normal():
    shifted = np.random.default_rng(2).normal(size=(200_000, 2)) + 0.5
    assert POSITIONS.successes(counted(shifted))[0] / 200_000 == pytest.approx(0.6382, abs=0.005)


def test_infinities_are_the_lowest_and_highest_and_missing_is_nothing():
    counts = np.zeros((2, TABLE.lanes), dtype=np.int64)
    counts[:, :2] = 7
    assert POSITIONS.successes(counts).tolist() == [0.0, 0.0]
    counts[0, NEG_INF], counts[1, POS_INF] = 1, 1
    low, high = POSITIONS.successes(counts)
    assert low < 0.01
    assert high == POSITIONS.cells[1, -1]


def test_trials_are_the_present_values():
    rows = SAMPLE[:100].copy()
    rows[:10, 0] = np.nan
    tallies = RATES.tally(counted(rows))
    assert tallies[POSITIONS.at, 1].tolist() == [90.0, 100.0]
    assert [RATES.places[at] for at in POSITIONS.at] == ["position", "position"]


def test_bounds_hold_the_mean_and_more_rows_narrow_them():
    below = POSITIONS.below(RATES.shares)
    widths = []
    for rows in (100.0, 10_000.0, 1e10):
        low, high = position_bounds(POSITIONS, (below, below, below), np.full(2, rows), 0.01, 9.0)
        assert np.all((low < 0.5) & (high > 0.5))
        widths.append(high - low)
    assert np.all((widths[0] > widths[1]) & (widths[1] > widths[2]))
    # the tolerance stays: two hundredths of a deviation on either side
    assert widths[2] == pytest.approx(0.04 * np.sqrt([1 / 12, 2 / 27]), rel=0.02)


def test_no_distribution_within_the_bands_is_more_spread_than_is_reckoned_with():
    rng = np.random.default_rng(4)
    lower, upper = POSITIONS.below(RATES.lower), POSITIONS.below(RATES.upper)
    center = np.array([0.5, 0.4])
    most = POSITIONS.most_squares(lower, upper, center)
    edges = FEATURES[0].edges.size
    low, high = np.clip(lower[0, :edges], 0, 1), np.clip(upper[0, :edges], 0, 1)
    cells = POSITIONS.cells[0, : edges + 1]
    found = []
    for _ in range(500):
        level = np.full(edges, rng.random())  # a jump from the highest to the lowest
        below = np.clip(level + 0.05 * rng.normal(size=edges), low, high)
        shares = np.diff(np.concatenate([[0.0], np.maximum.accumulate(below), [1.0]]))
        found.append(float(shares @ (cells - center[0]) ** 2))
    assert max(found) <= most[0] + 1e-12
    assert max(found) > 0.95 * most[0]


@pytest.mark.parametrize("atoms", [False, True])
def test_rows_of_ones_own_are_off_by_no_more_than_is_promised(atoms):
    """The mean of the true positions of 100 rows, 20,000 times: a bound for a tenth is not too narrow."""
    rng = np.random.default_rng(5)
    values = rng.random((20_000, 100))
    positions = np.floor(3.0 * values) / 3.0 + 1.0 / 6.0 if atoms else values
    off = np.abs(positions.mean(axis=1) - 0.5) * np.sqrt(12.0 * 100)
    missed = float((off > own_deviations_of(0.1, 1)).mean())
    assert missed <= 0.1
    assert missed > 0.001  # and is no wider than the constant of the inequality makes it


def test_many_features_and_a_smaller_risk_take_more_deviations():
    assert own_deviations_of(0.005, 20) == pytest.approx(4.03, abs=0.01)
    assert own_deviations_of(0.005, 1000) > own_deviations_of(0.05, 1000) > own_deviations_of(0.05, 20)


def test_the_closer_bound_is_taken():
    below = POSITIONS.below(RATES.shares)
    bands = below, below, below
    rows = np.full(2, 5000.0)
    wide = position_bounds(POSITIONS, bands, rows, 0.0, 9.0)[1]
    own = position_bounds(POSITIONS, bands, rows, 0.0, 9.0, 3.0)[1]
    neither = position_bounds(POSITIONS, bands, rows, 0.0, 9.0, 30.0)[1]
    assert own - 0.5 == pytest.approx(np.full(2, 3.0 / np.sqrt(60_000.0)))
    assert np.all(own < wide)
    assert neither.tolist() == wide.tolist()


def null_distributions(rng, lower, upper, limit, cells, rises):
    """Distribution functions within the bands whose mean is not beyond the limit."""
    found = []
    while len(found) < 200:
        mix = rng.choice([rng.random(), rng.integers(0, 2)])
        noise = rng.random(lower.size)
        below = np.maximum.accumulate(
            np.clip(lower + (upper - lower) * (mix + 0.3 * (noise - 0.5)), lower, upper)
        )
        below = np.clip(below, 0.0, 1.0)
        shares = np.diff(np.concatenate([[0.0], below, [1.0]]))
        mean = float(shares @ cells)
        if shares.min() >= 0.0 and (mean <= limit if rises else mean >= limit):
            found.append(shares)
    return found


@pytest.mark.parametrize("rises", [True, False])
@pytest.mark.parametrize("feature", [0, 1])
def test_no_stream_grows_on_average_anywhere_under_the_null(rises, feature):
    rng = np.random.default_rng(3)
    at = int(POSITIONS.at[feature])
    lower, upper = POSITIONS.below(RATES.lower), POSITIONS.below(RATES.upper)
    limit = RATES.upper[POSITIONS.at] if rises else RATES.lower[POSITIONS.at]
    gains = position_gains(POSITIONS.cells, lower, upper, limit, UP if rises else DOWN)[feature]
    edges = FEATURES[feature].edges.size
    cells = POSITIONS.cells[feature, : edges + 1]
    bound = RATES.upper[at] if rises else RATES.lower[at]
    nulls = null_distributions(
        rng, np.clip(lower[feature, :edges], 0, 1), np.clip(upper[feature, :edges], 0, 1), bound, cells, rises
    )
    closest = 0.0
    for shares in nulls:
        means = shares @ np.exp(np.outer(cells, gains[:, 0]) + np.outer(1.0 - cells, gains[:, 1]))
        assert np.all(means <= 1.0 + 1e-9)
        closest = max(closest, float(means[3]))
    assert closest > 0.97  # and what is paid is not much more than is needed


def test_both_directions_are_mirror_images():
    lower, upper = POSITIONS.below(RATES.lower), POSITIONS.below(RATES.upper)
    cells = np.array([[0.1, 0.5, 0.9]])
    low, high = np.array([[0.1, 0.7]]), np.array([[0.3, 0.9]])
    up = position_gains(cells, low, high, np.array([0.55]), UP[:1])
    down = position_gains(cells, low, high, np.array([0.45]), DOWN[:1])
    assert up == pytest.approx(down[:, :, ::-1])
    assert up.shape == (1, len(TILTS), 2)
    assert position_gains(POSITIONS.cells, lower, upper, np.full(2, 0.5), UP).shape == (2, len(TILTS), 2)


def test_features_without_values_have_no_position():
    (absent,) = learn_reference(SPECS[:1], np.full((10, 1), np.nan), [()])
    assert make_rates([absent, None], 0.01).positions.at.size == 0
