from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sidecar.config.load import load_config
from sidecar.log import Log
from sidecar.monitor.state import load_state
from sidecar.monitor.statistician import NS, Statistician
from sidecar.monitor.subjects import Subjects
from sidecar.payload.columns import Columns, intern_schema
from tests.support.pushing import push

START = 1_700_000_040 * NS
SCHEMA = intern_schema(("x",), ("numeric",))


@dataclass
class FakeClock:
    now_ns: int = START

    def mono_ns(self) -> int:
        return self.now_ns

    def unix_ns(self) -> int:
        return self.now_ns


class Bench:
    """Rows are pushed by hand, and the thread's turns are taken here."""

    def __init__(self, folder: Path | None = None, *, lags: bool = False) -> None:
        self.clock = FakeClock()
        self.caught_up_ns = START
        self.subjects = Subjects(load_config("window: {pane_s: 1, lateness_s: 2}"), None, lambda: None)
        self.statistician = Statistician(
            self.subjects,
            self.clock,
            folder,
            1e9,
            lambda: {"origin": "o"},
            Log("t", "json"),
            (lambda: self.caught_up_ns) if lags else None,
        )

    def push(self, at_s: float, rows: int = 3) -> None:
        columns = Columns("v2", "request", "m", None, None, rows, SCHEMA, np.ones((rows, 1)), (), ())
        assert push(self.subjects, columns, "input", "m", None, START + round(at_s * NS))

    def turn(self, at_s: float) -> None:
        self.clock.now_ns = START + round(at_s * NS)
        self.statistician._turn()

    def rows(self) -> list[int]:
        (subject,) = self.subjects.all()
        assert subject.report is not None
        return [pane.rows for _, panes in subject.report.closed.granules[:1] for pane in panes]


def test_rows_count_in_the_pane_of_their_time_however_late_the_thread_comes_to_them() -> None:
    bench = Bench(lags=True)
    for at_s in (0.1, 1.1, 0.9, 2.5):
        bench.push(at_s)
    bench.turn(600.0)
    assert bench.rows() == []
    (subject,) = bench.subjects.all()
    assert subject.analysis.late == {"behind": 0, "stale": 0, "ahead": 0}
    bench.caught_up_ns = START + 5 * NS  # nothing comes any more
    bench.turn(600.5)
    assert bench.rows() == [6, 3, 3]


def test_while_the_rings_are_not_empty_time_does_not_pass_by_the_clock() -> None:
    bench = Bench(lags=True)
    bench.push(0.1)
    bench.turn(0.2)
    bench.turn(200.0)
    assert bench.rows() == []
    bench.push(1.1)  # it has waited in a ring
    bench.turn(200.3)
    bench.caught_up_ns = START + 60 * NS
    bench.turn(200.6)
    assert bench.rows() == [3, 3]
    (subject,) = bench.subjects.all()
    assert subject.analysis.late == {"behind": 0, "stale": 0, "ahead": 0}


def test_the_checkpoint_names_its_origin(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.push(0.1)
    bench.turn(0.2)
    bench.statistician._save()
    state = load_state(tmp_path)
    assert state is not None
    assert state["origin"] == "o"
    assert [subject["model"] for subject in state["subjects"]] == ["m"]
