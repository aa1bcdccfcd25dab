"""A connection to the upstream on a real loop over real TLS, where the loop's own buffers matter."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop

from sidecar.config.traffic import LimitsConfig
from sidecar.errors import UpstreamError
from sidecar.http1.fields import REDACTED
from sidecar.http1.response import ResponseHead
from sidecar.upstream.connection import UpstreamConnection
from sidecar.upstream.response_heads import ResponseHeads
from tests.support.certificates import Authority
from tests.support.listening import close, listen
from tests.support.raw_upstream import read_head

BODY = bytes(range(256)) * 512  # 128 KB: less than uvloop takes from TCP while reading is paused
LIMIT_S = 60.0
Run = Callable[[Coroutine[Any, Any, None]], None]


class SlowSink:
    """Takes the head, and then nothing until it is told to go on. Home and sink in one."""

    def __init__(self) -> None:
        self.body = b""
        self.error: UpstreamError | None = None
        self.paused = asyncio.Event()
        self.ended = asyncio.Event()

    def on_response(self, _head: ResponseHead, body: bytes, complete: bool) -> None:
        self.connection.transport.pause_reading()
        self.paused.set()
        self.on_body(body, complete)

    def on_body(self, body: bytes, complete: bool) -> None:
        self.body += body
        if complete:
            self.ended.set()

    def on_broken(self, error: UpstreamError, _reusable_before: bool) -> None:
        self.error = error
        self.ended.set()

    def release(self, _: UpstreamConnection) -> None:
        """It is not used again."""

    def forget(self, _: UpstreamConnection) -> None:
        """Nobody counts."""

    def make(self) -> UpstreamConnection:
        limits = LimitsConfig()
        self.connection = UpstreamConnection(self, ResponseHeads(limits, REDACTED), limits)  # type: ignore[arg-type]
        return self.connection


@pytest.fixture(params=["uvloop", "asyncio"])
def run(request: pytest.FixtureRequest) -> Run:
    return {"uvloop": uvloop.run, "asyncio": asyncio.run}[request.param]


def test_an_answer_is_whole_though_the_upstream_left_while_it_waited(run: Run, tmp_path: Path) -> None:
    """Without TLS's own end, as many servers leave, and with all of it in buffers on the way."""
    authority = Authority(tmp_path)
    serving = authority.serving_context(authority.issue("localhost"))
    go_on, left = threading.Event(), threading.Event()

    def serve(connection: socket.socket) -> None:
        with serving.wrap_socket(connection, server_side=True) as wrapped:
            read_head(wrapped)
            wrapped.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(BODY))
            go_on.wait(LIMIT_S)
            wrapped.sendall(BODY)
        left.set()

    async def ask(port: int) -> None:
        sink = SlowSink()
        loop = asyncio.get_running_loop()
        trusting = authority.trusting_context()
        await loop.create_connection(sink.make, "127.0.0.1", port, ssl=trusting, server_hostname="localhost")  # type: ignore[type-var]
        sink.connection.send(sink, b"GET / HTTP/1.1\r\nhost: m\r\n\r\n", head_only=False, more_follows=False)  # type: ignore[arg-type]
        async with asyncio.timeout(LIMIT_S):
            await sink.paused.wait()
            go_on.set()
            await asyncio.to_thread(left.wait, LIMIT_S)
            for _ in range(100):  # whatever the loop does with what has come by now, it does in these turns
                await asyncio.sleep(0)
            sink.connection.transport.resume_reading()
            await sink.ended.wait()
        assert (sink.error, sink.body) == (None, BODY)

    listener = listen(serve)
    try:
        run(ask(listener.getsockname()[1]))
    finally:
        close(listener)
