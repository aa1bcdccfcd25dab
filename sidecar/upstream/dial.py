"""Making one connection to the upstream: its name resolved, its addresses tried in order, then TLS."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Callable
from typing import TypeVar, cast

from sidecar.config.address import TcpUpstream, UnixUpstream, Upstream
from sidecar.config.model import Config
from sidecar.errors import UpstreamError
from sidecar.tls import LiveContext, live_client_context, server_name
from sidecar.upstream.resolver import Resolver

PROTOCOLS = ("http/1.1", "h2")
Connection = TypeVar("Connection")  # has the methods of an `asyncio.Protocol`, and need not be one


class Dialer:
    """Makes connections to one upstream.

    Args:
        upstream: as configured.
        config: time-outs, and the files of TLS.
        resolver: gives the upstream's addresses; one of its own when left out.

    Raises:
        ConfigError: a file of TLS is missing or not what it must be.

    Attributes:
        contexts: what TLS is spoken with, by application protocol, for whoever renews them; empty without
            TLS.
    """

    def __init__(self, upstream: Upstream, config: Config, resolver: Resolver | None = None) -> None:
        self._resolver = resolver if resolver is not None else Resolver(upstream)
        self._connect_s = config.timeouts.connect_s
        self.contexts: dict[str, LiveContext] = {}
        self._server_name: str | None = None
        if isinstance(upstream, TcpUpstream) and upstream.tls:
            self.contexts = {name: live_client_context(config.upstream_tls, (name,)) for name in PROTOCOLS}
            self._server_name = server_name(upstream, config.upstream_tls)

    async def connect(
        self, new_connection: Callable[[], Connection], protocol: str = "http/1.1"
    ) -> Connection:
        """Tries each address once, all within `timeouts.connect_s`.

        Args:
            new_connection: makes the protocol.
            protocol: what will be spoken, of `PROTOCOLS`.

        Returns:
            The protocol, connected; with TLS, its handshake done.

        Raises:
            UpstreamError: 502 or 504; of several addresses, what the last one's fault was.
        """
        loop = asyncio.get_running_loop()
        end_s = loop.time() + self._connect_s
        try:
            async with asyncio.timeout_at(end_s):
                addresses = await self._resolver.addresses(loop.time())
        except TimeoutError:
            reason = f"the upstream's name was not resolved within {self._connect_s} s"
            raise UpstreamError(504, reason) from None
        error = OSError()  # there is at least one address
        for place, address in enumerate(addresses):
            share_s = (end_s - loop.time()) / (len(addresses) - place)  # one that is silent leaves time
            try:
                async with asyncio.timeout(share_s):
                    return await self._connect(address, new_connection, self.contexts.get(protocol))
            except OSError as exc:
                self._resolver.note_failure(address)
                error = exc
        raise self._fault(error) from error

    async def _connect(
        self, address: Upstream, new_connection: Callable[[], Connection], context: LiveContext | None
    ) -> Connection:
        loop = asyncio.get_running_loop()
        new_protocol = cast(Callable[[], asyncio.BaseProtocol], new_connection)
        if isinstance(address, UnixUpstream):
            _, connection = await loop.create_unix_connection(new_protocol, address.path)
        else:
            _, connection = await loop.create_connection(
                new_protocol,
                address.host,
                address.port,
                ssl=context,
                server_hostname=self._server_name,
            )
        return cast(Connection, connection)

    def _fault(self, exc: OSError) -> UpstreamError:
        if isinstance(exc, TimeoutError):
            return UpstreamError(504, f"no connection to the upstream within {self._connect_s} s")
        if isinstance(exc, ssl.SSLCertVerificationError):
            reason = exc.verify_message.rstrip(".").lower()
            return UpstreamError(502, f"the upstream's certificate is not valid: {reason}")
        if isinstance(exc, ssl.SSLError):
            reason = (exc.reason or "handshake failed").lower().replace("_", " ")
            return UpstreamError(502, f"no TLS with the upstream: {reason}")
        return UpstreamError(502, f"cannot connect to the upstream: {_reason(exc)}")


def _reason(exc: OSError) -> str:
    """The system's own words, for event loops put theirs around them."""
    number = exc.errno or 0
    return (os.strerror(number) if number > 0 else exc.strerror or type(exc).__name__).lower()
