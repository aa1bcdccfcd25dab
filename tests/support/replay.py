"""A model server that answers with the captured bytes of a real one, chunk by chunk.

A request names its capture in `x-capture`. With `x-hold: last` the last chunk is kept back until somebody
posts to `/release`; with `x-hold: end` nothing comes behind the first chunk, and `GET /aborted` says how many
callers have left such an answer.
"""

from __future__ import annotations

import re
import socket
import threading
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from tests.support.listening import close, listen
from tests.support.running import PATIENCE_S
from tests.support.upstream import Request, read_request, with_length

CHUNK = re.compile(rb"([0-9a-fA-F]+)\r\n")


def pieces(capture: bytes) -> list[bytes]:
    """The capture cut into its head and its chunks, framing included; the last is the end of the body."""
    head, gap, body = capture.partition(b"\r\n\r\n")
    if b"transfer-encoding: chunked" not in head.lower():
        return [capture]
    cut, place = [head + gap], 0
    while (match := CHUNK.match(body, place)) is not None:
        end = match.end() + int(match[1], 16) + 2
        cut.append(body[place:end])
        place = end
    return cut


@dataclass(slots=True)
class Replay:
    """Listens on a free loopback port while in use.

    Attributes:
        folder: where the captures lie, `NAME.resp`.
    """

    folder: Path
    port: int = 0
    n_aborted: int = 0
    _released: threading.Event = field(default_factory=threading.Event)
    _listener: socket.socket = field(init=False)

    def __enter__(self) -> Replay:
        self._listener = listen(self._serve)
        self.port = self._listener.getsockname()[1]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._released.set()
        close(self._listener)

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream:
            try:
                while (request := read_request(stream)) is not None:
                    self._answer(connection, request)
            except OSError:
                return

    def _answer(self, connection: socket.socket, request: Request) -> None:
        if request.path == "/release":
            self._released.set()
            connection.sendall(with_length(b"released"))
        elif request.path == "/aborted":
            connection.sendall(with_length(b"%d" % self.n_aborted))
        else:
            [name] = request.lines("x-capture")
            self._play(
                connection, (self.folder / f"{name.decode()}.resp").read_bytes(), request.lines("x-hold")
            )

    def _play(self, connection: socket.socket, capture: bytes, hold: list[bytes]) -> None:
        *first, last = pieces(capture)
        if hold == [b"end"]:
            connection.sendall(b"".join(first[:2]))
            try:
                connection.recv(1)  # a caller that waits for more sends nothing: this ends when it goes
            finally:
                self.n_aborted += 1
            raise ConnectionAbortedError
        for piece in first:
            connection.sendall(piece)
        if hold == [b"last"]:
            self._released.wait(PATIENCE_S)
            self._released.clear()
        connection.sendall(last)
