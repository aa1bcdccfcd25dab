"""A real sidecar as a child process, on free loopback ports, and what tests ask of it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60.0  # what takes a second at most on a fast machine that is idle, with time to spare
T = TypeVar("T")


def eventually(ask: Callable[[], T], limit_s: float = PATIENCE_S) -> T:
    """Asks again until the answer is true, and gives it; fails with the last answer or error.

    What is not there yet may be a missing key, or a null where an object is to come.
    """
    end_s = time.monotonic() + limit_s
    last: object = None
    while time.monotonic() < end_s:
        try:
            last = ask()
        except (OSError, LookupError, TypeError, ValueError) as exc:
            last = exc
        else:
            if last:
                return last
        time.sleep(0.02)  # between two looks at a condition
    raise AssertionError(f"not so within {limit_s} s; last: {last!r}")


class Sidecar:
    """`python -m sidecar run` with the given flags and variables.

    Unless the variables say otherwise it ends without quiet time, and analyses all that it is told to,
    however slow the machine.

    Attributes:
        traffic, health, admin: ports, once it listens.
    """

    def __init__(self, upstream: str, *flags: str, **variables: str) -> None:
        self._command = [
            sys.executable,
            "-m",
            "sidecar",
            "run",
            "--upstream",
            upstream,
            "--log-format",
            "json",
        ]
        for name in ("listen", "health", "admin"):
            if f"--{name}" not in flags:
                self._command += [f"--{name}", "127.0.0.1:0"]
        self._command += flags
        self._variables = {"SIDECAR_DRAIN__QUIET_S": "0", "SIDECAR_TAP__CPU_BUDGET_CORES": "8", **variables}
        self._lines: list[dict[str, Any]] = []
        self.traffic = self.health = self.admin = 0

    def __enter__(self) -> Sidecar:
        self.started_s = time.monotonic()
        self.child = subprocess.Popen(
            self._command, cwd=ROOT, env={**os.environ, **self._variables}, stderr=subprocess.PIPE
        )
        os.set_blocking(self._stderr(), False)
        self._rest = b""
        listening = eventually(lambda: self.events("listening"))[0]
        self.traffic, self.health, self.admin = (
            int(listening[name].rsplit(":", 1)[1]) for name in ("traffic", "health", "admin")
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        if self.child.stderr is not None:
            self.child.stderr.close()
        if value is not None:
            print("\n".join(json.dumps(line) for line in self.log()))

    # --- logs

    def _stderr(self) -> int:
        assert self.child.stderr is not None
        return self.child.stderr.fileno()

    def log(self) -> list[dict[str, Any]]:
        """All log lines so far."""
        try:
            while received := os.read(self._stderr(), 65536):
                self._rest += received
        except (BlockingIOError, ValueError, OSError):
            pass
        *whole, self._rest = self._rest.split(b"\n")
        self._lines += [
            json.loads(line) if line.startswith(b"{") else {"event": "raw", "text": line.decode()}
            for line in whole
        ]
        return self._lines

    def events(self, name: str) -> list[dict[str, Any]]:
        """The log lines with this event."""
        return [line for line in self.log() if line["event"] == name]

    # --- what it says

    def get(self, path: str, port: int | None = None) -> Any:
        """A document of the admin server."""
        with urllib.request.urlopen(
            f"http://127.0.0.1:{port or self.admin}{path}", timeout=PATIENCE_S
        ) as answer:
            return json.load(answer)

    def metrics(self) -> str:
        """The Prometheus text."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/metrics", timeout=PATIENCE_S) as answer:
            return str(answer.read().decode())

    def accounting(self) -> dict[str, Any]:
        """The accounting, whose identity must hold whenever it is read."""
        found: dict[str, Any] = self.get("/api/v1/status")["accounting"]
        settled = (
            found["analysed"] + found["sampled_out"] + found["in_flight"] + sum(found["dropped"].values())
        )
        assert found["seen"] == settled, found
        return found

    def settled(self, n_seen: int) -> dict[str, Any]:
        """Waits until so many exchanges were seen and none is in flight; gives the accounting."""

        def ask() -> dict[str, Any] | None:
            found = self.accounting()
            return found if found["seen"] >= n_seen and found["in_flight"] == 0 else None

        return eventually(ask)  # type: ignore[return-value]

    def monitored(self, n_begun: int = 1) -> Sidecar:
        """Waits until so many monitors have begun, each the successor of the one before.

        Under load on one core that may take minutes, for a monitor gives way to all others.
        """
        eventually(lambda: len(self.events("monitoring")) >= n_begun, 4 * PATIENCE_S)
        return self

    def pid(self, role: str) -> int:
        """Process id of `monitor` or `worker 0`, as ps shows it."""
        children = Path(f"/proc/{self.child.pid}/task/{self.child.pid}/children").read_text().split()
        for pid in children:
            if Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0 ") == f"sidecar: {role}".encode():
                return int(pid)
        raise LookupError(role)

    def resident_bytes(self, role: str) -> int:
        """Resident memory of one process."""
        status = Path(f"/proc/{self.pid(role)}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) * 1024

    def n_descriptors(self, role: str) -> int:
        """Open descriptors of one process."""
        return len(list(Path(f"/proc/{self.pid(role)}/fd").iterdir()))

    def holds_in_its_rings(self, what: bytes) -> bool:
        """Whether some ring has these bytes anywhere."""
        folder = Path(f"/proc/{self.child.pid}/fd")
        rings = [fd for fd in folder.iterdir() if "sidecar-ring" in str(fd.readlink())]
        assert rings
        return any(what in fd.read_bytes() for fd in rings)

    # --- what callers do

    def connect(self) -> socket.socket:
        """A caller's connection."""
        return socket.create_connection(("127.0.0.1", self.traffic), timeout=PATIENCE_S)

    def send(self, *pieces: bytes, until: bytes | None = None) -> bytes:
        """Sends raw bytes on one connection; everything that comes back until its end, or until these bytes
        came."""
        with self.connect() as caller:
            for piece in pieces:
                caller.sendall(piece)
            received = b""
            while until is None or until not in received:
                try:
                    more = caller.recv(65536)
                except ConnectionResetError:
                    break
                if not more:
                    break
                received += more
            return received


def request(
    path: str, body: bytes | None = None, *lines: str, method: str | None = None, close: bool = True
) -> bytes:
    """The bytes of a request."""
    head = [f"{method or ('GET' if body is None else 'POST')} {path} HTTP/1.1", "Host: model", *lines]
    if body is not None:
        head.append(f"Content-Length: {len(body)}")
    if close:
        head.append("Connection: close")
    return "\r\n".join([*head, "", ""]).encode() + (body or b"")


def split(answer: bytes) -> tuple[int, list[bytes], bytes]:
    """Status, header lines and the rest of an answer."""
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    return int(first.split(b" ")[1]), lines, body
