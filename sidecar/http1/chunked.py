"""The chunked transfer coding (RFC 9112 section 7.1): reading it byte-exact, and writing it.

llhttp could read it too, but does not say where in the bytes a message ended, which pipelined requests need.
Chunk extensions are read over and not forwarded (they are hop-by-hop); trailer fields are kept for the caller
of `feed`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from sidecar.errors import BadFraming, BodyTooLarge, HeadTooLarge, Side
from sidecar.http1.syntax import split_fields

MAX_SIZE_LINE = 256  # a size is at most 15 digits; the rest is room for an extension
MAX_EXTENSION_BYTES = (
    16_384  # in a whole body, as Go's limit since CVE-2023-39326 and llhttp's since CVE-2024-22019
)
MAX_TRAILER_BYTES = 8192
MAX_TRAILERS = 32

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_QUOTED = rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"'
# RFC 9112 would have us read over blanks around `;` and `=`. Nobody sends them, and parsers that skip blanks
# differently are what smuggling is made of.
_SIZE_LINE = re.compile(
    rb"([0-9A-Fa-f]{1,15})((?:;" + _TOKEN + rb"(?:=(?:" + _TOKEN + rb"|" + _QUOTED + rb"))?)*)"
)
# RFC 9110 section 6.5.1: what a recipient must have known before the body. Framing, routing and credentials
# behind the body are an attack; the rest is only useless, and left out.
_FORBIDDEN_TRAILERS = frozenset(
    (
        *(b"transfer-encoding", b"content-length", b"host", b"connection", b"upgrade", b"te", b"trailer"),
        *(
            b"authorization",
            b"proxy-authorization",
            b"cookie",
            b"set-cookie",
            b"x-api-key",
            b"forwarded",
            b"via",
        ),
        *(b"www-authenticate", b"proxy-authenticate", b"content-encoding", b"content-type", b"content-range"),
    )
)
_FORBIDDEN_PREFIXES = (b"x-forwarded-", b"proxy-")
_USELESS_TRAILERS = frozenset(
    (
        *(b"cache-control", b"expect", b"max-forwards", b"pragma", b"range", b"age", b"date", b"expires"),
        *(b"location", b"retry-after", b"vary", b"warning", b"traceparent", b"tracestate", b"x-request-id"),
        *(b"keep-alive", b"http2-settings", b"x-real-ip"),
    )
)

LAST_CHUNK = b"0\r\n\r\n"


def encode_chunk(body: bytes) -> bytes:
    """One chunk; the caller passes no empty body, which would end the message."""
    return b"%x\r\n%b\r\n" % (len(body), body)


def encode_last_chunk(trailer: bytes) -> bytes:
    """The end of a chunked message.

    Args:
        trailer: lines with CRLF, as a `ChunkReader` gives them; may be empty.
    """
    return b"0\r\n" + trailer + b"\r\n" if trailer else LAST_CHUNK


class ChunkReader:
    """Reads one chunked body, whatever way its bytes are cut.

    Args:
        side: who sends it, for errors.
        limit_bytes: longest body, None for any; a chunk that would pass it is refused by its size, before its
            data comes.

    Attributes:
        done: whether the end, with its trailer, has been read.
        trailer: the trailer's lines with CRLF, without the final empty line; complete when done.
    """

    def __init__(self, side: Side, limit_bytes: int | None = None) -> None:
        self._side: Side = side
        self._limit_bytes = limit_bytes
        self._n_bytes = 0  # announced so far
        self._extension_bytes = 0
        self._held = b""
        self._left = 0  # bytes of the current chunk's data still to come
        self._step: Callable[[bytes, list[bytes]], bytes] = self._read_size
        self.done = False
        self.trailer = b""

    def feed(self, received: bytes) -> tuple[list[bytes], bytes]:
        """Takes the next bytes.

        Returns:
            The pieces of body in them, and the bytes after the end of the message (empty until done).

        Raises:
            BadFraming: not the chunked coding, or more extensions than `MAX_EXTENSION_BYTES`.
            BodyTooLarge: the body is longer than the limit.
            HeadTooLarge: the trailer is longer than `MAX_TRAILER_BYTES`.
        """
        pieces: list[bytes] = []
        rest = self._held + received if self._held else received
        self._held = b""
        while not self.done:
            before = rest
            rest = self._step(rest, pieces)
            if rest is before:  # the step needs more bytes than there are
                self._held = rest
                return pieces, b""
        return pieces, rest

    def _read_size(self, rest: bytes, _pieces: list[bytes]) -> bytes:
        end = rest.find(b"\r\n", 0, MAX_SIZE_LINE)
        if end < 0:
            if len(rest) >= MAX_SIZE_LINE or b"\n" in rest or b"\r" in rest[:-1]:
                raise self._fault("a chunk size")
            return rest
        match = _SIZE_LINE.fullmatch(rest, 0, end)
        if match is None:
            raise self._fault("a chunk size")
        self._left = int(match[1], 16)
        self._count(self._left, len(match[2]))
        self._step = self._read_data if self._left else self._read_trailer
        return rest[end + 2 :]

    def _count(self, n_bytes: int, extension_bytes: int) -> None:
        self._n_bytes += n_bytes
        self._extension_bytes += extension_bytes
        if self._limit_bytes is not None and self._n_bytes > self._limit_bytes:
            raise BodyTooLarge(
                self._side,
                413 if self._side == "downstream" else 502,
                f"body: expected at most {self._limit_bytes} bytes, got more",
            )
        if self._extension_bytes > MAX_EXTENSION_BYTES:
            raise self._fault(f"at most {MAX_EXTENSION_BYTES} bytes of extensions")

    def _read_data(self, rest: bytes, pieces: list[bytes]) -> bytes:
        if not rest:
            return rest
        piece = rest[: self._left]
        pieces.append(piece)
        self._left -= len(piece)
        if not self._left:
            self._step = self._read_data_end
        return rest[len(piece) :]

    def _read_data_end(self, rest: bytes, _pieces: list[bytes]) -> bytes:
        if not rest.startswith(b"\r\n"):
            if b"\r\n".startswith(rest):
                return rest
            raise self._fault("CRLF behind a chunk")
        self._step = self._read_size
        return rest[2:]

    def _read_trailer(self, rest: bytes, _pieces: list[bytes]) -> bytes:
        if rest.startswith(b"\r\n"):
            self.done = True
            return rest[2:]
        end = rest.find(b"\r\n\r\n", 0, MAX_TRAILER_BYTES + 4)
        if end < 0:
            if len(rest) >= MAX_TRAILER_BYTES + 4:
                raise HeadTooLarge(
                    self._side,
                    431 if self._side == "downstream" else 502,
                    f"trailer: expected at most {MAX_TRAILER_BYTES} bytes, got more",
                )
            return rest
        fields = split_fields(rest[:end].split(b"\r\n"), self._side, MAX_TRAILERS)
        names = [name.replace(b"_", b"-") for name, _, _ in fields]
        if any(name in _FORBIDDEN_TRAILERS or name.startswith(_FORBIDDEN_PREFIXES) for name in names):
            raise self._fault("a trailer without fields for framing, routing or credentials")
        self.trailer = b"".join(
            line
            for name, (_, _, line) in zip(names, fields, strict=True)
            if name not in _USELESS_TRAILERS and not name.startswith(b"if-")
        )
        self.done = True
        return rest[end + 4 :]

    def _fault(self, expected: str) -> BadFraming:
        status = 400 if self._side == "downstream" else 502
        return BadFraming(self._side, status, f"chunked body: expected {expected}, got something else")
