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
    KIND_TUNNEL_DOWN,
    KIND_TUNNEL_UP,
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
    TUNNEL_UP = KIND_TUNNEL_UP
    TUNNEL_DOWN = KIND_TUNNEL_DOWN
    PAD = KIND_PAD


class PieceKind(IntEnum):
    """Which body, or which direction of a tunnel, a piece belongs to; the numbers are record kinds."""

    REQUEST = KIND_REQUEST_PIECE
    RESPONSE = KIND_RESPONSE_PIECE
    TUNNEL_UP = KIND_TUNNEL_UP  # from the caller to the upstream
    TUNNEL_DOWN = KIND_TUNNEL_DOWN  # from the upstream to the caller


class ExchangeFlag(IntFlag):
    """What else is to be known of an exchange."""

    PAYLOAD_TAKEN = 1  # sampled in: bodies are here or came as pieces
    REQUEST_CUT = 2  # not all of the request's body was taken
    RESPONSE_CUT = 4  # not all of the response's body was taken
    IN_PIECES = 8  # bodies came as pieces before; the inline ones are empty
    OWN_ANSWER = 16  # answered by the sidecar itself
    WHOLE_ANSWER = 32  # the answer came in one piece, so what followed its first byte was the sidecar's time
    EXCLUDED = 64  # the route's policy forbids analysing the payload
    NO_MIRROR = 128  # the route's policy forbids copies to shadows
    TUNNEL = 256  # it became a tunnel: WebSocket, or an HTTP/2 connection


NO_SPAN: Final = bytes(8)
NO_ADDRESS: Final = bytes(16)

pack_exchange: Final = packing(RECORD, EXCHANGE).pack
pack_piece: Final = packing(RECORD, PIECE).pack
PAD_FORMAT: Final = packing(RECORD[:4])


def pack_pad(size: int, writer_epoch: int) -> bytes:
    """A padding record's 8 bytes; what follows them up to the area's end is not written.

    Args:
        size: bytes up to the area's end, a multiple of 8, > 0.
        writer_epoch: 0 to 255.

    Returns:
        8 bytes.
    """
    return PAD_FORMAT.pack(size, KIND_PAD, writer_epoch, RECORD_MAGIC)
