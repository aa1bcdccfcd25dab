"""A caller's connection on a plain socket: it reads answers by the framing rules and repairs nothing."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

from benchmarks.soak.answers import TAG_LINE
from benchmarks.soak.verdict import Answer, Ask, End

SINGLE_LINES = (b"content-length", b"transfer-encoding", TAG_LINE)
LIMIT_S = 20.0  # longer than every limit that the soak gives the sidecar


class Ended(Exception):
    """The connection gave no more bytes."""

    def __init__(self, end: End) -> None:
        super().__init__(end)
        self.end = end


class Wire:
    """One connection.

    Args:
        port: loopback port.
        receive_bytes: size of the socket's receive buffer, for a reader that is slow.

    Attributes:
        opened_s: when, by time.monotonic.
        pace: called before each read.
    """

    def __init__(self, port: int, receive_bytes: int | None = None) -> None:
        self.sock = socket.socket()
        if receive_bytes is not None:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.sock.settimeout(LIMIT_S)
        self.opened_s = time.monotonic()
        self.sock.connect(("127.0.0.1", port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.pace: Callable[[], None] | None = None
        self._buffer = b""

    def send(self, data: bytes) -> bool:
        """Sends; False when the other side takes no more, which its answer must explain."""
        try:
            self.sock.sendall(data)
        except OSError:
            return False
        return True

    def receive(self, n_most: int = 65536) -> bytes:
        """More bytes.

        Raises:
            Ended: there are none.
        """
        if self.pace is not None:
            self.pace()
        try:
            data = self.sock.recv(n_most)
        except TimeoutError:
            raise Ended(End.LATE) from None
        except OSError:
            raise Ended(End.RESET) from None
        if not data:
            raise Ended(End.CLOSED)
        return data

    def _until(self, mark: bytes) -> bytes:
        while (place := self._buffer.find(mark)) < 0:
            self._buffer += self.receive()
        found, self._buffer = self._buffer[:place], self._buffer[place + len(mark) :]
        return found

    def exactly(self, n_bytes: int, into: bytearray) -> None:
        """Moves so many bytes to `into`, which holds what came even if the connection ends before.

        Raises:
            Ended: it did.
        """
        while n_bytes:
            if not self._buffer:
                self._buffer = self.receive()
            taken, self._buffer = self._buffer[:n_bytes], self._buffer[n_bytes:]
            into += taken
            n_bytes -= len(taken)

    def read(self, ask: Ask) -> Answer:
        """The answer to a request, as far as it came."""
        answer, body = Answer(), bytearray()
        try:
            self._read_head(answer)
            if answer.status != 101:
                self._read_body(ask, answer, body)
        except Ended as exc:
            answer.end = exc.end
            answer.n_raw_bytes = answer.n_raw_bytes or len(self._buffer)
        except (ValueError, IndexError):
            answer.end = End.GARBLED
        answer.body = bytes(body)
        return answer

    def _read_head(self, answer: Answer) -> None:
        while True:
            first, *lines = self._until(b"\r\n\r\n").split(b"\r\n")
            version, status = first.split(b" ", 2)[:2]
            if version != b"HTTP/1.1":
                raise ValueError(version)
            if int(status) == 101 or int(status) >= 200:
                break
        answer.status, answer.n_raw_bytes = int(status), len(first)
        for line in lines:
            name, colon, value = line.partition(b":")
            twice = name.lower() in answer.lines and name.lower() in SINGLE_LINES
            if twice or not colon:
                raise ValueError(line)
            answer.lines[name.lower()] = value.strip()

    def _read_body(self, ask: Ask, answer: Answer, body: bytearray) -> None:
        if ask.method == "HEAD":
            return
        if answer.lines.get(b"transfer-encoding") == b"chunked":
            if ask.old:
                raise ValueError("chunks for an HTTP/1.0 caller")
            while n_bytes := int(self._until(b"\r\n"), 16):
                self.exactly(n_bytes, body)
                if self._until(b"\r\n"):
                    raise ValueError("a chunk that does not end")
            while self._until(b"\r\n"):
                pass
        elif b"content-length" in answer.lines:
            self.exactly(int(answer.lines[b"content-length"]), body)
        else:
            self._read_to_the_end(body)

    def _read_to_the_end(self, body: bytearray) -> None:
        body += self._buffer
        self._buffer = b""
        while True:
            try:
                body += self.receive()
            except Ended as exc:
                if exc.end is End.CLOSED:
                    return
                raise

    @property
    def idle(self) -> bool:
        """Whether nothing has come that belongs to no answer."""
        return not self._buffer

    def close(self, *, reset: bool = False) -> None:
        """Ends the connection; a reset does not wait for anything."""
        if reset:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()
