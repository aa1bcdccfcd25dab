"""A model server for tests, on threads and plain sockets: what it does is chosen by the path, and it keeps
what it got."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType

ANSWER = (
    b'{"model_name":"m","model_version":"1",'
    b'"outputs":[{"name":"y","datatype":"FP64","shape":[1],"data":[0.5]}]}'
)
MEGABYTE = b"0123456789abcdef" * 65536


@dataclass(slots=True)
class Request:
    """One request as it arrived."""

    head: bytes
    body: bytes

    @property
    def path(self) -> str:
        return self.head.split(b" ")[1].decode()

    def lines(self, name: str) -> list[bytes]:
        """Values of a header, in order."""
        prefix = name.lower().encode() + b":"
        return [
            line[len(prefix) :].strip()
            for line in self.head.split(b"\r\n")[1:]
            if line.lower().startswith(prefix)
        ]


def with_length(body: bytes, status: bytes = b"200 OK", extra: bytes = b"") -> bytes:
    return b"HTTP/1.1 %b\r\ncontent-length: %d\r\n%b\r\n%b" % (status, len(body), extra, body)


ANSWERS: dict[str, bytes] = {
    "/chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n",
    "/until-close": b"HTTP/1.0 200 OK\r\ncontent-type: text/plain\r\n\r\nuntil the end",
    "/204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "/304": b'HTTP/1.1 304 Not Modified\r\netag: "1"\r\ncontent-length: 7\r\n\r\n',
    "/500": with_length(b'{"error":"it broke"}', b"500 Internal Server Error"),
    "/megabyte": with_length(MEGABYTE),
    "/own-id": with_length(b"x", extra=b"X-Request-Id: theirs\r\n"),
    "/hop": with_length(
        b"x", extra=b"Connection: keep-alive, X-Gone\r\nKeep-Alive: timeout=9\r\nX-Gone: 1\r\nX-Kept: 2\r\n"
    ),
    "/early-hints": b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" + with_length(b"x"),
    "/two-lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx",
    "/not-http": b"hello there\r\n\r\n",
    "/short": b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc",
    "/v2/models/m/infer": with_length(ANSWER, extra=b"content-type: application/json\r\n"),
}
CLOSE_BEHIND = {"/until-close", "/short", "/not-http"}


@dataclass(slots=True)
class FakeUpstream:
    """Listens on a free loopback port while in use.

    Attributes:
        requests: all that were read, in order of arrival.
        released: while clear, `/held` does not answer.
    """

    port: int = 0
    requests: list[Request] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    aborted: threading.Event = field(default_factory=threading.Event)
    n_connections: int = 0
    answer: Callable[[Request], bytes | None] | None = None
    _listener: socket.socket | None = None
    _open: list[socket.socket] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> FakeUpstream:
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=128)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Closes the port and every connection."""
        self.released.set()
        if self._listener is not None:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        for connection in self._open:
            with contextlib.suppress(OSError):  # ended already
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self.n_connections += 1
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        stream = connection.makefile("rb")
        try:
            while (request := read_request(stream)) is not None:
                self.requests.append(request)
                if not self._answer(connection, request):
                    break
        except OSError:
            self.aborted.set()
        finally:
            stream.close()
            connection.close()

    def _answer(self, connection: socket.socket, request: Request) -> bool:
        path = request.path.partition("?")[0]
        if path == "/held":
            connection.settimeout(0.02)
            while not self.released.is_set():
                try:
                    if connection.recv(1) == b"":
                        raise ConnectionError
                except TimeoutError:
                    continue
            connection.settimeout(None)
        if path == "/cut":
            return False
        if request.lines("expect"):
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        made = self.answer(request) if self.answer is not None else None
        connection.sendall(made or ANSWERS.get(path) or with_length(request.body or b"nothing"))
        return path not in CLOSE_BEHIND and not request.lines("expect")


def read_request(stream: object) -> Request | None:
    """Reads one request, de-chunked; None at the end of the stream."""
    read_line = stream.readline  # type: ignore[attr-defined]
    read = stream.read  # type: ignore[attr-defined]
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = read_line()
        if not line:
            return None
        head += line
    request = Request(head[:-4], b"")
    if request.lines("expect"):
        return request  # its body would follow our 100; the connection is closed instead
    if request.lines("transfer-encoding"):
        while size := int(read_line(), 16):
            request.body += read(size)
            read_line()
        while read_line() != b"\r\n":
            pass
    else:
        length = int((request.lines("content-length") or [b"0"])[0])
        request.body = read(length)
        if len(request.body) < length:
            return None  # cut off: no request at all
    return request
