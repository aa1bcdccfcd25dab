from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from kernels.distance import largest_difference
from kernels.divergence import psi_of_shares
from sidecar.drift.univariate import (
    Comparison,
    js_distance,
    ks,
    missing_ratio,
    present_cells,
    psi,
    psi_noise,
    wasserstein,
)
from sidecar.errors import ShapeMismatch
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.lanes import lane_table
from sidecar.profile.learning import learn_reference
from sidecar.profile.pane import Pane

GOLD = Path(__file__).parents[2] / "corpus" / "gold"
NUMBER = FeatureSpec("n", "input", "numeric")
TEXT = FeatureSpec("c", "input", "categorical")


def counts(*values):
    return np.array(values, dtype=np.int64)


def gold(name):
    return {case["name"]: case for case in json.loads((GOLD / name).read_text())["cases"]}


def lanes_of(feature, column):
    table = lane_table([feature.spec], [feature])
    pane = Pane.empty(0, 0, 1, table.lanes)
    pane.fill(table, np.ascontiguousarray(column, dtype=np.float64)[:, None])
    return pane.counts[0]


def numeric(column):
    return learn_reference([NUMBER], np.asarray(column, dtype=np.float64)[:, None], [()])[0]


def cells_of(values, weights, edges):
    places = np.searchsorted(edges, values, side="right")
    return np.bincount(places, weights=weights, minlength=len(edges) + 1).astype(np.int64)


class TestPublishedValues:
    def test_evidently_psi_with_a_new_category(self):
        case = gold("evidently_binned_distances.json")["binned_distances_categorical_new_category"]
        texts = sorted({*case["reference"], *case["current"]})
        shares = [
            np.array([side.count(text) / len(side) for text in texts])
            for side in (case["reference"], case["current"])
        ]
        expected = case["expected_run_here"]["psi"]
        assert psi_of_shares(*shares, 1e-4) == pytest.approx(expected, **case["tolerance"])

    def test_evidently_jensen_shannon(self):
        case = gold("evidently_binned_distances.json")["binned_distances_categorical_new_category"]
        texts = sorted({*case["reference"], *case["current"]})
        sides = [
            counts(*(side.count(text) for text in texts)) for side in (case["reference"], case["current"])
        ]
        # theirs is in nats, ours in bits
        found = js_distance(*sides) * math.sqrt(math.log(2))
        assert found == pytest.approx(case["expected_run_here"]["jensenshannon"], **case["tolerance"])

    def test_scipy_jensen_shannon(self):
        case = gold("scipy_distances.json")["jensenshannon base2 disjoint"]
        found = js_distance(counts(*case["inputs"]["p"]), counts(*case["inputs"]["q"]))
        assert found == pytest.approx(case["documented"]["d"], **case["tolerance"])

    def test_scipy_ks_of_few_values(self):
        case = gold("scipy_distances.json")["KSTwoSamples testIntegerSamples/simple"]
        edges = np.unique([*case["inputs"]["a"], *case["inputs"]["b"]]).astype(float)
        sides = [cells_of(np.array(case["inputs"][side], dtype=float), None, edges) for side in "ab"]
        assert ks(*sides) == pytest.approx(case["run_here"]["D"], **case["tolerance"])

    @pytest.mark.parametrize(
        ("name", "scale"), [("wasserstein [0,1,3] vs [5,6,8]", 1), ("wasserstein weighted 2", 10)]
    )
    def test_scipy_wasserstein_when_every_value_is_an_atom(self, name, scale):
        case = gold("scipy_distances.json")[name]
        u, v = (np.array(case["inputs"][side], dtype=float) for side in "uv")
        weights = [case["inputs"].get(side) for side in ("uw", "vw")]
        atoms = np.unique([*u, *v])
        edges = np.sort(np.concatenate([atoms, np.nextafter(atoms, np.inf)]))
        wu, wv = (None if w is None else np.rint(np.array(w) * scale) for w in weights)
        found = wasserstein(edges, cells_of(u, wu, edges), cells_of(v, wv, edges))
        assert found == pytest.approx(case["documented"]["w"], **case["tolerance"])

    def test_breast_cancer_histograms(self):
        case = gold("scipy_distances.json")["sklearn breast_cancer: class 1 vs rest, first 6 features"]
        for name, values in case["run_here"].items():
            a, b = counts(*values["counts_A"]), counts(*values["counts_B"])
            assert js_distance(a, b) == pytest.approx(values["js_base2"], abs=1e-9), name
            # at the edges; the raw values' statistic exceeds it by at most a cell
            assert ks(a, b) <= values["D"] + 1e-12 <= ks(a, b) + max(a / a.sum()), name

    @pytest.mark.parametrize(
        "name", sorted(n for n in gold("nannyml_car_loan_categories.json") if "l_inf" in n)
    )
    def test_nannyml_largest_difference(self, name):
        case = gold("nannyml_car_loan_categories.json")[name]
        reference = counts(*case["aggregates"]["reference_counts"])
        for chunk, expected in zip(case["aggregates"]["chunk_counts"], case["expected"], strict=True):
            assert largest_difference(reference, counts(*chunk)) == pytest.approx(expected, abs=1e-12)

    def test_nannyml_largest_difference_of_a_new_category(self):
        case = gold("nannyml_unit_distances.json")["test_l_infinity_for_new_category"]
        found = largest_difference(counts(2, 2, 2, 0), counts(2, 2, 2, 1))
        assert found == pytest.approx(case["expected_test"], **case["tolerance"])


