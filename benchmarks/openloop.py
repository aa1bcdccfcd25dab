"""Open-loop load: requests leave by the clock, so that a stall counts for every request that it held up.

`python -m benchmarks.openloop --port P --payload small --rate 5000 --seconds 5` prints one JSON object.

Request i is due at start + i / rate. It goes out on an idle connection; when all are busy it waits, and its
latency still counts from the moment it was due (wrk, which waits for an answer before it sends again, would
not have sent it: coordinated omission). The clock is a timerfd: event loops keep time in milliseconds, far
too coarse for thousands of requests a second, and spinning would take the core that the upstream needs. The
loop is plain epoll on non-blocking sockets, so that the generator adds as little as Python can; and it runs
in real time where it may (as root), for callers have machines of their own and do not wait for a core that
the model server or a monitor has. How late it was all the same is reported as `late_p99_us` and bounds what
the other figures can mean.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import os
import select
import socket
import struct
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from benchmarks.payloads import PAYLOADS, Payload

CLOCK_MONOTONIC = 1
TFD_NONBLOCK = os.O_NONBLOCK
HEAD_END = b"\r\n\r\n"
PERCENTILES = (50.0, 90.0, 99.0, 99.9)
SLICE_NS = 500_000_000


def open_timer(interval_ns: int) -> int:
    """A timerfd that fires every `interval_ns`; reading it gives how often it has fired (uint64).

    The standard library has timerfd from Python 3.13 on, hence libc by ctypes.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    fd: int = libc.timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK)
    if fd < 0:
        raise OSError(ctypes.get_errno(), "timerfd_create")
    whole, rest = divmod(interval_ns, 1_000_000_000)
    setting = struct.pack("qqqq", whole, rest, whole, rest)
    if libc.timerfd_settime(fd, 0, ctypes.c_char_p(setting), None) != 0:
        raise OSError(ctypes.get_errno(), "timerfd_settime")
    return fd


@dataclass(slots=True)
class Wire:
    """One connection: what is still to be sent and what is still to be received."""

    sock: socket.socket
    due_ns: int = 0
    unsent: memoryview = field(default_factory=lambda: memoryview(b""))
    head: bytes = b""
    missing_bytes: int = -1  # of the answer's body; -1 while its head is incomplete
    is_right: bool = True  # whether what came so far is the answer expected


class OpenLoop:
    """Sends one payload at a fixed rate over a few connections."""

    def __init__(self, port: int, payload: Payload, rate_per_s: float, n_connections: int) -> None:
        self._message = memoryview(payload.head(f"127.0.0.1:{port}") + payload.body)
        self._answer = payload.answer
        self._interval_ns = max(1, round(1e9 / rate_per_s))
        self._poll = select.epoll()
        self._wires: dict[int, Wire] = {}
        self._idle: list[Wire] = []
        self._waiting: deque[int] = deque()
        self._buffer = bytearray(1 << 20)
        self.latencies_ns: list[int] = []
        self.due_ns: list[int] = []
        self.late_ns: list[int] = []
        self.n_errors = 0
        for _ in range(n_connections):
            sock = socket.create_connection(("127.0.0.1", port), timeout=5.0)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setblocking(False)
            wire = Wire(sock)
            self._wires[sock.fileno()] = wire
            self._idle.append(wire)
            self._poll.register(sock, select.EPOLLIN)

    def run(self, seconds: float, warmup_s: float) -> None:
        """Sends for `warmup_s + seconds` and waits for the last answers; the warm-up is not counted."""
        timer = open_timer(self._interval_ns)
        self._poll.register(timer, select.EPOLLIN)
        start_ns = time.perf_counter_ns()
        self._count_from_ns = start_ns + int(warmup_s * 1e9)
        n_planned = int((warmup_s + seconds) * 1e9) // self._interval_ns
        give_up_ns = start_ns + int((warmup_s + seconds + 10.0) * 1e9)
        n_due = 0
        while (n_due < n_planned or self._busy()) and time.perf_counter_ns() < give_up_ns:
            for fd, events in self._poll.poll(0.5):
                if fd == timer:
                    n_now = min(n_planned, n_due + struct.unpack("Q", os.read(timer, 8))[0])
                    self._waiting.extend(
                        start_ns + i * self._interval_ns for i in range(n_due + 1, n_now + 1)
                    )
                    n_due = n_now
                else:
                    self._on_socket(self._wires[fd], events)
            while self._waiting and self._idle:
                self._send(self._idle.pop(), self._waiting.popleft())
        self.n_errors += len(self._waiting) + (len(self._wires) - len(self._idle))
        os.close(timer)

    def _busy(self) -> bool:
        return bool(self._waiting) or len(self._idle) < len(self._wires)

    def _send(self, wire: Wire, due_ns: int) -> None:
        wire.due_ns = due_ns
        wire.head, wire.missing_bytes = b"", -1
        wire.unsent = self._message
        if due_ns >= self._count_from_ns:
            self.late_ns.append(time.perf_counter_ns() - due_ns)
        self._push(wire)

    def _push(self, wire: Wire) -> None:
        try:
            sent = wire.sock.send(wire.unsent)
        except BlockingIOError:
            sent = 0
        wire.unsent = wire.unsent[sent:]
        self._poll.modify(wire.sock, select.EPOLLIN | (select.EPOLLOUT if wire.unsent else 0))

    def _on_socket(self, wire: Wire, events: int) -> None:
        if events & select.EPOLLOUT:
            self._push(wire)
        if events & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
            n_bytes = wire.sock.recv_into(self._buffer)
            if n_bytes == 0:
                raise ConnectionError("open loop: expected an answer, got the end of the connection")
            self._receive(wire, n_bytes)

    def _receive(self, wire: Wire, n_bytes: int) -> None:
        if wire.missing_bytes < 0:
            head, end, rest = (wire.head + self._buffer[:n_bytes]).partition(HEAD_END)
            if not end:
                wire.head = bytes(head)
                return
            wire.missing_bytes = _body_length(bytes(head))
            wire.is_right = head.startswith(b"HTTP/1.1 200") and wire.missing_bytes == len(self._answer)
        else:
            rest = self._buffer[:n_bytes]
        at = len(self._answer) - wire.missing_bytes
        wire.is_right = wire.is_right and rest == self._answer[at : at + len(rest)]
        wire.missing_bytes -= len(rest)
        if wire.missing_bytes == 0:
            self.n_errors += not wire.is_right
            if wire.due_ns >= self._count_from_ns:
                self.latencies_ns.append(time.perf_counter_ns() - wire.due_ns)
                self.due_ns.append(wire.due_ns)
            self._idle.append(wire)

    def close(self) -> None:
        """Closes the connections."""
        for wire in self._wires.values():
            wire.sock.close()
        self._poll.close()


