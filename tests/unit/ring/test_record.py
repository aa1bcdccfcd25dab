from __future__ import annotations

from sidecar.ring import record
from sidecar.ring.layout import EXCHANGE_BYTES, PIECE_BYTES
from sidecar.ring.record import ExchangeFlag, Outcome, PieceKind, RecordKind, pack_pad


def test_padding_is_eight_bytes() -> None:
    assert pack_pad(16, 3) == b"\x10\0\0\0\xff\x03\xca\x5e"


def test_sizes_of_the_fixed_parts() -> None:
    assert len(record.pack_piece(48, 2, 1, 0x5ECA, 1, 2, 3, 4, 0, b"")) == PIECE_BYTES
    numbers = (160, 1, 1, 0x5ECA, *range(10), 0.5, b"", b"", b"", b"", b"", 0, 0, 0, 0, 200, 1, 0, 0, b"")
    assert len(record.pack_exchange(*numbers)) == EXCHANGE_BYTES


def test_numbers_are_part_of_the_format() -> None:
    assert [int(outcome) for outcome in Outcome] == [0, 1, 2, 3, 4, 5, 6]
    assert [int(kind) for kind in RecordKind] == [1, 2, 3, 4, 5, 255]
    assert {int(kind) for kind in PieceKind} == {2, 3, 4, 5}
    assert [int(flag) for flag in ExchangeFlag] == [1, 2, 4, 8, 16, 32, 64, 128, 256]
