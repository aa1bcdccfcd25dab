from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from kernels.empirical import SLOPE, dkw_band, lil_band, lil_constant

GOLD = json.loads(
    (Path(__file__).parents[2] / "corpus" / "gold" / "confseq_boundaries.json").read_text(encoding="utf-8")
)
CASES = [case for case in GOLD["cases"] if case["fn"] == "empirical_process_lil_bound"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["args"]))
def test_published_band(case):
    given = case["args"]
    found = lil_band(given["t"], given["t_min"], given["A"], lil_constant(given["alpha"], given["A"]))
    assert found == pytest.approx(case["value"], **GOLD["tolerance"])


def test_worked_example():
    assert lil_band(1000.0, 100.0, SLOPE, lil_constant(0.05, SLOPE)) == pytest.approx(0.0820478, abs=5e-8)


def test_no_band_before_its_begin():
    assert lil_band(99.0, 100.0, SLOPE, 5.0) == math.inf


def test_band_of_one_size_is_narrower():
    for rows in (100.0, 1e4, 1e6):
        assert dkw_band(rows, 0.05) < lil_band(rows, 100.0, SLOPE, lil_constant(0.05, SLOPE))
    assert dkw_band(1000.0, 0.05) == pytest.approx(math.sqrt(math.log(40) / 2000), rel=1e-14)


def test_band_holds_at_all_times():
    """Uniform values, looked at after every 10 rows from 50 to 2,000: ever outside in at most 20 %."""
    rng = np.random.default_rng(1)
    alpha, least, most, runs = 0.2, 50, 2000, 300
    constant = lil_constant(alpha, SLOPE)
    points = np.linspace(0.02, 0.98, 49)  # the distance at these is at most the largest one
    rows = np.arange(1, most + 1)
    looks = rows[(rows >= least) & (rows % 10 == 0)]
    bands = np.array([lil_band(float(t), float(least), SLOPE, constant) for t in looks])
    once = np.array([dkw_band(float(t), alpha) for t in looks])
    left = left_once = 0
    for _ in range(runs):
        below = np.cumsum(rng.random(most)[:, None] <= points, axis=0)[looks - 1] / looks[:, None]
        distance = np.abs(below - points).max(axis=1)
        left += bool((distance > bands).any())
        left_once += bool((distance > once).any())
    assert left / runs <= alpha
    assert left_once / runs > alpha  # a band of fixed size does not survive the looking
