"""What tests of the life cycle ask of callers, of the sidecar's log and of the system."""

from __future__ import annotations

import json
import signal
import socket
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from sidecar.monitor.state import NAME
from tests.support.listening import close, listen
from tests.support.running import Sidecar, eventually


def settings(folder: Path, **keys: dict[str, object]) -> Path:
    """Writes a configuration file, whole at every moment, and gives its path."""
    file = folder / "sidecar.yaml"
    new = folder / "new.yaml"
    new.write_text(json.dumps(keys))  # JSON is YAML
    new.replace(file)
    return file


def of_supervisor(sidecar: Sidecar, event: str) -> list[dict[str, Any]]:
    return [line for line in sidecar.events(event) if line["role"] == "supervisor"]


def draining(sidecar: Sidecar) -> list[dict[str, Any]]:
    """What workers said when they began to drain."""
    return [line for line in sidecar.events("draining") if line["role"].startswith("worker")]


def reload(sidecar: Sidecar, n_before_and_this: int, n_workers: int = 1) -> None:
    """Sends SIGHUP and waits until every worker has taken the configuration over."""
    sidecar.child.send_signal(signal.SIGHUP)
    n_lines = n_before_and_this * (1 + n_workers)
    eventually(lambda: len(sidecar.events("reloaded")) == n_lines)


def saved(folder: Path) -> None:
    """Waits until the monitor's checkpoint holds what it knows by now: of two that follow the second is begun
    when this is called already."""
    for _ in range(2):
        before = _checkpoint(folder)
        eventually(lambda before=before: _checkpoint(folder) != before)  # type: ignore[misc]


def _checkpoint(folder: Path) -> tuple[int, int] | None:
    """Tells one checkpoint from the next."""
    try:
        found = (folder / NAME).stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns


def read_answer(caller: socket.socket) -> bytes:
    """One answer with a Content-Length."""
    answer = read_until(caller, b"\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    n_bytes = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(body) < n_bytes:
        more = caller.recv(65536)
        assert more, answer
        body += more
    return head + b"\r\n\r\n" + body


def exchange(caller: socket.socket, asked: bytes) -> bytes:
    caller.sendall(asked)
    return read_answer(caller)


def read_until(caller: socket.socket, end: bytes) -> bytes:
    received = b""
    while end not in received:
        more = caller.recv(65536)
        assert more, received
        received += more
    return received


def read_all(caller: socket.socket) -> bytes:
    received = b""
    while more := caller.recv(65536):
        received += more
    return received


def wait_for(seconds: float) -> None:
    """Where time itself is the condition."""
    until_s = time.monotonic() + seconds
    eventually(lambda: time.monotonic() > until_s)


def blocked_signals(pid: int) -> set[int]:
    mask = int(Path(f"/proc/{pid}/status").read_text().split("SigBlk:")[1].split()[0], 16)
    return {number for number in range(1, 65) if mask >> (number - 1) & 1}


class StreamingUpstream:
    """Answers every request with a stream whose last piece waits for `finish`."""

    def __init__(self) -> None:
        self.finish = threading.Event()
        self._listener = listen(self._answer)
        self.port = self._listener.getsockname()[1]

    def __enter__(self) -> StreamingUpstream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish.set()
        close(self._listener)

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            if connection.recv(65536):
                connection.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n")
                self.finish.wait()
                connection.sendall(b"4\r\nlast\r\n0\r\n\r\n")
