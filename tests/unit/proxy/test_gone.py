"""An exchange whose caller has left and whose work is finished all the same."""

from __future__ import annotations

from tests.support.wire import Conversation, answer, long_body, put

GET = b"GET /m HTTP/1.1\r\nHost: m\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def test_the_answer_is_taken_and_recorded() -> None:
    with Conversation(cancel_on_disconnect=False) as talk:
        talk.caller_sends(GET)
        talk.caller_leaves()
        assert not talk.servers[0].aborted
        assert talk.n_recorded() == 0
        talk.server_sends(OK)
        talk.time_passes(0)
        assert (talk.n_recorded(), talk.counter("connections"), talk.counter("active")) == (1, 0, 0)


def test_time_outs_hold() -> None:
    with Conversation(cancel_on_disconnect=False) as talk:
        talk.caller_sends(GET)
        talk.caller_leaves()
        for timed in talk.worker._timed:
            timed.deadline_s -= 61
        talk.time_passes(0)
        assert talk.servers[0].aborted
        assert (talk.n_recorded(), talk.counter("connections")) == (1, 0)


def test_an_upstream_that_was_held_back_for_the_caller_may_go_on() -> None:
    with Conversation(cancel_on_disconnect=False) as talk:
        talk.caller_sends(GET)
        talk.server_sends(OK[:-1])
        talk.caller_blocks()
        assert not talk.servers[0].reading
        talk.caller_leaves()
        assert talk.servers[0].reading


def test_a_request_that_is_not_whole_is_cancelled_in_any_case() -> None:
    with Conversation(cancel_on_disconnect=False) as talk:
        talk.caller_sends(b"POST /m HTTP/1.1\r\nHost: m\r\nContent-Length: 9\r\n\r\nabc")
        talk.caller_leaves()
        assert talk.servers[0].aborted


def test_a_long_answer_is_taken_and_recorded() -> None:
    body = long_body(150_000)
    with Conversation(cancel_on_disconnect=False) as talk:
        talk.caller_sends(put(b"short"))
        talk.caller_leaves()
        talk.server_sends(answer(body))
        assert talk.bodies() == [(b"short", body)]
