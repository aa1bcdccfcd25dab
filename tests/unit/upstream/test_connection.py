"""A connection to the upstream as its two neighbours see it: a sink that waits for an answer, and a home that
takes connections back."""

from __future__ import annotations

from typing import Any

import pytest

from sidecar.config.traffic import LimitsConfig
from sidecar.errors import UpstreamError
from sidecar.http1.fields import REDACTED
from sidecar.http1.response import ResponseHead
from sidecar.upstream.connection import MAX_INTERIM, UpstreamConnection
from sidecar.upstream.response_heads import ResponseHeads
from tests.support.wire import FakeTransport

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n"


class Waiting:
    """Sink and home in one: notes what happens, in order."""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []
        self.n_forgotten = 0

    def on_interim(self, head: ResponseHead) -> None:
        self.events.append(("interim", head.status))

    def on_switched(self, head: ResponseHead, _: UpstreamConnection, received: bytes) -> None:
        self.events.append(("switched", head.upgrade, received))

    def on_response(self, head: ResponseHead, body: bytes, complete: bool) -> None:
        self.events.append(("response", head.status, body, complete))

    def on_body(self, body: bytes, complete: bool) -> None:
        self.events.append(("body", body, complete))

    def on_trailer(self, lines: bytes) -> None:
        self.events.append(("trailer", lines))

    def on_broken(self, error: UpstreamError, reusable_before: bool) -> None:
        self.events.append(("broken", error.status, str(error), reusable_before))

    def on_upstream_writable(self, writable: bool) -> None:
        self.events.append(("writable", writable))

    def release(self, _: UpstreamConnection) -> None:
        self.events.append(("released",))

    def forget(self, _: UpstreamConnection) -> None:
        self.n_forgotten += 1

    def take(self) -> list[tuple[Any, ...]]:
        """What happened since the last look."""
        events, self.events = self.events, []
        return events


class Wire:
    """A connection with a request under way."""

    def __init__(self, *, raw: bool = False, limits: LimitsConfig | None = None, **request: bool) -> None:
        limits = limits or LimitsConfig()
        self.seen = Waiting()
        self.connection = UpstreamConnection(self.seen, ResponseHeads(limits, REDACTED), limits, raw=raw)
        transport: Any = FakeTransport()
        self.transport: FakeTransport = transport
        self.connection.connection_made(transport)
        if not raw:
            self.send(**request)

    def send(self, *, head_only: bool = False, more_follows: bool = False) -> None:
        self.connection.send(self.seen, b"GET", head_only=head_only, more_follows=more_follows)

    def receive(self, *pieces: bytes) -> list[tuple[Any, ...]]:
        """What the sink sees of these bytes."""
        for piece in pieces:
            self.connection.data_received(piece)
        return self.seen.take()

    def end(self, fault: Exception | None = None, *, said: bool = True) -> list[tuple[Any, ...]]:
        """What the sink sees of the connection's end."""
        if said:
            assert not self.connection.eof_received()
        self.connection.connection_lost(fault)
        return self.seen.take()


class TestWholeAnswers:
    def test_one_that_comes_at_once_is_given_back_before_it_is_handed_on(self) -> None:
        """So that the sink may take another connection, or this one, from within its call."""
        assert Wire().receive(OK) == [("released",), ("response", 200, b"ok", True)]

    @pytest.mark.parametrize("cut", range(1, len(OK)))
    def test_however_it_is_cut_it_is_the_same(self, cut: int) -> None:
        events = Wire().receive(OK[:cut], OK[cut:])
        assert b"".join(event[-2] for event in events if event[0] != "released") == b"ok"
        assert (events[0][0] == "released", events[-1][-1]) == (cut < len(OK) - 2, True)
        assert events.count(("released",)) == 1

    def test_a_body_comes_as_it_is_cut(self) -> None:
        wire = Wire()
        assert wire.receive(OK[:-2]) == [("response", 200, b"", False)]
        assert wire.receive(b"o") == [("body", b"o", False)]
        assert wire.receive(b"k") == [("released",), ("body", b"k", True)]

    def test_chunks_are_taken_out_of_their_framing(self) -> None:
        wire = Wire()
        assert wire.receive(CHUNKED + b"3\r\nab") == [("response", 200, b"ab", False)]
        assert wire.receive(b"c\r\n") == [("body", b"c", False)]
        assert wire.receive(b"0\r\n\r\n") == [("released",), ("body", b"", True)]

    @pytest.mark.parametrize("cut", [len(CHUNKED), len(CHUNKED) + 8, len(CHUNKED) + 12])
    def test_a_trailer_is_told_before_the_end_and_behind_the_body(self, cut: int) -> None:
        message = CHUNKED + b"2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n"
        events = Wire().receive(message[:cut], message[cut:])
        assert events[-3:] == [("trailer", b"X-Sum: 1\r\n"), ("released",), ("body", b"", True)]
        assert b"".join(event[-2] for event in events[:-3]) == b"ok"
        assert not any(event[-1] is True for event in events[:-3])

    def test_an_answer_to_head_has_no_body_whatever_it_says(self) -> None:
        assert Wire(head_only=True).receive(OK[:-2]) == [("released",), ("response", 200, b"", True)]

    def test_a_body_until_the_close_ends_when_the_server_says_so(self) -> None:
        wire = Wire()
        assert wire.receive(b"HTTP/1.1 200 OK\r\n\r\nab") == [("response", 200, b"ab", False)]
        assert wire.end() == [("body", b"", True)]


