"""Data quality over one stretch of time, as it is told: counts of values, blocks and messages, which rows
there were (HyperLogLog), and unseen categories. What the counts mean: `sidecar.quality`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kernels.binning import I64
from kernels.hashing import U8
from kernels.runs import TALLIES
from sidecar.profile.packing import pack_counts, pack_registers, unpack_counts, unpack_registers
from sidecar.profile.unseen_pane import UnseenPane

OTHERS = (2, 2)


def version_of(rows: int, others: I64) -> tuple[int, int]:
    """How far a stretch has got: of two states of it the later one is greater.

    Args:
        rows: counted so far.
        others: counts of blocks and messages, each only growing.

    Returns:
        To be compared.
    """
    return rows, int(others.sum())


@dataclass(frozen=True, slots=True, eq=False)
class QualityPane:
    """Data quality over [start, end).

    Args:
        start_unix_ns: begin.
        end_unix_ns: end.
        rows: how many.
        tallies: of their values, shape (F, 4), int64 (kernels.runs).
        passed_over: the same of the rows that do not stand for their message.
        blocks: in how many blocks a feature was constant, and in how many it could have been, shape (F, 2).
        others: repeated rows and rows of whole blocks; changed messages and messages; shape (2, 2), int64.
        registers: of the rows' hashes, shape (4096,), uint8.
        unseen: by the feature's place, for those that had unseen categories.
    """

    start_unix_ns: int
    end_unix_ns: int
    rows: int
    tallies: I64
    passed_over: I64
    blocks: I64
    others: I64
    registers: U8
    unseen: Mapping[int, UnseenPane]

    @property
    def version(self) -> tuple[int, int]:
        """As `version_of`."""
        return version_of(self.rows, self.others)

    @property
    def arrays(self) -> tuple[I64, ...]:
        """The counts, in their order."""
        return self.tallies, self.passed_over, self.blocks, self.others

    def to_state(self) -> dict[str, Any]:
        """The pane for a snapshot.

        Returns:
            Numbers, bytes and lists, in one order; `from_state` gives the same pane.
        """
        return {
            "start_unix_ns": self.start_unix_ns,
            "end_unix_ns": self.end_unix_ns,
            "rows": self.rows,
            "tallies": pack_counts(self.tallies),
            "passed_over": pack_counts(self.passed_over),
            "blocks": pack_counts(self.blocks),
            "others": pack_counts(self.others),
            "registers": pack_registers(self.registers),
            "unseen": [{"feature": place, **pane.to_state()} for place, pane in sorted(self.unseen.items())],
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any], width: int) -> QualityPane:
        """A pane of a snapshot.

        Args:
            state: from `to_state`.
            width: F.

        Returns:
            The pane.

        Raises:
            KeyError, TypeError, ValueError: it is not one, or of another shape.
        """
        unseen = {int(packed["feature"]): UnseenPane.from_state(packed) for packed in state["unseen"]}
        made = cls(
            int(state["start_unix_ns"]),
            int(state["end_unix_ns"]),
            int(state["rows"]),
            unpack_counts(state["tallies"]).reshape(width, TALLIES),
            unpack_counts(state["passed_over"]).reshape(width, TALLIES),
            unpack_counts(state["blocks"]).reshape(width, 2),
            unpack_counts(state["others"]).reshape(OTHERS),
            unpack_registers(state["registers"]),
            unseen,
        )
        if made.rows < 0 or made.start_unix_ns > made.end_unix_ns:
            raise ValueError("data quality whose numbers contradict each other")
        if any(not 0 <= place < width for place in unseen) or len(unseen) != len(state["unseen"]):
            raise ValueError("unseen categories of no feature, or of one twice")
        return made
