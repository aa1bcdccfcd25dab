"""How many exchanges a second the monitor takes from record to window: the real intake and statistics over a
ring that is filled between measurements. 20-feature V2 JSON requests with one output. `python -m
benchmarks.bench_monitor [--quick] [--profile]`.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import random
import time
from typing import Any

from benchmarks.harness import save
from sidecar.board import Board
from sidecar.clock import SystemClock
from sidecar.config.address import TcpUpstream
from sidecar.config.load import load_config
from sidecar.log import Log
from sidecar.monitor.intake import Intake
from sidecar.monitor.statistician import Statistician
from sidecar.monitor.subjects import Subjects
from sidecar.monitor.traffic import TrafficMeters
from sidecar.ring.counters import accounting
from sidecar.ring.reader import RingReader
from sidecar.ring.record import NO_ADDRESS, NO_SPAN, ExchangeFlag, Outcome
from sidecar.ring.segment import create_ring
from sidecar.ring.writer import RingWriter

FEATURES = 20
FILL = 10_000
FLAGS = int(ExchangeFlag.PAYLOAD_TAKEN | ExchangeFlag.WHOLE_ANSWER)


def request(generator: random.Random) -> tuple[bytes, bytes]:
    """Head and body of a V2 request with fresh numbers."""
    values = ",".join(f"{generator.gauss(0, 1):.6f}" for _ in range(FEATURES))
    body = (
        f'{{"inputs":[{{"name":"x","shape":[1,{FEATURES}],"datatype":"FP32","data":[{values}]}}]}}'.encode()
    )
    head = b"POST /v2/models/m/infer HTTP/1.1\r\nHost: m\r\nContent-Type: application/json\r\n"
    return head + b"Content-Length: %d\r\n\r\n" % len(body), body


def response(generator: random.Random) -> tuple[bytes, bytes]:
    """Head and body of its answer."""
    value = f"{generator.random():.6f}"
    body = (
        '{"model_name":"m","model_version":"1","outputs":[{"name":"y","shape":[1],"datatype":"FP32",'
        f'"data":[{value}]}}]}}'
    ).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(
        body
    ), body


class Bench:
    """One ring, filled by hand, and the monitor's two halves run in turn on this thread."""

    def __init__(self) -> None:
        config = load_config("reference: {auto_rows: 2000}")
        log, clock = Log("bench", "json"), SystemClock()
        self.ring = create_ring("bench", 1 << 25)
        reading, writing = os.pipe2(os.O_NONBLOCK)
        self.writer = RingWriter(self.ring, writing)
        self.board = Board(1)
        self.subjects = Subjects(config, None, lambda: self.statistician._turn())
        self.statistician = Statistician(self.subjects, clock, None, 1e9, dict, log)
        readers = [RingReader(self.ring, reading)]
        meters = TrafficMeters(TcpUpstream("m", 1))
        self.intake = Intake(readers, self.subjects, meters, lambda _span: True, clock, log, 1 << 22)
        generator = random.Random(1)
        self.messages = [(*request(generator), *response(generator)) for _ in range(1000)]
        self.n_sent = 0

    def fill(self, n: int) -> None:
        """Writes and publishes n records, as a worker would: each begun now."""
        for number in range(n):
            head, body, answer_head, answer = self.messages[number % len(self.messages)]
            self.writer.count_seen()
            assert self.writer.try_exchange(
                *(
                    self.n_sent,
                    time.monotonic_ns(),
                    time.time_ns(),
                    1000,
                    2000,
                    3000,
                    200,
                    Outcome.OK,
                    FLAGS,
                    1.0,
                    b"t" * 16,
                    b"s" * 8,
                    NO_SPAN,
                    NO_ADDRESS,
                    NO_SPAN,
                    0,
                ),
                *(len(body), len(answer), head, body, answer_head, answer),
            )
            self.n_sent += 1
        self.writer.publish()

    def take(self) -> float:
        """Seconds to take all that waits in the ring."""
        start = time.perf_counter()
        self.intake._turn()
        self.statistician._turn()
        return time.perf_counter() - start

    def check(self) -> None:
        """Every exchange was analysed, and its rows are in the window."""
        found = accounting([self.ring])
        assert found["analysed"] == found["seen"] == self.n_sent
        assert [subject.rows for subject in self.subjects.all()] == [self.n_sent] * 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="three rounds instead of ten")
    parser.add_argument("--profile", action="store_true", help="where the time goes, instead of figures")
    options = parser.parse_args()
    bench = Bench()
    bench.fill(FILL)
    bench.take()
    bench.check()
    if options.profile:
        bench.fill(FILL)
        profile = cProfile.Profile()
        profile.runcall(bench.take)
        pstats.Stats(profile).sort_stats("tottime").print_stats(30)
        return
    seconds = []
    for _ in range(3 if options.quick else 10):
        bench.fill(FILL)
        seconds.append(bench.take())
    bench.check()
    rows: list[dict[str, Any]] = [
        {
            "case": "record to window, 20 features, V2 JSON",
            "us": min(seconds) / FILL * 1e6,
            "per_s": FILL / min(seconds),
        }
    ]
    for row in rows:
        print(f"{row['case']:50} {row['us']:8.2f} us an exchange {row['per_s']:12,.0f} exchanges/s")
    save("monitor", rows)


if __name__ == "__main__":
    main()
