"""The alarm of a fleet: the detector over the panes of several monitors, added by their times.

From the moment on from which the panes of all monitors are told without a gap, the evidence is to the bit
that of one monitor that saw all rows. What came before is in their standings: M there is the mean of the
monitors' own, which is an e-detector as well, against the same threshold, whatever the dependence between
them. So the promise of `sidecar.drift.detector` holds from the first pane on. Which monitors are asked, and
when, must not depend on what they have seen.

Panes that are cut by rows begin when they do, and are taken in one after another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kernels.binning import F64, I64
from sidecar.drift.detector import Detector, Evidence
from sidecar.errors import BadSnapshot
from sidecar.profile.account import Account, Accounts, AlarmPane, Standing, Terms, Weighing
from sidecar.profile.damage import refusing
from sidecar.profile.lanes import lanes_of
from sidecar.profile.reference import FeatureReference

NS = 1_000_000_000


@dataclass(frozen=True, slots=True, eq=False)
class FleetAlarm:
    """Evidence of the monitors that weigh by the same terms.

    Args:
        origins: their names, rising.
        terms: by which they weigh.
        start_unix_ns: begin of the last pane before those that are added; 0 when all are.
        end_unix_ns: begin of the newest pane.
        evidence: against each feature.
    """

    origins: tuple[str, ...]
    terms: Terms
    start_unix_ns: int
    end_unix_ns: int
    evidence: Evidence


def fleet_alarms(
    features: Sequence[FeatureReference], told: Mapping[str, Accounts], extremes: F64 | None = None
) -> tuple[FleetAlarm, ...]:
    """Evidence of all monitors of a subject.

    Args:
        features: F references by which was counted.
        told: accounts by the monitor's name. Of one with several the one that reaches farthest counts.
        extremes: smallest and largest value of each feature lately, shape (F, 2).

    Returns:
        One for each terms in use: what is weighed differently cannot be added.

    Raises:
        BadSnapshot: a standing is of other features.
    """
    in_use: dict[str, dict[str, Account]] = {}
    for name in sorted(told):
        accounts = told[name]
        if accounts:
            terms_id = max(accounts, key=lambda terms: (accounts[terms].last, terms))
            in_use.setdefault(terms_id, {})[name] = accounts[terms_id]
    return tuple(_alarm(features, accounts, extremes) for _, accounts in sorted(in_use.items()))


@dataclass(frozen=True, slots=True, eq=False)
class _Tail:
    """Of one monitor the last standing and the panes behind it, in order."""

    standing: Standing
    panes: tuple[AlarmPane, ...]

    @property
    def end_unix_ns(self) -> int:
        return max((pane.start_unix_ns for pane in self.panes), default=self.standing.start_unix_ns)


def _alarm(
    features: Sequence[FeatureReference], accounts: Mapping[str, Account], extremes: F64 | None
) -> FleetAlarm:
    terms = next(iter(accounts.values())).terms
    weighing = terms.open()
    tails = [tail for account in accounts.values() if (tail := _tail(account)) is not None]
    start = max((tail.standing.start_unix_ns for tail in tails), default=0)
    end = max((tail.end_unix_ns for tail in tails), default=0)
    alive = [tail for tail in tails if tail.end_unix_ns >= start]
    with refusing(BadSnapshot, "evidence", "standings of these features"):
        fleet = _detector(features, weighing)
        if start > 0:
            fleet.pool([_own(fleet.fork(), tail, start) for tail in alive])
        behind = (pane for tail in alive for pane in tail.panes if pane.start_unix_ns > start)
        for start_unix_ns, counts in _added(behind):
            fleet.advance(counts, start_unix_ns / NS)
        lanes = lanes_of(categorical=any(feature.spec.kind == "categorical" for feature in features))
        nothing = np.zeros((len(features), lanes), dtype=np.int64)
        evidence = fleet.evidence(nothing, end / NS, extremes=extremes)
    return FleetAlarm(tuple(accounts), terms, start, end, evidence)


def _tail(account: Account) -> _Tail | None:
    if not account.standings:
        return None
    standing = account.standings[max(account.standings)]
    numbers = sorted(number for number in account.panes if number > standing.number)
    return _Tail(standing, tuple(account.panes[number] for number in numbers))


def _detector(features: Sequence[FeatureReference], weighing: Weighing) -> Detector:
    if len(weighing.effects) != len(features):
        raise ValueError(f"effects of {len(weighing.effects)} features")
    return Detector(
        features,
        weighing.panes,
        weighing.tolerance,
        phi=weighing.effects[:, 0].tolist(),
        reference_phi=weighing.effects[:, 1].tolist(),
        seasons=weighing.seasons,
    )


def _own(detector: Detector, tail: _Tail, until_unix_ns: int) -> Detector:
    """One monitor's detector as it was after the last of its panes up to a time."""
    if tail.standing.number > 0:
        detector.restore(tail.standing.state)
    for pane in tail.panes:
        if pane.start_unix_ns <= until_unix_ns:
            detector.advance(pane.counts.astype(np.int64), pane.start_unix_ns / NS)
    return detector


def _added(panes: Iterable[AlarmPane]) -> list[tuple[int, I64]]:
    """Begin and sum of the panes of each time, in order."""
    sums: dict[int, I64] = {}
    for pane in panes:
        held = sums.get(pane.start_unix_ns)
        if held is None:
            sums[pane.start_unix_ns] = pane.counts.astype(np.int64)
        else:
            held += pane.counts
    return sorted(sums.items())
