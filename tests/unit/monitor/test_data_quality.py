from __future__ import annotations

import msgpack
import numpy as np
import pytest

from sidecar.monitor.data_quality import REPORT_NS, DataQuality
from sidecar.monitor.quality_alarm import AlarmSettings
from sidecar.payload.columns import Columns, intern_schema
from sidecar.profile.embedding import plain_layout
from sidecar.profile.encoding import RowEncoder
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.learning import learn_reference
from sidecar.profile.units import chosen_row
from sidecar.profile.unseen import UnseenTexts
from sidecar.profile.unseen_pane import Unseen
from sidecar.profile.vocabulary import Vocabulary

S = 1_000_000_000
ALARM = AlarmSettings(60 * S, 1000.0, 0.01)
SPECS = (FeatureSpec("n", "input", "numeric"), FeatureSpec("c", "input", "categorical"))
SCHEMA = intern_schema(("n", "c"), ("numeric", "categorical"))


def columns_of(numbers, texts):
    numeric = np.array(numbers, dtype=np.float64)[:, None]
    return Columns("v2", "request", "m", None, None, len(texts), SCHEMA, numeric, (texts,), ())


class Subject:
    """An encoder with its quality, as the monitor puts them together."""

    def __init__(self, learnt=True, infinite=0):
        vocabulary = Vocabulary(("x", "y"), frozen=True, unseen=UnseenTexts())
        self.encoder = RowEncoder(SPECS, (None, vocabulary))
        sample = np.column_stack([np.arange(300.0), np.arange(300) % 2 + 1.0])
        sample[:infinite, 0] = np.inf
        self.features = learn_reference(SPECS, sample, [(), ("x", "y")])
        self.sent = 0
        known = self.features if learnt else (None, None)
        self.quality = DataQuality("input", SCHEMA, self.encoder, plain_layout(2), known, 300 * S, ALARM)

    def send(self, numbers, texts, unix_ns=0):
        columns = columns_of(numbers, texts)
        self.quality.note(columns.schema)
        chosen = np.zeros(len(texts), dtype=bool)
        chosen[chosen_row(self.sent, len(texts))] = True
        self.sent += 1
        self.quality.fill(self.encoder.encode(columns), unix_ns, chosen)

    def states(self, unix_ns):
        report = self.quality.report(unix_ns)
        pairs = zip(report.counts, report.verdicts, strict=True)
        return {(c.rate.name, c.rate.feature): v.state for c, v in pairs if v and c.rate.feature}

    def shares(self, unix_ns=0):
        counts = self.quality.report(unix_ns).counts
        return {(c.rate.name, c.rate.feature): c.successes for c in counts if c.successes}


def test_from_payload_to_report():
    subject = Subject()
    subject.send([5.0, 400.0, np.nan, 7.0], ["x", "new", "new", None])
    assert subject.shares() == {
        ("out_of_range", "n"): 1,
        ("missing", "n"): 1,
        ("missing", "c"): 1,
        ("unseen", "c"): 2,
    }
    report = subject.quality.report(0)
    assert report.unseen["c"].categories == (Unseen("new", 2, 0),)
    assert report.unseen["c"].distinct == pytest.approx(1.0, abs=0.01)
    assert (report.rows, round(report.distinct_rows)) == (4, 4)


def test_messages_of_another_shape_are_counted():
    subject = Subject()
    subject.quality.note(SCHEMA)
    subject.quality.note(intern_schema(("n",), ("numeric",)))
    assert subject.shares() == {("shape", None): 1}


def test_a_report_is_made_once_a_second_and_when_a_reference_was_learnt():
    subject = Subject(learnt=False)
    first = subject.quality.report(10 * S)
    subject.send([999.0], ["new"], 10 * S)
    assert subject.quality.report(10 * S + REPORT_NS - 1) is first
    subject.quality.use(subject.features)
    subject.send([999.0], ["new"], 10 * S)
    assert subject.shares(10 * S + 1) == {("out_of_range", "n"): 1, ("unseen", "c"): 1}
    subject.quality.use(subject.features)
    latest = subject.quality.report(10 * S + 2)
    assert latest.counts == subject.quality.report(10 * S + 3).counts
    assert subject.quality.report(11 * S + 2) is not latest


def test_resumed_is_the_same():
    whole, resumed = Subject(), Subject()
    whole.send([1.0, 2.0], ["new", "x"])
    resumed.quality.restore(msgpack.unpackb(msgpack.packb(whole.quality.to_state())))
    resumed.sent = whole.sent
    for subject in (whole, resumed):
        subject.send([-1.0, 3.0], ["newer", "new"], 50 * S)
    assert resumed.quality.to_state() == whole.quality.to_state()
    assert resumed.quality.report(60 * S).unseen == whole.quality.report(60 * S).unseen
    assert resumed.shares() == whole.shares()


