"""Two real processes on one segment: order and content of a million records, and deaths of either side."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sidecar.ring.counters import accounting, read_counter, settled_by_monitor
from sidecar.ring.entry import ExchangeRecord, PieceRecord
from sidecar.ring.reader import RingReader
from sidecar.ring.segment import TAIL
from tests.support.ring_pair import Pair, ring_pair
from tests.support.ring_worker import body_of

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 200.0


@contextmanager
def child(module: str, pair: Pair, pipe_fd: int, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [
        sys.executable,
        "-m",
        f"tests.support.{module}",
        str(pair.segment.fd),
        str(pipe_fd),
        *arguments,
    ]
    process = subprocess.Popen(command, cwd=ROOT, pass_fds=[pair.segment.fd, pipe_fd])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def until(condition: Callable[[], bool], what: str) -> None:
    deadline_s = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline_s, what
        os.sched_yield()


class Checker:
    """Reads on, and checks every record's place in the sequence and its content."""

    def __init__(self, reader: RingReader) -> None:
        self.reader = reader
        self.n_exchanges = 0
        self.n_pieces = 0
        self.n_missing = 0
        self.next_seq = 0
        self.last_id = 0

    def take(self) -> None:
        reader = self.reader
        select.select([reader.fileno()], [], [], 0.05)
        reader.drain()
        while batch := reader.read_batch():
            for record in batch:
                assert record.seq >= self.next_seq
                self.n_missing += record.seq - self.next_seq
                self.next_seq = record.seq + 1
                if isinstance(record, PieceRecord):
                    assert bytes(record.piece) == body_of(record.exchange_id)
                    self.n_pieces += 1
                else:
                    self._check(record)
            reader.release()

    def _check(self, record: ExchangeRecord) -> None:
        self.n_exchanges += 1
        assert record.ordinal == self.n_exchanges
        assert record.exchange_id > self.last_id
        self.last_id = record.exchange_id
        body = record.request_body
        assert body == body_of(record.exchange_id)
        assert zlib.crc32(body, record.exchange_id & 0xFFFFFFFF) == int.from_bytes(
            record.response_head, "big"
        )
        self.reader.settle(record, "analysed")


@pytest.mark.slow
def test_a_million_records_keep_order_and_content() -> None:
    count = 1_000_000
    with ring_pair(1 << 20) as pair, child("ring_worker", pair, pair.write_fd, str(count), "paced") as worker:
        checker = Checker(pair.reader())
        while worker.poll() is None:
            checker.take()
        checker.take()
        assert worker.returncode == 0
        n_full = read_counter(pair.segment, "ring_full")
        n_lost = n_full + read_counter(pair.segment, "pieces_lost")
        n_attempts = count + count // 64
        assert checker.n_exchanges == count - n_full
        assert checker.n_missing + (n_attempts - checker.next_seq) == n_lost
        assert checker.n_exchanges > count // 2
        account = accounting([pair.segment])
        assert (account["seen"], account["analysed"], account["in_flight"]) == (count, checker.n_exchanges, 0)
        assert read_counter(pair.segment, "faults") == 0


def test_a_killed_writer_is_replaced() -> None:
    with ring_pair(1 << 20) as pair:
        checker = Checker(pair.reader())
        for round_ in range(1, 6):
            with child("ring_worker", pair, pair.write_fd, "0", "paced") as worker:
                enough = checker.n_exchanges + 7919 * round_
                deadline_s = time.monotonic() + DEADLINE_S
                while checker.n_exchanges < enough:
                    assert time.monotonic() < deadline_s
                    checker.take()
                worker.kill()
                worker.wait()
        with child("ring_worker", pair, pair.write_fd, "1000", "paced") as worker:
            while worker.poll() is None:
                checker.take()
        checker.take()
        account = accounting([pair.segment])
        dropped = account["dropped"]
        assert account["in_flight"] == 0
        assert account["analysed"] == checker.n_exchanges
        assert account["seen"] == checker.n_exchanges + dropped["ring_full"] + dropped["worker_died"]
        assert checker.last_id == account["seen"]
        n_lost = dropped["ring_full"] + read_counter(pair.segment, "pieces_lost")
        assert checker.n_missing == n_lost  # no loss behind the last record, which a calm worker wrote
        assert read_counter(pair.segment, "faults") == 0


@pytest.mark.slow
@pytest.mark.parametrize("order", ["settle_first", "release_first"])
def test_a_killed_reader_is_replaced(order: str) -> None:
    with ring_pair(1 << 20) as pair, child("ring_worker", pair, pair.write_fd, "0", "paced") as worker:
        for round_ in range(1, 4):
            with child("ring_monitor", pair, pair.read_fd, order) as monitor:
                enough = settled_by_monitor(pair.segment) + 4001 * round_
                until(lambda enough=enough: settled_by_monitor(pair.segment) >= enough, "reader")  # type: ignore[misc]
                monitor.kill()
                monitor.wait()
            account = accounting([pair.segment])
            assert account["in_flight"] >= 0
        worker.kill()
        worker.wait()
        reader = pair.reader()
        successor = pair.writer()
        successor.renotify()
        reader.drain()
        while reader.waiting_bytes:
            for record in reader.read_batch():
                if isinstance(record, ExchangeRecord):
                    reader.settle(record, "analysed")
            reader.release()
        account = accounting([pair.segment])
        assert account["in_flight"] == 0
        assert settled_by_monitor(pair.segment) == pair.segment.read_publication().n_recorded
        assert account["dropped"]["corrupt"] == 0
        assert order == "release_first" or account["dropped"]["monitor_died"] == 0
        assert read_counter(pair.segment, "faults") == 0


def test_a_stopped_reader_costs_records_never_time() -> None:
    count = 200_000
    with ring_pair(1 << 16) as pair:
        reader = pair.reader()
        with child("ring_worker", pair, pair.write_fd, str(count), "unpaced"):
            until(lambda: read_counter(pair.segment, "seen") == count, "the writer waited for its reader")
            until(lambda: pair.segment.read_publication().head > pair.segment.words[TAIL], "publication")
            checker = Checker(reader)
            until(lambda: checker.take() is None and accounting([pair.segment])["in_flight"] == 0, "rest")
        account = accounting([pair.segment])
        assert account["analysed"] == checker.n_exchanges > 0
        assert account["dropped"]["ring_full"] == count - checker.n_exchanges
