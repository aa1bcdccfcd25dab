from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from kernels.confidence import (
    best_rho,
    beta_binomial_log_mixture,
    beta_binomial_rho,
    gamma_exponential_bound,
    gamma_exponential_log_mixture,
    normal_bound,
    normal_log_mixture,
    quantile_bound,
    quantile_difference_p,
    share_interval,
    share_log_mixture,
    stitched_bound,
)

GOLD = json.loads(
    (Path(__file__).parents[2] / "corpus" / "gold" / "confseq_boundaries.json").read_text(encoding="utf-8")
)
ELSEWHERE = {"empirical_process_lil_bound": 17}  # tests/unit/kernels/test_empirical.py


def whole_numbers(text):
    first, last = text.split("..")
    return np.arange(float(first), float(last) + 1)


def upper_share(successes, trials, alpha, best_trials):
    bounds = np.empty(2)
    share_interval(successes, trials, alpha, best_trials, 0.05, bounds)
    return bounds[1]


def normal_rho(given):
    return best_rho(given["v_opt"], given["alpha_opt"], given["is_one_sided"])


OURS = {
    "normal_log_mixture": lambda g: normal_log_mixture(g["s"], g["v"], normal_rho(g), g["is_one_sided"]),
    "normal_mixture_bound": lambda g: normal_bound(g["v"], g["alpha"], normal_rho(g), g["is_one_sided"]),
    "gamma_exponential_mixture_bound": lambda g: gamma_exponential_bound(
        g["v"], g["alpha"], best_rho(g["v_opt"], g["alpha_opt"], True), g["c"]
    ),
    "beta_binomial_log_mixture": lambda g: beta_binomial_log_mixture(
        g["s"],
        g["v"],
        g["g"],
        g["h"],
        beta_binomial_rho(g["v_opt"], g["alpha_opt"], g["g"], g["h"], g["is_one_sided"]),
        g["is_one_sided"],
    ),
    "bernoulli_confidence_interval": lambda g: upper_share(
        g["num_successes"], g["num_trials"], g["alpha"], g["t_opt"]
    ),
    "quantile_ab_p_value": lambda g: quantile_difference_p(
        whole_numbers(g["a"]), whole_numbers(g["b"]), g["quantile_p"], g["t_opt"], g["alpha_opt"]
    ),
    "double_stitching_bound": lambda g: quantile_bound(g["quantile_p"], g["t"], g["alpha"], g["t_opt"]),
}
CASES = [case for case in GOLD["cases"] if case["fn"] in OURS]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['fn']} {case['args']}")
def test_published_boundary(case):
    assert OURS[case["fn"]](case["args"]) == pytest.approx(case["value"], **GOLD["tolerance"])


def test_no_published_case_is_forgotten():
    counted = Counter(case["fn"] for case in GOLD["cases"])
    assert {name: n for name, n in counted.items() if name not in OURS} == ELSEWHERE
    assert sum(counted.values()) == 63


def test_bounds_are_where_the_mixture_reaches_its_limit():
    for one_sided in (False, True):
        rho = best_rho(100.0, 0.05, one_sided)
        for variance in (0.0, 10.0, 1e4):
            bound = normal_bound(variance, 0.01, rho, one_sided)
            assert normal_log_mixture(bound, variance, rho, one_sided) == pytest.approx(
                math.log(100), abs=1e-9
            )
    rho = best_rho(100.0, 0.05, True)
    bound = gamma_exponential_bound(50.0, 0.01, rho, 2.0)
    assert gamma_exponential_log_mixture(bound, 50.0, rho, 2.0) == pytest.approx(math.log(100), abs=1e-9)


def test_one_side_costs_less_than_two():
    assert normal_bound(100.0, 0.05, best_rho(100.0, 0.05, True), True) < normal_bound(
        100.0, 0.05, best_rho(100.0, 0.05, False), False
    )


def test_stitching_is_a_little_wider_than_the_mixture():
    """Theorem 1 by hand for eta = 2, s = 1.4, v = 1000 m = 10, alpha = 0.05, c = 0."""
    level = (
        1.4 * math.log(math.log(2 * 100)) + math.log(3.1055472779775806 / math.log(2) ** 1.4) + math.log(20)
    )
    grow = (2**0.25 + 2**-0.25) / math.sqrt(2)
    found = stitched_bound(1000.0, 0.05, 10.0, 0.0)
    assert found == pytest.approx(grow * math.sqrt(1000 * level), rel=1e-12)
    mixture = normal_bound(1000.0, 0.05, best_rho(10.0, 0.05, True), True)
    assert mixture < found < 1.3 * mixture
    assert stitched_bound(1.0, 0.05, 10.0, 0.0) == stitched_bound(10.0, 0.05, 10.0, 0.0)
    assert stitched_bound(1000.0, 0.05, 10.0, 1.0) > found


def test_share_interval_ends():
    bounds = np.empty(2)
    share_interval(0.0, 50.0, 0.05, 50.0, 0.05, bounds)
    assert bounds[0] == 0.0
    assert 0.0 < bounds[1] < 0.2
    share_interval(50.0, 50.0, 0.05, 50.0, 0.05, bounds)
    assert bounds[1] == 1.0
    assert share_log_mixture(50.0, 50.0, bounds[0], 50.0, 0.05) == pytest.approx(math.log(20), abs=1e-6)


def test_share_interval_holds_at_all_times():
    """Looked at after every 20 rows up to 2,000, at level 20 %."""
    rng = np.random.default_rng(2)
    looks = np.arange(20, 2001, 20)
    missed = 0
    for _ in range(150):
        successes = np.cumsum(rng.random(2000) < 0.1)[looks - 1]
        for hits, trials in zip(successes.tolist(), looks.tolist(), strict=True):
            if share_log_mixture(float(hits), float(trials), 0.1, 500.0, 0.2) >= math.log(5.0):
                missed += 1  # the interval excludes 0.1 exactly when the evidence against it is that large
                break
    assert missed / 150 <= 0.2


def test_equal_quantiles_give_no_evidence():
    values = np.arange(1.0, 301.0)
    assert quantile_difference_p(values, values, 0.5, 100.0, 0.05) == 1.0
    assert quantile_difference_p(values, values + 1000.0, 0.5, 100.0, 0.05) < 1e-20


def test_ties_of_both_samples_are_no_difference():
    a, b = np.repeat([1.0, 2.0], 200), np.repeat([1.0, 2.0, 3.0], [150, 200, 50])
    assert quantile_difference_p(a, b, 0.5, 100.0, 0.05) == 1.0
