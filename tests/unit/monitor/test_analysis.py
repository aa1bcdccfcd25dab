from __future__ import annotations

import json
from dataclasses import replace

import msgpack
import numpy as np
import pytest

from sidecar.errors import ShapeMismatch
from sidecar.monitor.analysis import ModelAnalysis
from sidecar.monitor.settings import NS, AnalysisSettings
from sidecar.payload.columns import intern_schema
from sidecar.profile.feature import FeatureSpec
from tests.support.analysed import PANE, SETTINGS, START, Traffic, analysis_of, body, reference, states


def test_known_columns_are_judged_at_once_and_others_are_learnt():
    traffic = Traffic(analysis_of(reference()))
    traffic.send(START, 300)
    report = traffic.analysis.report(START)
    assert states(report) == {"age": "ok", "income": "not_enough_data", "c": "ok"}
    assert report.verdicts[1].effects.psi is None
    assert report.verdicts[1].log_e is None
    assert report.feature_json("income")["reference"] is None
    traffic.send(START, 450)
    report = traffic.analysis.report(START)
    assert [verdict.rows for verdict in report.verdicts] == [750, 250, 750]
    assert states(report) == {"age": "ok", "income": "ok", "c": "ok"}
    assert report.reference_id == reference().id
    assert report.reference_rows == 5000


def test_everything_is_learnt_without_a_reference():
    traffic = Traffic(analysis_of())
    traffic.send(START, 400)
    report = traffic.analysis.report(START)
    assert (report.reference_id, report.reference_rows) == (None, 400)
    assert set(states(report).values()) == {"not_enough_data"}
    traffic.send(START, 400)
    report = traffic.analysis.report(START)
    assert report.reference_id.startswith("sha256:")
    assert report.reference_rows == 500
    assert [verdict.rows for verdict in report.verdicts] == [300, 300, 300]
    assert report.feature_json("c")["categories"] in (["other", "a", "b"], ["other", "b", "a"])
    assert traffic.analysis.encoder.encode(traffic.columns(5)).shape == (5, 3)


def test_the_same_rows_learn_the_same_reference_however_they_are_cut():
    whole, parts = Traffic(analysis_of()), Traffic(analysis_of())
    matrix = whole.analysis.encoder.encode(whole.columns(600))
    parts.analysis.encoder.encode(parts.columns(600))
    whole.analysis.add_rows(matrix, START)
    for row in range(0, 600, 7):
        parts.analysis.add_rows(np.ascontiguousarray(matrix[row : row + 7]), START)
    one, two = whole.analysis.report(START), parts.analysis.report(START)
    assert one.reference_id == two.reference_id
    assert np.array_equal(one.window.counts, two.window.counts)


def test_drift_is_found_and_ends():
    traffic = Traffic(analysis_of(reference()))
    for pane in range(10):
        traffic.send(START + pane * PANE)
    assert set(states(traffic.analysis.report(START + 9 * PANE)).values()) <= {"ok"}
    for pane in range(10, 13):
        traffic.send(START + pane * PANE, shift=1.0)
    report = traffic.analysis.report(START + 12 * PANE)
    assert states(report) == {"age": "drift", "income": "ok", "c": "ok"}
    drifted = report.drift_json()["features"][0]
    assert drifted["moved"]["direction"] == "up"
    assert drifted["since_unix_s"] == (START + 10 * PANE) / NS
    assert drifted["log_e"] >= drifted["log_e_threshold"]
    for pane in range(13, 23):
        traffic.send(START + pane * PANE)
    assert states(traffic.analysis.report(START + 22 * PANE))["age"] == "ok"


def test_open_pane_is_judged_too():
    traffic = Traffic(analysis_of(reference()))
    traffic.send(START, 1000, shift=2.0)
    assert states(traffic.analysis.report(START + NS))["age"] == "drift"


def test_window_slides_with_the_panes():
    traffic = Traffic(analysis_of(reference()))
    for pane in range(8):
        traffic.send(START + pane * PANE, 100)
    report = traffic.analysis.report(START + 7 * PANE + 5 * NS)
    assert report.window.rows == 600  # five closed panes and the open one
    assert report.start_unix_s == (START + 2 * PANE) / NS
    assert report.end_unix_s == (START + 7 * PANE) / NS + 5
    assert [pane.rows for _, pane in report.horizons] == [600, 800, 800]


def test_window_empties_when_traffic_stops():
    traffic = Traffic(analysis_of(reference()))
    traffic.send(START)
    assert traffic.analysis.report(START + 5 * PANE).window.rows == 300
    report = traffic.analysis.report(START + 6 * PANE)
    assert report.window.rows == 0
    assert states(report)["age"] == "not_enough_data"
    assert report.horizons[1][1].rows == 300


def test_a_row_that_comes_a_little_later_counts_in_the_pane_of_its_time():
    traffic = Traffic(analysis_of(reference()))
    traffic.send(START + PANE, 10)
    traffic.send(START + PANE - 1, 10)
    assert traffic.analysis.report(START).start_unix_s == START / NS
    assert traffic.analysis.late == {"behind": 0, "stale": 0, "ahead": 0}


