from __future__ import annotations

import math

import numpy as np
import pytest

from sidecar.drift.rates import ExtraRate, make_rates
from sidecar.monitor.quality_alarm import AlarmSettings, QualityAlarm, fleet_verdicts
from sidecar.quality.rates import QualityRate
from tests.support.beside import evidence

S = 1_000_000_000
SETTINGS = AlarmSettings(pane_ns=60 * S, panes=1000.0, tolerance=0.01)
RATES = (
    QualityRate("missing", "a", 0.1, 5000),
    None,
    QualityRate("out_of_range", "a", 0.0, 5000),
    QualityRate("duplicate_rows", None, 0.125, 64),
    QualityRate("shape", None, None, 0),
)


def alarm(rates=RATES, settings=SETTINGS):
    made = QualityAlarm(settings)
    made.use(rates)
    return made


def tallies(out_of_range=(0.0, 0.0), duplicates=(0.0, 0.0)):
    return np.array([[40.0, 100.0], [0.0, 0.0], out_of_range, duplicates, [0.0, 0.0]])


def run(watched, panes, tally, start=0):
    """Panes until the alarm, at most so many."""
    for pane in range(panes):
        watched.advance(tally(pane), (start + pane) * 60 * S)
        found = watched.verdicts(tallies(), (start + pane + 1) * 60 * S)
        if any(verdict.state == "violated" for verdict in found.values()):
            return pane + 1
    return math.inf


def test_lanes_and_unknown_shares_are_not_watched_here():
    found = alarm().verdicts(tallies(), 0)
    assert set(found) == {2, 3}
    assert QualityAlarm(SETTINGS).verdicts(tallies(), 0) == {}


@pytest.mark.parametrize("seed", range(4))
def test_no_change_no_alarm(seed):
    """A next value lies outside of the extremes of 5,000 with a chance of 2 / 5001; blocks as learnt."""
    rng = np.random.default_rng(seed)

    def tally(pane):
        outside = float(rng.binomial(200, 2 / 5001))
        blocks = 4
        return tallies((outside, 200.0), (rng.uniform(0.1, 0.15, size=blocks).sum(), float(blocks)))

    assert run(alarm(), 300, tally) == math.inf


@pytest.mark.parametrize(("share", "within"), [(1.0, 1), (0.1, 2), (0.03, 8)])
def test_values_out_of_range_are_found(share, within):
    rng = np.random.default_rng(7)
    assert run(alarm(), 40, lambda _: tallies((float(rng.binomial(200, share)), 200.0))) <= within


def test_repeated_rows_are_found():
    assert run(alarm(), 40, lambda _: tallies((0.0, 200.0), (4 * 0.7, 4.0))) <= 12


def test_a_rate_joins_when_its_share_is_known_and_the_others_go_on():
    watched = alarm()
    run(watched, 1, lambda _: tallies((200.0, 200.0)))
    before = watched.verdicts(tallies(), 60 * S)
    watched.use((*RATES[:-1], QualityRate("shape", None, 0.0, 1000)))
    found = watched.verdicts(tallies(), 60 * S)
    assert {place: found[place] for place in before} == before
    assert before[2].state == "violated"
    assert found[4].log_e is None


def test_resumed_is_the_same():
    first, resumed = alarm(), alarm()
    run(first, 3, lambda _: tallies((1.0, 200.0), (0.6, 4.0)))
    resumed.restore(first.to_state())
    assert resumed.verdicts(tallies(), 0) == first.verdicts(tallies(), 0)
    assert QualityAlarm(SETTINGS).to_state() == {}


def table(features):
    """Rates of so many numeric features, as a watch has them."""
    of_features = [
        [QualityRate(kind, f"f{number}", share, 5000) for number in range(features)]
        for kind, share in (("missing", 0.0), ("type_error", 0.0), ("out_of_range", 0.0), ("constant", 0.0))
    ]
    nothing = [None] * features  # numbers have no unseen categories
    flat = [*of_features[0], *of_features[1], *nothing, *of_features[2], *of_features[3]]
    return (*flat, QualityRate("duplicate_rows", None, 0.1, 64), QualityRate("shape", None, None, 0))


def test_false_alarms_are_shared_by_what_is_watched_alone():
    """20 features: two rates of each, and two of rows and messages, one of which is still being learnt."""
    found = alarm(table(20)).verdicts(np.zeros((102, 2)), 0)
    assert len(found) == 41
    assert {verdict.log_e_threshold for verdict in found.values()} == {math.log(42 * SETTINGS.panes)}


