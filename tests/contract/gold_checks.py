"""Checks of our kernels against the values of one gold case each."""

from __future__ import annotations

import math

import numpy as np
import pytest

from kernels.contingency import chi_square, freedom
from kernels.distance import ks, largest_difference, wasserstein
from kernels.divergence import hellinger, js_divergence, kl_divergence, psi_of_shares
from kernels.evalue import adjust_p_values, mcnemar_p, multinomial_log_e
from kernels.exponential import exponential_index
from kernels.moments import deviation, empty_sums, fill_sums, mean, unit_for
from kernels.scores import KAPPA, fill_agreement
from sidecar.drift.chi_square import chi_square_cdf

EXACT = 10**15  # a side with so many rows is known: the two-sample test becomes the one-sample test
FLOOR = 1e-4  # Evidently's share of an empty category


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
