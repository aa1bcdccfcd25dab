from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from kernels.distance import ks, largest_difference, wasserstein
from kernels.divergence import hellinger, js_divergence, kl_divergence, psi_of_shares
from sidecar.drift.univariate import Comparison, missing_ratio, present_cells
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
    return sums_of(feature, column)[0]


def sums_of(feature, column):
    """Lanes, sums and extremes of a window."""
    table = lane_table([feature.spec], [feature])
    pane = Pane.empty(0, 0, 1, table.lanes)
    pane.fill(table, np.ascontiguousarray(column, dtype=np.float64)[:, None])
    return pane.counts[0], pane.sums[0], pane.extremes[0]


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
        found = math.sqrt(js_divergence(*sides)) * math.sqrt(math.log(2))
        assert found == pytest.approx(case["expected_run_here"]["jensenshannon"], **case["tolerance"])

    def test_evidently_hellinger(self):
        case = gold("evidently_binned_distances.json")["binned_distances_categorical_new_category"]
        texts = sorted({*case["reference"], *case["current"]})
        sides = [
            counts(*(side.count(text) for text in texts)) for side in (case["reference"], case["current"])
        ]
        found = hellinger(*sides)
        assert found == pytest.approx(case["expected_run_here"]["hellinger"], **case["tolerance"])

    def test_evidently_kl(self):
        """Of the reference about the current, an empty share being lifted to 0.0001 before all are scaled."""
        case = gold("evidently_binned_distances.json")["binned_distances_categorical_new_category"]
        reference = [10_000 * case["reference"].count(text) for text in "abcd"]
        reference[3] = len(case["reference"])  # 0.0001 of all, in the same unit
        current = [case["current"].count(text) for text in "abcd"]
        found = kl_divergence(counts(*current), counts(*reference), 0.0)
        assert found == pytest.approx(case["expected_run_here"]["kl_div"], **case["tolerance"])

    def test_nannyml_of_few_values(self):
        """The rows are drawn as in NannyML's tests; every value is a cell of its own."""
        draws = {
            "test_js_for_0_distance": (np.linspace(0, 2, 6), np.linspace(0, 2, 6), 10_000),
            "test_js_for_quasi_continuous": (np.linspace(0, 2, 6), np.linspace(0, 2, 3), 1000),
            "test_hellinger_categorical": (list("abcd"), list("abce"), 1000),
        }
        for name, (first, second, rows) in draws.items():
            case = gold("nannyml_unit_distances.json")[name]
            rng = np.random.RandomState(1)  # theirs is the legacy generator
            reference = rng.choice(first, 10_000)
            current = reference if name.endswith("0_distance") else rng.choice(second, rows)
            values = np.union1d(reference, current)
            sides = [counts(*((side == value).sum() for value in values)) for side in (reference, current)]
            found = hellinger(*sides) if "hellinger" in name else math.sqrt(js_divergence(*sides))
            assert found == pytest.approx(case["expected_run_here"], abs=1e-12), name
            assert found == pytest.approx(case["expected_test"], **case["tolerance"]), name

    def test_nannyml_hellinger_of_a_shift(self):
        """Over the reference's Doane bins; what lies outside of them is one cell more."""
        case = gold("nannyml_unit_distances.json")["test_hellinger_small_drift"]
        rng = np.random.RandomState(1)
        reference, current = rng.normal(0, 1, 10_000), rng.normal(-2, 1, 10_000)
        edges = np.histogram_bin_edges(reference, bins="doane")
        sides = [np.histogram(side, edges)[0] for side in (reference, current)]
        found = hellinger(*(counts(*side, 10_000 - side.sum()) for side in sides))
        assert found == pytest.approx(case["expected_run_here"], abs=1e-12)

    @pytest.mark.parametrize("name", ["test_wasserstein_small", "test_wasserstein_out_of_reference"])
    def test_nannyml_wasserstein(self, name):
        """Over 2,000 fine cells, each at most a thousandth of the range wide."""
        case = gold("nannyml_unit_distances.json")[name]
        rng = np.random.RandomState(1)
        (_, *first), (_, *second) = case["generator"]["reference"], case["generator"]["analysis"]
        sides = rng.normal(*first), rng.normal(*second)
        edges = np.linspace(min(map(np.min, sides)), max(map(np.max, sides)) + 1e-9, 4001)
        cells = [cells_of(side, None, edges) for side in sides]
        found = wasserstein(edges, *cells, 0, edges.size - 1)
        assert found == pytest.approx(case["expected_run_here"], abs=0.0005)

    def test_scipy_jensen_shannon(self):
        case = gold("scipy_distances.json")["jensenshannon base2 disjoint"]
        found = math.sqrt(js_divergence(counts(*case["inputs"]["p"]), counts(*case["inputs"]["q"])))
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
        sides = cells_of(u, wu, edges), cells_of(v, wv, edges)
        found = wasserstein(edges, *sides, 0, edges.size - 1)
        assert found == pytest.approx(case["documented"]["w"], **case["tolerance"])

    def test_breast_cancer_histograms(self):
        case = gold("scipy_distances.json")["sklearn breast_cancer: class 1 vs rest, first 6 features"]
        for name, values in case["run_here"].items():
            a, b = counts(*values["counts_A"]), counts(*values["counts_B"])
            assert math.sqrt(js_divergence(a, b)) == pytest.approx(values["js_base2"], abs=1e-9), name
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

    def test_categories_have_no_order(self):
        column = np.repeat([1.0, 2.0, 3.0], [600, 300, 100])[:, None]
        (feature,) = learn_reference([TEXT], column, [("a", "b", "c")])
        effects = Comparison(feature, 200).measure(
            lanes_of(feature, np.repeat([1.0, 3.0, 0.0], [100, 100, 100]))
        )
        assert effects.psi > effects.psi_critical
        assert (effects.ks, effects.wasserstein, effects.mean_shift) == (None, None, None)
        assert effects.l_infinity == pytest.approx(1 / 3)  # a third is new
        assert effects.l_infinity > effects.details()["l_infinity"].critical
        assert effects.cramers_v == pytest.approx(math.sqrt(effects.basis.chi_square().statistic / 1300))
        assert list(effects.basis.shares()) == ["missing", "type_error", "new_category"]

    def test_mean_and_deviation_are_those_of_the_values(self):
        rng = np.random.default_rng(3)
        feature = numeric(rng.normal(5.0, 2.0, size=10_000))
        effects = Comparison(feature, 200).measure(*sums_of(feature, rng.normal(6.0, 3.0, size=20_000)))
        assert effects.mean_shift == pytest.approx(0.5, abs=0.05)
        assert effects.log_sd_ratio == pytest.approx(math.log(1.5), abs=0.03)

    def test_a_shift_far_out_is_told_as_far(self):
        rng = np.random.default_rng(4)
        feature = numeric(rng.normal(size=10_000))
        effects = Comparison(feature, 200).measure(*sums_of(feature, rng.normal(20.0, 1.0, size=1000)))
        assert effects.mean_shift == pytest.approx(20.0, abs=0.5)
        assert effects.log_sd_ratio == pytest.approx(0.0, abs=0.2)

    def test_design_effect_widens_and_asks_for_more_rows(self):
        rng = np.random.default_rng(5)
        feature = numeric(rng.normal(size=10_000))
        window = sums_of(feature, rng.normal(size=900))
        plain, clumped = (Comparison(feature, 200, phi).measure(*window) for phi in (1.0, 4.0))
        assert clumped.psi_critical == pytest.approx(4.0 * plain.psi_critical)
        assert clumped.psi_debiased < plain.psi_debiased
        assert Comparison(feature, 200, 5.0).measure(*window).psi is None

    def test_lanes_of_another_feature(self):
        feature = numeric(np.arange(1000.0))
        with pytest.raises(ShapeMismatch) as caught:
            Comparison(feature, 200).measure(np.zeros(5, dtype=np.int64))
        assert str(caught.value) == f"comparison: expected at least {feature.counts.size} lanes, got 5"


