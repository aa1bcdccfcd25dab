"""Two connections joined: what is carried, who waits for whom, and how it ends."""

from __future__ import annotations

from typing import Any

from tests.support.wire import Conversation

ASK = b"GET /ws HTTP/1.1\r\nHost: m\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n"
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n"


def joined(talk: Conversation, asked: bytes = b"", said: bytes = b"") -> tuple[Any, Any]:
    """The protocols of both ends."""
    talk.caller_sends(ASK + asked)
    talk.servers[0].take()
    talk.server_sends(SWITCHED + said)
    talk.caller.take_head()
    return talk.caller.protocol, talk.servers[0].protocol


def test_bytes_go_both_ways_and_are_counted() -> None:
    with Conversation() as talk:
        near, far = joined(talk)
        talk.do(near.data_received, b"up")
        talk.do(far.data_received, b"down")
        assert (talk.servers[0].take(), talk.caller.take()) == (b"up", b"down")
        talk.do(far.connection_lost, None)
        talk.time_passes(0)
        assert (talk.counter("request_bytes"), talk.counter("response_bytes")) == (2, 4)


def test_what_was_sent_before_comes_first() -> None:
    with Conversation() as talk:
        joined(talk, asked=b"early", said=b"hello")
        assert (talk.servers[0].take(), talk.caller.take()) == (b"early", b"hello")


def test_the_slower_side_stops_the_faster_one() -> None:
    with Conversation() as talk:
        near, far = joined(talk)
        talk.do(near.pause_writing)
        assert (talk.caller.reading, talk.servers[0].reading) == (True, False)
        talk.do(near.resume_writing)
        talk.do(far.pause_writing)
        assert (talk.caller.reading, talk.servers[0].reading) == (False, True)
        talk.do(far.resume_writing)
        assert talk.caller.reading


def test_an_end_is_passed_on_and_the_other_direction_goes_on() -> None:
    with Conversation() as talk:
        near, far = joined(talk)
        talk.do(near.eof_received)
        assert talk.servers[0].ended
        talk.do(far.data_received, b"still")
        assert talk.caller.take() == b"still"
        talk.do(far.eof_received)
        assert talk.caller.closed
        assert talk.servers[0].closed
        assert talk.n_recorded() == 1


def test_the_loss_of_either_side_ends_it_and_it_is_recorded_once() -> None:
    for place in (0, 1):
        with Conversation() as talk:
            ends = joined(talk)
            assert talk.counter("tunnels") == 1
            talk.do(ends[place].connection_lost, ConnectionResetError())
            talk.do(ends[1 - place].connection_lost, None)
            assert (talk.n_recorded(), talk.counter("tunnels"), talk.worker.pool.n_open) == (1, 0, 0)


def test_one_that_nobody_uses_is_closed() -> None:
    with Conversation() as talk:
        near, _ = joined(talk)
        talk.time_passes(3000)
        talk.do(near.data_received, b"x")
        talk.time_passes(3000)
        assert not talk.caller.closed
        talk.time_passes(700)
        assert talk.caller.closed
