from __future__ import annotations

import pytest

from sidecar.config.load import load_config
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
            "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA",
            "X_Forwarded_For: 1.2.3.4",
            "Content_Length: 5",
            "transfer_encoding: chunked",
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

    @pytest.mark.parametrize(
        "line",
        [
            *("Authorization: x", "Cookie: x", "X-Api-Key: x", "X-Real-IP: 1.2.3.4", "X-Auth-User: x"),
            *("Content-Type: x", "Content-Encoding: gzip", "traceparent: 1", "tracestate: x", "If-Match: x"),
            *("Forwarded: for=x", "Via: 1.1 a", "Sec-WebSocket-Key: x", "X-Amzn-Trace-Id: x", "CF-Ray: x"),
        ],
    )
    def test_connection_cannot_take_away_what_a_proxy_adds_or_the_body_means(self, line: str) -> None:
        forwarded = parse(f"Connection: {line.partition(':')[0].lower()}", line).forwarded
        assert (line.encode() in forwarded) is (line != "traceparent: 1")  # that one is made anew

    def test_naming_x_forwarded_is_refused(self) -> None:
        assert refusal(head("Connection: close, X-Forwarded-For")) == (
            400,
            "connection: expected no X-Forwarded header named, got one",
        )

    def test_trailers_are_announced_with_a_chunked_body(self) -> None:
        assert b"trailer: X-Sum\r\n" in parse("Transfer-Encoding: chunked", "Trailer: X-Sum").forwarded

    def test_te_trailers_is_asked_of_the_next_hop(self) -> None:
        forwarded = parse("TE: gzip, trailers", "Connection: TE").forwarded
        assert forwarded.endswith(b"via: 1.1 sidecar\r\nconnection: te\r\nte: trailers\r\n")

    def test_continue_is_asked_for_and_not_invented(self) -> None:
        parsed = parse("Expect: 100-Continue", "Content-Length: 1")
        assert parsed.expects_continue
        assert b"expect: 100-continue\r\n" in parsed.forwarded

    def test_continue_without_a_body_to_wait_with_is_left_out(self) -> None:
        for lines in ((), ("Content-Length: 0",)):
            parsed = parse("Expect: 100-continue", *lines)
            assert not parsed.expects_continue
            assert b"xpect" not in parsed.forwarded

    def test_an_old_caller_expects_nothing(self) -> None:
        parsed = parse("Expect: else", "Content-Length: 1", first="POST / HTTP/1.0")
        assert not parsed.expects_continue
        assert b"xpect" not in parsed.forwarded

    def test_an_old_caller_without_host_gets_the_upstreams(self) -> None:
        forwarded = parse(first="GET / HTTP/1.0", host=False).forwarded
        assert b"host: 127.0.0.1:8080\r\n" in forwarded
        assert b"x-forwarded-host" not in forwarded

    def test_an_old_request_goes_on_as_1_1(self) -> None:
        assert parse(first="GET / HTTP/1.0").forwarded.startswith(b"GET / HTTP/1.1\r\n")


class TestTargets:
    def test_an_absolute_target_goes_on_as_a_path_and_its_host_wins(self) -> None:
        parsed = parse("X-Last: 1", first="GET http://other:1/a?b HTTP/1.1")
        assert parsed.target == b"/a?b"
        assert parsed.forwarded.startswith(b"GET /a?b HTTP/1.1\r\nHost: other:1\r\nX-Last: 1\r\n")
        assert b"x-forwarded-host: other:1\r\n" in parsed.forwarded
        assert parsed.recorded.startswith(b"GET /a?b HTTP/1.1\r\n")

    def test_it_stands_in_for_a_missing_host_of_an_old_caller(self) -> None:
        assert b"\r\nHost: other\r\n" in parse(first="GET http://other HTTP/1.0", host=False).forwarded

    def test_a_user_never_gets_past(self) -> None:
        status, message = refusal(head(first="GET http://user:s3cret@m/ HTTP/1.1"))
        assert status == 400
        assert "s3cret" not in message

    def test_one_that_is_too_long_is_refused_before_the_lines_are_read(self) -> None:
        limits = LimitsConfig(target_bytes=5)
        assert refusal(head("bad line", first="GET /12345 HTTP/1.1"), limits) == (
            414,
            "target: expected at most 5 bytes, got 6",
        )

    def test_the_path_decides_over_the_policy(self) -> None:
        config = load_config("routes: [{path: /a/**, body_bytes: 5}]")
        rules = RequestRules.of(config)
        for target in ("/a/x?y", "http://m/a/x"):
            raw = head("Content-Length: 6", first=f"POST {target} HTTP/1.1")
            with pytest.raises(WireError) as caught:
                parse_request_head(raw, rules)
            assert caught.value.status_hint == 413
        raw = head("Content-Length: 6", first="POST /b HTTP/1.1")
        assert parse_request_head(raw, rules).policy is rules.policies.all[0]


