"""Which addresses to connect to, in which order, and when to ask for them again.

A name is asked for again when it was answered half a minute ago, and when a connection failed: then a service
may have moved. What is known stays in use meanwhile, so a name server that is slow or gone fails no request
as long as an old address works: old age is cured in the background, and after a failed connection the answer
is awaited for a moment only.

Both families are tried in turns (RFC 8305 section 4), one after the other and not at once: a model server is
near, and what is refused is refused quickly. An address that failed goes to the end of the order and stays
there until the others have failed.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from itertools import zip_longest

from sidecar.config.address import TcpUpstream, Upstream
from sidecar.errors import UpstreamError
from sidecar.upstream.tasks import keep

MAX_AGE_S = 30.0  # as nginx takes a TTL of this order from Kubernetes' name servers (CoreDNS: 30 s)
LEAST_AGE_S = 1.0  # an upstream that refuses every connection shall not become a load for the name server
PATIENCE_S = 0.5  # for a new answer while old addresses are known

Lookup = Callable[[str], Awaitable[list[str]]]


class Resolver:
    """The addresses of one upstream.

    Args:
        upstream: as configured; an address or a unix socket is never asked for.
        lookup: gives a name's addresses, the best first; the system's when left out.
    """

    def __init__(self, upstream: Upstream, lookup: Lookup | None = None) -> None:
        self._name = upstream if isinstance(upstream, TcpUpstream) and _is_name(upstream.host) else None
        self._lookup = lookup if lookup is not None else _ask_system
        self._known: tuple[Upstream, ...] = () if self._name else (upstream,)
        self._failed: list[Upstream] = []  # the one that failed longest ago first
        self._asked_s = float("-inf")
        self._suspect = False  # a connection failed since the last answer
        self._reason = ""  # why nothing is known
        self._asking: asyncio.Event | None = None  # set when the question under way is answered

    async def addresses(self, now_s: float) -> tuple[Upstream, ...]:
        """The addresses to try, in this order; none of them is a name.

        Args:
            now_s: seconds on the loop's clock.

        Returns:
            At least one.

        Raises:
            UpstreamError: 502, nothing is known: "cannot resolve the upstream's name 'x': name or service not
                known".
        """
        if self._name is not None:
            self._ask_if_old(self._name, now_s)
            await self._wait()
            if not self._known:
                raise UpstreamError(
                    502, f"cannot resolve the upstream's name {self._name.host!r}: {self._reason}"
                )
        return self._known

    def note_failure(self, address: Upstream) -> None:
        """A connection to an address failed: it is tried last from now on, and the name is asked for again.

        Args:
            address: one of those given.
        """
        self._suspect = True
        if address in self._known:
            if address in self._failed:
                self._failed.remove(address)
            self._failed.append(address)
            self._known = self._ordered(self._known)

    def _ask_if_old(self, name: TcpUpstream, now_s: float) -> None:
        limit_s = LEAST_AGE_S if self._suspect or not self._known else MAX_AGE_S
        if self._asking is None and now_s - self._asked_s >= limit_s:
            self._asked_s = now_s
            self._asking = asyncio.Event()
            keep(self._ask(name, self._asking))

    async def _wait(self) -> None:
        """Not at all for addresses that are only old, briefly for suspect ones, else for the answer; whoever
        is cancelled while waiting leaves the question to the others."""
        if self._asking is None or (self._known and not self._suspect):
            return
        try:
            async with asyncio.timeout(PATIENCE_S if self._known else None):
                await self._asking.wait()
        except TimeoutError:
            self._suspect = False  # once is enough: nobody else waits for this answer

    async def _ask(self, name: TcpUpstream, answered: asyncio.Event) -> None:
        try:
            addresses = [name._replace(host=host) for host in _interleaved(await self._lookup(name.host))]
            self._failed = [address for address in self._failed if address in addresses]
            self._known = self._ordered(addresses)
        except (OSError, UnicodeError) as exc:  # the latter: no name could look like this
            self._reason = (getattr(exc, "strerror", None) or "not a name").lower()
        finally:
            self._suspect = False
            self._asking = None
            answered.set()

    def _ordered(self, addresses: Sequence[Upstream]) -> tuple[Upstream, ...]:
        return (*(address for address in addresses if address not in self._failed), *self._failed)


def _is_name(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return True
    return False


def _interleaved(hosts: list[str]) -> list[str]:
    """Each address once, families in turns, beginning with that of the best."""
    unique = list(dict.fromkeys(hosts))
    first = [host for host in unique if (":" in host) == (":" in unique[0])]
    second = [host for host in unique if host not in first]
    return [host for pair in zip_longest(first, second) for host in pair if host is not None]


async def _ask_system(name: str) -> list[str]:
    answers = await asyncio.get_running_loop().getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return [str(answer[4][0]) for answer in answers]
