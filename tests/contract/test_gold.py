"""Values that others publish or print, case by case: checked against our kernels, or named with the reason
why they concern nothing of ours. None of them was written by this project (`tests/corpus/README.md`)."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from kernels.contingency import chi_square, freedom
from kernels.distance import ks, largest_difference, wasserstein
from kernels.divergence import hellinger, js_divergence, kl_divergence, psi, psi_of_shares
from kernels.evalue import adjust_p_values, mcnemar_p, multinomial_log_e
from kernels.exponential import exponential_index
from kernels.lanes import FIRST_CELL
from kernels.moments import deviation, empty_sums, fill_sums, mean, unit_for
from kernels.scores import KAPPA, fill_agreement
from sidecar.drift.chi_square import chi_square_cdf
from sidecar.drift.detector import Detector
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.lanes import lane_table
from sidecar.profile.learning import learn_reference
from sidecar.profile.pane import Pane

ROOT = Path(__file__).parents[2]
GOLD = ROOT / "tests" / "corpus" / "gold"
EXACT = 10**15  # a side with so many rows is known: the two-sample test becomes the one-sample test
FLOOR = 1e-4  # Evidently's share of an empty category
N_CASES = {
    "confseq_boundaries.json": 63,
    "evidently_stattests.json": 11,
    "nannyml_unit_distances.json": 7,
    "nannyml_univariate_car_loan.json": 18,
    "nist_strd_moments.json": 4,
    "otel_exponential_mapping.json": 69,
    "peer_robustness.json": 36,
    "savvi_multinomial_eprocess.json": 4,
    "scipy_sklearn_statsmodels.json": 15,
}


def cases_of(file):
    """Key and case; the robustness file holds peers' values, our own of the same data, and a case of NaN."""
    document = json.loads((GOLD / file).read_text())
    if file == "peer_robustness.json":
        found = list(document["peers"])
        found += [
            {"ours": outlier, **values}
            for outlier, values in document["reference_quantile_16_bins_smoothed"].items()
        ]
        assert document["nan_case"]["requirement"] == "NaN counted apart, shift detected"
        return [(f"{place} {_title(case)}", case) for place, case in enumerate(found)]
    return [(f"{place} {_title(case)}", case) for place, case in enumerate(document["cases"])]


def _title(case):
    if "peer" in case and "method" in case:
        return f"{case['peer']} {case['method']} {case['outlier_in']} {case['outlier']}"
    if "ours" in case:
        return f"16 quantile bins, {case['ours']}"
    name = case.get("name") or case.get("fn")
    if name is None:
        name = (
            f"scale {case['scale']} value {case['value']}" if "scale" in case else f"theta {case['theta0']}"
        )
    return str(name)


ALL = [(file, key, case) for file in N_CASES for key, case in cases_of(file)]


# --- what concerns nothing of ours ------------------------------------------------------------------

NOT_OURS = {
    (
        "evidently_stattests.json",
        r"tvd_permutation_p",
    ): "p of a permutation test by a seed of Evidently's own",
    ("evidently_stattests.json", r"t_test"): "no t test: a mean shift is shown with an interval",
    (
        "evidently_stattests.json",
        r"energy_shift5",
    ): "needs all pairs of rows, which are not kept",
    (
        "evidently_stattests.json",
        r"fisher_exact",
    ): "no exact test of 2 x 2 tables: counts are in the thousands",
    ("scipy_sklearn_statsmodels.json", r"anderson_ksamp"): "needs ranks of rows, which are not kept",
    ("scipy_sklearn_statsmodels.json", r"cramervonmises"): "needs ranks of rows, which are not kept",
    ("scipy_sklearn_statsmodels.json", r"mcnemar .* exact=False"): "no continuity correction: exact or mid p",
    ("nannyml_univariate_car_loan.json", r"(kolmogorov_smirnov|wasserstein)"): (
        "needs a table of 23 MB out of NannyML's wheel: `benchmarks/gold_car_loan.py` checks it"
    ),
}
# Checked by the tests of the kernel itself, which say how many cases there are.
ELSEWHERE = {"confseq_boundaries.json": "tests/unit/kernels/test_confidence.py"}


# --- checks -----------------------------------------------------------------------------------------


