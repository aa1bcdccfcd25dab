from __future__ import annotations

import pytest

from sidecar.errors import BadFraming, HeadTooLarge
from sidecar.http1.chunked import MAX_TRAILER_BYTES, ChunkReader, encode_chunk


def read(raw: bytes) -> tuple[list[bytes], bytes, ChunkReader]:
    reader = ChunkReader("downstream")
    pieces, rest = reader.feed(raw)
    return pieces, rest, reader


def test_pieces_end_and_rest() -> None:
    pieces, rest, reader = read(b"3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\nGET /")
    assert (pieces, rest, reader.done, reader.trailer) == ([b"abc", b"0123456789"], b"GET /", True, b"")


def test_an_extension_is_read_over() -> None:
    assert read(b'3;name="v"\r\nabc\r\n0;x\r\n\r\n')[0] == [b"abc"]


def test_a_trailer_is_kept() -> None:
    _, rest, reader = read(b"0\r\nX-Sum: 1\r\nX-End: 2\r\n\r\nrest")
    assert (reader.trailer, rest) == (b"X-Sum: 1\r\nX-End: 2\r\n", b"rest")


def test_a_large_chunk_is_handed_on_as_it_comes() -> None:
    reader = ChunkReader("upstream")
    assert reader.feed(b"ffffff\r\n" + b"a" * 10) == ([b"a" * 10], b"")
    assert reader.feed(b"b" * 10) == ([b"b" * 10], b"")
    assert not reader.done


@pytest.mark.parametrize(
    "raw",
    [
        b"\r\n",
        b"g\r\n",
        b"-1\r\n",
        b"0x3\r\nabc\r\n",
        b" 3\r\nabc\r\n",
        b"3\nabc\n",
        b"3\r\nabcd\r\n",
        b"3\r\nabc\n0\r\n\r\n",
        b"1" * 16 + b"\r\n",
        b"1;" + b"x" * 300,
        b"3;a\x00\r\nabc\r\n",
        b"0\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"0\r\nContent-Length: 3\r\n\r\n",
    ],
)
def test_refused(raw: bytes) -> None:
    with pytest.raises(BadFraming):
        read(raw)


def test_an_endless_trailer_is_refused() -> None:
    with pytest.raises(HeadTooLarge) as caught:
        read(b"0\r\n" + b"X: y\r\n" * (MAX_TRAILER_BYTES // 5))
    assert str(caught.value) == "trailer: expected at most 8192 bytes, got more"


def test_written_chunks() -> None:
    assert encode_chunk(b"0123456789abcdef") == b"10\r\n0123456789abcdef\r\n"
