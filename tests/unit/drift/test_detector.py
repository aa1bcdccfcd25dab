from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from sidecar.drift.detector import CAP_MARGIN, Detector, false_alarm_panes
from sidecar.drift.rates import ExtraRate
from tests.support.drifting import PANES, Stream, shifted


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


def test_another_spread_is_named_by_the_quantile_that_went_farthest():
    def wider(rows):
        rows[:, 1] *= 1.3
        return rows

    stream = Stream()
    evidence = stream.advance(wider, n=200, panes=20)
    assert stream.drifted(evidence) == [1]
    moved = evidence.moved[1]
    assert (moved.at[:2], moved.direction) in {("q0", "up"), ("q0", "down")}
    assert (moved.direction == "up") == (moved.value > 0.0)
    assert moved.new_value / moved.value == pytest.approx(1.3, abs=0.15)


def test_missing_values():
    def change(rows):
        rows[:50, 2] = np.nan
        return rows

    stream = Stream()
    evidence = stream.advance(change, panes=3)
    assert stream.drifted(evidence) == [2]
    moved = evidence.moved[2]
    assert (moved.at, moved.direction, moved.share, moved.new_share) == ("missing", "up", 0.0, 0.1)
    assert (moved.value, moved.new_value) == (None, None)


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
    assert (evidence.moved[0].at, evidence.moved[0].direction) == ("q0.999", "up")
    assert evidence.moved[0].new_share == pytest.approx(0.88, abs=0.01)


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
    before = stream.detector.log_m
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


def test_budget_is_shared_by_four_detectors():
    assert false_alarm_panes(90, 60) == 4 * 90 * 1440


def test_size_of_a_move_is_that_of_the_rows_since_it_began():
    stream = Stream()
    stream.advance(panes=20)
    evidence = stream.advance(shifted(0.5), panes=4)
    moved = evidence.moved[1]
    reference = stream.features[1]
    below = np.concatenate([[0], np.cumsum(reference.cells)])[1:-1] / reference.present
    place = int(np.searchsorted(reference.edges, moved.value))
    assert reference.edges[place] == moved.value
    assert moved.share == pytest.approx(below[place])
    # of a normal value moved up by half a deviation fewer lie below the edge, and the quantile moves as far
    assert moved.new_share == pytest.approx(norm.cdf(moved.value - 0.5), abs=0.03)
    assert moved.new_value - moved.value == pytest.approx(0.5, abs=0.12)


def test_value_beyond_all_edges_is_closed_by_the_extremes_seen():
    def change(rows):
        rows[:, 0] = 50.0
        return rows

    stream = Stream()
    counts = stream.pane(change)
    extremes = np.tile([-4.0, 50.0], (5, 1))
    known = stream.detector.evidence(counts, 0.0, None, extremes).moved[0]
    plain = stream.detector.evidence(counts, 0.0).moved[0]
    last = stream.features[0].edges[-1]
    assert (known.at, known.direction, known.new_share) == (plain.at, "up", 0.0)
    assert last < plain.new_value <= stream.features[0].extremes[1] < known.new_value <= 50.0


def test_counts_of_several_workers_added_give_the_numbers_of_one():
    one, two = Stream(seed=3), Stream(seed=3)
    for _ in range(5):
        shares = [one.pane(shifted(0.3), n) for n in (100, 250, 50)]
        one.detector.advance(np.sum(shares, axis=0), 0.0)
        two.detector.advance(shares[2] + (shares[0] + shares[1]), 0.0)
    assert one.detector.to_state() == two.detector.to_state()


def test_rates_that_are_no_lanes():
    stream = Stream()
    extra = [ExtraRate("errors", 0.01, 20_000.0), ExtraRate("constant", 0.0, 500.0, feature=2)]
    detector = Detector(stream.features, PANES, 0.01, extra=extra)
    for _ in range(3):
        detector.advance(stream.pane(), 0.0, np.array([[5.0, 500.0], [0.0, 2.0]]))
    fine = detector.evidence(stream.pane(), 0.0, np.array([[4.0, 500.0], [0.0, 2.0]]))
    assert fine.moved == (None,) * 6
    for _ in range(3):
        detector.advance(stream.pane(), 180.0, np.array([[40.0, 500.0], [0.0, 2.0]]))
    nothing = np.zeros((5, stream.table.lanes), dtype=np.int64)
    found = detector.evidence(nothing, 0.0)
    assert [k for k in range(6) if found.drifted(k)] == [5]
    moved = found.moved[5]
    assert (moved.at, moved.direction, moved.share) == ("errors", "up", pytest.approx(0.01))
    assert moved.new_share == pytest.approx(0.08, abs=0.025)
    for _ in range(12):
        detector.advance(stream.pane(), 300.0, np.array([[5.0, 500.0], [2.0, 2.0]]))
    assert detector.evidence(nothing, 0.0).moved[2].at == "constant"


def test_bounded_means_are_rates_as_well():
    """A loss clipped to [0, 1] whose mean rises, given as fractions."""
    rng = np.random.default_rng(1)
    detector = Detector([], PANES, 0.01, extra=[ExtraRate("loss", 0.2, 10_000.0)])
    empty = np.zeros((0, 36), dtype=np.int64)
    for mean, drifts in ((0.2, False), (0.3, True)):
        for _ in range(30):
            losses = rng.beta(4 * mean, 4 * (1 - mean), size=200)
            detector.advance(empty, 0.0, np.array([[losses.sum(), 200.0]]))
        assert detector.evidence(empty, 0.0).drifted(0) is drifts


def test_design_effect_makes_rows_worth_less():
    """Four copies of every row with phi 4 say what the rows alone say, but for the reference's own band."""
    stream = Stream()
    phi = [4.0] * 5
    copies = Detector(stream.features, PANES, 0.01, phi=phi)
    plain = Detector(
        [replace(f, counts=f.counts * 4) for f in stream.features], PANES, 0.01, phi=phi
    )  # the band of the rows as they are
    for _ in range(3):
        counts = stream.pane(shifted(0.5))
        plain.advance(4 * counts, 0.0)
        stream.detector.advance(counts, 0.0)
        copies.advance(counts, 0.0)
    assert plain.log_m == pytest.approx(stream.detector.log_m, rel=1e-9)
    assert copies.log_m.max() < stream.detector.log_m.max()


def test_checkpoint_goes_on_without_changing_a_number():
    stream = Stream()
    stream.advance(shifted(0.4), panes=4)
    resumed = Detector(stream.features, PANES, 0.01)
    resumed.restore(stream.detector.to_state())
    for _ in range(3):
        counts = stream.pane(shifted(0.4))
        stream.detector.advance(counts, stream.now)
        resumed.advance(counts, stream.now)
    assert resumed.to_state() == stream.detector.to_state()
    nothing = np.zeros_like(counts)
    assert resumed.evidence(nothing, 0.0).moved == stream.detector.evidence(nothing, 0.0).moved


def test_fork_goes_its_own_way():
    stream = Stream()
    stream.advance(panes=2)
    before = stream.detector.to_state()
    other = stream.detector.fork()
    other.advance(stream.pane(shifted(2.0)), 0.0)
    assert stream.detector.to_state() == before
    assert other.to_state() != before
