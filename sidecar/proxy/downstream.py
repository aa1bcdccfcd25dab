"""A caller's connection: finds requests in its bytes and hands each to an exchange, one at a time and in
order."""

from __future__ import annotations

import asyncio
from time import monotonic_ns
from typing import TYPE_CHECKING, cast

from sidecar.errors import BadHead, HeadTooLarge, WireError
from sidecar.http1.problem import encode_problem
from sidecar.http1.request import RequestHead
from sidecar.proxy.address import packed_address
from sidecar.proxy.exchange import Exchange
from sidecar.ring.record import NO_ADDRESS

if TYPE_CHECKING:  # the worker composes this
    from sidecar.proxy.worker import Worker

_NEVER = float("inf")
_LINGER_S = 2.0  # how long a closed connection may take to read its last answer


class DownstreamConnection(asyncio.Protocol):
    """One caller.

    Attributes:
        forwarded_for: what X-Forwarded-For says of this caller.
        address: the caller's, 16 bytes as a record holds it.
        writable: whether the send buffer has room.
        deadline_s: when, on the loop's clock, the sweep ends what this connection waits for.
    """

    __slots__ = (
        "_buffer",
        "_ended",
        "_exchange",
        "_held",
        "_worker",
        "address",
        "deadline_s",
        "forwarded_for",
        "transport",
        "writable",
    )

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._exchange: Exchange | None = None
        self._buffer = b""
        self._held = False
        self._ended = False  # the last answer has been written
        self.writable = True
        self.deadline_s = _NEVER
        self.forwarded_for = b"unknown"
        self.address = NO_ADDRESS
        self.transport: asyncio.Transport = cast(
            asyncio.Transport, None
        )  # set by connection_made, before any use

    # --- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        worker = self._worker
        self.transport.set_write_buffer_limits(high=worker.config.limits.buffer_bytes)
        peer = transport.get_extra_info("peername")
        if isinstance(peer, tuple):
            host = str(peer[0])
            self.address = packed_address(host)
            self.forwarded_for = (f'"[{host}]"' if ":" in host else host).encode()
        self.expect_within(worker.timeouts.keep_alive_s)
        if not worker.admit(self):
            self._refuse(WireError("downstream", 503, "connections: the sidecar holds as many as it may"))

    def data_received(self, data: bytes) -> None:
        exchange = self._exchange
        if self._ended:
            return
        if exchange is None:
            self._read_head(self._buffer + data if self._buffer else data)
        elif exchange.request_done:
            self._buffer += data  # a pipelined request: its turn comes when this exchange is done
            if len(self._buffer) > self._worker.config.limits.buffer_bytes:
                self.hold_reading(True)
        else:
            self._continue(exchange, data)

    def connection_lost(self, _exc: Exception | None) -> None:
        self._worker.dismiss(self)
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.on_caller_gone()

    def pause_writing(self) -> None:
        self.writable = False
        if self._exchange is not None:
            self._exchange.on_caller_writable(False)

    def resume_writing(self) -> None:
        self.writable = True
        if self._exchange is not None:
            self._exchange.on_caller_writable(True)
        elif self._buffer:
            self._next_request()

    # --- requests

    def _read_head(self, data: bytes) -> None:
        start_ns = monotonic_ns()
        worker = self._worker
        end = data.find(b"\r\n\r\n") + 4
        try:
            if end < 4:
                self._wait_for_head(data)
                return
            raw = data[:end]
            head = worker.heads.memo.young.get(raw) or self._parse(raw)
        except WireError as exc:
            self._refuse(exc)
            return
        worker.tally.add_seen()
        self._buffer = b""
        self._exchange = exchange = Exchange(worker, self, head, start_ns)
        try:
            self._buffer = exchange.start(data[end:])
        except WireError as exc:
            exchange.refuse(exc)
            return
        if self._buffer and exchange.ended:  # at once: the next request is already here
            asyncio.get_running_loop().call_soon(self._next_request)

    def _wait_for_head(self, data: bytes) -> None:
        limit = self._worker.config.limits.head_bytes
        if len(data) > limit:
            raise HeadTooLarge("downstream", 431, f"head: expected at most {limit} bytes, got more")
        if data[:1] in (b"\x16", b"\x80"):
            raise BadHead("downstream", 400, "head: expected HTTP, got what looks like TLS")
        if not self._buffer:
            self.expect_within(self._worker.timeouts.head_s)
        self._buffer = data

    def _parse(self, raw: bytes) -> RequestHead:
        raw = raw.removeprefix(b"\r\n")  # RFC 9112 section 2.2: an empty line before a request is ignored
        limit = self._worker.config.limits.head_bytes
        if len(raw) > limit:
            raise HeadTooLarge("downstream", 431, f"head: expected at most {limit} bytes, got more")
        return self._worker.heads.read(raw)

    def _continue(self, exchange: Exchange, data: bytes) -> None:
        self.expect_within(self._worker.timeouts.body_idle_s)
        try:
            self._buffer = exchange.on_request_data(data)
        except WireError as exc:
            exchange.refuse(exc)

    def _refuse(self, error: WireError) -> None:
        """Answers what cannot be an exchange, and closes: the bytes behind it mean nothing any more."""
        self._worker.tally.add_rejected()
        self._buffer = b""
        self.transport.write(encode_problem(error.status_hint, str(error), error.side, None, close=True))
        self._linger()

    # --- what an exchange asks for

    def exchange_done(self, keep: bool) -> None:
        """The exchange has its answer; the next request may begin."""
        exchange, self._exchange = self._exchange, None
        if not keep and exchange is not None and not exchange.request_done:
            self._linger()
            return
        if not keep or (self._worker.draining and not self._buffer):
            self._close()
            return
        self.deadline_s = self._worker.now_s + self._worker.timeouts.keep_alive_s
        if self._held:
            self.hold_reading(False)
        if self._buffer and self.writable:
            asyncio.get_running_loop().call_soon(self._next_request)

    def exchange_cut(self) -> None:
        """The answer cannot become whole: only a cut connection tells the caller so."""
        self._exchange = None
        self.transport.abort()

    def hold_reading(self, hold: bool) -> None:
        """Stops or resumes reading from the caller."""
        if self._held == hold or self.transport.is_closing():
            return
        self._held = hold
        if hold:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def expect_within(self, seconds: float) -> None:
        """Sets the time after which the sweep calls `on_late`."""
        self.deadline_s = self._worker.now_s + seconds

    # --- what the worker asks for

    def on_late(self) -> None:
        """The deadline has passed."""
        self.deadline_s = _NEVER
        if self._ended:
            self.transport.abort()
        elif self._exchange is not None:
            self._exchange.on_late()
        elif self._buffer:
            limit = self._worker.timeouts.head_s
            self._refuse(
                WireError("downstream", 408, f"head: expected its end within {limit} s, got part of it")
            )
        else:
            self._close()

    def drain(self) -> None:
        """Closes the connection if it is idle; otherwise the exchange does when it is done."""
        if self._exchange is None and not self._buffer:
            self._close()

    def _next_request(self) -> None:
        if self._exchange is None and self._buffer and not self.transport.is_closing():
            data, self._buffer = self._buffer, b""
            self._read_head(data)

    def _close(self) -> None:
        """Closes once what was written has been sent; a caller that does not read it is cut off by the
        sweep."""
        self._ended = True
        self.expect_within(_LINGER_S)
        self.transport.close()

    def _linger(self) -> None:
        """Ends our side and reads over what the caller still sends: closing with unread bytes would reset the
        connection, and the caller might never see why."""
        self._ended = True
        self._buffer = b""
        self.hold_reading(False)
        self.expect_within(_LINGER_S)
        if self.transport.can_write_eof():
            self.transport.write_eof()
