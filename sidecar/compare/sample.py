"""A bounded sample that does not depend on the order in which its items came.

Every item has a priority, a hash of what names it (the request id): the items with the smallest priorities
are kept. So every item is equally likely to be kept, two samples merge into the sample of both, and recorded
traffic played back in another order gives the same sample.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Sample(Generic[Item]):
    """The items with the smallest priorities.

    Args:
        limit: most items kept, >= 1.
    """

    __slots__ = ("_heap", "_held", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._heap: list[int] = []  # negated priorities: the largest one on top
        self._held: dict[int, Item] = {}

    def __len__(self) -> int:
        return len(self._held)

    def wants(self, priority: int) -> bool:
        """Whether an item would be kept; asked before it is made.

        Args:
            priority: 64-bit hash.

        Returns:
            False also for a priority that is held already: the same item again.
        """
        if priority in self._held:
            return False
        return len(self._heap) < self.limit or priority < -self._heap[0]

    def offer(self, priority: int, item: Item) -> None:
        """Takes an item, or leaves it.

        Args:
            priority: 64-bit hash; an item of the same priority is taken for the same item.
            item: any.
        """
        if not self.wants(priority):
            return
        self._held[priority] = item
        if len(self._heap) < self.limit:
            heapq.heappush(self._heap, -priority)
        else:
            del self._held[-heapq.heapreplace(self._heap, -priority)]

    def merge(self, entries: Iterable[tuple[int, Item]]) -> None:
        """Takes in another sample.

        Args:
            entries: of its `entries`.
        """
        for priority, item in entries:
            self.offer(priority, item)

    def entries(self) -> list[tuple[int, Item]]:
        """Priorities and items, smallest priority first."""
        return sorted(self._held.items(), key=lambda entry: entry[0])

    def held(self) -> Mapping[int, Item]:
        """The items by priority, in no order: what costs nothing to ask for."""
        return self._held

    def items(self) -> list[Item]:
        """The items, smallest priority first."""
        return [item for _, item in self.entries()]
