"""Stands in for a caller that has left, where the upstream's work is to be finished all the same
(`cancel_on_disconnect: false`): takes the answer and keeps the time-outs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from sidecar.http1.part import Part
from sidecar.proxy.caller import Caller

if TYPE_CHECKING:  # the worker composes these
    from sidecar.proxy.exchange import Exchange
    from sidecar.proxy.tunnel import Tunnel
    from sidecar.proxy.worker import Worker


class GoneCaller(Caller):
    """The caller of one exchange, gone.

    Args:
        worker: keeps its deadline from now on.
        exchange: what is to be finished.
        caller: who has left.
    """

    def __init__(self, worker: Worker, exchange: Exchange, caller: Caller) -> None:
        self._worker = worker
        self._exchange = exchange
        self.address = caller.address
        self.forwarded_for = caller.forwarded_for
        self.deadline_s = caller.deadline_s
        self.writable = True
        self.held = False
        self.transport = cast(asyncio.Transport, self)
        worker.keep_time_of(self)

    # --- what an exchange asks of its caller

    def exchange_done(self, _keep: bool) -> None:
        """The answer is whole."""
        self._worker.dismiss(self)

    def exchange_cut(self, *, reset: bool) -> None:  # noqa: ARG002
        """The answer will not become whole."""
        self._worker.dismiss(self)

    def hold_reading(self, hold: bool) -> None:
        """There is nothing to read."""

    def expect_within(self, seconds: float) -> None:
        """Sets the time after which the sweep calls `on_late`."""
        self.deadline_s = self._worker.now_s + seconds

    def take_over(self, _tunnel: Tunnel, _protocol: asyncio.Protocol) -> bytes:
        """Nobody is left to speak through a tunnel."""
        return b""

    def connection_lost(self, exc: Exception | None) -> None:
        """It was lost before."""

    # --- what the worker asks of a connection

    def on_late(self) -> None:
        """The deadline has passed."""
        self.deadline_s = float("inf")
        self._exchange.on_late()

    def drain(self) -> None:
        """The exchange ends by itself."""

    # --- the transport of nobody

    def write(self, data: bytes) -> None:
        """Nobody reads it."""

    def writelines(self, parts: Iterable[Part]) -> None:
        """Nobody reads them."""

    def abort(self) -> None:
        """Cut off: the exchange ends now."""
        self._exchange.cut_off()
        self._worker.dismiss(self)
