"""Starting, being killed, and hanging; ending is in test_drain.py."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from sidecar.profile.resting import RestingPane
from sidecar.profile.snapshot import Snapshot, SubjectKey, merge
from sidecar.profile.snapshot_codec import decode, encode
from tests.support.lifecycle import saved, wait_for
from tests.support.running import PATIENCE_S, ROOT, Sidecar, eventually, request, split
from tests.support.traffic import Load, infer_body, post_all
from tests.support.upstream import FakeUpstream

BODY = infer_body([[1.0, 2.0]])
HEAVY = (b"numba", b"numpy", b"msgpack", b"aiohttp", b"opentelemetry", b"llvmlite")


def snapshot_of(sidecar: Sidecar) -> Snapshot | None:
    """What the monitor has closed, once there is anything."""
    with urllib.request.urlopen(
        f"http://127.0.0.1:{sidecar.admin}/api/v1/snapshot", timeout=PATIENCE_S
    ) as answer:
        snapshot = decode(answer.read(), "told")
    return snapshot if snapshot.subjects else None


def granules_of(snapshot: Snapshot, key: SubjectKey) -> list[tuple[int, RestingPane]]:
    """Number and panes of the longest horizon."""
    return [
        (first, pane)
        for origin in snapshot.subjects[key].origins.values()
        for (horizon_ns, first), pane in origin.granules.items()
        if horizon_ns == 600_000_000_000
    ]


def run(*arguments: str, **variables: str) -> tuple[int, str]:
    """Exit code and the last line of standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "sidecar", *arguments],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    return done.returncode, (done.stderr.strip().splitlines() or [""])[-1]


def bare_start_s() -> float:
    """What a program takes at least that is made of what supervisor and worker are made of."""
    began_s = time.monotonic()
    subprocess.run(
        [sys.executable, "-c", "import asyncio, ssl, httptools, msgspec, uvloop, yaml"], check=True
    )
    return time.monotonic() - began_s


