from __future__ import annotations

import pytest

from sidecar.profile.pane import Pane
from sidecar.profile.window import GRANULE_LIMIT, SlidingWindow

PANE_NS = 60


def pane(number, rows=1):
    made = Pane.empty(number * PANE_NS, (number + 1) * PANE_NS, 1, 4)
    made.rows = rows
    made.counts[0, 3] = rows
    made.sums[0] = [rows, 7 * rows, 1, rows]
    made.extremes[0] = [-rows, rows]
    return made


def rows_at(window, open_number):
    window.expire(open_number * PANE_NS)
    return window.with_open(pane(open_number, 0)).rows


def test_holds_the_closed_panes_of_the_horizon_and_the_open_one():
    window = SlidingWindow(5 * PANE_NS, PANE_NS, 1, 4)
    for number in range(8):
        window.push(pane(number, 10**number))
    window.expire(8 * PANE_NS)
    total = window.with_open(pane(8, 5))
    assert total.rows == 11_111_005
    assert (total.start_unix_ns, total.end_unix_ns) == (3 * PANE_NS, 9 * PANE_NS)
    assert total.counts[0, 3] == total.rows


def test_empties_while_nothing_comes():
    window = SlidingWindow(2 * PANE_NS, PANE_NS, 1, 4)
    window.push(pane(0))
    assert [rows_at(window, number) for number in (1, 2, 3)] == [1, 1, 0]
    assert window.granules == ()


def test_open_pane_alone():
    window = SlidingWindow(2 * PANE_NS, PANE_NS, 1, 4)
    assert window.with_open(pane(7, 3)).start_unix_ns == 7 * PANE_NS


def test_sum_is_apart_from_the_panes():
    window = SlidingWindow(2 * PANE_NS, PANE_NS, 1, 4)
    mine = pane(0)
    window.push(mine)
    mine.counts[:] = 99
    window.with_open(pane(1)).counts[:] = 77
    assert window.with_open(pane(1)).counts[0, 3] == 2


@pytest.mark.parametrize("panes", [1, 2, 360, 361, 1440, 86_400])
def test_granules_are_bounded_and_lose_nothing(panes):
    window = SlidingWindow(panes * PANE_NS, PANE_NS, 1, 4)
    assert window.granule_ns >= PANE_NS
    assert panes * PANE_NS / window.granule_ns <= GRANULE_LIMIT
    n = min(panes, 400)
    for number in range(n):
        window.push(pane(number))
    assert len(window.granules) <= GRANULE_LIMIT
    assert rows_at(window, n) == n


def test_long_window_slides_by_granules():
    window = SlidingWindow(1440 * PANE_NS, PANE_NS, 1, 4)
    assert window.granule_ns == 4 * PANE_NS
    for number in (0, 3, 4, 1439):
        window.push(pane(number))
    # the first granule ends with pane 3, which leaves the window when pane 1444 opens
    assert [rows_at(window, number) for number in (1440, 1443, 1444, 1448)] == [4, 4, 2, 1]


def test_many_features_have_fewer_granules():
    assert SlidingWindow(1440 * PANE_NS, PANE_NS, 1000, 35).granule_ns > 4 * PANE_NS


def test_panes_without_rows_are_left_out():
    window = SlidingWindow(5 * PANE_NS, PANE_NS, 1, 4)
    window.push(pane(0, 0))
    assert window.granules == ()


def test_restored_window_has_the_same_sum():
    window = SlidingWindow(50 * PANE_NS, PANE_NS, 1, 4)
    for number in range(60):
        window.push(pane(number, number))
        window.expire((number + 1) * PANE_NS)
    again = SlidingWindow(50 * PANE_NS, PANE_NS, 1, 4)
    again.restore(window.granules)
    one, two = window.with_open(pane(60)), again.with_open(pane(60))
    assert one.to_state() == two.to_state()