def test_a_row_that_comes_too_late_counts_in_the_oldest_open_pane_and_is_counted_as_late():
    traffic = Traffic(analysis_of(reference()))
    traffic.send(START + 2 * PANE, 10)
    traffic.send(START, 10)
    report = traffic.analysis.report(START)
    assert report.window.rows == 20
    assert report.start_unix_s == (START + PANE) / NS
    assert traffic.analysis.late == {"behind": 10, "stale": 0, "ahead": 0}


def test_a_row_older_than_the_judged_window_is_left_out_and_counted():
    traffic = Traffic(analysis_of(reference()))
    traffic.send(START + 7 * PANE, 10)
    traffic.send(START, 10)
    assert traffic.analysis.report(START).window.rows == 10
    assert traffic.analysis.late == {"behind": 0, "stale": 10, "ahead": 0}


def test_a_row_from_the_future_counts_now():
    traffic = Traffic(analysis_of(reference()))
    rows = traffic.analysis.encoder.encode(traffic.columns(3))
    stamps = np.array([START, START + 10 * NS, START + 20 * PANE])
    traffic.analysis.add_block(rows, stamps, START)
    assert traffic.analysis.late == {"behind": 0, "stale": 0, "ahead": 1}
    assert traffic.analysis.now_unix_ns == START + 10 * NS


def test_panes_begin_at_multiples_of_their_length():
    traffic = Traffic(analysis_of(reference()))
    traffic.send(START + 17 * NS, 10)
    assert traffic.analysis.report(START + 18 * NS).start_unix_s == START / NS


def test_report_does_not_change_afterwards():
    traffic = Traffic(analysis_of(reference()))
    traffic.send(START, 300)
    report = traffic.analysis.report(START)
    before = json.dumps([report.drift_json(), report.feature_json("age")])
    traffic.send(START, 300, shift=5.0)
    traffic.send(START + 3 * PANE, 300, shift=5.0)
    assert json.dumps([report.drift_json(), report.feature_json("age")]) == before


def test_asking_often_changes_nothing():
    asked, unasked = Traffic(analysis_of(reference())), Traffic(analysis_of(reference()))
    for pane in range(6):
        now = START + pane * PANE
        asked.send(now)
        unasked.send(now)
        for second in range(5):
            asked.analysis.report(now + second * NS)
    assert body(asked.analysis, now + 50 * NS) == body(unasked.analysis, now + 50 * NS)


@pytest.mark.parametrize("given", [None, reference()])
@pytest.mark.parametrize("panes", [0, 1, 2, 9])
def test_checkpoint_goes_on_without_changing_a_number(given, panes):
    traffic = Traffic(analysis_of(given))
    for pane in range(panes):
        traffic.send(START + pane * PANE)
    state = msgpack.unpackb(msgpack.packb(traffic.analysis.to_state()))
    resumed = Traffic(ModelAnalysis.from_state(state, SETTINGS, given))
    resumed.rng = np.random.default_rng()
    resumed.rng.bit_generator.state = traffic.rng.bit_generator.state
    assert resumed.analysis.to_state() == traffic.analysis.to_state()
    for pane in range(panes, panes + 8):
        for each in (traffic, resumed):
            each.send(START + pane * PANE, shift=0.7)
        now = START + pane * PANE + NS
        assert body(traffic.analysis, now) == body(resumed.analysis, now)
        one = traffic.analysis.report(now).feature_json("age")
        assert one == resumed.analysis.report(now).feature_json("age")


def test_checkpoint_of_other_settings_is_refused():
    state = analysis_of(reference()).to_state()
    for settings, given in (
        (AnalysisSettings(features=("age", "income"), auto_rows=500), reference()),
        (SETTINGS, None),
        (SETTINGS, reference(seed=9)),
    ):
        with pytest.raises(ShapeMismatch, match="analysis state: expected settings "):
            ModelAnalysis.from_state(state, settings, given)


@pytest.mark.parametrize(
    "change",
    [{"format": 1}, {"history": {}}, {"alarm": {}}, {"names": ["a"]}, {"alarm": b""}],
)
def test_damaged_checkpoint_is_refused(change):
    state = {**analysis_of(reference()).to_state(), **change}
    with pytest.raises(ShapeMismatch, match="analysis state: expected "):
        ModelAnalysis.from_state(state, SETTINGS, reference())


def test_rows_of_another_width_are_refused():
    with pytest.raises(ShapeMismatch) as caught:
        analysis_of().add_rows(np.zeros((2, 7)), START)
    assert str(caught.value) == "pane: expected rows of 3 float64 in C order, got (2, 7) float64"


def test_read_only_rows_are_counted():
    analysis = analysis_of(reference())
    rows = np.zeros((5, 3))
    rows.setflags(write=False)
    analysis.add_rows(rows, START)
    assert analysis.report(START).window.rows == 5