class TestStart:
    def test_the_port_forwards_within_half_a_second(self, upstream: FakeUpstream) -> None:
        """Of a machine on which a bare start takes a tenth; others are slower, or have other things to do."""
        starts_s, bare_s = [], []
        for _ in range(3):
            bare_s.append(bare_start_s())
            with Sidecar(upstream.url) as sidecar:
                assert split(sidecar.send(request("/echo", b"x")))[2] == b"x"
                starts_s.append(time.monotonic() - sidecar.started_s)
        assert min(starts_s) < 5 * min(bare_s)

    @pytest.mark.parametrize("name", ["listen", "health", "admin"])
    def test_a_port_that_is_taken_is_one_line_and_exit_3(self, name: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            flags = {"listen": "127.0.0.1:0", "health": "127.0.0.1:0", "admin": "127.0.0.1:0", name: address}
            code, said = run("run", *(part for flag, value in flags.items() for part in (f"--{flag}", value)))
        assert (code, said) == (3, f"sidecar: {name}: cannot listen on {address}: the port is taken")

    def test_a_wrong_configuration_is_exit_2(self, tmp_path: Path) -> None:
        file = tmp_path / "sidecar.yaml"
        file.write_text("window: {pane: 1}\n")
        expected = "sidecar: window.pane: expected a known key, perhaps 'pane_s', got 'pane'"
        assert run("run", "--config", str(file)) == (2, expected)
        assert run("check-config", str(file)) == (2, expected)
        assert run("run", "--config", "/nowhere.yaml") == (
            2,
            "sidecar: /nowhere.yaml: expected a readable file, got no such file or directory",
        )

    def test_a_reference_that_is_none_is_exit_2(self, tmp_path: Path) -> None:
        file = tmp_path / "reference.msgpack"
        file.write_bytes(b"not one")
        assert run("run", "--reference", str(file)) == (
            2,
            f"sidecar: {file}: expected a sidecar reference, got other data",
        )

    def test_a_worker_is_small_and_light(self, upstream: FakeUpstream) -> None:
        with Sidecar(upstream.url) as sidecar:
            post_all(sidecar.traffic, [BODY] * 2000)
            worker = sidecar.pid("worker 0")
            status = Path(f"/proc/{worker}/status").read_text()
            resident_kib = int(status.split("VmRSS:")[1].split()[0])
            mapped = Path(f"/proc/{worker}/maps").read_bytes()
        assert resident_kib <= 40 * 1024
        assert not [name for name in HEAVY if b"/" + name in mapped]


class TestKill:
    def test_killing_the_monitor_under_load_fails_no_request_and_loses_no_count(
        self, upstream: FakeUpstream
    ) -> None:
        with Sidecar(upstream.url) as sidecar:
            sidecar.monitored()
            with Load(sidecar.traffic, BODY) as load:
                for generation in (1, 2):
                    enough = load.n_answers + 300
                    eventually(lambda enough=enough: load.n_answers > enough)
                    os.kill(sidecar.pid("monitor"), signal.SIGKILL)
                    sidecar.monitored(generation + 1)
            assert (load.errors, set(load.statuses)) == ({}, {200})
            found = sidecar.settled(load.n_answers)
            assert found["seen"] == load.n_answers
            assert found["analysed"] + found["dropped"]["ring_full"] + found["sampled_out"] == load.n_answers
            assert sidecar.get("/api/v1/status")["monitor"]["restarts"] == 2

    def test_what_was_learnt_outlives_the_monitor(self, upstream: FakeUpstream, tmp_path: Path) -> None:
        variables = {
            "SIDECAR_STATE__PATH": str(tmp_path),
            "SIDECAR_STATE__EVERY_S": "0.2",
            "SIDECAR_REFERENCE__AUTO_ROWS": "100",
        }
        with Sidecar(upstream.url, **variables) as sidecar:
            sidecar.monitored()
            post_all(sidecar.traffic, [infer_body([[float(n), 2.0]]) for n in range(150)])
            sidecar.settled(150)
            before = eventually(lambda: sidecar.get("/api/v1/drift")["reference"]["id"])
            saved(tmp_path)
            os.kill(sidecar.pid("monitor"), signal.SIGKILL)
            sidecar.monitored(2)
            after = eventually(lambda: (r := sidecar.get("/api/v1/drift")["reference"])["id"] and r)
        assert (after["id"], after["rows"]) == (before, 100)

    def test_snapshots_of_a_monitor_and_of_its_successor_count_no_row_twice(
        self, upstream: FakeUpstream, tmp_path: Path
    ) -> None:
        variables = {
            "SIDECAR_STATE__PATH": str(tmp_path),
            "SIDECAR_STATE__EVERY_S": "0.5",
            "SIDECAR_REFERENCE__AUTO_ROWS": "100",
            "SIDECAR_WINDOW__PANE_S": "0.2",
            "SIDECAR_WINDOW__LATENESS_S": "0.1",
            "SIDECAR_WINDOW__HORIZONS_S": "[0.2, 600]",
        }
        snapshots: list[tuple[str, Snapshot]] = []
        with Sidecar(upstream.url, **variables) as sidecar:
            sidecar.monitored()
            post_all(sidecar.traffic, [infer_body([[float(n), 2.0]]) for n in range(150)])
            eventually(lambda: snapshot_of(sidecar))
            saved(tmp_path)
            for generation in (1, 2, 3):
                for _ in range(4):
                    post_all(sidecar.traffic, [infer_body([[float(n), 2.0]]) for n in range(50)])
                    last = eventually(lambda: snapshot_of(sidecar))
                    snapshots.append((f"{len(snapshots)}", last))
                if generation < 3:
                    os.kill(sidecar.pid("monitor"), signal.SIGKILL)
                    sidecar.monitored(generation + 1)
            n_sent = 150 + 12 * 50
            assert sidecar.settled(n_sent)["analysed"] == n_sent
        merged = merge(snapshots)
        assert encode(merge(snapshots[::-1])) == encode(merged)
        for key, part in merged.subjects.items():
            (origin,) = part.origins.values()
            assert len(origin.epochs) == 3
            alive = sum(pane.rows for _, pane in granules_of(last, key))
            assert 0 < sum(pane.rows for _, pane in granules_of(merged, key)) == alive <= n_sent

    def test_a_killed_worker_is_back_at_once(self, upstream: FakeUpstream) -> None:
        with Sidecar(upstream.url) as sidecar:
            sidecar.monitored()
            post_all(sidecar.traffic, [BODY] * 50)
            upstream.released.clear()
            with sidecar.connect() as caller:
                caller.sendall(request("/held", close=False))
                eventually(lambda: upstream.requests[-1].path == "/held")
                os.kill(sidecar.pid("worker 0"), signal.SIGKILL)
            assert split(sidecar.send(request("/echo", b"x")))[2] == b"x"
            assert [line["restart_in_s"] for line in sidecar.events("child_died")] == [0.0]
            found = sidecar.settled(52)
            assert found["dropped"]["worker_died"] >= 1
            assert found["seen"] == 52

    def test_no_child_outlives_a_killed_supervisor(self, upstream: FakeUpstream) -> None:
        with Sidecar(upstream.url) as sidecar:
            sidecar.monitored()
            pids = [sidecar.pid("worker 0"), sidecar.pid("monitor")]
            sidecar.child.kill()
            sidecar.child.wait()
            for pid in pids:
                eventually(lambda pid=pid: not Path(f"/proc/{pid}").exists())


class TestHang:
    def test_a_worker_whose_loop_stands_still_is_replaced_and_nothing_is_uncounted(
        self, upstream: FakeUpstream
    ) -> None:
        with Sidecar(upstream.url, SIDECAR_HANG_S="2") as sidecar:
            sidecar.monitored()
            post_all(sidecar.traffic, [BODY] * 50)
            sidecar.settled(50)
            worker = sidecar.pid("worker 0")
            upstream.released.clear()
            with sidecar.connect() as caller:
                caller.sendall(request("/held", close=False))
                eventually(lambda: upstream.requests[-1].path == "/held")
                os.kill(worker, signal.SIGSTOP)
                waited = sidecar.send(request("/echo", b"x"))  # in the backlog
                assert split(waited)[2] == b"x"
            [hung] = sidecar.events("child_hung")
            assert hung["child"] == "worker 0"
            assert hung["silent_s"] >= 2.0
            assert [line["how"] for line in sidecar.events("child_died")] == ["signal 9"]
            assert sidecar.pid("worker 0") != worker
            found = sidecar.settled(52)
            assert found["seen"] == 52
            assert found["dropped"]["worker_died"] == 1

    def test_a_monitor_that_stands_still_is_replaced_too(self, upstream: FakeUpstream) -> None:
        with Sidecar(upstream.url, SIDECAR_HANG_S="2") as sidecar:
            sidecar.monitored()
            wait_for(2.0)  # it has beaten: once a second
            os.kill(sidecar.pid("monitor"), signal.SIGSTOP)
            [hung] = eventually(lambda: sidecar.events("child_hung"))
            assert hung["child"] == "monitor"
            assert hung["silent_s"] >= 8.0
            sidecar.monitored(2)

    def test_a_pause_of_everybody_is_nobodys_hang(self, upstream: FakeUpstream) -> None:
        """A frozen container, a suspended machine: the supervisor wakes first and finds old beats."""
        with Sidecar(upstream.url, SIDECAR_HANG_S="5") as sidecar:
            sidecar.monitored()
            children = [sidecar.pid("worker 0"), sidecar.pid("monitor")]
            for pid in (sidecar.child.pid, *children):
                os.kill(pid, signal.SIGSTOP)
            wait_for(6.5)
            sidecar.child.send_signal(signal.SIGCONT)
            wait_for(1.2)  # it has looked
            for pid in children:
                os.kill(pid, signal.SIGCONT)
            wait_for(5.5)
            assert sidecar.events("child_hung") == []
            assert split(sidecar.send(request("/echo", b"x")))[2] == b"x"


def test_several_workers_share_the_port(upstream: FakeUpstream) -> None:
    with Sidecar(upstream.url, "--workers", "2") as sidecar:
        sidecar.monitored()
        for _ in range(40):
            post_all(sidecar.traffic, [BODY])
        assert sidecar.settled(40)["analysed"] == 40
        used = [
            line for line in sidecar.metrics().splitlines() if line.startswith("sidecar_ring_size_bytes{")
        ]
        assert len(used) == 2