def near(case, expected):
    return pytest.approx(expected, abs=case["tolerance"].get("abs"), rel=case["tolerance"].get("rel"))


def whole(values):
    return np.ascontiguousarray(values, dtype=np.int64)


def tail(statistic, degrees):
    return 1.0 - chi_square_cdf(statistic, degrees)


def tables(case):
    """Counts of reference and current over the union of their texts or numbers."""
    sides = [case["reference"], case["current"]]
    if isinstance(sides[0], dict):
        sides = [np.repeat(side["values"], side["repeat"]).tolist() for side in sides]
    names = sorted({*sides[0], *sides[1]})
    return [whole([side.count(name) for name in names]) for side in sides]


def atoms(values, weights=None, scale=1):
    """Edges of a cell of its own for every value, and counts: areas between them are exact."""
    distinct = np.unique(np.concatenate(values))
    edges = np.stack([distinct, np.nextafter(distinct, np.inf)], axis=1).ravel()
    counts = []
    for place, side in enumerate(values):
        cells = np.searchsorted(edges, side, side="right")
        weight = None if weights is None else np.asarray(weights[place]) * scale
        counts.append(whole(np.rint(np.bincount(cells, weight, edges.size + 1))))
    return edges, *counts


def check_evidently_chi_square(case):
    reference, current = tables(case)
    statistic = chi_square(reference * EXACT, current)  # Evidently takes the reference as exact
    assert tail(statistic, freedom(reference, current)) == near(case, case["expected_run_here"])


def check_evidently_z(case):
    reference, current = tables(case)
    assert tail(chi_square(reference, current), 1) == near(case, case["expected_run_here"])  # z squared


def check_evidently_distances(case):
    reference, current = tables(case)
    expected = case["expected_run_here"]
    assert math.sqrt(js_divergence(reference, current) * math.log(2.0)) == near(
        case, expected["jensenshannon"]
    )
    assert hellinger(reference, current) == near(case, expected["hellinger"])
    shares = [side / side.sum() for side in (reference, current)]
    assert psi_of_shares(*shares, FLOOR) == near(case, expected["psi"])
    lifted = [whole(np.rint(np.maximum(side, FLOOR) * EXACT)) for side in shares]  # and so for its KL
    assert kl_divergence(lifted[1], lifted[0], 0.0) == near(case, expected["kl_div"])


def nannyml_samples(case):
    random = np.random.RandomState(1)  # what np.random.seed(1) gives
    kinds = {
        "choice_lin": lambda bins, n: random.choice(np.linspace(0, 2, bins), n),
        "choice": lambda texts, n: random.choice(texts, n),
        "normal": lambda middle, spread, n: random.normal(middle, spread, n),
        "lit": np.array,
    }
    made = []
    for side in ("reference", "analysis"):
        kind, *arguments = case["generator"][side]
        made.append(made[0] if kind == "same" else kinds[kind](*arguments))
    return made


def check_nannyml_unit(case):
    name = case["name"]
    reference, current = nannyml_samples(case)
    expected = near(case, case["expected_run_here"])
    if "wasserstein" in name:
        edges, *counts = atoms([reference, current])
        assert wasserstein(edges, *counts, 0, edges.size - 1) == expected
        return
    if reference.dtype.kind == "U":
        names = np.unique(np.concatenate([reference, current]))
        counts = [whole([(side == text).sum() for text in names]) for side in (reference, current)]
    else:  # NannyML's bins, and what falls outside of them
        edges = np.histogram_bin_edges(reference, bins="doane")
        counts = [np.histogram(side, edges)[0] for side in (reference, current)]
        counts = [
            whole([*inside, side.size - inside.sum()])
            for inside, side in zip(counts, (reference, current), strict=True)
        ]
    distances = {
        "js": lambda: math.sqrt(js_divergence(*counts)),
        "hellinger": lambda: hellinger(*counts),
        "l": lambda: largest_difference(*counts),
    }
    assert distances[name.split("_")[1]]() == expected


