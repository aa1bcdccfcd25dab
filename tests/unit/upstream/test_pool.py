"""The pool over a real loop and real sockets on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

import pytest

from sidecar.config.address import TcpUpstream
from sidecar.config.load import load_config
from sidecar.errors import UpstreamError
from sidecar.upstream import pool as pool_module
from sidecar.upstream.connection import UpstreamConnection
from sidecar.upstream.dial import Dialer
from sidecar.upstream.pool import Pool


class Waiting:
    """Waits for a connection and keeps what it got."""

    def __init__(self) -> None:
        self.waiting = True
        self.probe = 0
        self.got: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def on_connection(self, connection: UpstreamConnection) -> None:
        self.waiting = False
        self.got.set_result(connection)

    def on_no_connection(self, error: UpstreamError) -> None:
        self.waiting = False
        self.got.set_result(error)


class Server(asyncio.Protocol):
    """Keeps its connections, so that a test can end them."""

    opened: list[asyncio.Transport]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        Server.opened.append(transport)
        transport.write(Server.greeting)

    greeting = b""


def with_pool(
    test: Callable[[Pool], Awaitable[None]], listening: bool = True, greeting: bytes = b"", **settings: Any
) -> None:
    async def run() -> None:
        Server.opened, Server.greeting = [], greeting
        server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        if not listening:
            server.close()
            await server.wait_closed()
        config = load_config(flags=settings)
        dialer = Dialer(TcpUpstream("127.0.0.1", port), config)
        pool = Pool(config, dialer, frozenset())
        try:
            await test(pool)
        finally:
            for connection in list(pool._open):
                connection.transport.abort()
            server.close()
            await asyncio.sleep(0)

    asyncio.run(run())


async def until(holds: Callable[[], object]) -> None:
    """Lets the loop turn until something holds."""
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.001)


def time_passes(seconds: float) -> None:
    """Sets the loop's clock on."""
    loop = asyncio.get_running_loop()
    before = loop.time
    loop.time = lambda: before() + seconds  # type: ignore[method-assign]


async def connected(pool: Pool) -> UpstreamConnection:
    waiter = Waiting()
    assert pool.acquire(waiter) is None
    connection: UpstreamConnection = await waiter.got
    return connection


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


def test_an_idle_connection_that_the_server_has_closed_is_not_given_out() -> None:
    """The loop has not looked at it yet: only the system knows."""

    async def test(pool: Pool) -> None:
        connection = await connected(pool)
        pool.release(connection)
        pool.now_s += 1.0
        Server.opened[0].abort()
        await asyncio.sleep(0)  # one turn: the server's side is closed, ours has not been read
        assert pool.acquire(Waiting()) is None
        assert connection.transport.is_closing()

    with_pool(test)


def test_a_connection_that_waited_over_a_sweep_and_lives_is_given_out() -> None:
    async def test(pool: Pool) -> None:
        connection = await connected(pool)
        pool.release(connection)
        pool.now_s += 1.0
        assert pool.acquire(Waiting()) is connection

    with_pool(test)


class TestConnectingAgain:
    @pytest.fixture(autouse=True)
    def short_pauses(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pool_module, "FIRST_PAUSE_S", 0.001)

    def test_as_often_as_the_settings_say(self) -> None:
        async def test(pool: Pool) -> None:
            waiter = Waiting()
            pool.acquire(waiter)
            assert (await waiter.got).status == 502
            assert (pool.take_connect_retries(), pool.take_connect_retries()) == (3, 0)

        with_pool(test, listening=False, retries={"attempts": 4})

    def test_within_the_budget(self) -> None:
        async def test(pool: Pool) -> None:
            waiter = Waiting()
            pool.acquire(waiter)
            assert (await waiter.got).status == 502
            assert pool.take_connect_retries() == 0

        with_pool(test, listening=False, retries={"attempts": 4, "budget_ratio": 0.0, "least_per_s": 0.0})

    def test_not_when_nobody_waits_any_more(self) -> None:
        async def test(pool: Pool) -> None:
            waiter = Waiting()
            pool.acquire(waiter)
            pool.give_up(waiter)
            await until(lambda: not pool._n_connecting)
            assert (pool.take_connect_retries(), pool.n_waiting) == (0, 0)

        with_pool(test, listening=False)


class TestBreaker:
    SETTINGS: ClassVar[dict[str, Any]] = {
        "retries": {"attempts": 1},
        "breaker": {"failures": 2, "open_s": 10.0},
    }

    async def failed(self, pool: Pool) -> None:
        waiter = Waiting()
        pool.acquire(waiter)
        assert (await waiter.got).status == 502

    def test_an_upstream_that_fails_again_and_again_is_left_alone(self) -> None:
        async def test(pool: Pool) -> None:
            for _ in range(2):
                await self.failed(pool)
            with pytest.raises(UpstreamError) as caught:
                pool.acquire(Waiting())
            assert (caught.value.status, str(caught.value)) == (
                503,
                "the upstream has failed again and again",
            )
            assert 0.0 < caught.value.retry_after_s <= 10.0
            assert (pool.take_opened(), pool.take_opened()) == (1, 0)

        with_pool(test, listening=False, **self.SETTINGS)

    def test_one_request_finds_out_how_it_is(self) -> None:
        async def test(pool: Pool) -> None:
            for _ in range(2):
                await self.failed(pool)
            time_passes(10.1)
            probe = Waiting()
            assert pool.acquire(probe) is None
            with pytest.raises(UpstreamError):
                pool.acquire(Waiting())
            assert probe.probe
            assert (await probe.got).status == 502

        with_pool(test, listening=False, **self.SETTINGS)

    def test_a_probe_that_leaves_gives_its_turn_to_the_next(self) -> None:
        async def test(pool: Pool) -> None:
            for _ in range(2):
                await self.failed(pool)
            time_passes(10.1)
            probe, following = Waiting(), Waiting()
            pool.acquire(probe)
            pool.give_up(probe)
            pool.acquire(following)
            assert following.probe

        with_pool(test, listening=False, **self.SETTINGS)


class TestTunnelsConnections:
    def test_each_is_new_and_keeps_what_the_server_says_first(self) -> None:
        async def test(pool: Pool) -> None:
            idle = await connected(pool)
            pool.release(idle)
            waiter = Waiting()
            assert pool.open_for(waiter, "h2") is None
            connection = await waiter.got
            assert connection is not idle
            heard = asyncio.Protocol()
            await until(lambda: connection._buffer)
            assert connection.take_over(heard) == b"hello"
            assert connection.transport.get_protocol() is heard

        with_pool(test, greeting=b"hello")

    def test_they_count_among_the_open_ones(self) -> None:
        async def test(pool: Pool) -> None:
            waiter = Waiting()
            pool.open_for(waiter, "h2")
            await waiter.got
            with pytest.raises(UpstreamError) as caught:
                pool.open_for(Waiting(), "h2")
            assert (caught.value.status, str(caught.value)) == (
                503,
                "1 connections to the upstream, the most allowed",
            )

        with_pool(test, pool={"connections": 1})

    def test_one_whose_caller_has_left_is_closed(self) -> None:
        async def test(pool: Pool) -> None:
            waiter = Waiting()
            pool.open_for(waiter, "h2")
            waiter.waiting = False
            await until(lambda: not pool._n_connecting)
            await until(lambda: not pool.n_open)

        with_pool(test)
