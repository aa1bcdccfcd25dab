"""The worker's counters in shared memory: each change is one aligned store that a kill cannot split and that
outlives us."""

from __future__ import annotations

from sidecar.ring.counters import WORDS
from sidecar.ring.segment import Segment

_SEEN = WORDS["seen"]
_ACTIVE = WORDS["active"]
_CONNECTIONS = WORDS["connections"]
_REJECTED = WORDS["rejected"]
_RETRIED = WORDS["retried"]
_REQUEST_BYTES = WORDS["request_bytes"]
_RESPONSE_BYTES = WORDS["response_bytes"]
_UPSTREAM_ERRORS = WORDS["upstream_errors"]


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

    def sweep(self) -> None:
        """Brings what need not outlive a kill to the instant up to date; called a few times a second."""
        self._words[_REQUEST_BYTES] = self._request_bytes
        self._words[_RESPONSE_BYTES] = self._response_bytes
        self._words[_ACTIVE] = self._n_seen - self._n_seen_before - self._n_ended

    def add_rejected(self) -> None:
        """A head was refused, and is no exchange."""
        self._words[_REJECTED] += 1

    def add_retried(self) -> None:
        """A request was sent a second time."""
        self._words[_RETRIED] += 1

    def add_upstream_error(self) -> None:
        """The upstream failed an exchange."""
        self._words[_UPSTREAM_ERRORS] += 1

    def set_connections(self, n_connections: int) -> None:
        """So many callers are connected."""
        self._words[_CONNECTIONS] = n_connections
