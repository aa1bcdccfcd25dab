"""How two references differ: `sidecar reference diff A B`.

The effect sizes compare B's counts, brought onto A's cells, with A's. Categories and missing values carry
over exactly. A numeric feature has edges of its own on either side, and B's distribution function at A's
edges is known only to lie between its values at the nearest edges of B. Between those it is taken linear;
with atoms, where that would show differences that are none, as near to A's as the histogram of B allows, so
the sizes are then the least possible ones.

The state is a test of two fixed samples with the alarm's own null: `drift` when some rate of B lies outside
A's band (tolerance and A's sampling error, sidecar.drift.rates) by more than B's sampling error and by more
than the interpolation leaves open. Both errors together say `drift` without reason for at most 10 % of pairs,
over all features.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from kernels.binning import F64, I64
from kernels.lanes import FIRST_CELL, MISSING, TYPE_ERROR
from sidecar.drift.effects import NO_EFFECTS, Effects
from sidecar.drift.moved import Moved
from sidecar.drift.rates import REFERENCE_RISK, chernoff_bound, make_rates
from sidecar.drift.univariate import Comparison, missing_ratio
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.reference import FeatureReference, Reference

MIN_ROWS = 200
COLUMNS = ("feature", "kind", "state", "psi", "critical", "js", "ks", "wasserstein", "missing", "moved")


@dataclass(frozen=True, slots=True)
class Difference:
    """One feature in two references.

    Args:
        spec: the feature.
        state: `only_in_a` and `only_in_b` also when the kinds differ.
        rows: of A and of B.
        missing_ratios: of A and of B.
        effects: all None when it is in one of them only or has too few values.
        moved: where B lies farthest outside A's band; None unless drift.
    """

    spec: FeatureSpec
    state: str
    rows: tuple[int, int]
    missing_ratios: tuple[float | None, float | None]
    effects: Effects
    moved: Moved | None

    def to_json(self) -> dict[str, Any]:
        """The difference as JSON.

        Returns:
            Numbers, texts, lists and None only.
        """
        effects = self.effects
        moved = self.moved
        return {
            "name": self.spec.name,
            "role": self.spec.role,
            "kind": self.spec.kind,
            "state": self.state,
            "rows": list(self.rows),
            "missing_ratio": list(self.missing_ratios),
            "psi": effects.psi,
            "psi_debiased": effects.psi_debiased,
            "psi_critical": effects.psi_critical,
            "js_distance": effects.js_distance,
            "ks": effects.ks,
            "wasserstein": effects.wasserstein,
            "moved": None if moved is None else {"at": moved.at, "direction": moved.direction},
        }

    def row(self) -> tuple[str, ...]:
        """The difference as texts under `COLUMNS`.

        Returns:
            As many texts as `COLUMNS`; "" where a column does not apply.
        """
        effects = self.effects
        numbers = (effects.psi, effects.psi_critical, effects.js_distance, effects.ks, effects.wasserstein)
        missing = " -> ".join("" if ratio is None else f"{ratio:.2%}" for ratio in self.missing_ratios)
        moved = "" if self.moved is None else f"{self.moved.at} {self.moved.direction}"
        texts = ("" if number is None else f"{number:.4f}" for number in numbers)
        return (self.spec.name, self.spec.kind, self.state, *texts, missing, moved)


def compare_references(a: Reference, b: Reference, *, tolerance: float = 0.01) -> tuple[Difference, ...]:
    """Differences of all features, in A's order and then those of B only.

    Args:
        a: compared against.
        b: judged.
        tolerance: change of a share at the median that does not count, as in the configuration.

    Returns:
        One for each feature of either.
    """
    there = {(feature.spec.name, feature.spec.kind): feature for feature in b.features}
    pairs = [(feature, there.pop((feature.spec.name, feature.spec.kind), None)) for feature in a.features]
    level = _level([feature for feature, other in pairs if other is not None])
    found = [
        _alone(feature, "only_in_a") if other is None else _difference(feature, other, tolerance, level)
        for feature, other in pairs
    ]
    return (*found, *(_alone(feature, "only_in_b") for feature in there.values()))


def _level(features: list[FeatureReference]) -> float:
    """L of Chernoff's bound for B: every rate and side of all features, 5 % together."""
    n_rates = sum(feature.cells.size + 1 for feature in features)
    return math.log(2.0 * max(1, n_rates) / REFERENCE_RISK)


