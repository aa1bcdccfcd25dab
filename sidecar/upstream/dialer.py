"""Opens connections to the model server: names, address families, TLS, and the time limit on all of it."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Callable
from typing import TypeVar

from sidecar.config.address import UnixUpstream, Upstream
from sidecar.errors import UpstreamError
from sidecar.upstream.resolver import Resolver

P = TypeVar("P", bound=asyncio.BaseProtocol)

FURTHER_ADDRESS_SHARE = 0.5  # of the time limit that one of several addresses may take


class Dialer:
    """Connects to one upstream.

    Args:
        address: where the model server listens.
        connect_s: longest time for one connection, resolving and TLS included.
        tls_of: gives the TLS context for an application protocol, None for plain text.
        name: what to ask for and to verify over TLS.
    """

    def __init__(
        self,
        address: Upstream,
        connect_s: float,
        tls_of: Callable[[str], ssl.SSLContext | None],
        name: str,
    ) -> None:
        self._connect_s = connect_s
        self._tls_of = tls_of
        self._name = name
        self._resolver = Resolver(address)

    async def open(self, make: Callable[[], P], protocol: str = "http/1.1") -> P:
        """Opens one connection.

        Args:
            make: the connection's protocol.
            protocol: what will be spoken on it, for TLS (ALPN): `http/1.1` or `h2`.

        Raises:
            UpstreamError: 502 when it was refused, 504 when it took too long.
        """
        try:
            async with asyncio.timeout(self._connect_s):
                *others, last = await self._resolver.addresses(asyncio.get_running_loop().time())
                for address in others:
                    try:
                        async with asyncio.timeout(self._connect_s * FURTHER_ADDRESS_SHARE):
                            return await self._open(address, make, protocol)
                    except (TimeoutError, OSError):
                        continue  # the next address; the last one's fault is told
                return await self._open(last, make, protocol)
        except TimeoutError as exc:
            raise UpstreamError(504, f"no connection to the upstream within {self._connect_s} s") from exc
        except ssl.SSLError as exc:
            raise UpstreamError(502, f"cannot connect to the upstream: TLS: {_tls_reason(exc)}") from exc
        except OSError as exc:
            raise UpstreamError(502, f"cannot connect to the upstream: {_reason(exc)}") from exc

    async def _open(self, address: Upstream, make: Callable[[], P], protocol: str) -> P:
        loop = asyncio.get_running_loop()
        try:
            if isinstance(address, UnixUpstream):
                return (await loop.create_unix_connection(make, address.path))[1]
            tls = self._tls_of(protocol)
            name = None if tls is None else self._name
            opened = await loop.create_connection(
                make, address.host, address.port, ssl=tls, server_hostname=name
            )
            return opened[1]
        except (asyncio.CancelledError, OSError):  # cancelled: it took too long
            self._resolver.note_failure(address)
            raise


def _reason(exc: OSError) -> str:
    """The system's own words, for event loops put theirs around them; an unknown name has no error number."""
    number = exc.errno or 0
    return (os.strerror(number) if number > 0 else exc.strerror or type(exc).__name__).lower()


def _tls_reason(exc: ssl.SSLError) -> str:
    if isinstance(exc, ssl.SSLCertVerificationError):
        return f"certificate verify failed: {exc.verify_message}"
    return (exc.reason or type(exc).__name__).lower().replace("_", " ")
