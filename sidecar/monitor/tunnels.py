"""The bytes of tunnels (WebSocket, HTTP/2 connections): counted and dropped. What will decode them takes its
pieces here: in order for each direction, and a gap is told.

Nothing of a tunnel enters `Assembly`: a tunnel lasts for hours and has no end that one could wait for.
"""

from __future__ import annotations

from sidecar.ring.record import PieceKind
from sidecar.telemetry.names import TUNNEL_BYTES, TUNNEL_GAPS
from sidecar.telemetry.points import Attributes, CounterSet, Family

MOST_TUNNELS = 10_000  # known at a time for one worker, as many as it has callers by default

_DIRECTIONS: dict[PieceKind, Attributes] = {
    PieceKind.TUNNEL_UP: (("direction", "up"),),
    PieceKind.TUNNEL_DOWN: (("direction", "down"),),
}


class TunnelMeters:
    """What all tunnels have carried; written by the intake thread only."""

    def __init__(self) -> None:
        self.sizes = CounterSet(TUNNEL_BYTES)
        self.gaps = CounterSet(TUNNEL_GAPS)

    def families(self) -> list[Family]:
        """Both now, as copies."""
        return [self.sizes.family(), self.gaps.family()]


class Tunnels:
    """The open tunnels of one ring.

    Args:
        meters: where their bytes are counted.
        most: tunnels known at a time; beyond it the one silent for longest is forgotten, and should it speak
            again, that shows as a gap.
    """

    def __init__(self, meters: TunnelMeters, most: int = MOST_TUNNELS) -> None:
        self._meters = meters
        self._most = most
        self._places: dict[int, dict[PieceKind, int]] = {}  # the one silent for longest is first

    def __len__(self) -> int:
        return len(self._places)

    def take(self, exchange_id: int, kind: PieceKind, place: int, piece: bytes | memoryview[int]) -> None:
        """Takes one piece.

        Args:
            exchange_id: whose.
            kind: which direction.
            place: how many bytes came in this direction before it.
            piece: its bytes, valid during the call only.
        """
        places = self._places.pop(exchange_id, None) or {}
        self._places[exchange_id] = places
        direction = _DIRECTIONS[kind]
        if place != places.get(kind, 0):
            self._meters.gaps.add(direction)
        places[kind] = place + len(piece)
        self._meters.sizes.add(direction, len(piece))
        if len(self._places) > self._most:
            del self._places[next(iter(self._places))]

    def finish(self, exchange_id: int) -> None:
        """Forgets a tunnel whose final record has come."""
        self._places.pop(exchange_id, None)
