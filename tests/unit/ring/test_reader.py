from __future__ import annotations

import itertools
import os
import struct

import pytest

from sidecar.ring.counters import accounting, read_counter, settled_by_monitor
from sidecar.ring.entry import ExchangeRecord
from sidecar.ring.layout import EXCHANGE_BYTES
from sidecar.ring.reader import FORGET_BYTES
from sidecar.ring.record import PieceKind
from sidecar.ring.segment import TAIL, Publication
from tests.support.ring_pair import Pair, read_all, resident_bytes, ring_pair, write_exchange


def exchanges(records: list[object]) -> list[ExchangeRecord]:
    return [record for record in records if isinstance(record, ExchangeRecord)]


def test_batches_are_bounded_and_in_order() -> None:
    with ring_pair(1 << 18) as pair:
        writer, reader = pair.writer(), pair.reader()
        for number in range(1, 701):
            write_exchange(writer, number)
        writer.publish()
        assert reader.read_batch() == []  # not drained yet
        assert reader.drain()
        batches = [reader.read_batch(), reader.read_batch(3), reader.read_batch(), reader.read_batch()]
        assert [len(batch) for batch in batches] == [512, 3, 185, 0]
        assert [r.exchange_id for batch in batches for r in batch] == list(range(1, 701))
        assert read_counter(pair.segment, "records_read") == 700
        assert reader.fileno() == pair.read_fd


def test_release_gives_back_what_was_read_and_no_more() -> None:
    with ring_pair() as pair:
        writer, reader = pair.writer(), pair.reader()
        for number in (1, 2, 3):
            write_exchange(writer, number)
        writer.publish()
        reader.drain()
        reader.read_batch(2)
        assert pair.segment.words[TAIL] == 0
        reader.release()
        assert pair.segment.words[TAIL] == 2 * EXCHANGE_BYTES
        assert reader.waiting_bytes == EXCHANGE_BYTES


def test_stale_and_broken_hand_offs_are_passed_over() -> None:
    with ring_pair() as pair:
        writer, reader = pair.writer(), pair.reader()
        write_exchange(writer, 1)
        writer.publish()
        os.write(pair.write_fd, Publication(0, 0, 0).encode())
        os.write(pair.write_fd, bytes(32))
        assert [r.exchange_id for r in read_all(reader)] == [1]
        assert reader.last_fault == "ring pair: position 0: hand-off is unreadable"
        os.write(pair.write_fd, Publication(1 << 40, 9, 9).encode())  # more than the ring holds
        assert not reader.drain()
        assert read_counter(pair.segment, "faults") == 2


def test_a_closed_pipe_is_only_silence() -> None:
    with ring_pair() as pair:
        reader = pair.reader()
        null = os.open("/dev/null", os.O_RDONLY)
        os.dup2(null, pair.read_fd)
        os.close(null)
        assert not reader.drain()


# --- restarts


@pytest.mark.parametrize(
    ("n_read", "n_settled", "release"), list(itertools.product((0, 2, 5), (0, 1, 2, 4, 5), (0, 1)))
)
def test_a_killed_readers_successor_balances_the_account(n_read: int, n_settled: int, release: int) -> None:
    """Killed after having read, settled and maybe released so many of five."""
    with ring_pair() as pair:
        writer, dead = pair.writer(), pair.reader()
        for number in range(1, 6):
            write_exchange(writer, number)
        writer.publish()
        dead.drain()
        read = exchanges(dead.read_batch(n_read)) if n_read else []
        for record in read[:n_settled]:
            dead.settle(record, "analysed")
        if release:
            dead.release()
        n_settled = min(n_settled, n_read)
        reader = pair.reader()
        writer.renotify()
        again = exchanges(read_all(reader, "failed"))
        reader.release()
        n_lost = max(0, n_read - n_settled) if release else 0
        assert read_counter(pair.segment, "monitor_died") == n_lost
        assert [r.already_settled for r in again] == (
            [False] * (5 - n_read) if release else [r.ordinal <= n_settled for r in again]
        )
        account = accounting([pair.segment])
        assert (account["seen"], account["in_flight"], account["analysed"]) == (5, 0, n_settled)


def test_a_gap_in_front_of_nothing_is_settled_at_once() -> None:
    with ring_pair() as pair:
        writer, dead = pair.writer(), pair.reader()
        write_exchange(writer, 1)
        write_exchange(writer, 2)
        writer.publish()
        read_all(dead, None)
        dead.release()
        assert accounting([pair.segment])["in_flight"] == 2
        pair.reader()
        assert accounting([pair.segment])["dropped"]["monitor_died"] == 2
        pair.reader()
        assert accounting([pair.segment])["in_flight"] == 0


