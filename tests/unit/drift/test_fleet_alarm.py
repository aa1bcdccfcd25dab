from __future__ import annotations

import numpy as np
import pytest

from sidecar.drift.fleet_alarm import fleet_alarms
from sidecar.errors import BadSnapshot
from sidecar.profile.account import Standing, account_of
from sidecar.profile.seasons import SeasonTally, pack
from tests.support.accounts import (
    FEATURES,
    NS,
    PANE_S,
    PANES,
    advanced,
    detector_of,
    lanes_of,
    ledger_of,
    pane,
    terms_of,
)

TERMS = terms_of()
CALM = [lanes_of(100, seed) for seed in range(4)]
MOVED = [lanes_of(100, 10 + seed, shift=0.5) for seed in range(12)]


def told(**ledgers):
    accounts = {name: ledger.account(TERMS) for name, ledger in ledgers.items()}
    return {name: {account.terms.id: account} for name, account in accounts.items()}


def log_e(detector):
    nothing = np.zeros_like(CALM[0])
    return detector.evidence(nothing, 0.0).log_e.tolist()


class TestPanesOfAll:
    def test_are_added_by_their_times(self):
        (alarm,) = fleet_alarms(FEATURES, told(a=ledger_of(MOVED[:6]), b=ledger_of(MOVED[6:])))
        both = [one + other for one, other in zip(MOVED[:6], MOVED[6:], strict=True)]
        assert alarm.evidence.log_e.tolist() == log_e(advanced(both))
        assert (alarm.origins, alarm.start_unix_ns, alarm.end_unix_ns) == (("a", "b"), 0, 6 * PANE_S * NS)

    def test_a_monitor_that_came_later_adds_from_then_on(self):
        (alarm,) = fleet_alarms(FEATURES, told(a=ledger_of(MOVED[:3]), b=ledger_of(MOVED[6:8], begin=1)))
        assert alarm.evidence.log_e.tolist() == log_e(
            advanced([MOVED[0], MOVED[1] + MOVED[6], MOVED[2] + MOVED[7]])
        )

    def test_find_what_one_alone_does_not(self):
        few = [lanes_of(40, 10 + seed, shift=0.5) for seed in range(12)]
        ledgers = {f"pod{number}": ledger_of([lanes]) for number, lanes in enumerate(few)}
        alone = [fleet_alarms(FEATURES, told(pod=ledger))[0].evidence for ledger in ledgers.values()]
        (alarm,) = fleet_alarms(FEATURES, told(**ledgers))
        assert not any(evidence.drifted(0) for evidence in alone)
        assert alarm.evidence.drifted(0)
        assert not alarm.evidence.drifted(1)
        assert alarm.evidence.moved[0].direction == "up"
        assert alarm.evidence.since_unix_s[0] == PANE_S

    def test_are_weighed_by_their_hour_of_the_week(self):
        tally = SeasonTally({feature.spec.name: feature.counts.size for feature in FEATURES})
        for hour in range(168):
            tally.add(3600.0 * hour, list(lanes_of(2000, hour, shift=0.5)))
        seasonal = terms_of(seasons=pack(tally.seasons()))
        told_of = {"a": {seasonal.id: ledger_of(MOVED).account(seasonal)}}
        (alarm,) = fleet_alarms(FEATURES, told_of)
        (static,) = fleet_alarms(FEATURES, told(a=ledger_of(MOVED)))
        assert (alarm.evidence.drifted(0), static.evidence.drifted(0)) == (False, True)


