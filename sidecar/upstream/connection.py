"""One connection to the model server: sends requests, parses responses, one at a time.

It knows nothing of callers. Whoever has it reads the answer through `ResponseSink`:

    send -> (on_interim)* -> on_response -> (on_body)* -> (on_trailer) -> done, or on_broken at any point
                          -> on_switched: the bytes behind it are no HTTP, and the connection is the sink's

`complete=True` in the last of them says that the message is whole; by then the connection has already gone
back to the pool (or is closing), so the sink may take another one at once.
"""

from __future__ import annotations

import asyncio
from typing import Any, Protocol, cast

from sidecar.config.traffic import LimitsConfig
from sidecar.errors import BadFraming, HeadTooLarge, UpstreamError, WireError
from sidecar.http1.chunked import ChunkReader
from sidecar.http1.fields import CHUNKED, UNTIL_CLOSE
from sidecar.http1.part import Part, part_from
from sidecar.http1.response import ResponseHead
from sidecar.upstream.response_heads import ResponseHeads

MAX_INTERIM = 32  # 1xx heads before an answer; more is a flood


class ResponseSink(Protocol):
    """Who waits for a response."""

    def on_interim(self, head: ResponseHead) -> None:
        """A 1xx head arrived; the real one is still to come."""

    def on_switched(self, head: ResponseHead, connection: UpstreamConnection, received: bytes) -> None:
        """A 101 arrived, and these bytes behind it; the sink takes the connection over or abandons it."""

    def on_response(self, head: ResponseHead, body: Part, complete: bool) -> None:
        """The head arrived, with the first bytes of the body, de-chunked."""

    def on_body(self, body: Part, complete: bool) -> None:
        """More of the body arrived, de-chunked; may be empty when complete."""

    def on_trailer(self, lines: bytes) -> None:
        """The trailer's lines, each with its CRLF, just before the call that says complete."""

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