class TestWorkedExamples:
    def test_psi(self):
        assert psi(counts(50, 50), counts(30, 70), pseudo_count=0) == pytest.approx(0.1695, abs=5e-5)

    def test_psi_noise(self):
        mean, critical = psi_noise(10, 10_000, 500)
        assert mean == pytest.approx(0.0189, abs=5e-5)
        assert critical == pytest.approx(0.0455, abs=5e-5)

    def test_js_distance(self):
        assert js_distance(counts(1, 0, 0), counts(0, 1, 0)) == 1.0

    def test_ks(self):
        assert ks(counts(50, 50), counts(30, 70)) == pytest.approx(0.2)

    def test_wasserstein(self):
        assert wasserstein(np.array([0.0, 1.0, 2.0]), counts(0, 1, 0, 0), counts(0, 0, 1, 0)) == 1.0


@pytest.mark.parametrize("statistic", [psi, js_distance, ks])
def test_shapes_must_agree(statistic):
    with pytest.raises(ShapeMismatch) as caught:
        statistic(counts(1, 2, 3), counts(1, 2))
    assert str(caught.value) == f"{statistic.__name__}: reference has 3 bins, current has 2"


def test_one_bin_has_no_noise():
    assert psi_noise(1, 100, 100) == (0.0, 0.0)


