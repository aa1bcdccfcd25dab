from __future__ import annotations

import asyncio
from time import perf_counter

import pytest

from sidecar.mirror.deadlines import Deadlines


class Item:
    """Tells when it expires."""

    def __init__(self) -> None:
        self.expired = asyncio.get_running_loop().create_future()

    def expire(self) -> None:
        self.expired.set_result(perf_counter())  # a second time is an error


class TestDeadlines:
    def test_each_item_expires_when_its_own_time_is_over(self) -> None:
        async def expiries() -> list[float]:
            deadlines, start_s = Deadlines(0.03), perf_counter()
            items = [Item() for _ in range(3)]
            for item, begun_s in zip(items, (0.02, -1.0, 0.0), strict=True):
                deadlines.enter(item, start_s + begun_s)
            return [await item.expired - start_s for item in items]

        first, second, third = asyncio.run(expiries())
        assert second < third < first
        assert second < 0.03 <= third
        assert first >= 0.05

    def test_what_has_left_never_expires_and_the_next_one_does(self) -> None:
        async def expiries() -> tuple[bool, bool]:
            deadlines = Deadlines(0.01)
            gone, later = Item(), Item()
            deadlines.enter(gone, perf_counter())
            deadlines.leave(gone)
            deadlines.enter(later, perf_counter())
            await later.expired
            return gone.expired.done(), later.expired.done()

        assert asyncio.run(expiries()) == (False, True)

    def test_an_item_may_enter_when_nothing_has_been_watched_for_long(self) -> None:
        async def expire_twice() -> None:
            deadlines = Deadlines(0.005)
            for _ in range(2):
                item = Item()
                deadlines.enter(item, perf_counter())
                await item.expired

        asyncio.run(asyncio.wait_for(expire_twice(), 5.0))

    def test_nothing_expires_behind_its_end(self) -> None:
        async def expire_behind() -> bool:
            deadlines, other = Deadlines(0.005), Deadlines(0.01)
            item, witness = Item(), Item()
            deadlines.enter(item, perf_counter())
            deadlines.close()
            other.enter(witness, perf_counter())
            await witness.expired
            return item.expired.done()

        assert not asyncio.run(expire_behind())

    @pytest.mark.parametrize("n", [1, 50])
    def test_many_that_are_due_at_once_all_expire(self, n: int) -> None:
        async def expiries() -> int:
            deadlines, start_s = Deadlines(0.005), perf_counter()
            items = [Item() for _ in range(n)]
            for item in items:
                deadlines.enter(item, start_s)
            return len([await item.expired for item in items])

        assert asyncio.run(expiries()) == n
