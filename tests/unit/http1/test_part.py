from __future__ import annotations

import pytest

from sidecar.http1.part import LONG_BYTES, part_from


@pytest.mark.parametrize("size", [0, 1, LONG_BYTES - 1, LONG_BYTES, LONG_BYTES + 1])
def test_a_part_is_what_lies_behind_the_place(size: int) -> None:
    body = bytes(range(256)) * (size // 256 + 1)
    assert part_from(b"head" + body[:size], 4) == body[:size]


def test_a_long_one_is_not_copied() -> None:
    received = b"head" + bytes(LONG_BYTES)
    part = part_from(received, 4)
    assert isinstance(part, memoryview)
    assert part.obj is received


def test_a_short_one_does_not_hold_what_came_before_it() -> None:
    assert isinstance(part_from(bytes(LONG_BYTES) + b"body", LONG_BYTES), bytes)
