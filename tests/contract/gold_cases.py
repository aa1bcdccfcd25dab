"""The cases of the gold files by their names."""

from __future__ import annotations

import json
from pathlib import Path

ROOT = Path(__file__).parents[2]
GOLD = ROOT / "tests" / "corpus" / "gold"
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
