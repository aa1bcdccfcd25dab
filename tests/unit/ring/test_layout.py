from __future__ import annotations

import struct
from pathlib import Path

import pytest

from sidecar.ring.layout import (
    COUNTER_SLOTS,
    EXCHANGE,
    EXCHANGE_BYTES,
    HEADER,
    HEADER_BYTES,
    LINE_BYTES,
    PIECE,
    PIECE_BYTES,
    PUBLICATION,
    RECORD,
    RECORD_BYTES,
    Field,
    offset_of,
    packing,
    word_of,
)
from tests.support.ring_tables import BEGIN, END, tables_markdown

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "record-format.md"


def width(field: Field) -> int:
    return struct.calcsize("=" + field.code)


@pytest.mark.parametrize(
    ("table", "start", "end"),
    [
        (PUBLICATION, 0, 32),
        (RECORD, 0, RECORD_BYTES),
        (EXCHANGE, RECORD_BYTES, EXCHANGE_BYTES),
        (PIECE, RECORD_BYTES, PIECE_BYTES),
    ],
)
def test_tables_have_no_gap_and_no_overlap(table: tuple[Field, ...], start: int, end: int) -> None:
    at = start
    for field in table:
        assert field.offset == at, field.name
        at += width(field)
    assert at == end
    assert end % 8 == 0


@pytest.mark.parametrize("table", [HEADER, PUBLICATION, RECORD, EXCHANGE, PIECE])
def test_numbers_are_aligned(table: tuple[Field, ...]) -> None:
    for field in table:
        if not field.code.endswith("s"):
            assert field.offset % width(field) == 0, field.name


def test_header_fields_do_not_overlap_and_fit_a_page() -> None:
    ends = 0
    for field in HEADER:
        assert field.offset >= ends, field.name
        ends = field.offset + width(field)
    assert ends <= HEADER_BYTES
    assert 8 * COUNTER_SLOTS == 256


def test_owners_share_no_cache_line() -> None:
    owners = {
        "supervisor": ("magic", "version", "layout_hash", "data_bytes", "name"),
        "worker": (
            "generation",
            "writer_pid",
            "writer_epoch",
            "publication_0",
            "publication_1",
            "worker_counters",
        ),
        "monitor": ("tail", "reader_pid", "reader_epoch", "monitor_counters", "payload_ratio", "level"),
    }
    by_name = {field.name: field for field in HEADER}
    assert sorted(name for names in owners.values() for name in names) == sorted(by_name)
    lines = {
        owner: {
            line
            for name in names
            for line in range(
                by_name[name].offset // LINE_BYTES,
                (by_name[name].offset + width(by_name[name]) - 1) // LINE_BYTES + 1,
            )
        }
        for owner, names in owners.items()
    }
    assert not lines["supervisor"] & lines["worker"]
    assert not lines["worker"] & lines["monitor"]
    assert not lines["supervisor"] & lines["monitor"]


def test_places_by_name() -> None:
    assert offset_of("tail") == 512
    assert word_of("tail") == 64
    with pytest.raises(KeyError):
        offset_of("nothing")
    assert packing(RECORD, PIECE).size == PIECE_BYTES


def test_the_document_shows_these_tables() -> None:
    text = DOCUMENT.read_text()
    assert text[text.index(BEGIN) + len(BEGIN) : text.index(END)].strip() == tables_markdown().strip()
