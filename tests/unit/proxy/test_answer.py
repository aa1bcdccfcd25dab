"""How the caller learns where an answer and its connection end."""

from __future__ import annotations

import pytest

from sidecar.config.model import Config
from sidecar.config.traffic import LimitsConfig
from sidecar.http1.preface import preface_head
from sidecar.http1.request import RequestHead, parse_request_head
from sidecar.http1.response import ResponseHead, parse_response_head
from sidecar.http1.rules import RequestRules
from sidecar.proxy.answer import Chunker, frame_answer, own_answer
from tests.support.wire import LONG_SIZES, Conversation, answer, long_body, put, taken_body

RULES = RequestRules.of(Config())
LENGTH, CHUNKS, END = b"content-length: 2\r\n", b"transfer-encoding: chunked\r\n", b""


def asked(method: bytes = b"GET", version: bytes = b"1.1", line: bytes = b"") -> RequestHead:
    return parse_request_head(b"%b / HTTP/%b\r\nHost: m\r\n%b\r\n" % (method, version, line), RULES)


def answered(framing: bytes) -> ResponseHead:
    return parse_response_head(b"HTTP/1.1 200 OK\r\n%b\r\n" % framing, LimitsConfig())


KEEP = b"connection: keep-alive\r\n"
CLOSE = b"connection: close\r\n"


@pytest.mark.parametrize(
    ("request_head", "framing", "closing", "lines", "chunked", "closes"),
    [
        (asked(), LENGTH, False, b"", False, False),
        (asked(), LENGTH, True, CLOSE, False, True),
        (asked(), CHUNKS, False, CHUNKS, True, False),
        (asked(), END, False, CHUNKS, True, False),
        (asked(version=b"1.0"), CHUNKS, True, CLOSE, False, True),
        (asked(version=b"1.0", line=KEEP), CHUNKS, False, CLOSE, False, True),
        (asked(version=b"1.0", line=KEEP), LENGTH, False, KEEP, False, False),
        (asked(b"HEAD"), CHUNKS, False, CHUNKS, False, False),
        (asked(b"HEAD"), END, False, b"", False, False),
    ],
)
def test_framing(
    request_head: RequestHead, framing: bytes, closing: bool, lines: bytes, chunked: bool, closes: bool
) -> None:
    made = frame_answer(request_head, answered(framing), closing=closing)
    assert (made.lines, made.chunker is not None, made.closing) == (lines, chunked, closes)


def test_a_chunker_makes_a_chunk_of_each_part_and_ends_with_the_trailer() -> None:
    chunker = Chunker()
    assert chunker.frame(b"ab", False) == b"2\r\nab\r\n"
    chunker.trailer = b"x: 1\r\n"
    assert chunker.frame(b"", True) == b"0\r\nx: 1\r\n\r\n"


def test_our_own_answer_says_which_side_failed_and_when_to_come_back() -> None:
    made = own_answer(503, "full", "upstream", asked(), b"id", close=True, retry_after_s=2.3)
    assert made.startswith(b"HTTP/1.1 503 Service Unavailable\r\nserver: sidecar\r\n")
    assert b"\r\nretry-after: 3\r\n" in made
    assert b'"detail": "full", "side": "upstream"' in made
    assert made.count(b"x-request-id: id") == 1


def test_an_http2_caller_gets_no_words_that_it_could_not_read() -> None:
    head = preface_head(RULES.policies.all[0])
    assert own_answer(502, "gone", "upstream", head, b"id", close=True, retry_after_s=1) == b""


class TestLong:
    """Long answers travel as views of what was read: nobody sees a difference."""

    @pytest.mark.parametrize("size", LONG_SIZES)
    def test_one_is_one_write_and_recorded(self, size: int) -> None:
        body = long_body(size)
        with Conversation() as talk:
            talk.caller_sends(put(b"short"))
            talk.server_sends(answer(body))
            assert talk.caller.n_writes == 1
            assert taken_body(talk.caller) == body
            assert talk.bodies() == [(b"short", body)]

    def test_bytes_behind_it_condemn_the_connection(self) -> None:
        body = long_body(150_000)
        with Conversation() as talk:
            talk.caller_sends(put(b"short"))
            talk.server_sends(answer(body) + b"HTTP/1.1 200 OK\r\n\r\n")
            assert taken_body(talk.caller) == body
            assert talk.servers[0].closed

    def test_one_without_a_length_is_chunked(self) -> None:
        body = long_body(150_000)
        with Conversation() as talk:
            talk.caller_sends(put(b"short"))
            talk.server_sends(b"HTTP/1.1 200 OK\r\n\r\n" + body)
            talk.server_leaves()
            assert taken_body(talk.caller) == b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)

    def test_the_caller_has_its_bytes_before_the_ring_has(self) -> None:
        def look() -> None:
            published.append(talk.ring.read_publication().n_written)

        sent, published = long_body(400_000), list[int]()
        with Conversation() as talk:
            talk.caller_sends(put(b"short"))
            talk.caller.on_write = look
            whole = answer(sent)
            talk.server_sends(whole[:200_000], whole[200_000:])
            assert published == [0, 2]  # the request and the answer's first part, once that was written
            assert talk.bodies() == [(b"short", sent)]
