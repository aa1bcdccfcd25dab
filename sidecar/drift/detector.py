"""The alarm: a tolerance e-detector over the rates of all features of one role.

Every (rate, side, alternative) is one stream of `kernels.sequential`, which states the guarantee. The
alternatives are odds ratios beyond the band: 1.05 finds small lasting changes, 4 a jump within one pane. A
feature's value M is the mean over its streams. The rule is e-d-BH (Dandapanthula and Ramdas 2025): with F
features and A panes, the k largest drift if the k-th is at least F A / k, for the largest such k. Then the
mean over the features has reached A, so without drift

    E[panes until the first alarm of this role] >= A

unless the reference itself is unlucky (5 %, sidecar.drift.rates). Inputs and outputs are judged apart; each
role gets half of the false alarms, A = 2 x false_alarm_days in panes, and the mean of the two roles' values
keeps the promise for the model.

Rows are taken as independent of each other. Rows that come in copies or in runs make every detector too
eager.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from typing import Literal

import numpy as np

from kernels.binning import F64, I64
from kernels.sequential import advance_streams, fill_log_means, lower_to_cap
from sidecar.drift.rates import Rates, make_rates
from sidecar.profile.reference import FeatureReference

ODDS = (4.0, 2.0, 1.4, 1.2, 1.1, 1.05)
ROLES = 2  # inputs and outputs share the false alarms of a model
CAP_MARGIN = 8.0  # nats above an alarm: weak panes do not end the state, some without drift do
LEAST_RATE = 1e-12

Direction = Literal["up", "down"]


@dataclass(frozen=True, slots=True)
class Moved:
    """The strongest evidence of one feature.

    Args:
        at: "q0.95", "category=JFK", "other" or "missing".
        direction: the way that quantile, share or ratio went.
    """

    at: str
    direction: Direction


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What the detector holds against each feature.

    Args:
        log_e: ln M, shape (F,); -inf before the first rows.
        log_e_threshold: what ln M must reach at this moment; the same for all features.
        moved: per feature; None before the first rows.
        since_unix_s: per feature the begin of the pane from which its strongest stream has grown without a
            break; NaN before the first rows.
    """

    log_e: F64
    log_e_threshold: float
    moved: tuple[Moved | None, ...]
    since_unix_s: F64

    def drifted(self, feature: int) -> bool:
        """Whether the alarm holds for a feature.

        Args:
            feature: its place.

        Returns:
            `log_e >= log_e_threshold`.
        """
        return bool(self.log_e[feature] >= self.log_e_threshold)


def false_alarm_panes(false_alarm_days: float, pane_s: float) -> float:
    """The A of one role.

    Args:
        false_alarm_days: fewest days between false alarms of a model, on average.
        pane_s: length of a pane in seconds.

    Returns:
        Panes.
    """
    return ROLES * false_alarm_days * 86_400.0 / pane_s


