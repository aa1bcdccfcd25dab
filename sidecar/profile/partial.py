"""A reference in the making: what is kept of the rows of some files, or of a part of them.

Everything kept is free of order: whole numbers, smallest and largest, the different values of smallest hash
(`sidecar.profile.distinct`) and the rows of smallest priority (`sidecar.profile.sample`). So partial
references of any parts of the same files, merged in any order and grouping, are the same to the bit, and so
is the reference made of them. Memory does not grow with the rows:

    sample      8 bytes a value, 16 M values and a quarter: 160 MB; 80 KB a column beyond 1,600 columns;
                4 bytes more a cell of a column that has texts
    distinct    24 bytes a place, up to 5.4 places a value, 1 M values: 130 MB; and 66 KB a column
    texts       those of the above, each cut at 256 characters
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from sidecar.errors import BadReference
from sidecar.profile.block import Block
from sidecar.profile.plan import Plan
from sidecar.profile.priority import row_priorities
from sidecar.profile.sample import RowSample
from sidecar.profile.tally import ColumnTally

SAMPLE_VALUES = 16_000_000  # over all columns: 128 MB
SAMPLE_ROWS = 10_000  # kept however many columns there are
FREE_TEXT_WEIGHT = 16  # values that a cell stands for whose column has more texts than can be counted
DISTINCT_VALUES = 1_000_000  # counted exactly, over all columns
DISTINCT_LIMITS = (1024, 32_768)  # and of one column


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A file, or the part of it, that rows came from.

    Args:
        name: of the file, without folders.
        size_bytes: of the whole file.
        fingerprint: what its rows' priorities are drawn by.
        first_row: number of the first row read.
        rows: how many rows were read from there on.
        columns: the columns it had.
        provenance: what else is known of it, as texts: `sha256`, `git_commit`, `git_dirty`, `dvc_md5` and
            the like.
    """

    name: str
    size_bytes: int
    fingerprint: int
    first_row: int
    rows: int
    columns: tuple[str, ...]
    provenance: dict[str, str]


class PartialReference:
    """What is kept of some rows.

    Args:
        plan: what is asked for.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.rows = 0
        self.sources: list[Source] = []
        self.tallies: dict[str, ColumnTally] = {}
        self.sample = RowSample(SAMPLE_VALUES)

    @property
    def most_distinct(self) -> int:
        """Different values kept of each column."""
        least, most = DISTINCT_LIMITS
        return min(most, max(least, DISTINCT_VALUES // max(1, len(self.tallies))))

    @property
    def most_rows(self) -> int:
        """Rows kept in the sample."""
        weights = (
            1 if tally.n_texts == 0 or tally.distinct.complete else FREE_TEXT_WEIGHT
            for tally in self.tallies.values()
        )
        return max(SAMPLE_ROWS, SAMPLE_VALUES // max(1, sum(weights)))

    @property
    def is_complete(self) -> bool:
        """Whether every row is in the sample."""
        return self.rows == self.sample.size

    def take(self, block: Block, seed: int) -> None:
        """Takes in a block.

        Args:
            block: rows that have not been taken in yet.
            seed: the fingerprint of their file.

        Raises:
            BadReference: "'age': expected numbers, got text"; only of columns that must hold numbers.
        """
        for name, position in block.placed().items():
            tally = self.tallies.get(name)
            if tally is None:
                self.tallies[name] = ColumnTally(position)
            else:
                tally.position = min(tally.position, position)
        most = self.most_distinct
        for name, cells in block.columns.items():
            self.tallies[name].add(cells, most)
            if self.tallies[name].n_texts and name in self.plan.numeric:
                raise BadReference(f"{name!r}: expected numbers, got text")
        self.rows += block.rows
        self.sample.limit = min(self.sample.limit, self.most_rows)
        self.sample.add(row_priorities(seed, block.first_row, block.rows), block.columns)

    def merge(self, other: PartialReference) -> None:
        """Adds a partial reference of other rows.

        Args:
            other: left as it was, but settled.

        Raises:
            BadReference: "merge: expected other rows, got rows 0 to 9999 of a.csv twice"; "merge: expected
                partial references of one plan, got different ones: label".
        """
        self._check(other)
        other.settle()
        self.rows += other.rows
        for name, tally in other.tallies.items():
            self.tallies.setdefault(name, ColumnTally(tally.position))
        for name, tally in other.tallies.items():
            self.tallies[name].merge(tally, self.most_distinct)
        self.sources = sorted([*self.sources, *other.sources], key=source_key)
        self.sample.merge(other.sample)
        self.settle()

    def settle(self) -> None:
        """Keeps exactly what the rows so far entitle to: two of the same rows are then equal bit by bit."""
        for tally in self.tallies.values():
            tally.distinct.settle(self.most_distinct)
        self.sample.settle(self.most_rows)

    def _check(self, other: PartialReference) -> None:
        mine, theirs = self.plan.to_state(), other.plan.to_state()
        different = [name for name in mine if mine[name] != theirs[name]]
        if different:
            raise BadReference(
                f"merge: expected partial references of one plan, got different ones: {', '.join(different)}"
            )
        check_sources([*self.sources, *other.sources])

    def to_state(self) -> dict[str, Any]:
        """All of it, settled, rows in the order of their priorities; `from_state` takes it."""
        self.settle()
        self.sample.sort()
        return {
            "plan": self.plan.to_state(),
            "rows": self.rows,
            "sources": [msgspec.to_builtins(source) for source in sorted(self.sources, key=source_key)],
            "columns": {name: tally.to_state() for name, tally in sorted(self.tallies.items())},
            "sample": self.sample.to_state(),
        }


def source_key(source: Source) -> tuple[str, int, int]:
    """What sources are ordered by."""
    return source.name, source.fingerprint, source.first_row


def check_sources(sources: Sequence[Source]) -> None:
    """Refuses rows that are there twice.

    Args:
        sources: of all that is to be one reference.

    Raises:
        BadReference: "merge: expected other rows, got rows 0 to 9999 of a.csv twice".
    """
    before: Source | None = None
    for source in sorted(sources, key=source_key):
        same_file = before is not None and source_key(before)[:2] == source_key(source)[:2]
        if before is not None and same_file and source.first_row < before.first_row + before.rows:
            last = min(source.first_row + source.rows, before.first_row + before.rows) - 1
            raise BadReference(
                f"merge: expected other rows, got rows {source.first_row} to {last} of {source.name} twice"
            )
        before = source
