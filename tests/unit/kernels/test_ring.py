from __future__ import annotations

import struct

import numpy as np
import pytest

from kernels import ring as kernel
from kernels.atomics import I64
from sidecar.ring import layout
from sidecar.ring.record import Outcome, pack_exchange, pack_pad, pack_piece

EXCHANGE_ROW = {
    "ordinal": kernel.ORDINAL,
    "start_unix_ns": kernel.START_UNIX_NS,
    "forwarded_ns": kernel.FORWARDED_NS,
    "first_byte_ns": kernel.FIRST_BYTE_NS,
    "end_ns": kernel.END_NS,
    "request_body_bytes": kernel.REQUEST_BODY_BYTES,
    "response_body_bytes": kernel.RESPONSE_BODY_BYTES,
    "request_head_bytes": kernel.PART_1,
    "request_inline_bytes": kernel.PART_1 + 1,
    "response_head_bytes": kernel.PART_1 + 2,
    "response_inline_bytes": kernel.PART_1 + 3,
    "status": kernel.STATUS,
    "flags": kernel.FLAGS,
    "outcome": kernel.OUTCOME,
    "trace_flags": kernel.TRACE_FLAGS,
}


def area(*blocks: bytes, size: int = 4096, at: int = 0) -> I64:
    raw = bytearray(size)
    joined = b"".join(blocks)
    raw[at : at + len(joined)] = joined
    words = np.frombuffer(bytes(raw), dtype=np.int64)
    assert not words.flags.writeable
    return words


def scan(words: I64, start: int, limit: int, most: int = 16) -> tuple[I64, int, int]:
    rows = np.zeros((most, kernel.N_COLUMNS), dtype=np.int64)
    state = np.zeros(2, dtype=np.int64)
    n = kernel.scan_records(words, start, limit, rows, state)
    return rows[:n], int(state[0]), int(state[1])


def piece(seq: int, body: bytes) -> bytes:
    size = (layout.PIECE_BYTES + len(body) + 7) & -8
    return (pack_piece(size, 2, 1, layout.RECORD_MAGIC, seq, 5, 6, 7, len(body), b"") + body).ljust(
        size, b"\0"
    )


def test_numbers_are_the_layouts() -> None:
    assert kernel.MAGIC == layout.RECORD_MAGIC
    assert (kernel.EXCHANGE, kernel.REQUEST_PIECE) == (layout.KIND_EXCHANGE, layout.KIND_REQUEST_PIECE)
    assert (kernel.RESPONSE_PIECE, kernel.PAD) == (layout.KIND_RESPONSE_PIECE, layout.KIND_PAD)
    assert (kernel.TUNNEL_UP, kernel.TUNNEL_DOWN) == (layout.KIND_TUNNEL_UP, layout.KIND_TUNNEL_DOWN)
    assert (kernel.EXCHANGE_BYTES, kernel.PIECE_BYTES) == (layout.EXCHANGE_BYTES, layout.PIECE_BYTES)
    assert len(Outcome) == kernel.N_OUTCOMES


def test_every_field_lands_in_its_column() -> None:
    fields = [*layout.RECORD, *layout.EXCHANGE]
    values: dict[str, int] = {f.name: 100 + i for i, f in enumerate(fields) if f.code in "QIHB"}
    values |= {"size": 176, "kind": 1, "magic": layout.RECORD_MAGIC, "outcome": 6}
    values |= {name: 0 for name in EXCHANGE_ROW if name.endswith(("head_bytes", "inline_bytes"))}
    block = bytearray(176)
    for field in fields:
        if field.name in values:
            struct.pack_into("=" + field.code, block, field.offset, values[field.name])
    rows, position, fault = scan(area(bytes(block)), 0, 176)
    assert (len(rows), position, fault) == (1, 176, kernel.FAULT_NONE)
    for name, column in EXCHANGE_ROW.items():
        assert rows[0, column] == values[name], name
    common = ("size", "kind", "writer_epoch", "seq", "exchange_id", "mono_ns")
    assert list(rows[0, 1:7]) == [values[name] for name in common]


@pytest.mark.parametrize("lengths", [(1, 2, 3, 4), (0, 0, 0, 9), (40, 0, 0, 0)])
def test_lengths_land_in_their_columns(lengths: tuple[int, int, int, int]) -> None:
    size = (176 + sum(lengths) + 7) & -8
    head = (size, 1, 1, layout.RECORD_MAGIC, *range(10), 1.0, *[b""] * 5, *lengths, 200, 1, 0, 0, b"")
    rows, _, fault = scan(area(pack_exchange(*head)), 0, size)
    assert fault == kernel.FAULT_NONE
    assert tuple(rows[0, kernel.PART_1 : kernel.PART_1 + 4]) == lengths


