"""What is said about one feature: a state, its numbers and what moved."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sidecar.drift.detector import Evidence
from sidecar.drift.effects import NO_EFFECTS, Effects
from sidecar.drift.moved import Moved
from sidecar.drift.univariate import Comparison, missing_ratio
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.pane import Pane

State = Literal["ok", "drift", "not_enough_data"]


@dataclass(frozen=True, slots=True)
class FeatureVerdict:
    """One feature's verdict for the window judged.

    Args:
        spec: the feature.
        rows: rows of the window in which it could be counted.
        missing_ratio: 0 to 1; None without rows.
        state: `drift` if and only if `log_e >= log_e_threshold`.
        effects: sizes, each None with fewer present values than it needs.
        log_e: evidence; None before the first rows.
        log_e_threshold: what it takes.
        moved: where the evidence is strongest; None unless drift.
        since_unix_s: estimated begin of the change; None unless drift.
    """

    spec: FeatureSpec
    rows: int
    missing_ratio: float | None
    state: State
    effects: Effects
    log_e: float | None
    log_e_threshold: float
    moved: Moved | None
    since_unix_s: float | None

    def number(self, statistic: str) -> float | None:
        """One of the numbers that are exported.

        Args:
            statistic: a field of `Effects`, or "log_e".

        Returns:
            The number; None where there is too little to say.
        """
        number: float | None = self.log_e if statistic == "log_e" else getattr(self.effects, statistic)
        return number

    def to_json(self) -> dict[str, Any]:
        """The entry of `GET /api/v1/drift`.

        `effects` has each size with `critical` (exceeded in 1 % of windows without drift), `interval` (95 %),
        `detectable` (seen in 80 % of such windows) and `least_rows`; `chi_square` a test for this one window;
        `rates` the shares of missing values, type errors, and new categories or values out of range.

        Returns:
            Numbers, texts, lists, dictionaries and None only.
        """
        moved = self.moved
        sizes = self.effects.to_json()
        return {
            "name": self.spec.name,
            "role": self.spec.role,
            "kind": self.spec.kind,
            "rows": self.rows,
            "missing_ratio": self.missing_ratio,
            "state": self.state,
            **sizes,
            "log_e": self.log_e,
            "log_e_threshold": self.log_e_threshold,
            "moved": None if moved is None else moved.to_json(),
            "since_unix_s": self.since_unix_s,
        }


def judge(
    specs: Sequence[FeatureSpec],
    comparisons: Sequence[Comparison | None],
    window: Pane,
    evidence: Evidence,
    min_rows: int,
) -> tuple[FeatureVerdict, ...]:
    """Verdicts of all features.

    Args:
        specs: F features.
        comparisons: for each its reference; None while that is being learnt.
        window: sums of the window judged.
        evidence: of the detector.
        min_rows: a feature with fewer rows in the window is `not_enough_data`, unless it drifts.

    Returns:
        One for each feature.
    """
    verdicts = []
    for place, (spec, comparison) in enumerate(zip(specs, comparisons, strict=True)):
        lanes = window.counts[place]
        moments = (window.sums[place], window.extremes[place])
        rows = int(lanes.sum())
        drifted = evidence.drifted(place)
        log_e = float(evidence.log_e[place])
        verdicts.append(
            FeatureVerdict(
                spec=spec,
                rows=rows,
                missing_ratio=missing_ratio(lanes),
                state="drift" if drifted else "not_enough_data" if rows < min_rows else "ok",
                effects=NO_EFFECTS if comparison is None else comparison.measure(lanes, *moments),
                log_e=log_e if math.isfinite(log_e) else None,
                log_e_threshold=evidence.log_e_threshold,
                moved=evidence.moved[place] if drifted else None,
                since_unix_s=float(evidence.since_unix_s[place]) if drifted else None,
            )
        )
    return tuple(verdicts)
