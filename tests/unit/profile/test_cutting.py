from __future__ import annotations

import numpy as np
import pytest

from sidecar.profile.cutting import PaneCutter, RowPanes, TimePanes
from sidecar.profile.pane import Pane
from sidecar.profile.resting import RestingPane


class Stream:
    """Feeds times; every pane is the list of times that went into it."""

    def __init__(self, cutter: PaneCutter) -> None:
        self.cutter = cutter
        self.held: dict[int, list[int]] = {}
        self.closed: list[tuple[int, int, list[int]]] = []

    def send(self, *stamps: int) -> None:
        array = np.array(stamps, dtype=np.int64)
        for start, stop, pane in self.cutter.runs(array):
            pane.rows += stop - start
            pane.counts[0, 0] += stop - start
            self.held.setdefault(self._name(pane), []).extend(array[start:stop].tolist())
            self._close()

    def advance(self, now: int) -> None:
        self.cutter.advance(now)
        self._close()

    def _name(self, pane: Pane) -> int:
        """Panes by time are told apart by their begin, of those by rows one is open."""
        return pane.start_unix_ns if isinstance(self.cutter, TimePanes) else 0

    def _close(self) -> None:
        for pane in self.cutter.due():
            times = self.held.pop(self._name(pane), [])
            self.closed.append((pane.start_unix_ns, pane.end_unix_ns, times))


def by_time(lateness: int = 5) -> Stream:
    return Stream(TimePanes(10, lateness, 30, 1, 4))


def test_a_pane_closes_when_the_watermark_passes_its_end() -> None:
    stream = by_time()
    stream.send(101, 109, 113)
    assert stream.closed == []
    stream.send(114)
    assert stream.closed == []
    stream.send(115)
    assert stream.closed == [(100, 110, [101, 109])]


def test_rows_that_come_later_within_the_lateness_count_in_the_pane_of_their_time() -> None:
    stream = by_time()
    stream.send(108, 112, 107, 114, 109, 120)
    stream.advance(200)
    assert [times for _, _, times in stream.closed] == [[108, 107, 109], [112, 114], [120]]
    assert sum(stream.cutter.late.values()) == 0


def test_rows_that_come_later_still_count_in_the_oldest_open_pane_and_are_named() -> None:
    stream = by_time()
    stream.send(108, 127, 109)
    stream.advance(200)
    assert [(start, times) for start, _, times in stream.closed] == [(100, [108]), (120, [127, 109])]
    assert stream.cutter.late == {"behind": 1, "stale": 0, "ahead": 0}


def test_rows_older_than_the_judged_window_are_left_out_and_named() -> None:
    stream = by_time()
    stream.send(150, 119, 120)
    stream.advance(200)
    assert [times for _, _, times in stream.closed] == [[120], [150]]
    assert stream.cutter.late == {"behind": 1, "stale": 1, "ahead": 0}


def test_a_block_that_is_late_as_a_whole_is_judged_like_its_rows() -> None:
    stream = by_time()
    stream.send(150)
    stream.send(111, 112)
    stream.send(131)
    assert stream.cutter.late == {"behind": 1, "stale": 2, "ahead": 0}


@pytest.mark.parametrize("lateness", [0, 5, 30])
def test_time_that_is_told_closes_panes_as_rows_do(lateness: int) -> None:
    stream = by_time(lateness)
    stream.send(101)
    stream.advance(109 + lateness)
    assert stream.closed == []
    stream.advance(100)
    stream.advance(110 + lateness)
    assert stream.closed == [(100, 110, [101])]


def test_panes_close_in_the_order_of_time() -> None:
    stream = by_time(30)
    stream.send(125, 101, 113, 118, 104)
    stream.advance(500)
    assert [start for start, _, _ in stream.closed] == [100, 110, 120]


def test_rows_of_two_panes_in_turn_are_runs_of_their_own() -> None:
    panes = TimePanes(10, 50, 30, 1, 4)
    runs = [(run.start, run.stop) for run in panes.runs(np.array([101, 102, 111, 103, 112, 113]))]
    assert runs == [(0, 2), (2, 3), (3, 4), (4, 6)]


def test_a_block_of_one_pane_is_one_run() -> None:
    assert [run[:2] for run in by_time().cutter.runs(np.array([101, 109, 100]))] == [(0, 3)]


def test_two_open_panes_are_wide_and_the_others_rest() -> None:
    stream = by_time(100)
    stream.send(101, 111, 121, 131)
    kinds = [type(pane) for pane in stream.cutter.open_panes()]
    assert kinds == [RestingPane, RestingPane, Pane, Pane]
    stream.send(102)
    kinds = [type(pane) for pane in stream.cutter.open_panes()]
    assert kinds == [Pane, RestingPane, RestingPane, Pane]
    assert [pane.rows for pane in stream.cutter.open_panes()] == [2, 1, 1, 1]
    assert [int(pane.counts[0, 0]) for pane in stream.cutter.open_panes()] == [2, 1, 1, 1]


def test_a_resting_pane_closes_as_a_wide_one() -> None:
    stream = by_time(30)
    stream.send(101, 111, 121, 131)
    assert [pane.rows for pane in stream.cutter.open_panes()] == [1, 1, 1, 1]
    stream.cutter.advance(500)
    assert [(pane.start_unix_ns, pane.rows) for pane in stream.cutter.due()] == [
        (100, 1),
        (110, 1),
        (120, 1),
        (130, 1),
    ]


@pytest.mark.parametrize("sent", [(), (101,), (101, 111, 121, 150, 90)])
def test_restored_panes_go_on(sent: tuple[int, ...]) -> None:
    one, two = by_time(30), by_time(30)
    if sent:
        one.send(*sent)
    two.cutter.restore(one.cutter.to_state())
    for stream in (one, two):
        stream.send(140, 131, 100, 170)
    assert one.cutter.to_state() == two.cutter.to_state()
    assert [closed[:2] for closed in one.closed[-2:]] == [closed[:2] for closed in two.closed[-2:]]


def by_rows(rows: int = 3, longest: int = 50) -> Stream:
    return Stream(RowPanes(rows, longest, 1, 4))


def test_a_pane_by_rows_closes_with_its_last_row() -> None:
    stream = by_rows()
    stream.send(1, 2)
    assert stream.closed == []
    stream.send(3, 4, 5, 6, 7)
    assert stream.closed == [(1, 4, [1, 2, 3]), (4, 7, [4, 5, 6])]


def test_the_stretch_of_a_pane_by_rows_is_that_of_the_times_of_its_rows() -> None:
    stream = by_rows()
    stream.send(7, 3, 5)
    assert stream.closed == [(3, 8, [7, 3, 5])]


def test_a_pane_by_rows_that_does_not_fill_closes_when_the_judged_window_has_passed() -> None:
    stream = by_rows()
    stream.send(7)
    stream.advance(56)
    assert stream.closed == []
    stream.advance(57)
    assert stream.closed == [(7, 8, [7])]


@pytest.mark.parametrize("sent", [(), (1,), (1, 2, 3), (1, 2, 3, 4)])
def test_restored_panes_by_rows_go_on(sent: tuple[int, ...]) -> None:
    one, two = by_rows(), by_rows()
    if sent:
        one.send(*sent)
    two.cutter.restore(one.cutter.to_state())
    for stream in (one, two):
        stream.send(11, 12, 13, 14)
    assert one.cutter.to_state() == two.cutter.to_state()
    assert [closed[:2] for closed in one.closed[-1:]] == [closed[:2] for closed in two.closed[-1:]]
