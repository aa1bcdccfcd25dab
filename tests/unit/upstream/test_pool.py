"""The pool over a real loop and real sockets on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from sidecar.config.address import TcpUpstream
from sidecar.config.load import load_config
from sidecar.errors import UpstreamError
from sidecar.upstream.connection import UpstreamConnection
from sidecar.upstream.pool import Pool


class Waiting:
    """Waits for a connection and keeps what it got."""

    def __init__(self) -> None:
        self.waiting = True
        self.got: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def on_connection(self, connection: UpstreamConnection) -> None:
        self.waiting = False
        self.got.set_result(connection)

    def on_no_connection(self, error: UpstreamError) -> None:
        self.waiting = False
        self.got.set_result(error)


def with_pool(test: Callable[[Pool], Awaitable[None]], listening: bool = True, **settings: Any) -> None:
    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        if not listening:
            server.close()
            await server.wait_closed()
        pool = Pool(TcpUpstream("127.0.0.1", port), load_config(flags=settings))
        try:
            await test(pool)
        finally:
            for connection in list(pool._open):
                connection.transport.abort()
            server.close()
            await asyncio.sleep(0)

    asyncio.run(run())


def test_the_connection_used_last_is_used_next() -> None:
    async def test(pool: Pool) -> None:
        first, second = Waiting(), Waiting()
        assert (pool.acquire(first), pool.acquire(second)) == (None, None)
        one, two = await first.got, await second.got
        pool.release(one)
        pool.release(two)
        assert pool.acquire(Waiting()) is two
        assert pool.acquire(Waiting()) is one

    with_pool(test)


def test_beyond_the_limits_a_request_waits_and_then_is_told_to_come_back() -> None:
    async def test(pool: Pool) -> None:
        first, second, third = Waiting(), Waiting(), Waiting()
        pool.acquire(first)
        connection = await first.got
        assert pool.acquire(second) is None
        with pytest.raises(UpstreamError) as caught:
            pool.acquire(third)
        assert (caught.value.status, str(caught.value)) == (
            503,
            "1 requests wait for the upstream, the most allowed",
        )
        pool.release(connection)
        assert await second.got is connection

    with_pool(test, pool={"connections": 1, "waiting": 1})


def test_whoever_no_longer_waits_is_passed_over() -> None:
    async def test(pool: Pool) -> None:
        first, gone, third = Waiting(), Waiting(), Waiting()
        pool.acquire(first)
        connection = await first.got
        pool.acquire(gone)
        pool.acquire(third)
        gone.waiting = False
        pool.release(connection)
        assert await third.got is connection

    with_pool(test, pool={"connections": 1, "waiting": 2})


def test_an_idle_connection_is_closed_in_time() -> None:
    async def test(pool: Pool) -> None:
        first = Waiting()
        pool.acquire(first)
        connection = await first.got
        pool.release(connection)
        pool.sweep(pool.now_s + 3.9)
        assert not connection.transport.is_closing()
        pool.sweep(connection.idle_since_s + 4.1)
        assert connection.transport.is_closing()

    with_pool(test)


def test_a_server_that_says_how_long_it_waits_is_left_before_that() -> None:
    async def test(pool: Pool) -> None:
        first = Waiting()
        pool.acquire(first)
        connection = await first.got
        connection.idle_limit_s = 2
        pool.release(connection)
        pool.sweep(connection.idle_since_s + 1.1)
        assert connection.transport.is_closing()

    with_pool(test)


def test_a_server_that_is_not_there() -> None:
    async def test(pool: Pool) -> None:
        first = Waiting()
        pool.acquire(first)
        error = await first.got
        assert (error.status, str(error)) == (502, "cannot connect to the upstream: connection refused")
        with pytest.raises(UpstreamError):
            await pool.probe()

    with_pool(test, listening=False)
