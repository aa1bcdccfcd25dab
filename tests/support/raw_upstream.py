"""An upstream that is a function of its connection: what a test wants on the wire, byte for byte."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from types import TracebackType

Serve = Callable[[socket.socket], None]


class RawUpstream:
    """Listens on a free loopback port and calls `serve` with each connection, on a thread of its own.

    Attributes:
        port: where it listens.
        n_connections: how many were accepted.
    """

    def __init__(self, serve: Serve, port: int = 0) -> None:
        self._serve = serve
        self.port = port
        self.n_connections = 0
        self._open: list[socket.socket] = []

    def __enter__(self) -> RawUpstream:
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=128)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.n_connections += 1
            self._open.append(connection)
            threading.Thread(target=self._run, args=(connection,), daemon=True).start()

    def _run(self, connection: socket.socket) -> None:
        with connection:
            try:
                self._serve(connection)
            except OSError:
                return  # the other side has gone; a test looks at what came of it


def read_head(connection: socket.socket) -> tuple[bytes, bytes]:
    """Reads up to the end of a head; gives it and what came behind it."""
    received = b""
    while b"\r\n\r\n" not in received:
        more = connection.recv(65536)
        if not more:
            raise ConnectionError
        received += more
    head, gap, rest = received.partition(b"\r\n\r\n")
    return head + gap, rest


def read_to_end(connection: socket.socket) -> bytes:
    """Everything until the other side has said all."""
    received = b""
    while more := connection.recv(65536):
        received += more
    return received
