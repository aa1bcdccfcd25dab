"""The life of one exchange, from top to bottom:

    start            the caller's head is parsed; ids are made; the tap decides whether to keep the payload
    _seek            a connection to the upstream: an idle one at once, else this exchange waits in a queue
    _forward         head and the body so far go upstream in one write
    on_request_data  more of the request's body, chunk by chunk, never held
    on_response      the upstream's head and first bytes go to the caller in one write
    on_body          more of the response
    record           the tap writes the record; the caller's connection takes the next request

or, at any point: _fail (the upstream's fault; a problem document if nothing was answered yet), refuse (the
caller's), on_caller_gone; or on_switched: the two connections are joined to a tunnel, which ends the exchange
when it ends itself. An HTTP/2 connection is such a tunnel from the start (start_tunnel).

The slower side pauses the faster one: the upstream's full send buffer stops reading from the caller, the
caller's full one stops reading from the upstream. So memory an exchange holds is bounded by two buffers
whatever the bodies' sizes.
"""

from __future__ import annotations

from time import monotonic_ns
from typing import Final

from sidecar.errors import Side, UpstreamError, WireError
from sidecar.http1.hop import may_switch
from sidecar.http1.part import LONG_BYTES, Part, part_from
from sidecar.http1.preface import PREFACE_METHOD
from sidecar.http1.response import ResponseHead
from sidecar.proxy.answer import frame_answer, own_answer
from sidecar.proxy.exchange_state import ExchangeState
from sidecar.proxy.gone import GoneCaller
from sidecar.proxy.request_body import RequestBody
from sidecar.proxy.tunnel import Tunnel
from sidecar.ring.record import ExchangeFlag, Outcome
from sidecar.upstream.connection import UpstreamConnection

WHOLE_ANSWER: Final = int(ExchangeFlag.WHOLE_ANSWER)