class TestWhatCameBefore:
    def test_is_the_mean_of_the_monitors_own_evidence(self):
        ledgers = {"a": ledger_of(MOVED[:4], most=0), "b": ledger_of(CALM, most=0)}
        (alarm,) = fleet_alarms(FEATURES, told(**ledgers))
        own = [np.exp(log_e(advanced(panes))) for panes in (MOVED[:4], CALM)]
        assert np.exp(alarm.evidence.log_e) == pytest.approx(np.mean(own, axis=0))
        assert alarm.start_unix_ns == 4 * PANE_S * NS

    def test_of_one_monitor_is_its_own_to_the_bit(self):
        (alarm,) = fleet_alarms(FEATURES, told(a=ledger_of(MOVED, most=5)))
        assert alarm.evidence.log_e.tolist() == log_e(advanced(MOVED))
        assert alarm.evidence.since_unix_s[0] == PANE_S

    def test_goes_on_by_each_monitors_own_panes_until_those_of_all_are_told(self):
        """b is told from its fourth pane on: a's first four are taken by a alone."""
        (alarm,) = fleet_alarms(FEATURES, told(a=ledger_of(MOVED[:6]), b=ledger_of(MOVED[6:], most=2)))
        both = advanced([])
        both.pool([advanced(MOVED[:4]), advanced(MOVED[6:10])])
        for place in (4, 5):
            both.advance(MOVED[place] + MOVED[6 + place], 60.0 * (1 + place))
        assert alarm.evidence.log_e.tolist() == log_e(both)

    def test_of_a_monitor_that_is_no_more_does_not_count(self):
        gone = ledger_of(MOVED[:2])
        (alarm,) = fleet_alarms(FEATURES, told(a=gone, b=ledger_of(CALM, most=0)))
        assert alarm.evidence.log_e.tolist() == log_e(advanced(CALM))


class TestTerms:
    def test_that_differ_are_judged_apart(self):
        other = terms_of(np.full((2, 2), 2.0))
        told_of = {**told(a=ledger_of(CALM)), "b": {other.id: ledger_of(CALM).account(other)}}
        alarms = fleet_alarms(FEATURES, told_of)
        assert {(alarm.origins, alarm.terms.id) for alarm in alarms} == {
            (("a",), TERMS.id),
            (("b",), other.id),
        }

    def test_of_one_monitor_the_last_are_those_in_use(self):
        other = terms_of(np.full((2, 2), 2.0))
        later = ledger_of(CALM[:2])
        later.begin_anew(detector_of(np.full((2, 2), 2.0)))
        later.add(3, 180 * NS, CALM[2])
        accounts = {TERMS.id: ledger_of(CALM[:2]).account(TERMS), other.id: later.account(other)}
        (alarm,) = fleet_alarms(FEATURES, {"a": accounts})
        assert (alarm.terms.id, alarm.start_unix_ns) == (other.id, 120 * NS)


class TestNothing:
    def test_is_said_of_nobody(self):
        assert fleet_alarms(FEATURES, {}) == ()
        assert fleet_alarms(FEATURES, {"a": {}}) == ()

    def test_is_known_before_the_first_pane(self):
        (alarm,) = fleet_alarms(FEATURES, told(a=ledger_of([])))
        assert np.isneginf(alarm.evidence.log_e).all()
        assert alarm.evidence.log_e_threshold == pytest.approx(np.log(2 * PANES))

    def test_is_gone_on_with_where_the_standing_is_lost(self):
        accounts = {"a": {TERMS.id: account_of(TERMS, [], [pane(3)])}}
        (alarm,) = fleet_alarms(FEATURES, accounts)
        assert np.isneginf(alarm.evidence.log_e).all()

    def test_of_other_features_is_taken(self):
        state = {name: b"\0" * 8 for name in ("values", "began_unix_s", "drift_since_unix_s", "since")}
        wrong = account_of(TERMS, [Standing(4, 1, 240 * NS, state)], [])
        with pytest.raises(BadSnapshot, match=r"^evidence: expected standings of these features, got "):
            fleet_alarms(FEATURES, {"a": {TERMS.id: wrong}})
        with pytest.raises(BadSnapshot, match="effects of 2 features"):
            fleet_alarms(FEATURES[:1], told(a=ledger_of(CALM)))
