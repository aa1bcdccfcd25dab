from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from kernels.contingency import chi_square, cramers_v, freedom, likelihood_ratio

GOLD = Path(__file__).parents[2] / "corpus" / "gold"
SIZES = {"salary_range": 4, "size_of_downpayment": 5, "repaid_loan_on_prev_car": 2, "y_pred": 2}


def gold(name):
    return {case["name"]: case for case in json.loads((GOLD / name).read_text(encoding="utf-8"))["cases"]}


LOANS = gold("nannyml_car_loan_categories.json")


def counts(values):
    return np.array(values, dtype=np.int64)


def test_published_table():
    case = gold("scipy_distances.json")["chi2_contingency"]
    sides = [counts(side) for side in case["inputs"]["observed"]]
    assert chi_square(*sides) == pytest.approx(case["documented"]["stat"], **case["tolerance"])
    assert freedom(*sides) == case["documented"]["dof"]


def test_breast_cancer_histograms():
    case = gold("scipy_distances.json")["sklearn breast_cancer: class 1 vs rest, first 6 features"]
    for values in case["run_here"].values():
        sides = counts(values["counts_A"]), counts(values["counts_B"])
        assert chi_square(*sides) == pytest.approx(values["chi2"], **case["tolerance"])


@pytest.mark.parametrize("column", sorted(SIZES))
def test_nannyml_series(column):
    case = LOANS[f"car_loan/{column}/chi2"]
    reference = counts(case["aggregates"]["reference_counts"])
    assert reference.size == SIZES[column]
    for chunk, expected in zip(case["aggregates"]["chunk_counts"], case["expected"], strict=True):
        current = counts(chunk)
        found = chi_square(reference, current)
        if reference.size == 2:  # there scipy, and so NannyML, corrects for continuity (Yates 1934)
            both = int(reference.sum() + current.sum())
            apart = abs(int(reference[0]) * int(current[1]) - int(reference[1]) * int(current[0]))
            found *= ((apart - min(apart, both / 2)) / apart) ** 2
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_reference_is_a_sample_too():
    """Doubling the reference changes the statistic; a test that takes it as exact would not notice."""
    small, current = counts([16, 18, 16, 14, 12, 12]), counts([16, 16, 16, 16, 16, 8])
    assert chi_square(2 * small, current) > 1.2 * chi_square(small, current)


def test_new_category_is_finite():
    # by hand: cells 1 and 2 expect 15 x 11 / 31 of 5, the third 11 / 31 of 1; the same on the other side
    expected = sum(
        (seen - side * cell / 31) ** 2 / (side * cell / 31)
        for side, row in ((20, (10, 10, 0)), (11, (5, 5, 1)))
        for seen, cell in zip(row, (15, 15, 1), strict=True)
    )
    assert chi_square(counts([10, 10, 0]), counts([5, 5, 1])) == pytest.approx(expected, rel=1e-12)
    assert math.isfinite(likelihood_ratio(counts([10, 10, 0]), counts([5, 5, 1])))


def test_cells_empty_on_both_sides_count_for_nothing():
    a, b = counts([5, 0, 9]), counts([2, 0, 7])
    assert freedom(a, b) == 1
    assert chi_square(a, b) == pytest.approx(chi_square(a[[0, 2]], b[[0, 2]]), rel=1e-14)
    assert likelihood_ratio(a, b) == pytest.approx(likelihood_ratio(a[[0, 2]], b[[0, 2]]), rel=1e-14)


def test_cramers_v_ends():
    assert cramers_v(counts([5, 0]), counts([0, 9])) == 1.0
    assert cramers_v(counts([5, 10]), counts([10, 20])) == pytest.approx(0.0, abs=1e-8)


@pytest.mark.parametrize("statistic", [chi_square, likelihood_ratio, cramers_v])
@pytest.mark.parametrize(("a", "b"), [((0, 0), (1, 2)), ((1, 2), (0, 0))])
def test_empty_side_is_nan(statistic, a, b):
    assert math.isnan(statistic(counts(a), counts(b)))


def test_nothing_has_no_freedom():
    assert freedom(counts([0, 0]), counts([0, 0])) == 0