class TestComparison:
    def test_no_drift_is_small_and_drift_is_large(self):
        rng = np.random.default_rng(1)
        feature = numeric(rng.normal(size=10_000))
        comparison = Comparison(feature, 200)
        same = comparison.measure(lanes_of(feature, rng.normal(size=1000)))
        moved = comparison.measure(lanes_of(feature, rng.normal(1.0, 1.0, size=1000)))
        assert same.psi < same.psi_critical < moved.psi
        assert abs(same.psi_debiased) < 0.01 < moved.psi_debiased
        assert same.ks < 0.05 < moved.ks
        assert moved.ks == pytest.approx(0.38, abs=0.03)  # 2 Phi(1/2) - 1
        assert moved.wasserstein == pytest.approx(1 / 1.349, rel=0.1)  # one sigma in interquartile ranges

    @pytest.mark.parametrize(("min_rows", "bins"), [(40, 2), (200, 10), (400, 20), (100_000, 20)])
    def test_bins_hold_enough_rows(self, min_rows, bins):
        feature = numeric(np.random.default_rng(2).normal(size=10_000))
        assert Comparison(feature, min_rows).n_bins == pytest.approx(bins, abs=1)

    def test_large_atom_is_a_bin_beside_the_rest(self):
        feature = numeric([0.0] * 930 + [1.0] * 70)
        assert Comparison(feature, 200).n_bins == 2

    def test_constant_has_no_psi(self):
        feature = numeric(np.zeros(500))
        effects = Comparison(feature, 200).measure(lanes_of(feature, np.zeros(300)))
        assert (effects.psi, effects.psi_critical, effects.js_distance) == (None, None, None)
        assert effects.ks == 0.0
        assert Comparison(feature, 200).measure(lanes_of(feature, np.ones(300))).ks == 1.0

    def test_too_few_rows_have_no_numbers(self):
        feature = numeric(np.arange(1000.0))
        assert Comparison(feature, 200).measure(lanes_of(feature, np.arange(199.0))).psi is None
        mostly_missing = np.r_[np.arange(199.0), np.full(500, np.nan)]
        assert Comparison(feature, 200).measure(lanes_of(feature, mostly_missing)).psi is None

    def test_feature_without_reference_values(self):
        feature = numeric(np.full(500, np.nan))
        assert Comparison(feature, 200).measure(lanes_of(feature, np.zeros(500))).ks is None

    @pytest.mark.parametrize("outlier", [1e6, -1e300, np.inf, np.nan])
    def test_one_odd_value_moves_nothing_much(self, outlier):
        rng = np.random.default_rng(0)
        feature = numeric(rng.normal(size=20_000))
        current = rng.normal(size=5000) + 1
        before = Comparison(feature, 200).measure(lanes_of(feature, current))
        current[0] = outlier
        after = Comparison(feature, 200).measure(lanes_of(feature, current))
        for name in ("psi", "ks", "js_distance", "wasserstein"):
            assert getattr(after, name) == pytest.approx(getattr(before, name), rel=0.01), name

    def test_ks_of_the_robustness_case_is_scipys_to_within_a_cell(self):
        case = json.loads((GOLD / "peer_robustness.json").read_text())
        rng = np.random.default_rng(0)  # the generator of the file
        feature = numeric(rng.normal(size=20_000))
        current = rng.normal(size=5000) + 1
        for outlier in (current[0], 1000.0, 1e6):
            current[0] = outlier
            found = Comparison(feature, 200).measure(lanes_of(feature, current)).ks
            exact = case["scipy_exact_ks_no_outlier"]
            assert exact - 0.05 <= found <= exact + 1 / 5000

    def test_one_outlier_in_the_reference_moves_nothing_much(self):
        rng = np.random.default_rng(0)
        column, current = rng.normal(size=20_000), rng.normal(size=5000) + 1
        clean = numeric(column)
        column[0] = 1e6
        spoiled = numeric(column)
        before = Comparison(clean, 200).measure(lanes_of(clean, current))
        after = Comparison(spoiled, 200).measure(lanes_of(spoiled, current))
        for name in ("psi", "ks", "js_distance", "wasserstein"):
            assert getattr(after, name) == pytest.approx(getattr(before, name), rel=0.01), name

    def test_categories_have_no_order(self):
        column = np.repeat([1.0, 2.0, 3.0], [600, 300, 100])[:, None]
        (feature,) = learn_reference([TEXT], column, [("a", "b", "c")])
        effects = Comparison(feature, 200).measure(
            lanes_of(feature, np.repeat([1.0, 3.0, 0.0], [100, 100, 100]))
        )
        assert effects.psi > effects.psi_critical
        assert (effects.ks, effects.wasserstein) == (None, None)


def test_present_cells_hold_the_infinities_at_the_ends():
    assert present_cells(counts(9, 8, 5, 2, 10, 20, 30)).tolist() == [12, 20, 35]


def test_missing_ratio():
    assert missing_ratio(counts(1, 1, 0, 0, 2)) == 0.25
    assert missing_ratio(counts(0, 0, 0, 0, 0)) is None
