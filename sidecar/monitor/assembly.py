"""Puts the pieces of large bodies together again, in bounded memory.

Pieces of an exchange come before its final record. An exchange whose pieces are not all here when that record
comes (some found no room in the ring, or this monitor started in between) is incomplete; one whose final
record never comes (it found no room itself, or its worker was killed) is forgotten when nothing has been
heard of it for longer than the worker's own time-outs allow, or when memory is needed, the longest silent
first. Either way the counters of the ring say what became of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

MOST_BYTES = 67_108_864  # all unfinished exchanges together; 16 bodies at the default limit
PENDING_BYTES = 1024  # what an unfinished exchange costs beyond its bytes
LONGEST_SILENCE_S = 600.0


@dataclass(slots=True)
class Body:
    """One side's body so far; `whole` turns false when a piece is missing, and then nothing is held.

    The bytes lie in one array: a streamed answer comes in pieces of a few bytes, each of which would cost as
    much again as an object.
    """

    joint: bytearray = field(default_factory=bytearray)
    whole: bool = True

    def add(self, place: int, piece: bytes | memoryview[int]) -> int:
        """Takes the piece that begins at this place of the body.

        Returns:
            By how many bytes what is held has grown; negative when it was given up.
        """
        if place == len(self.joint) and self.whole:
            self.joint += piece
            return len(piece)
        given_up = len(self.joint)
        self.whole = False
        self.joint = bytearray()
        return -given_up

    def joined(self, true_bytes: int) -> bytes | None:
        """The body, or None when it is not all here.

        Args:
            true_bytes: its length as the final record tells it.
        """
        return bytes(self.joint) if self.whole and len(self.joint) == true_bytes else None


@dataclass(slots=True)
class Pending:
    """An exchange whose final record is still to come."""

    heard_ns: int
    request: Body = field(default_factory=Body)
    response: Body = field(default_factory=Body)


class Assembly:
    """The unfinished exchanges of one ring.

    Args:
        most_bytes: that all of them may hold.
        longest_silence_s: an exchange of which nothing was heard for longer has ended unheard.
    """

    def __init__(self, most_bytes: int = MOST_BYTES, longest_silence_s: float = LONGEST_SILENCE_S) -> None:
        self._most_bytes = most_bytes
        self._longest_silence_ns = int(longest_silence_s * 1e9)
        self._pending: dict[int, Pending] = {}  # the longest silent first
        self._n_bytes = 0

    def __len__(self) -> int:
        return len(self._pending)

    def add_piece(
        self, exchange_id: int, mono_ns: int, *, is_request: bool, place: int, piece: bytes | memoryview[int]
    ) -> None:
        """Takes one piece."""
        pending = self._pending.pop(exchange_id, None)
        if pending is None:
            pending = Pending(mono_ns)
            self._n_bytes += PENDING_BYTES
        pending.heard_ns = mono_ns
        self._pending[exchange_id] = pending
        self._n_bytes += (pending.request if is_request else pending.response).add(place, piece)
        self._make_room(mono_ns)

    def finish(self, exchange_id: int, request_bytes: int, response_bytes: int) -> tuple[bytes, bytes] | None:
        """Both bodies, or None when a piece is missing.

        Args:
            exchange_id: whose.
            request_bytes: the request body's true length.
            response_bytes: the response body's.
        """
        pending = self._pending.get(exchange_id) or Pending(0)
        self._forget(exchange_id)
        request = pending.request.joined(request_bytes)
        response = pending.response.joined(response_bytes)
        return None if request is None or response is None else (request, response)

    def _make_room(self, now_ns: int) -> None:
        while self._pending:
            oldest = next(iter(self._pending))
            silent = now_ns - self._pending[oldest].heard_ns > self._longest_silence_ns
            if not silent and (self._n_bytes <= self._most_bytes or len(self._pending) == 1):
                return
            self._forget(oldest)

    def _forget(self, exchange_id: int) -> None:
        pending = self._pending.pop(exchange_id, None)
        if pending is not None:
            self._n_bytes -= PENDING_BYTES + len(pending.request.joint) + len(pending.response.joint)
