from __future__ import annotations

import msgpack
import numpy as np
import pytest

from sidecar.monitor.ledger import LEAST_PANES, Ledger, panes_told
from sidecar.monitor.settings import AnalysisSettings
from tests.support.accounts import TABLE, advanced, detector_of, lanes_of, ledger_of, numbers, terms_of

TERMS = terms_of()
LANES = [lanes_of(100, seed, shift=0.2) for seed in range(8)]


def test_what_leaves_is_in_the_standing_to_the_bit():
    account = ledger_of(LANES, most=3).account(TERMS)
    assert numbers(account) == ([5], [6, 7, 8])
    assert account.standings[5].state == advanced(LANES[:5]).to_state()
    assert account.panes[6].counts.tolist() == LANES[5].tolist()


def test_before_the_first_pane_there_is_nothing():
    account = ledger_of([]).account(TERMS)
    assert numbers(account) == ([0], [])
    assert account.standings[0].state == detector_of().to_state()


def test_what_is_told_is_made_once_a_pane():
    ledger = ledger_of(LANES[:2])
    first = ledger.account(TERMS)
    assert ledger.account(TERMS) is first
    ledger.add(3, 180, LANES[2])
    assert ledger.account(TERMS) is not first
    assert numbers(first) == ([0], [1, 2])


def test_another_detector_goes_on_behind_the_last_pane():
    ledger, other = ledger_of(LANES[:2]), terms_of(np.full((2, 2), 2.0))
    ledger.begin_anew(advanced(LANES[3:4]))
    assert numbers(ledger.account(other)) == ([2], [])
    ledger.add(3, 180, LANES[2])
    assert numbers(ledger.account(other)) == ([2], [3])
    assert ledger.account(other).standings[2].state == advanced(LANES[3:4]).to_state()


@pytest.mark.parametrize("closed", [0, 2, 8])
def test_resumed_it_is_the_same_and_goes_on_by_a_new_epoch(closed):
    ledger, resumed = ledger_of(LANES[:closed], most=3), Ledger(detector_of(), 3, 2)
    resumed.restore(msgpack.unpackb(msgpack.packb(ledger.to_state())), (2, TABLE.lanes))
    assert resumed.to_state() == ledger.to_state()
    resumed.add(closed + 1, 600, LANES[0])
    account = resumed.account(TERMS)
    assert account.panes[closed + 1].epoch == 2
    assert all(pane.epoch == 1 for number, pane in account.panes.items() if number <= closed)


def test_damaged_states_are_refused():
    with pytest.raises((KeyError, TypeError, ValueError)):
        ledger_of([]).restore({**ledger_of([]).to_state(), "standing": {}}, (2, TABLE.lanes))


@pytest.mark.parametrize(
    ("settings", "panes"),
    [
        (AnalysisSettings(), LEAST_PANES),
        (AnalysisSettings(pane_s=1.0), 300),
        (AnalysisSettings(pane_s=0.1), 360),
    ],
)
def test_the_panes_of_the_judged_window_are_told_within_bounds(settings, panes):
    assert panes_told(settings.plan(), 20, 36) == panes


def test_wide_models_tell_fewer():
    assert panes_told(AnalysisSettings(pane_s=1.0).plan(), 1000, 36) < 100
