"""A monitor process for the ring's integration tests: reads, settles and releases until killed.

    python -m tests.support.ring_monitor SEGMENT_FD PIPE_FD RELEASE_FIRST

With RELEASE_FIRST it does it in the wrong order, so that a kill loses records that nobody has settled.
"""

from __future__ import annotations

import select
import sys

from sidecar.ring.entry import ExchangeRecord
from sidecar.ring.reader import RingReader
from sidecar.ring.segment import Segment


def main(segment_fd: int, pipe_fd: int, release_first: bool) -> None:
    reader = RingReader(Segment.attach(segment_fd), pipe_fd)
    while True:
        select.select([pipe_fd], [], [])
        reader.drain()
        while batch := reader.read_batch(37):
            exchanges = [record for record in batch if isinstance(record, ExchangeRecord)]
            if release_first:
                reader.release()
            for record in exchanges:
                reader.settle(record, "sampled_out" if record.ordinal % 3 else "failed")
            reader.release()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "release_first")
