"""A tunnel: the caller's and the upstream's connection joined, whatever they speak (WebSocket or anything
else behind a 101, HTTP/2 from its first byte).

Bytes go on as they come, and a copy of them into the ring, piece by piece. The slower side pauses the faster
one; an end of one direction is passed on and the other direction goes on; what nobody uses for
`tunnel_idle_s` is closed.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sidecar.ring.record import ExchangeFlag, Outcome, PieceKind

if TYPE_CHECKING:  # the worker composes these
    from sidecar.proxy.caller import Caller
    from sidecar.proxy.exchange import Exchange
    from sidecar.proxy.worker import Worker
    from sidecar.upstream.connection import UpstreamConnection

FLUSH_S = 2.0  # how long the side that is left may take to read what the other one sent last


class Tunnel:
    """Two joined connections.

    Args:
        worker: for the clock and the tap.
        exchange: whose record tells of the tunnel.
        upstream: the far side; the exchange's caller is the near one, and what it holds unread goes upstream.
        asked: what goes upstream first.
        said: what the upstream has said behind its 101.
    """

    __slots__ = ("_caller", "_exchange", "_far", "_idle_s", "_near", "_outcome", "_worker")

    def __init__(
        self,
        worker: Worker,
        exchange: Exchange,
        upstream: UpstreamConnection,
        asked: bytes,
        said: bytes,
    ) -> None:
        self._worker = worker
        self._exchange = exchange
        self._caller = caller = exchange.caller
        self._idle_s = exchange.head.policy.tunnel_idle_s
        self._outcome: Outcome | None = None
        exchange.tap_flags |= ExchangeFlag.TUNNEL
        worker.tally.add_tunnel(1)
        self._near = End(self, PieceKind.TUNNEL_UP, caller)
        self._far = End(self, PieceKind.TUNNEL_DOWN, upstream)
        self._near.other, self._far.other = self._far, self._near
        said += upstream.take_over(self._far)
        asked += caller.take_over(self, self._near)
        if not caller.writable:
            self._far.transport.pause_reading()
        self._caller.deadline_s = worker.now_s + self._idle_s
        for end, received in ((self._near, asked), (self._far, said)):
            if received:
                end.data_received(received)

    def carry(self, end: End, data: bytes) -> None:
        """Passes bytes on."""
        exchange = self._exchange
        if end is self._near:
            place, exchange.bytes_in = exchange.bytes_in, exchange.bytes_in + len(data)
        else:
            place, exchange.bytes_out = exchange.bytes_out, exchange.bytes_out + len(data)
        end.other.transport.write(data)
        self._caller.deadline_s = self._worker.now_s + self._idle_s
        self._worker.tap.keep_tunnel(exchange, end.kind, data, place)

    def end_direction(self, end: End) -> None:
        """One side has said all that it will say."""
        if end.other.finished or not end.other.transport.can_write_eof():
            self.finish(Outcome.OK)
        else:
            end.other.transport.write_eof()

    def lose(self, end: End, exc: Exception | None) -> None:
        """A connection is gone."""
        if exc is None:
            self.finish(Outcome.OK)
        else:
            self.finish(Outcome.CALLER_GONE if end is self._near else Outcome.UPSTREAM_BROKE)

    def finish(self, outcome: Outcome) -> None:
        """Closes what is open, and records the exchange once."""
        if self._outcome is not None:
            return
        self._outcome = outcome
        for end in (self._near, self._far):
            end.transport.close()
            asyncio.get_running_loop().call_later(FLUSH_S, end.transport.abort)
        self._worker.tally.add_tunnel(-1)
        self._exchange.record(outcome)

    def on_late(self) -> None:
        """Nobody has said anything for `tunnel_idle_s`."""
        self.finish(Outcome.OK)


class End(asyncio.Protocol):
    """One side of a tunnel.

    Args:
        tunnel: which.
        kind: what its bytes are in the ring.
        owner: the connection that was there before, which is told of its loss.

    Attributes:
        other: the opposite side.
        finished: whether it has said all that it will say.
    """

    __slots__ = ("_owner", "_tunnel", "finished", "kind", "other", "transport")

    def __init__(self, tunnel: Tunnel, kind: PieceKind, owner: Caller | UpstreamConnection) -> None:
        self._tunnel = tunnel
        self._owner = owner
        self.kind = kind
        self.other: End = self  # set by the tunnel
        self.transport = owner.transport
        self.finished = False

    def data_received(self, data: bytes) -> None:
        self._tunnel.carry(self, data)

    def eof_received(self) -> bool:
        self.finished = True
        self._tunnel.end_direction(self)
        return True  # the other direction goes on

    def pause_writing(self) -> None:
        if not self.other.transport.is_closing():
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if not self.other.transport.is_closing():
            self.other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._tunnel.lose(self, exc)
        self._owner.connection_lost(exc)
