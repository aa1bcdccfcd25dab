from __future__ import annotations

import math

import numpy as np
import pytest

from sidecar.drift.detector import CAP_MARGIN, Detector, Moved, false_alarm_panes
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.lanes import lane_table
from sidecar.profile.learning import learn_reference
from sidecar.profile.pane import Pane

PANES = 2000.0


class Stream:
    """Panes of rows of F normal features and one categorical, and a detector that takes them in."""

    def __init__(self, width=4, rows=10_000, seed=1):
        self.rng = np.random.default_rng(seed)
        kinds = ["numeric"] * width + ["categorical"]
        self.specs = [FeatureSpec(f"f{k}", "input", kind) for k, kind in enumerate(kinds)]
        texts = [()] * width + [("JFK", "LGA")]
        self.features = learn_reference(self.specs, self.rows(rows), texts)
        self.table = lane_table(self.specs, self.features)
        self.detector = Detector(self.features, PANES, 0.01)
        self.now = 0.0

    def rows(self, n, width=4):
        return np.column_stack([self.rng.normal(size=(n, width)), self.rng.choice([1.0, 2.0], size=n)])

    def pane(self, change=lambda rows: rows, n=500):
        pane = Pane.empty(0, 0, len(self.specs), self.table.lanes)
        pane.fill(self.table, np.ascontiguousarray(change(self.rows(n))))
        return pane.counts

    def advance(self, change=lambda rows: rows, n=500, panes=1):
        for _ in range(panes):
            self.detector.advance(self.pane(change, n), self.now)
            self.now += 60.0
        return self.evidence()

    def evidence(self, open_counts=None):
        nothing = np.zeros((len(self.specs), self.table.lanes), dtype=np.int64)
        return self.detector.evidence(nothing if open_counts is None else open_counts, self.now)

    def drifted(self, evidence):
        return [k for k in range(len(self.specs)) if evidence.drifted(k)]


def shifted(by):
    def change(rows):
        rows[:, 1] += by
        return rows

    return change


def test_nothing_is_known_before_the_first_rows():
    evidence = Stream().evidence()
    assert np.all(np.isneginf(evidence.log_e))
    assert evidence.moved == (None,) * 5
    assert np.isnan(evidence.since_unix_s).all()
    assert evidence.log_e_threshold == pytest.approx(math.log(5 * PANES))


def test_no_drift_no_alarm():
    stream = Stream()
    for _ in range(100):
        assert stream.drifted(stream.advance()) == []


def test_drift_is_found_and_named():
    stream = Stream()
    stream.advance(panes=10)
    evidence = stream.advance(shifted(0.5), panes=3)
    assert stream.drifted(evidence) == [1]
    assert evidence.moved[1].direction == "up"
    assert evidence.moved[1].at.startswith("q0.")
    assert evidence.since_unix_s[1] == 600.0


def test_downward_drift():
    stream = Stream()
    evidence = stream.advance(shifted(-1.0), panes=3)
    assert evidence.moved[1].direction == "down"


def test_missing_values():
    def change(rows):
        rows[:50, 2] = np.nan
        return rows

    stream = Stream()
    evidence = stream.advance(change, panes=3)
    assert stream.drifted(evidence) == [2]
    assert evidence.moved[2] == Moved("missing", "up")


@pytest.mark.parametrize(("code", "place"), [(2.0, "category=LGA"), (0.0, "other")])
def test_categories(code, place):
    def change(rows):
        rows[rows[:, 4] == 1.0, 4] = code
        return rows

    stream = Stream()
    evidence = stream.advance(change, panes=3)
    assert stream.drifted(evidence) == [4]
    assert evidence.moved[4].at in (place, "category=JFK")
    assert (evidence.moved[4].direction == "up") == (evidence.moved[4].at == place)


def test_infinities_are_beyond_the_last_quantile():
    def change(rows):
        rows[:60, 0] = np.inf
        return rows

    evidence = Stream().advance(change, panes=3)
    assert evidence.moved[0] == Moved("q0.999", "up")


