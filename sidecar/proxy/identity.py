"""Identities of exchanges: trace id, span id and request id without a system call each.

A Weyl sequence (add an odd constant, modulo 2**64) visits every 64-bit number once before it repeats, from a
random start, and any run of it is spread evenly over the range. So ids are unique within a process, and
comparing them with a limit samples a share of exchanges that is exact over any stretch and blind to what they
hold. The upper half of a trace id is random for each process; its lower half is the exchange's number, which
is the span's id as well.
"""

from __future__ import annotations

import secrets
from binascii import hexlify
from typing import Final

from sidecar.http1.request import RequestHead
from sidecar.http1.trace import TraceParent

_MASK: Final = (1 << 64) - 1
_STEP: Final = 0x9E3779B97F4A7C15  # 2**64 / golden ratio, odd
_TRACE_MARK: Final = b"\r\ntraceparent: 00-"


class Identities:
    """Makes the ids of one worker, and the header lines that carry them.

    Args:
        trace_ratio: share of the traces that begin here which are marked as sampled, 0 to 1.

    Attributes:
        high: upper 64 bits of every trace id made here, and `high_bytes` are its 8 bytes.
    """

    def __init__(self, trace_ratio: float) -> None:
        self.high = secrets.randbits(64) | 1  # an all-zero trace id is illegal
        self.high_bytes = self.high.to_bytes(8, "big")
        self._state = secrets.randbits(64)
        self._trace_limit = share_limit(trace_ratio)
        high_hex = hexlify(self.high_bytes)
        self._high_hex = high_hex
        self._id_mark = b"x-request-id: " + high_hex
        self._lines_marks = (b"\r\nx-request-id: " + high_hex, _TRACE_MARK + high_hex)

    def next(self) -> int:
        """The next exchange's number: 64 bits, never 0, for its bytes are the span's id."""
        self._state = state = (self._state + _STEP) & _MASK
        return state or self.next()

    def own_lines(self, head: RequestHead, number: int, hexed: bytes, caller: bytes) -> bytes:
        """The header lines that differ from exchange to exchange, and the head's empty line.

        Args:
            head: the caller's.
            number: the exchange's, and `hexed` its 16 hex digits.
            caller: the caller's address for X-Forwarded-For.
        """
        id_mark, trace_mark = self._lines_marks
        request_id, trace_low, parent = hexed, hexed, head.parent
        if head.request_id is not None:
            id_mark, request_id = b"\r\nx-request-id: ", head.request_id
        if parent is None:
            sampled = number < self._trace_limit
        else:
            trace_mark, trace_low, sampled = _TRACE_MARK, parent.trace_hex, parent.flags & 1 == 1
        end = b"-01\r\n\r\n" if sampled else b"-00\r\n\r\n"
        return b"".join(
            (
                b"x-forwarded-for: ",
                head.forwarded_for,
                caller,
                id_mark,
                request_id,
                trace_mark,
                trace_low,
                b"-",
                hexed,
                end,
            )
        )

    def id_line(self, head: RequestHead, hexed: bytes) -> bytes:
        """The X-Request-Id line for the caller."""
        if head.request_id is None:
            return self._id_mark + hexed + b"\r\n"
        return b"x-request-id: " + head.request_id + b"\r\n"

    def request_id(self, head: RequestHead, hexed: bytes) -> bytes:
        """The exchange's request id: the caller's, or the trace id made here."""
        return head.request_id or self._high_hex + hexed

    def trace_flags(self, parent: TraceParent | None, number: int) -> int:
        """Whether the trace is sampled: the caller's word, or our own ratio when it said nothing."""
        if parent is not None:
            return parent.flags & 1
        return 1 if number < self._trace_limit else 0


def share_limit(ratio: float) -> int:
    """The limit below which a 64-bit number must lie to be within a share.

    Args:
        ratio: 0 to 1.

    Returns:
        0 to 2**64.
    """
    return int(ratio * (_MASK + 1))
