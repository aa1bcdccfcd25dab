"""Frames: what goes in comes out, and damage is told from a frame that is not whole yet."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.recording.records import (
    FRAME,
    Compared,
    DamagedFrame,
    Exchange,
    Opened,
    Record,
    Reply,
    decode_frame,
    encode_frame,
)

RECORDS: tuple[Record, ...] = (
    Opened(1, "0.1.0", 10**18),
    Exchange(
        2**64 - 1, 1, b"12345678", "POST", "/é", {"a": "\xff"}, b"\x00", Reply(0, {}, b"", 0.1, "broken")
    ),
    Compared(7, "candidate", True, Reply(200, {}, b"y", 0.25)),
)


@pytest.mark.parametrize("record", RECORDS)
def test_what_goes_in_comes_out(record: Record) -> None:
    frame = encode_frame(record)
    assert decode_frame(bytearray(b"before" + frame + b"behind"), 6) == (record, 6 + len(frame))


def test_the_layout_is_the_one_that_is_documented() -> None:
    frame = encode_frame(Opened(1, "0.1.0", 5))
    n_bytes, checksum = struct.unpack("<II", frame[:8])
    assert (n_bytes, checksum) == (len(frame) - 8, zlib.crc32(frame[8:]))
    assert msgspec.msgpack.decode(frame[8:]) == ["opened", 1, "0.1.0", 5]


@pytest.mark.parametrize("kept", [0, 3, 7, 8, 20])
def test_a_frame_that_is_not_whole_yet_is_waited_for(kept: int, exchange: Callable[..., Exchange]) -> None:
    assert decode_frame(bytearray(encode_frame(exchange())[:kept]), 0) is None


def test_a_payload_that_is_no_record_is_damage() -> None:
    payload = msgspec.msgpack.encode({"exchange": 1})
    with pytest.raises(DamagedFrame, match="a record, got another msgpack object"):
        decode_frame(bytearray(FRAME.pack(len(payload), zlib.crc32(payload)) + payload), 0)


@given(place=st.integers(4, 100), bit=st.integers(0, 7))
def test_no_flipped_bit_of_check_sum_or_payload_goes_unseen(place: int, bit: int) -> None:
    frame = bytearray(encode_frame(RECORDS[1]))
    frame[place % (len(frame) - 4) + 4] ^= 1 << bit
    with pytest.raises(DamagedFrame, match="CRC-32"):
        decode_frame(frame, 0)


def test_an_impossible_length_is_damage_and_not_waited_for() -> None:
    with pytest.raises(DamagedFrame, match="at most"):
        decode_frame(bytearray(FRAME.pack(2**31, 0)), 0)
