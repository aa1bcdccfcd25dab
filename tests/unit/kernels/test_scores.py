from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from kernels.scores import (
    AGREEMENT,
    EXPECTED,
    EXTRA_LANES,
    KAPPA,
    KAPPA_DEVIATION,
    fill_agreement,
    fill_confusion,
    fill_joint,
    fill_scores,
    weighted_kappa,
)

GOLD = Path(__file__).parents[2] / "corpus" / "gold" / "kappa.json"
KAPPAS = json.loads(GOLD.read_text())["cases"]


def agreement_of(table):
    counts = np.array(table, dtype=np.int64)
    found, margins = np.empty(4), np.empty((2, len(counts)), dtype=np.int64)
    fill_agreement(counts, margins, found)
    return found


def ratings(given):
    """A rater's list, spelled out or as pairs of class and number."""
    if isinstance(given[0], list):
        return [name for name, times in given for _ in range(times)]
    return given


@pytest.mark.parametrize("case", KAPPAS, ids=lambda case: case["name"])
def test_scikit_learn_s_kappa(case):
    first, second = (ratings(case["inputs"][side]) for side in ("y1", "y2"))
    names = sorted({*first, *second})
    table = np.zeros((len(names) + 1, len(names) + 1), dtype=np.int64)
    codes = [np.array([names.index(name) for name in side], dtype=np.int64) for side in (first, second)]
    fill_confusion(*codes, table)
    run_here = case["run_here"]
    counts = np.ascontiguousarray(table[:-1, :-1])
    found, margins = np.empty(4), np.empty((2, len(names)), dtype=np.int64)
    fill_agreement(counts, margins, found)
    assert found[KAPPA] == pytest.approx(run_here.get("kappa", run_here.get("k")), abs=1e-12)
    for key, power in (("k_lin", 1.0), ("k_quad", 2.0)):
        if key in run_here:
            assert weighted_kappa(counts, margins, power) == pytest.approx(run_here[key], abs=1e-12)


def test_weighted_kappa_without_pairs_and_without_choice():
    margins = np.zeros((2, 2), dtype=np.int64)
    assert math.isnan(weighted_kappa(np.zeros((2, 2), dtype=np.int64), margins, 1.0))
    margins[:, 0] = 7
    assert math.isnan(weighted_kappa(np.array([[7, 0], [0, 0]]), margins, 2.0))


def test_worked_example():
    found = agreement_of([[45, 15], [25, 15]])
    assert found[AGREEMENT] == pytest.approx(0.6)
    assert found[EXPECTED] == pytest.approx(0.54)
    assert found[KAPPA] == pytest.approx(0.1304, abs=5e-5)


def test_deviation_of_kappa_is_that_of_repeated_samples():
    """Tables drawn from one distribution: their kappas spread as each of them says."""
    rng = np.random.default_rng(4)
    shares = np.array([[0.4, 0.1, 0.05], [0.05, 0.2, 0.02], [0.03, 0.05, 0.1]])
    found = np.array([agreement_of(rng.multinomial(500, shares.ravel()).reshape(3, 3)) for _ in range(2000)])
    assert found[:, KAPPA].std() == pytest.approx(found[:, KAPPA_DEVIATION].mean(), rel=0.06)


def test_agreement_without_pairs_and_without_choice():
    assert np.isnan(agreement_of([[0, 0], [0, 0]])).all()
    one_class = agreement_of([[7, 0], [0, 0]])
    assert one_class[:KAPPA].tolist() == [1.0, 1.0]
    assert np.isnan(one_class[KAPPA:]).all()


def test_borders_of_the_bins():
    counts = np.zeros((2, 4 + EXTRA_LANES), dtype=np.int64)
    values = np.array(
        [-1e-300, 0.0, 0.25, np.nextafter(0.25, 0), 1.0, np.nextafter(1.0, 2), math.nan, math.inf]
    )
    fill_scores(np.zeros(values.size, dtype=np.int64), values, counts)
    assert counts[0].tolist() == [1, 2, 1, 0, 1, 2, 1]


def test_classes_beyond_the_table_share_the_last_row():
    counts = np.zeros((3, 4 + EXTRA_LANES), dtype=np.int64)
    fill_scores(np.array([-1, 2, 10**12, 1, 0]), np.full(5, 0.5), counts)
    assert counts.sum(axis=1).tolist() == [1, 1, 3]


def test_joint_counts_add_up():
    rng = np.random.default_rng(1)
    first, second = rng.uniform(size=(2, 100))
    whole, parts = np.zeros((2, 35, 35), dtype=np.int64)
    fill_joint(first, second, whole)
    for half in (slice(0, 30), slice(30, 100)):
        fill_joint(first[half], second[half], parts)
    assert parts.tolist() == whole.tolist()
