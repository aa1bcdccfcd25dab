from __future__ import annotations

import math

import numpy as np
import pytest

from sidecar.compare.histogram import SizeHistogram
from sidecar.compare.verdict import (
    ANY_RATIO,
    ANY_SHARE,
    Finding,
    Interval,
    judge_agreement,
    judge_errors,
    judge_latency,
    overall,
    quantile_sequence,
    share_sequence,
)


def sizes_of(values):
    histogram = SizeHistogram(64)
    histogram.add(np.asarray(values, dtype=np.float64))
    return histogram


def test_before_anything_is_known_everything_is_possible():
    assert share_sequence(0.0, 0.0, 0.05) == ANY_SHARE
    assert quantile_sequence(sizes_of([]), 0.5, 0.05) == ANY_RATIO
    for finding in (
        judge_agreement((0.0, 0.0), (0.0, 0.0), 0.01, 0.05),
        judge_errors(0, 0, 0, 0.001, 0.05),
        judge_latency(sizes_of([]), sizes_of([]), 0.5, 0.1, 0.05),
    ):
        assert (finding.state, finding.estimate) == ("undecided", None)


class TestAgreement:
    def test_equivalent_once_the_excess_surely_lies_within_the_margin(self):
        assert judge_agreement((0, 100), (0, 100), 0.01, 0.05).state == "undecided"
        assert judge_agreement((0, 5000), (0, 5000), 0.01, 0.05).state == "equivalent"

    def test_worse_once_it_surely_lies_beyond(self):
        finding = judge_agreement((500, 5000), (0, 5000), 0.01, 0.05)
        assert (finding.state, finding.estimate) == ("worse", 0.1)
        assert finding.interval.low > 0.07

    def test_what_the_primary_differs_from_itself_does_not_count(self):
        assert judge_agreement((500, 5000), (500, 5000), 0.05, 0.05).state == "equivalent"

    def test_without_a_second_asking_an_excess_is_never_proven(self):
        assert judge_agreement((5000, 5000), (0, 0), 0.01, 0.05).state == "undecided"

    def test_yet_agreement_within_the_margin_is(self):
        assert judge_agreement((0, 5000), (0, 0), 0.01, 0.05).state == "equivalent"


class TestErrors:
    def test_only_pairs_on_which_one_failed_alone_count(self):
        assert judge_errors(0, 200, 10_000, 0.005, 0.05).state == "worse"
        assert judge_errors(200, 0, 10_000, 0.005, 0.05).state == "better"
        assert judge_errors(0, 0, 10_000, 0.005, 0.05).state == "equivalent"
        assert judge_errors(5, 5, 500, 0.005, 0.05).state == "undecided"

    def test_a_shadow_that_never_answers_is_worse_after_a_dozen_requests(self):
        a_quarter_of_alpha = 0.0125  # as the verdict shares it
        assert judge_errors(0, 8, 8, 0.001, a_quarter_of_alpha).state == "undecided"
        assert judge_errors(0, 9, 9, 0.001, a_quarter_of_alpha).state == "worse"

    def test_one_and_the_other_changed_over_give_the_mirrored_interval(self):
        one, other = judge_errors(3, 40, 900, 0.005, 0.05), judge_errors(40, 3, 900, 0.005, 0.05)
        assert (one.interval.low, one.interval.high) == (-other.interval.high, -other.interval.low)


class TestLatency:
    def test_a_slower_a_quicker_and_an_equal_one(self):
        rng = np.random.default_rng(1)
        primary = sizes_of(rng.lognormal(-3.0, 0.3, size=20_000))
        for factor, state in ((1.5, "worse"), (0.6, "better"), (1.0, "equivalent")):
            shadow = sizes_of(factor * rng.lognormal(-3.0, 0.3, size=20_000))
            finding = judge_latency(primary, shadow, 0.5, 0.1, 0.05)
            assert finding.state == state
            assert finding.interval.low <= factor <= finding.interval.high
            assert finding.estimate == pytest.approx(factor, rel=0.05)

    def test_high_quantiles_need_more_requests(self):
        rng = np.random.default_rng(2)
        few = sizes_of(rng.lognormal(size=50))
        assert quantile_sequence(few, 0.99, 0.05).high == math.inf
        many = sizes_of(rng.lognormal(size=50_000))
        found = quantile_sequence(many, 0.99, 0.05)
        assert found.low < np.exp(2.326) < found.high < 1.2 * np.exp(2.326)


def finding(state):
    return Finding("x", state, None, Interval(0.0, 0.0), 0.0)


@pytest.mark.parametrize(
    ("states", "verdict"),
    [
        ([], "undecided"),
        (["equivalent", "equivalent"], "equivalent"),
        (["equivalent", "better"], "better"),
        (["equivalent", "undecided"], "undecided"),
        (["better", "undecided"], "undecided"),
        (["undecided", "worse"], "worse"),
        (["better", "worse"], "worse"),
    ],
)
def test_the_verdict_is_as_good_as_its_worst_part(states, verdict):
    assert overall(map(finding, states)) == verdict
