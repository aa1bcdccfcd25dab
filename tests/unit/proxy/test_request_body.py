"""A request's body: its parts, and its pace."""

from __future__ import annotations

import pytest

from sidecar.http1.fields import CHUNKED
from sidecar.http1.part import Part
from sidecar.proxy.request_body import RequestBody
from tests.support.wire import LONG_SIZES, Conversation, answer, long_body, put, taken_body

OK = answer(b"ok")


def body(length: int = 1000, now_s: float = 100.0) -> tuple[RequestBody, list[Part]]:
    kept: list[Part] = []
    return RequestBody(length, 10_000, kept.append, now_s), kept


def test_a_body_of_known_length_ends_where_its_length_says() -> None:
    reader, kept = body(5)
    assert reader.take(b"abc") == (b"abc", b"")
    assert reader.take(b"deGET") == (b"de", b"GET")
    assert (reader.done, kept) == (True, [b"abc", b"de"])


def test_chunks_are_framed_anew_and_the_trailer_goes_on() -> None:
    reader, kept = body(CHUNKED)
    framed, rest = reader.take(b"3;x=y\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\nGET")
    assert (framed, rest) == (b"3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n", b"GET")
    assert (reader.done, kept, reader.n_bytes) == (True, [b"abc"], 3)


class TestLong:
    """Long bodies travel as views of what was read: nobody sees a difference."""

    @pytest.mark.parametrize("size", LONG_SIZES)
    def test_one_that_came_with_its_head_is_one_write_and_recorded(self, size: int) -> None:
        sent = long_body(size)
        with Conversation() as talk:
            talk.caller_sends(put(sent))
            assert talk.servers[0].n_writes == 1
            assert taken_body(talk.servers[0]) == sent
            talk.server_sends(OK)
            assert talk.bodies() == [(sent, b"ok")]

    def test_the_next_request_behind_its_end_is_read(self) -> None:
        sent = long_body(150_000)
        with Conversation() as talk:
            whole = put(sent)
            talk.caller_sends(whole[:100_000], whole[100_000:] + put(b"next"))
            assert taken_body(talk.servers[0]) == sent
            talk.server_sends(OK)
            assert taken_body(talk.servers[0]) == b"next"

    def test_one_that_came_with_the_next_request_behind_it(self) -> None:
        sent = long_body(150_000)
        with Conversation() as talk:
            talk.caller_sends(put(sent) + put(b"next"))
            assert taken_body(talk.servers[0]) == sent
            talk.server_sends(OK)
            assert taken_body(talk.servers[0]) == b"next"

    def test_one_that_waited_for_a_connection_is_sent_whole(self) -> None:
        sent = long_body(100_000)
        with Conversation(pool={"connections": 1}) as talk:
            talk.caller_sends(put(b"first"))
            second = talk.another_downstream()
            whole = put(sent)
            talk.do(second.data_received, whole[:50_000])
            talk.do(second.data_received, whole[50_000:])
            talk.servers[0].take()
            talk.server_sends(OK)
            assert taken_body(talk.servers[0]) == sent

    def test_one_is_sent_again_when_the_idle_connection_had_died(self) -> None:
        sent = long_body(150_000)
        with Conversation(2) as talk:
            for place in (0, 0):
                talk.caller_sends(put(b"used"))
                talk.server_sends(OK, place=place)
            talk.caller_sends(put(sent))
            talk.server_leaves(0)
            assert taken_body(talk.servers[1]) == sent


class TestPace:
    def test_a_pause_may_be_as_long_as_the_settings_say(self) -> None:
        reader, _ = body()
        assert reader.allowed_s(100.0, 30.0, 0.0) == 30.0
        assert reader.allowed_s(100.0, 30.0, 10.0) == 30.0

    def test_what_comes_too_slowly_uses_up_its_grace(self) -> None:
        reader, _ = body()
        reader.take(b"x" * 100)  # at 10 bytes a second: on schedule until 110
        assert reader.allowed_s(110.0, 30.0, 10.0) == 30.0
        assert reader.allowed_s(130.0, 30.0, 10.0) == 10.0
        assert reader.allowed_s(150.0, 30.0, 10.0) == 0.0

    def test_what_comes_fast_builds_up_no_more_than_one_pause(self) -> None:
        reader, _ = body()
        reader.take(b"x" * 900)
        assert reader.allowed_s(101.0, 30.0, 10.0) == 30.0

    @pytest.mark.parametrize("rate", [0.0, 10.0])
    def test_a_pause_of_the_upstreams_is_not_the_callers(self, rate: float) -> None:
        reader, _ = body()
        reader.take(b"x" * 10)
        reader.excuse(500.0, rate)
        assert reader.allowed_s(500.0, 30.0, rate) == 30.0
