"""A caller's connection: its requests in order, its ends, and what cannot be a request."""

from __future__ import annotations

import pytest

from sidecar.http1.preface import HTTP2_PREFACE
from tests.support.wire import Conversation

GET = b"GET /m HTTP/1.1\r\nHost: m\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class TestHalfClose:
    def test_right_behind_the_request_the_caller_waits_for_its_answer(self) -> None:
        with Conversation() as talk:
            talk.caller_sends(GET)
            assert talk.caller_half_closes()
            talk.server_sends(OK)
            assert talk.caller.take().endswith(b"ok")
            assert talk.caller.closed

    def test_later_it_has_gone(self) -> None:
        with Conversation() as talk:
            talk.caller_sends(GET)
            assert not talk.caller_half_closes(later_s=0.03)

    def test_unless_requests_wait_or_the_work_is_to_be_finished(self) -> None:
        with Conversation() as talk:
            talk.caller_sends(GET + GET)
            assert talk.caller_half_closes(later_s=5)
            talk.server_sends(OK)
            assert not talk.caller.closed
            talk.server_sends(OK)
            assert talk.caller.take().count(b"ok") == 2
            assert talk.caller.closed
        with Conversation(cancel_on_disconnect=False) as talk:
            talk.caller_sends(GET)
            assert talk.caller_half_closes(later_s=5)

    def test_within_a_body_or_a_head_there_is_nothing_to_wait_for(self) -> None:
        for begun in (b"POST /m HTTP/1.1\r\nHost: m\r\nContent-Length: 9\r\n\r\nabc", GET[:20], b""):
            with Conversation() as talk:
                talk.caller_sends(begun)
                assert not talk.caller_half_closes()


class TestLingering:
    """Our side ends first, and the caller gets its time to read."""

    CLOSING = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")

    def answered(self, talk: Conversation, unsent_bytes: int) -> None:
        talk.caller.unsent_bytes = unsent_bytes
        talk.caller_sends(self.CLOSING)
        talk.server_sends(OK)
        assert talk.caller.ended
        assert not talk.caller.aborted

    def test_a_caller_that_has_read_all_gets_two_seconds_to_leave(self) -> None:
        with Conversation() as talk:
            self.answered(talk, 0)
            talk.time_passes(1.9)
            assert not talk.caller.aborted
            talk.time_passes(0.2)
            assert talk.caller.aborted

    def test_a_caller_that_reads_on_may_take_as_long_as_it_needs(self) -> None:
        with Conversation() as talk:
            self.answered(talk, 1000)
            for left in (900, 500, 1):
                talk.caller.unsent_bytes = left
                talk.time_passes(61)
                assert not talk.caller.aborted
            talk.time_passes(61)
            assert talk.caller.aborted

    def test_what_still_comes_is_read_over(self) -> None:
        with Conversation() as talk:
            self.answered(talk, 0)
            talk.caller.take()
            talk.caller_sends(GET)
            assert (talk.caller.take(), talk.counter("seen")) == (b"", 1)


class TestPreface:
    @pytest.mark.parametrize("cut", range(1, len(HTTP2_PREFACE)))
    def test_however_it_is_cut_it_is_no_request(self, cut: int) -> None:
        with Conversation() as talk:
            talk.caller_sends(HTTP2_PREFACE[:cut])
            assert (talk.counter("seen"), talk.caller.take()) == (0, b"")
            talk.caller_sends(HTTP2_PREFACE[cut:])
            assert talk.counter("seen") == 1

    def test_something_like_it_is_refused(self) -> None:
        with Conversation() as talk:
            talk.caller_sends(HTTP2_PREFACE[:-4] + b"\n\n\n\n")
            assert talk.caller.take().startswith(b"HTTP/1.1 400 ")
            assert talk.counter("rejected") == 1

    def test_behind_a_request_it_is_refused(self) -> None:
        with Conversation() as talk:
            talk.caller_sends(GET)
            talk.server_sends(OK)
            talk.caller.take()
            talk.caller_sends(HTTP2_PREFACE)
            assert talk.caller.take().startswith(b"HTTP/1.1 ")
            assert (talk.counter("seen"), talk.counter("rejected")) == (1, 1)


def test_a_caller_beyond_the_limit_is_told_to_come_back() -> None:
    with Conversation(limits={"connections": 1}) as talk:
        talk.time_passes(0)
        another = talk.another_caller()
        assert another.take().startswith(b"HTTP/1.1 503 ")
        assert another.ended


def test_a_head_that_stops_half_way_is_a_408() -> None:
    with Conversation() as talk:
        talk.caller_sends(GET[:20])
        talk.time_passes(10.5)
        assert talk.caller.take().startswith(b"HTTP/1.1 408 ")
        assert talk.counter("late") == 1
