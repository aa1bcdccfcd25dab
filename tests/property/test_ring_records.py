"""Any sequence of records, pauses and deaths: the records come out in order, and the account balances."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.ring.counters import accounting, read_counter, settled_by_monitor
from sidecar.ring.entry import ExchangeRecord, PieceRecord
from sidecar.ring.reader import RingReader
from sidecar.ring.record import PieceKind
from sidecar.ring.segment import TAIL
from sidecar.ring.writer import RingWriter
from tests.support.ring_pair import Pair, ring_pair, write_exchange

SIZES = st.one_of(st.integers(0, 40), st.integers(0, 1200), st.integers(3500, 4200))


def body_of(number: int, size: int) -> bytes:
    return (number.to_bytes(4, "big") * (size // 4 + 1))[:size]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("exchange"), SIZES),
        st.tuples(st.just("piece"), SIZES),
        st.tuples(st.just("publish"), st.just(0)),
        st.tuples(st.just("read"), st.integers(1, 9)),
        st.tuples(st.just("release"), st.just(0)),
    ),
    max_size=120,
)


@settings(max_examples=150, deadline=None)
@given(steps=STEPS, data_bytes=st.sampled_from([4096, 8192, 65536]))
def test_what_was_written_comes_out_in_order(  # noqa: C901 - one branch a step
    steps: list[tuple[str, int]], data_bytes: int
) -> None:
    with ring_pair(data_bytes) as pair:
        writer, reader = pair.writer(), pair.reader()
        expected: list[tuple[int, bytes]] = []
        found: list[tuple[int, bytes]] = []
        last_seq = -1
        n_missing = 0

        def read(most: int) -> None:
            nonlocal last_seq, n_missing
            reader.drain()
            for record in reader.read_batch(most):
                body = record.piece if isinstance(record, PieceRecord) else record.request_body
                found.append((record.exchange_id, bytes(body)))
                n_missing += record.seq - last_seq - 1
                last_seq = record.seq

        for number, (step, size) in enumerate(steps, 1):
            if step == "exchange":
                if write_exchange(writer, number, body_of(number, size)):
                    expected.append((number, body_of(number, size)))
            elif step == "piece":
                if writer.try_piece(PieceKind.REQUEST, number, 1, 0, body_of(number, size)):
                    expected.append((number, body_of(number, size)))
            elif step == "publish":
                writer.publish()
            elif step == "read":
                read(size)
            else:
                reader.release()
        writer.publish()
        writer.renotify()
        reader.drain()
        while reader.waiting_bytes:
            read(512)
        assert found == expected
        n_counted = read_counter(pair.segment, "ring_full") + read_counter(pair.segment, "pieces_lost")
        n_behind = sum(1 for step, _ in steps if step in ("exchange", "piece")) - (last_seq + 1)
        assert n_missing + n_behind == n_counted
        assert read_counter(pair.segment, "faults") == 0


@dataclass
class World:
    """Both processes, each of which may be killed between any two of its steps."""

    pair: Pair
    writer: RingWriter
    reader: RingReader
    number: int = 0
    unsettled: list[ExchangeRecord] = field(default_factory=list)

    def exchange(self, size: int) -> None:
        self.number += 1
        body = body_of(self.number, size)
        write_exchange(self.writer, self.number, body, response_head=zlib.crc32(body).to_bytes(4, "big"))

    def see_only(self, _: int) -> None:
        self.writer.count_seen()

    def publish(self, _: int) -> None:
        self.writer.publish()

    def kill_writer(self, _: int) -> None:
        self.writer = self.pair.writer()

    def read(self, most: int) -> None:
        self.reader.drain()
        batch = self.reader.read_batch(most + 1)
        self.unsettled += [record for record in batch if isinstance(record, ExchangeRecord)]

    def settle(self, n: int) -> None:
        for record in self.unsettled[:n]:
            self.reader.settle(record, "analysed" if record.seq % 2 else "failed")
        del self.unsettled[:n]

    def release(self, _: int) -> None:
        self.reader.release()

    def kill_reader(self, _: int) -> None:
        self.unsettled.clear()
        self.reader = self.pair.reader()

    def scribble(self, number: int) -> None:
        """Destroys one word of what has been handed off and not read."""
        waiting = self.reader.waiting_bytes // 8
        if waiting:
            at = (self.pair.segment.words[TAIL] + 8 * (number % waiting)) & (self.pair.segment.data_bytes - 1)
            struct.pack_into("=Q", self.pair.segment.data, at, (number * 0x9E3779B97F4A7C15) & (2**64 - 1))

    def settle_down(self) -> None:
        """Both live on until all is quiet."""
        self.writer.publish()
        self.kill_writer(0)  # what it had only seen is settled by its successor
        self.writer.renotify()
        self.read(0)
        while self.reader.waiting_bytes:
            self.read(100)
        self.settle(len(self.unsettled))
        self.reader.release()


ORDERLY = ["exchange", "see_only", "publish", "kill_writer", "read", "settle", "release", "kill_reader"]
WEIGHTED = st.sampled_from([*ORDERLY, "exchange", "exchange", "publish", "read", "settle"])


@settings(max_examples=300, deadline=None)
@given(steps=st.lists(st.tuples(WEIGHTED, st.integers(0, 40)), max_size=60))
def test_a_kill_at_any_step_balances_the_account(steps: list[tuple[str, int]]) -> None:
    with ring_pair(4096) as pair:
        world = World(pair, pair.writer(), pair.reader())
        for step, argument in steps:
            getattr(world, step)(argument)
            account = accounting([pair.segment])
            assert account["in_flight"] >= 0
        world.settle_down()
        account = accounting([pair.segment])
        assert account["in_flight"] == 0
        assert account["dropped"]["corrupt"] == 0
        assert account["seen"] == account["analysed"] + account["sampled_out"] + sum(
            account["dropped"].values()
        )
        assert settled_by_monitor(pair.segment) == pair.segment.read_publication().n_recorded
        assert read_counter(pair.segment, "faults") == 0


@settings(max_examples=300, deadline=None)
@given(
    steps=st.lists(st.tuples(st.one_of(WEIGHTED, st.just("scribble")), st.integers(0, 1 << 20)), max_size=60),
)
def test_scribbles_over_the_ring_cost_records_but_never_the_account(steps: list[tuple[str, int]]) -> None:
    with ring_pair(4096) as pair:
        world = World(pair, pair.writer(), pair.reader())
        for step, argument in steps:
            getattr(world, step)(argument if step == "scribble" else argument % 41)
        world.settle_down()
        assert accounting([pair.segment])["in_flight"] == 0
        assert settled_by_monitor(pair.segment) == pair.segment.read_publication().n_recorded
