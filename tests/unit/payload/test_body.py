from __future__ import annotations

import gzip
import zlib

import pytest

from sidecar.errors import Malformed, UnknownProtocol
from sidecar.payload.body import CODING_LIMIT, MEMBER_LIMIT, decode_content, strip_coding
from sidecar.payload.message import Message

TEXT = b'{"inputs": []}' * 10


def raw_deflate(content: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(content) + stream.flush()


def message(body: bytes, **headers: str) -> Message:
    return Message(
        "request", "POST", "/p", {name.replace("_", "-"): value for name, value in headers.items()}, body
    )


@pytest.mark.parametrize(
    ("header", "body"),
    [
        ("identity", TEXT),
        ("", TEXT),
        ("gzip", gzip.compress(TEXT)),
        ("x-gzip", gzip.compress(TEXT)),
        (" GZIP ", gzip.compress(TEXT)),
        ("gzip", gzip.compress(TEXT[:7]) + gzip.compress(TEXT[7:])),
        ("gzip", gzip.compress(TEXT) + b"\0" * 512),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", raw_deflate(TEXT)),
        ("deflate, gzip", gzip.compress(zlib.compress(TEXT))),
        ("identity, gzip", gzip.compress(TEXT)),
    ],
)
def test_known_codings_are_undone(header: str, body: bytes) -> None:
    assert decode_content(body, header, len(TEXT), "v2") == TEXT


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress, raw_deflate])
def test_content_beyond_the_limit_is_refused(pack: object) -> None:
    header = "gzip" if pack is gzip.compress else "deflate"
    bomb = pack(b"a" * 1_000_000)  # type: ignore[operator]
    with pytest.raises(Malformed) as caught:
        decode_content(bomb, header, 999_999, "v2")
    assert str(caught.value) == "v2: body: expected content within the size limit, got more"
    assert len(decode_content(bomb, header, 1_000_000, "v2")) == 1_000_000


def test_the_limit_holds_over_all_members() -> None:
    with pytest.raises(Malformed, match="within the size limit"):
        decode_content(gzip.compress(b"a" * 60) * 2, "gzip", 100, "v2")


def test_members_are_counted() -> None:
    member = gzip.compress(b"a")
    assert decode_content(member * (MEMBER_LIMIT - 1), "gzip", 100, "v2") == b"a" * (MEMBER_LIMIT - 1)
    with pytest.raises(Malformed) as caught:
        decode_content(member * (MEMBER_LIMIT + 1), "gzip", 100, "v2")
    assert str(caught.value) == f"v2: body: expected at most {MEMBER_LIMIT} gzip members, got more"


@pytest.mark.parametrize("header", ["gzip", "deflate"])
@pytest.mark.parametrize("body", [b"{}", TEXT, b"\x78\x9cgarbage", b"\x1f\x8bgarbage....."])
def test_other_bytes_than_announced_are_malformed(header: str, body: bytes) -> None:
    with pytest.raises(Malformed):
        decode_content(body, header, 1000, "v2")


@pytest.mark.parametrize(("header", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_every_beginning_of_a_stream_is_malformed(header: str, pack: object) -> None:
    packed = pack(TEXT)  # type: ignore[operator]
    for length in range(len(packed)):
        with pytest.raises(Malformed):
            decode_content(packed[:length], header, 1000, "v2")


@pytest.mark.parametrize(
    ("header", "shown"), [("br", "'br'"), ("gzip, zstd", "'zstd'"), ("a b", "another"), ("x" * 99, "another")]
)
def test_other_codings_are_unknown(header: str, shown: str) -> None:
    with pytest.raises(UnknownProtocol) as caught:
        decode_content(b"", header, 1000, "v2")
    assert str(caught.value) == f"v2: content-encoding: expected gzip, deflate or identity, got {shown}"


def test_many_codings_are_refused() -> None:
    with pytest.raises(Malformed) as caught:
        decode_content(b"", ",".join(["gzip"] * 4), 1000, "v2")
    assert str(caught.value) == f"v2: content-encoding: expected at most {CODING_LIMIT} codings, got 4"


def test_a_plain_message_stays_the_same_object() -> None:
    plain = message(TEXT, content_type="text/html")
    assert strip_coding(plain, limit_bytes=len(TEXT), protocol="v2") is plain


def test_a_coded_message_loses_header_and_coding() -> None:
    stripped = strip_coding(
        message(gzip.compress(TEXT), content_encoding="gzip", host="h"), limit_bytes=1000, protocol="v2"
    )
    assert stripped == message(TEXT, host="h")


@pytest.mark.parametrize("headers", [{}, {"content_encoding": "identity"}])
def test_a_plain_body_beyond_the_limit_is_malformed(headers: dict[str, str]) -> None:
    with pytest.raises(Malformed) as caught:
        strip_coding(message(TEXT, **headers), limit_bytes=139, protocol="v2")
    assert str(caught.value) == "v2: body: expected at most 139 bytes, got 140"
