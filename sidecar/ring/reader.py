"""The reading side of a ring: the monitor drains it in batches.

    drain()        takes the writer's hand-offs from the pipe
    read_batch()   records, in order, lying in the ring
    settle()       counts what became of an exchange
    release()      gives the room back

**Why a kill at any moment loses no count.** Final records are numbered 1, 2, 3 ... (ordinals). Each adds one
to exactly one settling counter, and a reader settles before it releases. So if a dead reader's counters add
up to k, then k exchanges are settled, whichever; its successor begins at the stored tail and takes ordinals
up to k as settled already (`already_settled`), and all others count once. Should the tail have been released
beyond k (whoever releases before he settles), the ordinals between are nowhere; the successor sees it by the
first ordinal it reads, or, where nothing is left to read, by the number of final records in the publication,
and settles them as `monitor_died`. In both cases the sum of the counters comes out as the number of published
final records once the ring is empty.

**What cannot be read** (a scribble over the ring, a fault of the machine) is skipped up to the handed-off
head, where a record begins for certain, and the exchanges in it are settled as `corrupt`: their number is
known, from ordinals.
"""

from __future__ import annotations

import os
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from kernels import ring as kernel
from sidecar.ring.counters import WORDS, Fate, settled_by_monitor
from sidecar.ring.entry import ExchangeRecord, PieceRecord, Record
from sidecar.ring.layout import word_of
from sidecar.ring.segment import PUBLICATION_BYTES, TAIL, Publication, Segment, parse_publications

BATCH_RECORDS = 512
FORGET_BYTES = 1 << 20  # pages are given back in steps, each one system call
_PIPE_BYTES = 2048 * PUBLICATION_BYTES

_FAULTS = {
    kernel.FAULT_SIZE: "size",
    kernel.FAULT_MAGIC: "magic number",
    kernel.FAULT_KIND: "kind",
    kernel.FAULT_PARTS: "lengths",
}


