"""Whatever callers and model servers send, the other side gets the messages that the strict parser reads in
it, up to the first one that is refused, and never more; an independent parser (h11) judges both ends.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import h11
from hypothesis import event, given, settings
from hypothesis import strategies as st

from sidecar.config.model import Config
from sidecar.config.traffic import LimitsConfig
from sidecar.errors import WireError
from sidecar.http1.chunked import ChunkReader
from sidecar.http1.fields import CHUNKED, UNTIL_CLOSE
from sidecar.http1.request import parse_request_head
from sidecar.http1.response import parse_response_head
from sidecar.http1.rules import RequestRules
from tests.support.streams import DAMAGE, cut, damaged, messages
from tests.support.wire import Conversation

RULES = RequestRules.of(Config(upstream="http://127.0.0.1:1"))  # as Conversation
REQUEST_LINES = [
    *(
        b"GET /a?b HTTP/1.1",
        b"POST /m HTTP/1.1",
        b"POST /m HTTP/1.1",
        b"PUT http://other/x HTTP/1.1",
        b"GET / HTTP/1.0",
    ),
    *(
        b"HEAD /h HTTP/1.1",
        b"OPTIONS * HTTP/1.1",
        b"M-SEARCH / HTTP/1.1",
        b"CONNECT m:1 HTTP/1.1",
        b"DELETE /a/../%2e HTTP/1.1",
    ),
]
STATUS_LINES = [
    *(
        b"HTTP/1.1 200 OK",
        b"HTTP/1.1 200 OK",
        b"HTTP/1.1 404 ",
        b"HTTP/1.1 500",
        b"HTTP/1.0 200 OK",
        b"HTTP/1.1 204 No Content",
    ),
    *(b"HTTP/1.1 103 Early Hints", b"HTTP/1.1 304 Not Modified", b"HTTP/1.1 99 Low", b"HTTP/2 200 OK"),
]
# Made anew for each hop, or by the sidecar; the unit tests say what becomes of them.
NOT_END_TO_END = {
    *(b"connection", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade", b"expect", b"via"),
    *(b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"x-request-id", b"traceparent"),
    *(b"content-length", b"content_length", b"transfer_encoding", b"http2-settings", b"proxy-connection"),
}
CUTS = st.lists(st.integers(min_value=0, max_value=10_000), max_size=12)
DAMAGES = st.one_of(st.just([]), st.lists(DAMAGE, max_size=3))


@dataclass
class Message:
    """One message as a parser reads it; `whole` when its end was seen."""

    first: tuple[bytes, ...]
    lines: list[tuple[bytes, bytes]]
    body: bytes = b""
    whole: bool = False
    trailer: list[tuple[bytes, bytes]] = field(default_factory=list)


def end_to_end(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The lines that must arrive, in order."""
    headers = list(headers)
    named = {
        token.strip().lower()
        for name, value in headers
        for token in value.split(b",")
        if name == b"connection"
    }
    return [(name, value) for name, value in headers if name not in NOT_END_TO_END and name not in named]


def read_input(raw: bytes) -> list[tuple[Message, bytes, bytes | None]]:
    """What the strict parser reads: each message, its bytes, and the authority that its target names."""
    found: list[tuple[Message, bytes, bytes | None]] = []
    while True:
        raw = raw.removeprefix(b"\r\n")
        end = raw.find(b"\r\n\r\n") + 4
        if end < 4:
            return found
        try:
            head = parse_request_head(raw[:end], RULES)
        except WireError:
            return found
        target = raw.split(b" ")[1]
        authority = target.split(b"/")[2].partition(b"?")[0] if b"://" in target.partition(b"?")[0] else None
        message = Message((head.method, head.target), [])
        found.append((message, raw, authority))
        rest = b""
        if head.body_length == CHUNKED:
            reader = ChunkReader("downstream", 1 << 30)
            try:
                pieces, rest = reader.feed(raw[end:])
            except WireError:
                return found
            message.body, message.whole = b"".join(pieces), reader.done
        else:
            message.body, rest = raw[end : end + head.body_length], raw[end + head.body_length :]
            message.whole = len(message.body) == head.body_length
        if not message.whole:
            return found
        found[-1] = (message, raw[: len(raw) - len(rest)], authority)
        raw = rest
        if not head.keep_alive:
            return found


