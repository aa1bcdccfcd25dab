"""Connections to the model server, for one worker: reused last in, first out, so that spare ones grow idle
and close.

    acquire    an idle connection at once, else the waiter is called back; a full queue or an open breaker
               answers by an exception
    open_for   a new connection that is nobody else's, for a tunnel
    release    a connection whose response is complete: to who waits longest, else to the idle ones

A connection that cannot be opened is tried again while somebody waits for it, within the retry budget:
nothing has been sent, so that is safe for any request.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

from sidecar.config.model import Config
from sidecar.errors import UpstreamError
from sidecar.upstream.breaker import Breaker
from sidecar.upstream.budget import RetryBudget
from sidecar.upstream.connection import UpstreamConnection
from sidecar.upstream.dial import Dialer
from sidecar.upstream.readable import is_readable
from sidecar.upstream.response_heads import ResponseHeads
from sidecar.upstream.tasks import keep

FIRST_PAUSE_S = 0.05  # before a second attempt to connect; doubled for each further one


class Waiter(Protocol):
    """Who waits for a connection.

    Attributes:
        waiting: turns false when it no longer does.
        probe: the number of the breaker's turn that it has, 0 for none.
    """

    waiting: bool
    probe: int

    def on_connection(self, connection: UpstreamConnection) -> None: ...

    def on_no_connection(self, error: UpstreamError) -> None: ...


class Pool:
    """The connections of one worker to one upstream.

    Args:
        config: limits, time-outs, retries and breaker.
        dialer: opens connections.
        redacted: lower-case names of response headers that are not recorded.

    Attributes:
        breaker: whether the upstream is to be left alone.
        now_s: the loop's clock as of the last sweep.
        answered_s: when the upstream last proved that it is there.
    """

    def __init__(self, config: Config, dialer: Dialer, redacted: frozenset[bytes]) -> None:
        self._dialer = dialer
        self._limits = config.limits
        self._bounds = config.pool
        self._attempts = config.retries.attempts
        self._upstream_idle_s = config.timeouts.upstream_idle_s
        self._heads = ResponseHeads(config.limits, redacted)
        self.now_s = asyncio.get_running_loop().time()
        self._budget = RetryBudget(config.retries, self.now_s)
        self._idle: list[UpstreamConnection] = []
        self._open: set[UpstreamConnection] = set()
        self._waiters: deque[Waiter] = deque()
        self._n_connecting = 0
        self._closed = False
        self.breaker = Breaker(config.breaker)
        self.answered_s = float("-inf")
        self._n_connect_retries = 0
        self._n_opened_told = 0

    @property
    def n_open(self) -> int:
        """Open connections, idle ones included."""
        return len(self._open)

    @property
    def n_waiting(self) -> int:
        """Requests that wait for a connection."""
        return len(self._waiters)

    def take_connect_retries(self) -> int:
        """Attempts to connect that were repeated since the last call."""
        n, self._n_connect_retries = self._n_connect_retries, 0
        return n

    def take_opened(self) -> int:
        """How often the breaker has opened since the last call."""
        n, self._n_opened_told = self.breaker.n_opened - self._n_opened_told, self.breaker.n_opened
        return n

    # --- who needs a connection

    def acquire(self, waiter: Waiter) -> UpstreamConnection | None:
        """An idle connection, or None: then the waiter is called back.

        Raises:
            UpstreamError: 503, as many requests wait as are allowed to, or the breaker is open.
        """
        if not self.breaker.closed:
            self._ask_breaker(waiter)
        self._budget.n_new += 1
        idle = self._idle
        while idle:
            connection = idle.pop()
            if self._usable(connection):
                return connection
        if self._may_open():
            self._start_connecting()
        elif len(self._waiters) >= self._bounds.waiting:
            raise UpstreamError(503, f"{len(self._waiters)} requests wait for the upstream, the most allowed")
        self._waiters.append(waiter)
        return None

    def open_for(self, waiter: Waiter, protocol: str) -> UpstreamConnection | None:
        """Opens a connection for this waiter alone, which is called back.

        Args:
            waiter: who takes it over.
            protocol: what will be spoken on it, for TLS.

        Returns:
            None: the waiter is called back.

        Raises:
            UpstreamError: 503, as many connections are open as are allowed to, or the breaker is open.
        """
        if not self.breaker.closed:
            self._ask_breaker(waiter)
        if not self._may_open():
            raise UpstreamError(503, f"{len(self._open)} connections to the upstream, the most allowed")
        self._n_connecting += 1
        keep(self._connect_for(waiter, protocol))
        return None

    def give_up(self, waiter: Waiter) -> None:
        """Nothing will be known of the upstream from this waiter: it leaves the queue, and its turn to probe
        goes to the next one."""
        if waiter.waiting:
            waiter.waiting = False
            if waiter in self._waiters:
                self._waiters.remove(waiter)
        if waiter.probe:
            self.breaker.release_probe(waiter.probe)

    def note_failure(self, waiter: Waiter) -> None:
        """A request that was sent got no answer, or a broken one."""
        self.breaker.note_failure(asyncio.get_running_loop().time(), waiter.probe)

    def _ask_breaker(self, waiter: Waiter) -> None:
        now_s = asyncio.get_running_loop().time()
        waiter.probe = self.breaker.try_probe(now_s)
        if not waiter.probe:
            raise UpstreamError(
                503, "the upstream has failed again and again", self.breaker.retry_after_s(now_s)
            )

    def _usable(self, connection: UpstreamConnection) -> bool:
        """Whether nothing has come of an idle connection: its end, or bytes that nobody asked for.

        Only one that was idle over a sweep is looked at, for that costs a system call; the loop itself has
        noticed what came to the others, but for the very last instant.
        """
        if connection.transport.is_closing():
            return False
        if connection.idle_since_s == self.now_s or not is_readable(connection.transport):
            return True
        connection.transport.abort()
        return False

    def _may_open(self) -> bool:
        return self._n_connecting + len(self._open) < self._bounds.connections

    # --- what becomes of connections

    def release(self, connection: UpstreamConnection) -> None:
        """Takes back a connection whose response is complete."""
        self.answered_s = connection.idle_since_s = self.now_s
        if not self._waiters and not self._closed:
            self._idle.append(connection)
            return
        waiter = self._next_waiter()
        if waiter is not None:
            waiter.on_connection(connection)
        elif self._closed:
            connection.transport.close()
        else:
            self._idle.append(connection)

    def forget(self, connection: UpstreamConnection) -> None:
        """Notes that a connection is lost; somebody who waits may now open another."""
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        if self._n_connecting < len(self._waiters) and self._may_open():
            self._start_connecting()

    def sweep(self, now_s: float) -> None:
        """Closes connections that were idle for too long; called a few times a second.

        Args:
            now_s: seconds on the loop's clock.
        """
        self.now_s = now_s
        self._budget.sweep(now_s)
        while self._idle and now_s - self._idle[0].idle_since_s > self._idle_limit_s(self._idle[0]):
            self._idle.pop(0).transport.close()

    def close(self) -> None:
        """Closes idle connections now and the others when their response is complete."""
        self._closed = True
        while self._idle:
            self._idle.pop().transport.close()

    def _idle_limit_s(self, connection: UpstreamConnection) -> float:
        """A second less than the server's own limit, so that we close first."""
        if connection.idle_limit_s is None:
            return self._upstream_idle_s
        return min(self._upstream_idle_s, max(connection.idle_limit_s - 1.0, 0.5))

    # --- connecting

    async def probe(self) -> None:
        """Opens one connection to see whether the upstream is there; it then serves as an idle one.

        Raises:
            UpstreamError: it could not be reached.
        """
        self.release(await self._open_one())

    def _start_connecting(self) -> None:
        self._n_connecting += 1
        keep(self._connect())

    async def _connect(self) -> None:
        try:
            connection = await self._open_with_retries()
        except UpstreamError as exc:
            self._n_connecting -= 1
            waiter = self._next_waiter()
            if waiter is not None:
                waiter.on_no_connection(exc)
            return
        self._n_connecting -= 1
        self.release(connection)

    async def _connect_for(self, waiter: Waiter, protocol: str) -> None:
        try:
            connection = await self._open_one(protocol)
        except UpstreamError as exc:
            self.note_failure(waiter)
            if waiter.waiting:
                waiter.on_no_connection(exc)
            return
        finally:
            self._n_connecting -= 1
        if waiter.waiting:
            waiter.on_connection(connection)
        else:
            connection.abandon()

    async def _open_with_retries(self) -> UpstreamConnection:
        loop = asyncio.get_running_loop()
        pause_s, attempt = FIRST_PAUSE_S, 1
        while True:
            try:
                return await self._open_one()
            except UpstreamError:
                self.breaker.note_failure(loop.time(), self._waiting_probe())
                if attempt >= self._attempts or not self._waiters or not self._budget.try_spend(loop.time()):
                    raise
            self._n_connect_retries += 1
            await asyncio.sleep(pause_s)
            pause_s, attempt = 2.0 * pause_s, attempt + 1

    async def _open_one(self, protocol: str | None = None) -> UpstreamConnection:
        def make() -> UpstreamConnection:
            return UpstreamConnection(self, self._heads, self._limits, raw=protocol is not None)

        connection = await self._dialer.connect(make, protocol or "http/1.1")
        if connection.transport.is_closing():
            raise UpstreamError(502, "the upstream closed the connection at once")
        self._open.add(connection)
        self.answered_s = asyncio.get_running_loop().time()
        return connection

    def _waiting_probe(self) -> int:
        """The breaker's turn that somebody in the queue has, 0 for none."""
        return next((waiter.probe for waiter in self._waiters if waiter.probe), 0)

    def _next_waiter(self) -> Waiter | None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if waiter.waiting:
                return waiter
        return None
