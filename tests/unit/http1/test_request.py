from __future__ import annotations

import pytest

from sidecar.config.model import Config
from sidecar.config.traffic import LimitsConfig
from sidecar.errors import WireError
from sidecar.http1.fields import CHUNKED
from sidecar.http1.request import RequestHead, parse_request_head
from sidecar.http1.rules import RequestRules

RULES = RequestRules.of(Config())


def head(*lines: str, first: str = "POST /v2/models/m/infer HTTP/1.1", host: bool = True) -> bytes:
    return "\r\n".join([first, *(["Host: model:9000"] if host else []), *lines, "", ""]).encode("latin-1")


def parse(*lines: str, first: str = "POST /v2/models/m/infer HTTP/1.1", host: bool = True) -> RequestHead:
    return parse_request_head(head(*lines, first=first, host=host), RULES)


def refusal(raw: bytes, limits: LimitsConfig | None = None) -> tuple[int, str]:
    with pytest.raises(WireError) as caught:
        parse_request_head(raw, RequestRules.of(Config(limits=limits or LimitsConfig())))
    assert caught.value.side == "downstream"
    return caught.value.status_hint, str(caught.value)


class TestForwarding:
    def test_lines_keep_order_case_and_repeats(self) -> None:
        forwarded = parse("X-B: 1", "x-a: 2", "X-B: 3", "Content-Length: 5").forwarded
        assert forwarded.startswith(
            b"POST /v2/models/m/infer HTTP/1.1\r\nHost: model:9000\r\nX-B: 1\r\nx-a: 2\r\nX-B: "
            b"3\r\nContent-Length: 5\r\n"
        )

    def test_our_own_lines_come_behind(self) -> None:
        assert parse().forwarded.endswith(
            b"x-forwarded-host: model:9000\r\nx-forwarded-proto: http\r\nvia: 1.1 sidecar\r\n"
        )

    def test_what_a_proxy_before_us_said_stays(self) -> None:
        forwarded = parse("X-Forwarded-Host: public", "X-Forwarded-Proto: https", "Via: 2 edge").forwarded
        assert forwarded.count(b"orwarded-") == 2
        assert b"Via: 2 edge\r\nvia: 1.1 sidecar\r\n" in forwarded

    @pytest.mark.parametrize(
        "line",
        [
            "Keep-Alive: 5",
            "Proxy-Connection: x",
            "TE: gzip",
            "Trailer: x",
            "Upgrade: h2c",
            "Proxy-Authorization: Basic x",
        ],
    )
    def test_hop_by_hop_lines_are_dropped(self, line: str) -> None:
        assert line.encode() not in parse(line).forwarded

    def test_lines_that_connection_names_are_dropped(self) -> None:
        forwarded = parse("Connection: x-secret, keep-alive", "X-Secret: 1", "X-Kept: 2").forwarded
        assert b"X-Secret" not in forwarded
        assert b"Connection" not in forwarded
        assert b"X-Kept: 2\r\n" in forwarded

    def test_connection_cannot_take_the_length_away(self) -> None:
        assert b"Content-Length: 5\r\n" in parse("Connection: content-length", "Content-Length: 5").forwarded

    def test_a_chunked_body_is_declared_again(self) -> None:
        parsed = parse("Transfer-Encoding: Chunked")
        assert parsed.body_length == CHUNKED
        assert b"\r\ntransfer-encoding: chunked\r\n" in parsed.forwarded

    def test_continue_is_asked_for_and_not_invented(self) -> None:
        parsed = parse("Expect: 100-Continue", "Content-Length: 1")
        assert parsed.expects_continue
        assert b"expect: 100-continue\r\n" in parsed.forwarded

    def test_an_old_request_goes_on_as_1_1(self) -> None:
        assert parse(first="GET / HTTP/1.0").forwarded.startswith(b"GET / HTTP/1.1\r\n")