class TestNotUsedAgain:
    @pytest.mark.parametrize(
        "answer",
        [
            OK + b"more",
            CHUNKED + b"2\r\nok\r\n0\r\n\r\nmore",
            OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),
            OK.replace(b"1.1", b"1.0"),
            OK.replace(b"200 OK", b"500 Internal Server Error"),
        ],
        ids=["more", "more behind chunks", "close", "1.0", "500"],
    )
    def test_behind_an_answer_that_makes_it_doubtful(self, answer: bytes) -> None:
        wire = Wire()
        assert ("released",) not in wire.receive(answer)
        assert wire.transport.closed

    def test_while_the_request_is_still_being_sent(self) -> None:
        wire = Wire(more_follows=True)
        assert wire.receive(OK) == [("response", 200, b"ok", True)]
        assert wire.transport.closed

    def test_once_bytes_came_that_nobody_asked_for(self) -> None:
        wire = Wire()
        wire.receive(OK)
        assert wire.receive(b"HTTP/1.1 408 Request Timeout\r\n\r\n") == []
        assert wire.transport.aborted

    def test_a_servers_own_limit_is_remembered(self) -> None:
        wire = Wire()
        wire.receive(OK.replace(b"\r\n\r\n", b"\r\nKeep-Alive: timeout=7\r\n\r\n"))
        assert wire.connection.idle_limit_s == 7


class TestBroken:
    @pytest.mark.parametrize(
        ("answer", "reason"),
        [
            (b"hello there", "head: expected HTTP/1.1, got something else"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "Content-Length"),
            (CHUNKED + b"zz\r\n", "chunk"),
            (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 300, "head: expected at most 200 bytes, got more"),
        ],
    )
    def test_an_answer_against_the_rules_ends_the_connection(self, answer: bytes, reason: str) -> None:
        wire = Wire(limits=LimitsConfig(head_bytes=200))
        broken = wire.receive(answer)[-1]
        assert broken[:2] == ("broken", 502)
        assert broken[2].startswith("the upstream broke HTTP: ")
        assert reason in broken[2]
        assert wire.transport.aborted
        assert wire.end(said=False) == []

    def test_thirty_two_interim_heads_are_passed_on_and_one_more_is_a_flood(self) -> None:
        wire = Wire()
        assert wire.receive(EARLY * MAX_INTERIM) == [("interim", 103)] * MAX_INTERIM
        [broken] = wire.receive(EARLY)
        assert broken[2].endswith("head: expected at most 32 interim ones, got more")
        assert wire.transport.aborted

    def test_interim_heads_are_counted_for_each_answer(self) -> None:
        wire = Wire()
        for _ in range(2):
            assert wire.receive(EARLY * MAX_INTERIM + OK)[-1] == ("response", 200, b"ok", True)
            wire.send()

    @pytest.mark.parametrize(
        ("n_before", "received", "reusable_before"),
        [(0, b"", False), (1, b"", True), (1, b"HTTP/1.1 2", False), (1, EARLY, False), (1, OK[:-1], False)],
        ids=["never used", "used", "part of a head", "an interim head", "part of a body"],
    )
    def test_a_close_may_be_that_of_an_idle_connection_only_before_the_first_byte(
        self, n_before: int, received: bytes, reusable_before: bool
    ) -> None:
        wire = Wire()
        for _ in range(n_before):
            wire.receive(OK)
            wire.send()
        wire.receive(received)
        [broken] = wire.end()
        assert (broken[0], broken[1], broken[3]) == ("broken", 502, reusable_before)
        assert wire.seen.n_forgotten == 1

    @pytest.mark.parametrize(
        ("fault", "said"), [(ConnectionResetError(), False), (None, False), (ConnectionResetError(), True)]
    )
    def test_a_body_until_the_close_is_not_whole_unless_the_server_said_that_it_is(
        self, fault: Exception | None, said: bool
    ) -> None:
        """TCP that ends without TLS's own end looks like neither a fault nor an end that was said."""
        wire = Wire()
        wire.receive(b"HTTP/1.1 200 OK\r\n\r\nab")
        [broken] = wire.end(fault, said=said)
        assert broken[2] == "the upstream closed the connection during its response"

    def test_what_was_abandoned_tells_nobody(self) -> None:
        wire = Wire()
        wire.connection.abandon()
        assert wire.transport.aborted
        assert wire.end() == []


class TestSwitched:
    def test_the_bytes_behind_it_are_no_http(self) -> None:
        assert Wire().receive(SWITCHED + OK) == [("switched", b"echo", OK)]

    def test_who_takes_over_gets_what_an_http2_server_said_unasked(self) -> None:
        wire = Wire(raw=True)
        wire.receive(b"sett", b"ings")
        protocol: Any = object()
        assert wire.connection.take_over(protocol) == b"settings"
        assert wire.transport.protocol is protocol

    def test_a_server_that_says_too_much_unasked_is_cut_off(self) -> None:
        wire = Wire(raw=True, limits=LimitsConfig(buffer_bytes=10))
        wire.receive(b"x" * 10)
        assert not wire.transport.aborted
        wire.receive(b"x")
        assert wire.transport.aborted


def test_a_full_send_buffer_is_the_sinks_to_know_only_while_there_is_one() -> None:
    wire = Wire()
    wire.connection.pause_writing()
    wire.connection.resume_writing()
    assert wire.seen.take() == [("writable", False), ("writable", True)]
    wire.receive(OK)
    wire.connection.pause_writing()
    assert wire.seen.take() == []
