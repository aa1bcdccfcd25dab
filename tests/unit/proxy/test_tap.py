from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from sidecar.config.model import Config, TapConfig
from sidecar.http1.preface import preface_head
from sidecar.log import Log
from sidecar.proxy.exchange_state import ExchangeState
from sidecar.proxy.identity import Identities
from sidecar.proxy.tap import Tap
from sidecar.ring.entry import PieceRecord
from sidecar.ring.record import PieceKind
from tests.support.ring_pair import read_all, ring_pair
from tests.support.wire import Conversation

UP, DOWN = PieceKind.TUNNEL_UP, PieceKind.TUNNEL_DOWN


def tunnelled(*, tapped: bool = True) -> ExchangeState:
    """An exchange that has become a tunnel, of another worker."""
    with Conversation() as talk:
        exchange = ExchangeState(talk.worker, talk.downstream, preface_head(talk.worker.default_policy), 0)
    exchange.number, exchange.tapped = 7, tapped
    return exchange


def written(config: TapConfig, write: Callable[[Tap], None]) -> list[tuple[PieceRecord, bytes]]:
    """The pieces that reach the reader by the tap's own timer."""

    async def run() -> list[tuple[PieceRecord, bytes]]:
        with ring_pair(1 << 20) as pair:
            tap = Tap(pair.writer(), Config(tap=config), Identities(0.0), Log("worker 0", "json"))
            write(tap)
            await asyncio.sleep(config.flush_ms / 1000 * 1.5)  # the timer is what is tested
            records = read_all(pair.reader())
            return [(r, bytes(r.piece)) for r in records if isinstance(r, PieceRecord)]

    return asyncio.run(run())


FAST = TapConfig(flush_ms=1.0)


def test_a_tunnels_bytes_go_into_the_ring_at_their_place() -> None:
    exchange = tunnelled()

    def write(tap: Tap) -> None:
        tap.keep_tunnel(exchange, UP, b"abc", 0)
        tap.keep_tunnel(exchange, DOWN, b"x", 40)

    found = [(r.exchange_id, r.kind, r.body_offset_bytes, piece) for r, piece in written(FAST, write)]
    assert found == [(7, UP, 0, b"abc"), (7, DOWN, 40, b"x")]


@pytest.mark.parametrize("size", [65_535, 65_536, 65_537, 200_000])
def test_long_pieces_are_cut_and_lie_end_to_end(size: int) -> None:
    sent = bytes(range(256)) * (size // 256 + 1)
    sent = sent[:size]
    exchange = tunnelled()
    found = written(FAST, lambda tap: tap.keep_tunnel(exchange, UP, sent, 1000))
    at = 1000
    for record, piece in found:
        assert record.body_offset_bytes == at
        assert len(piece) <= 65_536
        at += len(piece)
    assert b"".join(piece for _, piece in found) == sent


@pytest.mark.parametrize(
    ("config", "tapped"), [(TapConfig(flush_ms=1.0, tunnels=False), True), (FAST, False)]
)
def test_nothing_is_taken_when_not_wanted(config: TapConfig, tapped: bool) -> None:
    exchange = tunnelled(tapped=tapped)
    assert written(config, lambda tap: tap.keep_tunnel(exchange, UP, b"abc", 0)) == []
