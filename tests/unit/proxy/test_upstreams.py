"""The way to the model server through reloads: which changes keep its pool, and what becomes of it."""

from __future__ import annotations

from typing import Any

import pytest

from sidecar.upstream.connection import UpstreamConnection
from tests.support.wire import Conversation, FakeTransport

GET = b"GET /m HTTP/1.1\r\nHost: m\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"timeouts": {"first_byte_s": 3.0, "keep_alive_s": 3.0}},
        {"tap": {"ratio": 0.5}},
        {"window": {"min_rows": 7}},
        {"routes": [{"path": "/m", "ratio": 0.5}]},
        {"drain": {"limit_s": 3.0}},
    ],
    ids=str,
)
def test_a_change_that_is_none_of_the_pools_keeps_its_connections(settings: dict[str, Any]) -> None:
    with Conversation() as talk:
        pool = talk.worker.pool
        talk.reload(**settings)
        assert talk.worker.pool is pool
        assert not talk.servers[0].closed


@pytest.mark.parametrize(
    "settings",
    [
        {"upstream": "http://127.0.0.1:2"},
        {"pool": {"connections": 3}},
        {"retries": {"attempts": 1}},
        {"breaker": {"failures": 3}},
        {"limits": {"head_bytes": 3000}},
        {"timeouts": {"connect_s": 3.0}},
        {"timeouts": {"upstream_idle_s": 3.0}},
        {"tap": {"redact_headers": ["x-secret"]}},
        {"upstream_tls": {"verify": False}},
    ],
    ids=str,
)
def test_a_change_of_what_a_pool_holds_makes_a_new_one_and_closes_what_is_idle(
    settings: dict[str, Any],
) -> None:
    with Conversation() as talk:
        pool = talk.worker.pool
        talk.reload(**settings)
        assert talk.worker.pool is not pool
        assert talk.servers[0].closed


def test_an_exchange_of_before_ends_on_the_connection_that_it_has_and_that_is_then_closed() -> None:
    with Conversation() as talk:
        talk.caller_sends(GET)
        talk.reload(upstream="http://127.0.0.1:2")
        assert not talk.servers[0].is_closing()
        talk.server_sends(OK)
        assert talk.caller.take().endswith(b"ok")
        assert talk.servers[0].closed


def test_a_failure_of_an_exchange_of_before_is_the_old_upstreams() -> None:
    with Conversation(breaker={"failures": 1}) as talk:
        talk.caller_sends(GET.replace(b"GET", b"POST"))
        talk.reload(upstream="http://127.0.0.1:2")
        talk.server_leaves()
        assert talk.caller.take().startswith(b"HTTP/1.1 502 ")
        assert talk.worker.pool.breaker.closed


def test_a_reload_that_changes_nothing_of_it_leaves_an_open_breaker_open() -> None:
    with Conversation(breaker={"failures": 1}) as talk:
        talk.caller_sends(GET.replace(b"GET", b"POST"))
        talk.server_leaves()
        talk.reload(window={"min_rows": 7})
        assert not talk.worker.pool.breaker.closed


def test_a_connection_that_comes_back_before_the_new_pools_first_sweep_stays_open() -> None:
    with Conversation() as talk:
        talk.reload(pool={"connections": 3})
        pool = talk.worker.pool
        connection, transport = (
            UpstreamConnection(pool, pool._heads, talk.worker.config.limits),
            FakeTransport(),
        )
        talk.do(connection.connection_made, transport)
        talk.do(pool.release, connection)
        talk.time_passes(3.9)
        assert not transport.closed
        talk.time_passes(0.2)
        assert transport.closed


def test_at_the_end_idle_connections_are_closed() -> None:
    with Conversation(2) as talk:
        talk.do(talk.worker.upstreams.close)
        assert all(server.closed for server in talk.servers)
