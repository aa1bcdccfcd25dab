"""One connection to the model server: sends requests, parses responses, one at a time.

It knows nothing of callers. Whoever has it reads the answer through `ResponseSink`:

    send -> (on_interim)* -> on_response -> (on_body)* -> done, or on_broken at any point

`complete=True` in the last of them says that the message is whole; by then the connection has already gone
back to the pool (or is closing), so the sink may take another one at once.
"""

from __future__ import annotations

import asyncio
from typing import Protocol, cast

from sidecar.config.traffic import LimitsConfig
from sidecar.errors import HeadTooLarge, UpstreamError, WireError
from sidecar.http1.chunked import ChunkReader
from sidecar.http1.fields import CHUNKED, UNTIL_CLOSE
from sidecar.http1.memo import MAX_KEY_BYTES, HeadMemo
from sidecar.http1.response import ResponseHead, parse_response_head


class ResponseSink(Protocol):
    """Who waits for a response."""

    def on_interim(self, head: ResponseHead) -> None:
        """A 1xx head arrived; the real one is still to come."""

    def on_response(self, head: ResponseHead, body: bytes, complete: bool) -> None:
        """The head arrived, with the first bytes of the body, de-chunked."""

    def on_body(self, body: bytes, complete: bool) -> None:
        """More of the body arrived, de-chunked; may be empty when complete."""

    def on_broken(self, error: UpstreamError, reusable_before: bool) -> None:
        """The response will not become whole.

        `reusable_before`: an idle connection was reused and closed before a byte of the response came, which
        is what a server does that closed it at the same moment.
        """

    def on_upstream_writable(self, writable: bool) -> None:
        """The connection's send buffer is full, or has room again."""


class Home(Protocol):
    """Where a connection goes when a response is complete, and what it tells when it is lost."""

    def release(self, connection: UpstreamConnection) -> None: ...

    def forget(self, connection: UpstreamConnection) -> None: ...


