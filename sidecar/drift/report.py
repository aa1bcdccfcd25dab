"""Everything that is said about one (model, version, role) at one moment, frozen for other threads to
read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from kernels.binning import F64, I64
from kernels.lanes import FIRST_CELL, MISSING, NEG_INF, POS_INF, TYPE_ERROR
from kernels.moments import deviation, mean
from sidecar.drift.effects import Effects
from sidecar.drift.multivariate import JointEffects
from sidecar.drift.quantiles import quantiles_of
from sidecar.drift.univariate import Comparison, missing_ratio
from sidecar.drift.verdict import FeatureVerdict
from sidecar.profile.account import Account
from sidecar.profile.decay import DecayedSum
from sidecar.profile.feature import Role
from sidecar.profile.history import NS, ClosedPanes
from sidecar.profile.joint_window import ClosedJoint
from sidecar.profile.pane import Pane
from sidecar.profile.reference import FeatureReference
from sidecar.profile.snapshot import Layout
from sidecar.profile.table import finite

NO_SKETCH = np.zeros(0, dtype=np.int64)
NOTHING_CLOSED = ClosedPanes((), ())
NO_JOINT = ClosedJoint(None, ())


@dataclass(frozen=True, slots=True, eq=False)
class ModelReport:
    """Verdicts, and the sums that they rest on.

    Args:
        model: model's name.
        version: model's version.
        role: input or output.
        reference_id: of the reference file, or of what was learnt; None while learning.
        reference_rows: rows of the reference, or learnt so far.
        start_unix_s: begin of the window judged.
        end_unix_s: end of it: the time of the report.
        window: sums of the window judged, the open pane included; a copy.
        horizons: length in seconds and sums of every window; copies.
        verdicts: one a feature.
        features: one a feature; None while learning.
        comparisons: one a feature; None while learning.
        joint: what the features do together; None while learning, and when there is nothing to join.
        decayed: sums with halving weights, one for each half-life; copies.
        closed: the closed panes that are held, for snapshots.
        closed_joint: likewise, of what the features do together.
        account: likewise, of the alarm.
        layout: by which features they were counted; None while one is being learnt.
        river: what detectors of that library say, without guarantee.
    """

    model: str
    version: str | None
    role: Role
    reference_id: str | None
    reference_rows: int
    start_unix_s: float
    end_unix_s: float
    window: Pane
    horizons: tuple[tuple[float, Pane], ...]
    verdicts: tuple[FeatureVerdict, ...]
    features: tuple[FeatureReference | None, ...]
    comparisons: tuple[Comparison | None, ...]
    joint: JointEffects | None = None
    decayed: tuple[DecayedSum, ...] = ()
    closed: ClosedPanes = NOTHING_CLOSED
    closed_joint: ClosedJoint = NO_JOINT
    account: Account | None = None
    layout: Layout | None = None
    river: tuple[dict[str, Any], ...] = ()

    def drift_json(self) -> dict[str, Any]:
        """The body of `GET /api/v1/drift` for this role.

        Returns:
            Numbers, texts, lists and None only.
        """
        return {
            "model": self.model,
            "version": self.version,
            "reference": {"id": self.reference_id, "rows": self.reference_rows},
            "window": {
                "start_unix_s": self.start_unix_s,
                "end_unix_s": self.end_unix_s,
                "rows": self.window.rows,
            },
            "features": [verdict.to_json() for verdict in self.verdicts],
            "multivariate": {self.role: None if self.joint is None else self.joint.to_json()},
            **({"river": list(self.river)} if self.river else {}),
        }

    def feature_json(self, name: str) -> dict[str, Any] | None:
        """The body of `GET /api/v1/features/{name}`.

        The fields of the drift entry, and: `edges` (E borders of E + 1 cells) or `categories` ("other" and
        the K categories); `reference` and `current` with `rows`, `missing`, `type_error`, `pos_inf`,
        `neg_inf`, `counts` (one a cell) and, of numbers, `mean`, `sd`, `min`, `max` and approximate
        `quantiles`; `horizons` with the effect sizes in every window. While the feature's reference is
        being learnt, these are None or empty.

        Args:
            name: of a feature.

        Returns:
            Numbers, texts, lists and None only; None when no feature has this name.
        """
        for place, verdict in enumerate(self.verdicts):
            if verdict.spec.name == name:
                return {
                    "model": self.model,
                    "version": self.version,
                    **verdict.to_json(),
                    **self._histograms(place),
                }
        return None

    def _histograms(self, place: int) -> dict[str, Any]:
        feature, comparison = self.features[place], self.comparisons[place]
        if feature is None or comparison is None:
            return {
                "edges": None,
                "categories": None,
                "reference": None,
                "current": None,
                "horizons": [],
                "decayed": [],
            }
        lanes = self.window.counts[place, : feature.counts.size]
        numeric = feature.spec.kind == "numeric"
        return {
            "edges": feature.edges.tolist() if numeric else None,
            "categories": None if numeric else ["other", *feature.categories],
            "reference": _side(feature, feature.counts, feature.sums, feature.extremes, NO_SKETCH),
            "current": _side(
                feature,
                lanes,
                self.window.sums[place],
                self.window.extremes[place],
                self.window.sketches[place],
            ),
            "horizons": [_horizon(seconds, pane, place, comparison) for seconds, pane in self.horizons],
            "decayed": [_decayed(sums, place, feature.counts.size, comparison) for sums in self.decayed],
        }


def _side(feature: FeatureReference, lanes: I64, sums: I64, extremes: F64, sketch: I64) -> dict[str, Any]:
    cells = lanes[FIRST_CELL:].copy()
    fields: dict[str, Any] = {
        "rows": int(lanes.sum()),
        "missing": int(lanes[MISSING]),
        "type_error": int(lanes[TYPE_ERROR]),
        "pos_inf": int(lanes[POS_INF]),
        "neg_inf": int(lanes[NEG_INF]),
        "counts": cells.tolist(),
    }
    if feature.spec.kind == "categorical":
        return fields
    low, high = extremes.tolist()
    return {
        **fields,
        "mean": finite(mean(sums, feature.pivot, feature.unit)),
        "sd": finite(deviation(sums, feature.unit)),
        "min": finite(low),
        "max": finite(high),
        "quantiles": quantiles_of(feature, cells, extremes, sketch),
    }


def _horizon(seconds: float, pane: Pane, place: int, comparison: Comparison) -> dict[str, Any]:
    lanes = pane.counts[place]
    effects = comparison.measure(lanes, pane.sums[place], pane.extremes[place])
    return {"horizon_s": seconds, **_sizes(lanes, effects)}


def _decayed(sums: DecayedSum, place: int, lanes: int, comparison: Comparison) -> dict[str, Any]:
    """Sizes of as many equally weighted rows as the weights are worth."""
    counts = np.ascontiguousarray(sums.effective_counts()[place, :lanes])
    return {"half_life_s": sums.half_life_ns / NS, **_sizes(counts, comparison.measure(counts))}


def _sizes(lanes: I64, effects: Effects) -> dict[str, Any]:
    return {
        "rows": int(lanes.sum()),
        "missing_ratio": missing_ratio(lanes),
        **effects.to_json(),
    }
