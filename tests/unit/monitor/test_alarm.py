from __future__ import annotations

import numpy as np
import pytest

from sidecar.monitor.alarm import Alarm
from sidecar.monitor.analysis import ModelAnalysis
from sidecar.monitor.settings import AnalysisSettings
from sidecar.profile import design_effect, seasons
from sidecar.profile.codec import seal
from sidecar.profile.design_effect import LEAST_PANES, DesignEffects
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.history import NS
from sidecar.profile.lanes import lane_table
from sidecar.profile.learning import learn_reference
from sidecar.profile.pane import Pane
from sidecar.profile.seasons import SeasonTally
from tests.support import analysed

SPECS = [FeatureSpec("a", "input", "numeric"), FeatureSpec("b", "input", "numeric")]
FEATURES = learn_reference(SPECS, np.random.default_rng(1).normal(size=(10_000, 2)), [(), ()])
TABLE = lane_table(SPECS, FEATURES)
SETTINGS = AnalysisSettings(false_alarm_days=1.0)
REACH = np.array([[-4.0, 4.0], [-4.0, 4.0]])


def reference_with(parts):
    return seal(10_000, FEATURES, created_unix_s=0.0, provenance={}, parts=parts)


def alarm_of(settings=SETTINGS, parts=None, features=FEATURES):
    return Alarm(settings, None if parts is None else reference_with(parts), TABLE.lanes, features)


