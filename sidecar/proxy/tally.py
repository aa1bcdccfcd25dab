"""The worker's counters in shared memory: each change is one aligned store that a kill cannot split and that
outlives us."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sidecar.ring.counters import WORDS
from sidecar.ring.segment import Segment

if TYPE_CHECKING:  # the worker composes both
    from sidecar.proxy.upstreams import Upstreams

_SEEN: Final = WORDS["seen"]
_ACTIVE: Final = WORDS["active"]
_CONNECTIONS: Final = WORDS["connections"]
_REJECTED: Final = WORDS["rejected"]
_RETRIED: Final = WORDS["retried"]
_REQUEST_BYTES: Final = WORDS["request_bytes"]
_RESPONSE_BYTES: Final = WORDS["response_bytes"]
_UPSTREAM_ERRORS: Final = WORDS["upstream_errors"]
_UPSTREAM_CONNECTIONS: Final = WORDS["upstream_connections"]
_UPSTREAM_WAITING: Final = WORDS["upstream_waiting"]
_UPSTREAM_HEALTHY: Final = WORDS["upstream_healthy"]
_BREAKER_OPEN: Final = WORDS["breaker_open"]
_BREAKER_OPENED: Final = WORDS["breaker_opened"]
_CONNECT_RETRIES: Final = WORDS["connect_retries"]
_OVERLOADED: Final = WORDS["overloaded"]
_LATE: Final = WORDS["late"]
_TUNNELS: Final = WORDS["tunnels"]


class Tally:
    """Counts what a worker does; the monitor exports it.

    Args:
        segment: the worker's ring.
    """

    __slots__ = ("_n_ended", "_n_seen", "_n_seen_before", "_request_bytes", "_response_bytes", "_words")

    def __init__(self, segment: Segment) -> None:
        self._words = segment.words
        self._n_seen = self._n_seen_before = self._words[_SEEN]  # goes on where a predecessor ended
        self._n_ended = 0
        self._words[_TUNNELS] = 0
        self._request_bytes = self._words[_REQUEST_BYTES]
        self._response_bytes = self._words[_RESPONSE_BYTES]

    def add_seen(self) -> None:
        """An exchange began; stored at once, since a kill must not lose it."""
        self._n_seen = self._words[_SEEN] = self._n_seen + 1

    def add_ended(self, request_bytes: int, response_bytes: int) -> None:
        """An exchange ended, with bodies of these lengths."""
        self._n_ended += 1
        self._request_bytes += request_bytes
        self._response_bytes += response_bytes

    def sweep(self, upstreams: Upstreams) -> None:
        """Brings what need not outlive a kill to the instant up to date; called a few times a second."""
        words, pool = self._words, upstreams.pool
        words[_REQUEST_BYTES] = self._request_bytes
        words[_RESPONSE_BYTES] = self._response_bytes
        words[_ACTIVE] = self._n_seen - self._n_seen_before - self._n_ended
        words[_UPSTREAM_CONNECTIONS] = pool.n_open
        words[_UPSTREAM_WAITING] = pool.n_waiting
        words[_UPSTREAM_HEALTHY] = int(upstreams.healthy)
        words[_BREAKER_OPEN] = int(not pool.breaker.closed)
        words[_CONNECT_RETRIES] += pool.take_connect_retries()
        words[_BREAKER_OPENED] += pool.take_opened()

    def add_rejected(self) -> None:
        """A head was refused, and is no exchange."""
        self._words[_REJECTED] += 1

    def add_retried(self) -> None:
        """A request was sent a second time."""
        self._words[_RETRIED] += 1

    def add_upstream_error(self) -> None:
        """The upstream failed an exchange."""
        self._words[_UPSTREAM_ERRORS] += 1

    def add_overloaded(self) -> None:
        """The upstream could not take another request."""
        self._words[_OVERLOADED] += 1

    def add_late(self) -> None:
        """A time-out ended something."""
        self._words[_LATE] += 1

    def add_tunnel(self, n: int) -> None:
        """A tunnel was opened (1) or closed (-1)."""
        self._words[_TUNNELS] += n

    def set_connections(self, n_connections: int) -> None:
        """So many callers are connected."""
        self._words[_CONNECTIONS] = n_connections
