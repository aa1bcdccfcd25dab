"""A caller's connection: finds requests in its bytes and hands each to an exchange, one at a time and in
order.

    reading a head -> an exchange -> reading a head ...          until either side wants no more
                                  -> a tunnel                    101, or an HTTP/2 preface at the very start
                                  -> lingering: our side has ended, what still comes is read over
"""

from __future__ import annotations

import asyncio
import socket
import struct
from time import monotonic_ns
from typing import TYPE_CHECKING, Final, cast

from sidecar.errors import HeadTooLarge, WireError
from sidecar.http1.preface import HTTP2_PREFACE, PREFACE_HEAD, preface_head
from sidecar.http1.problem import encode_problem
from sidecar.http1.request import RequestHead
from sidecar.http1.unfinished import check_unfinished
from sidecar.proxy.address import packed_address
from sidecar.proxy.caller import Caller
from sidecar.proxy.exchange import Exchange
from sidecar.ring.record import NO_ADDRESS

if TYPE_CHECKING:  # the worker composes this
    from sidecar.proxy.tunnel import Tunnel
    from sidecar.proxy.worker import Worker

_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
_NEVER: Final = float("inf")
_LINGER_S: Final = 2.0  # how long a caller may go on sending once our side has ended
_FIRST_REQUEST_S: Final = 2.0  # when draining, for a caller that has connected and not asked yet


