"""Microseconds a feature of the effect sizes from counts, beside numpy and scipy giving the same numbers.

One feature has 32 reference cells joined into 20 bins. `measure_lanes` gives fifteen numbers at once; with
`limited_moments` for mean and deviation it is all that a window costs. The peer takes scipy's own functions
where there is one (Jensen-Shannon, chi-square, G, Wasserstein, relative entropy) and numpy for the rest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.harness import assert_same
from kernels import effect, shift
from kernels.binning import F64, I64
from kernels.confidence import share_interval
from kernels.effect import measure_lanes
from kernels.evalue import multinomial_log_e
from kernels.lanes import FIRST_CELL
from kernels.moments import fill_sums, unit_for
from kernels.shift import limited_moments
from sidecar.drift.univariate import Comparison
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.lanes import lane_table
from sidecar.profile.learning import learn_reference
from sidecar.profile.pane import Pane

try:
    from scipy.spatial.distance import jensenshannon
    from scipy.stats import chi2_contingency, entropy, wasserstein_distance
except ImportError:
    chi2_contingency = None

CELLS = 32
SHARED = (
    "PSI",
    "KL",
    "JS",
    "HELLINGER",
    "TOTAL_VARIATION",
    "CHI_SQUARE",
    "G",
    "CRAMERS_V",
    "KS",
    "AREA",
    "LARGEST",
)


@dataclass(frozen=True, slots=True)
class Feature:
    """Lanes of a reference of 10,000 and a window of 2,000 rows, and how they are read."""

    reference: I64
    current: I64
    plan: I64
    edges: F64
    widths: F64
    sums: I64
    extremes: F64
    scale: F64

    @staticmethod
    def make() -> Feature:
        """Normal values moved by a fifth of a deviation, over the reference's own 1/32 quantiles."""
        rng = np.random.default_rng(5)
        before, after = rng.normal(size=10_000), rng.normal(0.2, 1.0, size=2000)
        edges = np.quantile(before, np.arange(1, CELLS) / CELLS)
        lanes = []
        for values in (before, after):
            counted = np.zeros(FIRST_CELL + CELLS, np.int64)
            cells = np.searchsorted(edges, values, side="right")
            counted[FIRST_CELL:] = np.bincount(cells, minlength=CELLS)
            lanes.append(counted)
        ends = np.ones(CELLS, np.int64)
        ends[1:25:2] = 0  # 20 bins
        unit, sums = unit_for(1.0, 0.0), np.zeros(4, np.int64)
        fill_sums(after, 0.0, unit, sums)
        return Feature(
            lanes[0],
            lanes[1],
            np.array([np.arange(CELLS), ends]),
            edges,
            np.r_[0.0, np.diff(edges), 0.0],
            sums,
            np.array([after.min(), after.max()]),
            np.array([0.0, unit, -5.0, 5.0]),
        )


def sizes_by_scipy(feature: Feature) -> dict[str, float]:
    """What the kernel gives, by numpy and scipy."""
    r, c = feature.reference[FIRST_CELL:], feature.current[FIRST_CELL:]
    starts = np.r_[0, np.flatnonzero(feature.plan[1])[:-1] + 1]
    rb, cb = np.add.reduceat(r, starts), np.add.reduceat(c, starts)
    q, p = (rb + 0.5) / (rb.sum() + 0.5 * rb.size), (cb + 0.5) / (cb.sum() + 0.5 * cb.size)
    table = np.array([rb, cb])
    chi_square = chi2_contingency(table, correction=False)[0]
    plain_q, plain_p = rb / rb.sum(), cb / cb.sum()
    gaps = np.cumsum(c) / c.sum() - np.cumsum(r) / r.sum()
    fine = np.linspace(feature.edges[0], feature.edges[-1], 2000)
    below = [np.interp(fine, feature.edges, np.cumsum(side)[:-1] / side.sum()) for side in (r, c)]
    # what lies outside of the edges counts at them: the weights of the points are the steps of the functions
    weights = [np.diff(np.r_[0.0, function, 1.0]) for function in below]
    points = np.r_[fine, fine[-1]]
    return {
        "PSI": float(np.sum((p - q) * np.log(p / q))),
        "KL": float(entropy(p, q)),
        "JS": float(jensenshannon(rb, cb, 2)) ** 2,
        "HELLINGER": float(np.linalg.norm(np.sqrt(plain_p) - np.sqrt(plain_q)) / math.sqrt(2.0)),
        "TOTAL_VARIATION": float(np.abs(plain_p - plain_q).sum() / 2.0),
        "CHI_SQUARE": float(chi_square),
        "G": float(chi2_contingency(table, correction=False, lambda_="log-likelihood")[0]),
        "CRAMERS_V": math.sqrt(chi_square / (r.sum() + c.sum())),
        "KS": float(np.abs(gaps).max()),
        "AREA": float(wasserstein_distance(points, points, *weights)),
        "LARGEST": float(np.abs(c / c.sum() - r / r.sum()).max()),
    }


