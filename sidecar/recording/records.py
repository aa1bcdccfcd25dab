"""What a segment holds, and how it is laid out.

A segment is a gzip file. Decompressed it is a row of frames, each

    u32  length of the payload, little-endian
    u32  CRC-32 of the payload
    ...  payload: one msgpack array, its first element the kind of the record

The first frame is `Opened`. A segment that was not closed (its writer was killed) ends anywhere; what comes
before its end is whole. Version 1; a reader refuses other versions.
"""

from __future__ import annotations

import struct
import zlib
from typing import Final

import msgspec

VERSION: Final = 1
FRAME: Final = struct.Struct("<II")
MOST_RECORD_BYTES: Final = 1 << 30  # a length beyond it is damage


class Opened(msgspec.Struct, frozen=True, array_like=True, tag="opened"):
    """The first record of a segment.

    Args:
        version: of the layout.
        sidecar: the version of the software that wrote it.
        unix_ns: when it was opened.
    """

    version: int
    sidecar: str
    unix_ns: int


class Reply(msgspec.Struct, frozen=True, array_like=True):
    """One server's answer, or what kept it from coming.

    Args:
        status: 0 when none came.
        headers: lower-case names.
        body: without its transfer coding.
        latency_s: from the request's begin to the body's end.
        failure: `connect`, `timeout`, `broken` or `too_long`; None when the answer is whole.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    latency_s: float
    failure: str | None = None


class Exchange(msgspec.Struct, frozen=True, array_like=True, tag="exchange"):
    """A request with the primary's answer.

    Args:
        number: the exchange's 64-bit number.
        start_unix_ns: when its first byte came.
        span_id: of the primary's span, 8 bytes.
        method: upper case.
        target: as the caller sent it.
        headers: of the request, lower-case names, without credentials.
        body: of the request, without its transfer coding.
        primary: the primary's answer.
    """

    number: int
    start_unix_ns: int
    span_id: bytes
    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    primary: Reply


class Compared(msgspec.Struct, frozen=True, array_like=True, tag="compared"):
    """An answer that was compared with the primary's, in the order of the comparisons.

    Args:
        number: of the exchange.
        shadow: whose comparison it belongs to.
        again: whether it is the primary's, asked a second time.
        reply: the answer.
    """

    number: int
    shadow: str
    again: bool
    reply: Reply


Record = Opened | Exchange | Compared

_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(Record)


class DamagedFrame(ValueError):
    """The bytes are no frame; the message says in what way."""


def encode_frame(record: Record) -> bytes:
    """A record as it stands in a segment, before compression.

    Args:
        record: any.

    Returns:
        Its frame.
    """
    payload = _ENCODER.encode(record)
    return FRAME.pack(len(payload), zlib.crc32(payload)) + payload


def decode_frame(waiting: bytearray, offset: int) -> tuple[Record, int] | None:
    """The frame at an offset.

    Args:
        waiting: decompressed bytes.
        offset: where the frame begins.

    Returns:
        The record and where the next frame begins; None when this one is not whole yet.

    Raises:
        DamagedFrame: the length is impossible, the check sum is not that of the payload, or the payload is no
            record.
    """
    if len(waiting) - offset < FRAME.size:
        return None
    n_bytes, checksum = FRAME.unpack_from(waiting, offset)
    if n_bytes > MOST_RECORD_BYTES:
        raise DamagedFrame(f"a record of at most {MOST_RECORD_BYTES} bytes, got {n_bytes}")
    begin = offset + FRAME.size
    end = begin + n_bytes
    if len(waiting) < end:
        return None
    payload = bytes(memoryview(waiting)[begin:end])
    if zlib.crc32(payload) != checksum:
        raise DamagedFrame(f"CRC-32 {checksum:08x}, got {zlib.crc32(payload):08x}")
    try:
        return _DECODER.decode(payload), end
    except msgspec.DecodeError as exc:  # of ValidationError, too
        raise DamagedFrame(f"a record, got another msgpack object ({exc})") from None
