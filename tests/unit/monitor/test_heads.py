from __future__ import annotations

from sidecar.monitor.heads import HeadReader


def test_a_request() -> None:
    line = HeadReader().request(b"POST /v2/m?x=1 HTTP/1.1\r\nContent-Type: a\r\nX-Two: 1\r\nx-two: 2\r\n\r\n")
    assert (line.method, line.target, line.path, line.protocol, dict(line.headers)) == (
        "POST",
        "/v2/m?x=1",
        "/v2/m",
        "HTTP/1.1",
        {"content-type": "a", "x-two": "1, 2"},
    )


def test_a_response() -> None:
    assert dict(HeadReader().response(b"HTTP/1.1 200 \r\ncontent-encoding: gzip\r\n\r\n")) == {
        "content-encoding": "gzip"
    }
    assert dict(HeadReader().response(b"")) == {}
