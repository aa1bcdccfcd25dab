"""Checks of what one wild value does: to the peers a lot, to ours nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest

from kernels.distance import ks, wasserstein
from kernels.divergence import hellinger, js_divergence, psi
from kernels.lanes import FIRST_CELL
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.lanes import lane_table
from sidecar.profile.learning import learn_reference
from sidecar.profile.pane import Pane
from tests.contract.gold_checks import whole


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
