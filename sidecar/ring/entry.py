"""What the reader hands out: records as objects, their bodies still in the ring."""

from __future__ import annotations

import struct

from sidecar.ring.layout import EXCHANGE, EXCHANGE_BYTES, PIECE_BYTES
from sidecar.ring.record import ExchangeFlag, Outcome, PieceKind

_AT = {field.name: field.offset for field in EXCHANGE}
_OUTCOMES = tuple(Outcome)
_PIECE_KINDS: dict[int, PieceKind] = {int(kind): kind for kind in PieceKind}
_UNSIGNED = (1 << 64) - 1
_REAL = struct.Struct("=d")


class ExchangeRecord:
    """An exchange's final record. What is a memoryview lies in the ring and is valid until the reader's
    `release`.

    Attributes:
        position, size_bytes, writer_epoch, seq, exchange_id, mono_ns, ordinal, start_unix_ns, forwarded_ns,
        first_byte_ns, end_ns, request_body_bytes, response_body_bytes, status, flags, outcome, trace_flags:
            as in `sidecar.ring.layout`.
        already_settled: a reader that was killed has counted it; it must not be counted again.
    """

    __slots__ = (
        "_area",
        "_flags",
        "_n_request",
        "_n_request_head",
        "_n_response",
        "_n_response_head",
        "_offset",
        "already_settled",
        "end_ns",
        "exchange_id",
        "first_byte_ns",
        "forwarded_ns",
        "mono_ns",
        "ordinal",
        "outcome",
        "position",
        "request_body_bytes",
        "response_body_bytes",
        "seq",
        "size_bytes",
        "start_unix_ns",
        "status",
        "trace_flags",
        "writer_epoch",
    )

    def __init__(self, area: memoryview[int], row: list[int], already_settled: bool) -> None:
        (
            self.position,
            self.size_bytes,
            _,
            self.writer_epoch,
            self.seq,
            exchange_id,
            self.mono_ns,
            self.ordinal,
            self.start_unix_ns,
            self.forwarded_ns,
            self.first_byte_ns,
            self.end_ns,
            self.request_body_bytes,
            self.response_body_bytes,
            self._n_request_head,
            self._n_request,
            self._n_response_head,
            self._n_response,
            self.status,
            self._flags,
            outcome,
            self.trace_flags,
        ) = row
        self.exchange_id = exchange_id & _UNSIGNED
        self.outcome = _OUTCOMES[outcome]
        self.already_settled = already_settled
        self._area = area
        self._offset = self.position & (len(area) - 1)

    def _take(self, start: int, n_bytes: int) -> memoryview[int]:
        begin = self._offset + start
        return self._area[begin : begin + n_bytes]

    @property
    def flags(self) -> ExchangeFlag:
        """What else is to be known of the exchange."""
        return ExchangeFlag(self._flags)

    def has(self, flags: int) -> bool:
        """Whether any of these flags is set; quicker than `flags`, which makes an enumeration member.

        Args:
            flags: of `ExchangeFlag`, as an int.
        """
        return bool(self._flags & flags)

    @property
    def ratio(self) -> float:
        """Sampling ratio that was in force, 0 to 1."""
        ratio: float = _REAL.unpack_from(self._area, self._offset + _AT["ratio"])[0]
        return ratio

    @property
    def trace_id(self) -> bytes:
        """W3C trace id, 16 bytes."""
        return bytes(self._take(_AT["trace_id"], 16))

    @property
    def span_id(self) -> bytes:
        """The sidecar's span, 8 bytes."""
        return bytes(self._take(_AT["span_id"], 8))

    @property
    def parent_span_id(self) -> bytes:
        """The caller's span, 8 bytes; zeros when there is none."""
        return bytes(self._take(_AT["parent_span_id"], 8))

    @property
    def caller_address(self) -> bytes:
        """The caller's address, 16 bytes: IPv6, or IPv4 as ::ffff:a.b.c.d; zeros when there is none."""
        return bytes(self._take(_AT["caller_address"], 16))

    @property
    def own_request_id(self) -> bytes:
        """The request id that was made for it, 16 bytes; in force when the caller sent none."""
        return bytes(self._take(_AT["id_high"], 8)) + self.span_id

    @property
    def request_head(self) -> memoryview[int]:
        """The request's head as it was received."""
        return self._take(EXCHANGE_BYTES, self._n_request_head)

    @property
    def request_body(self) -> memoryview[int]:
        """The request's body, empty when it was not taken or came as pieces."""
        return self._take(EXCHANGE_BYTES + self._n_request_head, self._n_request)

    @property
    def response_head(self) -> memoryview[int]:
        """The response's head, empty when there was none."""
        return self._take(EXCHANGE_BYTES + self._n_request_head + self._n_request, self._n_response_head)

    @property
    def response_body(self) -> memoryview[int]:
        """The response's body, empty when it was not taken or came as pieces."""
        before = self._n_request_head + self._n_request + self._n_response_head
        return self._take(EXCHANGE_BYTES + before, self._n_response)


class PieceRecord:
    """A piece of a body or of a tunnel, ahead of its exchange's final record.

    Attributes:
        position, size_bytes, writer_epoch, seq, exchange_id, mono_ns, body_offset_bytes: as in
            `sidecar.ring.layout`.
        kind: which body, or which direction of the tunnel.
    """

    __slots__ = (
        "_area",
        "_n_bytes",
        "body_offset_bytes",
        "exchange_id",
        "kind",
        "mono_ns",
        "position",
        "seq",
        "size_bytes",
        "writer_epoch",
    )

    def __init__(self, area: memoryview[int], row: list[int]) -> None:
        self.position, self.size_bytes, kind, self.writer_epoch, self.seq, exchange_id, self.mono_ns = row[:7]
        self.exchange_id = exchange_id & _UNSIGNED
        self.body_offset_bytes = row[7]
        self._n_bytes = row[8]
        self.kind = _PIECE_KINDS[kind]
        self._area = area

    @property
    def piece(self) -> memoryview[int]:
        """Its bytes, valid until the reader's `release`."""
        begin = (self.position & (len(self._area) - 1)) + PIECE_BYTES
        return self._area[begin : begin + self._n_bytes]


Record = ExchangeRecord | PieceRecord
