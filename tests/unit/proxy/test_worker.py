"""What all connections of a worker share: a reload in the middle of things, and the end."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sidecar.proxy.downstream import DownstreamConnection
from sidecar.ring.record import Outcome
from tests.support.wire import Conversation, FakeTransport

GET = b"GET /m HTTP/1.1\r\nHost: m\r\n\r\n"
HEAD = b"POST /m HTTP/1.1\r\nHost: m\r\nContent-Length: 4\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class TestReload:
    def test_what_is_under_way_ends_by_the_old_settings_and_the_next_begins_by_the_new(self) -> None:
        with Conversation() as talk:
            talk.caller_sends(HEAD + b"bo")
            talk.reload(limits={"body_bytes": 2})
            talk.caller_sends(b"dy")
            assert talk.servers[0].take().endswith(b"body")
            talk.server_sends(OK)
            assert talk.caller.take().endswith(b"ok")
            talk.caller_sends(HEAD)
            assert talk.caller.take().startswith(b"HTTP/1.1 413 ")

    def test_heads_seen_before_are_read_by_the_new_settings(self) -> None:
        with Conversation() as talk:
            for _ in range(2):
                talk.caller_sends(GET)
                talk.server_sends(OK)
            talk.reload(limits={"target_bytes": 1})
            talk.caller.take()
            talk.caller_sends(GET)
            assert talk.caller.take().startswith(b"HTTP/1.1 414 ")

    def test_the_share_that_is_analysed_follows(self) -> None:
        with Conversation(2) as talk:
            talk.reload(tap={"ratio": 0.0})
            talk.caller_sends(HEAD + b"body")
            talk.server_sends(OK)
            assert b"body" not in bytes(talk.ring.data)
            [record] = talk.records()
            assert record.ratio == 0.0

    def test_files_of_tls_that_have_become_useless_leave_everything_as_it_was(
        self, capfd: pytest.CaptureFixture[str]
    ) -> None:
        with Conversation() as talk:
            before = talk.worker.config
            talk.reload(upstream="https://localhost:1", upstream_tls={"ca": "/nowhere.pem"})
            assert talk.worker.config is before
            said = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
            assert [line["event"] for line in said] == ["reload_refused"]
            talk.caller_sends(GET)
            talk.server_sends(OK)
            assert talk.caller.take().endswith(b"ok")


class TestDrain:
    def test_idle_callers_are_closed_at_once_and_that_is_all_there_is_to_wait_for(self) -> None:
        with Conversation() as talk:
            talk.caller_sends(GET)
            talk.server_sends(OK)
            draining = talk.start_drain()
            assert talk.caller.ended
            assert not draining.done()
            talk.caller_leaves()
            assert draining.done()
            assert draining.result() == 0
            assert talk.servers[0].closed

    def test_a_caller_that_has_not_asked_yet_gets_two_seconds_to_and_one_answer(self) -> None:
        with Conversation() as talk:
            talk.start_drain()
            talk.time_passes(1.9)
            assert not talk.caller.ended
            talk.caller_sends(GET)
            talk.server_sends(OK)
            assert b"connection: close\r\n" in talk.caller.take()
            assert talk.caller.ended
        with Conversation() as talk:
            talk.start_drain()
            talk.time_passes(2.1)
            assert talk.caller.closed

    def test_an_exchange_gets_its_answer_and_no_further_one_begins(self) -> None:
        with Conversation() as talk:
            talk.caller_sends(GET)
            draining = talk.start_drain()
            talk.time_passes(10)
            assert not draining.done()
            talk.server_sends(OK)
            assert b"connection: close\r\n" in talk.caller.take()
            talk.caller_sends(GET)
            assert (talk.caller.take(), talk.counter("seen")) == (b"", 1)
            talk.caller_leaves()
            assert draining.result() == 0

    def test_what_lasts_beyond_the_limit_is_cut_off_and_recorded(self) -> None:
        with Conversation(drain={"limit_s": 5.0}) as talk:
            talk.caller_sends(GET)
            draining = talk.start_drain()
            talk.time_passes(4.9)
            assert not talk.caller.aborted
            talk.time_passes(0.2)
            assert talk.caller.aborted
            talk.caller_leaves()
            assert draining.result() == 1
            assert [record.outcome for record in talk.records()] == [Outcome.CALLER_GONE]

    def test_a_caller_that_has_left_is_waited_for_while_its_work_goes_on(self) -> None:
        with Conversation(cancel_on_disconnect=False) as talk:
            talk.caller_sends(GET)
            talk.caller_leaves()
            draining = talk.start_drain()
            assert not draining.done()
            talk.server_sends(OK)
            assert draining.done()
            assert [record.outcome for record in talk.records()] == [Outcome.OK]

    def test_and_is_cut_off_at_the_limit_like_any_other(self) -> None:
        with Conversation(cancel_on_disconnect=False, drain={"limit_s": 5.0}) as talk:
            talk.caller_sends(GET)
            talk.caller_leaves()
            draining = talk.start_drain()
            talk.time_passes(5.1)
            assert draining.result() == 1
            assert talk.servers[0].aborted
            assert [record.outcome for record in talk.records()] == [Outcome.CALLER_GONE]


class TestLimits:
    def test_a_caller_that_leaves_makes_room_for_another(self) -> None:
        def welcome(talk: Conversation) -> tuple[Any, FakeTransport]:
            connection, transport = DownstreamConnection(talk.worker), FakeTransport()
            talk.do(connection.connection_made, transport)
            return connection, transport

        with Conversation(limits={"connections": 2}) as talk:
            second, _ = welcome(talk)
            third, refused = welcome(talk)
            assert refused.take().startswith(b"HTTP/1.1 503 ")
            for connection in (third, second):
                talk.do(connection.connection_lost, None)
            _, welcomed = welcome(talk)
            assert welcomed.take() == b""
            assert talk.counter("connections") == 2

    def test_an_idle_caller_is_closed_after_keep_alive_s(self) -> None:
        with Conversation(timeouts={"keep_alive_s": 3.0}) as talk:
            talk.time_passes(2.5)
            talk.caller_sends(GET)
            talk.server_sends(OK)
            talk.time_passes(2.5)
            assert not talk.caller.closed
            talk.time_passes(1.0)
            assert talk.caller.closed
            assert talk.counter("late") == 0