def _body_length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise ValueError(f"open loop: expected a content-length, got {head[:200]!r}")


def run_in_real_time() -> bool:
    """Puts this thread before all that is not in real time.

    Returns:
        False where that is not allowed.
    """
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except PermissionError:
        return False
    return True


def percentile_us(sorted_ns: Sequence[int], percent: float) -> float:
    """The smallest value that at least `percent` of the values do not exceed, in microseconds."""
    if not sorted_ns:
        return float("nan")
    rank = max(1, -(-int(len(sorted_ns) * percent * 10) // 1000))
    return sorted_ns[min(rank, len(sorted_ns)) - 1] / 1000


def typical_percentile_us(due_ns: Sequence[int], latencies_ns: Sequence[int], percent: float) -> float:
    """The median, over half seconds, of the percentile of what was due in each, in microseconds.

    One stall of the machine moves one half second only, where it would decide a percentile of the whole run;
    what comes more often than once a second moves most of them. A half second with less than half of what
    the fullest one has (the last, when a run ends in its midst) does not count.
    """
    slices: dict[int, list[int]] = {}
    first_ns = min(due_ns, default=0)
    for due, latency in zip(due_ns, latencies_ns, strict=True):
        slices.setdefault((due - first_ns) // SLICE_NS, []).append(latency)
    fullest = max(map(len, slices.values()), default=0)
    found = [percentile_us(sorted(each), percent) for each in slices.values() if 2 * len(each) >= fullest]
    return median(found) if found else float("nan")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the load that the arguments describe and prints what came of it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.openloop", description="Open-loop HTTP load.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--payload", choices=sorted(PAYLOADS), default="small")
    parser.add_argument("--rate", type=float, required=True, help="requests a second")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--warmup", type=float, default=0.5)
    parser.add_argument("--connections", type=int, default=16)
    given = parser.parse_args(arguments)
    loop = OpenLoop(given.port, PAYLOADS[given.payload], given.rate, given.connections)
    gc.disable()
    in_real_time = run_in_real_time()
    try:
        loop.run(given.seconds, given.warmup)
    finally:
        loop.close()
    latencies, late = sorted(loop.latencies_ns), sorted(loop.late_ns)
    result = {
        "rate_per_s": given.rate,
        "requests": len(latencies),
        "errors": loop.n_errors,
        **{f"p{percent:g}_us": percentile_us(latencies, percent) for percent in PERCENTILES},
        "p99_half_s_us": typical_percentile_us(loop.due_ns, loop.latencies_ns, 99.0),
        "late_p50_us": percentile_us(late, 50.0),
        "late_p99_us": percentile_us(late, 99.0),
        "in_real_time": in_real_time,
    }
    json.dump(result, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
