"""Remembers what a strict parser said of a head, keyed by the head's exact bytes.

A caller's heads repeat byte for byte on a keep-alive connection, and parsing one costs more than everything
else that the worker does for a small exchange. A hit can never disagree with a fresh parse, since the key is
all that the parse depends on. Memory is bounded by two generations: when the young one is full it becomes the
old one, and what the old one still held and nobody asked for is forgotten. Heads longer than `MAX_KEY_BYTES`
are parsed each time.
"""

from __future__ import annotations

from typing import Generic, TypeVar

Head = TypeVar("Head")

MAX_KEY_BYTES = 4096
GENERATION = (
    256  # entries; with keys and heads at most about 2 x 256 x 12 KiB = 6 MiB, in practice a few hundred KiB
)


class HeadMemo(Generic[Head]):
    """A bounded dictionary from head bytes to parsed heads."""

    def __init__(self, generation: int = GENERATION) -> None:
        self._generation = generation
        self.young: dict[bytes, Head] = {}  # read directly on the hot path; `find` is for what it lacks
        self._old: dict[bytes, Head] = {}

    def find(self, raw: bytes) -> Head | None:
        """The head parsed from the same bytes before, or None."""
        head = self.young.get(raw)
        if head is None:
            head = self._old.get(raw)
            if head is not None:
                self.keep(raw, head)
        return head

    def keep(self, raw: bytes, head: Head) -> None:
        """Remembers a head that a strict parse accepted."""
        if len(raw) > MAX_KEY_BYTES:
            return
        if len(self.young) >= self._generation:
            self._old = self.young
            self.young = {}
        self.young[raw] = head
