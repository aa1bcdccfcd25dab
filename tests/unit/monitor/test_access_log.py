from __future__ import annotations

import json
from pathlib import Path

import pytest

from sidecar.clock import SystemClock
from sidecar.config.outlets import AccessLogConfig
from sidecar.log import Log
from sidecar.monitor.access_log import make_access_log
from sidecar.ring.record import NO_ADDRESS, Outcome
from tests.support.access_lines import lines


def test_a_json_line_says_all_that_is_known() -> None:
    line, _ = lines()
    assert line.endswith(b"}\n")
    assert json.loads(line) == {
        "time": "2023-11-14T22:13:20.123Z",
        "method": "POST",
        "target": "/v2/models/m/infer?x=1",
        "protocol": "HTTP/1.1",
        "status": 200,
        "outcome": "ok",
        "request_bytes": 10,
        "response_bytes": 20,
        "duration_s": 0.0055,
        "upstream_s": 0.0045,
        "first_byte_s": 0.004,
        "caller": "127.0.0.1",
        "host": "model:80",
        "user_agent": "curl/8",
        "referer": "http://a/b",
        "request_id": "abc-1",
        "trace_id": "000102030405060708090a0b0c0d0e0f",
        "span_id": "7370616e7370616e",
        "sampled": True,
    }


def test_what_is_not_known_is_null() -> None:
    head = b"GET / HTTP/1.0\r\n\r\n"
    line, _ = lines(
        head,
        caller_address=NO_ADDRESS,
        forwarded_ns=0,
        first_byte_ns=0,
        status=0,
        outcome=Outcome.CALLER_GONE,
        trace_flags=0,
    )
    found = json.loads(line)
    unknown = {name for name, value in found.items() if value is None}
    assert unknown == {"status", "upstream_s", "first_byte_s", "caller", "host", "user_agent", "referer"}
    assert (found["outcome"], found["sampled"], found["protocol"]) == ("caller_gone", False, "HTTP/1.0")


@pytest.mark.parametrize("value", [None, b"two words", b"x" * 257, b"\xe4", b"a\r\nX-Request-Id: b"])
def test_the_request_id_is_the_one_made_here_when_the_callers_was_not_passed_on(value: bytes | None) -> None:
    head = b"GET / HTTP/1.1\r\n" + (b"" if value is None else b"X-Request-Id: " + value + b"\r\n") + b"\r\n"
    line, _ = lines(head)
    assert json.loads(line)["request_id"] == b"highhighspanspan".hex()


def test_ipv6_is_written_short() -> None:
    packed = bytes.fromhex("20010db8000000000000000000000001")
    line, text = lines(caller_address=packed)
    assert json.loads(line)["caller"] == "2001:db8::1"
    assert text.startswith(b"2001:db8::1 - - ")


def test_a_text_line_is_the_combined_format() -> None:
    _, line = lines()
    assert line == (
        b'127.0.0.1 - - [14/Nov/2023:22:13:20 +0000] "POST /v2/models/m/infer?x=1 HTTP/1.1" '
        b'200 20 "http://a/b" "curl/8"\n'
    )


def test_what_text_does_not_know_is_a_dash_and_no_status_is_000() -> None:
    _, line = lines(b"GET / HTTP/1.1\r\n\r\n", caller_address=NO_ADDRESS, status=0)
    assert line == b'- - - [14/Nov/2023:22:13:20 +0000] "GET / HTTP/1.1" 000 20 "-" "-"\n'


def test_quotes_control_bytes_and_other_alphabets_are_escaped_as_nginx_does() -> None:
    head = b'GET /a"b\\c HTTP/1.1\r\nUser-Agent: \xc3\xa4\x7f\x00\n\t[x]\r\n\r\n'
    line, text = lines(head)
    assert b'"GET /a\\x22b\\x5Cc HTTP/1.1"' in text
    assert text.endswith(b'"\\xC3\\xA4\\x7F\\x00\\x0A\\x09[x]"\n')
    assert json.loads(line)["user_agent"] == "ä\x7f\0\n\t[x]"
    assert line.isascii()


def test_bytes_that_are_no_utf8_are_shown_by_their_number() -> None:
    line, _ = lines(b"GET /\xff HTTP/1.1\r\n\r\n")
    assert json.loads(line)["target"] == "/\\xff"


def test_none_is_made_without_a_path(tmp_path: Path) -> None:
    log = Log("monitor", "json")
    assert make_access_log(AccessLogConfig(), SystemClock(), log) is None
    path = tmp_path / "access.log"
    access_log = make_access_log(AccessLogConfig(path=str(path), format="text"), SystemClock(), log)
    assert access_log is not None
    access_log.flush()
    access_log.close()
    assert path.read_bytes() == b""
