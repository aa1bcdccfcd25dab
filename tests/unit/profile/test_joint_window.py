from __future__ import annotations

import numpy as np
import pytest

from sidecar.profile.joint_window import GRANULE_LIMIT, JointPane, JointWindow
from tests.unit.profile.test_fourier import sums_of as fourier_sums_of
from tests.unit.profile.test_fourier import vectors_of
from tests.unit.profile.test_joint import rows_of
from tests.unit.profile.test_joint import sums_of as joint_sums_of


def pane(start, rows=5, seed=1):
    vectors = (fourier_sums_of(vectors_of(rows, seed=seed)),)
    return JointPane(start, start + 10, joint_sums_of(rows_of(rows, seed=seed)), vectors)


def window_of(horizon=50, *starts):
    window = JointWindow(horizon, 10)
    for start in starts:
        window.push(pane(start))
    return window


def test_empty_panes_have_no_rows():
    empty = JointPane.empty(0, 10, 3, 2)
    assert empty.rows == 0
    assert len(empty.vectors) == 2
    assert JointPane.empty(0, 10, 3, 0).rows == 0


def test_rows_are_those_of_the_fuller_side():
    alone = JointPane.empty(0, 10, 3, 1)
    alone.vectors[0].merge(pane(0, 7).vectors[0])
    assert (alone.rows, pane(0, 7).rows) == (7, 7)


def test_merging_adds_and_widens():
    whole = pane(0, 4)
    whole.merge(pane(30, 6, seed=2))
    assert (whole.start_unix_ns, whole.end_unix_ns, whole.rows) == (0, 40, 10)
    other = pane(30, 6, seed=2)
    other.merge(pane(0, 4))
    assert other.to_state() == whole.to_state()


def test_state_is_whole():
    state = pane(3).to_state()
    assert JointPane.from_state(state, 3, 1).to_state() == state
    with pytest.raises(ValueError, match="sums of 2 embeddings, got 1"):
        JointPane.from_state(state, 3, 2)


def test_window_is_the_sum_of_its_panes():
    window = window_of(50, 0, 10, 20)
    assert window.total().rows == 15
    window.push(JointPane.empty(30, 40, 3, 1))
    assert len(window.granules) == 3
    assert window_of().total() is None


def test_panes_from_before_the_window_are_left_out():
    window = window_of(50)
    window.expire(100)
    window.push(pane(40))
    assert window.total() is None
    window.push(pane(41))
    assert window.total().rows == 5


def test_total_is_a_copy():
    window = window_of(50, 0)
    window.total().merge(pane(10))
    assert window.total().rows == 5


def test_panes_leave_with_the_horizon():
    window = window_of(50, 0, 10, 20)
    window.expire(59)
    assert len(window.granules) == 3
    window.expire(60)
    assert [granule.start_unix_ns for granule in window.granules] == [10, 20]
    window.expire(1000)
    assert window.total() is None


def test_long_windows_slide_by_few_granules():
    window = JointWindow(10 * 100, 10)
    for start in range(0, 1000, 10):
        window.push(pane(start, 1))
    assert window.granule_ns == 90
    assert len(window.granules) == GRANULE_LIMIT
    assert window.total().rows == 100


def test_granules_do_not_change_what_was_pushed():
    window = JointWindow(10 * 100, 10)
    first = pane(0)
    before = first.to_state()
    window.push(first)
    window.push(pane(10))
    assert first.to_state() == before


def test_restored_windows_go_on():
    window = window_of(50, 0, 10)
    again = JointWindow(50, 10)
    again.restore([granule.copy() for granule in window.granules], 10)
    for each in (window, again):
        each.push(pane(20, seed=3))
        each.expire(55)
    assert again.total().to_state() == window.total().to_state()
    assert np.array_equal(again.total().joint.products, window.total().joint.products)


@pytest.mark.parametrize(("missing", "most"), [(0.0, 1_200_000), (0.01, 4_700_000)])
def test_memory_of_a_hundred_features(missing, most):
    window = JointWindow(10 * 1000, 10)
    for start in range(0, 10_000, 100):
        joint = joint_sums_of(rows_of(20, width=100, missing=missing))
        window.push(JointPane(start, start + 10, joint, ()))
    panes = [*window.granules, window.total(), window.total()]
    held = sum(pane.joint.products.nbytes + pane.joint.gaps.nbytes for pane in panes)
    assert len(window.granules) == GRANULE_LIMIT
    assert held <= most
