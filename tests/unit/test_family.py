"""Decisions about children, on a system whose processes and clock the test moves."""

from __future__ import annotations

import io
import json
import os
import signal
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, TextIO, cast

import pytest

from sidecar.board import MONITOR, Board
from sidecar.config.model import Config
from sidecar.estate import Estate
from sidecar.family import NEVER, START_GRACE_S, Child, Family
from sidecar.log import Log

KILLED = 9  # a wait status


class FakeSystem:
    """Processes that live until the test ends them, or SIGKILL does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 1000.0
        self.running: set[int] = set()
        self.ended: list[tuple[int, int]] = []
        self.sent: list[tuple[int, int]] = []
        self.n_refused = 0
        self._next_pid = 100
        monkeypatch.setattr("sidecar.family.time.monotonic", lambda: self.now_s)
        monkeypatch.setattr(os, "fork", self._fork)
        monkeypatch.setattr(os, "waitpid", lambda _pid, _flags: self.ended.pop(0) if self.ended else (0, 0))
        monkeypatch.setattr(os, "kill", self._kill)

    def end(self, pid: int, status: int) -> None:
        self.running.remove(pid)
        self.ended.append((pid, status))

    def _fork(self) -> int:
        if self.n_refused:
            self.n_refused -= 1
            raise BlockingIOError(11, "Resource temporarily unavailable")
        self._next_pid += 1
        self.running.add(self._next_pid)
        return self._next_pid

    def _kill(self, pid: int, number: int) -> None:
        assert pid in self.running
        self.sent.append((pid, number))
        if number == signal.SIGKILL:
            self.end(pid, KILLED)


class Lines(io.TextIOBase):
    """A log's stream that is a file of its own."""

    def __init__(self) -> None:
        super().__init__()
        self._reading, self._writing = os.pipe()

    def fileno(self) -> int:
        return self._writing

    def close(self) -> None:
        if not self.closed:
            os.close(self._reading)
            os.close(self._writing)
        super().close()

    def events(self) -> list[dict[str, Any]]:
        os.set_blocking(self._reading, False)
        return [json.loads(line) for line in os.read(self._reading, 65536).splitlines()]


class House:
    """A family of one worker and the monitor, both started."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.system = FakeSystem(monkeypatch)
        self.board = Board(1)
        self.lines = Lines()
        self.worker = Child("worker 0", lambda *_: 0, 1, 1.0)
        self.monitor = Child("monitor", lambda *_: 0, MONITOR, 4.0)
        estate = cast(Estate, SimpleNamespace(board=self.board))
        log = Log("supervisor", "json", cast(TextIO, self.lines))
        self.family = Family(Config(hang_s=10.0), estate, [self.worker], self.monitor, log)
        for child in self.family.all():
            self.family.start(child)

    def tend(self, after_s: float = 0.0, *, beating: tuple[int, ...] = (MONITOR, 1)) -> None:
        """Lets time pass in looks a second apart, while these children's loops turn."""
        until_s = self.system.now_s + after_s
        while True:
            for place in beating:
                self.board.beat(place, int(self.system.now_s * 1e9))
            self.family.tend(self.family.all())
            if self.system.now_s >= until_s:
                return
            self.system.now_s = min(until_s, self.system.now_s + 1.0)


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    made = House(monkeypatch)
    yield made
    made.lines.close()


def test_a_child_that_keeps_dying_young_comes_back_later_and_later(house: House) -> None:
    pauses = []
    for _ in range(9):
        house.system.end(house.worker.pid, 256)
        house.family.reap()
        pauses.append(round(house.worker.restart_at_s - house.system.now_s, 3))
        house.tend(pauses[-1])
        assert house.worker.pid
    assert pauses == [0.0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    assert house.board.n_restarts(1) == 9
    house.tend(11.0)
    house.system.end(house.worker.pid, 256)
    house.family.reap()
    assert house.worker.restart_at_s == house.system.now_s  # it had lived


@pytest.mark.parametrize(("place", "limit_s"), [(1, 10.0), (MONITOR, 40.0)])
def test_a_loop_that_is_silent_beyond_its_limit_is_killed_and_replaced(
    house: House, place: int, limit_s: float
) -> None:
    child = house.monitor if place == MONITOR else house.worker
    other = 1 if place == MONITOR else MONITOR
    house.tend(5.0)
    pid = child.pid
    house.tend(limit_s, beating=(other,))
    assert child.pid == pid
    house.tend(2.0, beating=(other,))
    assert (pid, signal.SIGKILL) in house.system.sent
    assert child.pid not in (0, pid)
    assert [line["event"] for line in house.lines.events()] == ["child_hung", "child_died"]
    assert house.board.beat_ns(place) == 0  # the new one has not said anything yet


def test_a_child_that_still_starts_gets_grace_but_not_for_ever(house: House) -> None:
    pid = house.worker.pid
    house.tend(START_GRACE_S + 10.0, beating=(MONITOR,))
    assert house.worker.pid == pid
    house.tend(2.0, beating=(MONITOR,))
    assert house.worker.pid != pid


def test_time_in_which_the_supervisor_did_not_run_counts_for_nobody(house: House) -> None:
    house.tend(1.0)
    house.system.now_s += 3600.0
    house.tend(9.0, beating=(MONITOR,))
    assert house.system.sent == []
    house.tend(2.0, beating=(MONITOR,))
    assert [number for _, number in house.system.sent] == [signal.SIGKILL]


def test_a_child_that_was_asked_to_end_is_followed_at_once_and_has_not_died(house: House) -> None:
    pid = house.monitor.pid
    house.family.retire(house.monitor, 7.0)
    house.family.retire(house.monitor, 7.0)  # again: it is ending already
    assert house.system.sent == [(pid, signal.SIGTERM)]
    house.tend(6.0, beating=(1,))
    house.system.end(pid, 0)
    house.tend()
    assert house.monitor.pid not in (0, pid)
    assert (house.monitor.end_by_s, house.board.n_restarts(MONITOR)) == (NEVER, 0)


def test_one_that_does_not_end_when_asked_is_killed_and_followed(house: House) -> None:
    pid = house.monitor.pid
    house.family.retire(house.monitor, 7.0)
    house.tend(8.0, beating=(1,))
    assert house.system.sent == [(pid, signal.SIGTERM), (pid, signal.SIGKILL)]
    assert house.monitor.pid not in (0, pid)


def test_a_system_that_refuses_a_process_is_asked_again(house: House) -> None:
    house.system.n_refused = 2
    house.system.end(house.worker.pid, 0)
    house.tend()
    assert house.worker.pid == 0
    house.tend(2.0)
    assert house.worker.pid != 0


def test_who_is_dismissed_is_not_followed(house: House) -> None:
    house.family.dismiss([house.worker], house.system.now_s + 5.0)
    house.system.end(house.worker.pid, 0)
    house.tend(20.0)
    assert house.worker.pid == 0


def test_a_worker_that_dies_within_the_quiet_time_is_followed_by_one_that_is_told_to_end(
    house: House,
) -> None:
    house.family.quiet_until_s = house.system.now_s + 3.0
    house.system.end(house.worker.pid, KILLED)
    house.tend()
    assert house.system.sent == [(house.worker.pid, signal.SIGTERM)]
