"""The contexts on a real loop with real connections: uvloop, as the workers have it, and asyncio's own."""

from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import uvloop

from sidecar.config.address import TcpUpstream
from sidecar.config.traffic import TlsConfig, UpstreamTlsConfig
from sidecar.errors import ConfigError
from sidecar.tls import LiveContext, client_context, live_client_context, live_server_context, server_name
from tests.support.certificates import Authority, Pair, overwrite

Run = Callable[[Coroutine[Any, Any, None]], None]
FIRST, SECOND = b"first\n", b"second\n"
UPSTREAM = TcpUpstream("model.internal", 443, tls=True)


@pytest.fixture(params=["uvloop", "asyncio"])
def run(request: pytest.FixtureRequest) -> Run:
    return {"uvloop": uvloop.run, "asyncio": asyncio.run}[request.param]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


class EchoServer:
    """Sends back each line that it gets; while in use, listens on a free port."""

    def __init__(self, context: ssl.SSLContext, listener: socket.socket | None = None) -> None:
        self._context = context
        self._listener = listener
        self.port = 0

    async def __aenter__(self) -> EchoServer:
        listener = self._listener or socket.create_server(("127.0.0.1", 0))
        self._server = await asyncio.start_server(self._serve, sock=listener, ssl=self._context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    @staticmethod
    async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line)
        writer.close()


