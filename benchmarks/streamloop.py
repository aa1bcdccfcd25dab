"""Open-loop streams: when the first byte of an answer comes, and how long each event was under way.

`python -m benchmarks.streamloop --port P --rate 40 --seconds 5` prints one JSON object.

As in openloop.py requests leave by the clock, and a stream's first byte is counted from when its request was
due. An event carries the time at which the model server sent it (sse_upstream.py), so its delay is measured
by itself: a proxy that holds events back to send several together cannot hide it.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import re
import select
import socket
import struct
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.openloop import open_timer, percentile_us, run_in_real_time
from benchmarks.payloads import JSON_TYPE, N_STREAM_CHUNKS, SMALL_BODY, STREAM_PATH
from benchmarks.sse_upstream import LAST_CHUNK

EVENT = re.compile(rb"data: (\d{3}) (\d{20})\n\n")
PERCENTILES = (50.0, 90.0, 99.0, 99.9)


class BrokenStream(Exception):
    """An answer that is not the stream that was asked for."""


@dataclass(slots=True)
class Stream:
    """One connection and what has come of the stream on it.

    Attributes:
        buffer: received and not yet taken apart.
        n_events: events that came, in order.
        chunked: how the answer is framed; None while its head is incomplete.
    """

    sock: socket.socket
    due_ns: int = 0
    buffer: bytes = b""
    n_events: int = 0
    chunked: bool | None = None

    def begin(self, due_ns: int, message: bytes) -> None:
        """Sends the request."""
        self.due_ns, self.buffer, self.n_events, self.chunked = due_ns, b"", 0, None
        self.sock.sendall(message)  # 400 bytes always fit

    def take(self, data: bytes, now_ns: int) -> list[int]:
        """Takes received bytes; the delays, in nanoseconds, of the events that they complete.

        Raises:
            BrokenStream: "stream: expected ..., got ...".
        """
        self.buffer += data
        if self.chunked is None:
            head, end, rest = self.buffer.partition(b"\r\n\r\n")
            if not end:
                return []
            if not head.startswith(b"HTTP/1.1 200"):
                raise BrokenStream(f"stream: expected status 200, got {head[:40]!r}")
            self.chunked = b"transfer-encoding: chunked" in head.lower()
            self.buffer = rest
        delays, taken = [], 0
        for found in EVENT.finditer(self.buffer):
            if int(found[1]) != self.n_events:
                raise BrokenStream(f"stream: expected event {self.n_events}, got {int(found[1])}")
            self.n_events += 1
            delays.append(now_ns - int(found[2]))
            taken = found.end()
        self.buffer = self.buffer[taken:]
        return delays

    @property
    def complete(self) -> bool:
        """Whether all events and the end of the answer have come."""
        return self.n_events == N_STREAM_CHUNKS and (not self.chunked or self.buffer.endswith(LAST_CHUNK))


class StreamLoop:
    """Asks for streams at a fixed rate over a few connections."""

    def __init__(self, port: int, rate_per_s: float, n_connections: int) -> None:
        head = (
            f"POST {STREAM_PATH} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: {JSON_TYPE}\r\n"
            f"Content-Length: {len(SMALL_BODY)}\r\n\r\n"
        )
        self._message = head.encode() + SMALL_BODY
        self._interval_ns = round(1e9 / rate_per_s)
        self._poll = select.epoll()
        self._streams: dict[int, Stream] = {}
        self._idle: list[Stream] = []
        self._waiting: deque[int] = deque()
        self.first_ns: list[int] = []
        self.delays_ns: list[int] = []
        self.n_streams = self.n_errors = 0
        for _ in range(n_connections):
            sock = socket.create_connection(("127.0.0.1", port), timeout=5.0)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            stream = Stream(sock)
            self._streams[sock.fileno()] = stream
            self._idle.append(stream)
            self._poll.register(sock, select.EPOLLIN)

    def run(self, seconds: float, warmup_s: float) -> None:
        """Asks for `warmup_s + seconds` and waits for the last streams' ends; the warm-up is not counted."""
        timer = open_timer(self._interval_ns)
        self._poll.register(timer, select.EPOLLIN)
        start_ns = time.perf_counter_ns()
        self._count_from_ns = start_ns + int(warmup_s * 1e9)
        n_planned = int((warmup_s + seconds) * 1e9) // self._interval_ns
        give_up_ns = start_ns + int((warmup_s + seconds + 10.0) * 1e9)
        n_due = 0
        while (n_due < n_planned or self._busy()) and time.perf_counter_ns() < give_up_ns:
            for fd, _events in self._poll.poll(0.5):
                if fd == timer:
                    n_now = min(n_planned, n_due + struct.unpack("Q", os.read(timer, 8))[0])
                    self._waiting.extend(
                        start_ns + i * self._interval_ns for i in range(n_due + 1, n_now + 1)
                    )
                    n_due = n_now
                else:
                    self._receive(self._streams[fd])
            while self._waiting and self._idle:
                self._idle.pop().begin(self._waiting.popleft(), self._message)
        self.n_errors += len(self._waiting) + (len(self._streams) - len(self._idle))
        os.close(timer)

    def _busy(self) -> bool:
        return bool(self._waiting) or len(self._idle) < len(self._streams)

    def _receive(self, stream: Stream) -> None:
        data = stream.sock.recv(65536)
        now_ns = time.monotonic_ns()
        if not data:
            raise BrokenStream(
                f"stream: expected {N_STREAM_CHUNKS} events, got its end after {stream.n_events}"
            )
        counted = stream.due_ns >= self._count_from_ns
        if counted and not stream.n_events and not stream.buffer and stream.chunked is None:
            self.first_ns.append(time.perf_counter_ns() - stream.due_ns)
        delays = stream.take(data, now_ns)
        if counted:
            self.delays_ns += delays
        if stream.complete:
            self.n_streams += counted
            self._idle.append(stream)

    def close(self) -> None:
        """Closes the connections."""
        for stream in self._streams.values():
            stream.sock.close()
        self._poll.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the load that the arguments describe and prints what came of it."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.streamloop", description="Open-loop event streams."
    )
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True, help="streams a second")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--warmup", type=float, default=0.5)
    parser.add_argument("--connections", type=int, default=16)
    given = parser.parse_args(arguments)
    loop = StreamLoop(given.port, given.rate, given.connections)
    gc.disable()
    in_real_time = run_in_real_time()
    try:
        loop.run(given.seconds, given.warmup)
    finally:
        loop.close()
    first, delays = sorted(loop.first_ns), sorted(loop.delays_ns)
    result = {
        "rate_per_s": given.rate,
        "requests": loop.n_streams,
        "errors": loop.n_errors,
        "in_real_time": in_real_time,
        **{f"first_p{percent:g}_us": percentile_us(first, percent) for percent in PERCENTILES},
        **{f"event_p{percent:g}_us": percentile_us(delays, percent) for percent in PERCENTILES},
    }
    json.dump(result, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
