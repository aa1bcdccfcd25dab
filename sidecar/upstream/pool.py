"""Connections to the model server, for one worker: reused last in, first out, so that spare ones grow idle
and close."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

from sidecar.config.address import Upstream
from sidecar.config.model import Config
from sidecar.errors import UpstreamError
from sidecar.http1.memo import HeadMemo
from sidecar.http1.response import ResponseHead
from sidecar.upstream.connection import UpstreamConnection
from sidecar.upstream.dial import Dialer
from sidecar.upstream.tasks import keep


class Waiter(Protocol):
    """Who waits for a connection. `waiting` turns false when it no longer does."""

    waiting: bool

    def on_connection(self, connection: UpstreamConnection) -> None: ...

    def on_no_connection(self, error: UpstreamError) -> None: ...


class Pool:
    """The connections of one worker to one upstream.

    Args:
        address: where the model server listens.
        config: limits and time-outs.
    """

    def __init__(self, address: Upstream, config: Config) -> None:
        self._dialer = Dialer(address, config)
        self._limits = config.limits
        self._bounds = config.pool
        self._timeouts = config.timeouts
        self._memo: HeadMemo[bytes, ResponseHead] = HeadMemo()
        self._idle: list[UpstreamConnection] = []
        self._open: set[UpstreamConnection] = set()
        self._waiters: deque[Waiter] = deque()
        self._n_connecting = 0
        self._closed = False
        self.now_s = 0.0  # coarse, set by the sweep
        self.answered_s = float("-inf")  # when the upstream last proved that it is there

    def acquire(self, waiter: Waiter) -> UpstreamConnection | None:
        """An idle connection, or None: then the waiter is called back.

        Raises:
            UpstreamError: 503, as many requests wait as are allowed to.
        """
        while self._idle:
            connection = self._idle.pop()
            if not connection.transport.is_closing():
                return connection
        if self._n_connecting + len(self._open) < self._bounds.connections:
            self._waiters.append(waiter)
            self._n_connecting += 1
            keep(self._connect())
        elif len(self._waiters) < self._bounds.waiting:
            self._waiters.append(waiter)
        else:
            raise UpstreamError(503, f"{len(self._waiters)} requests wait for the upstream, the most allowed")
        return None

    def release(self, connection: UpstreamConnection) -> None:
        """Takes back a connection whose response is complete."""
        waiter = self._next_waiter() if self._waiters else None
        if waiter is not None:
            waiter.on_connection(connection)
        elif self._closed:
            connection.transport.close()
        else:
            connection.idle_since_s = self.now_s
            self._idle.append(connection)

    def forget(self, connection: UpstreamConnection) -> None:
        """Notes that a connection is lost; somebody who waits may now open another."""
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        if self._waiters and self._n_connecting < len(self._waiters):
            self._n_connecting += 1
            keep(self._connect())

    def sweep(self, now_s: float) -> None:
        """Closes connections that were idle for too long; called a few times a second.

        Args:
            now_s: seconds on the loop's clock.
        """
        self.now_s = now_s
        while self._idle and now_s - self._idle[0].idle_since_s > self._idle_limit_s(self._idle[0]):
            self._idle.pop(0).transport.close()

    def close(self) -> None:
        """Closes idle connections now and the others when their response is complete."""
        self._closed = True
        while self._idle:
            self._idle.pop().transport.close()

    async def probe(self) -> None:
        """Opens one connection to see whether the upstream is there; it then serves as an idle one.

        Raises:
            UpstreamError: it could not be reached.
        """
        self.release(await self._open_connection())

    async def _connect(self) -> None:
        try:
            connection = await self._open_connection()
        except UpstreamError as exc:
            self._n_connecting -= 1
            waiter = self._next_waiter()
            if waiter is not None:
                waiter.on_no_connection(exc)
            return
        self._n_connecting -= 1
        self.release(connection)

    async def _open_connection(self) -> UpstreamConnection:
        connection = await self._dialer.connect(self._new_connection)
        if connection.transport.is_closing():
            raise UpstreamError(502, "the upstream closed the connection at once")
        self._open.add(connection)
        self.answered_s = asyncio.get_running_loop().time()
        return connection

    def _new_connection(self) -> UpstreamConnection:
        return UpstreamConnection(self, self._memo, self._limits)

    def _next_waiter(self) -> Waiter | None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if waiter.waiting:
                return waiter
        return None

    def _idle_limit_s(self, connection: UpstreamConnection) -> float:
        """A second less than the server's own limit, so that we close first."""
        if connection.idle_limit_s is None:
            return self._timeouts.upstream_idle_s
        return min(self._timeouts.upstream_idle_s, max(connection.idle_limit_s - 1.0, 0.5))
