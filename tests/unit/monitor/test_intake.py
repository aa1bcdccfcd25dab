from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar.clock import SystemClock
from sidecar.config.address import TcpUpstream
from sidecar.config.load import load_config
from sidecar.config.outlets import AccessLogConfig
from sidecar.log import Log
from sidecar.monitor.access_log import make_access_log
from sidecar.monitor.intake import Intake
from sidecar.monitor.subjects import Subjects
from sidecar.monitor.traffic import TrafficMeters
from sidecar.ring.counters import accounting, read_counter
from sidecar.ring.record import ExchangeFlag, Outcome, PieceKind
from sidecar.telemetry.span import SpanRecord
from tests.support.ring_pair import Pair, ring_pair, write_exchange

TAKEN = int(ExchangeFlag.PAYLOAD_TAKEN)
EXCLUDED = int(ExchangeFlag.EXCLUDED)
TUNNEL = int(ExchangeFlag.TUNNEL)
BODY = b'{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[1,2]}]}'
HEAD = b"POST /v2/models/m/infer HTTP/1.1\r\nContent-Type: application/json\r\n\r\n"
PREFACE = b"PRI * HTTP/2.0\r\n\r\n"


class Bench:
    """An intake whose turns are taken by hand."""

    def __init__(self, pair: Pair, path: Path) -> None:
        self.pair = pair
        self.writer = pair.writer()
        self.path = path
        self.spans: list[SpanRecord] = []
        self.intake = self.start()

    def start(self) -> Intake:
        """Begins anew, as a restarted monitor does."""
        clock, log = SystemClock(), Log("monitor", "json")
        self.intake = Intake(
            [self.pair.reader()],
            Subjects(load_config(""), None, lambda: None),
            TrafficMeters(TcpUpstream("m", 1)),
            lambda span: self.spans.append(span) is None,
            clock,
            log,
            1 << 22,
            make_access_log(AccessLogConfig(path=str(self.path)), clock, log),
        )
        return self.intake

    def turn(self) -> None:
        """All that has been written is read."""
        self.writer.publish()
        self.intake._turn()

    def lines(self) -> list[str]:
        return [json.loads(line)["method"] for line in self.path.read_text().splitlines()]

    def tunnels(self) -> dict[str, int]:
        """Bytes and gaps by direction."""
        return {
            f"{family.instrument.name.rpartition('.')[2]} {point.attributes[0][1]}": int(str(point.value))
            for family in self.intake.tunnels.families()
            for point in family.points
        }


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with ring_pair(1 << 20) as pair:
        yield Bench(pair, tmp_path / "access.log")


def exchange(bench: Bench, number: int, flags: int, head: bytes = HEAD, body: bytes = BODY) -> None:
    assert write_exchange(bench.writer, 300 * number, body, request_head=head, flags=flags)


@pytest.mark.parametrize(
    ("flags", "fate"),
    [
        (TAKEN, "analysed"),
        (0, "sampled_out"),
        (EXCLUDED, "excluded"),
        (EXCLUDED | TAKEN, "excluded"),
        (TUNNEL, "tunnel"),
        (TUNNEL | TAKEN, "tunnel"),
        (TUNNEL | EXCLUDED, "excluded"),
        (TAKEN | int(ExchangeFlag.NO_MIRROR), "analysed"),
    ],
)
def test_an_exchange_is_settled_by_its_routes_policy_before_anything_else(
    bench: Bench, flags: int, fate: str
) -> None:
    exchange(bench, 1, flags)
    bench.turn()
    found = accounting([bench.pair.segment])
    assert (found["seen"], found["in_flight"]) == (1, 0)
    assert read_counter(bench.pair.segment, fate) == 1


def test_it_says_when_it_last_had_caught_up(bench: Bench) -> None:
    assert bench.intake.caught_up_unix_ns == 0
    for number in range(300):
        exchange(bench, number, TAKEN)
    before = time.time_ns()
    bench.turn()
    assert before <= bench.intake.caught_up_unix_ns <= time.time_ns()


def test_pieces_of_tunnels_are_counted_and_are_no_part_of_a_body(bench: Bench) -> None:
    bench.writer.try_piece(PieceKind.REQUEST, 600, 1, 0, BODY)
    bench.writer.try_piece(PieceKind.TUNNEL_UP, 600, 1, 0, b"up")
    bench.writer.try_piece(PieceKind.TUNNEL_DOWN, 600, 1, 0, b"down")
    bench.writer.try_piece(PieceKind.TUNNEL_DOWN, 600, 1, 9, b"gap")
    bench.turn()
    assert bench.tunnels() == {"bytes up": 2, "bytes down": 7, "gaps down": 1}
    [lane] = bench.intake._lanes
    assert (len(lane.assembly), len(lane.tunnels)) == (1, 1)
    exchange(bench, 2, TUNNEL | TAKEN | int(ExchangeFlag.IN_PIECES), PREFACE, b"")
    bench.turn()
    assert (len(lane.assembly), len(lane.tunnels)) == (0, 0)
    assert read_counter(bench.pair.segment, "tunnel") == 1


def test_an_http2_connection_has_a_line_but_no_span(bench: Bench) -> None:
    exchange(bench, 1, TUNNEL | TAKEN, PREFACE, b"")
    exchange(bench, 2, TUNNEL | TAKEN, b"GET /ws HTTP/1.1\r\n\r\n", b"")
    bench.turn()
    assert bench.lines() == ["PRI", "GET"]
    assert [span.name for span in bench.spans] == ["GET __other__"]


def test_a_streamed_answer_of_many_pieces_is_analysed(bench: Bench) -> None:
    chunk = b"data: {}\n\n"
    for number in range(500):
        assert bench.writer.try_piece(PieceKind.RESPONSE, 300, 1, number * len(chunk), chunk)
    bench.writer.try_piece(PieceKind.REQUEST, 300, 1, 0, BODY)
    bench.writer.count_seen()
    bench.writer.try_exchange(
        *(300, 1, 2, 3, 4, 5, 200, Outcome.OK, TAKEN | int(ExchangeFlag.IN_PIECES), 1.0),
        *(bytes(16), bytes(8), bytes(8), bytes(16), bytes(8), 0),
        *(len(BODY), 500 * len(chunk), HEAD, b"", b"HTTP/1.1 200 OK\r\n\r\n", b""),
    )
    bench.turn()
    assert read_counter(bench.pair.segment, "analysed") == 1
    assert len(bench.intake._lanes[0].assembly) == 0


def test_every_exchange_has_a_line_whatever_became_of_it(bench: Bench) -> None:
    for number, flags in enumerate((TAKEN, 0, EXCLUDED, TUNNEL), 1):
        exchange(bench, number, flags)
    exchange(bench, 5, TAKEN, b"", b"not json")
    bench.turn()
    assert bench.lines() == ["POST"] * 4 + [""]


def test_what_a_dead_predecessor_has_settled_has_no_second_line(bench: Bench) -> None:
    exchange(bench, 1, TAKEN)
    exchange(bench, 2, TAKEN, b"PUT / HTTP/1.1\r\n\r\n")
    bench.writer.publish()
    dead = bench.pair.reader()
    dead.drain()
    first, _ = dead.read_batch()
    dead.settle(first, "analysed")  # type: ignore[arg-type] # it is an exchange
    bench.start()
    bench.writer.renotify()
    bench.turn()
    assert bench.lines() == ["PUT"]
