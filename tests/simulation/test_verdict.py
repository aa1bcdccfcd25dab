"""How often verdicts on shadows are wrong when they are read again and again, and how soon they are right."""

from __future__ import annotations

import numpy as np
import pytest

from sidecar.compare.histogram import SizeHistogram
from sidecar.compare.quality import QualityPairs
from sidecar.compare.verdict import judge_agreement, judge_errors, judge_latency, share_sequence

LOOKS = np.unique(np.geomspace(10, 5000, 40).astype(int))


def first_state(sums, noise_sums, margin, states):
    """Requests after which the agreement first had one of the states."""
    for n in LOOKS:
        found = judge_agreement((sums[n - 1], n), (noise_sums[n - 1], n), margin, 0.05)
        if found.state in states:
            return n
    return None


def test_intervals_hold_the_true_share_at_every_look():
    rng = np.random.default_rng(1)
    missed = 0
    for run in range(500):
        share = (0.002, 0.02, 0.2, 0.5)[run % 4]
        sums = np.cumsum(rng.random(5000) < share)
        bounds = [share_sequence(float(sums[n - 1]), float(n), 0.05) for n in LOOKS]
        missed += any(not bound.low <= share <= bound.high for bound in bounds)
    assert missed <= 0.05 * 500


def test_a_model_that_differs_from_the_primary_as_the_primary_from_itself_is_hardly_ever_called_worse():
    rng = np.random.default_rng(2)
    wrong = 0
    for run in range(500):
        share = (0.0, 0.03, 0.3)[run % 3]
        sums, noise = (np.cumsum(rng.random(5000) < share) for _ in range(2))
        wrong += first_state(sums, noise, 0.0, ("worse",)) is not None
    assert wrong <= 0.05 * 500


def test_a_flip_of_one_percent_is_found_within_four_thousand_requests():
    rng = np.random.default_rng(3)
    found = [
        first_state(np.cumsum(rng.random(5000) < 0.01), np.zeros(5000), 0.0, ("worse",)) for _ in range(200)
    ]
    late = sum(requests is None or requests > 4000 for requests in found)
    assert late <= 0.1 * 200


def test_an_equal_model_is_called_equivalent_and_hardly_ever_anything_else():
    rng = np.random.default_rng(4)
    equivalent = wrong = 0
    for _ in range(60):
        fails = rng.random((2, 5000)) < 0.002
        only = (fails & ~fails[::-1]).cumsum(axis=1)
        states = [judge_errors(*only[:, n - 1].tolist(), int(n), 0.01, 0.05).state for n in LOOKS]
        equivalent += states[-1] == "equivalent"
        wrong += any(state in ("better", "worse") for state in states)
    assert equivalent >= 0.95 * 60
    assert wrong <= 0.05 * 60


@pytest.mark.parametrize(
    ("primary", "shadow"), [(0.0, 0.0), (0.002, 0.002), (0.3, 0.3), (0.0, 0.01), (0.05, 0.02), (0.0, 1.0)]
)
def test_the_interval_of_failures_holds_the_difference_at_all_times(primary, shadow):
    rng = np.random.default_rng(6)
    looks = np.unique(np.geomspace(5, 3000, 30).astype(np.int64))
    missed = 0
    for _ in range(500):
        fails = rng.random((2, 3000)) < np.array([[primary], [shadow]])
        only = (fails & ~fails[::-1]).cumsum(axis=1)
        intervals = [judge_errors(*only[:, n - 1].tolist(), int(n), 0.01, 0.05).interval for n in looks]
        missed += any(not each.low <= shadow - primary <= each.high for each in intervals)
    assert missed <= 0.05 * 500


def test_equal_latencies_are_hardly_ever_called_different_though_looked_at_again_and_again():
    rng = np.random.default_rng(5)
    wrong = 0
    for _ in range(100):
        sides = SizeHistogram(64), SizeHistogram(64)
        values = rng.lognormal(size=(2, 5000))
        start = 0
        states = set()
        for n in LOOKS[::3]:
            for side, own in zip(sides, values, strict=True):
                side.add(own[start:n])
            start = int(n)
            states |= {judge_latency(*sides, share, 1e-6, 0.025).state for share in (0.5, 0.99)}
        wrong += bool(states & {"better", "worse"})
    assert wrong <= 0.05 * 100


def quality_states(rng, n, primary_right, shadow_right, margin):
    """The states at every look; half of the rows are easy, and then both are right."""
    ease = rng.random(n)
    sides = [
        np.where(ease < 0.5, 1.0, 2.0 * share - 1.0) > rng.random(n)
        for share in (primary_right, shadow_right)
    ]
    pairs, states, start = QualityPairs(), [], 0
    for look in LOOKS[n >= LOOKS]:
        for ours, theirs in zip(*(side[start:look, None] for side in sides), strict=True):
            pairs.add(ours, theirs)
        start = int(look)
        states.append(pairs.judge(margin, 0.05).state)
    return states


def test_a_model_as_often_right_is_hardly_ever_called_better_or_worse():
    rng = np.random.default_rng(6)
    wrong = sum(bool({"better", "worse"} & set(quality_states(rng, 2000, 0.8, 0.8, 0.0))) for _ in range(200))
    assert wrong <= 0.05 * 200


def test_a_model_that_is_less_often_right_is_found():
    rng = np.random.default_rng(7)
    found = [quality_states(rng, 5000, 0.85, 0.75, 0.005)[-1] for _ in range(20)]
    assert found.count("worse") >= 0.9 * 20
