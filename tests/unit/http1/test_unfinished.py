from __future__ import annotations

import pytest

from sidecar.config.traffic import LimitsConfig
from sidecar.errors import WireError
from sidecar.http1.preface import HTTP2_PREFACE
from sidecar.http1.unfinished import check_unfinished

LIMITS = LimitsConfig(target_bytes=20, head_bytes=100)


def refusal(data: bytes) -> tuple[int, str]:
    with pytest.raises(WireError) as caught:
        check_unfinished(data, LIMITS)
    return caught.value.status_hint, str(caught.value)


LEGAL = b"\r\nPOST /v2/models/m HTTP/1.1\r\nHost: m\r\nX: 1\r\n"


@pytest.mark.parametrize("n_bytes", range(len(LEGAL) + 1))
def test_the_beginning_of_a_legal_head_may_go_on(n_bytes: int) -> None:
    check_unfinished(LEGAL[:n_bytes], LIMITS)


@pytest.mark.parametrize("n_bytes", range(1, len(HTTP2_PREFACE)))
def test_the_beginning_of_http2_is_for_the_caller_to_judge(n_bytes: int) -> None:
    check_unfinished(HTTP2_PREFACE[:n_bytes], LIMITS)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x16\x03\x01", 400),
        (b"\x80\x2e", 400),
        (b"GET\t", 400),
        (b"get", 400),
        (b" GET", 400),
        (b"G" * 33, 400),
        (b"GET  ", 400),
        (b"GET / XTTP", 400),
        (b"GET / HTTP/x", 400),
        (b"GET /\n", 400),
        (b"GET / HTTP/1.1\n", 400),
        (b"GET / HTTP/1.1x", 400),
        (b"GET / HTTP/1.1\rx", 400),
        (b"GET /\r\n", 400),
        (b"\r\n\r", 400),
        (b"\r\n\r\n", 400),
        (b"GET m HTTP/1.1\r\n", 400),
        (b"GET / HTTP/2.0\r\n", 505),
        (b"CONNECT m:1 HTTP/1.1\r\n", 501),
        (b"GET /" + b"a" * 20, 414),
        (b"GET /" + b"a" * 20 + b" HTTP/1.1\r\nHost", 414),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 100, 431),
    ],
)
def test_what_can_never_be_legal_is_refused_at_once(data: bytes, status: int) -> None:
    assert refusal(data)[0] == status


def test_messages() -> None:
    assert refusal(b"GET /" + b"a" * 20) == (414, "target: expected at most 20 bytes, got more")
    assert refusal(b"\x16")[1] == "head: expected HTTP, got what looks like TLS"
    assert refusal(b"GET / HTTP/1.1\r\n" + b"a" * 90)[1] == "head: expected at most 100 bytes, got more"