class Detector:
    """Evidence against each feature of one role.

    Args:
        features: F references; None for a feature whose reference is still being learnt.
        panes: A, see `false_alarm_panes`.
        tolerance: delta of sidecar.drift.rates.
    """

    def __init__(self, features: Sequence[FeatureReference | None], panes: float, tolerance: float) -> None:
        self.width = len(features)
        self._rates = make_rates(features, tolerance)
        self._rate_of, self._rises, self._gains = _streams(self._rates)
        self._starts = np.searchsorted(self._rates.features[self._rate_of], np.arange(self.width + 1)).astype(
            np.int64
        )
        self._log_alarm = math.log(max(self.width, 1) * max(panes, 1.0))
        self._log_cap = self._log_alarm + CAP_MARGIN
        self.log_m = np.full(self._rate_of.size, -np.inf)
        self.began_unix_s = np.full(self._rate_of.size, np.nan)
        self.drift_since_unix_s = np.full(self.width, np.nan)

    @property
    def n_streams(self) -> int:
        return int(self.log_m.size)

    def advance(self, counts: I64, start_unix_s: float) -> None:
        """Takes in a closed pane.

        Args:
            counts: shape (F, L), int64.
            start_unix_s: begin of the pane.
        """
        self.began_unix_s = self._began(start_unix_s)
        log_e = self._advance(self.log_m, counts)
        threshold = self._threshold(log_e)
        for feature in range(self.width):
            if log_e[feature] < threshold:
                self.drift_since_unix_s[feature] = np.nan
            elif np.isnan(self.drift_since_unix_s[feature]):
                leader = self._leader(self.log_m, feature)
                self.drift_since_unix_s[feature] = np.nan if leader is None else self.began_unix_s[leader]

    def evidence(self, open_counts: I64, open_start_unix_s: float) -> Evidence:
        """The evidence up to now, the rows of the open pane included.

        Args:
            open_counts: counts of the open pane, shape (F, L), int64.
            open_start_unix_s: its begin.

        Returns:
            The evidence; the detector itself does not change.
        """
        log_m = self.log_m.copy()
        log_e = self._advance(log_m, open_counts)
        began = self._began(open_start_unix_s)
        leaders = [self._leader(log_m, feature) for feature in range(self.width)]
        since = np.array([np.nan if leader is None else began[leader] for leader in leaders])
        return Evidence(
            log_e=log_e,
            log_e_threshold=self._threshold(log_e),
            moved=tuple(None if leader is None else self._moved(leader) for leader in leaders),
            since_unix_s=np.where(np.isnan(self.drift_since_unix_s), since, self.drift_since_unix_s),
        )

    def fork(self) -> Detector:
        """A detector that goes its own way from here.

        Returns:
            One with the same evidence; what does not change is shared.
        """
        other = copy(self)
        other.log_m = self.log_m.copy()
        other.began_unix_s = self.began_unix_s.copy()
        other.drift_since_unix_s = self.drift_since_unix_s.copy()
        return other

    def take_over(self, older: Detector) -> None:
        """Goes on from a detector of the same features, of which some were not watched yet.

        Args:
            older: with the same or fewer features watched, the others having the same references.
        """
        for feature in range(self.width):
            source, target = older._streams_of(feature), self._streams_of(feature)
            if older.log_m[source].size == self.log_m[target].size:
                self.log_m[target] = older.log_m[source]
                self.began_unix_s[target] = older.began_unix_s[source]
                self.drift_since_unix_s[feature] = older.drift_since_unix_s[feature]

    def _streams_of(self, feature: int) -> slice:
        return slice(int(self._starts[feature]), int(self._starts[feature + 1]))

    def _advance(self, log_m: F64, counts: I64) -> F64:
        """Moves the streams on in place; gives ln M of every feature."""
        successes, trials = self._rates.count(counts)
        advance_streams(successes, trials, self._rate_of, self._gains, log_m)
        log_e = np.empty(self.width)
        fill_log_means(log_m, self._starts, log_e)
        lower_to_cap(log_m, self._starts, self._log_cap, log_e)
        return log_e

    def _began(self, start_unix_s: float) -> F64:
        """A stream at or below ln M = 0 starts afresh with the next pane."""
        return np.where(self.log_m <= 0.0, start_unix_s, self.began_unix_s)

    def _threshold(self, log_e: F64) -> float:
        """ln(F A / k) for the largest k whose k-th largest value reaches it, and k = 1 when none does.

        A feature below the k-th is below this as well: otherwise k + 1 would have passed.
        """
        ranks = np.arange(1, self.width + 1)
        passed = np.sort(log_e)[::-1] >= self._log_alarm - np.log(ranks)
        largest = int(ranks[passed].max()) if passed.any() else 1
        return self._log_alarm - math.log(largest)

    def _leader(self, log_m: F64, feature: int) -> int | None:
        """The strongest stream; of equals the first, which is the sharpest alternative."""
        streams = self._streams_of(feature)
        if log_m[streams].max(initial=-np.inf) == -np.inf:
            return None
        return int(streams.start) + int(np.argmax(log_m[streams]))

    def _moved(self, stream: int) -> Moved:
        rate = int(self._rate_of[stream])
        up = bool(self._rises[stream])
        if self._rates.is_quantile[rate]:
            up = not up  # more values below an edge: it moved down
        return Moved(self._rates.places[rate], "up" if up else "down")


def _streams(rates: Rates) -> tuple[I64, I64, F64]:
    """Rate, side (1 = rises) and gains of every stream, those of one rate side by side."""
    rate_of: list[int] = []
    rises: list[int] = []
    gains: list[tuple[float, float]] = []
    for rate, (lower, upper) in enumerate(zip(rates.lower.tolist(), rates.upper.tolist(), strict=True)):
        for side, bound in ((1, upper), (0, 1.0 - lower)):
            if bound >= 1.0:
                continue  # the band reaches the end: there is nothing beyond
            null = max(bound, LEAST_RATE)
            for odds in ODDS:
                theta = odds * null / (1.0 - null + odds * null)
                hit, miss = math.log(theta / null), math.log((1.0 - theta) / (1.0 - null))
                rate_of.append(rate)
                rises.append(side)
                gains.append((hit, miss) if side else (miss, hit))
    return (
        np.array(rate_of, dtype=np.int64),
        np.array(rises, dtype=np.int64),
        np.array(gains, dtype=np.float64).reshape(-1, 2),
    )
