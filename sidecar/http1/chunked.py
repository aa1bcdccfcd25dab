"""The chunked transfer coding (RFC 9112 section 7.1): reading it byte-exact, and writing it.

llhttp could read it too, but does not say where in the bytes a message ended, which pipelined requests need.
Chunk extensions are read over and not forwarded (they are hop-by-hop); trailer fields are kept for the caller
of `feed`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from sidecar.errors import BadFraming, HeadTooLarge, Side
from sidecar.http1.syntax import split_fields

MAX_SIZE_LINE = 256  # a size is at most 15 digits; the rest is room for an extension
MAX_TRAILER_BYTES = 8192
MAX_TRAILERS = 32

_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;[\t -~\x80-\xff]*)?")
_FORBIDDEN_TRAILERS = frozenset(
    (b"transfer-encoding", b"content-length", b"host", b"authorization", b"content-encoding")
)

LAST_CHUNK = b"0\r\n\r\n"


def encode_chunk(body: bytes) -> bytes:
    """One chunk; the caller passes no empty body, which would end the message."""
    return b"%x\r\n%b\r\n" % (len(body), body)


class ChunkReader:
    """Reads one chunked body, whatever way its bytes are cut.

    Args:
        side: who sends it, for errors.

    Attributes:
        done: whether the end, with its trailer, has been read.
        trailer: the trailer's lines with CRLF, without the final empty line; complete when done.
    """

    def __init__(self, side: Side) -> None:
        self._side: Side = side
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
            BadFraming: not the chunked coding.
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
            if len(rest) >= MAX_SIZE_LINE or b"\n" in rest:
                raise self._fault("a chunk size")
            return rest
        match = _SIZE_LINE.fullmatch(rest, 0, end)
        if match is None:
            raise self._fault("a chunk size")
        self._left = int(match[1], 16)
        self._step = self._read_data if self._left else self._read_trailer
        return rest[end + 2 :]

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
        end = rest.find(b"\r\n\r\n")
        if end < 0:
            if len(rest) > MAX_TRAILER_BYTES:
                raise HeadTooLarge(
                    self._side, 431, f"trailer: expected at most {MAX_TRAILER_BYTES} bytes, got more"
                )
            return rest
        fields = split_fields(rest[:end].split(b"\r\n"), self._side, MAX_TRAILERS)
        if any(name in _FORBIDDEN_TRAILERS for name, _, _ in fields):
            raise self._fault("a trailer without framing fields")
        self.trailer = b"".join(line for _, _, line in fields)
        self.done = True
        return rest[end + 4 :]

    def _fault(self, expected: str) -> BadFraming:
        status = 400 if self._side == "downstream" else 502
        return BadFraming(self._side, status, f"chunked body: expected {expected}, got something else")