def test_first_output_is_the_prediction_of_the_reference():
    schema = intern_schema(("predict",), ("numeric",))
    analysis = ModelAnalysis("m", None, "output", schema, SETTINGS, reference())
    assert analysis.specs == (FeatureSpec("late", "output", "numeric"),)
    analysis.add_rows(np.random.default_rng(3).random(size=(300, 1)), START)
    assert states(analysis.report(START)) == {"late": "ok"}


class Recorder:
    """An accumulator that remembers what it was told."""

    def __init__(self):
        self.rows = {}
        self.closed = []
        self.expired = 0

    def fill(self, rows, unix_ns):
        self.rows[unix_ns] = self.rows.get(unix_ns, 0) + len(rows)

    def close(self, start_unix_ns, end_unix_ns):
        self.closed.append((start_unix_ns, end_unix_ns))

    def expire(self, unix_ns):
        self.expired = unix_ns

    def to_state(self):
        return {"rows": self.rows, "closed": self.closed}

    def restore(self, state):
        self.rows, self.closed = dict(state["rows"]), [tuple(pane) for pane in state["closed"]]


def test_what_follows_the_rows_sees_each_in_its_pane_and_every_closing():
    traffic = Traffic(analysis_of())  # the first rows are learnt from, and seen all the same
    recorder = traffic.analysis.accumulators["seen"] = Recorder()
    for at in (START, START + PANE, START + PANE - 1, START + 2 * PANE):
        traffic.send(at, 300)
    assert recorder.rows == {START: 600, START + PANE: 300, START + 2 * PANE: 300}
    assert recorder.closed == [(START, START + PANE)]
    assert recorder.expired == START + 2 * PANE
    again = Recorder()
    state = msgpack.unpackb(msgpack.packb(traffic.analysis.to_state()), strict_map_key=False)
    ModelAnalysis.from_state(state, SETTINGS, None, accumulators={"seen": again})
    assert (again.rows, again.closed) == (recorder.rows, recorder.closed)


def test_evidence_of_several_open_panes_is_that_of_closed_ones():
    """Waiting for late rows costs no time: what is open counts pane by pane."""
    late, prompt = (
        Traffic(analysis_of(reference(), replace(SETTINGS, lateness_s=lateness_s)))
        for lateness_s in (1000.0, 0.0)
    )
    for pane in range(12):
        for each in (late, prompt):
            each.send(START + pane * PANE, shift=0.4 if pane > 6 else 0.0)
    one, two = (each.analysis.report(START).drift_json() for each in (late, prompt))
    assert one["features"][0]["log_e"] == two["features"][0]["log_e"]
    assert one == two


def test_decayed_sums_are_told_with_their_effective_size():
    settings = replace(SETTINGS, half_lives_s=(60.0, 3600.0))
    traffic = Traffic(analysis_of(reference(), settings))
    for pane in range(10):
        traffic.send(START + pane * PANE, 300)
    short, long = traffic.analysis.report(START).feature_json("age")["decayed"]
    assert (short["half_life_s"], long["half_life_s"]) == (60.0, 3600.0)
    assert short["rows"] == pytest.approx(900, abs=5)  # (2 x 300)^2 / (4/3 x 300)
    assert 2900 < long["rows"] <= 3000
    assert long["psi"] < 0.05


def test_tumbling_windows_judge_the_last_complete_stretch():
    traffic = Traffic(analysis_of(reference(), replace(SETTINGS, window_kind="tumbling")))
    for pane in range(8):
        traffic.send(START + pane * PANE, 100)
    report = traffic.analysis.report(START)
    first = START // (5 * PANE) * 5 * PANE
    assert report.window.rows == 500 - 100 * ((START - first) // PANE) or report.window.rows == 500
    assert report.window.end_unix_ns % (5 * PANE) == 0


def test_panes_by_rows_move_the_detector_on_at_their_last_row():
    traffic = Traffic(analysis_of(reference(), replace(SETTINGS, pane_rows=250)))
    recorder = traffic.analysis.accumulators["seen"] = Recorder()
    traffic.send(START, 600)
    traffic.send(START + 7, 200)
    assert recorder.closed == [(START, START + 1), (START, START + 1), (START, START + 8)]
    assert traffic.analysis.report(START).window.rows == 800


def test_a_day_of_clock_jumps_loses_no_row_unnamed():
    """Clocks that are set back and forth: every row is counted, or named as stale."""
    settings = replace(SETTINGS, horizons_s=(300.0, 864_000.0))
    traffic = Traffic(analysis_of(reference(), settings))
    rng = np.random.default_rng(8)
    now, sent = START, 0
    for _ in range(200):
        now += int(rng.choice([NS, 30 * NS, 700 * NS, -400 * NS, -5 * NS]))
        rows = traffic.analysis.encoder.encode(traffic.columns(3))
        stamps = now + rng.integers(-20 * NS, 20 * NS, 3)
        traffic.analysis.add_block(rows, stamps, now)
        sent += 3
    late = traffic.analysis.late
    assert min(late.values()) > 0
    assert traffic.analysis.report(0).horizons[1][1].rows == sent - late["stale"]
