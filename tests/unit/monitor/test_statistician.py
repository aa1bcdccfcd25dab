from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from sidecar.config.load import load_config
from sidecar.log import Log
from sidecar.monitor.state import load_state
from sidecar.monitor.statistician import NS, Statistician
from sidecar.monitor.subjects import Subject, Subjects
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
        self.kept: list[object] = []  # reports, so that no two have one id
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


def made(bench: Bench, *at_s: float, push: bool) -> int:
    """How many reports are made in these turns."""
    found = []
    for second in at_s:
        if push:
            bench.push(second)
        bench.turn(second)
        (subject,) = bench.subjects.all()
        found.append(id(subject.report))
        bench.kept.append(subject.report)
    return len(set(found))


TENTHS = [round(1.0 + number / 10, 1) for number in range(41)]


def test_reports_are_made_four_times_a_second_while_rows_come_and_once_when_none_do() -> None:
    bench = Bench()
    assert made(bench, *TENTHS, push=True) == 14  # every third turn of a tenth
    quiet = [second + 10.0 for second in TENTHS]
    assert made(bench, *quiet, push=False) == 5


def test_reports_that_take_long_are_made_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    bench.push(0.5)
    bench.turn(0.5)
    judge = Subject.judge

    def slow(subject: Subject, now_unix_ns: int) -> None:
        judge(subject, now_unix_ns)
        bench.clock.now_ns += 50_000_000

    monkeypatch.setattr(Subject, "judge", slow)
    assert made(bench, *TENTHS, push=True) == 5
    assert made(bench, *(second + 10.0 for second in TENTHS), push=False) == 1


def test_a_report_that_fails_is_tried_again_when_it_is_due_and_not_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = Bench()
    bench.push(0.5)
    bench.turn(0.5)

    def fails(_subject: Subject, _now_unix_ns: int) -> None:
        raise ValueError("broken")

    monkeypatch.setattr(Subject, "judge", fails)
    made(bench, *TENTHS, push=True)
    assert bench.statistician.n_faults == 14
