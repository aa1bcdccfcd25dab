from __future__ import annotations

import json

from sidecar.http1.problem import encode_problem


def test_a_problem_document() -> None:
    head, _, body = encode_problem(502, "it broke", "upstream", b"id-1", close=False).partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"HTTP/1.1 502 Bad Gateway",
        b"server: sidecar",
        b"content-type: application/problem+json",
        b"content-length: %d" % len(body),
        b"cache-control: no-store",
        b"x-request-id: id-1",
    ]
    assert json.loads(body) == {
        "type": "about:blank",
        "title": "Bad Gateway",
        "status": 502,
        "detail": "it broke",
        "side": "upstream",
    }


def test_an_overload_says_when_to_come_back() -> None:
    assert b"\r\nretry-after: 1\r\n" in encode_problem(503, "busy", "upstream", None, close=False)


def test_a_head_request_gets_the_length_and_no_body() -> None:
    answer = encode_problem(404, "x", "downstream", None, close=True, without_body=True)
    assert answer.endswith(b"connection: close\r\n\r\n")
    assert b"content-length: 0" not in answer
