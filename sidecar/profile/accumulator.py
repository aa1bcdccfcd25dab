"""What looks at the same rows beside the panes.

A room with a summary of its own (co-movement, unseen categories, repeated rows) gives the analysis an
object of this form; the analysis fills, checkpoints and ages it with the panes.
"""

from __future__ import annotations

from typing import Any, Protocol

from kernels.binning import F64


class Accumulator(Protocol):
    """A summary that follows the rows of one subject.

    What it holds must depend on rows and times alone, not on the order of blocks: rows of one pane may come
    in several blocks, and rows of two panes in turn.
    """

    def fill(self, rows: F64, unix_ns: int) -> None:
        """Takes in rows.

        Args:
            rows: shape (n, F), float64, C order; may be a read-only view; not kept.
            unix_ns: begin of the pane that they belong to.
        """
        ...

    def close(self, start_unix_ns: int, end_unix_ns: int) -> None:
        """A pane has closed: no more rows of it will come.

        Args:
            start_unix_ns: its begin.
            end_unix_ns: its end.
        """
        ...

    def expire(self, unix_ns: int) -> None:
        """Drops what is too old.

        Args:
            unix_ns: begin of the newest pane.
        """
        ...

    def to_state(self) -> dict[str, Any]:
        """The summary for a checkpoint.

        Returns:
            Numbers, texts, bytes, lists and dictionaries; `restore` goes on without changing a number.
        """
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from a checkpoint.

        Args:
            state: from `to_state`.

        Raises:
            KeyError, TypeError, ValueError: it is damaged.
        """
        ...
