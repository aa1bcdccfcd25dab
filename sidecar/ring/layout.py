"""Where every byte of a segment lies, and why both sides may trust what they see.

A segment is one page of header and a data area, a power of two in size, that holds records one behind the
other:

    page 0   identity line | publication line | worker's counters | reader line | monitor's counters | control
    line page 1.. data: position p (never wrapping, 64 bits) lies at offset p & (size - 1)

What one process writes shares no cache line (128 bytes: Apple's and two of Intel's) with what another one
writes. All numbers are little-endian; other machines are refused by the magic number.

Ordering, on x86-64 and arm64. The writer is plain CPython, whose stores are no releases, so on arm64 another
core may see a head before the bytes in front of it. Therefore:

1. The reader believes in no head that lies in memory. It believes in positions that came through the hand-off
   pipe: the writer copies its records into the segment (pwrite), then stores the publication, then writes the
   pipe; the kernel's lock on the pipe is released by the writer's system call and acquired by the reader's,
   so whatever the writer stored before is seen by the reader after. A memory word with a fence in a C
   extension would be faster by less than a system call per 20 ms, and would cost us a compiler at
   installation.
2. The reader stores the tail with release ordering (kernels.atomics): its loads of the records end before the
   writer can see their room as free. The writer loads the tail plainly; that its later stores into the room
   cannot pass that load is a control dependency (stores are not speculated), kept by both architectures, and
   pwrite is far behind the branch.
3. A counter is one aligned 8-byte word with one owner; memoryview's "q" stores it with one instruction.
   Readers of counters need no order among them but where accounting() says so, and it is safe there without
   one.
4. A process that dies (kill -9) leaves all that it stored, in program order, since one instruction is done or
   not done and the kernel orders its end before whatever its successor does. So a successor may read the
   publication from memory. It is kept twice: the writer fills the slot not in force, then flips `generation`,
   one word. A kill at any moment leaves one whole publication, without any belief in the width of a copy: C
   libraries copy 16 bytes with one or with many instructions.
5. The publication is stored before the pipe is written. Were it the other way round, a kill between the two
   would let the reader pass the head at which the next writer goes on.
"""

from __future__ import annotations

import struct
import zlib
from typing import Final, NamedTuple


class Field(NamedTuple):
    """One row of a byte table; `code` is the struct module's letter, `offset` is from the object's start."""

    name: str
    offset: int
    code: str
    meaning: str


HEADER_BYTES: Final = 4096  # one page, so that the data area may be mapped by itself
LINE_BYTES: Final = 128
MAGIC = int.from_bytes(b"SIDERING", "little")
VERSION: Final = 2
LEAST_DATA_BYTES: Final = 4096
MOST_DATA_BYTES: Final = 1 << 30  # a record's size and its parts' lengths are 32-bit numbers

COUNTER_SLOTS: Final = 32

HEADER = (
    Field("magic", 0, "q", "`SIDERING`, little-endian"),
    Field("version", 8, "q", "of this table, 2"),
    Field("layout_hash", 16, "q", "CRC-32 of all byte tables; both sides must agree"),
    Field("data_bytes", 24, "q", "size of the data area, a power of two"),
    Field("name", 32, "64s", "the segment's name, UTF-8, padded with zeros"),
    Field("generation", 128, "q", "the publication in force is slot `generation & 1`"),
    Field("writer_pid", 136, "q", "process id of the last writer"),
    Field("writer_epoch", 144, "q", "how many writers there have been"),
    Field("publication_0", 160, "32s", "publication, see below"),
    Field("publication_1", 192, "32s", "publication, see below"),
    Field("worker_counters", 256, "256s", "32 words of 8 bytes, written by the worker only"),
    Field("tail", 512, "q", "position of the oldest byte that is still in use; stored with release ordering"),
    Field("reader_pid", 520, "q", "process id of the last reader"),
    Field("reader_epoch", 528, "q", "how many readers there have been"),
    Field("monitor_counters", 640, "256s", "32 words of 8 bytes, written by the monitor only"),
    Field(
        "payload_ratio",
        896,
        "d",
        "share of exchanges whose payload is taken, 0 to 1; written by the monitor only",
    ),
    Field("level", 904, "q", "the monitor's level of service, 0 is full; written by the monitor only"),
)

PUBLICATION = (
    Field("head", 0, "q", "position behind the last published record"),
    Field("n_recorded", 8, "q", "final records before `head`, from the ring's beginning"),
    Field("n_written", 16, "q", "records of all kinds but padding before `head`"),
    Field("check", 24, "q", "exclusive or of the three and of the magic number"),
)