def test_one_outlier_and_one_nan_move_nothing():
    def change(rows):
        rows[0, 0], rows[1, 2] = 1e6, np.nan
        return rows

    stream = Stream()
    plain = stream.advance(panes=5)
    odd = stream.advance(change)
    assert stream.drifted(odd) == []
    assert np.all(odd.log_e < plain.log_e_threshold / 2)


def test_open_pane_counts_without_changing_the_detector():
    stream = Stream()
    stream.advance(panes=3)
    before = stream.detector.log_m.copy()
    counts = stream.pane(shifted(3.0))
    assert stream.drifted(stream.evidence(counts)) == [1]
    assert stream.drifted(stream.evidence()) == []
    assert np.array_equal(stream.detector.log_m, before)
    stream.detector.advance(counts, stream.now)
    assert stream.drifted(stream.evidence()) == [1]


def test_state_recovers_when_the_drift_ends():
    stream = Stream()
    stream.advance(shifted(2.0), panes=50)
    panes = next(k for k in range(1, 30) if not stream.drifted(stream.advance()))
    assert panes <= 5


def test_begin_of_a_drift_stays_what_it_was():
    stream = Stream()
    stream.advance(panes=10)
    first = stream.advance(shifted(1.0), panes=2).since_unix_s[1]
    assert first == 600.0
    assert stream.advance(shifted(1.0), panes=20).since_unix_s[1] == first
    stream.advance(panes=15)
    assert np.isnan(stream.detector.drift_since_unix_s).all()


def test_threshold_falls_as_more_features_drift():
    def change(rows):
        rows[:, :4] += 2.0
        return rows

    stream = Stream()
    evidence = stream.advance(change, panes=5)
    assert stream.drifted(evidence) == [0, 1, 2, 3]
    assert evidence.log_e_threshold == pytest.approx(math.log(5 * PANES / 4))


def test_values_never_pass_the_cap():
    stream = Stream()
    for _ in range(5):
        evidence = stream.advance(shifted(5.0))
        assert evidence.log_e.max() <= math.log(5 * PANES) + CAP_MARGIN
    assert evidence.log_e[1] == pytest.approx(math.log(5 * PANES) + CAP_MARGIN)


def test_order_of_the_rows_does_not_matter():
    one, two = Stream(), Stream()
    counts = [one.pane() for _ in range(3)]
    one.detector.advance(counts[0] + counts[1] + counts[2], 0.0)
    two.detector.advance(counts[2] + counts[0] + counts[1], 0.0)
    assert np.array_equal(one.detector.log_m, two.detector.log_m)


def test_panes_without_rows_are_no_evidence():
    stream = Stream()
    before = stream.advance(panes=3).log_e
    nothing = np.zeros((5, stream.table.lanes), dtype=np.int64)
    for _ in range(1000):
        stream.detector.advance(nothing, 0.0)
    assert np.array_equal(stream.evidence().log_e, before)


def test_taking_over_keeps_what_was_known():
    stream = Stream()
    part = Detector([*stream.features[:4], None], PANES, 0.01)
    for _ in range(3):
        part.advance(stream.pane(shifted(1.0)), 0.0)
    whole = Detector(stream.features, PANES, 0.01)
    whole.take_over(part)
    nothing = np.zeros((5, stream.table.lanes), dtype=np.int64)
    old, new = part.evidence(nothing, 0.0), whole.evidence(nothing, 0.0)
    assert np.array_equal(old.log_e[:4], new.log_e[:4])
    assert np.isneginf(new.log_e[4])
    assert new.since_unix_s[1] == old.since_unix_s[1]


def test_no_features():
    detector = Detector([], PANES, 0.01)
    empty = np.zeros((0, 36), dtype=np.int64)
    detector.advance(empty, 0.0)
    assert detector.evidence(empty, 0.0).moved == ()
    assert detector.n_streams == 0


def test_budget_is_shared_by_two_roles():
    assert false_alarm_panes(90, 60) == 2 * 90 * 1440