def check_car_loan_counts(case):
    reference = whole(case["aggregates"]["reference_counts"])
    for place, chunk in enumerate(case["aggregates"]["chunk_counts"]):
        current = whole(chunk)
        if case["name"].endswith("l_infinity"):
            assert largest_difference(reference, current) == near(case, case["expected"][place])
        elif freedom(reference, current) > 1:
            statistic = chi_square(reference, current)
            assert statistic == near(case, case["expected"][place])
            # the product's tail is the complement of a probability: nothing is left below 1e-16 of it
            assert tail(statistic, reference.size - 1) == pytest.approx(
                case["expected_pvalue"][place], abs=1e-9
            )
        else:
            assert yates(reference, current) == near(case, case["expected"][place])


def yates(reference, current):
    """With two categories scipy, and so NannyML, moves every count by a half towards what is expected.

    The statistic falls by the factor ((|ad - bc| - N / 2) / |ad - bc|)^2; ours is without the correction.
    """
    difference = abs(int(reference[0]) * int(current[1]) - int(reference[1]) * int(current[0]))
    half = min((int(reference.sum()) + int(current.sum())) / 2, difference)
    return chi_square(reference, current) * ((difference - half) / difference) ** 2


def check_nist(case):
    made = case["generator"]
    values = np.array(made["values"] or [made["first"], *(made["pair"] * made["repeats"])])
    pivot = float(np.median(values))
    unit = unit_for(float(values.std()), pivot)
    sums = empty_sums(1)[0]
    fill_sums(values, pivot, unit, sums)
    assert mean(sums, pivot, unit) == near(case, case["certified"]["mean"])
    assert deviation(sums, unit) == near(case, case["certified"]["sd_ddof1"])


def check_exponential(case):
    assert exponential_index(float(case["value"]), case["scale"]) == case.get(
        "expected_index", case["run_here"]
    )


def check_multinomial(case):
    shares = np.array(case["theta0"])
    tolerance = {"tolerance": {"rel": 1e-8}}
    totals = np.zeros(shares.size, dtype=np.int64)
    for step in case["sequence"]:
        totals += whole(step["batch"])
        assert totals.tolist() == step["total"]
        assert math.exp(multinomial_log_e(totals, shares, case["k"])) == near(tolerance, step["odds"])
    assert multinomial_log_e(totals, shares, case["k"]) == near(
        tolerance, case["log_e_closed_form_on_totals"]
    )


def check_scipy_wasserstein(case):
    inputs = case["inputs"]
    weights = [inputs["uw"], inputs["vw"]] if "uw" in inputs else None
    edges, *counts = atoms([inputs["u"], inputs["v"]], weights, 10)
    assert wasserstein(edges, *counts, 0, edges.size - 1) == near(case, case["documented"]["w"])


def check_scipy_js(case):
    p, q = whole(case["inputs"]["p"]), whole(case["inputs"]["q"])
    assert math.sqrt(js_divergence(p, q)) == near(case, case["documented"]["d"])


def check_scipy_contingency(case):
    reference, current = map(whole, case["inputs"]["observed"])
    statistic, degrees = chi_square(reference, current), freedom(reference, current)
    assert statistic == near(case, case["documented"]["stat"])
    assert degrees == case["documented"]["dof"]
    assert tail(statistic, degrees) == near(case, case["documented"]["p"])


def check_scipy_one_way(case):
    """Against equal shares, known exactly."""
    current = whole(case["inputs"]["f_obs"])
    reference = np.full(current.size, EXACT, dtype=np.int64)
    if "G" in case["name"]:  # G against a known distribution is 2 n KL
        statistic = 2 * current.sum() * kl_divergence(reference, current, 0.0)
    else:
        statistic = chi_square(reference, current)
    assert statistic == near(case, case["documented"]["stat"])
    assert tail(statistic, current.size - 1) == near(case, case["documented"]["p"])


def check_scipy_ks(case):
    _edges, *counts = atoms([case["inputs"]["a"], case["inputs"]["b"]])
    assert ks(*counts) == near(case, case["run_here"]["D"])


def check_adjusted(case):
    p = np.array(case["inputs"]["p"])
    order, adjusted = np.argsort(p, kind="stable"), np.empty(p.size)
    for name, any_dependence in (("bh", False), ("by", True)):
        adjust_p_values(p, order, any_dependence, adjusted)
        assert adjusted == near(case, np.array(case["run_here"][name]))


