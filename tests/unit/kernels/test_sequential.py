from __future__ import annotations

import math

import numpy as np
import pytest

from kernels.sequential import advance_streams, fill_log_means, lower_to_cap


def gains(null, theta):
    return [math.log(theta / null), math.log((1 - theta) / (1 - null))]


def advanced(log_m, successes, trials, streams):
    values = np.array(log_m, dtype=np.float64)
    advance_streams(
        np.array(successes, dtype=np.float64),
        np.array(trials, dtype=np.float64),
        np.array([rate for rate, _ in streams], dtype=np.int64),
        np.array([gain for _, gain in streams]),
        values,
    )
    return values


def test_first_pane_starts_from_one():
    found = advanced([-np.inf], [3.0], [5.0], [(0, gains(0.5, 0.6))])
    assert found[0] == pytest.approx(3 * math.log(1.2) + 2 * math.log(0.8), rel=1e-14)


def test_only_sums_matter():
    stream = [(0, gains(0.2, 0.3))]
    assert advanced([1.5], [4.0], [9.0], stream)[0] == pytest.approx(
        math.log(math.exp(1.5) + 1) + 4 * math.log(1.5) + 5 * math.log(0.7 / 0.8)
    )


def test_rate_without_trials_keeps_its_streams():
    found = advanced(
        [2.0, -np.inf, 1.0],
        [0.0, 5.0],
        [0.0, 9.0],
        [(0, gains(0.1, 0.2)), (0, gains(0.1, 0.4)), (1, gains(0.1, 0.2))],
    )
    assert found[0] == 2.0
    assert found[1] == -np.inf
    assert found[2] != 1.0


def capped(log_m, log_cap):
    values, starts, means = np.array(log_m), np.array([0, len(log_m)]), np.empty(1)
    fill_log_means(values, starts, means)
    lower_to_cap(values, starts, log_cap, means)
    return values, means[0]


def test_streams_are_scaled_down_together():
    values, mean = capped([30.0, 20.0], 10.0)
    assert mean == 10.0
    assert values[0] - values[1] == pytest.approx(10.0)
    assert math.log(np.exp(values).mean()) == pytest.approx(10.0)


def test_streams_below_the_cap_are_left_alone():
    assert capped([3.0, 2.0], 10.0)[0].tolist() == [3.0, 2.0]


def test_capped_value_falls_at_once():
    streams = [(0, gains(0.1, theta)) for theta in (0.105, 0.11, 0.2, 0.4)]
    values = np.full(4, -np.inf)
    for _ in range(100):
        values, _ = capped(advanced(values, [90.0], [100.0], streams), 20.0)
    assert capped(advanced(values, [10.0], [100.0], streams), 20.0)[1] < 5.0


def test_capped_never_lies_above_uncapped():
    rng = np.random.default_rng(2)
    streams = [(0, gains(0.3, 0.33)), (0, gains(0.3, 0.4))]
    low, plain = np.full(2, -np.inf), np.full(2, -np.inf)
    for _ in range(200):
        hits = [float(rng.binomial(20, 0.36))]
        low, _ = capped(advanced(low, hits, [20.0], streams), 3.0)
        plain = advanced(plain, hits, [20.0], streams)
        assert np.all(low <= plain + 1e-12)


def test_huge_values_do_not_overflow():
    found = advanced([1e6], [10.0], [10.0], [(0, gains(0.5, 0.9))])
    assert math.isfinite(found[0])


def test_log_means():
    means = np.empty(4)
    log_m = np.array([0.0, math.log(3.0), 1e4, -np.inf, -np.inf])
    fill_log_means(log_m, np.array([0, 2, 3, 5, 5]), means)
    assert means[0] == pytest.approx(math.log(2.0))
    assert means[1] == 1e4
    assert means[2] == -np.inf
    assert means[3] == -np.inf
