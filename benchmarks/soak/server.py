"""The model server of the soak: answers as answers.py says, and keeps a journal of what reached it.

    python -m benchmarks.soak.server --port P --journal FILE

The journal outlives a kill: one line `POST TAG` for each POST whose head arrived (twice for one tag means
that a request which may not be repeated was), and one line `BROKEN ...` for each complete request whose body
is not the one that its caller sent.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import uvloop

from benchmarks.soak.answers import (
    HASH_LINE,
    TAG_LINE,
    TURN,
    UNHASHED_TAG,
    Form,
    body_of,
    form_of,
    pieces_of,
)

GONE = (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError)


@dataclass(frozen=True, slots=True)
class Request:
    """A complete request."""

    method: str
    path: str
    lines: dict[bytes, bytes]
    body: bytes


class Server:
    """Serves connections.

    Args:
        journal: descriptor, opened to append.
    """

    def __init__(self, journal: int) -> None:
        self._journal = journal

    def note(self, line: str) -> None:
        """Adds a line to the journal; one write, so a kill leaves it whole or not there."""
        os.write(self._journal, line.encode() + b"\n")

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until either side ends it."""
        with suppress(*GONE):
            while await self._serve_one(reader, writer):
                pass
        writer.close()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        request = await self._read(reader)
        form = form_of(request.path)
        sent_hash = request.lines.get(HASH_LINE, b"").decode()
        if hashlib.sha256(request.body).hexdigest() != sent_hash and form.tag != UNHASHED_TAG:
            self.note(f"BROKEN {request.method} {request.path} {len(request.body)} bytes")
        if form.framing == "tunnel" and b"upgrade" in request.lines:
            await self._tunnel(reader, writer, form)
            return False
        return await self._answer(writer, request, form)

    async def _read(self, reader: asyncio.StreamReader) -> Request:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *rest = head[:-4].split(b"\r\n")
        method, path, _ = first.decode().split(" ")
        lines = {}
        for line in rest:
            name, _, value = line.partition(b":")
            lines[name.lower()] = value.strip()
        if method == "POST":
            self.note(f"POST {form_of(path).tag}")
        if b"transfer-encoding" in lines:
            body = await _read_chunked(reader)
        else:
            body = await reader.readexactly(int(lines.get(b"content-length", b"0")))
        return Request(method, path, lines, body)

    async def _answer(self, writer: asyncio.StreamWriter, request: Request, form: Form) -> bool:
        body = body_of(request.method, request.path, request.body)
        head = [b"HTTP/1.1 200 OK", b"content-type: " + form.content_type.encode()]
        head.append(TAG_LINE + b": " + form.tag.encode())
        chunked, ends = form.framing in ("chunked", "sse"), form.framing in ("close", "final")
        if chunked:
            head.append(b"transfer-encoding: chunked")
        elif form.framing != "close":
            head.append(b"content-length: %d" % len(body))
        if ends:
            head.append(b"connection: close")
        start = b"\r\n".join([*head, b"", b""])
        if request.method == "HEAD":
            writer.write(start)
            return not ends
        for piece in pieces_of(body, form.n_pieces):
            writer.write(start + (b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece))
            start = b""
            await writer.drain()
            if form.pause_ms:
                await asyncio.sleep(form.pause_ms / 1000)
        writer.write(start + (b"0\r\n\r\n" if chunked else b""))
        await writer.drain()
        return not ends

    async def _tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, form: Form) -> None:
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: turn\r\n%b: %b\r\n\r\n"
            % (TAG_LINE, form.tag.encode())
        )
        while data := await reader.read(65536):
            writer.write(data.translate(TURN))
            await writer.drain()


async def _read_chunked(reader: asyncio.StreamReader) -> bytes:
    pieces = []
    while n_bytes := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
        pieces.append(await reader.readexactly(n_bytes))
        await reader.readexactly(2)
    while await reader.readuntil(b"\r\n") != b"\r\n":
        pass
    return b"".join(pieces)


async def _run(port: int, journal: int) -> None:
    server = Server(journal)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", port, limit=1 << 20, backlog=512)
    await listening.serve_forever()


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves on a loopback port until it is killed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak.server")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--journal", required=True)
    given = parser.parse_args(arguments)
    journal = os.open(given.journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    uvloop.run(_run(given.port, journal))
    return 0


if __name__ == "__main__":
    sys.exit(main())