class DownstreamConnection(Caller):
    """One caller; the attributes are those of `sidecar.proxy.caller.Caller`."""

    __slots__ = (
        "_buffer",
        "_ended",
        "_exchange",
        "_half_closed",
        "_n_requests",
        "_tunnel",
        "_unsent_bytes",
        "_worker",
    )

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._exchange: Exchange | None = None
        self._tunnel: Tunnel | None = None
        self._buffer = b""
        self._ended = False  # the last answer has been written
        self._half_closed = False  # the caller will send no more, and waits for answers
        self._n_requests = 0
        self._unsent_bytes = 0  # when the sweep last looked, of an ended connection
        self.held = False
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
        self.expect_within(worker.config.timeouts.keep_alive_s)
        if not worker.admit(self):
            self._refuse(WireError("downstream", 503, "connections: the sidecar holds as many as it may"))

    def data_received(self, data: bytes) -> None:
        exchange = self._exchange
        if exchange is None:
            if not self._ended:
                self._read_head(self._buffer + data if self._buffer else data)
        elif exchange.request_done:
            self._buffer += data  # a pipelined request: its turn comes when this exchange is done
            if len(self._buffer) > self._worker.config.limits.buffer_bytes:
                self.hold_reading(True)
        else:
            self._continue(exchange, data)

    def eof_received(self) -> bool:
        """The caller sends no more. That may mean that it waits for its answer, or that it has gone: a system
        call cannot tell, but time can. Who half-closes does so right behind the request.

        Returns:
            Whether our side stays open.
        """
        exchange = self._exchange
        if exchange is None or not exchange.request_done or self.transport.get_extra_info("ssl_object"):
            return False
        waited_ns = monotonic_ns() - exchange.asked_ns
        soon = waited_ns <= self._worker.config.timeouts.half_close_s * 1e9
        self._half_closed = soon or bool(self._buffer) or not exchange.head.policy.cancel_on_disconnect
        return self._half_closed

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
            head = worker.heads.memo.young.get(raw)
            if head is None:
                if raw == PREFACE_HEAD and not self._n_requests:
                    self._read_preface(data, start_ns)
                    return
                head = self._parse(raw)
        except WireError as exc:
            self._refuse(exc)
            return
        worker.tally.add_seen()
        self._n_requests += 1
        self._buffer = b""
        self._exchange = exchange = Exchange(worker, self, head, start_ns)
        try:
            self._buffer = exchange.start(data, end)
        except WireError as exc:
            exchange.refuse(exc)
            return
        if self._buffer:  # should it have been answered at once, the next request is already here
            asyncio.get_running_loop().call_soon(self._next_request)

    def _wait_for_head(self, data: bytes) -> None:
        check_unfinished(data, self._worker.config.limits)
        if not self._buffer:
            self.expect_within(self._worker.config.timeouts.head_s)
        self._buffer = data

    def _parse(self, raw: bytes) -> RequestHead:
        raw = raw.removeprefix(b"\r\n")  # RFC 9112 section 2.2: an empty line before a request is ignored
        limit = self._worker.config.limits.head_bytes
        if len(raw) > limit:
            raise HeadTooLarge("downstream", 431, f"head: expected at most {limit} bytes, got more")
        return self._worker.heads.read(raw)

    def _read_preface(self, data: bytes, start_ns: int) -> None:
        """An HTTP/2 connection: all of it goes through a tunnel."""
        if len(data) < len(HTTP2_PREFACE) and HTTP2_PREFACE.startswith(data):
            self._buffer = data
            return
        if not data.startswith(HTTP2_PREFACE):
            raise WireError("downstream", 400, "head: expected an HTTP/2 preface, got something else")
        worker = self._worker
        worker.tally.add_seen()
        self._buffer = b""
        self._exchange = exchange = Exchange(worker, self, preface_head(worker.default_policy), start_ns)
        exchange.start_tunnel(data)

    def _continue(self, exchange: Exchange, data: bytes) -> None:
        try:
            self._buffer = exchange.on_request_data(data)
        except WireError as exc:
            exchange.refuse(exc)

    def _refuse(self, error: WireError) -> None:
        """Answers what cannot be an exchange, and closes: the bytes behind it mean nothing any more."""
        self._worker.tally.add_rejected()
        self.transport.write(encode_problem(error.status_hint, str(error), error.side, None, close=True))
        self._linger()

    # --- what an exchange asks for

    def exchange_done(self, keep: bool) -> None:
        """The exchange has its answer; the next request may begin."""
        self._exchange = None
        if not keep or self._worker.draining or (self._half_closed and not self._buffer):
            self._linger()
            return
        self.deadline_s = self._worker.now_s + self._worker.keep_alive_s
        if self.held:
            self.hold_reading(False)
        if self._buffer and self.writable:
            asyncio.get_running_loop().call_soon(self._next_request)

    def exchange_cut(self, *, reset: bool) -> None:
        """The answer cannot become whole: only the connection's end tells the caller so, and where an orderly
        end is the end of the body (HTTP/1.0), only a reset. It costs the caller what it has not read yet."""
        self._exchange = None
        connection = self.transport.get_extra_info("socket") if reset else None
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.transport.abort()

    def hold_reading(self, hold: bool) -> None:
        """Stops or resumes reading from the caller."""
        if self.held == hold or self._half_closed or self.transport.is_closing():
            return
        self.held = hold
        if hold:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def expect_within(self, seconds: float) -> None:
        """Sets the time after which the sweep calls `on_late`."""
        self.deadline_s = self._worker.now_s + seconds

    def take_over(self, tunnel: Tunnel, protocol: asyncio.Protocol) -> bytes:
        """Gives the connection to a tunnel; `connection_lost` still comes here."""
        self._exchange, self._tunnel = None, tunnel
        asked, self._buffer = self._buffer, b""
        self.hold_reading(False)
        self.transport.set_protocol(protocol)
        return asked

    # --- what the worker asks for

    def on_late(self) -> None:
        """The deadline has passed."""
        self.deadline_s = _NEVER
        if self._tunnel is not None:
            self._tunnel.on_late()
        elif self._ended:
            self._go_on_lingering()
        elif self._exchange is not None:
            self._exchange.on_late()
        elif self._buffer:
            self._worker.tally.add_late()
            limit = self._worker.config.timeouts.head_s
            self._refuse(
                WireError("downstream", 408, f"head: expected its end within {limit} s, got part of it")
            )
        else:
            self.transport.close()

    def drain(self) -> None:
        """Closes the connection if it is idle; otherwise the exchange does when it is done. A caller that has
        not asked yet is no idle one: its first request may be on the way."""
        if self._exchange is None and self._tunnel is None and not self._buffer and not self._ended:
            if self._n_requests:
                self._linger()
            else:
                limit_s = self._worker.config.drain.limit_s
                self.expect_within(min(_FIRST_REQUEST_S, limit_s / 2))

    def _next_request(self) -> None:
        if self._exchange is None and self._buffer and not self._ended and not self.transport.is_closing():
            data, self._buffer = self._buffer, b""
            self._read_head(data)

    def _linger(self) -> None:
        """Ends our side and reads over what the caller still sends: closing with unread bytes would reset the
        connection, and the caller might never see the answer."""
        self._ended = True
        self._buffer = b""
        self._unsent_bytes = self.transport.get_write_buffer_size()
        self.expect_within(self._worker.config.timeouts.caller_idle_s if self._unsent_bytes else _LINGER_S)
        if self._half_closed or not self.transport.can_write_eof():
            self.transport.close()
        else:
            self.hold_reading(False)
            self.transport.write_eof()

    def _go_on_lingering(self) -> None:
        """A caller that reads gets the time it needs; one that does not is cut off."""
        before, self._unsent_bytes = self._unsent_bytes, self.transport.get_write_buffer_size()
        if 0 < self._unsent_bytes < before:
            self.expect_within(self._worker.config.timeouts.caller_idle_s)
        elif before and not self._unsent_bytes:
            self.expect_within(_LINGER_S)
        else:
            self.transport.abort()
