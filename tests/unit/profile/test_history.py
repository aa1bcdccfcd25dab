from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from kernels.sketch import CELLS
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.history import EPOCHS, NS, History, WindowKind, WindowPlan, most_bytes
from sidecar.profile.lanes import LaneTable, lane_table
from sidecar.profile.learning import learn_reference

MINUTE = 60 * NS
PLAN = WindowPlan(pane_ns=MINUTE, horizons_ns=(5 * MINUTE, 60 * MINUTE, 1440 * MINUTE), lateness_ns=10 * NS)


def table_of(width: int) -> LaneTable:
    specs = [FeatureSpec(f"f{place}", "input", "numeric") for place in range(width)]
    sample = np.random.default_rng(1).normal(size=(100, width))
    return lane_table(specs, learn_reference(specs, sample, [()] * width))


class Kept:
    """A history with the rows of its features."""

    def __init__(self, plan: WindowPlan = PLAN, width: int = 2, epoch: int = 1) -> None:
        self.table = table_of(width)
        self.history = History(plan, width, self.table.lanes, epoch)
        self.rng = np.random.default_rng(2)
        self.closed = 0

    def send(self, at_ns: int, rows: int) -> None:
        matrix = self.rng.normal(size=(rows, self.table.width))
        for start, stop, pane in self.history.runs(np.full(rows, at_ns)):
            pane.fill(self.table, matrix[start:stop])
            self.closed += len(list(self.history.close_due()))


def test_every_horizon_is_the_sum_of_its_panes_open_ones_included() -> None:
    kept = Kept()
    for minute in range(100):
        kept.send(minute * MINUTE, 3)
    assert [pane.rows for pane in kept.history.sums()] == [18, 183, 300]
    assert kept.closed == 98  # the one before the open one may still get late rows
    assert [pane.sketches.shape[1] for pane in kept.history.sums()] == [CELLS, 0, 0]


def test_closings_are_numbered_and_panes_without_rows_are_not() -> None:
    kept = Kept()
    for minute in (0, 1, 7, 9):
        kept.send(minute * MINUTE, 1)
    ((horizon, panes), *_) = kept.history.closed().granules[1:]
    assert horizon == 60 * MINUTE
    assert [(pane.first, pane.last) for pane in panes] == [(1, 1), (2, 2), (3, 3)]
    assert kept.history.closed().epochs == ((1, 0),)


@pytest.mark.parametrize(
    ("kind", "growing"),
    [
        ("sliding", [(5, 4), (60, 4), (1440, 1)]),  # the day in granules of four panes
        ("tumbling", [(5, 1), (60, 1), (1440, 1)]),  # a pane kept by rows may begin in the stretch before
    ],
)
def test_granules_that_panes_may_still_be_added_to_are_named(
    kind: WindowKind, growing: list[tuple[int, int]]
) -> None:
    kept = Kept(replace(PLAN, kind=kind))
    for minute in range(6):
        kept.send(minute * MINUTE, 1)
    found = kept.history.closed()
    assert sorted(found.growing) == [(minutes * MINUTE, first) for minutes, first in growing]
    grown = {(horizon, pane.first): pane.last for horizon, panes in found.granules for pane in panes}
    assert kept.history.n_closed == 4
    assert all(grown[key] == 4 for key in found.growing)


def test_a_resumed_history_counts_on_under_its_own_epoch() -> None:
    kept, resumed = Kept(), Kept(epoch=5)
    for minute in range(5):
        kept.send(minute * MINUTE, 1)
    resumed.history.restore(kept.history.to_state())
    resumed.send(9 * MINUTE, 1)
    closed = resumed.history.closed()
    assert closed.epochs == ((1, 0), (5, 3))
    assert [(pane.first, pane.epoch) for pane in closed.granules[1][1]] == [
        *[(1, 1), (2, 1), (3, 1)],
        *[(4, 5), (5, 5)],
    ]


def test_so_many_epochs_are_remembered() -> None:
    state = Kept(epoch=0).history.to_state()
    for epoch in range(1, EPOCHS + 10):
        state = {**state, "epochs": [*state["epochs"], [epoch, 0]]}
    resumed = Kept(epoch=10**6)
    resumed.history.restore(state)
    epochs = resumed.history.closed().epochs
    assert len(epochs) == EPOCHS
    assert epochs[-2:] == ((EPOCHS + 9, 0), (10**6, 0))


