"""Microseconds a record of the ring's two sides, and records a second from process to process.

    python -m benchmarks.bench_ring [--quick] [--json FILE]

Every case first reads back what it wrote. Beside the writer stand the copy alone (the bytes joined and put
into a private buffer: what no ring could do without) and a pipe (one system call a record: what one would use
without a ring). The cost of keeping the ring from being resident is shown beside writing through the mapping
without that.
"""

from __future__ import annotations

import argparse
import json
import mmap
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness import RESULTS, Row, Timing, assert_same, load, measure, pin, print_table, save
from sidecar.ring.entry import ExchangeRecord
from sidecar.ring.layout import EXCHANGE_BYTES, HEADER_BYTES
from sidecar.ring.reader import RingReader
from sidecar.ring.record import NO_ADDRESS, NO_SPAN, Outcome
from sidecar.ring.segment import TAIL, Segment
from sidecar.ring.writer import RingWriter

RING_BYTES = 1 << 25
BATCH = 1000
SIZES = {"200 B": (60, 100), "8 KB": (300, 4000)}  # heads and bodies, each twice
TRACE = bytes(range(16))
SPAN = bytes(range(8))


class Ring:
    """A ring with both ends in this process."""

    def __init__(self) -> None:
        self.segment = Segment.create("bench", RING_BYTES)
        self.read_fd, self.write_fd = os.pipe2(os.O_NONBLOCK)
        self.writer = RingWriter(self.segment, self.write_fd)
        self.reader = RingReader(self.segment, self.read_fd)

    def write(self, n: int, head: bytes, body: bytes) -> None:
        write = self.writer.try_exchange
        n_body = len(body)
        for i in range(n):
            write(
                i,
                i,
                i,
                1,
                2,
                3,
                200,
                Outcome.OK,
                1,
                1.0,
                TRACE,
                SPAN,
                NO_SPAN,
                NO_ADDRESS,
                SPAN,
                1,
                n_body,
                n_body,
                head,
                body,
                head,
                body,
            )
        self.writer.publish()

    def read(self) -> int:
        n = 0
        self.reader.drain()
        while batch := self.reader.read_batch():
            for record in batch:
                if isinstance(record, ExchangeRecord):
                    self.reader.settle(record, "analysed")
                    n += 1
            self.reader.release()
        return n

    def skip(self) -> None:
        """Lets the writer believe that all was read."""
        self.segment.words[TAIL] = self.segment.read_publication().head
        os.read(self.read_fd, 65536)


def write_rows(name: str, head: bytes, body: bytes) -> list[Row]:
    """The writer, the bare copy and a pipe."""
    ring = Ring()
    ring.write(BATCH, head, body)
    assert_same(f"write {name}", ring.read(), BATCH)

    def write() -> None:
        ring.write(BATCH, head, body)
        ring.skip()

    fixed, stage = bytes(EXCHANGE_BYTES), memoryview(bytearray(1 << 18))

    def copy() -> None:
        for _ in range(BATCH):
            block = b"".join((fixed, head, body, head, body))
            stage[: len(block)] = block

    read_fd, write_fd = os.pipe()

    def pipe() -> None:
        for _ in range(BATCH):
            os.write(write_fd, b"".join((fixed, head, body, head, body)))
            os.read(read_fd, 65536)

    cases: list[tuple[str, Callable[[], None]]] = [
        ("ring", write),
        ("copy alone", copy),
        ("pipe, both ends", pipe),
    ]
    return [
        Row(
            f"write {name}, {what}",
            measure(case).per(BATCH),
            "ns/record",
            {"record_bytes": EXCHANGE_BYTES + 2 * len(head + body)},
        )
        for what, case in cases
    ]


