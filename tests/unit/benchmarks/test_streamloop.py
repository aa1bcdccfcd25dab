from __future__ import annotations

import socket

import pytest

from benchmarks.payloads import N_STREAM_CHUNKS
from benchmarks.sse_upstream import HEAD, LAST_CHUNK, event_of
from benchmarks.streamloop import BrokenStream, Stream


def chunk(number: int, sent_ns: int) -> bytes:
    event = event_of(number, sent_ns)
    return b"%x\r\n%b\r\n" % (len(event), event)


def fresh() -> Stream:
    stream = Stream(socket.socket())
    stream.sock.close()
    return stream


def whole() -> bytes:
    return HEAD + b"".join(chunk(number, 1000 * number) for number in range(N_STREAM_CHUNKS)) + LAST_CHUNK


def test_delay_is_from_when_the_event_was_sent_to_when_it_came() -> None:
    stream = fresh()
    assert stream.take(HEAD + chunk(0, 1000) + chunk(1, 3000), 5000) == [4000, 2000]
    assert not stream.complete


@pytest.mark.parametrize("size", [1, 7, 37, 4096])
def test_a_stream_is_complete_with_its_last_chunk_however_it_is_cut(size: int) -> None:
    stream, received = fresh(), whole()
    n_events = 0
    for place in range(0, len(received), size):
        assert not stream.complete
        n_events += len(stream.take(received[place : place + size], 10**9))
    assert stream.complete
    assert n_events == N_STREAM_CHUNKS


def test_events_without_chunks_are_complete_with_the_last_event() -> None:
    stream = fresh()
    body = b"".join(event_of(number, 0) for number in range(N_STREAM_CHUNKS))
    stream.take(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body, 1)
    assert stream.complete


def test_a_missing_event_is_named() -> None:
    with pytest.raises(BrokenStream) as caught:
        fresh().take(HEAD + chunk(0, 0) + chunk(2, 0), 1)
    assert str(caught.value) == "stream: expected event 1, got 2"


def test_another_status_is_named() -> None:
    with pytest.raises(BrokenStream) as caught:
        fresh().take(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n", 1)
    assert (
        str(caught.value)
        == "stream: expected status 200, got b'HTTP/1.1 502 Bad Gateway\\r\\ncontent-length'"
    )
