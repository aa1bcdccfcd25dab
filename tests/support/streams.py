"""Streams of HTTP/1.1 messages for property tests: built from a grammar, then damaged, then cut anywhere."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import strategies as st

from sidecar.http1.chunked import encode_chunk

HEADERS = [
    *(b"X-A: 1", b"x-a: 2", b"X-Gone: 1", b"Cookie: a=b; c", b"Content-Type: application/json", b"Accept:"),
    *(
        b"Connection: keep-alive, X-Gone",
        b"Connection: close",
        b"TE: trailers, gzip",
        b"Trailer: X-Sum",
        b"Via: 2 edge",
    ),
    *(
        b"Connection: Upgrade",
        b"Upgrade: websocket",
        b"Upgrade: h2c",
        b"Keep-Alive: timeout=5",
        b"Content_Length: 3",
    ),
    *(b"X-Forwarded-For: 192.0.2.1", b"X-Request-Id: abc", b"Expect: 100-continue", b"Sec-WebSocket-Key: x"),
    b"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
]
# What is put in the place of a framing header, or beside it.
OBFUSCATIONS = [
    *(
        b"Content-Length: 3",
        b"Content-Length: 0",
        b"Content-Length: +3",
        b"Content-Length : 3",
        b"Content-Length: 3, 3",
    ),
    *(
        b"Content-Length: 0x3",
        b"content-length:3",
        b"Content-Length:\x0b3",
        b"Content-Length: 03",
        b"X: 1\n Content-Length: 3",
    ),
    *(b"Transfer-Encoding: chunked", b"Transfer-Encoding: xchunked", b"Transfer-Encoding: chunked, identity"),
    *(
        b"Transfer-Encoding:\tchunked",
        b"Transfer-Encoding : chunked",
        b"Transfer-Encoding: CHUNKED",
        b"X: 1\rTransfer-Encoding: chunked",
    ),
    *(
        b"Transfer-Encoding:\r\n chunked",
        b" Transfer-Encoding: chunked",
        b"transfer_encoding: chunked",
        b"Host: other",
        b"Host:",
    ),
]
BODIES = st.lists(
    st.one_of(
        st.binary(min_size=1, max_size=12),
        st.sampled_from([b"0\r\n\r\n", b"GET /x HTTP/1.1\r\nHost: m\r\n\r\n"]),
    ),
    max_size=3,
)
EXTENSIONS = st.sampled_from(
    [b"", b"", b"", b"", b"", b"", b";a", b";a=1", b";a", b";a=1", b';a="b c"', b"; a", b";\n"]
)
TRAILERS = st.sampled_from(
    [b"", b"", b"", b"", b"", b"X-Sum: 1\r\n", b"Content-Length: 3\r\n", b"Date: x\r\nX-Sum: 2\r\n"]
)
DAMAGE = st.tuples(
    st.sampled_from(["insert", "delete", "replace", "copy"]),
    st.integers(min_value=0, max_value=10_000),
    st.one_of(
        st.sampled_from(
            [b"\r", b"\n", b"\r\n", b" ", b"\t", b":", b"0", b"\x00", b";", b"\x0b", b"\r\n\r\n", b"A", b","]
        ),
        st.binary(min_size=1, max_size=2),
    ),
)


@st.composite
def messages(draw: st.DrawFn, first_lines: list[bytes], host: bool) -> bytes:
    """One message, legal but for obfuscated framing headers.

    Args:
        draw: hypothesis gives it.
        first_lines: request or status lines.
        host: whether it has a Host header.
    """
    lines = [draw(st.sampled_from(first_lines)), *([b"Host: m:9000"] if host else [])]
    lines += draw(st.lists(st.sampled_from(HEADERS), max_size=4))
    parts = draw(BODIES)
    framing = draw(st.sampled_from(["none", "length", "length", "chunked", "chunked"]))
    body = b""
    if framing == "length":
        body = b"".join(parts)
        lines.append(b"Content-Length: %d" % len(body))
    elif framing == "chunked":
        lines.append(b"Transfer-Encoding: chunked")
        body = b"".join(_extended(encode_chunk(part), draw(EXTENSIONS)) for part in parts)
        body += b"0\r\n" + draw(TRAILERS) + b"\r\n"
    if draw(st.integers(0, 7)) == 0:
        lines.insert(draw(st.integers(1, len(lines))), draw(st.sampled_from(OBFUSCATIONS)))
    return b"\r\n".join([*lines, b"", b""]) + body


def _extended(chunk: bytes, extension: bytes) -> bytes:
    size, gap, data = chunk.partition(b"\r\n")
    return size + extension + gap + data


def damaged(raw: bytes, damages: list[tuple[str, int, bytes]]) -> bytes:
    """The stream with bytes inserted, deleted, replaced or copied."""
    for how, place, what in damages:
        at = place % (len(raw) + 1)
        if how == "insert":
            raw = raw[:at] + what + raw[at:]
        elif how == "delete":
            raw = raw[:at] + raw[at + len(what) :]
        elif how == "replace":
            raw = raw[:at] + what + raw[at + len(what) :]
        else:
            raw = raw[:at] + raw[at // 2 : at] + raw[at:]
    return raw


def cut(raw: bytes, cuts: list[int]) -> list[bytes]:
    """The stream in pieces, none of them empty."""
    places = sorted({0, len(raw), *(place % (len(raw) + 1) for place in cuts)})
    return [raw[start:end] for start, end in pairwise(places)]
