"""Values that others publish or print, case by case: checked against our kernels, or named with the reason
why they concern nothing of ours. None of them was written by this project (`tests/corpus/README.md`)."""

from __future__ import annotations

import re

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from kernels.distance import wasserstein
from sidecar.drift.detector import Detector
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.lanes import lane_table
from sidecar.profile.learning import learn_reference
from sidecar.profile.pane import Pane
from tests.contract.gold_cases import ALL, GOLD, N_CASES, ROOT, cases_of
from tests.contract.gold_checks import (
    atoms,
    check_adjusted,
    check_breast_cancer,
    check_car_loan_counts,
    check_evidently_chi_square,
    check_evidently_distances,
    check_evidently_z,
    check_exponential,
    check_kappa,
    check_mcnemar,
    check_multinomial,
    check_nannyml_unit,
    check_nist,
    check_scipy_contingency,
    check_scipy_js,
    check_scipy_ks,
    check_scipy_one_way,
    check_scipy_wasserstein,
)
from tests.contract.gold_robustness import check_our_own_robustness, check_robust

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
