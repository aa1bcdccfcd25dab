"""A request's body on its way upstream, when it did not come whole with its head: its end and its framing."""

from __future__ import annotations

from collections.abc import Callable

from sidecar.http1.chunked import ChunkReader, encode_chunk, encode_last_chunk
from sidecar.http1.fields import CHUNKED


class RequestBody:
    """Reads one body, whatever way its bytes are cut.

    Args:
        length: bytes, or `CHUNKED`, as the head says.
        limit_bytes: longest body; a head that says more was refused before, a chunked one shows it only here.
        keep: is given each part, without its framing.

    Attributes:
        done: whether its end has been read.
    """

    __slots__ = ("_chunks", "_keep", "_left", "done")

    def __init__(self, length: int, limit_bytes: int, keep: Callable[[bytes], None]) -> None:
        self._chunks = ChunkReader("downstream", limit_bytes) if length == CHUNKED else None
        self._left = length
        self._keep = keep
        self.done = length == 0

    def take(self, received: bytes) -> tuple[bytes, bytes]:
        """Splits off what belongs to this body.

        Returns:
            It, framed for the upstream, and what belongs to the caller's next request.

        Raises:
            BadFraming: not the chunked coding.
            HeadTooLarge: too long a trailer.
            BodyTooLarge: more than the limit.
        """
        return (
            self._take_length(received) if self._chunks is None else self._take_chunks(self._chunks, received)
        )

    def _take_length(self, received: bytes) -> tuple[bytes, bytes]:
        body = received[: self._left]
        self._left -= len(body)
        self.done = not self._left
        if body:
            self._keep(body)
        return body, received[len(body) :]

    def _take_chunks(self, chunks: ChunkReader, received: bytes) -> tuple[bytes, bytes]:
        pieces, rest = chunks.feed(received)
        framed = []
        for piece in pieces:
            self._keep(piece)
            framed.append(encode_chunk(piece))
        if chunks.done:
            self.done = True
            framed.append(encode_last_chunk(chunks.trailer))
        return b"".join(framed), rest
