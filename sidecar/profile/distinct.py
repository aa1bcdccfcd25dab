"""The different values of a column and how often each occurred, in bounded memory and free of order.

Up to D different values: all of them. Beyond: the D whose hashes are smallest, with exact counts, from which
the number of different values is estimated ((D - 1) / h with h the largest hash kept as a share of all;
relative error 1 / sqrt(D - 2), Bar-Yossef et al. 2002).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels.binning import F64, I64
from kernels.distinct import CLASSES, LENGTHS, TALLY, USED, Table, count_numbers, count_texts, move_entries
from sidecar.profile.cells import Texts
from sidecar.profile.encoding import number_text
from sidecar.profile.vocabulary import TEXT_LIMIT

U64 = NDArray[np.uint64]

ALL_HASHES = 2**64 - 1
LEAST_PLACES = 4096
CHUNK_ROWS = 1024  # values counted between two looks at how full the table is


class Distinct:
    """Different values of one column."""

    def __init__(self) -> None:
        self.limit = ALL_HASHES
        self.texts: dict[int, str] = {}
        self._table = _empty_table(LEAST_PLACES)
        self._tally = np.zeros(TALLY, dtype=np.int64)

    @property
    def used(self) -> int:
        return int(self._tally[USED])

    @property
    def complete(self) -> bool:
        """Whether all values there were are here."""
        return self.limit == ALL_HASHES

    def add_numbers(self, values: F64, most: int, tally: I64, extremes: F64) -> None:
        """Counts numbers.

        Args:
            values: shape (n,), float64, C order; NaN is passed over.
            most: D.
            tally: shape (4,), int64 (kernels.distinct), added to but for the table's own place.
            extremes: shape (2,), float64, widened.
        """
        for start in range(0, values.size, CHUNK_ROWS):
            chunk = values[start : start + CHUNK_ROWS]
            self._make_room(chunk.size, most)
            count_numbers(chunk, np.uint64(self.limit), self._table, self._tally, extremes)
        tally[:USED] += self._tally[:USED]
        self._tally[:USED] = 0

    def add_texts(self, texts: Texts, most: int, lengths: I64, classes: I64) -> None:
        """Counts texts.

        Args:
            texts: n of them.
            most: D.
            lengths: shape (33,), int64, added to.
            classes: shape (5,), int64, added to.
        """
        fresh = np.empty(CHUNK_ROWS, dtype=np.int64)
        for start in range(0, texts.hashes.size, CHUNK_ROWS):
            part = (
                texts.octets,
                texts.offsets[start : start + CHUNK_ROWS + 1],
                texts.hashes[start : start + CHUNK_ROWS],
            )
            self._make_room(part[2].size, most)
            written = (lengths, classes, fresh)
            n_fresh = count_texts(part, np.uint64(self.limit), self._table, self._tally, written)
            for row in (fresh[:n_fresh] + start).tolist():
                self.texts[int(texts.hashes[row])] = texts.text(row)[:TEXT_LIMIT]

    def merge(self, other: Distinct, most: int) -> None:
        """Adds what another has counted.

        Args:
            other: of the same column.
            most: D of both together.
        """
        self.limit = min(self.limit, other.limit)
        keys, counts, numbers = other._table
        self._rehash(_places_for(self.used + other.used))
        self._tally[USED] += move_entries(keys, counts, numbers, np.uint64(self.limit), self._table)
        self.texts.update(other.texts)
        self.settle(most)

    def settle(self, most: int) -> None:
        """Keeps no more than D values.

        Args:
            most: D.
        """
        keys = self._table[0]
        if self.used > most:
            self.limit = int(np.partition(keys[keys != 0], most - 1)[most - 1])
        self._rehash(keys.size)
        if len(self.texts) > self.used:
            kept = set(self._table[0].tolist())
            self.texts = {key: text for key, text in self.texts.items() if key in kept}

    def entries(self) -> Iterator[tuple[str, int]]:
        """The values as texts, in the order of their hashes.

        Yields:
            A text and how often it occurred; the same text twice where it was a number here and a text there.
        """
        keys, counts, numbers = self._sorted()
        for key, count, number in zip(keys.tolist(), counts.tolist(), numbers.tolist(), strict=True):
            yield self.texts[key] if number != number else number_text(number), count

    def estimate(self) -> float:
        """How many different values there were.

        Returns:
            Exact if complete.
        """
        if self.complete:
            return float(self.used)
        return (self.used - 1) / (self.limit / 2.0**64)

    def to_state(self) -> dict[str, Any]:
        """Numbers, texts and bytes, the same whatever the order of the rows; `from_state` takes them."""
        keys, counts, numbers = self._sorted()
        return {
            "limit": self.limit,
            "hashes": keys.astype("<u8").tobytes(),
            "counts": counts.astype("<i8").tobytes(),
            "numbers": numbers.astype("<f8").tobytes(),
            "texts": [
                self.texts[key]
                for key, number in zip(keys.tolist(), numbers.tolist(), strict=True)
                if number != number
            ],
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Distinct:
        """What `to_state` gave.

        Args:
            state: from there.

        Raises:
            ValueError: the arrays do not fit together.
        """
        made = cls()
        keys = np.frombuffer(state["hashes"], dtype="<u8").astype(np.uint64)
        counts = np.frombuffer(state["counts"], dtype="<i8").astype(np.int64)
        numbers = np.frombuffer(state["numbers"], dtype="<f8").astype(np.float64)
        if not keys.size == counts.size == numbers.size:
            raise ValueError("hashes, counts and numbers of different lengths")
        made.limit = int(state["limit"])
        made.texts = dict(zip(keys[np.isnan(numbers)].tolist(), state["texts"], strict=True))
        made._table = _empty_table(_places_for(keys.size))
        made._tally[USED] = move_entries(keys, counts, numbers, np.uint64(ALL_HASHES), made._table)
        return made

    def _sorted(self) -> Table:
        keys, counts, numbers = self._table
        places = np.flatnonzero(keys)
        order = places[np.argsort(keys[places])]
        return keys[order], counts[order], numbers[order]

    def _make_room(self, rows: int, most: int) -> None:
        places = self._table[0].size
        if self.used + rows <= places * 3 // 4:
            return
        if places >= _places_for(2 * most):
            self.settle(most)
        else:
            self._rehash(2 * places)

    def _rehash(self, places: int) -> None:
        old = self._table
        self._table = _empty_table(places)
        self._tally[USED] = move_entries(*old, np.uint64(self.limit), self._table)


def empty_written() -> tuple[I64, I64]:
    """Lengths and classes of no texts.

    Returns:
        Shapes (33,) and (5,), int64.
    """
    return np.zeros(LENGTHS, dtype=np.int64), np.zeros(CLASSES, dtype=np.int64)


def _places_for(entries: int) -> int:
    """A power of two of which so many entries and a chunk fill at most three quarters."""
    places = LEAST_PLACES
    while (entries + CHUNK_ROWS) > places * 3 // 4:
        places *= 2
    return places


def _empty_table(places: int) -> Table:
    return (
        np.zeros(places, dtype=np.uint64),
        np.zeros(places, dtype=np.int64),
        np.full(places, np.nan),
    )
