"""SIGHUP: another configuration while everything goes on."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from tests.support.lifecycle import (
    blocked_signals,
    draining,
    exchange,
    of_supervisor,
    read_answer,
    reload,
    settings,
)
from tests.support.running import PATIENCE_S, Sidecar, eventually, request, split
from tests.support.traffic import Load, infer_body, post_all
from tests.support.upstream import FakeUpstream

BODY = infer_body([[1.0, 2.0]])


def test_workers_take_it_over_without_losing_a_connection_and_the_monitor_is_restarted(
    upstream: FakeUpstream, tmp_path: Path
) -> None:
    file = settings(tmp_path, limits={"body_bytes": 100})
    upstream.released.clear()
    with Sidecar(upstream.url, "--config", str(file)) as sidecar:
        sidecar.monitored()
        worker, monitor = sidecar.pid("worker 0"), sidecar.pid("monitor")
        post_all(sidecar.traffic, [infer_body([[1.0]])])
        with sidecar.connect() as idle, sidecar.connect() as busy:
            assert split(exchange(idle, request("/echo", b"x" * 100, close=False)))[0] == 200
            busy.sendall(request("/held", close=False))
            eventually(lambda: upstream.requests[-1].path == "/held")
            settings(tmp_path, limits={"body_bytes": 10}, window={"min_rows": 7})
            reload(sidecar, 1)
            upstream.released.set()
            assert split(read_answer(busy))[0] == 200
            assert split(exchange(busy, request("/echo", b"x", close=False)))[2] == b"x"
            assert split(exchange(idle, request("/echo", b"x" * 10, close=False)))[0] == 200
            assert split(exchange(idle, request("/echo", b"x" * 11, close=False)))[0] == 413
        assert [line["changed"] for line in of_supervisor(sidecar, "reloaded")] == [["window", "limits"]]
        sidecar.monitored(2)
        assert sidecar.pid("worker 0") == worker
        assert sidecar.pid("monitor") != monitor
        assert sidecar.events("child_died") == []
        assert sidecar.get("/api/v1/status")["monitor"]["restarts"] == 0  # nothing has died


def test_under_load_no_request_fails_and_none_is_uncounted(upstream: FakeUpstream, tmp_path: Path) -> None:
    file = settings(tmp_path)
    with Sidecar(upstream.url, "--config", str(file), "--workers", "2") as sidecar:
        sidecar.monitored()
        with Load(sidecar.traffic, BODY) as load:
            for generation in (1, 2):
                enough = load.n_answers + 300
                eventually(lambda enough=enough: load.n_answers > enough)
                settings(tmp_path, window={"min_rows": 100 + generation})
                reload(sidecar, generation, n_workers=2)
                sidecar.monitored(generation + 1)
        assert (load.errors, set(load.statuses)) == ({}, {200})
        found = sidecar.settled(load.n_answers)
        assert found["seen"] == load.n_answers
        assert found["dropped"]["monitor_died"] == found["dropped"]["worker_died"] == 0


def test_what_was_learnt_outlives_it(upstream: FakeUpstream, tmp_path: Path) -> None:
    file = settings(tmp_path, reference={"auto_rows": 100})
    with Sidecar(upstream.url, "--config", str(file)) as sidecar:
        sidecar.monitored()
        post_all(sidecar.traffic, [infer_body([[float(n), 2.0]]) for n in range(150)])
        sidecar.settled(150)
        before = eventually(lambda: sidecar.get("/api/v1/drift")["reference"]["id"])
        reload(sidecar, 1)
        sidecar.monitored(2)
        assert eventually(lambda: sidecar.get("/api/v1/drift")["reference"]["id"]) == before


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("limits: {body: 1}", "limits.body: expected a known key, perhaps 'body_bytes', got 'body'"),
        ("a: &a [*a]", "file: expected a YAML alias that is not within itself, got one that is"),
        ("workers: 2", "workers: expected 1 as at start, got 2"),
        ("tap: {ring_bytes: 65536}", "tap.ring_bytes: expected 33554432 as at start, got 65536"),
        ("state: {path: /tmp/elsewhere}", "state.path: expected none as at start, got /tmp/elsewhere"),
        ("reference: {path: /nowhere}", "/nowhere: "),
    ],
)
def test_a_wrong_one_is_refused_whole_with_one_line_and_everything_goes_on(
    upstream: FakeUpstream, tmp_path: Path, written: str, reason: str
) -> None:
    file = settings(tmp_path, limits={"body_bytes": 100})
    with Sidecar(upstream.url, "--config", str(file)) as sidecar:
        eventually(lambda: sidecar.events("serving"))
        file.write_text(f"{written}\n")
        sidecar.child.send_signal(signal.SIGHUP)
        [line] = eventually(lambda: sidecar.events("reload_refused"))
        assert line["reason"].startswith(reason)
        assert split(sidecar.send(request("/echo", b"x" * 101)))[0] == 413
        settings(tmp_path, limits={"body_bytes": 50})
        reload(sidecar, 1)
        assert split(sidecar.send(request("/echo", b"x" * 51)))[0] == 413
        assert split(sidecar.send(request("/echo", b"x" * 50)))[0] == 200


def test_a_worker_that_dies_later_comes_back_with_it(upstream: FakeUpstream, tmp_path: Path) -> None:
    file = settings(tmp_path, limits={"body_bytes": 100})
    with Sidecar(upstream.url, "--config", str(file)) as sidecar:
        eventually(lambda: sidecar.events("serving"))
        settings(tmp_path, limits={"body_bytes": 10})
        reload(sidecar, 1)
        os.kill(sidecar.pid("worker 0"), signal.SIGKILL)
        eventually(lambda: len(sidecar.events("serving")) == 2)
        assert split(sidecar.send(request("/echo", b"x" * 11)))[0] == 413


def test_of_many_in_a_row_the_last_one_holds(upstream: FakeUpstream, tmp_path: Path) -> None:
    file = settings(tmp_path, limits={"body_bytes": 1000})
    with Sidecar(upstream.url, "--config", str(file), "--workers", "2") as sidecar:
        for body_bytes in range(200, 99, -1):
            settings(tmp_path, limits={"body_bytes": body_bytes})
            sidecar.child.send_signal(signal.SIGHUP)

        def refused() -> bool:
            answers = [sidecar.send(request("/echo", b"x" * 101)) for _ in range(8)]
            return {split(answer)[0] for answer in answers} == {413}

        eventually(refused)
        assert split(sidecar.send(request("/echo", b"x" * 100)))[0] == 200
        assert sidecar.events("child_died") == []


def test_those_that_come_while_it_starts_end_nothing(upstream: FakeUpstream) -> None:
    sidecar = Sidecar(upstream.url)
    stop = threading.Event()

    def send_many() -> None:
        eventually(lambda: signal.SIGHUP in blocked_signals(sidecar.child.pid))  # its code runs
        while not stop.is_set():
            sidecar.child.send_signal(signal.SIGHUP)
            stop.wait(0.005)

    sender = threading.Thread(target=lambda: (eventually(lambda: hasattr(sidecar, "child")), send_many()))
    sender.start()
    with sidecar:
        eventually(lambda: len(of_supervisor(sidecar, "reloaded")) > 20)
        stop.set()
        sender.join()
        assert split(sidecar.send(request("/echo", b"x")))[2] == b"x"
        assert sidecar.events("child_died") == []
        sidecar.child.send_signal(signal.SIGTERM)
        assert sidecar.child.wait(PATIENCE_S) == 0


def test_one_just_before_the_end_does_not_keep_the_monitor_from_its_last_work(
    upstream: FakeUpstream, tmp_path: Path
) -> None:
    with Sidecar(upstream.url, SIDECAR_STATE__PATH=str(tmp_path), SIDECAR_STATE__EVERY_S="600") as sidecar:
        sidecar.monitored()
        post_all(sidecar.traffic, [BODY] * 3)
        sidecar.child.send_signal(signal.SIGHUP)
        eventually(lambda: of_supervisor(sidecar, "reloaded"))
        sidecar.child.send_signal(signal.SIGTERM)
        assert sidecar.child.wait(PATIENCE_S) == 0
        assert sidecar.events("child_killed") == []
        ended = [line for line in sidecar.events("ended") if line["role"] == "monitor"]
        assert len(ended) == 2  # the one that was there, and the one that came for what was left


def test_while_it_drains_it_is_ignored(upstream: FakeUpstream, tmp_path: Path) -> None:
    file = settings(tmp_path, limits={"body_bytes": 100})
    with Sidecar(upstream.url, "--config", str(file), SIDECAR_DRAIN__QUIET_S="5") as sidecar:
        eventually(lambda: sidecar.events("serving"))
        sidecar.child.send_signal(signal.SIGTERM)
        eventually(lambda: draining(sidecar))
        settings(tmp_path, limits={"body_bytes": 10})
        sidecar.child.send_signal(signal.SIGHUP)
        os.kill(sidecar.pid("worker 0"), signal.SIGHUP)
        assert split(sidecar.send(request("/echo", b"x" * 11)))[0] == 200
        assert sidecar.child.wait(PATIENCE_S) == 0
        assert sidecar.events("reloaded") == []
