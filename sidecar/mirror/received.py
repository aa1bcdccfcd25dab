"""What comes back on a connection for one copy, up to the longest answer that is read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import perf_counter

from sidecar.errors import UpstreamError
from sidecar.http1.part import Part
from sidecar.http1.response import ResponseHead
from sidecar.mirror.answer import Failure
from sidecar.upstream.connection import UpstreamConnection


class Received:
    """Waits for the end of one answer.

    Args:
        connection: that the copy was sent on; dropped when the answer is too long.
        most_bytes: longest body read.
        note_read: told of every piece, in bytes.

    Attributes:
        ended: done once no more will come.
        end_s: when that was, by `time.perf_counter`.
        head: the answer's; None when none came, or it took too long.
        pieces: of the body; none when it is too long or takes too long.
        failure: why it is no whole answer; None when it is.
    """

    def __init__(
        self, connection: UpstreamConnection, most_bytes: int, note_read: Callable[[int], None]
    ) -> None:
        self._connection = connection
        self._left = most_bytes
        self._note_read = note_read
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.end_s = 0.0
        self.head: ResponseHead | None = None
        self.pieces: list[Part] = []
        self.failure: Failure | None = None

    def on_interim(self, head: ResponseHead) -> None:
        """The answer is still to come."""

    def on_switched(self, _head: ResponseHead, connection: UpstreamConnection, _received: bytes) -> None:
        """Nobody asked for another protocol."""
        connection.abandon()
        self._end("broken")

    def on_trailer(self, lines: bytes) -> None:
        """Says nothing that is compared."""

    def on_response(self, head: ResponseHead, body: Part, complete: bool) -> None:
        """The head, with the first bytes of the body."""
        self.head = head
        if not complete and head.body_length > self._left:  # announced, so none of it need be read
            self._give_up("too_long")
        else:
            self.on_body(body, complete)

    def on_body(self, body: Part, complete: bool) -> None:
        """More of the body."""
        self._note_read(len(body))
        self._left -= len(body)
        if self._left < 0:
            self._give_up("too_long")
            return
        self.pieces.append(body)
        if complete:
            self._end(None)

    def on_broken(self, error: UpstreamError, reusable_before: bool) -> None:  # noqa: ARG002
        """The answer will not become whole."""
        self._end("broken")

    def on_upstream_writable(self, writable: bool) -> None:
        """The copy was written whole; the transport keeps what the server does not take."""

    def expire(self) -> None:
        """Its time is over; what is whole by now is not late."""
        if not self.ended.done():
            self.head = None
            self._give_up("timeout")

    def _give_up(self, failure: Failure) -> None:
        self.pieces.clear()
        self._connection.abandon()
        self._end(failure)

    def _end(self, failure: Failure | None) -> None:
        self.failure = failure
        self.end_s = perf_counter()
        if not self.ended.done():
            self.ended.set_result(None)