def check_kappa(case):
    inputs = case["inputs"]
    pairs = [np.repeat(*np.array(side).T) if isinstance(side[0], list) else side for side in inputs.values()]
    names = sorted({*pairs[0], *pairs[1]})
    table = np.zeros((len(names) + 1, len(names) + 1), dtype=np.int64)
    for left, right in zip(*pairs, strict=True):
        table[names.index(left), names.index(right)] += 1
    margins, agreement = np.zeros((2, len(names) + 1), dtype=np.int64), np.zeros(8)
    fill_agreement(table, margins, agreement)
    assert agreement[KAPPA] == near(case, case["run_here"].get("kappa", case["run_here"].get("k")))


def check_mcnemar(case):
    (_both, first), (second, _none) = case["inputs"]["table"]
    assert min(first, second) == case["run_here"]["stat"]
    assert mcnemar_p(first, second, False) == near(case, case["run_here"]["p"])


def check_breast_cancer(case):
    for found in case["run_here"].values():
        reference, current = whole(found["counts_A"]), whole(found["counts_B"])
        statistic = chi_square(reference, current)
        assert statistic == pytest.approx(found["chi2"], rel=1e-12)
        assert tail(statistic, reference.size - 1) == pytest.approx(found["chi2_p"], abs=1e-12)
        assert math.sqrt(js_divergence(reference, current)) == pytest.approx(found["js_base2"], rel=1e-12)
        # the statistic of the rows exceeds that at the edges by at most the largest cell
        largest = max((reference / reference.sum()).max(), (current / current.sum()).max())
        assert found["D"] - largest <= ks(reference, current) <= found["D"] + 1e-12


def robust_sides(outlier_in, outlier):
    rng = np.random.default_rng(0)
    sides = {"reference": rng.normal(size=20_000), "current": rng.normal(size=5_000) + 1.0}
    if outlier is not None:
        sides[outlier_in][0] = outlier
    return sides["reference"], sides["current"]


def robust_counts(reference, current):
    spec = FeatureSpec("x", "input", "numeric")
    features = learn_reference([spec], reference[:, None], [()])
    pane = Pane.empty(0, 0, 1, lane_table([spec], features).lanes)
    pane.fill(lane_table([spec], features), np.ascontiguousarray(current[:, None]))
    cells = features[0].cells
    return features[0].edges, cells, whole(pane.counts[0, FIRST_CELL : FIRST_CELL + cells.size])


ROBUST = {
    "psi": lambda _edges, r, c: psi(r, c, 0.5),
    "js": lambda _edges, r, c: math.sqrt(js_divergence(r, c)),
    "hellinger": lambda _edges, r, c: hellinger(r, c),
    "ks": lambda _edges, r, c: ks(r, c),
    "wasserstein": lambda edges, r, c: wasserstein(edges, r, c, 0, edges.size - 1),
}


def robust_method(method):
    wanted = {"kolmogorov_smirnov": "ks", "jensen_shannon": "js", "jensenshannon": "js"}
    first = method.lower().split()[0]
    return ROBUST[wanted.get(first, first)]


def check_robust(case):
    """What moved the peer's number moves ours by less than a hundredth."""
    measure = robust_method(case["method"])
    clean = measure(*robust_counts(*robust_sides("current", None)))
    odd = measure(*robust_counts(*robust_sides(case["outlier_in"], case["outlier"])))
    assert odd == pytest.approx(clean, rel=0.01)
    assert clean > 0.3


def check_our_own_robustness(case):
    reference, current = robust_sides("current", None)
    if case["ours"] != "None":
        reference[0] = current[0] = float(case["ours"])
    edges = np.quantile(reference, np.arange(1, 16) / 16)
    counts = [
        whole(np.bincount(np.searchsorted(edges, side, side="right"), minlength=16))
        for side in (reference, current)
    ]
    assert psi(*counts, 0.5) == pytest.approx(case["psi"], rel=1e-12)
    assert ks(*counts) == pytest.approx(case["ks"], abs=1e-12)