def _alone(feature: FeatureReference, state: str) -> Difference:
    ratio = missing_ratio(feature.counts)
    here = state == "only_in_a"
    return Difference(
        feature.spec,
        state,
        (feature.rows, 0) if here else (0, feature.rows),
        (ratio, None) if here else (None, ratio),
        NO_EFFECTS,
        None,
    )


def _difference(a: FeatureReference, b: FeatureReference, tolerance: float, level: float) -> Difference:
    least, likely, most = _carried(a, b)
    moved = _moved(a, least, most, tolerance, level) if a.rows and b.rows else None
    return Difference(
        spec=a.spec,
        state="ok" if moved is None else "drift",
        rows=(a.rows, b.rows),
        missing_ratios=(missing_ratio(a.counts), missing_ratio(b.counts)),
        effects=Comparison(a, MIN_ROWS).measure(likely),
        moved=moved,
    )


def _moved(a: FeatureReference, least: I64, most: I64, tolerance: float, level: float) -> Moved | None:
    rates = make_rates([a], tolerance)
    low, trials = rates.count(least[None, :])
    high, _ = rates.count(most[None, :])
    rows = np.maximum(trials, 1.0)
    surely_above = 1.0 - chernoff_bound(1.0 - low / rows, rows, level) - rates.upper
    surely_below = rates.lower - chernoff_bound(high / rows, rows, level)
    beyond = np.where(trials > 0, np.maximum(surely_above, surely_below), -1.0)
    beyond[rates.positions.at] = beyond[rates.spreads] = -1.0  # the edges say it
    place = int(np.argmax(beyond))
    if beyond[place] <= 0.0:
        return None
    up = bool(surely_above[place] >= surely_below[place]) != bool(rates.is_quantile[place])
    return Moved(rates.places[place], "up" if up else "down")


def _carried(a: FeatureReference, b: FeatureReference) -> tuple[I64, I64, I64]:
    """B's lanes in A's layout, such that the values below each edge are fewest, likely and most."""
    if a.spec.kind == "categorical":
        lanes = np.zeros(a.counts.size, dtype=np.int64)
        lanes[[MISSING, TYPE_ERROR]] = b.counts[[MISSING, TYPE_ERROR]]
        codes = {text: code for code, text in enumerate(a.categories, 1)}
        for text, count in zip(("", *b.categories), b.cells.tolist(), strict=True):
            lanes[FIRST_CELL + codes.get(text, 0)] += count
        return lanes, lanes, lanes
    below = np.concatenate([[0], np.cumsum(b.cells)]).astype(np.float64)  # values below each edge of B
    finite = below[-1]
    inner = below[1:-1]
    left = np.searchsorted(b.edges, a.edges, side="right")
    right = np.searchsorted(b.edges, a.edges, side="left")
    fewest = np.concatenate([[0.0], inner])[left]
    most = np.concatenate([inner, [finite]])[right]
    likely = np.clip(_likely(a, b, below), fewest, most)
    return _lanes(b, fewest, finite), _lanes(b, likely, finite), _lanes(b, most, finite)


def _likely(a: FeatureReference, b: FeatureReference, below: F64) -> F64:
    """B's values below each of A's edges, if they lie evenly in B's cells or, with atoms, as they do in A."""
    finite = below[-1]
    if a.edges.size == 0 or finite == 0.0:
        return np.zeros(a.edges.size)
    if _has_atoms(a) or _has_atoms(b):
        return np.asarray(np.cumsum(a.cells)[:-1] * (finite / max(1, int(a.cells.sum()))), dtype=np.float64)
    low, high = b.extremes.tolist()
    with np.errstate(over="ignore"):  # behind the greatest number there is only infinity
        behind = np.nextafter(high, np.inf)
    points = np.concatenate([[low], np.clip(b.edges, low, high), [behind]])
    return np.asarray(np.interp(a.edges, points, below), dtype=np.float64)


def _has_atoms(feature: FeatureReference) -> bool:
    edges = feature.edges
    with np.errstate(over="ignore"):
        return bool(edges.size > 1 and np.diff(edges).min() < 1e-6 * (edges[-1] - edges[0]))


def _lanes(b: FeatureReference, below: F64, finite: float) -> I64:
    cells = np.diff(np.rint(below), prepend=0.0, append=finite).astype(np.int64)
    lanes = np.zeros(FIRST_CELL + cells.size, dtype=np.int64)
    lanes[FIRST_CELL:] = cells
    lanes[:FIRST_CELL] = b.counts[:FIRST_CELL]
    return lanes
