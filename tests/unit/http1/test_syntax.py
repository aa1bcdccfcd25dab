from __future__ import annotations

import pytest

from sidecar.errors import BadHead
from sidecar.http1.syntax import check_with_llhttp, split_fields, split_request_line, split_status_line


@pytest.mark.parametrize(
    "method", [b"GET", b"PROPFIND", b"M-SEARCH", b"FROBNICATE", b"A" * 32, b"BASELINE-CONTROL", b"X_Y"]
)
def test_any_method_in_upper_case_is_one_and_the_second_judge_reads_its_lines(method: bytes) -> None:
    assert split_request_line(method + b" / HTTP/1.1") == (method, b"/", 1)
    check_with_llhttp(
        method + b" / HTTP/1.1\r\nHost: m\r\n\r\n", split_fields([b"Host: m"], "downstream", 9), "downstream"
    )


@pytest.mark.parametrize("method", [b"get", b"Head", b"xGET", b"", b"A" * 33, b"G3T", b"G(T", b"PRI"])
def test_no_method(method: bytes) -> None:
    with pytest.raises(BadHead) as caught:
        split_request_line(method + b" / HTTP/1.1")
    assert caught.value.status_hint == 400


def test_two_judges_must_read_the_same_lines() -> None:
    fields = split_fields([b"Host: m", b"X: 1"], "downstream", 9)
    with pytest.raises(BadHead) as caught:
        check_with_llhttp(b"GET / HTTP/1.1\r\nHost: m\r\n\r\n", fields, "downstream")
    assert str(caught.value) == "head: two parsers read different header fields"


def test_a_switch_of_protocols_is_no_error_for_the_second_judge() -> None:
    lines = [b"Connection: upgrade", b"Upgrade: websocket"]
    for first, side in ((b"GET / HTTP/1.1", "downstream"), (b"HTTP/1.1 101 Switch", "upstream")):
        fields = split_fields(lines, side, 9)  # type: ignore[arg-type]
        check_with_llhttp(b"\r\n".join([first, *lines, b"", b""]), fields, side)  # type: ignore[arg-type]


def test_a_message_shows_no_value_of_a_target_or_header() -> None:
    with pytest.raises(BadHead) as caught:
        split_request_line(b"GET http://user:s3cret@m/ HTTP/1.1 x")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("line", "read"),
    [(b"HTTP/1.1 200 OK", (200, 1)), (b"HTTP/1.0 404", (404, 0)), (b"HTTP/1.1 200 " + b"a" * 512, (200, 1))],
)
def test_status_lines(line: bytes, read: tuple[int, int]) -> None:
    assert split_status_line(line) == read
