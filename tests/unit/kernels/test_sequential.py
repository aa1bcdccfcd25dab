from __future__ import annotations

import math

import numpy as np
import pytest

from kernels.sequential import LEAST, STEEPEST, advance_streams, count_rates


def gains(null, theta):
    return [math.log(theta / null), math.log((1 - theta) / (1 - null))]


def advanced(values, tallies, streams, log_cap=500.0):
    """One feature's sides of one alternative each; streams are (rate, gains). Gives values and found."""
    values = np.array(values, dtype=np.float64).reshape(-1, 1)
    found = np.empty((1, 2))
    rate_of = np.array([rate for rate, _ in streams], dtype=np.int64)
    weights = np.full(len(streams), 1.0 / len(streams))
    layout = (rate_of, np.array([0, len(streams)]), weights)
    of_streams = np.array([gain for _, gain in streams]).reshape(-1, 1, 2)
    advance_streams(np.array(tallies, dtype=np.float64), layout, of_streams, log_cap, values, found)
    return values[:, 0], found[0]


def test_first_pane_starts_from_one():
    values, found = advanced([0.0], [[3.0, 5.0]], [(0, gains(0.5, 0.6))])
    assert values[0] == pytest.approx(1.2**3 * 0.8**2, rel=1e-14)
    assert found.tolist() == [pytest.approx(math.log(values[0])), 0.0]


def test_only_sums_matter():
    values, found = advanced([1.5], [[4.0, 9.0]], [(0, gains(0.2, 0.3))])
    assert values[0] == pytest.approx(2.5 * 1.5**4 * (0.7 / 0.8) ** 5)
    assert found[1] == 1.5


def test_fractions_of_successes():
    values, _ = advanced([0.0], [[0.25, 1.0]], [(0, gains(0.2, 0.3))])
    assert values[0] == pytest.approx(1.5**0.25 * (0.7 / 0.8) ** 0.75)


def test_rate_without_trials_keeps_its_streams():
    streams = [(0, gains(0.1, 0.2)), (0, gains(0.1, 0.4)), (1, gains(0.1, 0.2))]
    values, _ = advanced([2.0, 0.0, 1.0], [[0.0, 0.0], [5.0, 9.0]], streams)
    assert values[:2].tolist() == [2.0, 0.0]
    assert values[2] != 1.0


def test_side_at_rest_keeps_its_stream():
    values, _ = advanced([2.0, 1.0], [[5.0, 9.0]], [(0, [0.0, 0.0]), (0, gains(0.1, 0.2))])
    assert values[0] == 2.0
    assert values[1] != 1.0


def test_nothing_seen_yet():
    assert advanced([0.0], [[0.0, 0.0]], [(0, gains(0.1, 0.2))])[1][0] == -math.inf
    found = np.empty((1, 2))
    nothing = (np.zeros(0, dtype=np.int64), np.zeros(2, dtype=np.int64), np.empty(0))
    advance_streams(np.empty((0, 2)), nothing, np.empty((0, 6, 2)), 10.0, np.empty((0, 6)), found)
    assert found[0, 0] == -math.inf


def test_strongest_stream_is_the_first_of_equals():
    streams = [(0, gains(0.5, 0.6)), (0, gains(0.5, 0.6)), (0, gains(0.5, 0.4))]
    assert advanced([1.0, 1.0, 2.0], [[5.0, 5.0]], streams)[1][1] == 1.0


def test_streams_are_scaled_down_together():
    streams = [(0, gains(0.5, 0.9)), (0, gains(0.5, 0.6))]
    plain, _ = advanced([1e9, 1e6], [[50.0, 60.0]], streams)
    values, found = advanced([1e9, 1e6], [[50.0, 60.0]], streams, log_cap=10.0)
    assert found[0] == 10.0
    assert values[0] / values[1] == pytest.approx(plain[0] / plain[1])
    assert math.log(values.mean()) == pytest.approx(10.0)


def test_capped_value_falls_at_once():
    streams = [(0, gains(0.1, theta)) for theta in (0.105, 0.11, 0.2, 0.4)]
    values = np.zeros(4)
    for _ in range(100):
        values, _ = advanced(values, [[90.0, 100.0]], streams, 20.0)
    assert advanced(values, [[10.0, 100.0]], streams, 20.0)[1][0] < 5.0


def test_capped_never_lies_above_uncapped():
    rng = np.random.default_rng(2)
    streams = [(0, gains(0.3, 0.33)), (0, gains(0.3, 0.4))]
    low, plain = np.zeros(2), np.zeros(2)
    for _ in range(200):
        tally = [[float(rng.binomial(20, 0.36)), 20.0]]
        low, _ = advanced(low, tally, streams, 3.0)
        plain, _ = advanced(plain, tally, streams)
        assert np.all(low <= plain * (1 + 1e-12))


@pytest.mark.parametrize("rows", [1e4, 1e6, 1e9])
def test_pane_far_off_ends_at_the_cap_with_its_leader(rows):
    streams = [(0, gains(0.1, 0.11)), (0, gains(0.1, 0.4)), (0, gains(0.1, 0.05)), (1, gains(0.2, 0.4))]
    values, found = advanced([0.0, 3.0, 1e5, 7.0], [[0.4 * rows, rows], [0.0, 0.0]], streams, 30.0)
    assert 0.4 * rows * math.log(4.0) > STEEPEST
    assert found.tolist() == [30.0, 3.0]
    assert math.log(values.sum() / 4) == pytest.approx(30.0)
    assert values[1] == values.max()


def test_no_evidence_ends_above_nothing():
    values, found = advanced([0.0], [[0.0, 1e6]], [(0, gains(0.1, 0.4))])
    assert values[0] == LEAST
    assert found[0] == pytest.approx(math.log(LEAST))
    assert advanced([LEAST], [[3.0, 5.0]], [(0, gains(0.5, 0.6))])[0][0] == pytest.approx(1.2**3 * 0.8**2)


def test_rates_are_runs_of_lanes():
    counts = np.array([[1, 2, 3, 4], [10, 20, 30, 40]])
    runs = np.array([[0, 0, 1, 0], [0, 2, 4, 1], [-1, 0, 0, 0], [1, 1, 3, 1]])
    tallies = np.full((4, 2), 7.0)
    count_rates(counts, runs, np.empty(5, dtype=np.int64), tallies)
    assert tallies.tolist() == [[1, 10], [7, 9], [7, 7], [50, 90]]