class UpstreamConnection(asyncio.Protocol):
    """A pooled connection.

    Args:
        home: the pool.
        memo: response heads parsed before, shared by all connections of a worker.
        limits: sizes of heads and buffers.
    """

    __slots__ = (
        "_buffer",
        "_chunks",
        "_head_only",
        "_home",
        "_left",
        "_limits",
        "_memo",
        "_responding",
        "_reusable",
        "_sink",
        "_used",
        "idle_limit_s",
        "idle_since_s",
        "request_open",
        "transport",
    )

    def __init__(self, home: Home, memo: HeadMemo[bytes, ResponseHead], limits: LimitsConfig) -> None:
        self._home = home
        self._memo = memo
        self._limits = limits
        self._sink: ResponseSink | None = None
        self._buffer = b""
        self._left = 0  # bytes of body to come, or CHUNKED, or UNTIL_CLOSE
        self._chunks: ChunkReader | None = None
        self._responding = False  # a final head has been read
        self._head_only = False
        self._reusable = False
        self._used = False
        self.request_open = False  # the request is still being sent: its connection cannot be used again
        self.idle_since_s = 0.0
        self.idle_limit_s: int | None = None
        self.transport: asyncio.Transport = cast(
            asyncio.Transport, None
        )  # set before anyone can see the connection

    # --- the sending side

    def send(self, sink: ResponseSink, message: bytes, *, head_only: bool, more_follows: bool) -> None:
        """Starts an exchange: what arrives from now on is the answer for `sink`.

        Args:
            sink: who waits.
            message: the request's head and what there is of its body.
            head_only: the request is HEAD: its answer has no body.
            more_follows: the body is not complete; the sender writes the rest and then clears `request_open`.
        """
        self._sink = sink
        self._head_only = head_only
        self._responding = False
        self.request_open = more_follows
        self.transport.write(message)

    def abandon(self) -> None:
        """Drops the exchange and the connection: nobody wants the answer any more."""
        self._sink = None
        self.transport.abort()

    # --- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=self._limits.buffer_bytes)

    def data_received(self, data: bytes) -> None:
        sink = self._sink
        if sink is None:  # bytes that nobody asked for
            self.transport.abort()
            return
        try:
            if self._responding:
                self._read_body(sink, data)
            else:
                self._read_head(sink, self._buffer + data if self._buffer else data)
        except WireError as exc:
            self._break(UpstreamError(502, f"the upstream broke HTTP: {exc}"))

    def eof_received(self) -> bool:
        return False  # closes the transport; connection_lost follows

    def connection_lost(self, exc: Exception | None) -> None:
        self._home.forget(self)
        sink = self._sink
        if sink is None:
            return
        if self._responding and self._left == UNTIL_CLOSE and exc is None:
            self._sink = None
            sink.on_body(b"", True)
            return
        stale = self._used and not self._responding and not self._buffer
        when = "during its response" if self._responding or self._buffer else "before it answered"
        self._sink = None
        sink.on_broken(UpstreamError(502, f"the upstream closed the connection {when}"), stale)

    def pause_writing(self) -> None:
        if self._sink is not None:
            self._sink.on_upstream_writable(False)

    def resume_writing(self) -> None:
        if self._sink is not None:
            self._sink.on_upstream_writable(True)

    # --- reading a response

    def _read_head(self, sink: ResponseSink, data: bytes) -> None:
        end = data.find(b"\r\n\r\n") + 4
        if end < 4:
            if len(data) > self._limits.head_bytes:
                raise HeadTooLarge(
                    "upstream", 502, f"head: expected at most {self._limits.head_bytes} bytes, got more"
                )
            self._buffer = data
            return
        self._buffer = b""
        raw = data[:end]
        head = self._memo.young.get(raw) or self._parse(raw)
        if head.status < 200:
            self._interim(sink, head, data[end:])
            return
        self._responding = True
        self._reusable = head.keep_alive
        self.idle_limit_s = head.idle_s
        self._left = 0 if self._head_only else head.body_length
        if self._left >= 0:
            body, complete = self._take(data[end:])
        elif self._left == CHUNKED:
            self._chunks = ChunkReader("upstream")
            body, complete = self._take_chunks(data[end:])
        else:
            body, complete = data[end:], False
        if complete:
            self._finish()
        sink.on_response(head, body, complete)

    def _read_body(self, sink: ResponseSink, data: bytes) -> None:
        if self._left >= 0:
            body, complete = self._take(data)
        elif self._left == CHUNKED:
            body, complete = self._take_chunks(data)
        else:
            body, complete = data, False
        if complete:
            self._finish()
        if body or complete:
            sink.on_body(body, complete)

    def _parse(self, raw: bytes) -> ResponseHead:
        head = self._memo.find(raw)
        if head is None:
            if len(raw) > self._limits.head_bytes:
                raise HeadTooLarge(
                    "upstream", 502, f"head: expected at most {self._limits.head_bytes} bytes, got more"
                )
            head = parse_response_head(raw, self._limits)
            if len(raw) <= MAX_KEY_BYTES:
                self._memo.keep(raw, head)
        return head

    def _interim(self, sink: ResponseSink, head: ResponseHead, rest: bytes) -> None:
        if head.status == 101:
            self._break(UpstreamError(502, "the upstream switched protocols without being asked"))
            return
        sink.on_interim(head)
        if rest:
            self._read_head(sink, rest)

    def _take(self, data: bytes) -> tuple[bytes, bool]:
        """Bytes of a body of known length; more than that means that the two sides no longer agree."""
        left = self._left - len(data)
        if left < 0:
            data = data[: self._left]
            self._reusable = False
            left = 0
        self._left = left
        return data, left == 0

    def _take_chunks(self, data: bytes) -> tuple[bytes, bool]:
        chunks = cast(ChunkReader, self._chunks)
        pieces, rest = chunks.feed(data)
        if rest:
            self._reusable = False
        return b"".join(pieces), chunks.done

    def _finish(self) -> None:
        self._sink = None
        self._used = True
        if self._reusable and not self.request_open:
            self._home.release(self)
        else:
            self.transport.close()

    def _break(self, error: UpstreamError) -> None:
        sink, self._sink = self._sink, None
        self.transport.abort()
        if sink is not None:
            sink.on_broken(error, False)
