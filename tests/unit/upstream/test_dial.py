"""Connections over a real loop and real sockets on loopback."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, cast

import pytest
import uvloop

from sidecar.config.address import TcpUpstream, UnixUpstream, Upstream, parse_upstream
from sidecar.config.load import load_config
from sidecar.errors import ConfigError, UpstreamError
from sidecar.upstream.dial import Dialer
from sidecar.upstream.resolver import Resolver
from tests.support.certificates import Authority

Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=["uvloop", "asyncio"])
def run(request: pytest.FixtureRequest) -> Run:
    return {"uvloop": uvloop.run, "asyncio": asyncio.run}[request.param]


class End(asyncio.Protocol):
    """One end of a connection, which says when it is over."""

    def __init__(self, greeting: bytes = b"") -> None:
        self._greeting = greeting
        self.lost = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        if self._greeting:
            self.transport.write(self._greeting)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()


class Listening:
    """A server while in use, with all connections to it."""

    def __init__(self, host: str = "127.0.0.1", greeting: bytes = b"", **options: Any) -> None:
        self._where = host
        self._greeting = greeting
        self._options = options
        self._ends: list[End] = []
        self.port = 0

    def _new_end(self) -> End:
        self._ends.append(End(self._greeting))
        return self._ends[-1]

    async def __aenter__(self) -> Listening:
        loop = asyncio.get_running_loop()
        if self._where.startswith("/"):
            self._server = await loop.create_unix_server(self._new_end, self._where)
        else:
            self._server = await loop.create_server(self._new_end, self._where, 0, **self._options)
            self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for end in self._ends:
            if hasattr(end, "transport"):  # its handshake was done
                end.transport.abort()
                await end.lost.wait()


async def close(connection: End) -> None:
    connection.transport.abort()
    await connection.lost.wait()


def knowing(upstream: Upstream, *hosts: str) -> Resolver:
    async def lookup(_: str) -> list[str]:
        return list(hosts)

    return Resolver(upstream, lookup)


async def complaint(dialing: Awaitable[object]) -> tuple[int, str]:
    with pytest.raises(UpstreamError) as caught:
        await dialing
    return caught.value.status, str(caught.value)


def test_a_name_is_tried_at_each_of_its_addresses_in_turn(run: Run) -> None:
    async def main() -> None:
        async with Listening() as server:
            upstream = TcpUpstream("model", server.port)
            dialer = Dialer(upstream, load_config(), knowing(upstream, "::1", "127.0.0.1"))
            connection = await dialer.connect(End)
            assert connection.transport.get_extra_info("peername")[0] == "127.0.0.1"
            await close(connection)

    run(main())


def test_what_failed_is_not_tried_first_again(run: Run) -> None:
    async def main() -> None:
        async with Listening() as server:
            upstream = TcpUpstream("model", server.port)
            resolver = knowing(upstream, "::1", "127.0.0.1")
            await close(await Dialer(upstream, load_config(), resolver).connect(End))
            now_s = asyncio.get_running_loop().time()
            assert [address[0] for address in await resolver.addresses(now_s)] == ["127.0.0.1", "::1"]

    run(main())


def test_a_unix_socket(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        path = str(tmp_path / "s")
        async with Listening(path):
            await close(await Dialer(UnixUpstream(path), load_config()).connect(End))
        assert await complaint(Dialer(UnixUpstream(f"{path}2"), load_config()).connect(End)) == (
            502,
            "cannot connect to the upstream: no such file or directory",
        )

    run(main())


def test_nobody_who_listens_is_a_502(run: Run) -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as gone:
            upstream = TcpUpstream("127.0.0.1", gone.getsockname()[1])
        assert await complaint(Dialer(upstream, load_config()).connect(End)) == (
            502,
            "cannot connect to the upstream: connection refused",
        )

    run(main())


def test_an_address_that_is_silent_leaves_time_for_the_next(run: Run) -> None:
    """A listener whose backlog is full answers no SYN, as a machine that is gone."""

    async def main() -> None:
        with socket.socket() as silent, socket.socket() as first, socket.socket() as second:
            async with Listening("127.0.0.2") as server:
                silent.bind(("127.0.0.1", server.port))
                silent.listen(0)
                for filler in (first, second):
                    filler.setblocking(False)
                    filler.connect_ex(("127.0.0.1", server.port))
                upstream = TcpUpstream("model", server.port)
                config = load_config(flags={"timeouts": {"connect_s": 1.0}})
                dialer = Dialer(upstream, config, knowing(upstream, "127.0.0.1", "127.0.0.2"))
                connection = await dialer.connect(End)
                assert connection.transport.get_extra_info("peername")[0] == "127.0.0.2"
                await close(connection)
                alone = Dialer(TcpUpstream("127.0.0.1", server.port), config)
                assert await complaint(alone.connect(End)) == (
                    504,
                    "no connection to the upstream within 1.0 s",
                )

    run(main())


def test_a_name_server_that_is_silent_is_a_504(run: Run) -> None:
    async def lookup(_: str) -> list[str]:
        await asyncio.Event().wait()
        return []

    async def main() -> None:
        upstream = TcpUpstream("model", 80)
        config = load_config(flags={"timeouts": {"connect_s": 0.05}})
        assert await complaint(Dialer(upstream, config, Resolver(upstream, lookup)).connect(End)) == (
            504,
            "the upstream's name was not resolved within 0.05 s",
        )

    run(main())


class TestTls:
    def test_the_configured_name_is_verified_and_not_the_address_it_resolved_to(
        self, run: Run, tmp_path: Path
    ) -> None:
        authority = Authority(tmp_path)
        serving = authority.serving_context(authority.issue("model.internal"))
        config = load_config(flags={"upstream": "https://m", "upstream_tls": {"ca": authority.ca}})

        async def main() -> None:
            async with Listening(ssl=serving) as server:
                upstream = TcpUpstream("model.internal", server.port, tls=True)
                connection = await Dialer(upstream, config, knowing(upstream, "127.0.0.1")).connect(End)
                assert connection.transport.get_extra_info("ssl_object").version() == "TLSv1.3"
                await close(connection)
                other = TcpUpstream("other.internal", server.port, tls=True)
                assert await complaint(Dialer(other, config, knowing(other, "127.0.0.1")).connect(End)) == (
                    502,
                    "the upstream's certificate is not valid: hostname mismatch, certificate is not valid "
                    "for 'other.internal'",
                )

        run(main())

    def test_an_address_is_verified_as_such(self, run: Run, tmp_path: Path) -> None:
        authority = Authority(tmp_path)
        config = load_config(flags={"upstream": "https://m", "upstream_tls": {"ca": authority.ca}})

        async def main() -> None:
            async with Listening(ssl=authority.serving_context(authority.issue("127.0.0.1"))) as server:
                upstream = TcpUpstream("127.0.0.1", server.port, tls=True)
                await close(await Dialer(upstream, config).connect(End))

        run(main())

    def test_an_upstream_that_speaks_no_tls_is_a_502(self, run: Run) -> None:
        async def main() -> None:
            async with Listening(greeting=b"HTTP/1.1 400 Bad Request\r\n\r\n") as server:
                upstream = TcpUpstream("127.0.0.1", server.port, tls=True)
                assert await complaint(Dialer(upstream, load_config()).connect(End)) == (
                    502,
                    "no TLS with the upstream: wrong version number",
                )

        run(main())

    def test_files_of_no_use_are_an_error_at_the_start(self) -> None:
        config = load_config(flags={"upstream": "https://m", "upstream_tls": {"ca": "/no.pem"}})
        with pytest.raises(ConfigError):
            Dialer(parse_upstream(config.upstream), config)
