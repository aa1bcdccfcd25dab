"""The rows of smallest priority, by column: a uniform sample of bounded size, the same whatever the order.

Rows with the priority of the last one kept are kept too, so no tie is ever broken by who came first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels.binning import F64, I64
from sidecar.profile.cells import Cells
from sidecar.profile.distinct import TEXT_LIMIT
from sidecar.profile.encoding import number_text

U64 = NDArray[np.uint64]
I32 = NDArray[np.int32]

ALL = 2**64 - 1
SPARE = 4  # room for a quarter more rows than are kept, so that throwing out is rare
LEAST_ROOM = 1024
NO_TEXT = -1


class SampledColumn:
    """The sampled cells of one column.

    Args:
        room: rows there is space for.
    """

    def __init__(self, room: int) -> None:
        self.numbers: F64 = np.full(room, np.nan)
        self.codes: I32 | None = None
        self._places: dict[str, int] = {}

    @property
    def texts(self) -> list[str]:
        """The texts that codes stand for."""
        return list(self._places)

    def put(self, start: int, cells: Cells, rows: I64) -> None:
        """Writes cells.

        Args:
            start: place of the first of them.
            cells: a block's column.
            rows: rows of the block that are taken.
        """
        self.numbers[start : start + rows.size] = cells.numbers[rows]
        texts = cells.texts
        if texts is None:
            return
        written = np.flatnonzero((texts.present[rows] != 0) & np.isnan(cells.numbers[rows]))
        self.put_texts(start + written, [texts.text(row)[:TEXT_LIMIT] for row in rows[written].tolist()])

    def put_texts(self, places: NDArray[np.intp], texts: Iterable[str]) -> None:
        """Writes texts.

        Args:
            places: where, shape (n,).
            texts: n of them.
        """
        if places.size == 0:
            return
        if self.codes is None:
            self.codes = np.full(self.numbers.size, NO_TEXT, dtype=np.int32)
        known = self._places
        self.codes[places] = [known.setdefault(text, len(known)) for text in texts]

    def keep(self, rows: NDArray[np.intp], room: int) -> None:
        """Keeps some rows, in the order given, and lets go of texts that are no longer used.

        Args:
            rows: places of the rows.
            room: rows there shall be space for.
        """
        numbers = np.full(room, np.nan)
        numbers[: rows.size] = self.numbers[rows]
        self.numbers = numbers
        if self.codes is None:
            return
        codes = np.full(room, NO_TEXT, dtype=np.int32)
        codes[: rows.size] = self.codes[rows]
        self.codes = codes
        used = np.unique(codes[codes >= 0]).tolist()
        if len(used) < len(self._places):
            texts = self.texts
            self._recode({code: texts[code] for code in used})

    def order_texts(self) -> None:
        """Gives the texts their codes in the order of the alphabet, whatever order they came in."""
        if self.codes is not None:
            self._recode(dict(sorted(enumerate(self._places), key=lambda pair: pair[1])))

    def _recode(self, kept: Mapping[int, str]) -> None:
        """New codes in the order given, for codes that are kept."""
        assert self.codes is not None  # only columns that have texts have codes to change
        renamed = np.full(len(self._places) + 1, NO_TEXT, dtype=np.int32)  # the last place is that of NO_TEXT
        renamed[list(kept)] = np.arange(len(kept))
        self.codes = renamed[self.codes]
        self._places = {text: code for code, text in enumerate(kept.values())}

    def coded(self, size: int, codes: Mapping[str, int], other: int) -> I64:
        """Cells as numbers given to their texts.

        Args:
            size: rows.
            codes: number of a text; numbers are written as texts first.
            other: given to texts that have none.

        Returns:
            Shape (size,), int64; -1 where missing.
        """
        numbers = self.numbers[:size]
        coded = np.full(size, -1, dtype=np.int64)
        present = np.flatnonzero(~np.isnan(numbers))
        if present.size:
            values, places = np.unique(numbers[present], return_inverse=True)
            named = np.array([codes.get(number_text(value), other) for value in values.tolist()])
            coded[present] = named[places]
        if self.codes is not None:
            named = np.array([codes.get(text, other) for text in self.texts] + [-1], dtype=np.int64)
            written = self.codes[:size] >= 0
            coded[written] = named[self.codes[:size][written]]
        return coded

    def occurrences(self, size: int) -> dict[str, int]:
        """How often each text occurs, numbers written as texts.

        Args:
            size: rows.
        """
        numbers = self.numbers[:size]
        values, counts = np.unique(numbers[~np.isnan(numbers)], return_counts=True)
        found = dict(zip(map(number_text, values.tolist()), counts.tolist(), strict=True))
        if self.codes is not None:
            written = np.bincount(self.codes[:size][self.codes[:size] >= 0], minlength=len(self.texts))
            for text, count in zip(self.texts, written.tolist(), strict=True):
                found[text] = found.get(text, 0) + count
        return {text: count for text, count in found.items() if count}


class RowSample:
    """Sampled rows.

    Args:
        limit: rows kept; may be lowered later, never raised.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.size = 0
        self.threshold = ALL
        self.columns: dict[str, SampledColumn] = {}
        self._priorities: U64 = np.empty(LEAST_ROOM, dtype=np.uint64)

    @property
    def priorities(self) -> U64:
        return self._priorities[: self.size]

    def add(self, priorities: U64, columns: Mapping[str, Cells]) -> None:
        """Takes those rows of a block that belong to the sample so far.

        Args:
            priorities: shape (n,), uint64.
            columns: n cells each; a column that is not among them is missing in these rows.
        """
        rows = np.flatnonzero(priorities <= np.uint64(self.threshold))
        self._make_room(rows.size)
        start = self.size
        self._priorities[start : start + rows.size] = priorities[rows]
        for name, cells in columns.items():
            self._column(name).put(start, cells, rows)
        self.size += rows.size

    def merge(self, other: RowSample) -> None:
        """Takes the rows of another sample.

        Args:
            other: of other rows.
        """
        self.limit = min(self.limit, other.limit)
        self.threshold = min(self.threshold, other.threshold)
        rows = np.flatnonzero(other.priorities <= np.uint64(self.threshold))
        self._make_room(rows.size)
        start = self.size
        self._priorities[start : start + rows.size] = other.priorities[rows]
        for name, column in other.columns.items():
            mine = self._column(name)
            mine.numbers[start : start + rows.size] = column.numbers[rows]
            if column.codes is not None:
                written = np.flatnonzero(column.codes[rows] >= 0)
                texts = column.texts
                mine.put_texts(
                    start + written, [texts[code] for code in column.codes[rows[written]].tolist()]
                )
        self.size += rows.size
        self.settle(self.limit)

    def settle(self, limit: int) -> None:
        """Keeps no more rows than a limit, but for ties.

        Args:
            limit: at most the one so far.
        """
        self.limit = min(self.limit, limit)
        if self.size > self.limit:
            self.threshold = min(
                self.threshold, int(np.partition(self.priorities, self.limit - 1)[self.limit - 1])
            )
        kept = np.flatnonzero(self.priorities <= np.uint64(self.threshold))
        if kept.size < self.size:
            self._keep(kept, max(LEAST_ROOM, kept.size + kept.size // SPARE))

    def sort(self) -> None:
        """Brings rows into the order of their priorities, and texts into that of the alphabet."""
        self._keep(np.argsort(self.priorities, kind="stable"), self.size)
        for column in self.columns.values():
            column.order_texts()

    def to_state(self) -> dict[str, Any]:
        """Numbers, texts and bytes; `from_state` takes them."""
        size = self.size
        return {
            "limit": self.limit,
            "threshold": self.threshold,
            "priorities": self.priorities.astype("<u8").tobytes(),
            "columns": {
                name: {
                    "numbers": column.numbers[:size].astype("<f8").tobytes(),
                    "codes": None if column.codes is None else column.codes[:size].astype("<i4").tobytes(),
                    "texts": column.texts,
                }
                for name, column in sorted(self.columns.items())
            },
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> RowSample:
        """What `to_state` gave.

        Args:
            state: from there.

        Raises:
            ValueError: the arrays do not fit together.
        """
        made = cls(int(state["limit"]))
        made.threshold = int(state["threshold"])
        made._priorities = np.frombuffer(state["priorities"], dtype="<u8").astype(np.uint64)
        made.size = made._priorities.size
        for name, packed in state["columns"].items():
            column = made.columns[name] = SampledColumn(0)
            column.numbers = np.frombuffer(packed["numbers"], dtype="<f8").astype(np.float64)
            column._places = {text: code for code, text in enumerate(packed["texts"])}
            if packed["codes"] is not None:
                column.codes = np.frombuffer(packed["codes"], dtype="<i4").astype(np.int32)
            codes = column.codes if column.codes is not None else np.full(made.size, NO_TEXT)
            known = codes.max(initial=NO_TEXT) < len(column._places) and codes.min(initial=0) >= NO_TEXT
            if not column.numbers.size == codes.size == made.size or not known:
                raise ValueError(f"column {name!r} that does not fit its sample")
        return made

    def _column(self, name: str) -> SampledColumn:
        column = self.columns.get(name)
        if column is None:
            column = self.columns[name] = SampledColumn(self._priorities.size)
        return column

    def _make_room(self, rows: int) -> None:
        room = self._priorities.size
        if self.size + rows <= room:
            return
        if self.size > self.limit:
            self.settle(self.limit)
        most = self.limit + self.limit // SPARE
        wanted = max(self.size + rows, min(2 * room, most))
        self._keep(np.arange(self.size), wanted)

    def _keep(self, rows: NDArray[np.intp], room: int) -> None:
        priorities = np.empty(room, dtype=np.uint64)
        priorities[: rows.size] = self._priorities[rows]
        self._priorities = priorities
        for column in self.columns.values():
            column.keep(rows, room)
        self.size = rows.size
