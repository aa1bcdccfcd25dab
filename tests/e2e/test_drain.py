"""Ending: what is in flight is drained, callers who keep coming lose nothing."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from tests.support.lifecycle import (
    StreamingUpstream,
    draining,
    exchange,
    of_supervisor,
    read_all,
    read_answer,
    read_until,
)
from tests.support.running import PATIENCE_S, Sidecar, eventually, request, split
from tests.support.upstream import FakeUpstream


class TestEnd:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_a_signal_drains_what_is_in_flight_and_ends_0(
        self, upstream: FakeUpstream, number: signal.Signals
    ) -> None:
        answers: list[bytes] = []
        upstream.released.clear()
        with Sidecar(upstream.url) as sidecar:
            sidecar.monitored()
            caller = threading.Thread(
                target=lambda: answers.append(sidecar.send(request("/held", close=False)))
            )
            caller.start()
            eventually(lambda: upstream.requests and upstream.requests[-1].path == "/held")
            sidecar.child.send_signal(number)
            eventually(lambda: [line for line in sidecar.events("draining") if line["role"] == "worker 0"])
            with pytest.raises(OSError, match="503"):
                sidecar.get("/readyz", sidecar.health)
            assert sidecar.get("/livez", sidecar.health) == {"status": "ok"}
            upstream.released.set()
            caller.join()
            assert sidecar.child.wait(PATIENCE_S) == 0
        assert split(answers[0])[0] == 200
        assert b"connection: close" in answers[0]

    def test_an_exchange_that_does_not_end_is_cut_at_the_limit(self, upstream: FakeUpstream) -> None:
        upstream.released.clear()
        with Sidecar(upstream.url, SIDECAR_DRAIN__LIMIT_S="0.5") as sidecar:
            sidecar.monitored()
            with sidecar.connect() as caller:
                caller.sendall(request("/held", close=False))
                eventually(lambda: upstream.requests and upstream.requests[-1].path == "/held")
                sidecar.child.send_signal(signal.SIGTERM)
                assert sidecar.child.wait(PATIENCE_S) == 0
            assert [line["cut_off"] for line in sidecar.events("drained")] == [1]
            [ended] = of_supervisor(sidecar, "ended")
            assert ended["worker_died"] == 0  # the cut exchange has its record all the same

    def test_the_checkpoint_folder_is_removed(self, upstream: FakeUpstream, tmp_path: Path) -> None:
        with Sidecar(upstream.url, TMPDIR=str(tmp_path)) as sidecar:
            sidecar.monitored()
            assert list(tmp_path.glob("sidecar-state-*"))
            sidecar.child.send_signal(signal.SIGTERM)
            assert sidecar.child.wait(PATIENCE_S) == 0
        assert not list(tmp_path.glob("sidecar-state-*"))


class TestQuietTime:
    """Between SIGTERM and the closed port, for load balancers that have not looked yet."""

    def test_new_callers_are_served_while_readiness_already_says_no_and_answers_close(
        self, upstream: FakeUpstream
    ) -> None:
        with Sidecar(upstream.url, SIDECAR_DRAIN__QUIET_S="30") as sidecar:
            eventually(lambda: sidecar.get("/readyz", sidecar.health))
            with sidecar.connect() as idle:
                sidecar.child.send_signal(signal.SIGTERM)
                eventually(lambda: draining(sidecar))
                with pytest.raises(OSError, match="503"):
                    sidecar.get("/readyz", sidecar.health)
                assert sidecar.get("/livez", sidecar.health) == {"status": "ok"}
                status, lines, body = split(sidecar.send(request("/echo", b"late", close=False)))
                assert (status, body) == (200, b"late")
                assert b"connection: close" in lines
                assert split(exchange(idle, request("/echo", b"idle", close=False)))[2] == b"idle"
            sidecar.child.send_signal(signal.SIGTERM)  # a second one: nobody waits for the rest of it
            assert sidecar.child.wait(PATIENCE_S) == 0

    def test_the_port_refuses_when_it_is_over_although_one_caller_is_still_served(
        self, upstream: FakeUpstream
    ) -> None:
        upstream.released.clear()
        with Sidecar(upstream.url, "--workers", "2", SIDECAR_DRAIN__QUIET_S="0.5") as sidecar:
            with sidecar.connect() as caller, sidecar.connect() as idle:
                caller.sendall(request("/held", close=False))
                eventually(lambda: upstream.requests and upstream.requests[-1].path == "/held")
                sidecar.child.send_signal(signal.SIGTERM)
                eventually(lambda: len(sidecar.events("not_accepting")) == 2)
                with pytest.raises(ConnectionRefusedError):
                    sidecar.connect()
                assert idle.recv(1) == b""  # closed, not reset
                for _ in range(10):  # also when the other worker has gone, whose share of probes this was
                    assert sidecar.get("/livez", sidecar.health) == {"status": "ok"}
                upstream.released.set()
                assert split(read_answer(caller))[0] == 200
            assert sidecar.child.wait(PATIENCE_S) == 0
            assert [line["cut_off"] for line in sidecar.events("drained")] == [0, 0]

    def test_a_worker_that_dies_within_it_comes_back_not_ready_and_serves_its_callers(
        self, upstream: FakeUpstream
    ) -> None:
        with Sidecar(upstream.url, SIDECAR_DRAIN__QUIET_S="8") as sidecar:
            eventually(lambda: sidecar.events("serving"))
            began_s = time.monotonic()
            sidecar.child.send_signal(signal.SIGTERM)
            eventually(lambda: draining(sidecar))
            os.kill(sidecar.pid("worker 0"), signal.SIGKILL)
            assert split(sidecar.send(request("/echo", b"x")))[2] == b"x"
            eventually(lambda: len(draining(sidecar)) == 2)
            with pytest.raises(OSError, match="503"):
                sidecar.get("/readyz", sidecar.health)
            assert sidecar.child.wait(PATIENCE_S) == 0
            assert 7.9 < time.monotonic() - began_s < 8 + 30

    def test_when_the_supervisor_dies_workers_do_not_keep_it(self, upstream: FakeUpstream) -> None:
        with Sidecar(upstream.url, SIDECAR_DRAIN__QUIET_S="600") as sidecar:
            eventually(lambda: sidecar.events("serving"))
            worker = sidecar.pid("worker 0")
            sidecar.child.send_signal(signal.SIGTERM)
            eventually(lambda: draining(sidecar))
            sidecar.child.kill()
            sidecar.child.wait()
            eventually(lambda: not Path(f"/proc/{worker}").exists())

    def test_no_request_of_callers_who_keep_coming_is_lost(self, upstream: FakeUpstream) -> None:
        with Sidecar(upstream.url, "--workers", "2", SIDECAR_DRAIN__QUIET_S="1") as sidecar:
            eventually(lambda: len(sidecar.events("serving")) == 2)
            answers: list[bytes] = []
            broken: list[str] = []

            def call() -> None:
                while True:
                    try:
                        answers.append(sidecar.send(request("/echo", b"x")))
                    except ConnectionRefusedError:
                        return
                    except OSError as exc:
                        broken.append(str(exc))
                        return

            callers = [threading.Thread(target=call) for _ in range(8)]
            for caller in callers:
                caller.start()
            eventually(lambda: len(answers) > 50)
            sidecar.child.send_signal(signal.SIGTERM)
            for caller in callers:
                caller.join()
            assert sidecar.child.wait(PATIENCE_S) == 0
        assert broken == []
        assert {split(answer)[0] if answer else 0 for answer in answers} == {200}

    def test_a_stream_goes_on_to_its_end(self, upstream: FakeUpstream) -> None:
        with StreamingUpstream() as stream, Sidecar(f"http://127.0.0.1:{stream.port}") as sidecar:
            with sidecar.connect() as caller:
                caller.sendall(request("/stream"))
                received = read_until(caller, b"first")
                sidecar.child.send_signal(signal.SIGTERM)
                eventually(lambda: sidecar.events("not_accepting"))
                stream.finish.set()
                received += read_all(caller)
            assert sidecar.child.wait(PATIENCE_S) == 0
            assert received.endswith(b"0\r\n\r\n")
            assert b"last" in received
            assert [line["cut_off"] for line in sidecar.events("drained")] == [0]
