"""`GET /livez` and `GET /readyz`, answered by every worker on the health port.

Alive means that the loop turns. Ready means that the sidecar is not draining, and that the upstream passes
the health check; where none is configured, that it answered or took a connection within the last second or
takes one now. Trouble in monitoring never makes a worker unready.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, cast

from sidecar.upstream.tasks import keep

if TYPE_CHECKING:  # the worker composes this
    from sidecar.proxy.worker import Worker

_MAX_REQUEST_BYTES = 8192


class HealthConnection(asyncio.Protocol):
    """One prober; one request at a time, keep-alive."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._buffer = b""
        self._transport: asyncio.Transport = cast(
            asyncio.Transport, None
        )  # set by connection_made, before any use

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if b"\r\n\r\n" not in self._buffer:
            if len(self._buffer) > _MAX_REQUEST_BYTES:
                self._transport.close()
            return
        request = self._buffer.split(b"\r\n", 1)[0].split(b" ")
        self._buffer = b""
        method, target = (request[0], request[1].split(b"?")[0]) if len(request) == 3 else (b"", b"")
        if method not in (b"GET", b"HEAD"):
            self._answer(405, {"status": "error", "reason": "expected GET or HEAD"}, b"GET")
        elif target in (b"/livez", b"/healthz"):
            self._answer(200, {"status": "ok"}, method)
        elif target == b"/readyz":
            keep(self._answer_readiness(method))
        else:
            self._answer(404, {"status": "error", "reason": "expected /livez or /readyz"}, method)

    async def _answer_readiness(self, method: bytes) -> None:
        reason = await unready_reason(self._worker)
        if reason is None:
            self._answer(200, {"status": "ok"}, method)
        else:
            self._answer(503, {"status": "unready", "reason": reason}, method)

    def _answer(self, status: int, document: dict[str, str], method: bytes) -> None:
        body = json.dumps(document).encode() + b"\n"
        phrase = {200: b"OK", 404: b"Not Found", 405: b"Method Not Allowed", 503: b"Service Unavailable"}[
            status
        ]
        self._transport.write(
            b"HTTP/1.1 %d %b\r\nserver: sidecar\r\ncontent-type: application/json\r\ncontent-length: %d\r\n"
            b"cache-control: no-store\r\n\r\n%b"
            % (status, phrase, len(body), b"" if method == b"HEAD" else body)
        )


async def unready_reason(worker: Worker) -> str | None:
    """Why the worker is not ready, or None when it is."""
    if worker.draining:
        return "draining"
    return await worker.upstreams.unready_reason()