def read_row(name: str, head: bytes, body: bytes) -> Row:
    """Draining, settling and releasing; the writer's time is taken off."""
    ring = Ring()
    n_records = 4 * BATCH if len(body) < 1000 else BATCH
    times: list[float] = []
    for _ in range(12):
        ring.write(n_records, head, body)
        start_ns = time.perf_counter_ns()
        assert_same(f"read {name}", ring.read(), n_records)
        times.append((time.perf_counter_ns() - start_ns) / n_records)
    times = sorted(times[2:])
    return Row(
        f"read {name}", Timing(times[0], times[len(times) // 2], times[-1], 1, len(times)), "ns/record"
    )


def resident_rows() -> list[Row]:
    """4-KiB pages written round and round a mapping, with and without giving them back, and by pwrite."""
    fd = os.memfd_create("bench")
    os.ftruncate(fd, HEADER_BYTES + RING_BYTES)
    mapped = mmap.mmap(fd, HEADER_BYTES + RING_BYTES)
    page = bytes(4096)
    stage = bytes(1 << 18)
    places = range(HEADER_BYTES, HEADER_BYTES + RING_BYTES, 4096)

    def through_mapping() -> None:
        for place in places:
            mapped[place : place + 4096] = page

    def given_back() -> None:
        for place in places:
            mapped[place : place + 4096] = page
            if not (place + 4096 - HEADER_BYTES) % (1 << 20):
                mapped.madvise(mmap.MADV_DONTNEED, place + 4096 - (1 << 20), 1 << 20)

    def by_pwrite() -> None:
        for place in range(HEADER_BYTES, HEADER_BYTES + RING_BYTES, len(stage)):
            os.pwrite(fd, stage, place)

    cases = (
        ("mapping", through_mapping),
        ("mapping, given back by MiB", given_back),
        ("pwrite by 256 KiB", by_pwrite),
    )
    return [
        Row(f"4 KiB page, {what}", measure(case, repeats=5, n_calls=1).per(len(places)), "ns/page")
        for what, case in cases
    ]


def process_row(name: str, head: bytes, body: bytes, n: int) -> Row:
    """A writing process and this one, as fast as both go; the writer waits for room, as no worker does."""
    segment = Segment.create("bench", RING_BYTES)
    read_fd, write_fd = os.pipe2(os.O_NONBLOCK)
    command = [sys.executable, "-m", "benchmarks.bench_ring", "--child"]
    command += [str(value) for value in (segment.fd, write_fd, n, len(head), len(body))]
    reader = RingReader(segment, read_fd)
    with subprocess.Popen(command, pass_fds=[segment.fd, write_fd]) as child:
        select.select([read_fd], [], [])
        start_ns = time.perf_counter_ns()
        n_read = 0
        while n_read < n:
            select.select([read_fd], [], [], 1.0)
            reader.drain()
            while batch := reader.read_batch():
                for record in batch:
                    if isinstance(record, ExchangeRecord):
                        reader.settle(record, "analysed")
                n_read += len(batch)
                reader.release()
        each_ns = (time.perf_counter_ns() - start_ns) / n
        child.wait()
    assert_same(f"processes {name}", segment.read_publication().n_recorded, n_read)
    return Row(f"process to process {name}", Timing(each_ns, each_ns, each_ns, n, 1), "ns/record")


def write_as_child(segment_fd: int, pipe_fd: int, n: int, n_head: int, n_body: int) -> None:
    """The writing process of `process_row`."""
    segment = Segment.attach(segment_fd)
    ring = Ring.__new__(Ring)
    ring.segment, ring.writer = segment, RingWriter(segment, pipe_fd)
    head, body = b"h" * n_head, b"b" * n_body
    for _ in range(n // BATCH):
        ring.write(BATCH, head, body)
        while segment.used_bytes > RING_BYTES // 2:
            os.sched_yield()
    while segment.used_bytes:
        ring.writer.renotify()
        time.sleep(0.001)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer records from process to process")
    parser.add_argument(
        "--json", type=Path, help="where to store the result instead of benchmarks/results/ring.json"
    )
    parser.add_argument("--child", nargs=5, type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        write_as_child(*options.child)
        return 0
    rows: list[Row] = []
    n = 100_000 if options.quick else 500_000
    for name, (n_head, n_body) in SIZES.items():  # before pinning: the child must have the other core
        rows.append(process_row(name, b"h" * n_head, b"b" * n_body, n if n_body < 1000 else n // 5))
    pin()
    for name, (n_head, n_body) in SIZES.items():
        rows += write_rows(name, b"h" * n_head, b"b" * n_body)
        rows.append(read_row(name, b"h" * n_head, b"b" * n_body))
    rows += resident_rows()
    lines = [[row.name, f"{row.timing.best_ns:.0f}", f"{row.timing.median_ns:.0f}", row.unit] for row in rows]
    print_table(("case", "best", "median", "unit"), lines)
    _store([row.to_json() for row in rows], options.json)
    return 0


def _store(rows: list[dict[str, Any]], target: Path | None) -> None:
    if target is None:
        save("ring", rows, folder=RESULTS)
        return
    path = save(target.stem, rows, folder=target.parent)
    if path != target:
        target.write_text(json.dumps(load(path), indent=1) + "\n", encoding="utf-8")
        path.unlink()


if __name__ == "__main__":
    sys.exit(main())
