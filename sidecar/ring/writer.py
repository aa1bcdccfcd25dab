"""The writing side of a ring, in plain Python: a worker calls it on its hot path.

Records are gathered in a small private stage and copied into the segment by one pwrite when they are
published: after `flush_ms` by the worker's timer, or when the stage is full. Writing straight into the
mapping costs 2 us for each 4-KiB page of it that this process keeps from being resident (a page fault each
lap, 1.1 us with populating ahead) against 0.4 us for pwrite's second copy; with pwrite a machine without
memory is an error to be counted where a mapping answers with SIGBUS, which ends the worker; and none of the
ring is ever resident here. A record of which the stage holds only one costs a system call of its own in any
case: it goes by the same pwritev straight from where its parts lie, behind what is staged.

A full ring is a counter, never an exception and never a wait.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

from sidecar.ring.counters import GAUGES_AT_START, WORDS, settle_dead_worker
from sidecar.ring.layout import (
    EXCHANGE_BYTES,
    HEADER_BYTES,
    KIND_EXCHANGE,
    PAD_BYTES,
    PIECE_BYTES,
    RECORD_MAGIC,
    word_of,
)
from sidecar.ring.record import NO_SPAN, Outcome, PieceKind, pack_exchange, pack_pad, pack_piece
from sidecar.ring.segment import TAIL, Publication, Segment

STAGE_BYTES: Final = 262_144  # fits a core's second-level cache; one system call for some hundred records

_SEEN: Final = WORDS["seen"]
_RING_FULL: Final = WORDS["ring_full"]
_WRITE_FAILED: Final = WORDS["write_failed"]
_TAP_FAILED: Final = WORDS["tap_failed"]
_PIECES_LOST: Final = WORDS["pieces_lost"]
_HAND_OFFS: Final = WORDS["hand_offs"]


class RingWriter:
    """Writes one worker's records.

    A new writer goes on at the published head, settles what its predecessor lost (`worker_died`) and wakes
    the reader.

    Args:
        segment: the ring; no other writer may be alive.
        hand_off_fd: writing end of a non-blocking pipe to the reader.

    Attributes:
        segment: the ring.
        epoch: how many writers this ring has had, this one included.
    """

    __slots__ = (
        "_base",
        "_direct_bytes",
        "_fd",
        "_hand_off_fd",
        "_head",
        "_limit",
        "_mask",
        "_n_recorded",
        "_n_written",
        "_published",
        "_room_end",
        "_seq",
        "_stage",
        "_stage_bytes",
        "_tag",
        "_words",
        "epoch",
        "segment",
    )

    def __init__(self, segment: Segment, hand_off_fd: int) -> None:
        self.segment = segment
        self._words = words = segment.words
        self._fd = segment.fd
        self._hand_off_fd = hand_off_fd
        self._mask = segment.data_bytes - 1
        self._stage_bytes = min(STAGE_BYTES, segment.data_bytes // 4)
        self._stage = memoryview(bytearray(self._stage_bytes))
        self._direct_bytes = self._stage_bytes // 2
        settle_dead_worker(segment)
        for gauge, value in GAUGES_AT_START.items():
            words[WORDS[gauge]] = value
        words[word_of("writer_pid")] = os.getpid()
        self.epoch = words[word_of("writer_epoch")] = words[word_of("writer_epoch")] + 1
        self._tag = self.epoch & 255
        self._published = segment.read_publication()
        self._head, self._n_recorded, self._n_written = self._published
        self._base = self._head
        self._limit = words[TAIL] + segment.data_bytes
        self._room_end = 0
        self._bound()
        self._seq = self._n_written + sum(words[w] for w in (_RING_FULL, _WRITE_FAILED, _PIECES_LOST))
        self.renotify()

    # --- records

    def try_exchange(
        self,
        exchange_id: int,
        mono_ns: int,
        start_unix_ns: int,
        forwarded_ns: int,
        first_byte_ns: int,
        end_ns: int,
        status: int,
        outcome: Outcome,
        flags: int,
        ratio: float,
        trace_id: bytes,
        span_id: bytes,
        parent_span_id: bytes,
        caller_address: bytes,
        id_high: bytes,
        trace_flags: int,
        request_body_bytes: int,
        response_body_bytes: int,
        request_head: bytes,
        request_body: bytes | memoryview[int],
        response_head: bytes,
        response_body: bytes | memoryview[int],
    ) -> bool:
        """Writes an exchange's final record.

        Args:
            exchange_id: 64 bits, unique in a worker's life.
            mono_ns: now, CLOCK_MONOTONIC.
            start_unix_ns: wall time at which the request's head was complete.
            forwarded_ns: from the start until the head went upstream, 0 when it never did.
            first_byte_ns: from the start until the answer began, 0 when it never did.
            end_ns: from the start until now.
            status: HTTP status the caller got, 0 when none.
            outcome: how it ended.
            flags: of `ExchangeFlag`.
            ratio: sampling ratio that was in force, 0 to 1.
            trace_id: 16 bytes.
            span_id: 8 bytes, the sidecar's span.
            parent_span_id: 8 bytes, the caller's span, or `NO_SPAN`.
            caller_address: 16 bytes, IPv6 or IPv4 as ::ffff:a.b.c.d, or `NO_ADDRESS`.
            id_high: 8 bytes; with the span behind them, the request id of an exchange whose caller sent none.
            trace_flags: 0 to 255.
            request_body_bytes: true size of the request's body.
            response_body_bytes: true size of the response's body.
            request_head: as received.
            request_body: as received, or empty.
            response_head: as received, or empty.
            response_body: as received, or empty.

        Returns:
            False when the ring has no room; that is counted already (`ring_full`).

        Raises:
            struct.error: a number is out of range; nothing was written, and the caller counts it by
                `count_tap_failed`.

        Called by: writer only.
        """
        n_request_head = len(request_head)
        n_request = len(request_body)
        n_response_head = len(response_head)
        n_response = len(response_body)
        size = (EXCHANGE_BYTES + 7 + n_request_head + n_request + n_response_head + n_response) & -8
        if self._head + size > self._room_end and not self._make_room(size):
            self._words[_RING_FULL] += 1
            self._seq += 1
            return False
        ordinal = self._n_recorded + 1
        fixed = pack_exchange(
            size,
            KIND_EXCHANGE,
            self._tag,
            RECORD_MAGIC,
            self._seq,
            exchange_id,
            mono_ns,
            ordinal,
            start_unix_ns,
            forwarded_ns,
            first_byte_ns,
            end_ns,
            request_body_bytes,
            response_body_bytes,
            ratio,
            trace_id,
            span_id,
            parent_span_id,
            caller_address,
            id_high,
            n_request_head,
            n_request,
            n_response_head,
            n_response,
            status,
            flags,
            outcome,
            trace_flags,
            b"",
        )
        parts = (fixed, request_head, request_body, response_head, response_body)
        if size > self._direct_bytes:
            return self._write_directly(parts, size, 1)
        block = b"".join(parts)
        at = self._head - self._base
        self._stage[at : at + len(block)] = block
        self._head += size
        self._seq += 1
        self._n_recorded = ordinal
        self._n_written += 1
        return True

    def try_piece(
        self,
        kind: PieceKind,
        exchange_id: int,
        mono_ns: int,
        body_offset_bytes: int,
        piece: bytes | memoryview[int],
    ) -> bool:
        """Writes a piece of a body or of a tunnel, ahead of its exchange's final record.

        Args:
            kind: which body, or which direction of the tunnel.
            exchange_id: as in the final record.
            mono_ns: when the piece came, CLOCK_MONOTONIC.
            body_offset_bytes: where in the body, or in this direction, it begins.
            piece: its bytes.

        Returns:
            False when the ring has no room; that is counted already (`pieces_lost`).

        Raises:
            struct.error: a number is out of range; nothing was written.

        Called by: writer only.
        """
        size = (PIECE_BYTES + 7 + len(piece)) & -8
        if self._head + size > self._room_end and not self._make_room(size):
            self._words[_PIECES_LOST] += 1
            self._seq += 1
            return False
        fixed = pack_piece(
            size,
            kind,
            self._tag,
            RECORD_MAGIC,
            self._seq,
            exchange_id,
            mono_ns,
            body_offset_bytes,
            len(piece),
            b"",
        )
        if size > self._direct_bytes:
            return self._write_directly((fixed, piece), size, 0)
        at = self._head - self._base
        begin = at + PIECE_BYTES
        self._stage[at:begin] = fixed
        self._stage[begin : begin + len(piece)] = piece  # pieces are long: no copy but this one
        self._head += size
        self._seq += 1
        self._n_written += 1
        return True

    # --- room

    def _make_room(self, size: int) -> bool:
        """Whether a record of this size can go to the head, by padding and publishing if need be.

        Ordering: the tail is loaded before anything is written into the room that it frees, see layout.py.
        """
        data_bytes = self.segment.data_bytes
        to_end = data_bytes - (self._head & self._mask)
        need = size if size <= to_end else to_end + size
        if self._head + need > self._limit:
            self._limit = self._words[TAIL] + data_bytes
            self._bound()
            if self._head + need > self._limit:
                self.publish()  # what waits here is what the reader must take to make room
                return False
        if size > to_end:
            return self._pad(to_end)
        if self._head + size - self._base > self._stage_bytes or to_end == data_bytes:
            return self.publish()  # the stage is full, or ends where the area does
        return True

    def _pad(self, to_end: int) -> bool:
        if self._head + PAD_BYTES - self._base > self._stage_bytes and not self.publish():
            return False
        at = self._head - self._base
        self._stage[at : at + PAD_BYTES] = pack_pad(to_end, self._tag)
        self._head += to_end
        return self._copy_out((self._stage[: at + PAD_BYTES],))

    def _bound(self) -> None:
        """How far records can be staged without asking anything; the stage never crosses the area's end."""
        self._room_end = min(self._limit, (self._base | self._mask) + 1, self._base + self._stage_bytes)

    def _write_directly(self, parts: Sequence[bytes | memoryview[int]], size: int, n_recorded: int) -> bool:
        """Writes what is staged, and behind it a long record straight from its parts."""
        staged = self._stage[: self._head - self._base]
        self._seq += 1
        self._head += size
        self._n_recorded += n_recorded
        self._n_written += 1
        return self._copy_out((staged, *parts))

    # --- publishing

    @property
    def pending_bytes(self) -> int:
        """Bytes written and not yet published. Called by: writer only."""
        return self._head - self._base

    def publish(self) -> bool:
        """Hands what was written to the reader; nothing happens when there is nothing.

        Returns:
            False when the system refused the memory; what was written is counted as lost then
            (`write_failed`).

        Ordering: records, publication, pipe, in this order; see layout.py.

        Called by: writer only, from a timer every `tap.flush_ms` while `pending_bytes` is not 0, and at the
            end.
        """
        return self._head == self._base or self._copy_out((self._stage[: self._head - self._base],))

    def renotify(self) -> None:
        """Wakes the reader again when it has not taken everything: it may be a new one.

        Called by: writer only, from a periodic sweep.
        """
        if self._words[TAIL] != self._published.head:
            self._hand_off(self._published.encode())

    def _copy_out(self, parts: Sequence[bytes | memoryview[int]]) -> bool:
        offset = HEADER_BYTES + (self._base & self._mask)
        try:
            written = os.pwritev(self._fd, parts, offset) == sum([len(part) for part in parts])
        except OSError:
            written = False
        if written:
            self._announce()
        else:
            self._give_up()
        return written

    def _announce(self) -> None:
        self._published = Publication(self._head, self._n_recorded, self._n_written)
        self._base = self._head
        self._bound()
        encoded = self._published.encode()
        self.segment.store_publication(encoded)
        self._hand_off(encoded)

    def _hand_off(self, encoded: bytes) -> None:
        try:
            os.write(self._hand_off_fd, encoded)
        except OSError:  # a full pipe (the reader has not read for long) or none: `renotify` says it again
            return
        self._words[_HAND_OFFS] += 1

    def _give_up(self) -> None:
        """Counts what was staged as lost and goes back to the published head."""
        n_exchanges = self._n_recorded - self._published.n_recorded
        n_pieces = self._n_written - self._published.n_written - n_exchanges
        self._words[_WRITE_FAILED] += n_exchanges
        self._words[_PIECES_LOST] += n_pieces
        self._go_back()

    def _go_back(self) -> None:
        self._head, self._n_recorded, self._n_written = self._published
        self._base = self._head
        self._limit = self._words[TAIL] + self.segment.data_bytes
        self._bound()

    # --- counters

    def count_seen(self) -> None:
        """Counts an exchange whose head was accepted: it must end in `try_exchange` or `count_tap_failed`."""
        self._words[_SEEN] += 1

    def count_tap_failed(self) -> None:
        """Counts an exchange whose final record could not even be attempted."""
        self._words[_TAP_FAILED] += 1


__all__ = ["NO_SPAN", "STAGE_BYTES", "RingWriter"]
