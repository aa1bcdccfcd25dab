"""The health check through the real dialer: on TCP, a unix socket and TLS, on the loop that workers have."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvloop

from sidecar.config.address import parse_upstream
from sidecar.config.load import load_config
from sidecar.upstream.dial import Dialer
from sidecar.upstream.health_check import HealthChecker
from sidecar.upstream.tasks import keep
from tests.support.certificates import Authority

PATH = "/v2/health/ready"


class Model:
    """Answers every request as `status` says, head and body in two writes as many servers do.

    Attributes:
        heads: of all requests.
    """

    def __init__(self) -> None:
        self.heads: list[bytes] = []
        self.n_connections = 0
        self.status = b"200 OK"
        self._open: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.n_connections += 1
        self._open.append(writer)
        try:
            while True:
                self.heads.append(await reader.readuntil(b"\r\n\r\n"))
                writer.write(b"HTTP/1.1 %b\r\ncontent-length: 2\r\n\r\n" % self.status)
                await asyncio.sleep(0.001)  # so that the body is a packet of its own
                writer.write(b"ok")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def hang_up(self) -> None:
        while self._open:
            self._open.pop().close()


@asynccontextmanager
async def checking(upstream: str, **upstream_tls: Any) -> AsyncIterator[HealthChecker]:
    """A checker at work."""
    check = {"path": PATH, "interval_s": 0.01, "timeout_s": 10.0, "unhealthy": 2}
    config = load_config(flags={"upstream": upstream, "upstream_tls": upstream_tls, "health_check": check})
    address = parse_upstream(upstream)
    connect = Dialer(address, config).connect
    checker = HealthChecker(PATH, config.health_check, address, config.limits, connect)
    keep(checker.run())
    try:
        yield checker
    finally:
        checker.stop()
        await asyncio.sleep(0.01)  # in which its connection closes


async def until(holds: Callable[[], object]) -> None:
    """Lets the loop turn until something holds."""
    async with asyncio.timeout(60.0):
        while not holds():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.002)


async def follows_the_model(model: Model, checker: HealthChecker) -> None:
    """Ready as long as the model is, over one connection, and a new one when that is closed."""
    state = checker.state
    await until(lambda: state.ready)
    model.status = b"503 Service Unavailable"
    await until(lambda: not state.ready)
    assert state.reason == f"the upstream answered 503 to {PATH}"
    model.status = b"200 OK"
    await until(lambda: state.ready)
    assert model.n_connections == 1
    model.hang_up()
    await until(lambda: model.n_connections == 2)
    n_asked = len(model.heads)
    await until(lambda: len(model.heads) > n_asked + 3)
    assert state.ready
    assert len(set(model.heads)) == 1
    assert model.n_connections == 2


def test_on_tcp() -> None:
    async def main() -> None:
        model = Model()
        server = await asyncio.start_server(model.serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with checking(f"http://127.0.0.1:{port}") as checker:
            await follows_the_model(model, checker)
        assert model.heads[0].split(b"\r\n")[:2] == [
            b"GET /v2/health/ready HTTP/1.1",
            b"host: 127.0.0.1:%d" % port,
        ]
        server.close()
        model.hang_up()

    uvloop.run(main())


def test_on_a_unix_socket(tmp_path: Path) -> None:
    async def main() -> None:
        model = Model()
        server = await asyncio.start_unix_server(model.serve, tmp_path / "model.sock")
        async with checking(f"unix:{tmp_path}/model.sock") as checker:
            await follows_the_model(model, checker)
        assert model.heads[0].split(b"\r\n")[1] == b"host: localhost"
        server.close()
        model.hang_up()

    uvloop.run(main())


def test_over_tls_with_an_authority_that_is_trusted_and_with_no_other(tmp_path: Path) -> None:
    authority, stranger = Authority(tmp_path), Authority(tmp_path, "stranger")

    async def main() -> None:
        model = Model()
        serving = authority.serving_context(authority.issue("127.0.0.1"))
        server = await asyncio.start_server(model.serve, "127.0.0.1", 0, ssl=serving)
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with checking(url, ca=authority.ca) as checker:
            await follows_the_model(model, checker)
        async with checking(url, ca=stranger.ca) as checker:
            await until(lambda: "certificate is not valid" in checker.state.reason)
            assert not checker.state.ready
        server.close()
        model.hang_up()

    uvloop.run(main())


def test_when_the_model_goes_away_and_comes_back_at_the_same_place() -> None:
    async def main() -> None:
        model = Model()
        server = await asyncio.start_server(model.serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with checking(f"http://127.0.0.1:{port}") as checker:
            await until(lambda: checker.state.ready)
            server.close()
            model.hang_up()
            await until(lambda: not checker.state.ready)
            assert checker.state.reason == "cannot connect to the upstream: connection refused"
            server = await asyncio.start_server(model.serve, "127.0.0.1", port)
            await until(lambda: checker.state.ready)
        server.close()
        model.hang_up()

    uvloop.run(main())