NAMES = ("psi", "js_distance", "hellinger", "ks", "wasserstein", "mean_shift", "log_sd_ratio")


def numbers_of(feature, column):
    """Every number of a window, those of the shares with their intervals included."""
    effects = Comparison(feature, 200).measure(*sums_of(feature, column))
    found = {name: getattr(effects, name) for name in (*NAMES, "psi_debiased")}
    found["chi_square"] = effects.basis.chi_square().statistic / len(column)
    for name, share in effects.basis.shares().items():
        found |= {f"{name} ratio": share.ratio, f"{name} low": share.low, f"{name} high": share.high}
    return found


class TestOneOddRow:
    """One wild row of n moves no number further than one row within the reference's own reach can."""

    @pytest.mark.parametrize("outlier", [1000.0, 1e6, -1e300, np.inf, -np.inf])
    @pytest.mark.parametrize("rows", [200, 1000])
    @pytest.mark.parametrize("shift", [0.0, 1.0])
    def test_outlier(self, outlier, rows, shift):
        rng = np.random.default_rng(0)
        feature = numeric(rng.normal(size=20_000))
        column = rng.normal(size=rows) + shift
        before = numbers_of(feature, column)
        reach = 1.5 * max(-feature.edges[0], feature.edges[-1]) + 0.05  # where the outermost value is held
        ordinary = []
        for value in np.r_[np.linspace(-reach, reach, 9), feature.edges[::4], feature.edges[-1]]:
            ordinary.append(numbers_of(feature, np.r_[value, column[1:]]))
        after = numbers_of(feature, np.r_[outlier, column[1:]])
        for name, number in after.items():
            most = max(abs(other[name] - before[name]) for other in ordinary)
            assert abs(number - before[name]) <= most * (1 + 1e-9) + 1e-12, name

    @pytest.mark.parametrize("outlier", [1000.0, 1e6, np.inf, np.nan])
    def test_less_than_a_hundredth_in_five_thousand(self, outlier):
        """What the peers' file asks for, for every size that is not about 0 itself."""
        case = json.loads((GOLD / "peer_robustness.json").read_text(encoding="utf-8"))
        assert case["requirement"].endswith("change by < 1% when one value becomes an outlier")
        rng = np.random.default_rng(0)
        feature = numeric(rng.normal(size=20_000))
        column = rng.normal(size=5000) + 1
        before = numbers_of(feature, column)
        column[0] = outlier
        after = numbers_of(feature, column)
        for name in (*NAMES[:-1], "psi_debiased", "chi_square"):
            assert after[name] == pytest.approx(before[name], rel=0.01), name
        assert after["log_sd_ratio"] == pytest.approx(before["log_sd_ratio"], abs=0.01)

    def test_nan_is_counted_apart(self):
        rng = np.random.default_rng(1)
        feature = numeric(rng.normal(size=10_000))
        column = rng.normal(size=1000)
        without, with_nan = numbers_of(feature, column[1:]), numbers_of(feature, np.r_[np.nan, column[1:]])
        for name in NAMES:
            assert with_nan[name] == without[name], name
        assert with_nan["missing ratio"] == 0.001

    @pytest.mark.parametrize("outlier", [1000.0, 1e6, np.inf])
    def test_in_the_reference(self, outlier):
        rng = np.random.default_rng(0)
        column, current = rng.normal(size=20_000), rng.normal(size=5000) + 1
        clean = numeric(column)
        column[0] = outlier
        spoiled = numeric(column)
        before, after = numbers_of(clean, current), numbers_of(spoiled, current)
        for name in (*NAMES[:-1], "psi_debiased"):
            assert after[name] == pytest.approx(before[name], rel=0.01), name
        assert after["log_sd_ratio"] == pytest.approx(before["log_sd_ratio"], abs=0.01)

    def test_peers_case_with_a_nan(self):
        """alibi-detect says p = nan and no drift for a shift of two deviations with one NaN row."""
        rng = np.random.default_rng(0)
        reference, current = rng.normal(size=1000), rng.normal(size=500) + 2
        current[0] = np.nan
        feature = numeric(reference)
        effects = Comparison(feature, 200).measure(*sums_of(feature, current))
        assert effects.psi > 10 * effects.psi_critical
        assert effects.mean_shift == pytest.approx(2.0, abs=0.2)
        assert effects.basis.shares()["missing"].ratio == 1 / 500


def test_present_cells_hold_the_infinities_at_the_ends():
    assert present_cells(counts(9, 8, 5, 2, 10, 20, 30)).tolist() == [12, 20, 35]


def test_missing_ratio():
    assert missing_ratio(counts(1, 1, 0, 0, 2)) == 0.25
    assert missing_ratio(counts(0, 0, 0, 0, 0)) is None
