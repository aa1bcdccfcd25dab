from __future__ import annotations

import os
import struct
from collections.abc import Sequence

import pytest

from sidecar.ring.counters import COUNTERS, WORDS, accounting, read_counter
from sidecar.ring.entry import ExchangeRecord, PieceRecord
from sidecar.ring.layout import EXCHANGE_BYTES, PIECE_BYTES
from sidecar.ring.record import PieceKind
from sidecar.ring.segment import PUBLICATION_BYTES, TAIL, Publication, parse_publications
from sidecar.ring.writer import RingWriter
from tests.support.ring_pair import Pair, read_all, resident_bytes, ring_pair, write_exchange


def handed(pair: Pair) -> Publication | None:
    return parse_publications(os.read(pair.read_fd, 65536))[0]


def test_nothing_is_seen_before_it_is_published() -> None:
    with ring_pair() as pair:
        writer, reader = pair.writer(), pair.reader()
        assert write_exchange(writer, 1, b"body")
        assert writer.pending_bytes == EXCHANGE_BYTES + 8
        assert not reader.drain()
        assert writer.publish()
        assert writer.pending_bytes == 0
        assert reader.drain()
        assert len(read_all(reader)) == 1


def test_publish_hands_the_same_bytes_to_the_header_and_the_pipe() -> None:
    with ring_pair() as pair:
        writer = pair.writer()
        write_exchange(writer, 1)
        writer.try_piece(PieceKind.REQUEST, 2, 3, 0, b"p")
        writer.publish()
        expected = Publication(EXCHANGE_BYTES + PIECE_BYTES + 8, 1, 2)
        assert pair.segment.read_publication() == expected
        assert handed(pair) == expected
        writer.publish()  # nothing new, nothing said
        with pytest.raises(BlockingIOError):
            os.read(pair.read_fd, 1)
        assert read_counter(pair.segment, "hand_offs") == 1


def test_renotify_says_it_again_until_the_reader_has_taken_it() -> None:
    with ring_pair() as pair:
        writer = pair.writer()
        writer.renotify()
        write_exchange(writer, 1)
        writer.publish()
        writer.renotify()
        assert len(os.read(pair.read_fd, 65536)) == 2 * PUBLICATION_BYTES
        pair.segment.words[TAIL] = EXCHANGE_BYTES
        writer.renotify()
        with pytest.raises(BlockingIOError):
            os.read(pair.read_fd, 1)


def test_a_full_pipe_loses_nothing() -> None:
    with ring_pair(1 << 20) as pair:
        writer, reader = pair.writer(), pair.reader()
        for number in range(1, 3001):
            write_exchange(writer, number)
            writer.publish()
        assert read_counter(pair.segment, "hand_offs") < 3000
        first = read_all(reader)
        reader.release()
        writer.renotify()
        rest = read_all(reader)
        assert [r.exchange_id for r in [*first, *rest]] == list(range(1, 3001))


def test_a_full_ring_is_counted_and_recovers() -> None:
    with ring_pair(4096) as pair:
        writer, reader = pair.writer(), pair.reader()
        written = [write_exchange(writer, number, b"x" * 80) for number in range(1, 41)]
        assert written == [True] * 16 + [False] * 24  # 16 records of 256 bytes
        assert read_counter(pair.segment, "ring_full") == 24
        assert [r.seq for r in read_all(reader)] == list(range(16))
        assert not write_exchange(writer, 41, b"x" * 80)  # read but not released
        reader.release()
        assert write_exchange(writer, 42, b"x" * 80)
        writer.publish()
        record = read_all(reader)[0]
        assert isinstance(record, ExchangeRecord)
        assert (record.seq, record.ordinal, record.exchange_id) == (41, 17, 42)
        assert read_counter(pair.segment, "records_missing") == 25
        assert accounting([pair.segment])["in_flight"] == 0


def test_a_piece_without_room_is_counted_apart() -> None:
    with ring_pair(4096) as pair:
        writer = pair.writer()
        assert not writer.try_piece(PieceKind.RESPONSE, 1, 1, 0, b"x" * 5000)
        assert (read_counter(pair.segment, "pieces_lost"), read_counter(pair.segment, "ring_full")) == (1, 0)


