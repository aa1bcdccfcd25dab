"""Conversations: what goes to the upstream and to the caller, step by step, without sockets."""

from __future__ import annotations

import pytest

from sidecar.proxy.downstream import DownstreamConnection
from sidecar.ring.record import Outcome
from tests.support.wire import Conversation, FakeTransport

HEAD = b"POST /m HTTP/1.1\r\nHost: m\r\nContent-Length: 4\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def body_of(message: bytes) -> bytes:
    return message.partition(b"\r\n\r\n")[2]


def test_a_small_exchange_is_one_write_each_way() -> None:
    with Conversation() as talk:
        talk.caller_sends(HEAD + b"body")
        assert body_of(talk.servers[0].take()) == b"body"
        talk.server_sends(OK)
        assert body_of(talk.caller.take()) == b"ok"
        talk.time_passes(0)
        assert (talk.counter("seen"), talk.n_recorded(), talk.counter("active")) == (1, 1, 0)
        assert (talk.counter("request_bytes"), talk.counter("response_bytes")) == (4, 2)


def test_what_is_under_way_is_counted_as_active() -> None:
    with Conversation() as talk:
        talk.caller_sends(HEAD + b"body")
        talk.time_passes(0)
        assert talk.counter("active") == 1


def test_a_body_is_forwarded_as_it_comes_and_never_held() -> None:
    with Conversation() as talk:
        talk.caller_sends(HEAD + b"b")
        assert body_of(talk.servers[0].take()) == b"b"
        talk.caller_sends(b"o")
        assert talk.servers[0].take() == b"o"
        talk.caller_sends(b"dy")
        assert talk.servers[0].take() == b"dy"


