"""The tap: copies what an exchange sends and receives into the ring, without ever waiting for it.

A small exchange's bodies are held as they came (references, no copy) and written as one record at the end.
Once the two bodies together pass `tap.inline_limit_bytes`, or the answer turns out to be a stream, what is
held goes into the ring as pieces and later ones follow as they come, so a worker never holds a body, and the
time of each fragment of a stream is known. A body beyond `tap.body_limit_bytes` is no
longer taken and the record says that it was cut.
"""

from __future__ import annotations

import asyncio
import time
from time import monotonic_ns
from typing import TYPE_CHECKING, Final

from sidecar.config.model import Config
from sidecar.config.routes import RoutePolicies, RoutePolicy
from sidecar.http1.part import Part
from sidecar.log import Log
from sidecar.proxy.identity import Identities, share_limit
from sidecar.ring.record import NO_SPAN, ExchangeFlag, Outcome, PieceKind
from sidecar.ring.writer import RingWriter

if TYPE_CHECKING:  # an exchange calls the tap; the tap only reads it
    from sidecar.proxy.exchange_state import ExchangeState

_TAKEN: Final = int(ExchangeFlag.PAYLOAD_TAKEN)
_IN_PIECES: Final = int(ExchangeFlag.IN_PIECES)
_REQUEST_CUT: Final = int(ExchangeFlag.REQUEST_CUT)
_RESPONSE_CUT: Final = int(ExchangeFlag.RESPONSE_CUT)
_OWN_ANSWER: Final = int(ExchangeFlag.OWN_ANSWER)
_EXCLUDED: Final = int(ExchangeFlag.EXCLUDED)
_NO_MIRROR: Final = int(ExchangeFlag.NO_MIRROR)
_TUNNEL_PIECE_BYTES: Final = 65_536  # a longer piece would need a stage of its own