@pytest.mark.parametrize("body", [0, 1, 7, 8, 3936, 3937, 3938, 3943, 3944])
def test_up_to_the_whole_area_fits_one_record(body: int) -> None:
    with ring_pair(4096) as pair:
        writer, reader = pair.writer(), pair.reader()
        for number in range(1, 8):
            assert write_exchange(writer, number, b"y" * body) == (EXCHANGE_BYTES + body <= 4096)
            writer.publish()
            for record in read_all(reader):
                assert isinstance(record, ExchangeRecord)
                assert bytes(record.request_body) == b"y" * body
            reader.release()


def test_exact_fit_at_the_areas_end_needs_no_padding() -> None:
    with ring_pair(4096) as pair:
        writer, reader = pair.writer(), pair.reader()
        for number in range(1, 101):
            assert write_exchange(writer, number, b"z" * (512 - EXCHANGE_BYTES))
            writer.publish()
            assert [r.exchange_id for r in read_all(reader)] == [number]
            reader.release()
        assert pair.segment.words[TAIL] == 100 * 512


@pytest.mark.parametrize("publish_every", [1, 3, 5, 7])
def test_a_stage_ends_where_the_area_does(publish_every: int) -> None:
    """Records of 256 bytes meet the area's end exactly, with up to three of them staged."""
    with ring_pair(4096) as pair:
        writer, reader = pair.writer(), pair.reader()
        for number in range(1, 201):
            assert write_exchange(writer, number, bytes([number]) * (256 - EXCHANGE_BYTES))
            if number % publish_every == 0:
                writer.publish()
                for record in read_all(reader):
                    assert isinstance(record, ExchangeRecord)
                    assert bytes(record.request_body) == bytes([record.exchange_id]) * (256 - EXCHANGE_BYTES)
                reader.release()
        assert pair.segment.words[TAIL] == 256 * (200 // publish_every * publish_every)
        assert os.fstat(pair.segment.fd).st_size == 8192


@pytest.mark.parametrize("left", [0, 8, 16, 104])
def test_room_is_counted_to_the_byte(left: int) -> None:
    """With the tail at 1024, as many bytes are left for a record of 256 as it needs, or fewer."""
    with ring_pair(4096) as pair:
        writer, reader = pair.writer(), pair.reader()
        write_exchange(writer, 1, b"a" * (1024 - EXCHANGE_BYTES))
        writer.publish()
        read_all(reader)
        reader.release()
        for size in (3072, 1024 - 256 + left):
            assert write_exchange(writer, 2, b"b" * (size - EXCHANGE_BYTES))
        assert write_exchange(writer, 3, b"c" * (256 - EXCHANGE_BYTES)) == (left == 0)


@pytest.mark.parametrize("left", [8, 16, 24, 32, 40, 144, 168, 176])
def test_padding_of_every_size(left: int) -> None:
    """A record that leaves this many bytes at the area's end, then one that does not fit there."""
    with ring_pair(4096) as pair:
        writer, reader = pair.writer(), pair.reader()
        assert write_exchange(writer, 1, b"a" * (4096 - left - EXCHANGE_BYTES))
        writer.publish()
        read_all(reader)
        reader.release()
        assert write_exchange(writer, 2, b"b" * 160)
        writer.publish()
        (record,) = read_all(reader)
        assert isinstance(record, ExchangeRecord)
        assert (record.position, bytes(record.request_body)) == (4096, b"b" * 160)


def test_large_records_keep_the_order_of_small_ones() -> None:
    with ring_pair(1 << 22) as pair:
        writer, reader = pair.writer(), pair.reader()
        sizes = [10, 300_000, 20, 20, 262_144, 262_144 - EXCHANGE_BYTES, 1_000_000, 30]
        for number, size in enumerate(sizes, 1):
            assert write_exchange(writer, number, bytes([number]) * size)
        assert writer.try_piece(PieceKind.REQUEST, 9, 1, 5, b"p" * 400_000)
        writer.publish()
        *exchanges, piece = read_all(reader)
        assert isinstance(piece, PieceRecord)
        assert bytes(piece.piece) == b"p" * 400_000
        for number, (size, record) in enumerate(zip(sizes, exchanges, strict=True), 1):
            assert isinstance(record, ExchangeRecord)
            assert (record.ordinal, bytes(record.request_body)) == (number, bytes([number]) * size)


def test_a_long_record_goes_with_what_is_staged_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[list[int]] = []
    write = os.pwritev

    def watched(fd: int, parts: Sequence[bytes], offset: int) -> int:
        calls.append([len(part) for part in parts])
        return write(fd, parts, offset)

    with ring_pair(1 << 21) as pair:
        writer, reader = pair.writer(), pair.reader()
        monkeypatch.setattr(os, "pwritev", watched)
        assert write_exchange(writer, 1)
        body = memoryview(b"head" + b"p" * 150_000)[4:]
        assert writer.try_piece(PieceKind.REQUEST, 2, 1, 0, body)
        assert calls == [[EXCHANGE_BYTES, PIECE_BYTES, 150_000]]
        assert writer.pending_bytes == 0
        exchange, piece = read_all(reader)
        assert (exchange.exchange_id, piece.exchange_id) == (1, 2)
        assert isinstance(piece, PieceRecord)
        assert piece.piece == body


def test_a_bad_argument_writes_nothing() -> None:
    with ring_pair() as pair:
        writer, reader = pair.writer(), pair.reader()
        with pytest.raises(struct.error):
            write_exchange(writer, (1 << 64) - 1)  # the time behind it does not fit
        writer.count_tap_failed()
        assert write_exchange(writer, 2)
        writer.publish()
        assert [r.seq for r in read_all(reader)] == [0]
        assert accounting([pair.segment])["in_flight"] == 0


def test_a_refused_write_is_counted_and_gone_back_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with ring_pair(1 << 21) as pair:
        writer, reader = pair.writer(), pair.reader()
        write_exchange(writer, 1)
        writer.publish()
        with monkeypatch.context() as patch:
            patch.setattr(os, "pwritev", refuse)
            write_exchange(writer, 2)
            writer.try_piece(PieceKind.REQUEST, 3, 1, 0, b"p")
            write_exchange(writer, 3)
            assert not writer.publish()
            assert not write_exchange(writer, 4, b"x" * 300_000)
            write_exchange(writer, 5)
            assert not writer.try_piece(PieceKind.REQUEST, 6, 1, 0, b"p" * 150_000)
        assert read_counter(pair.segment, "write_failed") == 4
        assert read_counter(pair.segment, "pieces_lost") == 2
        write_exchange(writer, 7)
        writer.publish()
        records = read_all(reader)
        assert [(r.exchange_id, r.seq) for r in records] == [(1, 0), (7, 7)]
        assert accounting([pair.segment])["in_flight"] == 0


def test_a_successor_goes_on_at_the_published_head() -> None:
    with ring_pair() as pair:
        first, reader = pair.writer(), pair.reader()
        write_exchange(first, 1)
        first.publish()
        write_exchange(first, 2)  # staged, never published
        first.count_seen()  # under way
        second = pair.writer()
        assert (first.epoch, second.epoch) == (1, 2)
        assert read_counter(pair.segment, "worker_died") == 2
        write_exchange(second, 3)
        second.publish()
        records = read_all(reader)
        assert [(r.exchange_id, r.seq, r.writer_epoch) for r in records] == [(1, 0, 1), (3, 1, 2)]
        assert accounting([pair.segment])["in_flight"] == 0


def test_losses_stay_numbered_across_writers() -> None:
    with ring_pair(4096) as pair:
        writer, reader = pair.writer(), pair.reader()
        for number in range(30):
            write_exchange(writer, number, b"x" * 80)
        read_all(reader)
        reader.release()
        second = RingWriter(pair.segment, pair.write_fd)
        write_exchange(second, 30, b"x" * 80)
        second.publish()
        assert [r.seq for r in read_all(reader)] == [30]
        assert read_counter(pair.segment, "records_missing") == read_counter(pair.segment, "ring_full") == 14


def test_a_successor_clears_gauges_and_wakes_the_reader() -> None:
    with ring_pair() as pair:
        writer = pair.writer()
        write_exchange(writer, 1)
        writer.publish()
        os.read(pair.read_fd, 65536)
        gauges = [counter.name for counter in COUNTERS if counter.role == "gauge"]
        for gauge in gauges:
            pair.segment.words[WORDS[gauge]] = 5
        pair.writer()
        found = {gauge: read_counter(pair.segment, gauge) for gauge in gauges}
        assert found == dict.fromkeys(gauges, 0) | {"upstream_healthy": 1}
        assert handed(pair) == Publication(EXCHANGE_BYTES, 1, 1)


def test_the_ring_is_never_resident_in_the_writer() -> None:
    with ring_pair(1 << 22) as pair:
        writer = pair.writer()
        for number in range(1, 400):
            assert write_exchange(writer, number, b"x" * 30_000)
            writer.publish()
            pair.segment.words[TAIL] = pair.segment.read_publication().head
        assert resident_bytes(pair) <= 8192  # the header's page
