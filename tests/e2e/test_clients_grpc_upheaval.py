"""When a gRPC server goes, stops answering or comes back, callers see through the sidecar what they see at
the server: every test is made of both."""

from __future__ import annotations

import queue
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

from tests.support.grpc_calls import PATIENCE_S, conversing, failure, grpc_server, opened, seen, unary
from tests.support.listening import free_port
from tests.support.running import Sidecar, eventually

KEEPALIVE = (
    ("grpc.keepalive_time_ms", 200),
    ("grpc.keepalive_timeout_ms", 2000),
    ("grpc.http2.ping_timeout_ms", 2000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
)

pytestmark = [pytest.mark.slow]


@dataclass(slots=True)
class Stage:
    """A server of its own for a test, which may do to it what it likes.

    Attributes:
        port: where callers ask, the server's own or a sidecar's.
    """

    folder: Path
    server_port: int
    server: subprocess.Popen[bytes]
    port: int
    stack: ExitStack

    def start_again(self) -> None:
        """Starts a server where the ended one was."""
        self.server.wait(PATIENCE_S)
        self.server = self.stack.enter_context(grpc_server(self.folder, self.server_port))


@pytest.fixture(params=["direct", "sidecar"])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    server_port = free_port()
    with ExitStack() as stack:
        server = stack.enter_context(grpc_server(tmp_path, server_port))
        port = server_port
        if request.param == "sidecar":
            port = stack.enter_context(Sidecar(f"http://127.0.0.1:{server_port}")).traffic
        yield Stage(tmp_path, server_port, server, port, stack)


def test_pings_of_an_idle_connection_are_answered(stage: Stage) -> None:
    with opened(stage.port, *KEEPALIVE) as channel:
        call = unary(channel, "Wait").future(b"", timeout=5)
        error = call.exception()  # some twenty pings later
        assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED
        assert unary(channel, "Echo")(b"still", timeout=PATIENCE_S) == b"still"


def test_pings_that_a_frozen_server_leaves_unanswered_end_the_call(stage: Stage) -> None:
    with opened(stage.port, *KEEPALIVE) as channel:
        call = unary(channel, "Wait").future(b"", timeout=PATIENCE_S)
        eventually(lambda: seen(stage.server_port)["waiting"] == 1)
        stage.server.send_signal(signal.SIGSTOP)
        try:
            assert failure(call.result)[0] == grpc.StatusCode.UNAVAILABLE
        finally:
            stage.server.send_signal(signal.SIGCONT)

        def answers_again() -> bool:
            """A connection that the client opened meanwhile may still die of its own unanswered ping."""
            try:
                return unary(channel, "Echo")(b"on", timeout=PATIENCE_S, wait_for_ready=True) == b"on"
            except grpc.RpcError:
                return False

        assert eventually(answers_again)


def test_a_killed_server_ends_its_calls_and_its_successor_is_found_by_the_same_channel(stage: Stage) -> None:
    with opened(stage.port) as channel:
        call = unary(channel, "Wait").future(b"", timeout=PATIENCE_S)
        eventually(lambda: seen(stage.server_port)["waiting"] == 1)
        stage.server.kill()
        assert failure(call.result)[0] == grpc.StatusCode.UNAVAILABLE
        assert (
            failure(lambda: unary(channel, "Echo")(b"?", timeout=PATIENCE_S))[0]
            == grpc.StatusCode.UNAVAILABLE
        )
        stage.start_again()
        assert unary(channel, "Echo")(b"back", timeout=PATIENCE_S, wait_for_ready=True) == b"back"


def test_a_server_that_goes_in_peace_ends_the_stream_it_has_and_takes_no_other(stage: Stage) -> None:
    questions: queue.Queue[bytes | None] = queue.Queue()
    with opened(stage.port) as channel:
        call = conversing(channel, "Talk")(iter(questions.get, None), timeout=PATIENCE_S)
        questions.put(b"before")
        assert next(call) == b"before"
        stage.server.send_signal(signal.SIGTERM)
        # Its GOAWAY makes the channel look for another connection, which nobody takes.
        eventually(lambda: unary(channel, "Echo").future(b"?", timeout=PATIENCE_S).exception())
        questions.put(b"behind")
        assert next(call) == b"behind"
        questions.put(None)
        assert list(call) == []
        assert call.code() == grpc.StatusCode.OK
        stage.start_again()
        assert unary(channel, "Echo")(b"back", timeout=PATIENCE_S, wait_for_ready=True) == b"back"