def test_what_has_closed_is_apart_from_what_goes_on() -> None:
    kept = Kept()
    for minute in range(4):
        kept.send(minute * MINUTE, 1)
    before = kept.history.closed()
    states = [[pane.to_state() for pane in panes] for _, panes in before.granules]
    for minute in range(4, 40):
        kept.send(minute * MINUTE, 1)
    assert [[pane.to_state() for pane in panes] for _, panes in before.granules] == states


def test_decayed_sums_hold_the_open_panes_too() -> None:
    plan = WindowPlan(MINUTE, (5 * MINUTE,), half_lives_ns=(MINUTE, 60 * MINUTE))
    kept = Kept(plan)
    kept.send(0, 8)
    kept.send(MINUTE, 4)
    short, long = kept.history.decayed_sums()
    assert short.counts.sum(axis=1).tolist() == [8.0, 8.0]  # 8 rows a half-life old, 4 new ones
    assert short.effective_rows().tolist() == pytest.approx([64.0 / 6.0] * 2)
    assert long.effective_rows()[0] > 11.9
    assert kept.history.decayed_sums()[0].to_state() == short.to_state()


def test_rows_ahead_of_the_clock_by_more_than_the_lateness_count_now() -> None:
    kept = Kept()
    stamps = np.array([5, 10 * NS, 10 * NS + 1, 99 * NS])
    assert kept.history.bounded(stamps, 0).tolist() == [5, 10 * NS, 0, 0]
    assert kept.history.bounded(stamps, 99 * NS) is stamps
    assert kept.history.late["ahead"] == 2


def test_no_rows_are_no_runs() -> None:
    kept = Kept()
    nothing = np.empty(0, dtype=np.int64)
    assert list(kept.history.runs(kept.history.bounded(nothing, 0))) == []
    assert [pane.rows for pane in kept.history.sums()] == [0, 0, 0]


def array_bytes(kept: Kept) -> int:
    """Bytes of all arrays that a history holds, shared ones once."""
    history = kept.history
    panes = [*history._cutter.open_panes(), *(window._sum for window in history._windows)]  # type: ignore[attr-defined]
    panes += [granule for window in history._windows for granule in window.granules]
    arrays = {
        id(array): array.nbytes
        for pane in panes
        for array in (pane.counts, pane.sums, pane.extremes, pane.sketches)
    }
    return sum(arrays.values())


@pytest.mark.parametrize(
    ("pane_s", "lateness_s", "panes"), [(60, 10, 130), (1, 10, 400), (60, 0, 70), (600, 10, 150)]
)
def test_memory_stays_below_the_stated_limit(pane_s: int, lateness_s: int, panes: int) -> None:
    width = 20
    plan = WindowPlan(pane_s * NS, (300 * NS, 3600 * NS, 86400 * NS), lateness_s * NS)
    kept = Kept(plan, width)
    most = 0
    for number in range(panes):
        kept.send(number * pane_s * NS, 300)
        most = max(most, array_bytes(kept))
    assert most <= most_bytes(plan, width, kept.table.lanes, count_bytes=2)


def test_a_thousand_features_through_all_horizons_take_51_kilobytes_each() -> None:
    """As measured, not as added up: more than a day, with a pane every minute of the last hour."""
    width, plan = 1000, PLAN
    kept = Kept(plan, width)
    assert most_bytes(plan, width, kept.table.lanes, count_bytes=2) <= 51_000 * width
    limit = most_bytes(plan, width, kept.table.lanes, count_bytes=1)  # 42 rows in the longest granule
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for minute in range(0, 1440 + 40, 13):
            kept.send(minute * MINUTE, 2)
        for minute in range(1480, 1480 + 75):
            kept.send(minute * MINUTE, 2)
        after, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    slack = 1.05
    assert after - before <= slack * limit
    assert most - before <= slack * limit + 3 * 8 * width * CELLS  # while a pane closes and is narrowed