def test_padding_is_passed_over_and_the_walk_wraps() -> None:
    first, second = piece(1, b"a" * 16), piece(2, b"b")
    raw = bytearray(4096)
    raw[4096 - 8 - len(first) : 4096 - 8] = first
    raw[4088:] = pack_pad(8, 1)
    raw[: len(second)] = second
    start = 4096 * 3 - 8 - len(first)
    rows, position, fault = scan(np.frombuffer(bytes(raw), dtype=np.int64), start, 4096 * 3 + len(second))
    assert fault == kernel.FAULT_NONE
    assert list(rows[:, kernel.SEQ]) == [1, 2]
    assert list(rows[:, kernel.POSITION]) == [start, 4096 * 3]
    assert list(rows[:, kernel.PIECE_SIZE]) == [16, 1]
    assert position == 4096 * 3 + len(second)


@pytest.mark.parametrize("most", [1, 2, 3])
def test_the_walk_stops_when_its_rows_are_full(most: int) -> None:
    blocks = [piece(seq, b"") for seq in range(3)]
    rows, position, _ = scan(area(*blocks), 0, 144, most)
    assert (len(rows), position) == (most, 48 * most)


def test_nothing_to_read() -> None:
    assert scan(area(), 8, 8)[1:] == (8, kernel.FAULT_NONE)


def test_a_fault_ends_the_walk_where_it_is() -> None:
    rows, position, fault = scan(area(piece(1, b""), b"\0" * 48), 0, 96)
    assert (len(rows), position, fault) == (1, 48, kernel.FAULT_MAGIC)


def test_a_random_area_never_leads_outside() -> None:
    rng = np.random.default_rng(1)
    for _ in range(300):
        raw = bytearray(rng.bytes(512))
        for at in range(0, 512, 8):
            struct.pack_into(
                "=IBBH",
                raw,
                at,
                int(rng.integers(0, 600)),
                int(rng.choice([1, 2, 3, 4, 5, 6, 255])),
                0,
                kernel.MAGIC,
            )
        rows, position, _ = scan(np.frombuffer(bytes(raw), dtype=np.int64), 1024, 1536, 64)
        assert 1024 <= position <= 1536
        for row in rows:
            assert row[kernel.POSITION] + row[kernel.SIZE] <= 1536


def test_release_tail_stores_one_word() -> None:
    header = np.zeros(8, dtype=np.int64)
    kernel.release_tail(header, 3, 77)
    assert list(header) == [0, 0, 0, 77, 0, 0, 0, 0]


def test_feature_rows_claim_before_they_publish() -> None:
    header = np.zeros(kernel.HEADER_WORDS, dtype=np.int64)
    data = np.zeros((4, 2))
    stamps = np.zeros(4, dtype=np.int64)
    assert kernel.push_rows(np.ones((3, 2)), np.array([7, 8, 7]), data, stamps, header) == 3
    assert (header[kernel.HEAD], header[kernel.CLAIMED], header[kernel.TAIL]) == (3, 3, 0)
    assert kernel.peek_rows(data, header) == kernel.waiting_rows(header) == 3
    kernel.take_rows(header, 2)
    assert kernel.push_rows(np.full((9, 2), 2.0), np.arange(9, 18), data, stamps, header) == 3
    assert kernel.peek_rows(data, header) == 2  # up to the area's end
    assert kernel.waiting_rows(header) == 4
    np.testing.assert_array_equal(data[:, 0], [2.0, 2.0, 1.0, 2.0])
    assert stamps.tolist() == [10, 11, 7, 9]


@pytest.mark.parametrize(("claimed", "whole"), [(6, 4), (7, 3), (9, 1), (10, 0), (99, 0)])
def test_rows_being_overwritten_are_left_out(claimed: int, whole: int) -> None:
    header = np.zeros(kernel.HEADER_WORDS, dtype=np.int64)
    data = np.arange(4.0)[:, None].copy()
    header[kernel.HEAD] = header[kernel.TAIL] = 6
    header[kernel.CLAIMED] = claimed
    into = np.full((4, 1), -1.0)
    assert kernel.latest_rows(data, header, into) == whole
    np.testing.assert_array_equal(into[:, 0], [2.0, 3.0, 0.0, 1.0])
