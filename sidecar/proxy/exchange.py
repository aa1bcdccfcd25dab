"""The life of one exchange, from top to bottom:

    start            the caller's head is parsed; ids are made; the tap decides whether to keep the payload
    _seek            a connection to the upstream: an idle one at once, else this exchange waits in a queue
    _forward         head and the body so far go upstream in one write
    on_request_data  more of the request's body, chunk by chunk, never held
    on_response      the upstream's head and first bytes go to the caller in one write
    on_body          more of the response
    _record          the tap writes the record; the caller's connection takes the next request

or, at any point: _fail (the upstream's fault; a problem document if nothing was answered yet), refuse (the
caller's), on_caller_gone.

The slower side pauses the faster one: the upstream's full send buffer stops reading from the caller, the
caller's full one stops reading from the upstream. So memory an exchange holds is bounded by two buffers
whatever the bodies' sizes.
"""

from __future__ import annotations

from binascii import hexlify
from time import monotonic_ns
from typing import TYPE_CHECKING, Protocol

from sidecar.errors import UpstreamError, WireError
from sidecar.http1.chunked import LAST_CHUNK, encode_chunk
from sidecar.http1.fields import CHUNKED
from sidecar.http1.problem import encode_problem
from sidecar.http1.request import RequestHead
from sidecar.http1.response import ResponseHead
from sidecar.proxy.request_body import RequestBody
from sidecar.ring.record import ExchangeFlag, Outcome
from sidecar.upstream.connection import UpstreamConnection

if TYPE_CHECKING:  # the worker composes both, each knows the other only by its methods
    import asyncio

    from sidecar.proxy.worker import Worker


WHOLE_ANSWER = int(ExchangeFlag.WHOLE_ANSWER)


class Caller(Protocol):
    """The caller's connection, as an exchange needs it."""

    transport: asyncio.Transport
    forwarded_for: bytes
    address: bytes
    writable: bool
    deadline_s: float

    def exchange_done(self, keep: bool) -> None: ...

    def exchange_cut(self) -> None: ...

    def hold_reading(self, hold: bool) -> None: ...

    def expect_within(self, seconds: float) -> None: ...