CHECKS = {
    ("evidently_stattests.json", r"chi2_counts"): check_evidently_chi_square,
    ("evidently_stattests.json", r"z_test_equal"): check_evidently_z,
    ("evidently_stattests.json", r"binned_distances"): check_evidently_distances,
    ("nannyml_unit_distances.json", r""): check_nannyml_unit,
    ("nannyml_univariate_car_loan.json", r"(chi2|l_infinity)$"): check_car_loan_counts,
    ("nist_strd_moments.json", r""): check_nist,
    ("otel_exponential_mapping.json", r""): check_exponential,
    ("savvi_multinomial_eprocess.json", r""): check_multinomial,
    ("peer_robustness.json", r"16 quantile bins"): check_our_own_robustness,
    ("peer_robustness.json", r" (current|reference) (None|1000)"): check_robust,
    ("scipy_sklearn_statsmodels.json", r"^\d+ wasserstein"): check_scipy_wasserstein,
    ("scipy_sklearn_statsmodels.json", r"jensenshannon"): check_scipy_js,
    ("scipy_sklearn_statsmodels.json", r"chi2_contingency"): check_scipy_contingency,
    ("scipy_sklearn_statsmodels.json", r"(chisquare one-way|power divergence G)"): check_scipy_one_way,
    ("scipy_sklearn_statsmodels.json", r"KSTwoSamples"): check_scipy_ks,
    ("scipy_sklearn_statsmodels.json", r"BH / BY"): check_adjusted,
    ("scipy_sklearn_statsmodels.json", r"cohen_kappa"): check_kappa,
    ("scipy_sklearn_statsmodels.json", r"mcnemar .* exact=True"): check_mcnemar,
    ("scipy_sklearn_statsmodels.json", r"breast_cancer"): check_breast_cancer,
}


def matching(rules, file, key):
    return [value for (where, pattern), value in rules.items() if where == file and re.search(pattern, key)]


CHECKED = [
    pytest.param(check, case, id=f"{file.removesuffix('.json')}: {key}")
    for file, key, case in ALL
    for check in matching(CHECKS, file, key)
]


@pytest.mark.parametrize(("check", "case"), CHECKED)
def test_published_value(check, case):
    check(case)


@pytest.mark.parametrize("file", sorted(N_CASES))
def test_no_case_is_forgotten(file):
    assert len(cases_of(file)) == N_CASES[file]
    for key, _case in cases_of(file):
        dealt = [*matching(CHECKS, file, key), *matching(NOT_OURS, file, key)]
        if file in ELSEWHERE:
            assert not dealt
        else:
            assert len(dealt) == 1, key


@pytest.mark.parametrize(("file", "test"), sorted(ELSEWHERE.items()))
def test_the_other_test_reads_the_file(file, test):
    assert file in (ROOT / test).read_text()


def test_no_file_is_forgotten():
    """Besides the peers' files there are extracts of them, which single tests use."""
    extracts = {
        "evidently_binned_distances.json",
        "kappa.json",
        "nannyml_car_loan_categories.json",
        "nannyml_reconstruction.json",
        "scipy_distances.json",
    }
    assert {path.name for path in GOLD.glob("*.json")} - extracts == set(N_CASES)


def test_every_reason_names_a_case():
    for (file, pattern), _reason in NOT_OURS.items():
        assert any(re.search(pattern, key) for key, _case in cases_of(file)), pattern


def test_one_row_of_nan_hides_no_shift():
    """alibi-detect's KSDrift gives p = NaN and no drift for these rows."""
    rng = np.random.default_rng(0)
    reference = rng.normal(size=(1000, 2))
    rng.normal(size=(500, 2))
    rows = rng.normal(size=(500, 2)) + 2.0
    rows[0, :] = np.nan
    specs = [FeatureSpec(name, "input", "numeric") for name in ("a", "b")]
    features = learn_reference(specs, reference, [(), ()])
    table = lane_table(specs, features)
    pane = Pane.empty(0, 0, 2, table.lanes)
    pane.fill(table, rows)
    detector = Detector(features, 259_200.0, 0.01)
    detector.advance(pane.counts, 0.0)
    assert not np.isnan(detector.drift_since_unix_s).any()
    assert pane.counts[:, 0].tolist() == [1, 1]


def test_areas_of_atoms_are_scipys():
    """The instrument of the checks above: a cell of its own for every value makes the kernel's area exact."""
    rng = np.random.default_rng(5)
    u, v = rng.integers(0, 9, 50) / 3, rng.normal(size=40)
    edges, *counts = atoms([u, v])
    assert wasserstein(edges, *counts, 0, edges.size - 1) == pytest.approx(
        wasserstein_distance(u, v), rel=1e-12
    )