class RingReader:
    """Reads one worker's records.

    Args:
        segment: the ring; no other reader may be alive.
        hand_off_fd: reading end of the pipe from the writer, non-blocking.

    Attributes:
        segment: the ring.
        last_fault: what could not be read last, one line for the log; empty when nothing.

    Raises:
        RingError: the header's publication is unreadable.
    """

    def __init__(self, segment: Segment, hand_off_fd: int) -> None:
        self.segment = segment
        self.last_fault = ""
        self._fd = hand_off_fd
        self._words = words = segment.words
        self._header: NDArray[np.int64] = np.frombuffer(words, dtype=np.int64)
        self._area: NDArray[np.int64] = np.frombuffer(segment.data, dtype=np.int64)
        self._area.flags.writeable = False
        self._rows = np.empty((BATCH_RECORDS, kernel.N_COLUMNS), dtype=np.int64)
        self._state = np.zeros(2, dtype=np.int64)
        words[word_of("reader_pid")] = os.getpid()
        words[word_of("reader_epoch")] += 1
        self._position = words[TAIL]
        self._forgotten = self._position & -FORGET_BYTES
        self._next_ordinal = settled_by_monitor(segment) + 1
        self._next_seq = -1  # not known before the first record
        self._gap: Literal["monitor_died", "corrupt"] = "monitor_died"
        self._handed = Publication(self._position, 0, 0)
        published = segment.read_publication()
        if published.head == self._position:  # nothing to read, so nothing is believed of the area
            self._handed = published
            self._reach(published.n_recorded + 1)

    def fileno(self) -> int:
        """The pipe's reading end, for a selector or an event loop."""
        return self._fd

    @property
    def waiting_bytes(self) -> int:
        """Bytes handed off and not yet read."""
        return self._handed.head - self._position

    # --- reading

    def drain(self) -> bool:
        """Takes all hand-offs from the pipe.

        Returns:
            Whether there is something to read.

        Called by: reader only, when the pipe is readable or from time to time.
        """
        while True:
            try:
                received = os.read(self._fd, _PIPE_BYTES)
            except BlockingIOError:
                break
            self._take_hand_offs(received)
            if len(received) < _PIPE_BYTES:
                break
        return self._position < self._handed.head

    def _take_hand_offs(self, received: bytes) -> None:
        best, n_bad = parse_publications(received)
        if best is not None and best.head - self._words[TAIL] > self.segment.data_bytes:
            best, n_bad = None, n_bad + 1
        if n_bad:
            self._note_fault("hand-off", n_bad)
        if best is not None and best.head > self._handed.head:
            self._handed = best

    def read_batch(self, most: int = BATCH_RECORDS) -> list[Record]:
        """The next records of what has been handed off, in order.

        Args:
            most: at most so many, 1 to `BATCH_RECORDS`.

        Returns:
            Records that lie in the ring until `release`; empty when there is nothing more (or nothing
            readable).

        Called by: reader only.
        """
        handed = self._handed
        if self._position >= handed.head:
            return []
        n = kernel.scan_records(self._area, self._position, handed.head, self._rows[:most], self._state)
        fault = _FAULTS.get(int(self._state[1]), "")
        self._position = int(self._state[0])
        records: list[Record] = []
        for row in self._rows[:n].tolist():
            record = self._build(row)
            if record is None:
                fault = "ordinal"
                break
            records.append(record)
        self._words[WORDS["records_read"]] += len(records)
        if fault:
            self._note_fault(fault, 1)
            self._position = handed.head
            self._gap = "corrupt"
            self._next_seq = -1
        if self._position == handed.head:
            self._reach(handed.n_recorded + 1)
        return records

    def _build(self, row: list[int]) -> Record | None:
        data = self.segment.data
        kind = row[kernel.KIND]
        if kind == kernel.EXCHANGE:
            ordinal = row[kernel.ORDINAL]
            if not 0 < ordinal <= self._handed.n_recorded:
                return None
            settled = ordinal < self._next_ordinal
            if not settled:
                self._reach(ordinal)
                self._next_ordinal = ordinal + 1
            self._follow(row[kernel.SEQ])
            return ExchangeRecord(data, row, settled)
        self._follow(row[kernel.SEQ])
        return PieceRecord(data, row)

    def _follow(self, seq: int) -> None:
        if seq != self._next_seq and self._next_seq >= 0:
            self._words[WORDS["records_missing"]] += max(0, seq - self._next_seq)
        self._next_seq = seq + 1

    def _reach(self, ordinal: int) -> None:
        """Settles what lies between the last ordinal and this one: no reader will see it again."""
        n_lost = ordinal - self._next_ordinal
        if n_lost > 0:
            self._words[WORDS[self._gap]] += n_lost
            self._next_ordinal = ordinal
        self._gap = "corrupt"  # a first gap is a predecessor's; one in what we have read ourselves is not

    def _note_fault(self, what: str, n: int) -> None:
        self._words[WORDS["faults"]] += n
        self.last_fault = f"ring {self.segment.name}: position {self._position}: {what} is unreadable"

    # --- settling and releasing

    def settle(self, record: ExchangeRecord, fate: Fate) -> None:
        """Counts what became of an exchange, unless a predecessor did so.

        Args:
            record: each one handed out must be settled once, and before `release`.
            fate: the counter.

        Called by: reader only.
        """
        if not record.already_settled:
            self._words[WORDS[fate]] += 1

    def release(self) -> None:
        """Gives back the room of all records handed out; their memoryviews are invalid from now on.

        Ordering: a release store, behind the loads of the records and behind the settling counters.

        Called by: reader only.
        """
        if self._position != self._words[TAIL]:
            kernel.release_tail(self._header, TAIL, self._position)
        if self._position - self._forgotten >= FORGET_BYTES:
            self._forget()

    def _forget(self) -> None:
        """Keeps what has been read from being counted as resident here."""
        data_bytes = self.segment.data_bytes
        end = self._position & -FORGET_BYTES
        while self._forgotten < end and data_bytes > FORGET_BYTES:
            start = self._forgotten & (data_bytes - 1)
            stop = min(data_bytes, start + end - self._forgotten)
            self.segment.forget_pages(start, stop)
            self._forgotten += stop - start
        self._forgotten = end
