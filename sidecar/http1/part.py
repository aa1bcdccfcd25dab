"""Parts of a body as they travel through a worker: short ones as bytes, long ones as views of what was read.

A copy of 150 KB costs as much as all that is done in Python for an exchange, and it drives out of the cache
what the next system call is going to read. Short parts are copied all the same: a view, and a write of two
buffers in place of one, cost more than they save.
"""

from __future__ import annotations

from typing import Final, TypeAlias

LONG_BYTES: Final = 32_768

Part: TypeAlias = "bytes | memoryview[int]"


def part_from(received: bytes, place: int) -> Part:
    """What was received, from a place on, without a copy where it is long.

    Args:
        received: bytes as they came.
        place: how many of them are not part of the body, 0 to len(received).
    """
    return memoryview(received)[place:] if len(received) - place >= LONG_BYTES else received[place:]
