"""Identities of exchanges: trace id, span id and request id without a system call each.

A Weyl sequence (add an odd constant, modulo 2**64) visits every 64-bit number once before it repeats, from a
random start, and any run of it is spread evenly over the range. So ids are unique within a process, and
comparing them with a limit samples a share of exchanges that is exact over any stretch and blind to what they
hold. The upper half of a trace id is random for each process.
"""

from __future__ import annotations

import secrets

from sidecar.http1.request import RequestHead
from sidecar.http1.trace import TraceParent

_MASK = (1 << 64) - 1
_STEP = 0x9E3779B97F4A7C15  # 2**64 / golden ratio, odd
_SPAN = 0xD1B54A32D192ED03  # tells a span id from the trace id's lower half


class Identities:
    """Makes the ids of one worker, and the header lines that carry them.

    Args:
        trace_ratio: share of the traces that begin here which are marked as sampled, 0 to 1.

    Attributes:
        high: upper 64 bits of every trace id made here.
    """

    def __init__(self, trace_ratio: float) -> None:
        self.high = secrets.randbits(64) | 1  # an all-zero trace id is illegal
        self._high_hex = b"%016x" % self.high
        self._high_bytes = self.high.to_bytes(8, "big")
        self._state = secrets.randbits(64)
        self._trace_limit = share_limit(trace_ratio)

    def next(self) -> int:
        """The next exchange's number, 64 bits."""
        self._state = state = (self._state + _STEP) & _MASK
        return state

    def header_lines(self, head: RequestHead, number: int, caller: bytes) -> bytes:
        """The header lines that differ from exchange to exchange, and the empty line behind the head.

        Args:
            head: the caller's.
            number: the exchange's.
            caller: the caller's address for X-Forwarded-For.
        """
        parent = head.parent
        own = b"%b%016x" % (self._high_hex, number)
        return b"x-forwarded-for: %b%b\r\nx-request-id: %b\r\ntraceparent: 00-%b-%016x-%02x\r\n\r\n" % (
            head.forwarded_for,
            caller,
            head.request_id or own,
            own if parent is None else parent.trace_hex,
            number ^ _SPAN or 1,
            self.trace_flags(parent, number),
        )

    def request_id(self, head: RequestHead, number: int) -> bytes:
        """The exchange's request id: the caller's, or the trace id made here."""
        return head.request_id or b"%b%016x" % (self._high_hex, number)

    def trace_flags(self, parent: TraceParent | None, number: int) -> int:
        """Whether the trace is sampled: the caller's word, or our own ratio when it said nothing."""
        if parent is not None:
            return parent.flags & 1
        return 1 if number < self._trace_limit else 0

    def trace_id(self, parent: TraceParent | None, number: int) -> bytes:
        """The trace's id, 16 bytes."""
        return self._high_bytes + number.to_bytes(8, "big") if parent is None else parent.trace_id

    @staticmethod
    def span_id(number: int) -> bytes:
        """The span's id, 8 bytes, never all zero."""
        return (number ^ _SPAN or 1).to_bytes(8, "big")


def share_limit(ratio: float) -> int:
    """The limit below which a 64-bit number must lie to be within a share.

    Args:
        ratio: 0 to 1.

    Returns:
        0 to 2**64.
    """
    return int(ratio * (_MASK + 1))