class Tap:
    """The writing side of one worker's ring, as exchanges see it.

    Args:
        writer: the ring.
        config: limits, and the wanted share of each route.
        identities: the worker's, for trace ids.
        log: where a contained fault is told.

    Attributes:
        shares: for each route policy, by its place: an exchange whose number lies below the first is taken;
            the ratio that this is; and what its record says of the policy, `ExchangeFlag`.
    """

    def __init__(self, writer: RingWriter, config: Config, identities: Identities, log: Log) -> None:
        self._writer = writer
        self._log = log
        self._identities = identities
        self._loop = asyncio.get_running_loop()
        self._flush_planned = False
        self._unix_minus_mono_ns = 0
        self.configure(config, RoutePolicies(config))

    def configure(self, config: Config, policies: RoutePolicies) -> None:
        """Takes settings over, at the start and at a reload."""
        self._config = config.tap
        self._policies = policies.all
        self._flush_s = config.tap.flush_ms / 1000.0
        self._inline_limit_bytes = min(config.tap.inline_limit_bytes, config.tap.body_limit_bytes)
        self.sweep()

    # --- payload

    def keep_request(self, exchange: ExchangeState, body: Part) -> None:
        """Counts a part of a request's body, and takes it if the exchange is tapped."""
        so_far = exchange.bytes_in = exchange.bytes_in + len(body)
        if not exchange.tapped:
            return
        if so_far + exchange.bytes_out <= self._inline_limit_bytes and not exchange.tap_flags & _IN_PIECES:
            exchange.request_pieces.append(body)
        else:
            self._keep(exchange, PieceKind.REQUEST, exchange.request_pieces, body, so_far)

    def keep_response(self, exchange: ExchangeState, body: Part) -> None:
        """Counts a part of a response's body, and takes it if the exchange is tapped."""
        so_far = exchange.bytes_out = exchange.bytes_out + len(body)
        if not exchange.tapped:
            return
        if so_far + exchange.bytes_in <= self._inline_limit_bytes and not exchange.tap_flags & _IN_PIECES:
            exchange.response_pieces.append(body)
        else:
            self._keep(exchange, PieceKind.RESPONSE, exchange.response_pieces, body, so_far)

    def _keep(
        self, exchange: ExchangeState, kind: PieceKind, pieces: list[Part], body: Part, so_far: int
    ) -> None:
        """A part that makes the two bodies too long to be held; `so_far` counts it."""
        if so_far > self._config.body_limit_bytes:
            exchange.tap_flags |= _REQUEST_CUT if kind is PieceKind.REQUEST else _RESPONSE_CUT
        elif exchange.tap_flags & _IN_PIECES:
            self._writer.try_piece(kind, exchange.number, monotonic_ns(), so_far - len(body), body)
            self._plan_flush()
        else:
            pieces.append(body)
            self.spill(exchange)

    def spill(self, exchange: ExchangeState) -> None:
        """From now on this exchange goes in pieces; a piece without room makes it incomplete, which its
        record tells."""
        exchange.tap_flags |= _IN_PIECES
        now_ns = monotonic_ns()
        for kind, pieces in (
            (PieceKind.REQUEST, exchange.request_pieces),
            (PieceKind.RESPONSE, exchange.response_pieces),
        ):
            place = 0
            for piece in pieces:
                self._writer.try_piece(kind, exchange.number, now_ns, place, piece)
                place += len(piece)
            pieces.clear()
        self._plan_flush()

    def keep_tunnel(self, exchange: ExchangeState, kind: PieceKind, piece: bytes, offset_bytes: int) -> None:
        """Takes bytes of a tunnel; those of one direction come in order.

        Args:
            exchange: what became a tunnel; its record comes when the tunnel ends.
            kind: `TUNNEL_UP` or `TUNNEL_DOWN`.
            piece: the bytes as they came.
            offset_bytes: how many came in this direction before them.
        """
        if not (exchange.tapped and self._config.tunnels):
            return
        now_ns = monotonic_ns()
        for at in range(0, len(piece), _TUNNEL_PIECE_BYTES):
            part = piece[at : at + _TUNNEL_PIECE_BYTES]
            self._writer.try_piece(kind, exchange.number, now_ns, offset_bytes + at, part)
        self._plan_flush()

    # --- records

    def record(self, exchange: ExchangeState, outcome: Outcome, end_ns: int, own_status: int = 0) -> None:
        """Writes the exchange's record.

        Args:
            exchange: just ended.
            outcome: how.
            end_ns: when, CLOCK_MONOTONIC.
            own_status: the status of an answer of our own, 0 when the upstream's was passed on.
        """
        head, response, number = exchange.head, exchange.response, exchange.number
        start_ns, parent, low = exchange.start_ns, head.parent, exchange.low
        requested, answered = exchange.request_pieces, exchange.response_pieces
        flags = exchange.tap_flags | _TAKEN if exchange.tapped else exchange.tap_flags
        if own_status:
            flags |= _OWN_ANSWER
        forwarded_ns, first_byte_ns = exchange.forwarded_ns, exchange.first_byte_ns
        try:
            identities = self._identities
            self._writer.try_exchange(
                number,
                end_ns,
                start_ns + self._unix_minus_mono_ns,
                forwarded_ns and forwarded_ns - start_ns,
                first_byte_ns and first_byte_ns - start_ns,
                end_ns - start_ns,
                own_status or (0 if response is None else response.status),
                outcome,
                flags,
                exchange.ratio,
                identities.high_bytes + low if parent is None else parent.trace_id,
                low,
                NO_SPAN if parent is None else parent.span_id,
                exchange.caller.address,
                identities.high_bytes,
                identities.trace_flags(parent, number),
                exchange.bytes_in,
                exchange.bytes_out,
                head.recorded,
                requested[0] if len(requested) == 1 else b"".join(requested),
                b"" if response is None else response.recorded,
                answered[0] if len(answered) == 1 else b"".join(answered),
            )
        except Exception as exc:  # noqa: BLE001 - monitoring never hurts traffic
            self._writer.count_tap_failed()
            self._log.limited("tap_failed", fault=f"{type(exc).__name__}: {exc}")
        if not self._flush_planned:
            self._plan_flush()

    # --- the hand-off

    def _plan_flush(self) -> None:
        """One timer while something waits, however many exchanges end meanwhile."""
        if not self._flush_planned:
            self._flush_planned = True
            self._loop.call_later(self._flush_s, self._flush)

    def _flush(self) -> None:
        self._flush_planned = False
        self._writer.publish()

    def sweep(self) -> None:
        """Takes over what the monitor asks for and wakes it again if it may have missed something."""
        asked = self._writer.segment.payload_ratio
        self.shares = [
            self._share(policy, asked if 0.0 <= asked <= 1.0 else 1.0) for policy in self._policies
        ]
        self._unix_minus_mono_ns = time.time_ns() - monotonic_ns()
        self._writer.renotify()

    def _share(self, policy: RoutePolicy, asked: float) -> tuple[int, float, int]:
        """The monitor asks for one share of all; a route that wants less of itself stays below it."""
        flags = 0 if policy.mirror else _NO_MIRROR
        if not policy.tap:
            return 0, 0.0, flags | _EXCLUDED
        ratio = min(policy.ratio, asked)
        return share_limit(ratio), ratio, flags

    def close(self) -> None:
        """Hands over what is left."""
        self._writer.publish()
