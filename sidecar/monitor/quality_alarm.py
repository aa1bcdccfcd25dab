"""The alarm for rates of data quality that are no lanes: out of range, constant, duplicate rows, shape.

Missing values, type errors and categories are lanes and watched with their feature. What is here has a
detector of its own with the same guarantee, over stretches of time of the same length, in the order of
arrival. A rate joins as soon as its share is known; the false alarms are shared by those that are watched or
will be, two of a numeric feature and two of whole rows and messages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from kernels.binning import F64
from sidecar.drift.detector import Detector, threshold_of
from sidecar.drift.rates import ExtraRate
from sidecar.profile.quality_evidence import QualityEvidence
from sidecar.quality.rates import QualityRate
from sidecar.quality.report import QualityVerdict

NS = 1_000_000_000
OF_VALUES = ("out_of_range",)
NO_EFFECTS: Mapping[str, tuple[float, float]] = MappingProxyType({})
WATCHED = ("out_of_range", "constant", "duplicate_rows", "shape")


@dataclass(frozen=True, slots=True)
class AlarmSettings:
    """What the configuration says about the alarm.

    Args:
        pane_ns: length of a pane.
        panes: A, as `sidecar.drift.detector.false_alarm_panes` gives it.
        tolerance: change of a share at the median that is never an alarm.
    """

    pane_ns: int
    panes: float
    tolerance: float


class QualityAlarm:
    """Evidence against the rates of one subject.

    Args:
        settings: of the configuration.
    """

    def __init__(self, settings: AlarmSettings) -> None:
        self._settings = settings
        self._known: dict[int, QualityRate] = {}
        self._groups: tuple[int, ...] = ()  # places of the rates that are watched, or will be
        self._effects: dict[int, tuple[float, float]] = {}
        self._places: list[int] = []
        self._counts = np.zeros((0, 1), dtype=np.int64)
        self._detector: Detector | None = None

    def use(
        self, rates: Sequence[QualityRate | None], effects: Mapping[str, tuple[float, float]] = NO_EFFECTS
    ) -> None:
        """Watches these rates from now on, those that were known before with the evidence against them.

        Args:
            rates: of a `QualityWatch`.
            effects: by feature, how many rows count as one: of traffic, and of the reference (>= 1; 1 for
                those left out). Rates of blocks and messages count these, whatever their rows are worth.
        """
        groups = tuple(place for place, rate in enumerate(rates) if rate and rate.name in WATCHED)
        known = {place: rate for place in groups if (rate := rates[place]) and _is_known(rate)}
        worth = {place: _effects_of(rate, effects) for place, rate in known.items()}
        if (known, worth, groups) == (self._known, self._effects, self._groups):
            return
        group_of = {place: group for group, place in enumerate(groups)}
        extra = [
            ExtraRate(
                rate.name,
                rate.reference_share or 0.0,
                max(1.0, rate.reference_rows / worth[place][1]),
                feature=group_of[place],
            )
            for place, rate in known.items()
        ]
        settings, older, before = self._settings, self._detector, self._effects
        nothing_of_lanes = [None] * len(groups)
        phi = [worth[place][0] if place in worth else 1.0 for place in groups]
        self._detector = Detector(nothing_of_lanes, settings.panes, settings.tolerance, extra=extra, phi=phi)
        # Evidence of rows that were taken for more than they are worth is none
        if older is not None and all(worth.get(place) == effect for place, effect in before.items()):
            was = {group_of[place]: group for group, place in enumerate(self._groups) if place in group_of}
            self._detector.take_over(older, was)
        self._known, self._places, self._effects, self._groups = known, list(known), worth, groups
        self._counts = np.zeros((len(groups), 1), dtype=np.int64)

    def advance(self, tallies: F64, start_unix_ns: int) -> None:
        """Takes in a closed pane.

        Args:
            tallies: successes and trials of every rate, shape (R, 2), float64.
            start_unix_ns: its begin.
        """
        if self._detector is not None:
            self._detector.advance(self._counts, start_unix_ns / NS, tallies[self._places])

    def verdicts(self, tallies: F64, start_unix_ns: int) -> dict[int, QualityVerdict]:
        """What is known of the rates, the open pane included.

        Args:
            tallies, start_unix_ns: of the open pane, as `advance` takes them.

        Returns:
            By the rate's place, for those that are watched.
        """
        if self._detector is None:
            return {}
        evidence = self._detector.evidence(self._counts, start_unix_ns / NS, tallies[self._places])
        found = {}
        for group, place in enumerate(self._groups):
            if place not in self._known:
                continue
            drifted = evidence.drifted(group)
            log_e = float(evidence.log_e[group])
            found[place] = QualityVerdict(
                state="violated" if drifted else "ok",
                log_e=log_e if np.isfinite(log_e) else None,
                log_e_threshold=evidence.log_e_threshold,
                since_unix_s=float(evidence.since_unix_s[group]) if drifted else None,
            )
        return found

    def evidence(self, rates: int) -> tuple[float, F64]:
        """What is held against the rates, without the open pane.

        Args:
            rates: how many there are.

        Returns:
            A, and ln M of each, shape (R,): -inf before its first trials, NaN of one that is not watched and
            will not be.
        """
        log_e = np.full(rates, np.nan)
        if self._detector is not None:
            log_e[list(self._groups)] = self._detector.log_mean
        return self._settings.panes, log_e

    def to_state(self) -> dict[str, Any]:
        """The evidence for a checkpoint.

        Returns:
            Bytes by name; empty while nothing is watched.
        """
        return {} if self._detector is None else self._detector.to_state()

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from a checkpoint, the same rates being watched.

        Args:
            state: from `to_state`.

        Raises:
            KeyError, ValueError: it is of other rates.
        """
        if self._detector is not None:
            self._detector.restore(state)


def fleet_verdicts(told: Sequence[QualityEvidence]) -> dict[int, QualityVerdict]:
    """What the mean of several monitors' evidence says.

    Args:
        told: of those that are there.

    Returns:
        By the rate's place, for those that are watched.
    """
    if not told:
        return {}
    known = np.stack([one.log_e for one in told])
    watched = np.flatnonzero(~np.isnan(known).all(axis=0))
    shares = np.exp(np.where(np.isnan(known), -np.inf, known)[:, watched])
    with np.errstate(divide="ignore"):
        log_e = np.log(shares.mean(axis=0))
    panes = max(one.panes for one in told)
    threshold = threshold_of(log_e, float(np.log(max(1, watched.size) * max(1.0, panes))))
    return {
        int(place): QualityVerdict(
            state="violated" if value >= threshold else "ok",
            log_e=float(value) if np.isfinite(value) else None,
            log_e_threshold=threshold,
            since_unix_s=None,
        )
        for place, value in zip(watched, log_e, strict=True)
    }


def _effects_of(rate: QualityRate, effects: Mapping[str, tuple[float, float]]) -> tuple[float, float]:
    if rate.name not in OF_VALUES or rate.feature is None:
        return 1.0, 1.0
    return effects.get(rate.feature, (1.0, 1.0))


def _is_known(rate: QualityRate) -> bool:
    return rate.reference_share is not None and rate.reference_rows > 0