class TestUpgrade:
    LINES = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: x", "Sec-WebSocket-Version: 13")

    def test_it_is_forwarded_with_what_belongs_to_it(self) -> None:
        parsed = parse(*self.LINES, first="GET /ws HTTP/1.1")
        assert parsed.upgrade == b"websocket"
        assert b"Sec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n" in parsed.forwarded
        assert parsed.forwarded.endswith(b"connection: upgrade\r\nupgrade: websocket\r\n")
        assert parsed.forwarded.lower().count(b"\r\nupgrade:") == 1

    @pytest.mark.parametrize(
        ("lines", "first"),
        [
            ((*LINES, "Content-Length: 1"), "POST /ws HTTP/1.1"),
            ((*LINES, "Transfer-Encoding: chunked"), "POST /ws HTTP/1.1"),
            (LINES, "GET /ws HTTP/1.0"),
            (LINES[1:], "GET /ws HTTP/1.1"),
        ],
    )
    def test_with_a_body_in_1_0_or_unnamed_it_is_a_plain_request(
        self, lines: tuple[str, ...], first: str
    ) -> None:
        parsed = parse(*lines, first=first)
        assert parsed.upgrade == b""
        assert b"pgrade" not in parsed.forwarded

    def test_h2c_goes_on_as_http_1_1(self) -> None:
        parsed = parse("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AA")
        assert parsed.upgrade == b""
        assert b"h2c" not in parsed.forwarded
        assert b"ettings" not in parsed.forwarded


class TestWhoIsBelieved:
    LINES = (
        *(
            "X-Forwarded-For: 1.2.3.4",
            "X-Forwarded-Proto: https",
            "X-Forwarded-Host: evil",
            "X-Forwarded-Port: 1",
        ),
        *("Forwarded: for=1.2.3.4", "X-Real-IP: 1.2.3.4", "X-Kept: 1"),
    )

    def test_by_default_callers_are(self) -> None:
        parsed = parse(*self.LINES)
        assert parsed.forwarded_for == b"1.2.3.4, "
        assert parsed.forwarded.count(b"1.2.3.4") == 2
        assert parsed.forwarded.lower().count(b"x-forwarded-host:") == 1

    def test_otherwise_what_they_say_is_replaced(self) -> None:
        config = load_config("{trust_forwarded: false, tls: {certificate: c.pem}}")
        parsed = parse_request_head(head(*self.LINES), RequestRules.of(config))
        assert parsed.forwarded_for == b""
        assert parsed.forwarded == (
            b"POST /v2/models/m/infer HTTP/1.1\r\nHost: model:9000\r\nX-Kept: 1\r\n"
            b"x-forwarded-host: model:9000\r\nx-forwarded-proto: https\r\nvia: 1.1 sidecar\r\n"
        )

    def test_empty_lines_of_theirs_add_no_comma(self) -> None:
        assert parse("X-Forwarded-For:").forwarded_for == b""
        assert parse("X-Forwarded-For:", "X-Forwarded-For: a").forwarded_for == b"a, "


def test_a_request_that_went_round_is_refused() -> None:
    assert parse("Via: " + ", ".join(["1.1 sidecar"] * 10)).method == b"POST"
    assert refusal(head("Via: " + ", ".join(["1.1 sidecar"] * 6), "Via: " + "1.1 sidecar," * 5)) == (
        508,
        "via: expected at most 10 sidecars before this one, got 11",
    )


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

    def test_more_may_be_cut_out_and_an_underscore_hides_nothing(self) -> None:
        rules = RequestRules.of(load_config("tap: {redact_headers: [X-Tenant]}"))
        raw = head("X-TENANT: s3cret", "x_tenant: s3cret", "X_Api_Key: s3cret", "X-Kept: 1")
        assert b"s3cret" not in parse_request_head(raw, rules).recorded
        assert parse_request_head(raw, rules).forwarded.count(b"s3cret") == 3


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
    "unknown method in lower case": (head(first="xGET / HTTP/1.1"), 400),
    "method too long": (head(first="A" * 33 + " / HTTP/1.1"), 400),
    "HTTP/2's method": (head(first="PRI / HTTP/1.1"), 400),
    "body with TRACE": (head("Content-Length: 1", first="TRACE / HTTP/1.1"), 400),
    "empty host": (head("Host:", host=False), 400),
    "fragment": (head(first="GET /a#b HTTP/1.1"), 400),
    "asterisk": (head(first="GET * HTTP/1.1"), 400),
    "old and chunked": (head("Transfer-Encoding: chunked", first="GET / HTTP/1.0", host=False), 400),
    "two expectations": (head("Expect: 100-continue", "Expect: 100-continue", "Content-Length: 1"), 417),
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
