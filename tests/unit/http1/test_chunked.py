from __future__ import annotations

import pytest

from sidecar.errors import BadFraming, BadHead, BodyTooLarge, HeadTooLarge, Side
from sidecar.http1.chunked import MAX_TRAILER_BYTES, ChunkReader, encode_chunk, encode_last_chunk


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
        b"3 \r\nabc\r\n",
        b"3 ;a\r\nabc\r\n",
        b"3; a\r\nabc\r\n",
        b"3;\r\nabc\r\n",
        b"3;a=\r\nabc\r\n",
        b'3;a="b\r\nabc\r\n',
        b"3;a\nb\r\nabc\r\n",
        b"3;a\rb\r\nabc\r\n",
        b"+3\r\nabc\r\n",
        b"1_0\r\n0123456789abcdef\r\n",
        b"0" * 15 + b"3\r\nabc\r\n",
        b"3\rabc\r\n",
        b"3\r\nabc\rx",
        b"0\r\nHost: x\r\n\r\n",
        b"0\r\nCookie: x\r\n\r\n",
        b"0\r\nX-Forwarded-For: x\r\n\r\n",
        b"0\r\nX_Forwarded_For: x\r\n\r\n",
        b"0\r\nContent_Length: x\r\n\r\n",
        b"0\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"0\r\nContent-Length: 3\r\n\r\n",
    ],
)
def test_refused(raw: bytes) -> None:
    with pytest.raises(BadFraming):
        read(raw)


@pytest.mark.parametrize(
    "raw",
    [b"0\r\nX: 1\nY: 2\r\n\r\n", b"0\r\nX : 1\r\n\r\n", b"0\r\n: 1\r\n\r\n", b"0\r\nX: 1\r\n 2\r\n\r\n"],
)
def test_a_trailer_obeys_the_grammar_of_header_lines(raw: bytes) -> None:
    with pytest.raises(BadHead):
        read(raw)


def test_fields_that_must_stand_before_the_body_are_left_out() -> None:
    assert (
        read(b"0\r\nDate: x\r\nX-Sum: 1\r\nIf-Match: x\r\nTraceparent: x\r\n\r\n")[2].trailer
        == b"X-Sum: 1\r\n"
    )


@pytest.mark.parametrize(("side", "status"), [("downstream", 413), ("upstream", 502)])
def test_a_chunk_beyond_the_limit_is_refused_by_its_size(side: Side, status: int) -> None:
    reader = ChunkReader(side, 10)
    assert reader.feed(b"6\r\nabcdef\r\n") == ([b"abcdef"], b"")
    with pytest.raises(BodyTooLarge) as caught:
        reader.feed(b"5\r\n")
    assert (caught.value.status_hint, str(caught.value)) == (
        status,
        "body: expected at most 10 bytes, got more",
    )


def test_a_body_of_just_the_limit_is_read() -> None:
    reader = ChunkReader("downstream", 10)
    assert reader.feed(b"a\r\n0123456789\r\n0\r\n\r\n") == ([b"0123456789"], b"")
    assert reader.done


def test_extensions_are_bounded_over_a_whole_body() -> None:
    chunk = b"1;" + b"a" * 199 + b"\r\nx\r\n"
    reader = ChunkReader("downstream")
    reader.feed(chunk * 81)
    with pytest.raises(BadFraming) as caught:
        reader.feed(chunk)
    assert str(caught.value) == "chunked body: expected at most 16384 bytes of extensions, got something else"


@pytest.mark.parametrize(("side", "status"), [("downstream", 431), ("upstream", 502)])
def test_a_long_trailer_is_refused_also_when_it_comes_whole(side: Side, status: int) -> None:
    with pytest.raises(HeadTooLarge) as caught:
        ChunkReader(side).feed(b"0\r\nX: " + b"a" * MAX_TRAILER_BYTES + b"\r\n\r\n")
    assert caught.value.status_hint == status


def test_the_end_with_and_without_a_trailer() -> None:
    assert encode_last_chunk(b"") == b"0\r\n\r\n"
    assert encode_last_chunk(b"X: 1\r\n") == b"0\r\nX: 1\r\n\r\n"


def test_an_endless_trailer_is_refused() -> None:
    with pytest.raises(HeadTooLarge) as caught:
        read(b"0\r\n" + b"X: y\r\n" * (MAX_TRAILER_BYTES // 5))
    assert str(caught.value) == "trailer: expected at most 8192 bytes, got more"


def test_written_chunks() -> None:
    assert encode_chunk(b"0123456789abcdef") == b"10\r\n0123456789abcdef\r\n"
