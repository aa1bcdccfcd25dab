"""A request's body on its way upstream, when it did not come whole with its head: its end, its framing and
its pace."""

from __future__ import annotations

from collections.abc import Callable

from sidecar.http1.chunked import ChunkReader, encode_chunk, encode_last_chunk
from sidecar.http1.fields import CHUNKED
from sidecar.http1.part import Part


class RequestBody:
    """Reads one body, whatever way its bytes are cut.

    Args:
        length: bytes, or `CHUNKED`, as the head says.
        limit_bytes: longest body; a head that says more was refused before, a chunked one shows it only here.
        keep: is given each part, without its framing.
        now_s: when it began, on the loop's clock.

    Attributes:
        done: whether its end has been read.
        n_bytes: how much of it has come, without its framing.
    """

    __slots__ = ("_chunks", "_from_s", "_keep", "_left", "done", "n_bytes")

    def __init__(self, length: int, limit_bytes: int, keep: Callable[[Part], None], now_s: float) -> None:
        self._chunks = ChunkReader("downstream", limit_bytes) if length == CHUNKED else None
        self._left = length
        self._keep = keep
        self._from_s = now_s
        self.n_bytes = 0
        self.done = length == 0

    def take(self, received: Part) -> tuple[Part, bytes]:
        """Splits off what belongs to this body.

        Returns:
            It, framed for the upstream, and what belongs to the caller's next request.

        Raises:
            BadFraming: not the chunked coding.
            HeadTooLarge: too long a trailer.
            BodyTooLarge: more than the limit.
        """
        if self._chunks is None:
            return self._take_length(received)
        return self._take_chunks(self._chunks, bytes(received))

    def _take_length(self, received: Part) -> tuple[Part, bytes]:
        body = received[: self._left]
        self._left -= len(body)
        self.n_bytes += len(body)
        self.done = not self._left
        if body:
            self._keep(body)
        return body, bytes(received[len(body) :])

    def _take_chunks(self, chunks: ChunkReader, received: bytes) -> tuple[bytes, bytes]:
        pieces, rest = chunks.feed(received)
        framed = []
        for piece in pieces:
            self.n_bytes += len(piece)
            self._keep(piece)
            framed.append(encode_chunk(piece))
        if chunks.done:
            self.done = True
            framed.append(encode_last_chunk(chunks.trailer))
        return b"".join(framed), rest

    # --- pace

    def allowed_s(self, now_s: float, idle_s: float, least_bytes_per_s: float) -> float:
        """How long the next part may take.

        Args:
            now_s: the loop's clock.
            idle_s: the longest pause, and the grace for what comes too slowly.
            least_bytes_per_s: slowest average rate; 0 allows any.

        Returns:
            Seconds, >= 0.
        """
        if not least_bytes_per_s:
            return idle_s
        schedule_s = self._from_s + self.n_bytes / least_bytes_per_s
        return min(idle_s, max(0.0, schedule_s + idle_s - now_s))

    def excuse(self, now_s: float, least_bytes_per_s: float) -> None:
        """The upstream made us pause: the caller counts as being on schedule.

        Args:
            now_s: the loop's clock.
            least_bytes_per_s: slowest average rate; 0 allows any.
        """
        self._from_s = now_s - (self.n_bytes / least_bytes_per_s if least_bytes_per_s else 0.0)
