from __future__ import annotations

import numpy as np
import pytest

from kernels.lanes import TYPE_ERROR_NAN
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.learning import learn_reference
from sidecar.quality.rates import FEATURE_KINDS, feature_rates, ranges

N, C = FeatureSpec("n", "input", "numeric"), FeatureSpec("c", "input", "categorical")


def learnt(spec, values, categories=()):
    return learn_reference([spec], np.array(values, dtype=np.float64)[:, None], [categories])[0]


def rates_of(spec, feature):
    return {
        kind: rate for kind, rate in zip(FEATURE_KINDS, feature_rates([spec], [feature]), strict=True) if rate
    }


def test_a_number_s_rates():
    rates = rates_of(N, learnt(N, [*range(96), np.nan, np.nan, np.nan, TYPE_ERROR_NAN]))
    assert set(rates) == {"missing", "type_error", "out_of_range", "constant"}
    assert (rates["missing"].reference_share, rates["missing"].reference_rows) == (0.03, 100)
    assert rates["type_error"].reference_share == 0.01
    assert (rates["out_of_range"].reference_share, rates["out_of_range"].reference_rows) == (0.0, 96)
    assert rates["missing"].feature == "n"


def test_a_category_s_rates():
    rates = rates_of(C, learnt(C, [1.0] * 6 + [2.0] * 2 + [-7.0, 0.0], ("x", "y")))
    assert set(rates) == {"missing", "type_error", "unseen"}
    assert (rates["unseen"].reference_share, rates["unseen"].reference_rows) == (0.2, 10)


@pytest.mark.parametrize(("zeros", "least", "most"), [(500, 0.0, 1e-50), (9900, 0.13, 0.3)])
def test_a_feature_that_hardly_varies_is_expected_to_be_constant_now_and_then(zeros, least, most):
    """0.99^199 is 0.135, and 10,000 rows do not tell 0.99 from 0.994."""
    values = [0.0] * zeros + [1.0] * (10_000 - zeros)
    if zeros == 500:
        values = list(range(10_000))
    rate = rates_of(N, learnt(N, values))["constant"]
    assert least <= rate.reference_share <= most
    assert rate.reference_rows == 10_000


def test_what_was_constant_all_along_is_not_watched_for_it():
    assert "constant" not in rates_of(N, learnt(N, [4.0] * 500))


def test_nothing_present_and_infinities_only():
    assert set(rates_of(N, learnt(N, [np.nan] * 5))) == {"missing", "type_error"}
    assert set(rates_of(N, learnt(N, [np.inf] * 5))) == {"missing", "type_error"}
    assert feature_rates([N, C], [None, None]) == (None,) * 10


def test_ranges():
    number, category = learnt(N, [3.0, -2.0, np.inf, np.nan]), learnt(C, [1.0], ("x", "y"))
    infinite = learnt(N, [np.inf])
    wide = [-np.inf, np.inf]
    assert ranges([number, category, None, infinite]).tolist() == [[-2.0, np.inf], [1.0, 2.0], wide, wide]


def test_chance_of_a_next_value_to_lie_outside_is_as_stated():
    """Of uniform values the chance is what the extremes leave over: 2 in m + 1, and rarely above L / m."""
    rng = np.random.default_rng(6)
    m, level = 200, 4.0
    left_over = np.array([1.0 - np.ptp(rng.uniform(size=m)) for _ in range(20_000)])
    assert left_over.mean() == pytest.approx(2 / (m + 1), rel=0.02)
    # exp(-L) is the limit for large m, hence 10 %
    assert (left_over > level / m).mean() == pytest.approx((1 + level) * np.exp(-level), rel=0.1)
