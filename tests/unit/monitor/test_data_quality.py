from __future__ import annotations

import msgpack
import numpy as np
import pytest

from sidecar.monitor.data_quality import REPORT_NS, DataQuality
from sidecar.payload.columns import Columns, intern_schema
from sidecar.profile.encoding import RowEncoder
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.learning import learn_reference
from sidecar.profile.unseen import Unseen, UnseenTexts
from sidecar.profile.vocabulary import Vocabulary

S = 1_000_000_000
SPECS = (FeatureSpec("n", "input", "numeric"), FeatureSpec("c", "input", "categorical"))
SCHEMA = intern_schema(("n", "c"), ("numeric", "categorical"))


def columns_of(numbers, texts):
    numeric = np.array(numbers, dtype=np.float64)[:, None]
    return Columns("v2", "request", "m", None, None, len(texts), SCHEMA, numeric, (texts,), ())


class Subject:
    """An encoder with its quality, as the monitor puts them together."""

    def __init__(self, learnt=True):
        vocabulary = Vocabulary(("x", "y"), frozen=True, unseen=UnseenTexts())
        self.encoder = RowEncoder(SPECS, (None, vocabulary))
        sample = np.column_stack([np.arange(300.0), np.arange(300) % 2 + 1.0])
        self.features = learn_reference(SPECS, sample, [(), ("x", "y")])
        known = self.features if learnt else (None, None)
        self.quality = DataQuality("input", SCHEMA, self.encoder, known, 300 * S)

    def send(self, numbers, texts, unix_ns=0):
        columns = columns_of(numbers, texts)
        self.quality.note(columns.schema)
        self.quality.fill(self.encoder.encode(columns), unix_ns)

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
    for subject in (whole, resumed):
        subject.send([-1.0, 3.0], ["newer", "new"], 50 * S)
    assert resumed.quality.to_state() == whole.quality.to_state()
    assert resumed.quality.report(60 * S).unseen == whole.quality.report(60 * S).unseen
    assert resumed.shares() == whole.shares()
