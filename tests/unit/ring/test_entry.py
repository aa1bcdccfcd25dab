from __future__ import annotations

from sidecar.ring.entry import ExchangeRecord, PieceRecord
from sidecar.ring.record import NO_SPAN, ExchangeFlag, Outcome, PieceKind
from tests.support.ring_pair import read_all, ring_pair, write_exchange


def test_every_field_of_an_exchange_comes_back() -> None:
    number = (1 << 63) + 5  # ids use all 64 bits
    with ring_pair() as pair:
        writer, reader = pair.writer(), pair.reader()
        writer.try_exchange(
            number,
            11,
            12,
            13,
            14,
            15,
            503,
            Outcome.UPSTREAM_BROKE,
            int(ExchangeFlag.REQUEST_CUT | ExchangeFlag.OWN_ANSWER),
            0.125,
            bytes(range(16)),
            b"spanspan",
            NO_SPAN,
            bytes(range(100, 116)),
            b"idididid",
            255,
            1 << 40,
            (1 << 41) + 1,
            b"request head",
            b"request body!",
            b"response head..",
            b"",
        )
        writer.publish()
        (record,) = read_all(reader)
        assert isinstance(record, ExchangeRecord)
        assert (record.exchange_id, record.mono_ns, record.start_unix_ns) == (number, 11, 12)
        assert (record.forwarded_ns, record.first_byte_ns, record.end_ns) == (13, 14, 15)
        assert (record.status, record.outcome, record.trace_flags) == (503, Outcome.UPSTREAM_BROKE, 255)
        assert record.flags == ExchangeFlag.REQUEST_CUT | ExchangeFlag.OWN_ANSWER
        assert not record.has(ExchangeFlag.PAYLOAD_TAKEN)
        assert (record.ratio, record.trace_id) == (0.125, bytes(range(16)))
        assert (record.span_id, record.parent_span_id) == (b"spanspan", bytes(8))
        assert record.caller_address == bytes(range(100, 116))
        assert record.own_request_id == b"ididididspanspan"
        assert (record.request_body_bytes, record.response_body_bytes) == (1 << 40, (1 << 41) + 1)
        assert bytes(record.request_head) == b"request head"
        assert bytes(record.request_body) == b"request body!"
        assert bytes(record.response_head) == b"response head.."
        assert bytes(record.response_body) == b""
        assert (record.position, record.size_bytes, record.seq, record.ordinal) == (0, 216, 0, 1)
        assert (record.writer_epoch, record.already_settled) == (1, False)


def test_every_field_of_a_piece_comes_back() -> None:
    with ring_pair() as pair:
        writer, reader = pair.writer(), pair.reader()
        write_exchange(writer, 1)
        writer.try_piece(PieceKind.REQUEST, (1 << 64) - 1, 7, 1 << 33, b"abc")
        writer.try_piece(PieceKind.RESPONSE, 2, 8, 0, b"")
        writer.try_piece(PieceKind.TUNNEL_UP, 3, 9, 5, b"up")
        writer.try_piece(PieceKind.TUNNEL_DOWN, 3, 9, 6, b"down")
        writer.publish()
        _, one, two, up, down = read_all(reader)
        assert isinstance(one, PieceRecord)
        assert isinstance(two, PieceRecord)
        assert (one.exchange_id, one.mono_ns, one.body_offset_bytes) == ((1 << 64) - 1, 7, 1 << 33)
        assert (one.kind, bytes(one.piece), one.seq, one.size_bytes) == (PieceKind.REQUEST, b"abc", 1, 56)
        assert (two.kind, bytes(two.piece), two.seq, two.size_bytes) == (PieceKind.RESPONSE, b"", 2, 48)
        assert isinstance(up, PieceRecord)
        assert isinstance(down, PieceRecord)
        assert (up.kind, bytes(up.piece), up.body_offset_bytes) == (PieceKind.TUNNEL_UP, b"up", 5)
        assert (down.kind, bytes(down.piece), down.body_offset_bytes) == (PieceKind.TUNNEL_DOWN, b"down", 6)
