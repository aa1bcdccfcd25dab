"""Sends copies to one server and reads what it answers: no retries, no redirects, no cookies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import perf_counter

import aiohttp
from yarl import URL

from sidecar.config.traffic import UpstreamTlsConfig
from sidecar.mirror.answer import Answer
from sidecar.mirror.request import Copy
from sidecar.tls.context import client_context

READ_BYTES = 65_536
UNIX = "unix:"


def _note_nothing(_n_bytes: int) -> None:
    """Nobody wants to know."""


class Sender:
    """Used on one event loop.

    Args:
        url: the server's, `unix:/path` or with a path of its own that targets are put behind.
        concurrency: connections at most.
        timeout_s: longest time for one answer.
        answer_bytes: longest body read.
        tls: for https.
        note_read: told of every piece of a body that was read, in bytes.
    """

    def __init__(
        self,
        url: str,
        concurrency: int,
        timeout_s: float,
        answer_bytes: int,
        tls: UpstreamTlsConfig,
        note_read: Callable[[int], None] = _note_nothing,
    ) -> None:
        over_unix = url.startswith(UNIX)
        self._url = "http://localhost" if over_unix else url.rstrip("/")
        connector: aiohttp.BaseConnector = (
            aiohttp.UnixConnector(url.removeprefix(UNIX), limit=concurrency)
            if over_unix
            else aiohttp.TCPConnector(limit=concurrency, ttl_dns_cache=10, ssl=client_context(tls))
        )
        self._timeout_s = timeout_s
        self._answer_bytes = answer_bytes
        self._note_read = note_read
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=("user-agent", "accept", "accept-encoding", "content-type"),
            timeout=aiohttp.ClientTimeout(total=None),
        )

    async def send(self, copy: Copy) -> Answer:
        """Sends a copy and waits for the whole answer.

        Args:
            copy: the request.

        Returns:
            The answer, or what kept it from coming; never raises but for cancellation.
        """
        start = perf_counter()
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._exchange(copy, start)
        except TimeoutError:
            return Answer(0, latency_s=perf_counter() - start, failure="timeout")
        except aiohttp.ClientConnectorError:
            return Answer(0, latency_s=perf_counter() - start, failure="connect")
        except (aiohttp.ClientError, OSError, ValueError):  # ValueError: a head that is no HTTP
            return Answer(0, latency_s=perf_counter() - start, failure="broken")

    async def close(self) -> None:
        """Closes the connections."""
        await self._session.close()

    async def _exchange(self, copy: Copy, start: float) -> Answer:
        target = URL(self._url + copy.target, encoded=True)
        async with self._session.request(
            copy.method, target, headers=copy.headers, data=copy.body or None, allow_redirects=False
        ) as response:
            headers = {name.lower(): value for name, value in response.headers.items()}
            if copy.method != "HEAD" and (response.content_length or 0) > self._answer_bytes:
                response.close()
                return Answer(response.status, headers, b"", perf_counter() - start, "too_long")
            body = bytearray()
            async for piece in response.content.iter_chunked(READ_BYTES):
                self._note_read(len(piece))
                body += piece
                if len(body) > self._answer_bytes:
                    response.close()  # the rest is not read; the connection is of no more use
                    return Answer(response.status, headers, b"", perf_counter() - start, "too_long")
            return Answer(response.status, headers, bytes(body), perf_counter() - start)
