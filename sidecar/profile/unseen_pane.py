"""Unseen categories of one feature over one stretch of time, as they are told; and what several of them hold
together.

The tables of a fleet are kept side by side and merged when somebody asks, since merging them two by two
would depend on the order (kernels.space_saving). While the tables have room, counts are exact.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kernels.binning import I64
from kernels.hashing import U8
from kernels.hyperloglog import empty_registers, estimate, merge_registers
from kernels.space_saving import COUNTERS, COUNTS, ERRORS, FREE, KEYS, ROWS, empty_table, merge_tables
from sidecar.profile.packing import pack_registers, unpack_registers


@dataclass(frozen=True, slots=True)
class Unseen:
    """One unseen category of a window.

    Args:
        category: its first 64 characters; `#` and its key in hexadecimal when the text is forgotten.
        count: how often it came, at most.
        error: by how much `count` may be too high.
    """

    category: str
    count: int
    error: int


@dataclass(frozen=True, slots=True, eq=False)
class UnseenPane:
    """Unseen categories of one feature.

    Args:
        table: of kernels.space_saving, shape (3, 64), int64.
        registers: of kernels.hyperloglog, shape (4096,), uint8.
        texts: of those keys of the table whose text is known.
    """

    table: I64
    registers: U8
    texts: Mapping[int, str]

    def to_state(self) -> dict[str, Any]:
        """The pane for a snapshot.

        Returns:
            Bytes and lists; `from_state` gives the same pane.
        """
        held = self.table[:, self.table[KEYS] != FREE]
        return {
            "table": np.ascontiguousarray(held).astype("<i8").tobytes(),
            "registers": pack_registers(self.registers),
            "texts": [[key, text] for key, text in sorted(self.texts.items())],
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> UnseenPane:
        """A pane of a snapshot.

        Args:
            state: from `to_state`.

        Returns:
            The pane.

        Raises:
            KeyError, TypeError, ValueError: it is not one.
        """
        held = np.frombuffer(state["table"], dtype="<i8").reshape(ROWS, -1)
        if held.shape[1] > COUNTERS or held.min(initial=0) < 0 or np.any(held[ERRORS] > held[COUNTS]):
            raise ValueError("a table of unseen categories whose numbers contradict each other")
        table = empty_table()
        table[:, : held.shape[1]] = held
        texts = {int(key): str(text) for key, text in state["texts"]}
        return cls(table, unpack_registers(state["registers"]), texts)


def rank_unseen(tables: Sequence[I64], text_of: Callable[[int], str | None]) -> tuple[Unseen, ...]:
    """What several stretches hold, the most frequent first.

    Args:
        tables: any number, in any order.
        text_of: text of a key, if it is known.

    Returns:
        At most 64.
    """
    merged = merge_tables(tables)
    found = []
    for key, count, error in zip(*(merged[row].tolist() for row in (KEYS, COUNTS, ERRORS)), strict=True):
        if key != FREE:
            text = text_of(key)
            found.append(Unseen(f"#{key:014x}" if text is None else text, count, error))
    return tuple(found)


def unseen_of(panes: Sequence[UnseenPane]) -> tuple[tuple[Unseen, ...], float]:
    """What several stretches and monitors hold together.

    Args:
        panes: of one feature, in any order.

    Returns:
        As `rank_unseen`; and the estimated number of different ones.
    """
    texts: dict[int, str] = {}
    total = empty_registers()
    for pane in panes:
        merge_registers(total, pane.registers)
        for key, text in pane.texts.items():  # the same everywhere, but for two texts of one key
            texts[key] = min(text, texts.get(key, text))
    return rank_unseen([pane.table for pane in panes], texts.get), float(estimate(total))