class Server:
    """An upstream that is an h11 server: answers every whole request, and keeps what it read."""

    def __init__(self) -> None:
        self.reader = h11.Connection(h11.SERVER)
        self.read: list[Message] = []

    def take(self, received: bytes) -> bytes:
        """Reads bytes (an error when they are not legal) and gives the answers to send."""
        if received:
            self.reader.receive_data(received)
        answers = b""
        while (got := self.reader.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
            if isinstance(got, h11.Request):
                self.read.append(Message((got.method, got.target), end_to_end(got.headers)))
            elif isinstance(got, h11.Data):
                self.read[-1].body += bytes(got.data)
            elif isinstance(got, h11.EndOfMessage):
                self.read[-1].whole = True
                self.read[-1].trailer = list(got.headers)
                answers += self.reader.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
                answers += self.reader.send(h11.EndOfMessage())
                self.reader.start_next_cycle()
        return answers


def through_a_worker(pieces: list[bytes]) -> list[Message]:
    server = Server()
    with Conversation() as talk:
        for piece in pieces:
            if talk.caller.closed or talk.caller.aborted:
                break
            talk.caller_sends(piece)
            while sent := talk.servers[0].take():
                answers = server.take(sent)
                if answers and not talk.servers[0].is_closing():
                    talk.server_sends(answers)
    return server.read


def read_by_h11(raw: bytes) -> Message:
    """The one message in these bytes, by the independent judge."""
    reader = h11.Connection(h11.SERVER)
    reader.receive_data(raw)
    message = Message((), [])
    while (got := reader.next_event()) is not h11.NEED_DATA:
        if isinstance(got, h11.Request):
            message.first, message.lines = (got.method, got.target), list(got.headers)
        elif isinstance(got, h11.Data):
            message.body += bytes(got.data)
        elif isinstance(got, h11.EndOfMessage):
            message.whole, message.trailer = True, list(got.headers)
            break
    assert reader.trailing_data[0] == b""
    return message


@given(st.lists(messages(REQUEST_LINES, True), min_size=1, max_size=4), DAMAGES, CUTS)
@settings(deadline=None, max_examples=700)
def test_the_upstream_gets_just_the_requests_that_were_sent(
    stream: list[bytes], damages: list[tuple[str, int, bytes]], cuts: list[int]
) -> None:
    raw = damaged(b"".join(stream), damages)
    expected = read_input(raw)
    arrived = through_a_worker(cut(raw, cuts))
    event(f"{sum(message.whole for message, _, _ in expected)} whole requests")
    n_whole = sum(message.whole for message, _, _ in expected)
    assert sum(message.whole for message in arrived) == n_whole
    assert n_whole <= len(arrived) <= len(expected)
    for got, (meant, sent, authority) in zip(arrived, expected, strict=False):
        assert got.first == meant.first
        if not meant.whole:
            assert meant.body.startswith(got.body) or got.body.startswith(meant.body)
            continue
        judged = read_by_h11(sent)
        assert judged.whole
        assert got.body == meant.body == judged.body
        assert got.trailer == [line for line in judged.trailer if line[0] != b"date"]
        assert judged.first[0] == got.first[0]
        assert judged.first[1].endswith(got.first[1].removeprefix(b"/"))
        assert [line for line in got.lines if line[0] != b"host"] == [
            line for line in end_to_end(judged.lines) if line[0] != b"host"
        ]
        hosts = [value for name, value in judged.lines if name == b"host"]
        assert [value for name, value in got.lines if name == b"host"] == (
            [authority] if authority is not None else hosts or [RULES.host]
        )


# --- the other way


def read_response(raw: bytes) -> Message | None:
    """The first final response of what a server sent before it closed; None when refused or cut off."""
    while True:
        end = raw.find(b"\r\n\r\n") + 4
        if end < 4:
            return None
        try:
            head = parse_response_head(raw[:end], LimitsConfig())
            if head.status == 101:
                return None
            if head.status < 200:
                raw = raw[end:]
                continue
            if head.body_length == UNTIL_CLOSE:
                return Message((b"%d" % head.status,), [], raw[end:], True)
            if head.body_length == CHUNKED:
                reader = ChunkReader("upstream")
                pieces, _ = reader.feed(raw[end:])
                return Message((b"%d" % head.status,), [], b"".join(pieces), True) if reader.done else None
        except WireError:
            return None
        body = raw[end : end + head.body_length]
        return Message((b"%d" % head.status,), [], body, True) if len(body) == head.body_length else None


def read_by_client(raw: bytes, ended: bool) -> tuple[Message, bytes]:
    """What an h11 client reads as the answer to GET, and the bytes behind it."""
    reader = h11.Connection(h11.CLIENT)
    reader.send(h11.Request(method="GET", target="/m", headers=[("host", "m")]))
    reader.send(h11.EndOfMessage())
    reader.receive_data(raw)
    if ended:
        reader.receive_data(b"")
    message = Message((), [])
    while (got := reader.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
        if isinstance(got, h11.Response):
            message.first, message.lines = (b"%d" % got.status_code,), end_to_end(got.headers)
        elif isinstance(got, h11.Data):
            message.body += bytes(got.data)
        elif isinstance(got, h11.EndOfMessage):
            message.whole = True
            break
        elif isinstance(got, h11.ConnectionClosed):
            break
    return message, bytes(reader.trailing_data[0])


@given(st.lists(messages(STATUS_LINES, False), min_size=1, max_size=3), DAMAGES, CUTS)
@settings(deadline=None, max_examples=700)
def test_the_caller_gets_just_the_response_that_was_sent(
    stream: list[bytes], damages: list[tuple[str, int, bytes]], cuts: list[int]
) -> None:
    raw = damaged(b"".join(stream), damages)
    expected = read_response(raw)
    with Conversation() as talk:
        talk.caller_sends(b"GET /m HTTP/1.1\r\nHost: m\r\n\r\n")
        server = talk.servers[0]
        for piece in cut(raw, cuts):
            if not server.is_closing():
                talk.server_sends(piece)
        if not server.aborted:
            talk.server_leaves()
        cut_off = talk.caller.aborted
        received = talk.caller.take()
    event("refused" if expected is None else "whole")
    if cut_off:  # the answer had begun when the upstream broke the rules; only this tells the caller
        assert expected is None
        return
    got, behind = read_by_client(received, ended=False)
    assert got.whole
    assert behind == b""
    if expected is None:
        assert (got.first, b'"side": "upstream"' in got.body) == ((b"502",), True)
        return
    assert (got.first, got.body) == (expected.first, expected.body)
    judged, _ = read_by_client(raw, ended=True)
    assert (judged.first, judged.body, judged.whole) == (expected.first, expected.body, True)
    assert got.lines == judged.lines
