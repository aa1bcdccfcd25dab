"""Shadows that misbehave, each in one manner, on loopback ports of their own.

    python -m benchmarks.bad_shadows [--idle] MANNER=PORT ...

for example `hang=9001 good=9002`; the manners are those of `MANNERS`.

With `--idle` they take only CPU that nobody else wants: a shadow has a machine of its own, and what it
computes there is no cost of the sidecar's.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress

from benchmarks.payloads import PAYLOADS

IDLE = "--idle"
TRICKLE_S = 0.05  # between two bytes: an answer of the length announced would take an hour
LATE_S = 0.2  # within the time-outs that it is measured with
FLOOD_PIECE = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
NONSENSE = (
    b"\x00\x01 no HTTP at all\r\n\r\n",
    b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 12\r\n\r\n{"outputs":[',
    b"HTTP/1.1 200 OK\r\ncontent-length: -5\r\ncontent-length: 7\r\n\r\n\xff\xfe",
)

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bool]]


async def hang(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> bool:
    """Never answers."""
    return await asyncio.Event().wait()


async def trickle(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Answers a byte at a time, without end in sight."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 72000\r\n\r\n")
    while not writer.is_closing():
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(TRICKLE_S)
    return False


async def reset(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Resets the connection in place of an answer."""
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    return False


async def flood(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Answers with a body that never ends."""
    writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    while not writer.is_closing():
        writer.write(FLOOD_PIECE)
        await writer.drain()
    return False


class Nonsense:
    """Answers by turns what is no HTTP, no JSON and no framing."""

    def __init__(self) -> None:
        self._turn = 0

    async def __call__(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answers the next of `NONSENSE`."""
        writer.write(NONSENSE[self._turn % len(NONSENSE)])
        self._turn += 1
        return False


async def good(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Answers what the upstream answers to the smallest payload."""
    return _answer_json(writer, PAYLOADS["small"].answer)


async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Answers that, late."""
    await asyncio.sleep(LATE_S)
    return await good(reader, writer)


async def lie(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Answers as fast, and with another value."""
    return _answer_json(writer, PAYLOADS["small"].answer.replace(b"0.25", b"0.52"))


def _answer_json(writer: asyncio.StreamWriter, body: bytes) -> bool:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
    writer.write(head + body)
    return True


MANNERS: Mapping[str, Answer] = {
    "hang": hang,
    "trickle": trickle,
    "reset": reset,
    "flood": flood,
    "nonsense": Nonsense(),
    "good": good,
    "late": late,
    "lie": lie,
}


def serve_with(answer: Answer) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    """What serves a connection in a manner: reads requests, by Content-Length, and answers each.

    Args:
        answer: gives whether the connection stays open.
    """

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while await read_request(reader) and await answer(reader, writer):
                pass
        writer.close()

    return serve


async def read_request(reader: asyncio.StreamReader) -> bool:
    """Reads a request of a known length.

    Raises:
        asyncio.IncompleteReadError: the other side has ended.
    """
    head = await reader.readuntil(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    if lengths:
        await reader.readexactly(int(lengths[0].partition(b":")[2]))
    return True


async def serve(ports: Mapping[str, int]) -> None:
    """Serves each manner at its port until cancelled.

    Args:
        ports: loopback ports by manner, of `MANNERS`.
    """
    for manner, port in ports.items():
        await asyncio.start_server(serve_with(MANNERS[manner]), "127.0.0.1", port, backlog=1024)
    await asyncio.Event().wait()


def main(arguments: Sequence[str]) -> int:
    """Serves the manners given as `MANNER=PORT`."""
    if IDLE in arguments:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    pairs = [argument.partition("=") for argument in arguments if argument != IDLE]
    asyncio.run(serve({manner: int(port) for manner, _, port in pairs}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
