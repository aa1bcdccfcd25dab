"""What readers of tables give, and what they are told."""

from __future__ import annotations

from dataclasses import dataclass

from sidecar.profile.cells import Cells

TEXT_BLOCK_ROWS = 8192
ARROW_BLOCK_ROWS = 65_536


@dataclass(frozen=True, slots=True)
class Block:
    """Some rows of one table.

    Args:
        first_row: number of the first of them within the file, from 0.
        rows: how many.
        columns: by name; every column has `rows` cells.
        positions: the first place that each column has in a row; that in `columns` where left out.
    """

    first_row: int
    rows: int
    columns: dict[str, Cells]
    positions: dict[str, int] | None = None

    def placed(self) -> dict[str, int]:
        """The position of every column."""
        return self.positions or {name: place for place, name in enumerate(self.columns)}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which columns are read and how.

    Args:
        columns: names; None for all.
        categorical: columns whose numbers stay texts, so that "01" is no 1.
        time: the column that holds times, in seconds once read.
    """

    columns: frozenset[str] | None = None
    categorical: frozenset[str] = frozenset()
    time: str | None = None

    def takes(self, name: str) -> bool:
        return self.columns is None or name in self.columns
