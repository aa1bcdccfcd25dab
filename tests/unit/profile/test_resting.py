from __future__ import annotations

import numpy as np
import pytest

from kernels.sketch import CELLS
from sidecar.profile.pane import Pane
from sidecar.profile.resting import RestingPane, at_rest, least_extremes, narrow
from tests.support.panes import contents


def pane_of(largest: int, width: int = 2, lanes: int = 5, seed: int = 1) -> Pane:
    rng = np.random.default_rng(seed)
    made = Pane.empty(60, 120, width, lanes)
    made.rows = 7
    made.counts[:] = rng.integers(0, largest + 1, made.counts.shape)
    made.counts[0, 0] = largest
    made.sums[:] = rng.integers(-(1 << 40), 1 << 40, made.sums.shape)
    made.extremes[:] = [[-1.5, 2.5], [np.inf, -np.inf]]
    made.sketches[1, 450] = largest
    return made


@pytest.mark.parametrize(
    ("largest", "octets"),
    [(0, 1), (255, 1), (256, 2), (65_535, 2), (65_536, 4), (2**32 - 1, 4), (2**32, 8), (2**62, 8)],
)
def test_counts_rest_in_the_smallest_type_that_holds_them_and_wake_as_they_were(
    largest: int, octets: int
) -> None:
    pane = pane_of(largest)
    rested = at_rest(pane, 3, 3, 9)
    assert (rested.counts.dtype.itemsize, rested.sketches.dtype.itemsize) == (octets, octets)
    assert contents(rested.wake()) == contents(pane)
    again = RestingPane.from_state(rested.to_state(), 2, 5, CELLS)
    assert again.to_state() == rested.to_state()
    assert (again.first, again.last, again.epoch) == (3, 3, 9)


@pytest.mark.parametrize("largest", [3, 70_000, 2**32, 2**61])
def test_what_is_added_to_a_sum_can_be_taken_out_of_it_exactly(largest: int) -> None:
    total, other = pane_of(largest, seed=2), pane_of(largest, seed=3)
    before = total.copy()
    merged = total.copy()
    merged.merge(other)
    rested = at_rest(other, 1, 1, 0)
    rested.add_to(total)
    assert contents(total) == contents(merged)
    rested.take_from(total)
    assert contents(total) == contents(before)  # the extremes of both are the same here


def test_a_sum_with_one_that_has_no_sketches_has_none() -> None:
    total = pane_of(3)
    at_rest(pane_of(3), 1, 1, 0).without_sketches().add_to(total)
    assert total.sketches.shape == (2, 0)


def test_without_sketches_shares_the_other_arrays() -> None:
    rested = at_rest(pane_of(3), 1, 1, 0)
    bare = rested.without_sketches()
    assert bare.counts is rested.counts
    assert bare.n_bytes == rested.n_bytes - 2 * CELLS


def test_joined_panes_cover_both_and_leave_the_parts_as_they_were() -> None:
    one, two = at_rest(pane_of(200, seed=1), 4, 6, 8), at_rest(pane_of(200, seed=2), 7, 7, 9)
    before = one.to_state()
    joined = one.joined(two)
    assert (joined.first, joined.last, joined.epoch, joined.rows) == (4, 7, 9, 14)
    assert joined.counts.dtype.itemsize == 2  # 400
    expected = one.wake()
    expected.merge(two.wake())
    assert contents(joined.wake()) == contents(expected)
    assert one.to_state() == before


def test_rest_is_apart_from_the_pane() -> None:
    pane = pane_of(5)
    rested = at_rest(pane, 1, 1, 0)
    pane.counts[:] = 0
    pane.sums[:] = 0
    pane.extremes[:] = 0
    assert contents(rested.wake()) == contents(pane_of(5))


@pytest.mark.parametrize(
    "change",
    [
        {"counts": [1, b"\x01" * 9]},
        {"counts": [2, b"\x01\x00" * 10]},
        {"counts": [8, b"\xff" * 80]},
        {"counts": [3, b"\x00" * 30]},
        {"sketches": [1, b"\x00" * 7]},
        {"sums": b""},
        {"extremes": b"123"},
        {"rows": -1},
        {"first": 0},
        {"last": 2},
        {"start_unix_ns": 121},
    ],
)
def test_damaged_state_is_refused(change: dict[str, object]) -> None:
    state = at_rest(pane_of(5), 3, 3, 0).to_state() | change
    with pytest.raises(ValueError, match=r"."):
        RestingPane.from_state(state, 2, 5, CELLS)


def test_extremes_of_many() -> None:
    panes = [at_rest(pane_of(5), 1, 1, 0) for _ in range(2)]
    panes[1].extremes[0] = [-9.0, 1.0]
    assert least_extremes(panes, 2).tolist() == [[-9.0, 2.5], [np.inf, -np.inf]]
    assert least_extremes([], 1).tolist() == [[np.inf, -np.inf]]


def test_no_counts_at_all_are_narrow() -> None:
    assert narrow(np.zeros((0, 4), dtype=np.int64)).dtype.itemsize == 1
