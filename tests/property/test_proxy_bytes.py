"""However the bytes of a conversation are cut, both sides get the same."""

from __future__ import annotations

import re
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.wire import Conversation

REQUESTS = (
    b"POST /m HTTP/1.1\r\nHost: m\r\nContent-Length: 7\r\n\r\nabcdefg",
    b"POST /m HTTP/1.1\r\nHost: m\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\n\r\n",
    b"GET /m?q=1 HTTP/1.1\r\nHost: m\r\n\r\n",
)
RESPONSES = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\n\r\n",
)


def chopped(message: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(message), *(cut % len(message) for cut in cuts)})
    return [message[start:end] for start, end in pairwise(places)]


def meaning(sent: bytes) -> bytes:
    """What was sent, without ids (new each time) and with neighbouring chunks joined."""
    sent = re.sub(rb"(x-request-id|traceparent): [^\r]*\r\n", b"", sent)
    head, gap, body = sent.partition(b"\r\n\r\n")
    if b"transfer-encoding: chunked" in head.lower():
        body = b"".join(re.findall(rb"[0-9a-f]+\r\n((?:.|\n)*?)\r\n", body)) + (
            b"END" if body.endswith(b"0\r\n\r\n") else b""
        )
    return head + gap + body


def converse(
    request: bytes, response: bytes, request_cuts: list[int], response_cuts: list[int]
) -> tuple[bytes, bytes]:
    with Conversation() as talk:
        talk.caller_sends(*chopped(request, request_cuts))
        talk.server_sends(*chopped(response, response_cuts))
        assert talk.n_recorded() == 1
        return meaning(talk.servers[0].take()), meaning(talk.caller.take())


CUTS = st.lists(st.integers(min_value=1), max_size=12)


@given(st.sampled_from(REQUESTS), st.sampled_from(RESPONSES), CUTS, CUTS)
@settings(deadline=None, max_examples=150)
def test_any_cut_gives_the_same_messages(
    request: bytes, response: bytes, request_cuts: list[int], response_cuts: list[int]
) -> None:
    assert converse(request, response, request_cuts, response_cuts) == converse(request, response, [], [])
