"""What a record says: kinds, outcomes, flags, and the struct formats that both sides use."""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Final

from sidecar.ring.layout import (
    EXCHANGE,
    KIND_EXCHANGE,
    KIND_PAD,
    KIND_REQUEST_PIECE,
    KIND_RESPONSE_PIECE,
    PIECE,
    RECORD,
    RECORD_MAGIC,
    packing,
)


class Outcome(IntEnum):
    """How an exchange ended."""

    OK = 0  # answered whole, whatever the status
    UPSTREAM_CONNECT = 1  # no connection to the model server
    UPSTREAM_TIMEOUT = 2  # no connection or no answer in time
    UPSTREAM_BROKE = 3  # the answer did not become whole
    CALLER_GONE = 4  # the caller closed before the end
    REJECTED = 5  # the caller's body broke the rules
    OVERLOADED = 6  # too many wait for a connection already


class RecordKind(IntEnum):
    """What a record is."""

    EXCHANGE = KIND_EXCHANGE
    REQUEST_PIECE = KIND_REQUEST_PIECE
    RESPONSE_PIECE = KIND_RESPONSE_PIECE
    PAD = KIND_PAD


class PieceKind(IntEnum):
    """Which body a piece belongs to; the numbers are record kinds."""

    REQUEST = KIND_REQUEST_PIECE
    RESPONSE = KIND_RESPONSE_PIECE


class ExchangeFlag(IntFlag):
    """What else is to be known of an exchange."""

    PAYLOAD_TAKEN = 1  # sampled in: bodies are here or came as pieces
    REQUEST_CUT = 2  # not all of the request's body was taken
    RESPONSE_CUT = 4  # not all of the response's body was taken
    IN_PIECES = 8  # bodies came as pieces before; the inline ones are empty
    OWN_ANSWER = 16  # answered by the sidecar itself
    WHOLE_ANSWER = 32  # the answer came in one piece, so what followed its first byte was the sidecar's time


NO_SPAN: Final = bytes(8)

pack_exchange = packing(RECORD, EXCHANGE).pack
pack_piece = packing(RECORD, PIECE).pack
PAD_FORMAT = packing(RECORD[:4])


def pack_pad(size: int, writer_epoch: int) -> bytes:
    """A padding record's 8 bytes; what follows them up to the area's end is not written.

    Args:
        size: bytes up to the area's end, a multiple of 8, > 0.
        writer_epoch: 0 to 255.

    Returns:
        8 bytes.
    """
    return PAD_FORMAT.pack(size, KIND_PAD, writer_epoch, RECORD_MAGIC)
