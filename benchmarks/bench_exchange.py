"""What one exchange costs a worker beside the kernel: the real connections, exchange, tap and ring over
transports that do nothing. `python -m benchmarks.bench_exchange` prints microseconds an exchange, with heads
that repeat and with fresh ones (a trace and a request id of its own each); `--profile` where they go.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import os
import pstats
import time
from collections.abc import Sequence
from typing import Any

from benchmarks.harness import save
from sidecar.config.load import load_config
from sidecar.log import Log
from sidecar.proxy.downstream import DownstreamConnection
from sidecar.proxy.identity import Identities
from sidecar.proxy.tally import Tally
from sidecar.proxy.tap import Tap
from sidecar.proxy.worker import Worker
from sidecar.ring.layout import word_of
from sidecar.ring.segment import create_ring
from sidecar.ring.writer import RingWriter
from sidecar.upstream.connection import UpstreamConnection

BODY = (
    b'{"inputs":[{"name":"x","shape":[1,20],"datatype":"FP32","data":['
    + b",".join([b"0.1234"] * 20)
    + b"]}]}"
)
HEAD = b"POST /v2/models/m/infer HTTP/1.1\r\nHost: 127.0.0.1:9000\r\nContent-Type: application/json\r\n"
LENGTH = b"Content-Length: %d\r\n\r\n" % len(BODY)
IDS = (
    b"Traceparent: 00-4bf92f3577b34da6a3ce%012x-00f067aa%08x-01\r\n"
    b"X-Request-Id: 6f1c2b9e-7d34-4e0a-9c55-%012x\r\n"
)
ANSWER = b'{"model_name":"m","outputs":[{"name":"y","shape":[1],"datatype":"FP32","data":[0.123456]}]}'
RESPONSE = (
    b"HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Mon, 23 Nov 2026 16:44:06 GMT\r\nContent-Type: "
    b"application/json\r\n"
    b"Content-Length: %d\r\nConnection: keep-alive\r\n\r\n%b" % (len(ANSWER), ANSWER)
)


class Transport:
    """Takes what is written and keeps the last of it."""

    def __init__(self) -> None:
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written = data

    def get_extra_info(self, name: str) -> tuple[str, int] | None:
        return ("127.0.0.1", 1) if name == "peername" else None

    def set_write_buffer_limits(self, high: int) -> None: ...

    def is_closing(self) -> bool:
        return False


class Bench:
    """One caller and one upstream connection of a real worker."""

    def __init__(self) -> None:
        self.ring = create_ring("bench", 1 << 25)
        _, hand_off = os.pipe2(os.O_NONBLOCK)
        writer = RingWriter(self.ring, hand_off)
        log, identities = Log("bench"), Identities(trace_ratio=0.0)
        config = load_config("upstream: http://127.0.0.1:1")
        self.tap = Tap(writer, config, identities, log)
        worker = Worker(config, self.tap, Tally(self.ring), identities, log)
        self.caller: Any = DownstreamConnection(worker)
        self.caller.connection_made(Transport())
        self.upstream: Any = UpstreamConnection(worker.pool, worker.pool._heads, config.limits)
        self.upstream.connection_made(Transport())
        worker.pool.release(self.upstream)

    def run(self, requests: Sequence[bytes]) -> float:
        """Seconds for the exchanges; the ring is emptied now and then, as a reader would."""
        caller, upstream, words, tail = self.caller, self.upstream, self.ring.words, word_of("tail")
        start = time.perf_counter()
        for number, request in enumerate(requests):
            caller.data_received(request)
            upstream.data_received(RESPONSE)
            if not number & 1023:
                self.tap.close()
                words[tail] = self.ring.read_publication().head
        return time.perf_counter() - start

    def check(self) -> None:
        """The answer is the upstream's, and every exchange has its record."""
        assert self.upstream.transport.written.endswith(BODY)
        assert self.caller.transport.written.endswith(ANSWER)
        self.tap.close()
        assert self.ring.read_publication().n_recorded == self.ring.words[word_of("worker_counters")]


def requests_of(n: int, *, fresh: bool) -> list[bytes]:
    """The same request n times, or n of which no two heads are the same."""
    if not fresh:
        return [HEAD + LENGTH + BODY] * n
    return [HEAD + IDS % (number, number, number) + LENGTH + BODY for number in range(1, n + 1)]


async def main(options: argparse.Namespace) -> None:
    bench = Bench()
    rows: list[dict[str, object]] = []
    for what, fresh in (("repeated", False), ("fresh", True)):
        requests = requests_of(options.n, fresh=fresh)
        bench.run(requests[:2000])
        bench.check()
        if options.profile:
            profile = cProfile.Profile()
            profile.runcall(bench.run, requests)
            pstats.Stats(profile).sort_stats("tottime").print_stats(25)
            continue
        n_rounds = 3 if options.quick else 10
        best_us = min(bench.run(requests) / options.n for _ in range(n_rounds)) * 1e6
        print(f"{best_us:.2f} us an exchange, {what} heads, best of {n_rounds} x {options.n}")
        rows.append({"case": f"worker, 200 B, {what} heads, without the kernel", "us": best_us})
    if rows:
        save("exchange", rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("-n", type=int, default=20_000)
    parser.add_argument("--quick", action="store_true", help="three rounds instead of ten")
    asyncio.run(main(parser.parse_args()))
