"""What an exchange asks of its caller: a connection, or what stands in for one that has left."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a tunnel takes a caller over
    from sidecar.proxy.tunnel import Tunnel


class Caller(ABC):
    """The caller's side of an exchange.

    Attributes:
        transport: where the answer goes.
        address: 16 bytes, IPv6 or IPv4-mapped; zeros when unknown.
        forwarded_for: what X-Forwarded-For says of this caller.
        writable: whether its send buffer has room.
        held: whether we have stopped reading from it.
        deadline_s: when, on the loop's clock, the sweep ends what is being waited for.
    """

    __slots__ = ("address", "deadline_s", "forwarded_for", "held", "transport", "writable")

    transport: asyncio.Transport
    address: bytes
    forwarded_for: bytes
    writable: bool
    held: bool
    deadline_s: float

    @abstractmethod
    def exchange_done(self, keep: bool, /) -> None:
        """The exchange has its answer; the next request may begin if the connection is kept."""

    @abstractmethod
    def exchange_cut(self, *, reset: bool) -> None:
        """The answer cannot become whole: the connection ends, by a reset if an orderly end would be taken
        for the body's."""

    @abstractmethod
    def hold_reading(self, hold: bool) -> None:
        """Stops or resumes reading."""

    @abstractmethod
    def expect_within(self, seconds: float) -> None:
        """Sets the deadline."""

    @abstractmethod
    def take_over(self, tunnel: Tunnel, protocol: asyncio.Protocol, /) -> bytes:
        """Gives the connection to a tunnel; returns what was read and not used."""

    @abstractmethod
    def connection_lost(self, exc: Exception | None) -> None:
        """A tunnel's protocol passes on that the connection is gone."""
