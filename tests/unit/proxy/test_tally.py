"""Counters in shared memory: what is stored at once, what a sweep brings, and what a successor finds."""

from __future__ import annotations

import pytest

from sidecar.proxy.tally import Tally
from sidecar.ring.counters import read_counter
from tests.support.ring_pair import ring_pair
from tests.support.wire import Conversation

GET = b"GET /m HTTP/1.1\r\nHost: m\r\n\r\n"
HEAD = b"POST /m HTTP/1.1\r\nHost: m\r\nContent-Length: 4\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def test_an_exchange_is_seen_before_anything_can_happen_to_it() -> None:
    with Conversation() as talk:
        talk.caller_sends(HEAD)
        assert talk.counter("seen") == 1


def test_bytes_and_the_number_under_way_are_brought_by_a_sweep() -> None:
    with Conversation() as talk:
        talk.caller_sends(HEAD + b"body")
        talk.server_sends(OK)
        talk.caller_sends(GET)
        assert [talk.counter(name) for name in ("request_bytes", "response_bytes", "active")] == [0, 0, 0]
        talk.time_passes(0)
        assert [talk.counter(name) for name in ("request_bytes", "response_bytes", "active")] == [4, 2, 1]


def test_the_upstreams_state_is_brought_by_a_sweep() -> None:
    with Conversation(2) as talk:
        talk.time_passes(0)
        assert [
            talk.counter(name)
            for name in ("upstream_connections", "upstream_waiting", "upstream_healthy", "breaker_open")
        ] == [2, 0, 1, 0]


def test_an_upstream_that_has_not_passed_its_check_is_not_healthy() -> None:
    with Conversation(health_check={"path": "/ready"}) as talk:
        talk.time_passes(0)
        assert talk.counter("upstream_healthy") == 0


def test_a_breaker_that_opens_is_counted_once_and_shows_until_it_closes() -> None:
    with Conversation(2, breaker={"failures": 1, "open_s": 1.0}) as talk:
        talk.caller_sends(HEAD + b"body")
        talk.server_leaves()
        for _ in range(2):
            talk.time_passes(0)
            assert (talk.counter("breaker_open"), talk.counter("breaker_opened")) == (1, 1)
        talk.time_passes(2.0)
        talk.caller_sends(GET)
        talk.server_sends(OK, place=1)
        talk.time_passes(0)
        assert (talk.counter("breaker_open"), talk.counter("breaker_opened")) == (0, 1)


@pytest.mark.parametrize(
    ("name", "sent", "answered"),
    [("rejected", b"GET /m HTTP/1.1\r\n\r\n", b""), ("upstream_errors", GET, b"what?\r\n\r\n")],
)
def test_what_went_wrong_is_counted_at_once(name: str, sent: bytes, answered: bytes) -> None:
    with Conversation() as talk:
        talk.caller_sends(sent)
        if answered:
            talk.server_sends(answered)
        assert talk.counter(name) == 1


def test_a_successor_goes_on_where_its_predecessor_was_killed() -> None:
    """With three exchanges seen and one ended; two are lost, and none of them is under way any more."""
    with ring_pair() as pair, Conversation() as talk:
        before = Tally(pair.segment)
        for _ in range(3):
            before.add_seen()
        before.add_ended(10, 20)
        before.add_tunnel(2)
        before.sweep(talk.worker.upstreams)
        assert read_counter(pair.segment, "active") == 2
        after = Tally(pair.segment)
        after.add_seen()
        after.add_ended(1, 2)
        after.sweep(talk.worker.upstreams)
        assert {
            name: read_counter(pair.segment, name)
            for name in ("seen", "active", "request_bytes", "response_bytes", "tunnels")
        } == {"seen": 4, "active": 0, "request_bytes": 11, "response_bytes": 22, "tunnels": 0}
