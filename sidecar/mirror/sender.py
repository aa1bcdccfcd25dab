"""Sends copies to one server and reads what it answers: no retries, no redirects, no cookies.

It speaks through the same connections as the proxy worker, and as strictly: an answer that breaks HTTP is
broken. A connection is used again for as long as servers keep theirs, last in, first out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import lru_cache
from time import perf_counter
from urllib.parse import urlsplit

from sidecar.config.address import Upstream, host_header, parse_upstream
from sidecar.config.model import Config
from sidecar.config.traffic import TimeoutsConfig, UpstreamTlsConfig
from sidecar.errors import UpstreamError
from sidecar.http1.fields import REDACTED
from sidecar.http1.part import LONG_BYTES
from sidecar.http1.recorded import header_lines
from sidecar.mirror.answer import Answer, Failure
from sidecar.mirror.deadlines import Deadlines
from sidecar.mirror.received import Received
from sidecar.mirror.request import Copy
from sidecar.upstream.connection import UpstreamConnection
from sidecar.upstream.dial import Dialer
from sidecar.upstream.readable import is_readable
from sidecar.upstream.response_heads import ResponseHeads

KEPT_HEADS = 512


def _note_nothing(_n_bytes: int) -> None:
    """Nobody wants to know."""


class Sender:
    """Used on one event loop.

    Args:
        url: the server's, `unix:/path` or with a path of its own that targets are put behind.
        concurrency: requests on their way at most; more wait.
        timeout_s: longest time for one answer.
        answer_bytes: longest body read.
        tls: for https.
        note_read: told of every piece of a body that was read, in bytes.

    Raises:
        ConfigError: a file of TLS is missing or not what it must be.
    """

    def __init__(
        self,
        url: str,
        concurrency: int,
        timeout_s: float,
        answer_bytes: int,
        tls: UpstreamTlsConfig,
        note_read: Callable[[int], None] = _note_nothing,
    ) -> None:
        upstream, self._base = _split(url)
        config = Config(upstream_tls=tls, timeouts=TimeoutsConfig(connect_s=timeout_s))
        self._host = host_header(upstream).decode("ascii")
        self._dialer = Dialer(upstream, config)
        self._limits = config.limits
        self._idle_s = config.timeouts.upstream_idle_s
        self._heads = ResponseHeads(config.limits, REDACTED)
        self._headers = lru_cache(maxsize=KEPT_HEADS)(header_lines)
        self._room = asyncio.Semaphore(concurrency)
        self._timeout_s = timeout_s
        self._deadlines = Deadlines(timeout_s)
        self._answer_bytes = answer_bytes
        self._note_read = note_read
        self._idle: list[UpstreamConnection] = []

    async def send(self, copy: Copy) -> Answer:
        """Sends a copy and waits for the whole answer.

        Args:
            copy: the request.

        Returns:
            The answer, or what kept it from coming; never raises but for cancellation.
        """
        start_s = perf_counter()
        connection = None if self._room.locked() else self._take_idle()
        if connection is None:
            return await self._wait_and_send(copy, start_s)
        async with self._room:
            return await self._exchange(connection, copy, start_s)

    async def close(self) -> None:
        """Closes the connections."""
        for connection in self._idle:
            connection.transport.close()
        self._idle.clear()
        self._deadlines.close()

    # --- what a connection wants of its home

    def release(self, connection: UpstreamConnection) -> None:
        """Keeps a connection whose answer is whole."""
        connection.idle_since_s = perf_counter()
        self._idle.append(connection)

    def forget(self, connection: UpstreamConnection) -> None:
        """Notes that a connection is lost."""
        if connection in self._idle:
            self._idle.remove(connection)

    # --- one exchange

    async def _wait_and_send(self, copy: Copy, start_s: float) -> Answer:
        """Where there is no room, or no connection, yet."""
        try:
            async with asyncio.timeout(self._timeout_s), self._room:
                connection = self._take_idle()
                if connection is None:
                    connection = await self._dialer.connect(self._new_connection)
                return await self._exchange(connection, copy, start_s)
        except TimeoutError:
            return Answer(0, latency_s=perf_counter() - start_s, failure="timeout")
        except UpstreamError as exc:
            failure: Failure = "timeout" if exc.status == 504 else "connect"
            return Answer(0, latency_s=perf_counter() - start_s, failure=failure)

    async def _exchange(self, connection: UpstreamConnection, copy: Copy, start_s: float) -> Answer:
        received = Received(connection, self._answer_bytes, self._note_read)
        head, body = self._head(copy), copy.body
        if len(body) < LONG_BYTES:
            head, body = head + body, b""
        connection.send(received, head, body, head_only=copy.method == "HEAD", more_follows=False)
        self._deadlines.enter(received, start_s)
        try:
            await received.ended
        except asyncio.CancelledError:
            connection.abandon()
            raise
        finally:
            self._deadlines.leave(received)
        answered = received.head
        return Answer(
            0 if answered is None else answered.status,
            {} if answered is None else self._headers(answered.recorded),
            b"".join(received.pieces),
            received.end_s - start_s,
            received.failure,
        )

    def _take_idle(self) -> UpstreamConnection | None:
        now_s = perf_counter()
        while self._idle:
            connection = self._idle.pop()
            limit_s = self._idle_s
            if connection.idle_limit_s is not None:
                limit_s = min(limit_s, connection.idle_limit_s - 1.0)
            if connection.transport.is_closing():
                continue
            if now_s - connection.idle_since_s < limit_s and not is_readable(connection.transport):
                return connection
            connection.transport.abort()
        return None

    def _new_connection(self) -> UpstreamConnection:
        return UpstreamConnection(self, self._heads, self._limits)

    def _head(self, copy: Copy) -> bytes:
        lines = [f"{copy.method} {self._base}{copy.target} HTTP/1.1"]
        if "host" not in copy.headers:
            lines.append(f"host: {self._host}")
        lines += [f"{name}: {value}" for name, value in copy.headers.items()]
        if copy.body or copy.method not in ("GET", "HEAD", "DELETE", "OPTIONS"):
            lines.append(f"content-length: {len(copy.body)}")
        return "\r\n".join((*lines, "\r\n")).encode("latin-1")


def _split(url: str) -> tuple[Upstream, str]:
    """Where a server is, and the path that its targets are put behind."""
    if url.startswith("unix:"):
        return parse_upstream(url), ""
    parts = urlsplit(url)
    return parse_upstream(f"{parts.scheme}://{parts.netloc}"), parts.path.rstrip("/")
