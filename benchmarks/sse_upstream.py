"""The model server behind the streams: each POST is answered with events that say when they were sent.

    python -m benchmarks.sse_upstream --port P

The time is CLOCK_MONOTONIC, which all processes of a machine share, so the reader knows how long each event
was under way, however irregular the sender's own pauses are.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from typing import cast

import uvloop

from benchmarks.payloads import N_STREAM_CHUNKS, STREAM_PAUSE_S

HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-store\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
)
LAST_CHUNK = b"0\r\n\r\n"


def event_of(number: int, sent_ns: int) -> bytes:
    """One event of 32 bytes: its number from 0 and the time that it was sent at."""
    return b"data: %03d %020d\n\n" % (number, sent_ns)


class EventSender(asyncio.Protocol):
    """One connection; a request is over when its body is (by Content-Length), then its stream begins."""

    def __init__(self) -> None:
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        if len(rest) >= length:
            self._buffer = rest[length:]
            self._send(0)

    def _send(self, number: int) -> None:
        if self._transport.is_closing():
            return
        event = event_of(number, time.monotonic_ns())
        chunk = b"%x\r\n%b\r\n" % (len(event), event)
        if number == 0:
            chunk = HEAD + chunk
        if number + 1 == N_STREAM_CHUNKS:
            self._transport.write(chunk + LAST_CHUNK)
            return
        self._transport.write(chunk)
        asyncio.get_running_loop().call_later(STREAM_PAUSE_S, self._send, number + 1)


async def serve(port: int) -> None:
    """Serves until cancelled."""
    server = await asyncio.get_running_loop().create_server(EventSender, "127.0.0.1", port)
    await server.serve_forever()


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves on a loopback port."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sse_upstream")
    parser.add_argument("--port", type=int, required=True)
    uvloop.run(serve(parser.parse_args(arguments).port))
    return 0


if __name__ == "__main__":
    sys.exit(main())