class TestIdentity:
    def test_a_request_id_is_kept(self) -> None:
        assert parse("X-Request-Id: abc").request_id == b"abc"

    @pytest.mark.parametrize(
        "lines", [(), ("X-Request-Id: a", "X-Request-Id: b"), ("X-Request-Id: " + "a" * 257,)]
    )
    def test_none_or_an_unusable_one_is_none(self, lines: tuple[str, ...]) -> None:
        assert parse(*lines).request_id is None

    def test_the_callers_span_is_read(self) -> None:
        parent = parse("traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").parent
        assert parent is not None
        assert parent.trace_id.hex() == "0af7651916cd43dd8448eb211c80319c"
        assert parent.span_id.hex() == "b7ad6b7169203331"
        assert parent.flags == 1

    def test_credentials_never_enter_the_recorded_head(self) -> None:
        recorded = parse(
            "Authorization: Bearer s3cret", "Cookie: s3cret", "X-Api-Key: s3cret", "X-Kept: 1"
        ).recorded
        assert b"s3cret" not in recorded
        assert b"X-Kept: 1\r\n" in recorded


@pytest.mark.parametrize(
    ("first", "connection", "keep", "says"),
    [
        ("GET / HTTP/1.1", None, True, False),
        ("GET / HTTP/1.1", "close", False, False),
        ("GET / HTTP/1.1", "x, Close", False, False),
        ("GET / HTTP/1.0", None, False, False),
        ("GET / HTTP/1.0", "Keep-Alive", True, True),
    ],
)
def test_keep_alive(first: str, connection: str | None, keep: bool, says: bool) -> None:
    parsed = parse(*([f"Connection: {connection}"] if connection else []), first=first)
    assert (parsed.keep_alive, parsed.says_keep_alive) == (keep, says)


REFUSED = {
    "both lengths": (head("Content-Length: 5", "Transfer-Encoding: chunked"), 400),
    "two lengths": (head("Content-Length: 5", "Content-Length: 5"), 400),
    "list of lengths": (head("Content-Length: 5, 5"), 400),
    "signed length": (head("Content-Length: +5"), 400),
    "hexadecimal length": (head("Content-Length: 0x5"), 400),
    "empty length": (head("Content-Length:"), 400),
    "other coding": (head("Transfer-Encoding: gzip, chunked"), 501),
    "coding twice": (head("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), 501),
    "hidden coding": (head("Transfer-Encoding: \x0bchunked"), 400),
    "coding in 1.0": (head("Transfer-Encoding: chunked", first="POST / HTTP/1.0"), 400),
    "blank before colon": (head("Content-Length : 5"), 400),
    "folded line": (head("X: 1", " 2"), 400),
    "bare LF": (b"GET / HTTP/1.1\r\nHost: a\nX: 1\r\n\r\n", 400),
    "bare CR": (b"GET / HTTP/1.1\r\nHost: a\rX: 1\r\n\r\n", 400),
    "NUL": (head("X: a\x00b"), 400),
    "empty name": (head(": 1"), 400),
    "illegal name": (head("X(Y): 1"), 400),
    "no host": (head(host=False), 400),
    "two hosts": (head("Host: other"), 400),
    "illegal host": (head("Host: a/b", host=False), 400),
    "no target": (head(first="GET HTTP/1.1"), 400),
    "two blanks": (head(first="GET  / HTTP/1.1"), 400),
    "other version": (head(first="GET / HTTP/2.0"), 505),
    "not HTTP": (b"hello\r\n\r\n", 400),
    "tunnel": (head(first="CONNECT a:443 HTTP/1.1"), 501),
    "odd expectation": (head("Expect: the-unexpected"), 417),
}


@pytest.mark.parametrize("form", REFUSED)
def test_refused(form: str) -> None:
    raw, status = REFUSED[form]
    assert refusal(raw)[0] == status


def test_messages_name_the_header_and_no_value() -> None:
    assert refusal(head("Authorization : Bearer s3cret")) == (
        400,
        "head: expected a header line 'name: value', got b'Authorization '",
    )


def test_limits() -> None:
    assert refusal(head("A: 1", "B: 2"), LimitsConfig(headers=2)) == (
        431,
        "head: expected at most 2 header lines, got 3",
    )
    assert refusal(head("Content-Length: 11"), LimitsConfig(body_bytes=10)) == (
        413,
        "content-length: expected at most 10 bytes, got 11",
    )