class UpstreamConnection:
    """A pooled connection.

    Args:
        home: the pool.
        heads: reads response heads, shared by all connections of a pool.
        limits: sizes of heads and buffers.
        raw: what the server says before it is asked anything is kept for a tunnel (HTTP/2 servers speak
            first).

    Attributes:
        request_open: the request is still being sent, so the connection cannot be used again.
        idle_since_s, idle_limit_s: since when it is idle, and the server's own limit if it told one.
    """

    __slots__ = (
        "_buffer",
        "_chunks",
        "_head_only",
        "_heads",
        "_home",
        "_left",
        "_limits",
        "_n_interim",
        "_raw",
        "_responding",
        "_reusable",
        "_said_all",
        "_sink",
        "_used",
        "idle_limit_s",
        "idle_since_s",
        "request_open",
        "transport",
    )

    def __init__(self, home: Home, heads: ResponseHeads, limits: LimitsConfig, *, raw: bool = False) -> None:
        self._home = home
        self._raw = raw
        self._heads = heads
        self._limits = limits
        self._sink: ResponseSink | None = None
        self._buffer = b""
        self._left = 0  # bytes of body to come, or CHUNKED, or UNTIL_CLOSE
        self._chunks: ChunkReader | None = None
        self._responding = False  # a final head has been read
        self._head_only = False
        self._reusable = False
        self._said_all = False  # the server ended its side, in TLS where there is TLS
        self._used = False
        self._n_interim = 0
        self.request_open = False
        self.idle_since_s = 0.0
        self.idle_limit_s: int | None = None
        self.transport: asyncio.Transport = cast(
            asyncio.Transport, None
        )  # set before anyone can see the connection

    # --- the sending side

    def send(
        self, sink: ResponseSink, message: bytes, body: Part = b"", *, head_only: bool, more_follows: bool
    ) -> None:
        """Starts an exchange: what arrives from now on is the answer for `sink`.

        Args:
            sink: who waits.
            message: the request's head, and what there is of its body unless that is long.
            body: a long part of it, which is written behind the message without a copy.
            head_only: the request is HEAD: its answer has no body.
            more_follows: the body is not complete; the sender writes the rest and then clears `request_open`.
        """
        self._sink = sink
        self._head_only = head_only
        self._responding = False
        self.request_open = more_follows
        if body:
            self.transport.writelines((message, body))
        else:
            self.transport.write(message)

    def take_over(self, protocol: asyncio.Protocol) -> bytes:
        """Hands the connection to a tunnel's protocol, which passes `connection_lost` on to this object.

        Returns:
            What the server has said already.
        """
        said, self._buffer = self._buffer, b""
        self._sink = None
        self.transport.set_protocol(protocol)
        return said

    def abandon(self) -> None:
        """Drops the exchange and the connection: nobody wants the answer any more."""
        self._sink = None
        self.transport.abort()

    # --- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=self._limits.buffer_bytes)
        if transport.get_extra_info("sslcontext") is not None:
            # While reading is paused, uvloop goes on taking what TCP brings; if TCP then ends without TLS's
            # own end, it throws away what it has taken. So it takes no more as long as anything waits there.
            cast(Any, transport).set_read_buffer_limits(high=1, low=0)

    def data_received(self, data: bytes) -> None:
        sink = self._sink
        if sink is None:
            self._take_unasked(data)
            return
        try:
            if self._responding:
                self._read_body(sink, data)
            else:
                self._read_head(sink, self._buffer + data if self._buffer else data)
        except WireError as exc:
            self._break(UpstreamError(502, f"the upstream broke HTTP: {exc}"))

    def _take_unasked(self, data: bytes) -> None:
        """Bytes on an idle connection: no HTTP/1.1 server has anything to say there."""
        self._buffer += data
        if not self._raw or len(self._buffer) > self._limits.buffer_bytes:
            self.transport.abort()

    def eof_received(self) -> bool:
        """Not called when TCP ends without TLS's own end: anybody on the way can do that, so it ends no body
        (RFC 9112 section 9.8)."""
        self._said_all = True
        return False  # closes the transport; connection_lost follows

    def connection_lost(self, exc: Exception | None) -> None:
        self._home.forget(self)
        sink = self._sink
        if sink is None:
            return
        self._sink = None
        if self._responding and self._left == UNTIL_CLOSE and self._said_all and exc is None:
            sink.on_body(b"", True)
            return
        stale = self._used and not self._responding and not self._buffer and not self._n_interim
        when = "during its response" if self._responding or self._buffer else "before it answered"
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
            self._wait_for_head(data)
            return
        self._buffer = b""
        raw = data[:end]
        head = self._heads.memo.young.get(raw) or self._heads.read(raw)
        if head.status < 200:
            self._interim(sink, head, data[end:])
            return
        self._responding = True
        self._reusable = head.keep_alive and head.status != 500  # uvicorn closes behind an exception, unsaid
        self.idle_limit_s = head.idle_s
        left = self._left = 0 if self._head_only else head.body_length
        body: Part
        complete = False
        if left == len(data) - end:  # the usual case: all of it is here
            body = part_from(data, end)
            self._left, complete = 0, True
        elif left >= 0:
            body, complete = self._take(part_from(data, end))
        elif left == CHUNKED:
            self._chunks = ChunkReader("upstream")
            body, complete = self._take_chunks(data[end:])
            if complete and self._chunks.trailer:
                sink.on_response(head, body, False)
                self._end_with_trailer(sink, self._chunks.trailer)
                return
        else:
            body = data[end:]
        if complete:
            self._finish()
        sink.on_response(head, body, complete)

    def _wait_for_head(self, data: bytes) -> None:
        if len(data) > self._limits.head_bytes:
            raise HeadTooLarge(
                "upstream", 502, f"head: expected at most {self._limits.head_bytes} bytes, got more"
            )
        if not b"HTTP/1.".startswith(data[:7]):
            raise BadFraming("upstream", 502, "head: expected HTTP/1.1, got something else")
        self._buffer = data

    def _read_body(self, sink: ResponseSink, data: bytes) -> None:
        body: Part
        if self._left >= 0:
            body, complete = self._take(data)
        elif self._left == CHUNKED:
            body, complete = self._take_chunks(data)
            chunks = cast(ChunkReader, self._chunks)
            if complete and chunks.trailer:
                sink.on_body(body, False)
                self._end_with_trailer(sink, chunks.trailer)
                return
        else:
            body, complete = data, False
        if complete:
            self._finish()
        if body or complete:
            sink.on_body(body, complete)

    def _interim(self, sink: ResponseSink, head: ResponseHead, rest: bytes) -> None:
        if head.status == 101:
            self._sink = None
            sink.on_switched(head, self, rest)
            return
        self._n_interim += 1
        if self._n_interim > MAX_INTERIM:
            raise BadFraming("upstream", 502, f"head: expected at most {MAX_INTERIM} interim ones, got more")
        sink.on_interim(head)
        if rest:
            self._read_head(sink, rest)

    def _take(self, data: Part) -> tuple[Part, bool]:
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

    def _end_with_trailer(self, sink: ResponseSink, lines: bytes) -> None:
        """The sink knows the head and all of the body by now, so it can still say something behind them."""
        sink.on_trailer(lines)
        self._finish()
        sink.on_body(b"", True)

    def _finish(self) -> None:
        self._sink = None
        self._used = True
        self._n_interim = 0
        if self._reusable and not self.request_open:
            self._home.release(self)
        else:
            self.transport.close()

    def _break(self, error: UpstreamError) -> None:
        sink, self._sink = self._sink, None
        self.transport.abort()
        if sink is not None:
            sink.on_broken(error, False)
