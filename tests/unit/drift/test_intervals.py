from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom
from scipy.stats._binomtest import _binom_wilson_conf_int as peer

from sidecar.drift.intervals import Share, detectable_rise, measure_share, wilson_interval


class TestWilson:
    @pytest.mark.parametrize(("successes", "trials"), [(0, 200), (10, 100), (3, 7), (99, 100), (5, 5)])
    def test_scipy(self, successes, trials):
        expected = peer(successes, trials, 0.95, "two-sided", False)
        assert wilson_interval(successes, trials) == pytest.approx(expected, abs=1e-12)

    def test_worked_example(self):
        assert wilson_interval(10, 100) == pytest.approx((0.0552, 0.1744), abs=5e-5)

    def test_no_success_still_leaves_room(self):
        low, high = wilson_interval(0, 200)
        assert low == 0.0
        assert high == pytest.approx(0.0188, abs=5e-5)

    @pytest.mark.parametrize("share", [0.02, 0.1, 0.5, 0.9])
    @pytest.mark.parametrize("trials", [100, 200, 2000])
    def test_holds_the_true_share(self, share, trials):
        """Exactly: over all numbers of successes, weighted by how often they occur."""
        successes = np.arange(trials + 1)
        inside = [low <= share <= high for low, high in (wilson_interval(int(s), trials) for s in successes)]
        held = binom.pmf(successes, trials, share)[np.array(inside)].sum()
        assert 0.93 <= held <= 0.98


class TestDetectable:
    def test_worked_example(self):
        assert detectable_rise(0.01, 2000, 10_000) == pytest.approx(0.0090, abs=5e-5)

    def test_nothing_below_a_row_or_two(self):
        # 0.8 % of 200 rows: not one in a fifth of windows
        assert detectable_rise(0.0, 200, 10**9) == pytest.approx(0.0080, abs=5e-5)

    def test_a_share_cannot_rise_beyond_one(self):
        assert detectable_rise(1.0, 10, 10) == 0.0
        assert detectable_rise(0.9, 5, 5) == pytest.approx(0.1)

    @pytest.mark.parametrize(("q", "n", "m"), [(0.05, 1000, 10_000), (0.3, 400, 4000), (0.01, 5000, 5000)])
    def test_is_seen_in_four_of_five_windows(self, q, n, m):
        rng = np.random.default_rng(1)
        u = q + detectable_rise(q, n, m)
        here, there = rng.binomial(n, u, size=20_000) / n, rng.binomial(m, q, size=20_000) / m
        noise = 2.5758 * np.sqrt(q * (1 - q) * (1 / n + 1 / m))
        assert np.mean(here - there > noise) == pytest.approx(0.8, abs=0.03)


class TestShare:
    def test_beside_the_reference(self):
        share = measure_share(10, 100, (40, 1000), 1.0)
        assert (share.ratio, share.reference) == (0.1, 0.04)
        assert (share.low, share.high) == wilson_interval(10, 100)

    def test_rows_that_count_as_one(self):
        assert measure_share(50, 500, (40, 1000), 5.0).high == wilson_interval(10, 100)[1]
        assert measure_share(50, 500, (40, 1000), 5.0).ratio == 0.1

    @pytest.mark.parametrize(("trials", "rows"), [(0, 10), (10, 0)])
    def test_without_trials(self, trials, rows):
        assert measure_share(0, trials, (0, rows), 1.0) is None

    def test_json(self):
        assert Share(0.1, 0.05, 0.2, 0.04, 0.03).to_json() == {
            "ratio": 0.1,
            "interval": [0.05, 0.2],
            "reference_ratio": 0.04,
            "detectable": 0.03,
        }