def measured_by_kernel(feature: Feature) -> F64:
    """All sizes of a feature."""
    sizes = np.empty(effect.SIZES)
    measure_lanes(feature.reference, feature.current, feature.plan, feature.widths, 0.5, sizes)
    return sizes


def assert_effects() -> None:
    """Checks the kernel against numpy and scipy, and that moving the window changes every number."""
    feature = Feature.make()
    sizes = measured_by_kernel(feature)
    still = np.empty(effect.SIZES)
    measure_lanes(feature.reference, feature.reference, feature.plan, feature.widths, 0.5, still)
    moved = [still[getattr(effect, name)] < 1e-9 < sizes[getattr(effect, name)] for name in SHARED]
    assert_same("the shift changes every size", all(moved), True)
    if chi2_contingency is None:
        return
    for name, value in sizes_by_scipy(feature).items():
        found = sizes[getattr(effect, name)]
        bound = 1e-3 if name == "AREA" else 1e-12  # scipy's area is over 2,000 steps
        assert_same(f"measure_lanes: {name}", bool(math.isclose(found, value, rel_tol=bound)), True)


def effect_cases() -> Iterator[tuple[str, int, Callable[[], object]]]:
    """Name, number of features handled and call of each case."""
    feature, sizes, moments = Feature.make(), np.empty(effect.SIZES), np.empty(3)
    reference, current, plan, widths = feature.reference, feature.current, feature.plan, feature.widths

    def kernels_alone() -> None:
        measure_lanes(reference, current, plan, widths, 0.5, sizes)
        limited_moments(feature.sums, feature.extremes, feature.scale, moments)

    yield "measure_lanes (15 sizes)", 1, lambda: measure_lanes(reference, current, plan, widths, 0.5, sizes)
    yield "measure_lanes and limited_moments", 1, kernels_alone
    if chi2_contingency is not None:
        yield "  numpy and scipy: 11 of the sizes", 1, lambda: sizes_by_scipy(feature)
    yield from window_cases()
    shares, counts, bounds = np.full(4, 0.25), np.array([260, 244, 235, 261]), np.empty(2)
    yield "share_interval (always-valid)", 1, lambda: share_interval(37.0, 500.0, 0.05, 500.0, 0.05, bounds)
    yield "multinomial_log_e", 1, lambda: multinomial_log_e(counts, shares, 100.0)
    assert_same(
        "every size was written", bool(np.isfinite(sizes).all() and moments[shift.ROWS] == 2000), True
    )


def window_cases() -> Iterator[tuple[str, int, Callable[[], object]]]:
    """The same through `Comparison`, whose objects and dictionaries are Python."""
    rng = np.random.default_rng(6)
    specs = [FeatureSpec("f", "input", "numeric")]
    (known,) = learn_reference(specs, rng.normal(size=(10_000, 1)), [()])
    table = lane_table(specs, [known])
    pane = Pane.empty(0, 0, 1, table.lanes)
    pane.fill(table, rng.normal(0.2, 1.0, size=(2000, 1)))
    comparison = Comparison(known, 200)

    def window() -> Any:
        return comparison.measure(pane.counts[0], pane.sums[0], pane.extremes[0])

    effects = window()
    yield "Comparison.measure", 1, window
    yield "Effects.to_json (noise, intervals, shares)", 1, effects.to_json
