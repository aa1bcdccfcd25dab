"""Remembers what a strict parser said of a head, keyed by the head's exact bytes (or its template).

A caller's heads repeat byte for byte on a keep-alive connection, and parsing one costs more than everything
else that the worker does for a small exchange. A hit can never disagree with a fresh parse, since the key is
all that the parse depends on. Memory is bounded by two generations: when the young one is full it becomes the
old one, and what the old one still held and nobody asked for is forgotten. Heads longer than `MAX_KEY_BYTES`
are parsed each time.
"""

from __future__ import annotations

from typing import Generic, TypeVar

Key = TypeVar("Key")
Head = TypeVar("Head")

MAX_KEY_BYTES = 4096
GENERATION = 256  # entries; at most about 2 x 256 x 12 KiB = 6 MiB with their heads, in practice far less


class HeadMemo(Generic[Key, Head]):
    """A bounded dictionary from head bytes to parsed heads."""

    def __init__(self, generation: int = GENERATION) -> None:
        self._generation = generation
        self.young: dict[Key, Head] = {}  # read directly on the hot path; `find` is for what it lacks
        self._old: dict[Key, Head] = {}

    def find(self, key: Key) -> Head | None:
        """The head kept under this key, or None."""
        head = self.young.get(key)
        if head is None:
            head = self._old.get(key)
            if head is not None:
                self.keep(key, head)
        return head

    def keep(self, key: Key, head: Head) -> None:
        """Remembers a head that a strict parse accepted; the caller leaves out those beyond
        `MAX_KEY_BYTES`."""
        if len(self.young) >= self._generation:
            self._old = self.young
            self.young = {}
        self.young[key] = head
