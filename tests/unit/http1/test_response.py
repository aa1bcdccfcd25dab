from __future__ import annotations

import pytest

from sidecar.config.traffic import LimitsConfig
from sidecar.errors import WireError
from sidecar.http1.fields import CHUNKED, UNTIL_CLOSE
from sidecar.http1.response import ResponseHead, parse_response_head


def parse(*lines: str, first: str = "HTTP/1.1 200 OK") -> ResponseHead:
    return parse_response_head("\r\n".join([first, *lines, "", ""]).encode("latin-1"), LimitsConfig())


@pytest.mark.parametrize(
    ("first", "lines", "length", "keep"),
    [
        ("HTTP/1.1 200 OK", ("Content-Length: 7",), 7, True),
        ("HTTP/1.1 200 OK", ("Transfer-Encoding: chunked",), CHUNKED, True),
        ("HTTP/1.1 200 OK", (), UNTIL_CLOSE, False),
        ("HTTP/1.1 204 No Content", (), 0, True),
        ("HTTP/1.1 304 Not Modified", ("Content-Length: 7",), 0, True),
        ("HTTP/1.1 100 Continue", (), 0, True),
        ("HTTP/1.1 200 OK", ("Content-Length: 7", "Connection: close"), 7, False),
        ("HTTP/1.0 200 OK", ("Content-Length: 7",), 7, False),
        ("HTTP/1.0 200 OK", ("Content-Length: 7", "Connection: keep-alive"), 7, True),
        ("HTTP/1.1 204 No Content", ("Content-Length: 0",), 0, True),
        ("HTTP/1.1 304 Not Modified", ("Transfer-Encoding: chunked",), 0, True),
        ("HTTP/1.1 200 ", ("Content-Length: 0",), 0, True),
        ("HTTP/1.1 200", ("Content-Length: 0",), 0, True),
    ],
)
def test_framing(first: str, lines: tuple[str, ...], length: int, keep: bool) -> None:
    parsed = parse(*lines, first=first)
    assert (parsed.body_length, parsed.keep_alive) == (length, keep)


def test_lines_go_on_but_for_hop_by_hop() -> None:
    parsed = parse(
        "Server: x", "Keep-Alive: timeout=5", "Content-Length: 0", "Connection: keep-alive", "Date: now"
    )
    assert parsed.forwarded == b"HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 0\r\nDate: now\r\n"
    assert parsed.idle_s == 5


def test_an_empty_reason_stays_empty() -> None:
    assert parse("Content-Length: 0", first="HTTP/1.1 200 ").forwarded.startswith(b"HTTP/1.1 200 \r\n")


def test_a_request_id_of_the_servers_own_is_seen() -> None:
    assert parse("X-Request-Id: 1", "Content-Length: 0").has_request_id
    assert not parse("Content-Length: 0").has_request_id


def test_cookies_never_enter_the_recorded_head() -> None:
    assert b"s3cret" not in parse("Set-Cookie: s3cret", "Content-Length: 0").recorded


def test_a_length_that_says_nothing_is_left_out() -> None:
    assert parse("Content-Length: 0", first="HTTP/1.1 204 None").forwarded == b"HTTP/1.1 204 None\r\n"
    assert b"ength: 7" in parse("Content-Length: 7", first="HTTP/1.1 304 Same").forwarded


def test_trailers_are_announced_with_a_chunked_body() -> None:
    assert parse("Transfer-Encoding: chunked", "Trailer: X-Sum").forwarded.endswith(b"trailer: X-Sum\r\n")
    assert b"railer" not in parse("Content-Length: 0", "Trailer: X-Sum").forwarded


def test_a_switch_of_protocols_names_the_new_one() -> None:
    parsed = parse(
        "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Accept: x", first="HTTP/1.1 101 Switch"
    )
    assert parsed.upgrade == b"websocket"
    assert parsed.forwarded == (
        b"HTTP/1.1 101 Switch\r\nSec-WebSocket-Accept: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
    )


@pytest.mark.parametrize(
    ("first", "lines"),
    [
        ("HTTP/1.1 101 Switch", ("Connection: upgrade", "Upgrade: h2c")),
        ("HTTP/1.1 426 Upgrade", ("Connection: upgrade", "Upgrade: websocket", "Content-Length: 0")),
    ],
)
def test_anything_else_switches_to_nothing(first: str, lines: tuple[str, ...]) -> None:
    assert parse(*lines, first=first).upgrade == b""


def test_more_may_be_cut_out_of_the_recorded_head() -> None:
    raw = b"HTTP/1.1 200 OK\r\nX-Tenant: s3cret\r\nContent-Length: 0\r\n\r\n"
    assert b"s3cret" not in parse_response_head(raw, LimitsConfig(), frozenset((b"x-tenant",))).recorded
    assert b"s3cret" in parse_response_head(raw, LimitsConfig()).recorded


@pytest.mark.parametrize(
    ("first", "lines"),
    [
        ("HTTP/1.1 100 Continue", ("Content-Length: 5",)),
        ("HTTP/1.1 103 Hints", ("Transfer-Encoding: chunked",)),
        ("HTTP/1.1 204 None", ("Content-Length: 5",)),
        ("HTTP/1.1 204 None", ("Transfer-Encoding: chunked",)),
        ("HTTP/1.0 304 Same", ("Transfer-Encoding: chunked",)),
        ("HTTP/1.1 200 OK", ("Content-Length: 5, 5",)),
        ("HTTP/1.1 200 OK", ("Content-Length: 5", "Content-Length: 5")),
        ("HTTP/1.1 200 OK", ("Transfer-Encoding: chunked, chunked",)),
        ("HTTP/1.1 200 OK", ("X: 1", " 2", "Content-Length: 5")),
        ("HTTP/1.1 200 OK", ("X: 1\nY: 2", "Content-Length: 5")),
        ("HTTP/1.1 200 OK", ("X: 1\rY: 2", "Content-Length: 5")),
        ("HTTP/1.1 200 " + "a" * 513, ("Content-Length: 5",)),
        ("HTTP/1.1 200 a\x00", ("Content-Length: 5",)),
        ("HTTP/1.1  200 OK", ("Content-Length: 5",)),
        ("HTTP/1.2 200 OK", ("Content-Length: 5",)),
        ("HTTP/1.1 101 Switch", ("Upgrade: websocket",)),
        ("HTTP/1.1 600 High", ("Content-Length: 5",)),
        ("hello", ()),
        ("", ()),
        ("HTTP/1.1 200 OK", ("Content-Length: 5", "Transfer-Encoding: chunked")),
        ("HTTP/1.1 200 OK", ("Content-Length: 5", "Content-Length: 6")),
        ("HTTP/1.1 200 OK", ("Content-Length: -5",)),
        ("HTTP/1.1 200 OK", ("Transfer-Encoding: gzip",)),
        ("HTTP/1.0 200 OK", ("Transfer-Encoding: chunked",)),
        ("HTTP/1.1 20 OK", ("Content-Length: 5",)),
        ("HTTP/1.1 2000 OK", ("Content-Length: 5",)),
        ("HTTP/2 200 OK", ("Content-Length: 5",)),
        ("HTTP/1.1 200 OK", ("Content-Length : 5",)),
        ("HTTP/1.1 200 OK", ("X: a\x00b", "Content-Length: 5")),
    ],
)
def test_an_upstream_that_breaks_the_rules_is_at_fault(first: str, lines: tuple[str, ...]) -> None:
    with pytest.raises(WireError) as caught:
        parse(*lines, first=first)
    assert (caught.value.side, caught.value.status_hint) == ("upstream", 502)
