"""A segment with its pipe, and short ways to write and settle exchanges."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from sidecar.ring.counters import Fate
from sidecar.ring.entry import ExchangeRecord, Record
from sidecar.ring.reader import RingReader
from sidecar.ring.record import NO_ADDRESS, NO_SPAN, ExchangeFlag, Outcome
from sidecar.ring.segment import Segment
from sidecar.ring.writer import RingWriter


class Pair:
    """One segment and its hand-off pipe, as the supervisor holds them."""

    def __init__(self, data_bytes: int) -> None:
        self.segment = Segment.create("pair", data_bytes)
        self.read_fd, self.write_fd = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def writer(self) -> RingWriter:
        return RingWriter(self.segment, self.write_fd)

    def reader(self) -> RingReader:
        return RingReader(self.segment, self.read_fd)


@contextmanager
def ring_pair(data_bytes: int = 65536) -> Iterator[Pair]:
    pair = Pair(data_bytes)
    try:
        yield pair
    finally:
        os.close(pair.read_fd)
        os.close(pair.write_fd)
        os.close(pair.segment.fd)  # readers' arrays still hold the mapping


def write_exchange(
    writer: RingWriter,
    number: int,
    request_body: bytes = b"",
    response_body: bytes = b"",
    request_head: bytes = b"",
    response_head: bytes = b"",
    outcome: Outcome = Outcome.OK,
    flags: int = int(ExchangeFlag.PAYLOAD_TAKEN),
) -> bool:
    """Sees and records an exchange whose fields all differ and follow from its number."""
    writer.count_seen()
    return writer.try_exchange(
        number,
        number + 1,
        number + 2,
        number + 3,
        number + 4,
        number + 5,
        200 + number % 300,
        outcome,
        flags,
        0.25,
        number.to_bytes(16, "big"),
        number.to_bytes(8, "big"),
        NO_SPAN,
        NO_ADDRESS,
        NO_SPAN,
        1,
        number + 6,
        number + 7,
        request_head,
        request_body,
        response_head,
        response_body,
    )


def read_all(reader: RingReader, fate: Fate | None = "analysed") -> list[Record]:
    """Drains the ring without releasing, settling every exchange as told."""
    records: list[Record] = []
    reader.drain()
    while reader.waiting_bytes:
        batch = reader.read_batch()
        records += batch
        for record in batch:
            if fate is not None and isinstance(record, ExchangeRecord):
                reader.settle(record, fate)
    return records


def resident_bytes(pair: Pair) -> int:
    """What of this segment's mapping the kernel counts as resident here."""
    inode = f" {os.fstat(pair.segment.fd).st_ino} "
    total, ours = 0, False
    with open("/proc/self/smaps") as lines:  # noqa: PTH123
        for line in lines:
            if line[0] in "0123456789abcdef" and "-" in line.split()[0]:
                ours = inode in line
            elif ours and line.startswith("Rss:"):
                total += int(line.split()[1]) * 1024
    return total