class Traffic:
    """Panes of requests of `size` equal rows; which of these stands for the request is drawn as well."""

    def __init__(self, alarm, size=1, seed=2):
        self.alarm = alarm
        self.size = size
        self.rng = np.random.default_rng(seed)
        self.minute = 0

    def pane(self, shift=0.0, requests=300, close=True):
        start = 60 * NS * self.minute
        self.minute += close
        pane = Pane.empty(start, start + 60 * NS, 2, TABLE.lanes)
        for _ in range(2):
            rows = np.repeat(
                self.rng.normal(size=(requests // 2, 2)) + np.array([shift, 0.0]), self.size, axis=0
            )
            place = np.arange(len(rows)) % self.size
            chosen = place == np.repeat(self.rng.integers(0, self.size, size=requests // 2), self.size)
            self.alarm.fill(TABLE, rows, None if self.size == 1 else chosen, pane)
            pane.fill(TABLE, rows)
        if close:
            self.alarm.close(pane, self.minute)
        return pane

    def evidence(self, *open_panes):
        nothing = (np.zeros((2, TABLE.lanes), dtype=np.int64), 60 * NS * self.minute)
        shown = [(pane.counts, pane.start_unix_ns) for pane in open_panes]
        return self.alarm.evidence(shown or [nothing], REACH)


def drifted(evidence):
    return [place for place in range(2) if evidence.drifted(place)]


def test_copies_within_a_request_are_no_evidence():
    by_request = Traffic(alarm_of(), size=20)
    by_row = Traffic(alarm_of(AnalysisSettings(false_alarm_days=1.0, unit="row")), size=20)
    for _ in range(10):
        by_request.pane()
        by_row.pane()
    assert drifted(by_request.evidence()) == []
    assert drifted(by_row.evidence()) != []


def test_drift_is_found_by_one_row_a_request():
    traffic = Traffic(alarm_of(), size=20)
    for _ in range(3):
        traffic.pane()
    for _ in range(2):
        traffic.pane(shift=0.7)
    found = traffic.evidence()
    assert drifted(found) == [0]
    assert found.since_unix_s[0] == 180.0


def test_open_panes_are_looked_at_in_their_order_without_a_change():
    traffic = Traffic(alarm_of(), size=5)
    traffic.pane()
    before = traffic.alarm.to_state()["detector"]
    older = traffic.pane(shift=0.4, close=False)
    traffic.minute += 1
    newer = traffic.pane(shift=0.4, close=False)
    both = traffic.evidence(older, newer)
    assert traffic.alarm.to_state()["detector"] == before
    traffic.alarm.close(older, 1)
    traffic.alarm.close(newer, 2)
    assert traffic.evidence().log_e == pytest.approx(both.log_e, abs=1e-9)


def test_design_effects_of_the_reference():
    parts = {design_effect.PART: design_effect.pack(DesignEffects({"a": 30.0}, 50, 60.0))}
    assert alarm_of(parts=parts).design_effects == {"a": 30.0}
    told, plain = Traffic(alarm_of(parts=parts)), Traffic(alarm_of())
    for traffic in (told, plain):
        traffic.pane(shift=0.5)
        traffic.pane(shift=0.5)
    assert drifted(plain.evidence()) == [0]
    assert drifted(told.evidence()) == []
    assert told.evidence().log_e[1] == plain.evidence().log_e[1]
    none = AnalysisSettings(false_alarm_days=1.0, design_effect="none")
    assert alarm_of(none, parts).design_effects == {}


AUTO = AnalysisSettings(false_alarm_days=1.0, unit="row", design_effect="auto")


def test_design_effects_of_the_first_panes():
    traffic = Traffic(alarm_of(AUTO), size=10)
    for _ in range(LEAST_PANES - 1):
        traffic.pane()
    assert traffic.alarm.design_effects == {}
    traffic.pane()
    assert traffic.alarm.design_effects == {
        "a": pytest.approx(10.0, rel=0.35),
        "b": pytest.approx(10.0, rel=0.35),
    }
    for _ in range(20):
        traffic.pane()
    assert drifted(traffic.evidence()) == []


def test_reference_that_tells_is_asked_before_traffic():
    parts = {design_effect.PART: design_effect.pack(DesignEffects({"a": 2.0}, 50, 60.0))}
    traffic = Traffic(alarm_of(AUTO, parts))
    for _ in range(LEAST_PANES + 1):
        traffic.pane()
    assert traffic.alarm.design_effects == {"a": 2.0}


def test_hours_of_the_week():
    tally = SeasonTally({feature.spec.name: feature.counts.size for feature in FEATURES})
    rng = np.random.default_rng(3)
    for hour in range(168):
        pane = Pane.empty(0, 0, 2, TABLE.lanes)
        pane.fill(TABLE, rng.normal(size=(2000, 2)) + np.array([1.0, 0.0]))
        tally.add(hour * 3600.0, list(pane.counts))
    parts = {seasons.PART: seasons.pack(tally.seasons())}
    seasonal = Traffic(alarm_of(parts=parts))
    static = Traffic(alarm_of(AnalysisSettings(false_alarm_days=1.0, season="none"), parts))
    for traffic in (seasonal, static):
        traffic.pane(shift=1.0)
        traffic.pane(shift=1.0)
    assert drifted(seasonal.evidence()) == []
    assert drifted(static.evidence()) == [0]


def test_learnt_references_are_worth_as_many_rows_as_they_had_requests():
    """The same rows, learnt from single ones and from requests of ten."""
    chosen = np.arange(10_000) % 10 == 0
    reached = []
    for marks in (None, chosen):
        alarm = alarm_of(features=(None, None))
        alarm.note_learnt(10_000, marks)
        alarm.use(FEATURES, [0, 1])
        traffic = Traffic(alarm)
        traffic.pane(shift=0.4)
        reached.append(traffic.evidence().log_e[0])
    assert reached[1] < reached[0] - 1.0


def test_features_that_were_known_go_on():
    alarm = alarm_of(features=(FEATURES[0], None))
    traffic = Traffic(alarm)
    traffic.pane(shift=0.5)
    before = traffic.evidence().log_e[0]
    alarm.use(FEATURES, [1])
    assert traffic.evidence().log_e.tolist() == [before, -np.inf]


@pytest.mark.parametrize("settings", [SETTINGS, AUTO, AnalysisSettings(pane_rows=500)])
def test_checkpoint_goes_on_without_changing_a_number(settings):
    traffic = Traffic(alarm_of(settings), size=4)
    for _ in range(5):
        traffic.pane(shift=0.1)
    waiting = traffic.pane(close=False)
    resumed = alarm_of(settings)
    resumed.restore(traffic.alarm.to_state())
    for alarm in (traffic.alarm, resumed):
        alarm.close(waiting, 1)
    other = Traffic(resumed, size=4)
    traffic.rng, other.rng, other.minute = np.random.default_rng(9), np.random.default_rng(9), traffic.minute
    for _ in range(30):
        traffic.pane(shift=0.1)
        other.pane(shift=0.1)
    assert resumed.to_state() == traffic.alarm.to_state()
    assert resumed.design_effects == traffic.alarm.design_effects


@pytest.mark.parametrize("change", [{"detector": {}}, {"panes": [b"1"]}, {"units": [[1]]}, {"learnt": [1]}])
def test_damaged_checkpoint(change):
    alarm = alarm_of()
    with pytest.raises((KeyError, TypeError, ValueError)):
        alarm.restore({**alarm.to_state(), **change})


LEARN = AnalysisSettings(false_alarm_days=1.0, season="learn", pane_s=3600.0)
HOUR_NS = 3600 * NS


def hours_of(alarm, rng, hours, shift=lambda hour: 0.8 * (-1) ** (hour // 12)):
    """Panes of an hour whose first feature lies up or down by half days."""
    for hour in hours:
        pane = Pane.empty(hour * HOUR_NS, (hour + 1) * HOUR_NS, 2, TABLE.lanes)
        pane.fill(TABLE, rng.normal(size=(200, 2)) + np.array([shift(hour), 0.0]))
        alarm.close(pane, hour + 1)
    return alarm.evidence([(np.zeros((2, TABLE.lanes), dtype=np.int64), hours[-1] * HOUR_NS)], REACH)


def test_hours_are_learnt_in_four_weeks():
    alarm, rng = alarm_of(LEARN), np.random.default_rng(5)
    assert drifted(hours_of(alarm, rng, range(300))) == [0]
    resumed = alarm_of(LEARN)
    resumed.restore(alarm.to_state())
    state = np.random.default_rng(6)
    for one in (alarm, resumed):
        rng = np.random.default_rng(6)
        assert drifted(hours_of(one, rng, range(300, 720))) == []
        state = rng
    assert resumed.to_state() == alarm.to_state()
    assert drifted(hours_of(alarm, state, range(720, 724), shift=lambda hour: 0.0)) == [0]
    again = alarm_of(LEARN)
    again.restore(alarm.to_state())
    assert again.to_state() == alarm.to_state()


def test_design_effects_reach_the_effect_sizes():
    """What the reference says of its rows' dependence widens the noise that a size is held against."""
    plain = analysed.reference()
    told = seal(
        plain.rows,
        plain.features,
        created_unix_s=0.0,
        provenance={},
        parts={"design_effects": design_effect.pack(DesignEffects({"age": 1.4}, 50, 60.0))},
    )
    critical = []
    for given in (plain, told):
        traffic = analysed.Traffic(analysed.analysis_of(given))
        traffic.send(analysed.START)
        verdicts = traffic.analysis.report(analysed.START + NS).verdicts
        critical.append(next(v.effects.psi_critical for v in verdicts if v.spec.name == "age"))
    assert critical[1] == pytest.approx(1.4 * critical[0], rel=0.01)


def test_design_effects_measured_on_traffic_survive_a_checkpoint():
    settings = AnalysisSettings(features=("age", "income"), auto_rows=500, design_effect="auto")
    traffic = analysed.Traffic(analysed.analysis_of(analysed.reference(), settings))
    for minute in range(32):
        matrix = traffic.analysis.encoder.encode(traffic.columns(200))
        traffic.analysis.add_rows(np.repeat(matrix, 6, axis=0), analysed.START + minute * analysed.PANE)
    now = analysed.START + 32 * analysed.PANE
    report = traffic.analysis.report(now)
    resumed = ModelAnalysis.from_state(traffic.analysis.to_state(), settings, analysed.reference())
    assert resumed.report(now).verdicts == report.verdicts
    plain = analysed.Traffic(analysed.analysis_of(analysed.reference()))
    plain.send(now)
    fresh = plain.analysis.report(now).verdicts[0].effects.psi_critical
    rows = report.verdicts[0].rows
    # six copies a row: the noise of 1/6 of the rows on both sides
    assert report.verdicts[0].effects.psi_critical > 3.0 * fresh * (1 / rows + 1 / 5000) / (
        1 / 300 + 1 / 5000
    )


def test_what_is_told_begins_anew_when_design_effects_are_known():
    """Evidence of rows that were taken for more than they are worth is not gone on with."""
    traffic = Traffic(alarm_of(AUTO), size=1)
    for _ in range(LEAST_PANES - 1):
        traffic.pane()
    before = traffic.alarm.account()
    traffic.pane()
    traffic.pane()
    after = traffic.alarm.account()
    assert sorted(after.standings) == [LEAST_PANES]
    assert sorted(after.panes) == [LEAST_PANES + 1]
    assert before.terms.open().effects.tolist() == [[1.0, 1.0], [1.0, 1.0]]
    assert after.terms.open().effects[:, 0].tolist() == [traffic.alarm.design_effects[name] for name in "ab"]


def test_seasons_are_told_with_the_terms():
    tally = SeasonTally({feature.spec.name: feature.counts.size for feature in FEATURES})
    tally.add(0.0, [feature.counts for feature in FEATURES])
    alarm = alarm_of(parts={seasons.PART: seasons.pack(tally.seasons())})
    assert alarm.account().terms.open().seasons == tally.seasons()
    assert alarm_of().account().terms.open().seasons is None