def test_a_response_is_forwarded_as_it_comes() -> None:
    with Conversation() as talk:
        talk.caller_sends(HEAD + b"body")
        talk.server_sends(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\na")
        assert body_of(talk.caller.take()) == b"a"
        talk.server_sends(b"bcd")
        assert talk.caller.take() == b"bcd"
        assert talk.n_recorded() == 1


class TestBackPressure:
    def test_a_full_upstream_stops_the_caller(self) -> None:
        with Conversation() as talk:
            talk.caller_sends(HEAD + b"b")
            talk.server_blocks()
            assert not talk.caller.reading
            talk.server_blocks(False)
            assert talk.caller.reading

    def test_a_full_caller_stops_the_upstream(self) -> None:
        with Conversation() as talk:
            talk.caller_sends(HEAD + b"body")
            talk.server_sends(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\na")
            talk.caller_blocks()
            assert not talk.servers[0].reading
            talk.caller_blocks(False)
            assert talk.servers[0].reading

    def test_a_caller_that_blocks_behind_a_whole_answer_does_not_stop_a_pooled_connection(self) -> None:
        with Conversation() as talk:
            talk.caller_sends(HEAD + b"body")
            talk.server_sends(OK)
            talk.caller_blocks()
            assert talk.servers[0].reading

    def test_a_flood_of_pipelined_requests_is_held_back(self) -> None:
        with Conversation(limits={"buffer_bytes": 1000}) as talk:
            talk.caller_sends(HEAD + b"body", *[HEAD + b"body"] * 30)
            assert not talk.caller.reading
            talk.server_sends(OK)
            assert talk.servers[0].take().count(b"POST /m") == 2


class TestRetry:
    def used_once(self, talk: Conversation) -> None:
        """Both connections have served before, so a close may be the server's idle time-out."""
        for place in (0, 0):
            talk.caller_sends(HEAD + b"body")
            talk.server_sends(OK, place=place)
        talk.caller.take()
        talk.servers[0].take()

    def test_an_idempotent_request_is_sent_again(self) -> None:
        with Conversation(2) as talk:
            self.used_once(talk)
            talk.caller_sends(b"GET /m HTTP/1.1\r\nHost: m\r\n\r\n")
            talk.server_leaves(0)
            assert talk.servers[1].take().startswith(b"GET /m HTTP/1.1\r\n")
            talk.server_sends(OK, place=1)
            assert talk.caller.take().startswith(b"HTTP/1.1 200 OK\r\n")
            assert talk.counter("retried") == 1

    def test_one_that_is_not_idempotent_is_not(self) -> None:
        with Conversation(2) as talk:
            self.used_once(talk)
            talk.caller_sends(HEAD + b"body")
            talk.server_leaves(0)
            assert talk.caller.take().startswith(b"HTTP/1.1 502 Bad Gateway\r\n")
            assert talk.servers[1].take() == b""

    def test_one_whose_answer_had_begun_is_not(self) -> None:
        with Conversation(2) as talk:
            self.used_once(talk)
            talk.caller_sends(b"GET /m HTTP/1.1\r\nHost: m\r\n\r\n")
            talk.server_sends(b"HTTP/1.1 2")
            talk.server_leaves(0)
            assert talk.caller.take().startswith(b"HTTP/1.1 502 Bad Gateway\r\n")


class TestEnds:
    def test_a_caller_that_leaves_takes_its_upstream_connection_with_it(self) -> None:
        with Conversation() as talk:
            talk.caller_sends(HEAD + b"body")
            talk.caller_leaves()
            assert talk.servers[0].aborted
            assert (talk.n_recorded(), talk.counter("active")) == (1, 0)

    def test_an_answer_before_the_request_has_ended_ends_both_connections(self) -> None:
        with Conversation() as talk:
            talk.caller_sends(HEAD + b"b")
            talk.server_sends(OK)
            assert b"connection: close\r\n" in talk.caller.take()
            assert talk.caller.ended
            assert talk.servers[0].closed

    def test_an_upstream_that_says_close_is_not_used_again(self) -> None:
        with Conversation(2) as talk:
            talk.caller_sends(HEAD + b"body")
            talk.server_sends(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            assert talk.servers[0].closed
            talk.caller_sends(HEAD + b"body")
            assert talk.servers[1].take()

    def test_bytes_behind_an_answer_condemn_the_connection(self) -> None:
        with Conversation() as talk:
            talk.caller_sends(HEAD + b"body")
            talk.server_sends(OK + b"more")
            assert body_of(talk.caller.take()) == b"ok"
            assert talk.servers[0].closed

    def test_bytes_that_nobody_asked_for_condemn_the_connection(self) -> None:
        with Conversation() as talk:
            talk.server_sends(OK)
            assert talk.servers[0].aborted

    @pytest.mark.parametrize(("sent", "seconds", "status"), [(HEAD, 31, 408), (HEAD + b"body", 61, 504)])
    def test_time_outs(self, sent: bytes, seconds: float, status: int) -> None:
        with Conversation() as talk:
            talk.caller_sends(sent)
            talk.time_passes(seconds - 2)
            assert talk.caller.take() == b""
            talk.time_passes(2.5)
            assert talk.caller.take().startswith(b"HTTP/1.1 %d " % status)
            assert talk.servers[0].aborted

    def test_an_answer_that_stops_half_way_cuts_the_caller(self) -> None:
        with Conversation() as talk:
            talk.caller_sends(HEAD + b"body")
            talk.server_sends(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\na")
            talk.time_passes(61)
            assert talk.caller.aborted
            assert talk.n_recorded() == 1

    def test_a_request_beyond_the_limit_is_refused_while_it_comes(self) -> None:
        chunked = b"POST /m HTTP/1.1\r\nHost: m\r\nTransfer-Encoding: chunked\r\n\r\n"
        with Conversation(limits={"body_bytes": 10}) as talk:
            talk.caller_sends(chunked + b"8\r\n01234567\r\n")
            talk.caller_sends(b"8\r\n01234567\r\n")
            assert talk.caller.take().startswith(b"HTTP/1.1 413 ")
            assert talk.servers[0].aborted

    def test_draining_says_close_behind_the_answer(self) -> None:
        with Conversation() as talk:
            talk.caller_sends(HEAD + b"body")
            talk.worker.draining = True
            talk.server_sends(OK)
            assert b"connection: close\r\n" in talk.caller.take()
            assert talk.caller.ended


class TestTimeOuts:
    """Whose a time-out is follows from what is missing."""

    GET = b"GET /m HTTP/1.1\r\nHost: m\r\n\r\n"

    def ended(self, talk: Conversation) -> tuple[Outcome, int]:
        """How the only exchange ended, and how many time-outs were counted."""
        [record] = talk.records()
        return record.outcome, talk.counter("late")

    def test_no_free_connection_within_queue_s_is_a_503(self) -> None:
        with Conversation(pool={"connections": 1}, timeouts={"queue_s": 3.0}) as talk:
            talk.caller_sends(self.GET)
            second, transport = DownstreamConnection(talk.worker), FakeTransport()
            talk.do(second.connection_made, transport)
            talk.do(second.data_received, self.GET)
            talk.time_passes(2.9)
            assert transport.take() == b""
            assert talk.counter("upstream_waiting") == 1
            talk.time_passes(0.2)
            answer = transport.take()
            assert answer.startswith(b"HTTP/1.1 503 ")
            assert b"\r\nretry-after: " in answer
            assert self.ended(talk) == (Outcome.OVERLOADED, 1)
            talk.servers[0].take()
            talk.server_sends(OK)
            assert talk.servers[0].take() == b""  # nobody waits for the connection that is free now
            assert not talk.servers[0].is_closing()

    def test_an_answer_that_does_not_begin_within_first_byte_s_is_a_504(self) -> None:
        with Conversation(timeouts={"first_byte_s": 3.0}) as talk:
            talk.caller_sends(self.GET)
            talk.time_passes(2.9)
            assert talk.caller.take() == b""
            talk.time_passes(0.2)
            assert talk.caller.take().startswith(b"HTTP/1.1 504 ")
            assert talk.servers[0].aborted
            assert self.ended(talk) == (Outcome.UPSTREAM_TIMEOUT, 1)

    def test_an_answer_that_pauses_is_cut_only_when_it_pauses_for_response_idle_s(self) -> None:
        with Conversation(timeouts={"response_idle_s": 3.0}) as talk:
            talk.caller_sends(self.GET)
            talk.server_sends(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
            for _ in range(3):
                talk.time_passes(2.9)
                talk.server_sends(b"x")
            assert not talk.caller.aborted
            talk.time_passes(3.1)
            assert talk.caller.aborted
            assert talk.servers[0].aborted
            assert self.ended(talk) == (Outcome.UPSTREAM_TIMEOUT, 1)

    def test_a_caller_that_does_not_read_for_caller_idle_s_is_cut_and_that_is_not_the_upstreams_fault(
        self,
    ) -> None:
        with Conversation(timeouts={"caller_idle_s": 3.0, "response_idle_s": 1.0}) as talk:
            talk.caller_sends(self.GET)
            talk.server_sends(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx")
            talk.caller_blocks()
            talk.time_passes(2.9)
            assert not talk.caller.aborted
            talk.time_passes(0.2)
            assert talk.caller.aborted
            assert talk.servers[0].aborted
            assert self.ended(talk) == (Outcome.CALLER_GONE, 1)
            assert talk.counter("upstream_errors") == 0

    def test_a_caller_that_reads_again_is_judged_by_the_upstreams_pace_again(self) -> None:
        with Conversation(timeouts={"caller_idle_s": 1.0, "response_idle_s": 3.0}) as talk:
            talk.caller_sends(self.GET)
            talk.server_sends(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx")
            talk.caller_blocks()
            talk.caller_blocks(False)
            talk.time_passes(2.9)
            assert not talk.caller.aborted
            talk.time_passes(0.2)
            assert self.ended(talk) == (Outcome.UPSTREAM_TIMEOUT, 1)

    def test_an_upstream_that_does_not_read_the_body_is_a_504_and_not_the_callers_408(self) -> None:
        with Conversation(timeouts={"first_byte_s": 5.0, "body_idle_s": 1.0}) as talk:
            talk.caller_sends(HEAD + b"b")
            talk.server_blocks()
            talk.time_passes(4.9)
            assert talk.caller.take() == b""
            talk.time_passes(0.2)
            assert talk.caller.take().startswith(b"HTTP/1.1 504 ")
            assert self.ended(talk) == (Outcome.UPSTREAM_TIMEOUT, 1)

    def test_a_pause_of_the_upstreams_is_no_slowness_of_the_callers(self) -> None:
        settings = {"timeouts": {"body_idle_s": 2.0}, "limits": {"body_bytes_per_s": 1.0}}
        with Conversation(**settings) as talk:
            talk.caller_sends(HEAD + b"b")
            talk.server_blocks()
            talk.time_passes(30)
            talk.server_blocks(False)
            talk.time_passes(1.9)
            assert talk.caller.take() == b""
            talk.time_passes(0.2)
            assert talk.caller.take().startswith(b"HTTP/1.1 408 ")
            assert self.ended(talk) == (Outcome.REJECTED, 1)

    def test_a_body_that_trickles_is_refused_although_it_never_pauses_for_long(self) -> None:
        settings = {"timeouts": {"body_idle_s": 3.0}, "limits": {"body_bytes_per_s": 1.0}}
        with Conversation(**settings) as talk:
            talk.caller_sends(HEAD)
            for _ in range(2):  # a byte each 1.9 s, where each byte earns one
                talk.time_passes(1.9)
                assert talk.caller.take() == b""
                talk.caller_sends(b"x")
            talk.time_passes(1.3)
            assert talk.caller.take().startswith(b"HTTP/1.1 408 ")

    def test_a_gone_callers_exchange_ends_in_time_as_well(self) -> None:
        with Conversation(cancel_on_disconnect=False, timeouts={"first_byte_s": 3.0}) as talk:
            talk.caller_sends(self.GET)
            talk.caller_leaves()
            talk.time_passes(3.1)
            assert talk.servers[0].aborted
            assert self.ended(talk) == (Outcome.UPSTREAM_TIMEOUT, 1)


class TestTap:
    def test_without_payload_nothing_is_held(self) -> None:
        with Conversation(tap={"ratio": 0.0}) as talk:
            talk.caller_sends(HEAD + b"body")
            talk.server_sends(OK)
            assert talk.n_recorded() == 1
            assert b"body" not in bytes(talk.ring.data)

    def test_payload_and_head_are_in_the_record_and_credentials_are_not(self) -> None:
        with Conversation() as talk:
            talk.caller_sends(HEAD.replace(b"\r\n\r\n", b"\r\nAuthorization: s3cret\r\n\r\n") + b"body")
            assert b"Authorization: s3cret" in talk.servers[0].take()
            talk.server_sends(OK)
            assert talk.n_recorded() == 1
            area = bytes(talk.ring.data)
            assert (b"POST /m HTTP/1.1" in area, b"body" in area, b"s3cret" in area) == (True, True, False)

    def test_a_fault_in_the_tap_is_counted_and_does_not_reach_the_caller(self) -> None:
        with Conversation() as talk:
            talk.writer._tag = -1  # fits no record
            talk.caller_sends(HEAD + b"body")
            talk.server_sends(OK)
            assert body_of(talk.caller.take()) == b"ok"
            assert talk.counter("tap_failed") == 1
