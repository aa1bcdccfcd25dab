"""The rows of smallest priority, by column: a uniform sample of bounded size, the same whatever the order.

Rows with the priority of the last one kept are kept too, so no tie is ever broken by who came first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels.binning import F64, I64
from sidecar.profile.cells import Cells, Texts
from sidecar.profile.encoding import number_text
from sidecar.profile.vocabulary import TEXT_LIMIT

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
        self.texts: list[str] = []  # by code
        self.known: dict[int, int] = {}  # code of a text by its hash

    def put(self, start: int, cells: Cells, rows: I64) -> None:
        """Writes cells.

        Args:
            start: place of the first of them.
            cells: a block's column.
            rows: rows of the block that are taken.
        """
        numbers = cells.numbers[rows]
        self.numbers[start : start + rows.size] = numbers
        texts = cells.texts
        if texts is None:
            return
        written = np.flatnonzero(texts.present[rows] & np.isnan(numbers))
        hashes, first, places = np.unique(texts.hashes[rows[written]], return_index=True, return_inverse=True)
        owners = rows[written[first]].tolist()
        named = [self._code(hashed, texts, row) for hashed, row in zip(hashes.tolist(), owners, strict=True)]
        self._write(start + written, np.array(named, dtype=np.int32)[places])

    def take(self, start: int, other: SampledColumn, rows: NDArray[np.intp]) -> None:
        """Writes cells of another sample.

        Args:
            start: place of the first of them.
            other: the same column there.
            rows: which of its rows.
        """
        self.numbers[start : start + rows.size] = other.numbers[rows]
        if other.codes is None:
            return
        hashes = list(other.known)  # in the order of their codes
        for hashed, text in zip(hashes, other.texts, strict=True):
            self._add(hashed, text)
        renamed = np.array([self.known[hashed] for hashed in hashes] + [NO_TEXT], dtype=np.int32)
        written = np.flatnonzero(other.codes[rows] >= 0)
        self._write(start + written, renamed[other.codes[rows[written]]])

    def _code(self, hashed: int, texts: Texts, row: int) -> int:
        code = self.known.get(hashed)
        return self._add(hashed, texts.text(row)[:TEXT_LIMIT]) if code is None else code

    def _add(self, hashed: int, text: str) -> int:
        code = self.known.setdefault(hashed, len(self.texts))
        if code == len(self.texts):
            self.texts.append(text)
        return code

    def _write(self, places: NDArray[np.intp], codes: I32) -> None:
        if places.size:
            if self.codes is None:
                self.codes = np.full(self.numbers.size, NO_TEXT, dtype=np.int32)
            self.codes[places] = codes

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
        used = np.flatnonzero(np.bincount(codes[codes >= 0], minlength=len(self.texts))).tolist()
        if len(used) < len(self.texts):
            self._recode(used)

    def order_texts(self) -> None:
        """Gives the texts their codes in the order of the alphabet, whatever order they came in."""
        if self.codes is not None:
            hashes = list(self.known)
            self._recode(sorted(range(len(hashes)), key=lambda code: (self.texts[code], hashes[code])))

    def _recode(self, kept: list[int]) -> None:
        """Numbers the codes that are kept anew, in the order given."""
        assert self.codes is not None  # only columns that have texts have codes to change
        renamed = np.full(len(self.texts) + 1, NO_TEXT, dtype=np.int32)  # the last place is that of NO_TEXT
        renamed[kept] = np.arange(len(kept))
        hashes = list(self.known)
        self.codes = renamed[self.codes]
        self.texts = [self.texts[code] for code in kept]
        self.known = {hashes[code]: place for place, code in enumerate(kept)}

    def to_state(self, size: int) -> dict[str, Any]:
        """Numbers, texts and bytes; `from_state` takes them.

        Args:
            size: rows.
        """
        return {
            "numbers": self.numbers[:size].astype("<f8").tobytes(),
            "codes": None if self.codes is None else self.codes[:size].astype("<i4").tobytes(),
            "texts": self.texts,
            "hashes": np.array(list(self.known), dtype="<u8").tobytes(),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any], size: int) -> SampledColumn:
        """What `to_state` gave.

        Args:
            state: from there.
            size: rows.

        Raises:
            ValueError: the arrays do not fit together.
        """
        made = cls(0)
        made.numbers = np.frombuffer(state["numbers"], dtype="<f8").astype(np.float64)
        made.texts = [str(text) for text in state["texts"]]
        hashes = np.frombuffer(state["hashes"], dtype="<u8").tolist()
        made.known = {hashed: code for code, hashed in enumerate(hashes)}
        codes = np.full(size, NO_TEXT, dtype=np.int32)
        if state["codes"] is not None:
            made.codes = codes = np.frombuffer(state["codes"], dtype="<i4").astype(np.int32)
        known = codes.min(initial=0) >= NO_TEXT and codes.max(initial=NO_TEXT) < len(made.texts)
        if not made.numbers.size == codes.size == size or not known or len(made.known) != len(made.texts):
            raise ValueError("a column that does not fit its sample")
        return made

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
            self._column(name).take(start, column, rows)
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
            "columns": {name: column.to_state(size) for name, column in sorted(self.columns.items())},
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
            made.columns[str(name)] = SampledColumn.from_state(packed, made.size)
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
