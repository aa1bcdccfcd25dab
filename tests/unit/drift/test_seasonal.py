from __future__ import annotations

import numpy as np
import pytest

from sidecar.drift.rates import make_rates
from sidecar.drift.seasonal import SeasonalRates
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.learning import learn_reference
from sidecar.profile.seasons import KAPPA, SeasonTally

SPECS = [FeatureSpec("n", "input", "numeric"), FeatureSpec("c", "input", "categorical")]


def seasonal_of(phi=1.0):
    """Features of 4,000 rows; in hour 72 the first was missing in 100 of 1,000, the second is not known."""
    rng = np.random.default_rng(1)
    matrix = np.column_stack([rng.normal(size=4000), rng.choice([1.0, 2.0], size=4000)])
    features = learn_reference(SPECS, matrix, [(), ("a", "b")])
    tally = SeasonTally({"n": features[0].counts.size})
    lanes = np.zeros(features[0].counts.size, dtype=np.int64)
    lanes[0], lanes[10] = 100, 900
    tally.add(0.0, [lanes])
    rates = make_rates(features, 0.01)
    return rates, SeasonalRates(rates, np.full(rates.shares.size, phi), features, tally.seasons())


def test_shares_of_an_hour():
    whole, seasonal = seasonal_of()
    found = seasonal.at(72)
    assert found.shares[0] == pytest.approx(100 / (1000 + KAPPA))
    assert found.rows[0] == 1000 + KAPPA
    mine = whole.groups == 0
    assert np.array_equal(found.shares[~mine], whole.shares[~mine])
    assert np.array_equal(found.rows[~mine], whole.rows[~mine])


def test_hour_never_seen_has_the_shares_of_the_whole_and_a_wide_band():
    whole, seasonal = seasonal_of()
    found = seasonal.at(73)
    inner = (whole.groups == 0) & (whole.shares < 0.9)
    assert found.shares == pytest.approx(whole.shares)
    assert np.all(found.upper[inner] > whole.upper[inner] + 0.05)


def test_design_effect_divides_the_rows_of_the_hour():
    _, seasonal = seasonal_of(phi=4.0)
    assert seasonal.at(72).rows[0] == (1000 + KAPPA) / 4
