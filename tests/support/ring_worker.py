"""A worker process for the ring's integration tests: writes exchanges whose content follows from their
number.

    python -m tests.support.ring_worker SEGMENT_FD PIPE_FD COUNT PACED

COUNT 0 means until killed. A paced worker waits for room (no real one does), so that most records arrive;
every tenth stretch is written without looking, so that some are lost.
"""

from __future__ import annotations

import os
import random
import sys
import time
import zlib

from sidecar.ring.counters import read_counter
from sidecar.ring.record import NO_ADDRESS, NO_SPAN, Outcome, PieceKind
from sidecar.ring.segment import TAIL, Segment
from sidecar.ring.writer import RingWriter

PATTERN = random.Random(7).randbytes(4096)
STRETCH = 10_000
SPAN = bytes(8)
TRACE = bytes(16)


def body_of(number: int) -> bytes:
    """0 to 255 bytes, mostly different from its neighbours'."""
    mixed = number * 2654435761 & 0xFFFFFFFF
    return PATTERN[mixed >> 21 : (mixed >> 21) + (mixed & 0xFF)]


def write(writer: RingWriter, number: int) -> None:
    body = body_of(number)
    writer.count_seen()
    if not number % 64:
        writer.try_piece(PieceKind.RESPONSE, number, 1, 0, body)
    check = zlib.crc32(body, number & 0xFFFFFFFF).to_bytes(4, "big")
    ids = (TRACE, SPAN, NO_SPAN, NO_ADDRESS, SPAN)
    writer.try_exchange(number, 1, 2, 3, 4, 5, 200, Outcome.OK, 1, 1.0, *ids, 0, 6, 7, b"", body, check, b"")


def main(segment_fd: int, pipe_fd: int, count: int, paced: bool) -> None:
    segment = Segment.attach(segment_fd)
    writer = RingWriter(segment, pipe_fd)
    words, most = segment.words, segment.data_bytes // 2
    first = read_counter(segment, "seen") + 1
    head = writer.segment.read_publication().head
    for number in range(first, first + count if count else sys.maxsize):
        write(writer, number)
        if not number % 128:
            if not number % 1024:
                writer.publish()
                writer.renotify()
            head = segment.read_publication().head
            if paced and number // STRETCH % 10:
                while head + writer.pending_bytes - words[TAIL] > most:
                    writer.publish()
                    writer.renotify()
                    head = segment.read_publication().head
                    os.sched_yield()
    writer.publish()
    while words[TAIL] != segment.read_publication().head:  # a sweep, as a worker has one
        writer.renotify()
        time.sleep(0.001)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "paced")
