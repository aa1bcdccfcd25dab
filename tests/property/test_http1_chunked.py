"""Chopping a chunked body anywhere gives the same pieces; llhttp, the other judge, reads the same body."""

from __future__ import annotations

from itertools import pairwise

import httptools
from hypothesis import given
from hypothesis import strategies as st

from sidecar.errors import WireError
from sidecar.http1.chunked import LAST_CHUNK, ChunkReader, encode_chunk

BODIES = st.lists(st.binary(min_size=1, max_size=40), max_size=8)


class Body:
    def __init__(self) -> None:
        self.received = b""
        self.complete = False

    def on_body(self, piece: bytes) -> None:
        self.received += piece

    def on_message_complete(self) -> None:
        self.complete = True


def read_chopped(raw: bytes, cuts: list[int]) -> tuple[bytes, bytes, bool]:
    reader, body, rest = ChunkReader("downstream"), b"", b""
    places = sorted({0, len(raw), *(cut % (len(raw) + 1) for cut in cuts)})
    for start, end in pairwise(places):
        if reader.done:
            rest += raw[start:end]
        else:
            pieces, rest = reader.feed(raw[start:end])
            body += b"".join(pieces)
    return body, rest, reader.done


@given(BODIES, st.lists(st.integers(min_value=0), max_size=20), st.binary(max_size=5))
def test_any_cut_gives_the_same_body(bodies: list[bytes], cuts: list[int], behind: bytes) -> None:
    raw = b"".join(map(encode_chunk, bodies)) + LAST_CHUNK
    assert read_chopped(raw + behind, cuts) == (b"".join(bodies), behind, True)


def outcome(raw: bytes, cuts: list[int]) -> tuple[bytes, bytes, bool] | tuple[int, str]:
    try:
        return read_chopped(raw, cuts)
    except WireError as exc:
        return exc.status_hint, type(exc).__name__


SCRAPS = st.lists(
    st.sampled_from(
        [
            b"0",
            b"3",
            b"a",
            b"\r\n",
            b"\r\n",
            b"\r",
            b"\n",
            b";x",
            b'="q"',
            b" ",
            b"abc",
            b"X: 1\r\n",
            b"Host: m\r\n",
        ]
    ),
    max_size=14,
).map(b"".join)


@given(SCRAPS, st.lists(st.integers(min_value=0), max_size=20))
def test_any_cut_of_anything_ends_alike(raw: bytes, cuts: list[int]) -> None:
    whole, chopped = outcome(raw, []), outcome(raw, cuts)
    assert whole == chopped


@given(st.one_of(st.binary(max_size=60), st.text(alphabet="0123abc;= \r\n", max_size=40).map(str.encode)))
def test_what_we_accept_whole_llhttp_reads_alike(raw: bytes) -> None:
    try:
        body, rest, done = read_chopped(raw, [])
    except WireError:
        return  # refusing more than llhttp does is the safe side
    if not done:
        return
    judge = Body()
    parser = httptools.HttpRequestParser(judge)
    parser.feed_data(
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + raw[: len(raw) - len(rest)]
    )
    assert (judge.received, judge.complete) == (body, True)