def test_false_alarms_at_the_ends_of_all_bands_are_as_rare_as_promised():
    """The worst that the bands allow, one trial a pane and rate: A = 20 panes on average, or more."""
    settings, rates = AlarmSettings(pane_ns=60 * S, panes=20.0, tolerance=0.01), table(3)
    known = list(range(9, 16))
    extra = [
        ExtraRate(rates[place].name, rates[place].reference_share, rates[place].reference_rows, group)
        for group, place in enumerate(known)
    ]
    ends = make_rates([None] * 8, settings.tolerance, extra).upper
    rng, ran = np.random.default_rng(11), []
    for _ in range(60):
        watched, none = alarm(rates, settings), np.zeros((17, 2))
        for pane in range(1, 2000):
            tallies = none.copy()
            tallies[known, 0], tallies[known, 1] = rng.random(len(known)) < ends, 1.0
            watched.advance(tallies, pane * 60 * S)
            if any(verdict.state == "violated" for verdict in watched.verdicts(none, 0).values()):
                break
        ran.append(pane)
    assert 20.0 <= np.mean(ran) <= 40.0  # and no rarer than need be


def test_a_feature_that_joins_leaves_the_others_as_they_were():
    """Its rates stand between those that were there: the evidence follows them."""
    watched = QualityAlarm(SETTINGS)
    rates = list(table(3))
    early = [None if rate and rate.feature == "f1" else rate for rate in rates]
    watched.use(early)
    tallies = np.zeros((17, 2))
    tallies[11] = (60.0, 200.0)  # f2 is out of range
    watched.advance(tallies, 0)
    before = watched.verdicts(np.zeros((17, 2)), 60 * S)
    watched.use(rates)
    after = watched.verdicts(np.zeros((17, 2)), 60 * S)
    assert {place: verdict.log_e for place, verdict in after.items() if place in before} == {
        place: verdict.log_e for place, verdict in before.items()
    }
    assert after[10].log_e is None
    assert after[11].log_e > 10.0


@pytest.mark.parametrize("effects", [{}, {"a": (50.0, 1.0)}, {"a": (1.0, 50.0)}])
def test_rows_that_count_less_are_less_evidence(effects):
    """1 % beyond the extremes is more than 5,000 rows allow, not more than 100; 200 a pane may be worth 4."""
    watched = alarm()
    watched.use(RATES, effects)
    found = run(watched, 30, lambda _: tallies((2.0, 200.0)))
    assert (found <= 15) is (effects == {})


def test_blocks_and_messages_count_whatever_their_rows_are_worth():
    states = []
    for effects in ({}, {"a": (50.0, 50.0)}):
        watched = alarm()
        watched.use(RATES, effects)
        states.append(run(watched, 40, lambda _: tallies((0.0, 200.0), (4 * 0.7, 4.0))))
    assert states[0] == states[1] <= 12


def test_evidence_of_rows_that_turn_out_to_be_worth_less_is_dropped():
    watched = alarm()
    run(watched, 3, lambda _: tallies((200.0, 200.0)))
    watched.use(RATES, {"a": (10.0, 10.0)})
    assert watched.verdicts(tallies(), 240 * S)[2].log_e is None


def test_evidence_is_that_of_what_has_closed():
    watched = alarm()
    panes, log_e = watched.evidence(5)
    assert panes == SETTINGS.panes
    assert np.isnan(log_e).tolist() == [True, True, False, False, False]
    watched.advance(tallies((60.0, 200.0)), 0)
    _, log_e = watched.evidence(5)
    shown = watched.verdicts(tallies(), 60 * S)
    assert log_e[2] == pytest.approx(shown[2].log_e)
    assert np.isneginf(log_e[3:]).all()
    assert np.isnan(QualityAlarm(SETTINGS).evidence(5)[1]).all()


class TestFleetVerdicts:
    def test_are_those_of_the_mean_of_all(self):
        told = [evidence(5, np.nan, 12.0, 0.0), evidence(5, np.nan, -np.inf, 0.0)]
        found = fleet_verdicts(told)
        assert found.keys() == {1, 2}
        assert found[1].log_e == pytest.approx(12.0 - math.log(2))
        assert found[2].log_e == pytest.approx(0.0)
        assert found[1].log_e_threshold == pytest.approx(math.log(2 * 1000.0))
        assert [found[place].state for place in (1, 2)] == ["violated", "ok"]

    def test_a_rate_that_some_do_not_know_yet_is_nothing_in_the_mean(self):
        found = fleet_verdicts([evidence(5, 3.0), evidence(5, np.nan)])
        assert found[0].log_e == pytest.approx(3.0 - math.log(2))

    def test_before_the_first_trials_there_is_nothing(self):
        assert fleet_verdicts([evidence(5, -np.inf)])[0].log_e is None
        assert fleet_verdicts([evidence(5)]) == {}
        assert fleet_verdicts([]) == {}
