from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from kernels.sketch import CELLS
from sidecar.profile.pane import Pane
from sidecar.profile.resting import RestingPane, at_rest
from sidecar.profile.window import (
    GRANULE_LIMIT,
    SlidingWindow,
    TumblingWindow,
    granule_limit,
    window_bytes,
)
from tests.support.panes import contents

PANE_NS = 60


def open_pane(number: int, rows: int = 1) -> Pane:
    """A pane of one feature; what it holds tells which pane it is."""
    made = Pane.empty(number * PANE_NS, (number + 1) * PANE_NS, 1, 4)
    made.rows = rows
    made.counts[0, 3] = rows
    made.sums[0] = [rows, 7 * rows, 1, rows]
    made.extremes[0] = [-number, number]
    made.sketches[0, number % CELLS] = rows
    return made


def closed(number: int, rows: int = 1) -> RestingPane:
    return at_rest(open_pane(number, rows), number + 1, number + 1, 5)


def fill(window: SlidingWindow | TumblingWindow, numbers: range, lag: int = 0) -> None:
    """Panes close `lag` panes behind the newest one."""
    for number in numbers:
        window.expire((number + 1 + lag) * PANE_NS)
        window.push(closed(number))


def rows_at(window: SlidingWindow, open_number: int) -> int:
    window.expire(open_number * PANE_NS)
    return window.with_open([open_pane(open_number, 0)]).rows


def test_holds_the_closed_panes_of_the_horizon_and_the_open_ones() -> None:
    window = SlidingWindow(5 * PANE_NS, PANE_NS, 1, 4)
    for number in range(8):
        window.push(closed(number, 10**number))
    window.expire(9 * PANE_NS)
    total = window.with_open([open_pane(8, 3), open_pane(9, 2)])
    assert total.rows == 11_110_005
    assert (total.start_unix_ns, total.end_unix_ns) == (4 * PANE_NS, 10 * PANE_NS)
    assert total.counts[0, 3] == total.rows
    assert total.extremes.tolist() == [[-9.0, 9.0]]


def test_an_open_pane_older_than_the_horizon_is_passed_over() -> None:
    window = SlidingWindow(2 * PANE_NS, PANE_NS, 1, 4)
    window.expire(9 * PANE_NS)
    total = window.with_open([open_pane(number, 10**number) for number in range(10)])
    assert total.rows == 1_110_000_000
    assert total.start_unix_ns == 7 * PANE_NS


def test_a_pane_that_closes_behind_the_horizon_is_not_taken_in() -> None:
    window = SlidingWindow(2 * PANE_NS, PANE_NS, 1, 4)
    fill(window, range(9), lag=5)
    assert window.granules == ()


def test_empties_while_nothing_comes() -> None:
    window = SlidingWindow(2 * PANE_NS, PANE_NS, 1, 4)
    window.push(closed(0))
    assert [rows_at(window, number) for number in (1, 2, 3)] == [1, 1, 0]
    assert window.granules == ()
    assert window.with_open([]).start_unix_ns == window.with_open([]).end_unix_ns == 3 * PANE_NS


def test_open_pane_alone() -> None:
    window = SlidingWindow(2 * PANE_NS, PANE_NS, 1, 4)
    window.expire(7 * PANE_NS)
    assert window.with_open([open_pane(7, 3)]).start_unix_ns == 7 * PANE_NS


def test_sum_is_apart_from_what_is_held() -> None:
    window = SlidingWindow(2 * PANE_NS, PANE_NS, 1, 4)
    window.push(closed(0))
    window.with_open([open_pane(1)]).counts[:] = 77
    assert window.with_open([open_pane(1)]).counts[0, 3] == 2


@pytest.mark.parametrize("sketches", [False, True])
def test_only_the_judged_window_holds_sketches(sketches: bool) -> None:
    window = SlidingWindow(50 * PANE_NS, PANE_NS, 1, 4, sketches=sketches)
    fill(window, range(9))
    assert [granule.sketches.size for granule in window.granules] == [CELLS * sketches] * 9
    total = window.with_open([open_pane(9)])
    assert total.sketches[:, :10].tolist() == ([[1] * 10] if sketches else [[]])


@pytest.mark.parametrize("sketches", [False, True])
@pytest.mark.parametrize("horizon", [1, 7, 50])
def test_the_running_sum_is_that_of_the_granules(horizon: int, sketches: bool) -> None:
    window = SlidingWindow(horizon * PANE_NS, PANE_NS, 1, 4, sketches=sketches)
    rng = np.random.default_rng(3)
    for number in range(120):
        window.push(closed(number, int(rng.integers(1, 1000))))
        window.expire((number + 1) * PANE_NS)
        expected, *others = [granule.wake() for granule in window.granules]
        for other in others:
            expected.merge(other)
        assert contents(window.with_open([])) == contents(expected)


@pytest.mark.parametrize("panes", [1, 2, 360, 361, 1440, 86_400])
def test_granules_are_bounded_and_lose_nothing(panes: int) -> None:
    window = SlidingWindow(panes * PANE_NS, PANE_NS, 1, 4)
    assert window.granule_ns >= PANE_NS
    assert panes * PANE_NS / window.granule_ns <= GRANULE_LIMIT
    n = min(panes, 400)
    for number in range(n):
        window.push(closed(number))
    assert len(window.granules) <= GRANULE_LIMIT
    assert rows_at(window, n) == n