class Exchange:
    """One request with its response.

    Attributes:
        number: 64 bits, this exchange's own; `low` are its 8 bytes and `hexed` its 16 hex digits.
        request_pieces, response_pieces: what the tap holds of the bodies until the record is written.
        tapped: whether the payload is taken; `tap_flags` is what the record will say of it.
    """

    __slots__ = (
        "_body",
        "_closing",
        "_held",
        "_held_bytes",
        "_rechunk",
        "_resendable",
        "_retried",
        "_worker",
        "bytes_in",
        "bytes_out",
        "caller",
        "ended",
        "first_byte_ns",
        "forwarded_ns",
        "head",
        "hexed",
        "low",
        "number",
        "ratio",
        "request_done",
        "request_pieces",
        "response",
        "response_pieces",
        "start_ns",
        "tap_flags",
        "tapped",
        "upstream",
        "waiting",
    )

    def __init__(self, worker: Worker, caller: Caller, head: RequestHead, start_ns: int) -> None:
        self._worker = worker
        self.caller = caller
        self.head = head
        self.start_ns = start_ns
        self.forwarded_ns = self.first_byte_ns = 0
        self.number = number = worker.identities.next()
        self.low = low = number.to_bytes(8, "big")
        self.hexed = hexlify(low)
        tap = worker.tap
        self.tapped = number < tap.limit
        self.ratio = tap.ratio
        self.tap_flags = self.bytes_in = self.bytes_out = 0
        self.request_pieces: list[bytes] = []
        self.response_pieces: list[bytes] = []
        self.response: ResponseHead | None = None
        self.upstream: UpstreamConnection | None = None
        self.waiting = self.ended = self.request_done = False
        self._body: RequestBody | None = None  # for a body that did not come whole with its head
        self._held: list[bytes] = []  # framed body that waits for a connection
        self._held_bytes = 0
        self._rechunk = self._closing = self._retried = False
        self._resendable = False  # whole, still held, and idempotent

    # --- the request

    def start(self, received: bytes) -> bytes:
        """Begins with the bytes that came behind the head.

        Returns:
            What of them belongs to the caller's next request.

        Raises:
            WireError: the body's framing is broken; nothing has been sent upstream.
        """
        length = self.head.body_length
        if length == len(received):  # the usual case: all of it is here
            self.request_done = True
            body, rest = received, b""
            if length:
                self._keep_request(body)
        else:
            limit_bytes = self._worker.config.limits.body_bytes
            self._body = RequestBody(length, limit_bytes, self._keep_request)
            body, rest = self._body.take(received)
            self.request_done = self._body.done
        if body:
            self._held.append(body)
            self._held_bytes = len(body)
        self._seek()
        return rest

    def on_request_data(self, received: bytes) -> bytes:
        """Forwards more of the request's body.

        Returns:
            What of the bytes belongs to the caller's next request.

        Raises:
            WireError: the body's framing is broken.
        """
        if self._body is None:
            return received
        body, rest = self._body.take(received)
        self.request_done = self._body.done
        if self.upstream is not None:
            if body:
                self.upstream.transport.write(body)
            if self.request_done:
                self._request_sent(self.upstream)
        elif body:
            self._held.append(body)
            self._held_bytes += len(body)
            if self._held_bytes > self._worker.config.limits.buffer_bytes:
                self.caller.hold_reading(True)
        return rest

    def _keep_request(self, body: bytes) -> None:
        self.bytes_in += len(body)
        if self.tapped:
            self._worker.tap.keep_request(self, body)

    def _seek(self) -> None:
        try:
            connection = self._worker.pool.acquire(self)
        except UpstreamError as exc:
            self._fail(exc, Outcome.OVERLOADED)
            return
        if connection is not None:
            self._forward(connection)
        else:
            self.waiting = True
            self.caller.expect_within(self._worker.timeouts.connect_s + 1.0)

    def on_connection(self, connection: UpstreamConnection) -> None:
        """The pool has a connection for this exchange."""
        self.waiting = False
        self._forward(connection)
        self.caller.hold_reading(False)

    def on_no_connection(self, error: UpstreamError) -> None:
        """The pool could not connect."""
        self.waiting = False
        self._fail(error, Outcome.UPSTREAM_TIMEOUT if error.status == 504 else Outcome.UPSTREAM_CONNECT)

    def _forward(self, connection: UpstreamConnection) -> None:
        self.upstream = connection
        head, worker, caller, done = self.head, self._worker, self.caller, self.request_done
        own_lines = worker.identities.own_lines(head, self.number, self.hexed, caller.forwarded_for)
        message = b"".join((head.forwarded, *own_lines, *self._held))
        connection.send(self, message, head_only=head.is_head, more_follows=not done)
        self._resendable = done and head.idempotent
        if not self._resendable:
            self._held = []
        timeouts = worker.timeouts
        caller.deadline_s = worker.now_s + (timeouts.first_byte_s if done else timeouts.body_idle_s)
        self.forwarded_ns = monotonic_ns()

    def _request_sent(self, connection: UpstreamConnection) -> None:
        connection.request_open = False
        if self.response is None:
            self.caller.expect_within(self._worker.timeouts.first_byte_s)

    # --- the response

    def on_interim(self, head: ResponseHead) -> None:
        """Passes a 1xx head on, to callers that may get one."""
        if self.head.chunks_allowed:
            self.caller.transport.write(head.forwarded + b"\r\n")

    def on_response(self, head: ResponseHead, body: bytes, complete: bool) -> None:
        """Sends the upstream's head and first bytes to the caller in one write."""
        self.first_byte_ns = monotonic_ns()
        self.response = head
        request, worker = self.head, self._worker
        if complete:
            self.upstream = None  # it is back in the pool and may already serve another exchange
            self.tap_flags |= WHOLE_ANSWER
        if body:
            self._keep_response(body)
        self._closing = worker.draining or not (request.keep_alive and self.request_done)
        lines = () if head.has_request_id else worker.identities.id_line(request, self.hexed)
        if head.body_length < 0 or self._closing or request.says_keep_alive:
            lines = (*lines, *self._framing_lines(head))
            body = self._frame(body, complete)
        self.caller.transport.write(b"".join((head.forwarded, *lines, b"\r\n", body)))
        self._after_write(complete)

    def _framing_lines(self, head: ResponseHead) -> list[bytes]:
        """How the body ends, and whether the connection does."""
        request, lines = self.head, []
        if request.is_head:
            if head.body_length == CHUNKED:
                lines.append(b"transfer-encoding: chunked\r\n")  # what a GET would have got
        elif head.body_length < 0:
            if request.chunks_allowed:
                self._rechunk = True
                lines.append(b"transfer-encoding: chunked\r\n")
            else:
                self._closing = True  # a caller that knows no chunks reads until the end
        if self._closing:
            lines.append(b"connection: close\r\n")
        elif request.says_keep_alive:
            lines.append(b"connection: keep-alive\r\n")
        return lines

    def on_body(self, body: bytes, complete: bool) -> None:
        """Sends more of the response to the caller."""
        if complete:
            self.upstream = None
        if body:
            self._keep_response(body)
        framed = self._frame(body, complete)
        if framed:
            self.caller.transport.write(framed)
        self._after_write(complete)

    def _keep_response(self, body: bytes) -> None:
        self.bytes_out += len(body)
        if self.tapped:
            self._worker.tap.keep_response(self, body)

    def _frame(self, body: bytes, complete: bool) -> bytes:
        if not self._rechunk:
            return body
        framed = encode_chunk(body) if body else b""
        return framed + LAST_CHUNK if complete else framed

    def _after_write(self, complete: bool) -> None:
        if complete:
            self._record(Outcome.OK)
            self.caller.exchange_done(not self._closing)
            return
        self.caller.expect_within(self._worker.timeouts.response_idle_s)
        if not self.caller.writable:
            self.on_caller_writable(False)

    # --- back-pressure

    def on_upstream_writable(self, writable: bool) -> None:
        """The upstream takes no more for now, or again."""
        self.caller.hold_reading(not writable)

    def on_caller_writable(self, writable: bool) -> None:
        """The caller takes no more for now, or again."""
        if self.upstream is None:
            return
        if writable:
            self.upstream.transport.resume_reading()
        else:
            self.upstream.transport.pause_reading()

    # --- the end

    def on_broken(self, error: UpstreamError, reusable_before: bool) -> None:
        """The upstream's answer will not become whole."""
        self.upstream = None
        if reusable_before and self._resendable and not self._retried:
            self._retried = (
                True  # the idle connection had been closed under us, and the request may be sent twice
            )
            self._worker.tally.add_retried()
            self._seek()
            return
        self._fail(error, Outcome.UPSTREAM_BROKE)

    def on_late(self) -> None:
        """A time-out passed: the upstream's, or the caller's while its body is still coming."""
        if not self.request_done and self.response is None and not self.waiting:
            limit = self._worker.timeouts.body_idle_s
            self.refuse(WireError("downstream", 408, f"body: expected more within {limit} s, got nothing"))
        else:
            self._fail(UpstreamError(504, "the upstream did not answer in time"), Outcome.UPSTREAM_TIMEOUT)

    def refuse(self, error: WireError) -> None:
        """The caller broke off the rules within its body."""
        self._drop_upstream()
        self._answer(error.status_hint, str(error), Outcome.REJECTED, error.side)

    def on_caller_gone(self) -> None:
        """The caller closed its connection: the upstream need not go on."""
        self.waiting = False
        self._drop_upstream()
        self._record(Outcome.CALLER_GONE)

    def _fail(self, error: UpstreamError, outcome: Outcome) -> None:
        self.waiting = False
        self._drop_upstream()
        self._worker.note_upstream_error(error)
        self._answer(error.status, str(error), outcome, "upstream")

    def _answer(self, status: int, detail: str, outcome: Outcome, side: str) -> None:
        """Answers ourselves, or cuts the connection when the upstream's answer has already begun."""
        if self.response is not None:
            self._record(outcome)
            self.caller.exchange_cut()
            return
        keep = self.head.keep_alive and self.request_done and not self._worker.draining
        self.caller.transport.write(
            encode_problem(
                status,
                detail,
                "upstream" if side == "upstream" else "downstream",
                self._worker.identities.request_id(self.head, self.hexed),
                close=not keep,
                without_body=self.head.is_head,
            )
        )
        self._record(outcome, status)
        self.caller.exchange_done(keep)

    def _record(self, outcome: Outcome, own_status: int = 0) -> None:
        self.ended = True
        self._worker.tap.record(self, outcome, monotonic_ns(), own_status)
        self._worker.tally.add_ended(self.bytes_in, self.bytes_out)

    def _drop_upstream(self) -> None:
        upstream, self.upstream = self.upstream, None
        if upstream is not None:
            upstream.abandon()