def test_values_out_of_range_raise_the_alarm_of_their_feature_only():
    subject = Subject()
    rng = np.random.default_rng(2)
    for pane in range(8):
        for _ in range(100):
            subject.send(rng.uniform(0, 299, size=4).tolist(), ["x"] * 4, (pane + 1) * 60 * S)
    assert subject.states(539 * S) == {("out_of_range", "n"): "ok"}
    for pane in range(8, 12):
        for _ in range(100):
            subject.send([*rng.uniform(0, 299, size=3), 1000.0], ["x"] * 4, (pane + 1) * 60 * S)
    assert subject.states(779 * S) == {("out_of_range", "n"): "violated"}
    entry = next(e for e in subject.quality.report(780 * S).quality_json() if e["rate"] == "out_of_range")
    assert entry["since_unix_s"] == 540.0


def test_infinities_are_out_of_range_unless_the_reference_has_them():
    states = []
    for infinite in (0, 30):
        subject = Subject(infinite=infinite)
        rng = np.random.default_rng(4)
        for pane in range(10):
            for _ in range(100):
                number = np.inf if rng.random() < 0.1 else rng.uniform(30, 299)
                subject.send([number], ["x"], (pane + 1) * 60 * S)
        states.append(subject.states(660 * S)["out_of_range", "n"])
    assert states == ["violated", "ok"]


def test_a_feature_that_stays_at_one_value_raises_its_alarm():
    subject = Subject()
    rng = np.random.default_rng(3)
    for pane in range(80):
        for _ in range(5):
            sound = rng.uniform(0, 299, size=50) if pane < 70 else np.full(50, 7.0)
            subject.send(sound.tolist(), ["x", "y"] * 25, (pane + 1) * 60 * S)
        if pane == 69:
            assert subject.states(71 * 60 * S)["constant", "n"] == "ok"
    for pane in range(80, 110):
        for _ in range(5):
            subject.send([7.0] * 50, ["x", "y"] * 25, (pane + 1) * 60 * S)
    assert subject.states(111 * 60 * S)["constant", "n"] == "violated"


def test_one_large_message_is_one_trial():
    """A thousand rows of one caller, all of them out of range, say no more than one row."""
    subject = Subject()
    for at in range(100):
        subject.send([5.0] if at else [900.0] * 1000, ["x"] if at else ["x"] * 1000, S + at * S // 10)
    assert subject.states(50 * S)["out_of_range", "n"] == "ok"


def test_the_alarm_resumes_where_it_was():
    def panes(subject, which):
        for pane in which:
            for _ in range(50):
                subject.send([3.0, 1000.0 * (pane > 1)], ["x", "y"], (pane + 1) * 60 * S)

    whole, first, resumed = Subject(), Subject(), Subject()
    panes(whole, range(4))
    panes(first, range(2))
    resumed.quality.restore(msgpack.unpackb(msgpack.packb(first.quality.to_state())))
    resumed.sent = first.sent
    panes(resumed, range(2, 4))
    assert resumed.quality.report(200 * S).verdicts == whole.quality.report(200 * S).verdicts
    assert resumed.quality.to_state() == whole.quality.to_state()


class TestWhatIsToldForSnapshots:
    def test_are_the_stretches_of_the_window_with_their_unseen_categories(self):
        subject = Subject()
        subject.send([5.0, 400.0], ["x", "new"], 1020 * S)
        subject.send([5.0], ["y"], 1140 * S)
        first, second = subject.quality.report(1141 * S).told
        assert (first.rows, second.rows) == (2, 1)
        assert first.start_unix_ns <= 1020 * S < first.end_unix_ns <= second.start_unix_ns
        assert list(first.unseen) == [1]
        assert list(first.unseen[1].texts.values()) == ["new"]
        assert second.unseen == {}

    def test_do_not_change_when_rows_come_and_are_not_copied_when_none_have(self):
        subject = Subject()
        subject.send([5.0], ["new"], 1020 * S)
        subject.send([5.0], ["new"], 1140 * S)
        told = subject.quality.report(1141 * S).told
        before = [pane.to_state() for pane in told]
        subject.send([6.0], ["other"], 1141 * S)
        again = subject.quality.report(1143 * S).told
        assert [pane.to_state() for pane in told] == before
        assert again[0] is told[0]
        assert [pane.rows for pane in again] == [1, 2]

    def test_are_told_anew_for_messages_without_rows_of_their_own(self):
        subject = Subject()
        subject.send([5.0], ["x"], 1020 * S)
        (told,) = subject.quality.report(1020 * S).told
        subject.quality.note(intern_schema(("n",), ("numeric",)))
        panes = subject.quality.report(1022 * S).told
        assert sum(pane.others[1].tolist()[1] for pane in panes) == 2
        assert told.others[1].tolist() == [0, 1]

    def test_are_nothing_while_a_reference_is_being_learnt(self):
        subject = Subject(learnt=False)
        subject.send([5.0], ["x"], 1020 * S)
        assert subject.quality.report(1020 * S).told == ()
        subject.quality.use(subject.features)
        subject.send([5.0], ["x"], 1020 * S)
        assert [pane.rows for pane in subject.quality.report(1020 * S).told] == [1]