class Exchange(ExchangeState):
    """One request with its response, from its head to its record."""

    __slots__ = ()

    # --- the request

    def start(self, received: bytes, place: int) -> bytes:
        """Begins with what came behind the head.

        Args:
            received: the head, and the bytes behind it.
            place: where these begin.

        Returns:
            What of them belongs to the caller's next request.

        Raises:
            WireError: the body's framing is broken; nothing has been sent upstream.
        """
        length = self.head.body_length
        rest = b""
        if length == len(received) - place:  # the usual case: all of it is here
            self.request_done = True
            if length:
                body = part_from(received, place)
                self._held.append(body)
                self._worker.tap.keep_request(self, body)
        else:
            worker, limit_bytes = self._worker, self.head.policy.body_bytes
            self._held_bytes = 0
            self._body = RequestBody(length, limit_bytes, self._keep_request, worker.now_s)
            body, rest = self._body.take(part_from(received, place))
            self.request_done = self._body.done
            if body:
                self._hold(body)
        self._seek()
        return rest

    def on_request_data(self, received: bytes) -> bytes:
        """Forwards more of the request's body.

        Returns:
            What of the bytes belongs to the caller's next request.

        Raises:
            WireError: the body's framing is broken.
        """
        if self._body is None:  # an HTTP/2 connection that waits for its upstream
            self._hold(received)
            return b""
        body, rest = self._body.take(received)
        if self._body.done:
            self.request_done = True
            self.asked_ns = monotonic_ns()
        if self.upstream is None:
            if body:
                self._hold(body)
            return rest
        if body:
            self.upstream.transport.write(body)
        if self.request_done:
            self.upstream.request_open = False
        if not self.caller.held:
            self._expect_more()
        return rest

    def _keep_request(self, body: Part) -> None:
        self._worker.tap.keep_request(self, body)

    def _hold(self, body: Part) -> None:
        """Keeps what cannot be sent yet, up to a buffer full."""
        self._held.append(body)
        self._held_bytes += len(body)
        if self._held_bytes > self._worker.config.limits.buffer_bytes:
            self.caller.hold_reading(True)

    def _expect_more(self) -> None:
        """How long the caller may take for more of its body, or the upstream for its answer."""
        policy, worker = self.head.policy, self._worker
        if self._body is not None and not self._body.done:
            rate = worker.config.limits.body_bytes_per_s
            self.caller.expect_within(self._body.allowed_s(worker.now_s, policy.body_idle_s, rate))
        elif self.response is None:
            self.caller.expect_within(policy.first_byte_s)

    def start_tunnel(self, received: bytes) -> None:
        """Begins an HTTP/2 connection: everything on it is forwarded, to an upstream connection of its own.

        Args:
            received: its first bytes.
        """
        self._held_bytes = 0
        self._hold(received)
        self._seek()

    # --- a connection

    def _seek(self) -> None:
        try:
            if self.request_done or self._body is not None:
                connection = self._pool.acquire(self)
            else:
                connection = self._pool.open_for(self, "h2")
        except UpstreamError as exc:
            self._fail(exc, Outcome.OVERLOADED)
            return
        if connection is not None:
            self._forward(connection)
        else:
            self.waiting = True
            self.caller.expect_within(self.head.policy.queue_s)

    def on_connection(self, connection: UpstreamConnection) -> None:
        """The pool has a connection for this exchange."""
        self.waiting = False
        if self.head.method == PREFACE_METHOD:
            self.forwarded_ns = monotonic_ns()
            self._pool.breaker.note_success()  # nothing more will be known of what it carries
            Tunnel(self._worker, self, connection, b"".join(self._held), b"")
            return
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
        held = self._held
        if held and len(held[-1]) >= LONG_BYTES:
            message, long_part = b"".join((head.forwarded, own_lines, *held[:-1])), held[-1]
        else:
            message, long_part = b"".join((head.forwarded, own_lines, *held)), b""
        connection.send(self, message, long_part, head_only=head.is_head, more_follows=not done)
        if done:
            caller.deadline_s = worker.now_s + head.policy.first_byte_s
            self._resendable = head.idempotent
        else:
            self._held = []
            self._expect_more()
        self.forwarded_ns = monotonic_ns()

    # --- the response

    def on_interim(self, head: ResponseHead) -> None:
        """Passes a 1xx head on, to callers that may get one."""
        if self.head.chunks_allowed:
            self.caller.transport.write(head.forwarded + b"\r\n")

    def on_response(self, head: ResponseHead, body: Part, complete: bool) -> None:
        """Sends the upstream's head and first bytes to the caller in one write."""
        self.first_byte_ns = monotonic_ns()
        self.response = head
        request, worker, caller = self.head, self._worker, self.caller
        if complete:
            self.upstream = None  # it is back in the pool and may already serve another exchange
            self.tap_flags |= WHOLE_ANSWER
        elif head.body_length < 0 and self.tapped:
            worker.tap.spill(self)  # a stream's fragments go into the ring as they come, each with its time
        if self._pool.breaker.n_failures:
            self._pool.breaker.note_success()
        self._closing = worker.draining or not (request.keep_alive and self.request_done)
        lines = b"" if head.has_request_id else worker.identities.id_line(request, self.hexed)
        if head.body_length < 0 or self._closing or request.says_keep_alive:
            framing, self._chunker, self._closing = frame_answer(request, head, closing=self._closing)
            lines += framing
        framed = body if self._chunker is None else self._chunker.frame(body, complete)
        if len(framed) < LONG_BYTES:
            caller.transport.write(b"".join((head.forwarded, lines, b"\r\n", framed)))
        else:
            caller.transport.writelines((b"".join((head.forwarded, lines, b"\r\n")), framed))
        if body:
            worker.tap.keep_response(self, body)
        if complete:
            self.record(Outcome.OK)
            caller.exchange_done(not self._closing)
        else:
            self._expect_rest()

    def on_body(self, body: Part, complete: bool) -> None:
        """Sends more of the response to the caller."""
        if complete:
            self.upstream = None
        framed = body if self._chunker is None else self._chunker.frame(body, complete)
        if framed:
            self.caller.transport.write(framed)
        if body:
            self._worker.tap.keep_response(self, body)
        if complete:
            self.record(Outcome.OK)
            self.caller.exchange_done(not self._closing)
        else:
            self._expect_rest()

    def on_trailer(self, lines: bytes) -> None:
        """The trailer that ends a chunked response."""
        if self._chunker is not None:
            self._chunker.trailer = lines

    def _expect_rest(self) -> None:
        if self.caller.writable:
            self.caller.expect_within(self.head.policy.response_idle_s)
        else:
            self.on_caller_writable(False)

    def on_switched(self, head: ResponseHead, connection: UpstreamConnection, received: bytes) -> None:
        """The upstream agreed to speak another protocol: from now on bytes are bytes."""
        self.upstream = None
        if not self.request_done or not may_switch(self.head.upgrade, head.upgrade):
            connection.abandon()
            error = UpstreamError(502, "the upstream switched to a protocol that was not asked for")
            self._fail(error, Outcome.UPSTREAM_BROKE)
            return
        self.first_byte_ns = monotonic_ns()
        self.response = head
        self._pool.breaker.note_success()
        lines = b"" if head.has_request_id else self._worker.identities.id_line(self.head, self.hexed)
        self.caller.transport.write(head.forwarded + lines + b"\r\n")
        Tunnel(self._worker, self, connection, b"", received)

    # --- back-pressure

    def on_upstream_writable(self, writable: bool) -> None:
        """The upstream takes no more for now, or again."""
        self.caller.hold_reading(not writable)
        if self._body is None or self.response is not None:
            return
        if writable:
            worker = self._worker
            self._body.excuse(worker.now_s, worker.config.limits.body_bytes_per_s)
            self._expect_more()
        else:
            self.caller.expect_within(self.head.policy.first_byte_s)

    def on_caller_writable(self, writable: bool) -> None:
        """The caller takes no more for now, or again."""
        if self.upstream is None:
            return
        if writable:
            self.upstream.transport.resume_reading()
            self.caller.expect_within(self.head.policy.response_idle_s)
        else:
            self.upstream.transport.pause_reading()
            self.caller.expect_within(self.head.policy.caller_idle_s)

    # --- the end

    def on_broken(self, error: UpstreamError, reusable_before: bool) -> None:
        """The upstream's answer will not become whole."""
        self.upstream = None
        if reusable_before and self._resendable and not self._retried:
            self._retried = True  # the idle connection was closed under us, and this may be sent twice
            self._worker.tally.add_retried()
            self._seek()
            return
        self._fail(error, Outcome.UPSTREAM_BROKE)

    def on_late(self) -> None:
        """A time-out passed: whose it is follows from what is missing."""
        self._worker.tally.add_late()
        policy = self.head.policy
        if self.waiting:
            error = UpstreamError(503, f"no connection to the upstream was free within {policy.queue_s} s")
            self._fail(error, Outcome.OVERLOADED)
        elif self.response is not None and not self.caller.writable:
            self._drop_upstream()
            self._cut(self.response, Outcome.CALLER_GONE)
        elif not self.request_done and self.response is None and not self.caller.held:
            limit = policy.body_idle_s
            self.refuse(WireError("downstream", 408, f"body: expected more within {limit} s, got too little"))
        else:
            self._fail(UpstreamError(504, "the upstream did not answer in time"), Outcome.UPSTREAM_TIMEOUT)

    def refuse(self, error: WireError) -> None:
        """The caller broke off the rules within its body."""
        self._drop_upstream()
        self._answer(error.status_hint, str(error), Outcome.REJECTED, error.side)

    def on_caller_gone(self) -> None:
        """The caller closed its connection: the upstream need not go on, unless the settings want it to."""
        if self.request_done and not self.head.upgrade and not self.head.policy.cancel_on_disconnect:
            self.caller = GoneCaller(self._worker, self, self.caller)
            if self.upstream is not None:
                self.upstream.transport.resume_reading()
            return
        self.cut_off()

    def cut_off(self) -> None:
        """Ends at once; nobody waits for the answer any more."""
        self._drop_upstream()
        self.record(Outcome.CALLER_GONE)

    def _fail(self, error: UpstreamError, outcome: Outcome) -> None:
        if self.forwarded_ns:
            self._pool.note_failure(self)
        self._drop_upstream()
        self._worker.note_upstream_error(error, outcome)
        self._answer(error.status, str(error), outcome, "upstream", error.retry_after_s)

    def _answer(
        self, status: int, detail: str, outcome: Outcome, side: Side, retry_after_s: float = 1.0
    ) -> None:
        """Answers ourselves, or cuts the connection when the upstream's answer has already begun."""
        if self.response is not None:
            self._cut(self.response, outcome)
            return
        keep = self.head.keep_alive and self.request_done and not self._worker.draining
        request_id = self._worker.identities.request_id(self.head, self.hexed)
        self.caller.transport.write(
            own_answer(
                status, detail, side, self.head, request_id, close=not keep, retry_after_s=retry_after_s
            )
        )
        self.record(outcome, status)
        self.caller.exchange_done(keep)

    def _cut(self, response: ResponseHead, outcome: Outcome) -> None:
        self.record(outcome)
        self.caller.exchange_cut(reset=response.body_length < 0 and self._chunker is None)

    def record(self, outcome: Outcome, own_status: int = 0) -> None:
        """Writes the record: the exchange has ended, and so has its tunnel if it became one."""
        self._worker.tap.record(self, outcome, monotonic_ns(), own_status)
        self._worker.tally.add_ended(self.bytes_in, self.bytes_out)

    def _drop_upstream(self) -> None:
        self._pool.give_up(self)
        upstream, self.upstream = self.upstream, None
        if upstream is not None:
            upstream.abandon()