RECORD = (
    Field("size", 0, "I", "bytes up to the next record, a multiple of 8"),
    Field(
        "kind",
        4,
        "B",
        "1 exchange; pieces: 2 of a request, 3 of a response, 4 of a tunnel from the caller, 5 of one "
        "from the upstream; 255 padding up to the area's end",
    ),
    Field(
        "writer_epoch", 5, "B", "`writer_epoch` of the header, lowest 8 bits: another one means a new writer"
    ),
    Field("magic", 6, "H", "0x5ECA"),
    Field("seq", 8, "Q", "consecutive over attempts: a gap of n means that n records found no room"),
    Field("exchange_id", 16, "Q", "ties pieces to their exchange; unique in a worker's life"),
    Field("mono_ns", 24, "Q", "when the record was written, CLOCK_MONOTONIC"),
)

EXCHANGE = (
    Field("ordinal", 32, "Q", "1, 2, 3 ...: number of this final record in the ring"),
    Field("start_unix_ns", 40, "Q", "wall time at which the request's head was complete"),
    Field("forwarded_ns", 48, "Q", "from the start until the head went upstream; 0 when it never did"),
    Field("first_byte_ns", 56, "Q", "from the start until the answer began; 0 when it never did"),
    Field("end_ns", 64, "Q", "from the start until all was over"),
    Field("request_body_bytes", 72, "Q", "true size of the request's body, whatever was taken of it"),
    Field("response_body_bytes", 80, "Q", "true size of the response's body, whatever was taken of it"),
    Field("ratio", 88, "d", "sampling ratio in force when the exchange began"),
    Field("trace_id", 96, "16s", "W3C trace id"),
    Field("span_id", 112, "8s", "the sidecar's span"),
    Field("parent_span_id", 120, "8s", "the caller's span, zeros when there is none"),
    Field(
        "caller_address",
        128,
        "16s",
        "IPv6, or IPv4 as ::ffff:a.b.c.d; zeros when there is none",
    ),
    Field("id_high", 144, "8s", "with `span_id` behind it, the request id given to a caller who sent none"),
    Field("request_head_bytes", 152, "I", "length of the first part"),
    Field("request_inline_bytes", 156, "I", "length of the second part, the request's body"),
    Field("response_head_bytes", 160, "I", "length of the third part"),
    Field("response_inline_bytes", 164, "I", "length of the fourth part, the response's body"),
    Field("status", 168, "H", "HTTP status the caller got, 0 when none"),
    Field("flags", 170, "H", "see flags"),
    Field("outcome", 172, "B", "see outcomes"),
    Field("trace_flags", 173, "B", "W3C trace flags"),
    Field("reserved", 174, "2s", "zeros"),
)

PIECE = (
    Field(
        "body_offset_bytes",
        32,
        "Q",
        "where in the body, or in the tunnel's direction, it begins",
    ),
    Field("piece_bytes", 40, "I", "length of the piece"),
    Field("reserved", 44, "4s", "zeros"),
)

RECORD_BYTES: Final = 32
EXCHANGE_BYTES: Final = 176
PIECE_BYTES: Final = 48
PAD_BYTES: Final = 8
RECORD_MAGIC: Final = 0x5ECA

KIND_EXCHANGE: Final = 1
KIND_REQUEST_PIECE: Final = 2
KIND_RESPONSE_PIECE: Final = 3
KIND_TUNNEL_UP: Final = 4
KIND_TUNNEL_DOWN: Final = 5
KIND_PAD: Final = 255

LAYOUT_HASH = zlib.crc32(repr((HEADER, PUBLICATION, RECORD, EXCHANGE, PIECE)).encode())


def offset_of(name: str) -> int:
    """Where a header field begins.

    Args:
        name: as in `HEADER`.

    Returns:
        Bytes from the segment's beginning.

    Raises:
        KeyError: no such field.
    """
    return _HEADER_OFFSETS[name]


def word_of(name: str) -> int:
    """Which 8-byte word of the segment a header field begins with.

    Args:
        name: as in `HEADER`; the field must be 8-byte aligned, as all are.

    Returns:
        Index into the header seen as 512 words.

    Raises:
        KeyError: no such field.
    """
    return _HEADER_OFFSETS[name] // 8


def packing(*tables: tuple[Field, ...]) -> struct.Struct:
    """The struct format of tables that lie one behind the other without gaps."""
    return struct.Struct("=" + "".join(field.code for table in tables for field in table))


_HEADER_OFFSETS = {field.name: field.offset for field in HEADER}
