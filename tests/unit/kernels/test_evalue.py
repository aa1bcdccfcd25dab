from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import binomtest

from kernels.evalue import adjust_p_values, e_bh, mcnemar_log_e, mcnemar_p, multinomial_log_e, sign_log_e

GOLD = Path(__file__).parents[2] / "corpus" / "gold"
SAVVI = json.loads((GOLD / "savvi_multinomial_eprocess.json").read_text(encoding="utf-8"))
SCIPY = {
    case["name"]: case
    for case in json.loads((GOLD / "scipy_distances.json").read_text(encoding="utf-8"))["cases"]
}


def counts(values):
    return np.array(values, dtype=np.int64)


class TestMultinomial:
    @pytest.mark.parametrize("case", SAVVI["cases"], ids=lambda case: str(case["theta0"]))
    def test_published_process(self, case):
        shares, k = np.array(case["theta0"]), float(case["k"])
        for step in case["sequence"]:
            found = math.exp(multinomial_log_e(counts(step["total"]), shares, k))
            assert found == pytest.approx(step["odds"], **SAVVI["tolerance"])
        assert math.log(found) == pytest.approx(case["log_e_closed_form_on_totals"], **SAVVI["tolerance"])

    def test_totals_are_all_that_counts(self):
        """Row by row: the probability of each row under the posterior so far, over that under the null."""
        rng = np.random.default_rng(1)
        shares, k = np.array([0.2, 0.3, 0.5]), 20.0
        seen, log_e = np.zeros(3), 0.0
        for category in rng.choice(3, size=200, p=[0.3, 0.3, 0.4]):
            belief = (k * shares + seen) / (k + seen.sum())
            log_e += math.log(belief[category] / shares[category])
            seen[category] += 1
        assert multinomial_log_e(seen.astype(np.int64), shares, k) == pytest.approx(log_e, rel=1e-10)

    def test_impossible_category(self):
        shares = np.array([0.5, 0.5, 0.0])
        assert multinomial_log_e(counts([3, 4, 1]), shares, 10.0) == math.inf
        assert math.isfinite(multinomial_log_e(counts([3, 4, 0]), shares, 10.0))

    def test_nothing_seen_is_no_evidence(self):
        assert multinomial_log_e(counts([0, 0]), np.array([0.3, 0.7]), 100.0) == pytest.approx(0.0, abs=1e-12)

    def test_rarely_large_without_a_change(self):
        """A split of 90 / 10 looked at after every 20 rows up to 2,000: E >= 5 in at most a fifth."""
        rng = np.random.default_rng(2)
        shares = np.array([0.9, 0.1])
        large = 0
        for _ in range(200):
            rare = np.cumsum(rng.random(2000) < 0.1)[19::20]
            totals = np.column_stack([np.arange(20, 2001, 20) - rare, rare])
            large += any(multinomial_log_e(row, shares, 100.0) >= math.log(5.0) for row in totals)
        assert 0 < large / 200 <= 0.2


class TestPairs:
    @pytest.mark.parametrize(("b", "c"), [(0, 0), (3, 9), (40, 15)])
    def test_mixture_over_all_splits(self, b, c):
        def likelihood(theta):
            return (2 * theta) ** b * (2 * (1 - theta)) ** c / (math.pi * math.sqrt(theta * (1 - theta)))

        assert math.exp(mcnemar_log_e(b, c)) == pytest.approx(quad(likelihood, 0, 1)[0], rel=1e-6)

    def test_sides_are_equal(self):
        assert mcnemar_log_e(7.0, 31.0) == mcnemar_log_e(31.0, 7.0)

    def test_published_exact_p(self):
        case = SCIPY["mcnemar [[794, 86], [150, 570]] exact=True"]
        (_, b), (c, _) = case["inputs"]["table"]
        assert mcnemar_p(b, c, False) == pytest.approx(case["run_here"]["p"], abs=1e-9, rel=1e-9)

    @pytest.mark.parametrize(("b", "c"), [(0, 0), (0, 5), (5, 5), (12, 30), (121, 59)])
    def test_binomial_test(self, b, c):
        expected = binomtest(b, b + c, 0.5).pvalue if b + c else 1.0
        assert mcnemar_p(b, c, False) == pytest.approx(expected, rel=1e-9)

    def test_mid_p_takes_off_half_of_what_was_seen(self):
        # P(at most 1 of 6) = 7 / 64, of which 6 / 64 is exactly 1
        assert mcnemar_p(1.0, 5.0, True) == pytest.approx(2 * (1 / 64 + 3 / 64), rel=1e-12)


class TestSign:
    @pytest.mark.parametrize(("s", "n", "null"), [(0, 0, 0.5), (30, 50, 0.5), (5, 50, 0.5), (20, 30, 0.3)])
    def test_mixture_over_all_larger_probabilities(self, s, n, null):
        def prior(theta):
            return 1 / math.sqrt(theta * (1 - theta))

        def likelihood(theta):
            return (theta / null) ** s * ((1 - theta) / (1 - null)) ** (n - s) * prior(theta)

        expected = quad(likelihood, null, 1)[0] / quad(prior, null, 1)[0]
        assert math.exp(sign_log_e(s, n, null)) == pytest.approx(expected, rel=1e-6)

    def test_only_more_successes_are_evidence(self):
        assert sign_log_e(80.0, 100.0, 0.5) > 10.0
        assert sign_log_e(20.0, 100.0, 0.5) < 0.0

    def test_rarely_large_at_the_null_itself(self):
        rng = np.random.default_rng(4)
        large = 0
        for _ in range(200):
            hits = np.cumsum(rng.random(1000) < 0.5)[9::10]
            large += any(
                sign_log_e(float(s), float(n), 0.5) >= math.log(5.0)
                for s, n in zip(hits.tolist(), range(10, 1001, 10), strict=True)
            )
        assert 0 < large / 200 <= 0.2


class TestMany:
    def test_e_bh_by_hand(self):
        # F = 4, alpha = 0.1: the largest must be 40, the second 20, the third 13.3, the fourth 10
        for values, expected in (
            ([40.0, 1.0, 1.0, 1.0], 1),
            ([39.0, 1.0, 1.0, 1.0], 0),
            ([25.0, 21.0, 1.0, 1.0], 2),
            ([39.0, 15.0, 14.0, 1.0], 3),
            ([10.0, 10.0, 10.0, 10.0], 4),
        ):
            log_e = np.log(np.array(values[::-1]))
            assert e_bh(log_e, np.argsort(-log_e), 0.1) == expected

    @pytest.mark.parametrize(("name", "any_dependence"), [("bh", False), ("by", True)])
    def test_published_adjustment(self, name, any_dependence):
        case = SCIPY["BH / BY adjusted p"]
        p = np.array(case["inputs"]["p"])
        adjusted = np.empty_like(p)
        adjust_p_values(p, np.argsort(p), any_dependence, adjusted)
        assert adjusted.tolist() == pytest.approx(case["run_here"][name], **case["tolerance"])

    def test_false_discoveries_stay_below_the_rate(self):
        """20 true nulls of 25, e-values exp(z d - d^2 / 2): the mean false share is at most 10 %."""
        rng = np.random.default_rng(5)
        shares = []
        for _ in range(400):
            signal = np.r_[np.zeros(20), np.full(5, 4.0)]
            log_e = 4.0 * (rng.normal(size=25) + signal) - 8.0
            order = np.argsort(-log_e)
            rejected = order[: e_bh(log_e, order, 0.1)]
            shares.append(np.mean(rejected < 20) if rejected.size else 0.0)
        assert np.mean(shares) <= 0.1
