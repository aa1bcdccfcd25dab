"""Alarms of monitors that count two features, and what they tell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from kernels.binning import F64, I64
from sidecar.drift.detector import Detector
from sidecar.monitor.ledger import Ledger
from sidecar.profile.account import Account, AlarmPane, Standing, Terms, account_of
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.lanes import lane_table
from sidecar.profile.learning import learn_reference
from sidecar.profile.pane import Pane
from sidecar.profile.resting import narrow

NS = 1_000_000_000
PANE_S = 60
PANES = 1000.0
SPECS = [FeatureSpec("a", "input", "numeric"), FeatureSpec("b", "input", "numeric")]
FEATURES = learn_reference(SPECS, np.random.default_rng(1).normal(size=(5000, 2)), [(), ()])
TABLE = lane_table(SPECS, FEATURES)
EFFECTS = np.ones((2, 2))


def terms_of(effects: F64 = EFFECTS, seasons: bytes | None = None) -> Terms:
    """Terms of two features."""
    return Terms.of(PANES, 0.01, effects, seasons)


def detector_of(effects: F64 = EFFECTS) -> Detector:
    """A detector by these terms."""
    phi = [effects[:, side].tolist() for side in range(2)]
    return Detector(FEATURES, PANES, 0.01, phi=phi[0], reference_phi=phi[1])


def lanes_of(n: int, seed: int, shift: float = 0.0) -> I64:
    """Lanes of n rows of which the first feature is moved."""
    pane = Pane.empty(0, 0, 2, TABLE.lanes)
    pane.fill(TABLE, np.random.default_rng(seed).normal(size=(n, 2)) + np.array([shift, 0.0]))
    return pane.counts


def ledger_of(panes: Sequence[I64], most: int = 16, epoch: int = 1, begin: int = 0) -> Ledger:
    """The ledger of a monitor that has closed these panes, a minute each."""
    ledger = Ledger(detector_of(), most, epoch)
    for number, counts in enumerate(panes, start=1):
        ledger.add(number, (begin + number) * PANE_S * NS, counts)
    return ledger


def advanced(panes: Iterable[I64], begin: int = 0) -> Detector:
    """A detector that has taken in these panes."""
    detector = detector_of()
    for number, counts in enumerate(panes, start=1):
        detector.advance(counts, float((begin + number) * PANE_S))
    return detector


def account(before: int, *closed: int, width: int = 2, lanes: int = TABLE.lanes, epoch: int = 1) -> Account:
    """An account of panes behind a standing, of so many features."""
    terms = Terms.of(PANES, 0.01, np.ones((width, 2)), None)
    empty = np.zeros((width, lanes), dtype=np.int64)
    panes = [AlarmPane(number, epoch, number * PANE_S * NS, narrow(empty)) for number in closed]
    return account_of(terms, [standing(before, epoch)], panes)


def pane(number: int, epoch: int = 1, value: int = 1) -> AlarmPane:
    """A pane by its number."""
    counts = np.full((2, TABLE.lanes), value, dtype=np.int64)
    return AlarmPane(number, epoch, number * PANE_S * NS, narrow(counts))


def standing(number: int, epoch: int = 1) -> Standing:
    """What a detector without evidence held after a pane."""
    state = detector_of().to_state()
    return Standing(number, epoch, number * PANE_S * NS, state)


def numbers(account: Account) -> tuple[list[int], list[int]]:
    """Of the standings, and of the panes."""
    return sorted(account.standings), sorted(account.panes)