class Caller:
    """One connection to a server of this test."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @staticmethod
    async def connect(port: int, context: ssl.SSLContext, name: str = "localhost") -> Caller:
        return Caller(
            *await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name, limit=65536)
        )

    async def echo(self, line: bytes) -> bytes:
        self._writer.write(line)
        return await self._reader.readline()

    @property
    def tls(self) -> ssl.SSLObject:
        found: ssl.SSLObject = self._writer.get_extra_info("ssl_object")
        return found

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


def certificate_of(pair: Pair) -> str:
    """What tells one certificate from another."""
    return ssl.PEM_cert_to_DER_cert(Path(pair.certificate).read_text()).hex()


def shown_to(caller: Caller) -> str:
    der = caller.tls.getpeercert(binary_form=True)
    assert der is not None
    return der.hex()


class TestUpstreamSide:
    def test_the_upstreams_name_is_asked_for_and_verified(self, run: Run, authority: Authority) -> None:
        asked: list[str | None] = []

        async def main() -> None:
            serving = authority.serving_context(authority.issue("model.internal"))
            serving.sni_callback = lambda _tls, name, _context: asked.append(name)
            config = UpstreamTlsConfig(ca=authority.ca)
            async with EchoServer(serving) as server:
                caller = await Caller.connect(
                    server.port, live_client_context(config), server_name(UPSTREAM, config)
                )
                assert await caller.echo(FIRST) == FIRST
                await caller.close()

        run(main())
        assert asked == ["model.internal"]

    def test_a_certificate_for_another_name_is_refused(self, run: Run, authority: Authority) -> None:
        async def main() -> None:
            async with EchoServer(authority.serving_context(authority.issue("elsewhere.internal"))) as server:
                context = client_context(UpstreamTlsConfig(ca=authority.ca))
                with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
                    await Caller.connect(server.port, context, "model.internal")

        run(main())

    def test_the_setting_names_what_the_certificate_is_for(self, run: Run, authority: Authority) -> None:
        async def main() -> None:
            config = UpstreamTlsConfig(ca=authority.ca, server_name="elsewhere.internal")
            async with EchoServer(authority.serving_context(authority.issue("elsewhere.internal"))) as server:
                caller = await Caller.connect(
                    server.port, client_context(config), server_name(UPSTREAM, config)
                )
                assert await caller.echo(FIRST) == FIRST
                await caller.close()

        run(main())

    def test_an_authority_that_we_do_not_trust_is_refused(
        self, run: Run, authority: Authority, tmp_path: Path
    ) -> None:
        async def main() -> None:
            stranger = Authority(tmp_path, "stranger")
            context = client_context(UpstreamTlsConfig(ca=authority.ca))
            async with EchoServer(stranger.serving_context(stranger.issue("localhost"))) as server:
                with pytest.raises(ssl.SSLCertVerificationError):
                    await Caller.connect(server.port, context)
                unverified = client_context(UpstreamTlsConfig(verify=False))
                caller = await Caller.connect(server.port, unverified)
                assert await caller.echo(FIRST) == FIRST
                await caller.close()

        run(main())

    def test_our_certificate_is_shown_to_an_upstream_that_demands_one(
        self, run: Run, authority: Authority
    ) -> None:
        async def main() -> None:
            ours = authority.issue("sidecar.internal")
            config = UpstreamTlsConfig(ca=authority.ca, certificate=ours.certificate, key=ours.key)
            serving = authority.serving_context(authority.issue("localhost"), demand=True)
            async with EchoServer(serving) as server:
                caller = await Caller.connect(server.port, client_context(config))
                assert await caller.echo(FIRST) == FIRST
                await caller.close()

        run(main())


class TestCallersSide:
    def test_a_caller_is_told_the_protocol_that_both_speak(self, run: Run, authority: Authority) -> None:
        pair = authority.issue("localhost")
        config = TlsConfig(certificate=pair.certificate, key=pair.key, alpn=("h2", "http/1.1"))

        async def main() -> None:
            async with EchoServer(live(config)) as server:
                for offered, chosen in (
                    (("http/1.1",), "http/1.1"),
                    (("http/1.1", "h2"), "h2"),
                    (("spdy",), None),
                    ((), None),
                ):
                    caller = await Caller.connect(server.port, authority.trusting_context(alpn=offered))
                    assert caller.tls.selected_alpn_protocol() == chosen
                    await caller.close()

        run(main())

    def test_a_client_certificate_is_demanded_and_accepted(
        self, run: Run, authority: Authority, tmp_path: Path
    ) -> None:
        pair = authority.issue("localhost")
        stranger = Authority(tmp_path, "stranger")
        config = TlsConfig(certificate=pair.certificate, key=pair.key, client_ca=authority.ca)

        async def main() -> None:
            async with EchoServer(live(config)) as server:
                known = authority.trusting_context(authority.issue("caller.internal"))
                caller = await Caller.connect(server.port, known)
                assert await caller.echo(FIRST) == FIRST
                await caller.close()
                for context in (
                    authority.trusting_context(),
                    authority.trusting_context(stranger.issue("caller.internal")),
                ):
                    assert await refused(server.port, context)

        run(main())


class TestReplacedFiles:
    def test_new_connections_see_the_new_certificate_while_an_old_one_lives_on(
        self, run: Run, authority: Authority
    ) -> None:
        pair, other = authority.issue("localhost"), authority.issue("localhost")
        old_certificate, new_certificate = certificate_of(pair), certificate_of(other)
        context = live(TlsConfig(certificate=pair.certificate, key=pair.key))

        async def main() -> None:
            async with EchoServer(context) as server:
                old = await Caller.connect(server.port, authority.trusting_context())
                assert shown_to(old) == old_certificate
                assert not context.renew(now_s=1.0)
                pair.replace_with(other)
                assert context.renew(now_s=2.0)
                new = await Caller.connect(server.port, authority.trusting_context())
                assert shown_to(new) == new_certificate
                assert await old.echo(FIRST) == FIRST
                assert await new.echo(SECOND) == SECOND
                await old.close()
                await new.close()

        run(main())

    def test_files_that_are_of_no_use_leave_the_old_certificate_in_place_until_they_are(
        self, run: Run, authority: Authority
    ) -> None:
        pair, other = authority.issue("localhost"), authority.issue("localhost")
        old_certificate, new_certificate = certificate_of(pair), certificate_of(other)
        context = live(TlsConfig(certificate=pair.certificate, key=pair.key))

        async def main() -> None:
            async with EchoServer(context) as server:
                overwrite(pair.certificate, other.certificate)  # the key is late
                with pytest.raises(ConfigError, match="another key"):
                    context.renew(now_s=1.0)
                assert await certificate_shown(server.port, authority) == old_certificate
                overwrite(pair.key, other.key)
                assert context.renew(now_s=2.0)
                assert await certificate_shown(server.port, authority) == new_certificate

        run(main())

    def test_an_authority_that_was_taken_away_is_no_longer_trusted(
        self, run: Run, authority: Authority, tmp_path: Path
    ) -> None:
        """Not even by a session of before: its ticket belongs to the old context."""
        pair, successor = authority.issue("localhost"), Authority(tmp_path, "successor")
        context = live(TlsConfig(certificate=pair.certificate, key=pair.key, client_ca=authority.ca))
        known = authority.trusting_context(authority.issue("caller.internal"))

        async def main() -> None:
            async with EchoServer(context) as server:
                caller = await Caller.connect(server.port, known)
                assert await caller.echo(FIRST) == FIRST
                overwrite(authority.ca, successor.ca)
                assert context.renew(now_s=1.0)
                assert await refused(server.port, known)
                assert await caller.echo(SECOND) == SECOND
                await caller.close()

        run(main())

    def test_the_upstream_side_follows_its_files_as_well(
        self, run: Run, authority: Authority, tmp_path: Path
    ) -> None:
        successor = Authority(tmp_path, "successor")
        context = live_client_context(UpstreamTlsConfig(ca=authority.ca))

        async def main() -> None:
            async with EchoServer(successor.serving_context(successor.issue("localhost"))) as server:
                with pytest.raises(ssl.SSLCertVerificationError):
                    await Caller.connect(server.port, context)
                overwrite(authority.ca, successor.ca)
                assert context.renew(now_s=1.0)
                caller = await Caller.connect(server.port, context)
                assert await caller.echo(FIRST) == FIRST
                await caller.close()

        run(main())


def test_a_server_closed_and_started_on_the_same_socket_loses_nobody_in_its_backlog(
    run: Run, authority: Authority
) -> None:
    """Callers that come while no server listens wait in the backlog, for the socket itself stays open."""
    pair = authority.issue("localhost")

    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
            for _ in range(20):
                async with EchoServer(authority.serving_context(pair), listener.dup()) as server:
                    port = server.port
                waiting = [
                    asyncio.ensure_future(Caller.connect(port, authority.trusting_context()))
                    for _ in range(10)
                ]
                await asyncio.sleep(0.001)  # the order in which they and the next server come is open
                async with EchoServer(authority.serving_context(pair), listener.dup()):
                    for caller in await asyncio.gather(*waiting):
                        assert await caller.echo(FIRST) == FIRST
                        await caller.close()

    run(main())


def test_asyncio_and_uvloop_load_ssl_anyway() -> None:
    """Why the contexts' module may import it at its top."""
    for module in ("asyncio", "uvloop"):
        script = f"import sys, {module}; print('ssl' in sys.modules)"
        loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        assert loaded.stdout.strip() == "True"


def live(config: TlsConfig) -> LiveContext:
    context = live_server_context(config)
    assert context is not None
    return context


async def certificate_shown(port: int, authority: Authority) -> str:
    caller = await Caller.connect(port, authority.trusting_context())
    certificate = shown_to(caller)
    await caller.close()
    return certificate


async def refused(port: int, context: ssl.SSLContext) -> bool:
    """Whether the server ends the connection; with TLS 1.3 a client hears so only when it reads."""
    try:
        caller = await Caller.connect(port, context)
    except (ssl.SSLError, ConnectionError):
        return True
    try:
        return await caller.echo(FIRST) == b""
    except (ssl.SSLError, ConnectionError):
        return True
    finally:
        with suppress(ssl.SSLError, ConnectionError):
            await caller.close()
