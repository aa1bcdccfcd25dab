"""Puts the pieces of large bodies together again, in bounded memory.

Pieces of an exchange come before its final record. An exchange whose pieces are not all here when that record
comes (some found no room in the ring, or this monitor started in between) is incomplete; one whose final
record never comes (its worker was killed) is forgotten when it is old or when memory is needed, oldest first.
Either way the counters of the ring say what became of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

MOST_BYTES = 67_108_864  # all unfinished exchanges together; 16 bodies at the default limit
MOST_AGE_NS = 600 * 1_000_000_000  # a stream may be long, but not ten minutes without its end


@dataclass(slots=True)
class Body:
    """One side's body so far; `whole` turns false when a piece is missing."""

    parts: list[bytes] = field(default_factory=list)
    n_bytes: int = 0
    whole: bool = True

    def add(self, place: int, piece: bytes) -> None:
        """Takes the piece that begins at this place of the body."""
        if place == self.n_bytes and self.whole:
            self.parts.append(piece)
            self.n_bytes += len(piece)
        else:
            self.whole = False

    def joined(self, true_bytes: int) -> bytes | None:
        """The body, or None when it is not all here.

        Args:
            true_bytes: its length as the final record tells it.
        """
        return b"".join(self.parts) if self.whole and self.n_bytes == true_bytes else None


@dataclass(slots=True)
class Pending:
    """An exchange whose final record is still to come."""

    begun_ns: int
    request: Body = field(default_factory=Body)
    response: Body = field(default_factory=Body)


class Assembly:
    """The unfinished exchanges of one ring."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._pending: dict[int, Pending] = {}  # in the order in which they began
        self._n_bytes = 0

    def __len__(self) -> int:
        return len(self._pending)

    def add_piece(
        self, exchange_id: int, mono_ns: int, *, is_request: bool, place: int, piece: bytes
    ) -> None:
        """Takes one piece."""
        pending = self._pending.get(exchange_id)
        if pending is None:
            pending = self._pending[exchange_id] = Pending(mono_ns)
        (pending.request if is_request else pending.response).add(place, piece)
        self._n_bytes += len(piece)
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
            old = now_ns - self._pending[oldest].begun_ns > MOST_AGE_NS
            if not old and (self._n_bytes <= self._most_bytes or len(self._pending) == 1):
                return
            self._forget(oldest)

    def _forget(self, exchange_id: int) -> None:
        pending = self._pending.pop(exchange_id, None)
        if pending is not None:
            self._n_bytes -= sum(
                len(part) for body in (pending.request, pending.response) for part in body.parts
            )