def test_granules_cover_every_closing_once() -> None:
    window = SlidingWindow(1440 * PANE_NS, PANE_NS, 1, 4)
    fill(window, range(50))
    granules = window.granules
    assert (granules[0].first, granules[-1].last) == (1, 50)
    assert all(later.first == earlier.last + 1 for earlier, later in pairwise(granules))
    assert {granule.epoch for granule in granules} == {5}


def test_long_window_slides_by_granules() -> None:
    window = SlidingWindow(1440 * PANE_NS, PANE_NS, 1, 4)
    assert window.granule_ns == 4 * PANE_NS
    for number in (0, 3, 4, 1439):
        window.push(closed(number))
    # the first granule ends with pane 3, which leaves the window when pane 1444 opens
    assert [rows_at(window, number) for number in (1440, 1443, 1444, 1448)] == [4, 4, 2, 1]


@pytest.mark.parametrize(
    ("width", "sketches", "limit"),
    [
        *[(1, False, 360), (20, False, 360), (100, False, 360), (1000, False, 69), (10_000, False, 16)],
        *[(1, True, 360), (20, True, 360), (100, True, 131), (1000, True, 16)],
    ],
)
def test_many_features_have_fewer_granules(width: int, sketches: bool, limit: int) -> None:
    assert granule_limit(width, 36, sketches=sketches) == limit


@pytest.mark.parametrize("sketches", [False, True])
def test_its_bytes_are_those_of_the_formula(sketches: bool) -> None:
    window = SlidingWindow(50 * PANE_NS, PANE_NS, 1, 4, sketches=sketches)
    for number in range(60):
        window.push(closed(number, 300))
        window.expire((number + 1) * PANE_NS)
    total = window.with_open([])
    held = sum(granule.n_bytes for granule in window.granules)
    held += total.counts.nbytes + total.sums.nbytes + total.extremes.nbytes + total.sketches.nbytes
    assert held == window_bytes(1, 4, 50, sketches=sketches, count_bytes=2)


@pytest.mark.parametrize("number", [0, 1, 59, 60])
def test_restored_window_goes_on_as_the_one_before(number: int) -> None:
    one, two = (SlidingWindow(50 * PANE_NS, PANE_NS, 1, 4, sketches=True) for _ in range(2))
    fill(one, range(number))
    two.restore(one.to_state())
    for later in range(number, number + 60):
        for window in (one, two):
            fill(window, range(later, later + 1))
        assert contents(one.with_open([open_pane(later)])) == contents(two.with_open([open_pane(later)]))
    assert one.to_state() == two.to_state()


def test_a_state_with_sketches_is_not_one_without() -> None:
    window = SlidingWindow(50 * PANE_NS, PANE_NS, 1, 4, sketches=True)
    fill(window, range(3))
    with pytest.raises(ValueError, match="granules with sketches in a window without"):
        SlidingWindow(50 * PANE_NS, PANE_NS, 1, 4).restore(window.to_state())


def tumbling_rows(window: TumblingWindow, open_number: int) -> tuple[int, int]:
    """Begin in panes, and rows, of what is judged while a pane is open."""
    window.expire(open_number * PANE_NS)
    total = window.with_open([open_pane(open_number, 100)])
    return total.start_unix_ns // PANE_NS, total.rows


def test_a_tumbling_window_is_the_running_stretch_until_one_is_complete() -> None:
    window = TumblingWindow(3 * PANE_NS, 1, 4)
    judged = []
    for number in range(9):
        judged.append(tumbling_rows(window, number))
        window.push(closed(number))
    assert judged == [(0, 100), (0, 101), (0, 102), (0, 3), (0, 3), (0, 3), (3, 3), (3, 3), (3, 3)]


def test_a_tumbling_window_without_traffic_is_empty_once_that_stretch_is_complete() -> None:
    window = TumblingWindow(3 * PANE_NS, 1, 4)
    fill(window, range(3))
    assert tumbling_rows(window, 3) == (0, 3)
    assert tumbling_rows(window, 11) == (6, 0)
    assert window.granules == ()


def test_the_last_panes_of_a_complete_stretch_may_close_after_its_end() -> None:
    window = TumblingWindow(3 * PANE_NS, 1, 4)
    fill(window, range(2))
    window.expire(4 * PANE_NS)
    assert window.with_open([open_pane(2, 10), open_pane(3, 100), open_pane(4, 1000)]).rows == 12
    window.push(closed(2, 10))
    assert window.with_open([open_pane(3, 100), open_pane(4, 1000)]).rows == 12


def test_a_tumbling_window_holds_two_granules() -> None:
    window = TumblingWindow(3 * PANE_NS, 1, 4, sketches=True)
    fill(window, range(100))
    assert [(granule.first, granule.last) for granule in window.granules] == [(97, 99), (100, 100)]
    assert window.granules[0].sketches.size == CELLS


@pytest.mark.parametrize("number", [0, 1, 3, 4, 8])
def test_restored_tumbling_window_goes_on_as_the_one_before(number: int) -> None:
    one, two = (TumblingWindow(3 * PANE_NS, 1, 4) for _ in range(2))
    fill(one, range(number))
    two.restore(one.to_state())
    for later in range(number, number + 9):
        for window in (one, two):
            fill(window, range(later, later + 1))
        assert contents(one.with_open([open_pane(later)])) == contents(two.with_open([open_pane(later)]))
    assert one.to_state() == two.to_state()