# --- what cannot be read


def scribble(pair: Pair, offset: int, code: str, value: int) -> None:
    struct.pack_into("=" + code, pair.segment.data, offset, value)


SECOND = EXCHANGE_BYTES


@pytest.mark.parametrize(
    ("offset", "code", "value", "what"),
    [
        (0, "I", 0, "size"),
        (0, "I", 4, "size"),
        (0, "I", 156, "size"),
        (0, "I", 32, "size"),
        (0, "I", 1 << 31, "size"),
        (0, "I", 65536 - EXCHANGE_BYTES, "size"),
        (0, "I", 304, "lengths"),
        (4, "B", 0, "kind"),
        (4, "B", 6, "kind"),
        (4, "B", 2, "lengths"),
        (4, "B", 5, "lengths"),
        (4, "B", 255, "size"),
        (6, "H", 0, "magic number"),
        (156, "I", 1, "lengths"),
        (164, "I", (1 << 32) - 1, "lengths"),
        (172, "B", 7, "lengths"),
        (32, "Q", 9, "ordinal"),
        (32, "Q", 0, "ordinal"),
        (32, "Q", (1 << 64) - 1, "ordinal"),
    ],
)
def test_an_unreadable_record_is_skipped_and_counted(offset: int, code: str, value: int, what: str) -> None:
    with ring_pair() as pair:
        writer, reader = pair.writer(), pair.reader()
        for number in (1, 2, 3):
            write_exchange(writer, number)
        writer.publish()
        scribble(pair, SECOND + offset, code, value)
        assert [r.exchange_id for r in read_all(reader)] == [1]
        assert what in reader.last_fault
        reader.release()
        write_exchange(writer, 4)
        writer.publish()
        assert [r.exchange_id for r in read_all(reader)] == [4]
        assert read_counter(pair.segment, "faults") == 1
        account = accounting([pair.segment])
        assert (account["analysed"], account["dropped"]["corrupt"], account["in_flight"]) == (2, 2, 0)


@pytest.mark.parametrize("n_settled", [0, 1, 2])
def test_killed_between_a_fault_and_the_release(n_settled: int) -> None:
    """A fault's losses are counted before the records in front of it are settled; a successor meets both."""
    with ring_pair() as pair:
        writer, dead = pair.writer(), pair.reader()
        for number in range(1, 8):
            write_exchange(writer, number)
        writer.publish()
        scribble(pair, 2 * EXCHANGE_BYTES, "I", 0)
        dead.drain()
        for record in exchanges(dead.read_batch())[:n_settled]:
            dead.settle(record, "analysed")
        assert read_counter(pair.segment, "corrupt") == 5
        reader = pair.reader()
        writer.renotify()
        read_all(reader, "failed")
        assert settled_by_monitor(pair.segment) == 7
        assert accounting([pair.segment])["in_flight"] == 0


def test_a_repeated_number_is_not_counted_twice() -> None:
    with ring_pair() as pair:
        writer, reader = pair.writer(), pair.reader()
        for number in (1, 2, 3):
            write_exchange(writer, number)
        writer.publish()
        scribble(pair, SECOND + 32, "Q", 1)
        assert [r.already_settled for r in exchanges(read_all(reader))] == [False, True, False]
        assert read_counter(pair.segment, "corrupt") == 1
        assert accounting([pair.segment])["in_flight"] == 0


def test_what_was_read_is_not_resident() -> None:
    with ring_pair(1 << 23) as pair:
        writer, reader = pair.writer(), pair.reader()
        body = os.urandom(1 << 15)
        for number in range(1, 600):
            assert write_exchange(writer, number, body)
            writer.publish()
            (record,) = exchanges(read_all(reader))
            assert bytes(record.request_body) == body
            reader.release()
            if number % 64 == 0:
                assert resident_bytes(pair) < FORGET_BYTES + (1 << 18)


def test_a_piece_needs_no_settling() -> None:
    with ring_pair() as pair:
        writer, reader = pair.writer(), pair.reader()
        writer.try_piece(PieceKind.REQUEST, 1, 1, 0, b"x")
        writer.publish()
        assert len(read_all(reader)) == 1
        assert settled_by_monitor(pair.segment) == 0
