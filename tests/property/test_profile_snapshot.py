"""Snapshots of a fleet whose monitors are killed and resumed: merging is a union, and no row counts twice."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import msgpack
import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sidecar.profile.feature import FeatureSpec
from sidecar.profile.history import History, WindowPlan
from sidecar.profile.lanes import lane_table
from sidecar.profile.learning import learn_reference
from sidecar.profile.pane import Pane
from sidecar.profile.snapshot import (
    Layout,
    Snapshot,
    SubjectPart,
    subject_part,
)
from sidecar.profile.snapshot_codec import decode, encode
from sidecar.profile.snapshot_window import horizons_of, window_sum
from tests.support.fleet import grouped, merged
from tests.support.panes import contents

SPECS = [FeatureSpec("a", "input", "numeric"), FeatureSpec("b", "input", "categorical")]
PLAN = WindowPlan(pane_ns=10, horizons_ns=(40, 3700, 10**6), lateness_ns=15)  # 1, 2 and 278 panes a granule
KEY = ("m", "1", "input")
FEATURES = learn_reference(SPECS, np.column_stack([np.arange(50.0), np.arange(50.0) % 3]), [(), ("x", "y")])
TABLE = lane_table(SPECS, FEATURES)
LAYOUT = Layout.of(50, FEATURES)


@dataclass
class Monitor:
    """One origin: rows come in, it is killed, it resumes from its last checkpoint or starts anew."""

    name: str
    rng: random.Random
    epoch: int = 1
    now: int = 0
    lives: int = 1
    truth: list[Pane] = field(default_factory=list)
    saved: tuple[dict[str, Any], list[Pane]] | None = None

    def __post_init__(self) -> None:
        self.history = History(PLAN, 2, TABLE.lanes, self.epoch)

    def work(self) -> None:
        for _ in range(self.rng.randint(1, 6)):
            self.now += self.rng.randint(0, 25)
            n = self.rng.randint(1, 4)
            rows = np.array([[self.rng.gauss(25, 20), self.rng.randint(0, 4)] for _ in range(n)])
            stamps = np.array([max(0, self.now - self.rng.randint(0, 20)) for _ in range(n)])
            for start, stop, pane in self.history.runs(stamps):
                pane.fill(TABLE, np.ascontiguousarray(rows[start:stop]))
                self.truth += [closed.copy() for closed in self.history.close_due()]

    def sleep(self) -> None:
        """Until all but the longest window have forgotten."""
        self.now += 4000
        self.work()

    def save(self) -> None:
        self.saved = msgpack.unpackb(msgpack.packb(self.history.to_state())), list(self.truth)

    def die(self) -> None:
        """What was closed behind the checkpoint has never been, for whoever comes next."""
        self.epoch += self.rng.randint(1, 5)
        self.history = History(PLAN, 2, TABLE.lanes, self.epoch)
        state, truth = self.saved if self.saved is not None else ({}, [])
        self.truth = list(truth)
        if state:
            self.history.restore(state)

    def tell(self) -> Snapshot:
        part = subject_part("sha256:r", LAYOUT, self.name, self.history.closed())
        return Snapshot({KEY: part})


def fleet(seed: int) -> tuple[list[Monitor], list[Snapshot]]:
    rng = random.Random(seed)
    monitors = [Monitor(f"pod{number}", rng) for number in range(rng.randint(1, 3))]
    told = []
    for _ in range(rng.randint(3, 14)):
        monitor = rng.choice(monitors)
        rng.choice([monitor.work, monitor.work, monitor.sleep, monitor.save, monitor.die])()
        if rng.random() < 0.7:
            told.append(monitor.tell())
    return monitors, [*told, *(monitor.tell() for monitor in monitors)]


@given(seed=st.integers(0, 2**32))
@example(seed=248)  # a granule that had grown when its monitor was killed, and then was forgotten
@settings(deadline=None, max_examples=60)
def test_any_order_grouping_and_repetition_gives_the_same_bytes(seed: int) -> None:
    _, snapshots = fleet(seed)
    expected = encode(merged(snapshots))
    for turn in range(3):
        assert encode(grouped(snapshots, random.Random(seed + turn))) == expected


@given(seed=st.integers(0, 2**32))
@settings(deadline=None, max_examples=60)
def test_a_merged_fleet_is_the_sum_of_what_its_monitors_have_closed_whoever_died_when(seed: int) -> None:
    monitors, snapshots = fleet(seed)
    part: SubjectPart = merged(snapshots).subjects[KEY]
    closed = [pane for monitor in monitors for pane in monitor.truth]
    if not closed:
        assert horizons_of(part) == []
        return
    total = window_sum(part, 10**6, 10**6)
    assert total is not None
    expected = closed[0].copy()
    for pane in closed[1:]:
        expected.merge(pane)
    expected.drop_sketches()
    assert contents(total) == contents(expected)


@given(seed=st.integers(0, 2**32), left_out=st.integers(0, 20))
@settings(deadline=None, max_examples=60)
def test_snapshots_that_are_missing_lose_rows_but_never_count_one_twice(seed: int, left_out: int) -> None:
    monitors, snapshots = fleet(seed)
    some = [snapshot for place, snapshot in enumerate(snapshots) if place != left_out % len(snapshots)]
    last = snapshots[-len(monitors) :]
    total = window_sum(merged([*some, *last]).subjects[KEY], 10**6, 10**6)
    assert (0 if total is None else total.rows) == sum(pane.rows for m in monitors for pane in m.truth)
    early = merged(snapshots[: len(snapshots) // 2 + 1]).subjects[KEY]
    for origin in early.origins.values():
        for horizon in horizons_of(early):
            covered = [
                number
                for (of, _), granule in origin.granules.items()
                if of == horizon
                for number in range(granule.first, granule.last + 1)
            ]
            assert len(covered) == len(set(covered))


@given(seed=st.integers(0, 2**32))
@settings(deadline=None, max_examples=30)
def test_a_snapshot_survives_its_bytes(seed: int) -> None:
    _, snapshots = fleet(seed)
    data = encode(merged(snapshots))
    assert encode(decode(data, "s")) == data
