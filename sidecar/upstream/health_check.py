"""Asking the model server whether it is ready.

The checker has a connection of its own, kept between two checks: through the pool a check would stand behind
the requests, and an upstream that is merely busy would be called unready, which makes its neighbours busier.
A check is no request: neither the breaker nor the retry budget hears of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import sidecar
from sidecar.config.address import Upstream, host_header
from sidecar.config.traffic import HealthCheckConfig, LimitsConfig
from sidecar.errors import UpstreamError
from sidecar.http1.memo import HeadMemo
from sidecar.http1.part import Part
from sidecar.http1.response import ResponseHead
from sidecar.upstream.connection import UpstreamConnection
from sidecar.upstream.response_heads import ResponseHeads

Connect = Callable[[Callable[[], UpstreamConnection]], Awaitable[UpstreamConnection]]


class HealthState:
    """Whether the upstream is ready, from the answers so far; not ready before the first ones.

    Args:
        config: how many answers in a row change it.

    Attributes:
        ready: whether it is.
        reason: why it is not, in one line; of the last bad answer.
    """

    def __init__(self, config: HealthCheckConfig) -> None:
        self._config = config
        self._n_against = 0  # answers in a row that speak against `ready`
        self.ready = False
        self.reason = "the upstream has not been asked yet"

    def note(self, ok: bool, reason: str = "") -> bool:
        """Takes in one answer.

        Args:
            ok: whether it was good.
            reason: what was wrong with it.

        Returns:
            Whether `ready` has changed.
        """
        if not ok:
            self.reason = reason
        if ok == self.ready:
            self._n_against = 0
            return False
        self._n_against += 1
        if self._n_against < (self._config.healthy if ok else self._config.unhealthy):
            return False
        self.ready, self._n_against = ok, 0
        return True


def health_request(path: str, upstream: Upstream) -> bytes:
    """The request that asks.

    Args:
        path: what is asked for.
        upstream: whose Host it names.
    """
    return b"GET %b HTTP/1.1\r\nhost: %b\r\nuser-agent: sidecar-health/%b\r\naccept: */*\r\n\r\n" % (
        path.encode(),
        host_header(upstream),
        sidecar.__version__.encode(),
    )


class HealthChecker:
    """Asks again and again.

    Args:
        path: what is asked for.
        config: how often, and how long an answer may take.
        upstream: who is asked.
        limits: of heads.
        connect: makes a connection, as `Dialer.connect` does.
        on_change: called when `state.ready` has changed.

    Attributes:
        state: what the answers say.
    """

    def __init__(
        self,
        path: str,
        config: HealthCheckConfig,
        upstream: Upstream,
        limits: LimitsConfig,
        connect: Connect,
        on_change: Callable[[HealthState], None] = lambda _: None,
    ) -> None:
        self._path = path
        self._config = config
        self._request = health_request(path, upstream)
        self._limits = limits
        self._connect = connect
        self._on_change = on_change
        self._heads = ResponseHeads(limits, frozenset())
        self._heads.memo = HeadMemo(generation=1)  # each second's date makes another head
        self._idle: UpstreamConnection | None = None
        self._stopped = asyncio.Event()
        self.state = HealthState(config)

    async def run(self) -> None:
        """Checks every `interval_s` until it is stopped or cancelled."""
        try:
            while not self._stopped.is_set():
                await self.check()
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._config.interval_s):
                        await self._stopped.wait()
        finally:
            if self._idle is not None:
                self._idle.transport.close()

    def stop(self) -> None:
        """Lets `run` end."""
        self._stopped.set()

    async def check(self) -> None:
        """Asks once and notes the answer, 2xx being a good one."""
        try:
            status = await self._ask()
        except UpstreamError as exc:
            changed = self.state.note(False, str(exc))
        else:
            changed = self.state.note(200 <= status < 300, f"the upstream answered {status} to {self._path}")
        if changed:
            self._on_change(self.state)

    # --- what a connection wants of its home

    def release(self, connection: UpstreamConnection) -> None:
        """Keeps a connection for the next check."""
        self._idle = connection

    def forget(self, connection: UpstreamConnection) -> None:
        """Notes that a connection is lost."""
        if self._idle is connection:
            self._idle = None

    # --- one check

    async def _ask(self) -> int:
        """The answer's status.

        A kept connection may close at the very moment that it is used: then a fresh one is asked, once.
        """
        answer = _Answer()
        try:
            async with asyncio.timeout(self._config.timeout_s):
                await self._exchange(answer)
                if answer.stale:
                    answer = _Answer()
                    await self._exchange(answer)
        except TimeoutError:
            if not answer.status:  # a body without end matters to nobody
                raise UpstreamError(
                    504, f"the upstream did not answer {self._path} within {self._config.timeout_s} s"
                ) from None
        if answer.error is not None:
            raise answer.error
        return answer.status

    async def _exchange(self, answer: _Answer) -> None:
        connection, self._idle = self._idle, None
        if connection is None or connection.transport.is_closing():
            connection = await self._connect(self._new_connection)
            if connection.transport.is_closing():
                raise UpstreamError(502, "the upstream closed the connection at once")
        connection.send(answer, self._request, head_only=False, more_follows=False)
        try:
            await answer.ended.wait()
        except asyncio.CancelledError:
            connection.abandon()  # what arrives now must not meet the next check
            raise

    def _new_connection(self) -> UpstreamConnection:
        return UpstreamConnection(self, self._heads, self._limits)


class _Answer:
    """Waits for the end of one answer: its status is judged, its end frees the connection."""

    def __init__(self) -> None:
        self.status = 0
        self.error: UpstreamError | None = None
        self.stale = False
        self.ended = asyncio.Event()

    def on_interim(self, head: ResponseHead) -> None:
        """Says nothing of readiness."""

    def on_switched(self, _head: ResponseHead, connection: UpstreamConnection, _received: bytes) -> None:
        connection.abandon()
        self.error = UpstreamError(502, "the upstream switched protocols without being asked")
        self.ended.set()

    def on_trailer(self, lines: bytes) -> None:
        """Says nothing of readiness."""

    def on_response(self, head: ResponseHead, body: Part, complete: bool) -> None:  # noqa: ARG002
        self.status = head.status
        if complete:
            self.ended.set()

    def on_body(self, body: Part, complete: bool) -> None:  # noqa: ARG002
        if complete:
            self.ended.set()

    def on_broken(self, error: UpstreamError, reusable_before: bool) -> None:
        self.error = error
        self.stale = reusable_before
        self.ended.set()

    def on_upstream_writable(self, writable: bool) -> None:
        """A few hundred bytes fill no buffer."""
