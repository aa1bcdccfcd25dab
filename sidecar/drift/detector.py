"""The alarm: a tolerance e-detector over the rates of all features of one role.

Every (rate, side, alternative) is one stream of `kernels.sequential`, which states the guarantee; a feature's
value M is the weighted mean over its streams, and the streams of a rate of its own (`ExtraRate`) make a group
like a feature. The rule is e-d-BH (Dandapanthula and Ramdas 2025): with F groups and A panes, the k largest
drift if the k-th is at least F A / k, for the largest such k. Then the mean over the groups has reached A, so
without drift

    E[panes until the first alarm of this role] >= A

unless the reference itself is unlucky (5 %, sidecar.drift.rates). Inputs and outputs are judged apart; each
role gets half of the false alarms, A = 2 x false_alarm_days in panes, and the mean of the two roles' values
keeps the promise for the model.

**Rows that depend on each other.** Rows are taken as independent. The rows of one request are made so by
counting one of them (`sidecar.profile.units`); runs and sessions across requests by the design effect phi,
which divides successes, trials and reference rows. Since phi is estimated, the bound is then approximate.

**Workers and pods.** Streams depend on sums alone: the panes of several processes, added, give to the bit the
numbers of one process that saw it all. Pods that cannot add their panes may average their values M instead:
the mean of e-detectors is one, whatever the dependence between them, against the same threshold.

**Seasons.** With references by hour of the week, bands and gains are those of the hour in which a pane
begins; the streams go on through all hours. The bands of all hours share the 5 %.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np

from kernels.binning import F64, I64
from kernels.sequential import HIGHEST_CAP, advance_streams
from sidecar.drift.moved import Moved, name_move
from sidecar.drift.rates import ExtraRate, Rates, make_rates
from sidecar.drift.seasonal import SeasonalRates
from sidecar.drift.streams import ODDS as ODDS
from sidecar.drift.streams import make_sides
from sidecar.profile.reference import FeatureReference
from sidecar.profile.seasons import Seasons, hour_of_week

DETECTORS = 4  # of inputs and of outputs, drift and data quality: they share the false alarms of a model
HOURS_IN_USE = 3  # of what has closed, of open panes, and one between
CAP_MARGIN = 8.0  # nats above an alarm: weak panes do not end the state, some without drift do


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What the detector holds against each feature, and then each rate of its own: G groups.

    Args:
        log_e: ln M, shape (G,); -inf before the first rows.
        log_e_threshold: what ln M must reach at this moment; the same for all.
        moved: for each what moved; None unless it drifts.
        since_unix_s: begin of the pane from which the strongest stream of each has grown without a break,
            shape (G,); NaN before the first rows.
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
    """The A of one detector of a model.

    Args:
        false_alarm_days: fewest days between false alarms of a model, on average.
        pane_s: length of a pane in seconds.

    Returns:
        Panes.
    """
    return DETECTORS * false_alarm_days * 86_400.0 / pane_s


def threshold_of(log_e: F64, log_alarm: float) -> float:
    """ln(F A / k) for the largest k whose k-th largest value reaches it, and k = 1 when none does (e-d-BH).

    A feature below the k-th is below this as well: otherwise k + 1 would have passed.

    Args:
        log_e: ln M of each feature, shape (F,).
        log_alarm: ln(F A).

    Returns:
        What drifts has at least so much.
    """
    if log_e.max(initial=-np.inf) < log_alarm - math.log(max(1, log_e.size)):
        return log_alarm  # below ln A itself, where even k = F does not pass
    ranks = np.arange(1, log_e.size + 1)
    passed = np.sort(log_e)[::-1] >= log_alarm - np.log(ranks)
    largest = int(ranks[passed].max()) if passed.any() else 1
    return log_alarm - math.log(largest)


class Detector:
    """Evidence against each feature of one role.

    Args:
        features: F references; None for a feature whose reference is still being learnt.
        panes: A, see `false_alarm_panes`.
        tolerance: delta of sidecar.drift.rates.
        extra: X rates that are no lanes.
        phi: design effect of each feature, shape (F,), >= 1; all 1 when left out.
        reference_phi: the same of the reference's rows; those of traffic when left out.
        seasons: references by hour of the week; the features' own ones all week when left out.

    Attributes:
        n_groups: G, features and rates of their own.
        rates: what is watched, with the bands of the whole reference.
        sides: the ends of bands that the streams belong to.
        gains: of the bands in force, shape (D, K, 2).
        values: M of every stream, shape (D, K): the state, with what follows only explaining it.
        began_unix_s: from which pane each group's strongest stream has grown without a break, shape (G,).
        drift_since_unix_s: the same, kept from the alarm on while it holds, else NaN, shape (G,).
    """

    def __init__(
        self,
        features: Sequence[FeatureReference | None],
        panes: float,
        tolerance: float,
        *,
        extra: Sequence[ExtraRate] = (),
        phi: Sequence[float] | None = None,
        reference_phi: Sequence[float] | None = None,
        seasons: Seasons | None = None,
    ) -> None:
        self.features = tuple(features)
        self.width = len(self.features)
        of_reference = phi if reference_phi is None else reference_phi
        self.rates = make_rates(features, tolerance, extra, of_reference)
        self.n_groups = self.rates.n_groups
        self._phi = self._of_rates(phi)
        self._seasonal = (
            None
            if seasons is None
            else SeasonalRates(self.rates, self._of_rates(of_reference), features, seasons)
        )
        self._hours: dict[int, tuple[Rates, F64]] = {}  # shared with forks
        self.sides = make_sides(self.rates, all_of_them=seasons is not None)
        self.gains = self.sides.gains(self.rates, self._phi)
        self._log_alarm = math.log(max(self.n_groups, 1) * max(panes, 1.0))
        self._log_cap = min(self._log_alarm + CAP_MARGIN, HIGHEST_CAP)
        self._layout = (self.sides.rate_of, self.sides.starts, self.sides.weights(self.rates))
        self.values = np.zeros(self.gains.shape[:2])
        self.began_unix_s = np.full(self.n_groups, np.nan)
        self.drift_since_unix_s = np.full(self.n_groups, np.nan)
        self._since = np.zeros((self.rates.shares.size, 3))  # successes, trials and expected successes

    @property
    def n_streams(self) -> int:
        return int(self.values.size)

    @property
    def log_m(self) -> F64:
        """Ln M of every stream, shape (S,); -inf before the first trials."""
        with np.errstate(divide="ignore"):
            return np.log(self.values.reshape(-1))

    @property
    def log_mean(self) -> F64:
        """Ln M of every group after the last pane, shape (G,); -inf before the first trials."""
        rate_of, _, weights = self._layout
        held = weights * self.values.mean(axis=1)
        groups = self.rates.groups[rate_of]
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(np.bincount(groups, weights=held, minlength=self.n_groups)))

    def advance(self, counts: I64, start_unix_s: float, extra: F64 | None = None) -> None:
        """Takes in a closed pane.

        Args:
            counts: shape (F, L), int64.
            start_unix_s: begin of the pane.
            extra: successes and trials of the extra rates, shape (X, 2), 0 <= successes <= trials.

        Raises:
            ShapeMismatch: "rates: expected extra tallies of (2, 2), got (1, 2)".
        """
        log_e = self._take(counts, start_unix_s, extra)
        drifting = log_e >= threshold_of(log_e, self._log_alarm)
        fresh = np.isnan(self.drift_since_unix_s)
        self.drift_since_unix_s[drifting & fresh] = self.began_unix_s[drifting & fresh]
        self.drift_since_unix_s[~drifting] = np.nan

    def evidence(
        self,
        open_counts: I64,
        open_start_unix_s: float,
        extra: F64 | None = None,
        extremes: F64 | None = None,
    ) -> Evidence:
        """The evidence up to now, the rows of the open pane included.

        Args:
            open_counts: counts of the open pane, shape (F, L), int64.
            open_start_unix_s: its begin.
            extra: successes and trials of the extra rates in it, shape (X, 2).
            extremes: smallest and largest value of each feature lately, shape (F, 2); they close the outer
                cells when a quantile's new value is read off.

        Returns:
            The evidence; the detector itself does not change.

        Raises:
            ShapeMismatch: as `advance`.
        """
        looked = self.fork()
        log_e = looked._take(open_counts, open_start_unix_s, extra)
        threshold = threshold_of(log_e, self._log_alarm)
        moved: list[Moved | None] = [None] * self.n_groups
        for group in np.flatnonzero(log_e >= threshold).tolist():
            moved[group] = looked._moved(group, extremes)
        kept = np.isnan(self.drift_since_unix_s)
        return Evidence(
            log_e=log_e,
            log_e_threshold=threshold,
            moved=tuple(moved),
            since_unix_s=np.where(kept, looked.began_unix_s, self.drift_since_unix_s),
        )

    def fork(self) -> Detector:
        """A detector that goes its own way from here.

        Returns:
            One with the same evidence; what does not change is shared.
        """
        other = copy(self)
        for name in _STATE:
            setattr(other, name, getattr(self, name).copy())
        return other

    def take_over(self, older: Detector, places: Mapping[int, int] | None = None) -> None:
        """Goes on from a detector of the same features, of which some were not watched yet.

        Args:
            older: with the same or fewer features watched, the others having the same references.
            places: where a feature was in it, by its place now; the same when left out.
        """
        for feature, place in (places or dict(enumerate(range(self.width)))).items():
            source, target = older._sides_of(place), self._sides_of(feature)
            if older.values[source].shape == self.values[target].shape:
                self.values[target] = older.values[source]
                self._since[self.rates.groups == feature] = older._since[older.rates.groups == place]
                self.began_unix_s[feature] = older.began_unix_s[place]
                self.drift_since_unix_s[feature] = older.drift_since_unix_s[place]

    def pool(self, others: Sequence[Detector]) -> None:
        """Takes the mean of detectors that saw different rows, which is an e-detector too.

        Args:
            others: of the same features and terms, at least one. What only explains the evidence is that of
                the one that holds most against a feature, and since when the first of them has drifted.
        """
        self.values[:] = np.mean([other.values for other in others], axis=0)
        self._since[:] = np.sum([other._since for other in others], axis=0)
        strongest = np.argmax([other.log_mean for other in others], axis=0)
        for group, which in enumerate(strongest.tolist()):
            self.began_unix_s[group] = others[which].began_unix_s[group]
        since = np.stack([other.drift_since_unix_s for other in others])
        earliest = np.min(np.where(np.isnan(since), np.inf, since), axis=0)
        self.drift_since_unix_s[:] = np.where(np.isinf(earliest), np.nan, earliest)

    def to_state(self) -> dict[str, Any]:
        """The evidence for a checkpoint.

        Returns:
            Bytes by name; `restore` goes on without changing a number.
        """
        return {name.strip("_"): getattr(self, name).astype("<f8").tobytes() for name in _STATE}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes on from a checkpoint.

        Args:
            state: from `to_state` of a detector made of the same.

        Raises:
            KeyError, ValueError: it is of another shape.
        """
        for name in _STATE:
            present: F64 = getattr(self, name)
            present[:] = np.frombuffer(state[name.strip("_")], dtype="<f8").reshape(present.shape)

    def _of_rates(self, phi: Sequence[float] | None) -> F64:
        """Each rate's design effect; rates of their own have none."""
        of_group = np.ones(self.n_groups)
        if phi is not None:
            of_group[: self.width] = phi
        return of_group[self.rates.groups]

    def _sides_of(self, group: int) -> slice:
        return slice(int(self.sides.starts[group]), int(self.sides.starts[group + 1]))

    def _take(self, counts: I64, start_unix_s: float, extra: F64 | None) -> F64:
        """Moves the streams on in place; gives ln M of every group."""
        tallies = self.rates.tally(counts, extra)
        rates = self._rates_at(start_unix_s)
        found = np.empty((self.n_groups, 2))
        advance_streams(tallies, self._layout, self.gains, self._log_cap, self.values, found)
        afresh = np.isfinite(found[:, 0]) & (found[:, 1] <= 1.0)
        self.began_unix_s = np.where(afresh, start_unix_s, self.began_unix_s)
        self._since[afresh[rates.groups]] = 0.0
        self._since[:, :2] += tallies
        self._since[:, 2] += tallies[:, 1] * rates.shares
        return found[:, 0].copy()

    def _rates_at(self, start_unix_s: float) -> Rates:
        """The rates of the hour, and its gains in force."""
        if self._seasonal is None:
            return self.rates
        hour = hour_of_week(start_unix_s)
        if hour not in self._hours:
            while len(self._hours) >= HOURS_IN_USE:
                del self._hours[next(iter(self._hours))]
            rates = self._seasonal.at(hour)
            self._hours[hour] = rates, self.sides.gains(rates, self._phi)
        rates, self.gains = self._hours[hour]
        return rates

    def _moved(self, group: int, extremes: F64 | None) -> Moved:
        """What the strongest stream says; of equals the first, which is the sharpest alternative."""
        sides = np.arange(self.sides.starts[group], self.sides.starts[group + 1])
        strength = self.values[sides].max(axis=1)
        side = int(sides[np.argmax(strength)])
        rate = int(self.sides.rate_of[side])
        is_position = rate in self.rates.positions.at
        if is_position or rate in self.rates.spreads:  # say not where: the quantile that went farthest does
            along = self.rates.is_quantile[self.sides.rate_of[sides]]
            if is_position:
                along = along & (self.sides.rises[sides] != self.sides.rises[side])
            if along.any():
                side = int(sides[along][np.argmax(strength[along])])
                rate = int(self.sides.rate_of[side])
        feature = self.features[group] if group < self.width else None
        reach = None if extremes is None or group >= self.width else extremes[group]
        return name_move(self.rates, rate, bool(self.sides.rises[side]), self._since, feature, reach)


_STATE = ("values", "began_unix_s", "drift_since_unix_s", "_since")
