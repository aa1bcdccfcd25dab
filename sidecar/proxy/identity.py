"""Identities of exchanges: trace id, span id and request id without a system call each.

A Weyl sequence (add an odd constant, modulo 2**64) visits every 64-bit number once before it repeats, from a random
start, and any run of it is spread evenly over the range. So ids are unique within a process, and comparing them with a
limit samples a share of exchanges that is exact over any stretch and blind to what they hold. The upper half of a
trace id is random for each process.
"""

from __future__ import annotations

import secrets

_MASK = (1 << 64) - 1
_STEP = 0x9E3779B97F4A7C15  # 2**64 / golden ratio, odd
_SPAN = 0xD1B54A32D192ED03  # tells a span id from the trace id's lower half


class Identities:
    """Makes ids for one worker.

    Attributes:
        high: upper 64 bits of every trace id made here.
    """

    def __init__(self) -> None:
        self.high = secrets.randbits(64) | 1  # an all-zero trace id is illegal
        self._state = secrets.randbits(64)

    def next(self) -> int:
        """The next 64-bit number."""
        self._state = state = (self._state + _STEP) & _MASK
        return state

    @staticmethod
    def span_of(number: int) -> int:
        """A span id for the exchange with this number; never zero."""
        return (number ^ _SPAN) or 1


def share_limit(ratio: float) -> int:
    """The limit below which a 64-bit number must lie to be within a share.

    Args:
        ratio: 0 to 1.

    Returns:
        0 to 2**64.
    """
    return int(ratio * (_MASK + 1))
