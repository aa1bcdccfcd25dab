"""Generated texts side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from sidecar.compare.cells import fill_cells, pack_cells
from sidecar.compare.histogram import ShareHistogram, SizeHistogram, error_quantiles, likeness
from sidecar.compare.state import TextState
from sidecar.compare.texts import canonical_tool_calls, compare_texts
from sidecar.compare.vectors import BoolArray


class TextMeter:
    """Generated texts and the tools they call."""

    def __init__(self) -> None:
        self._rows = self._same = self._calls = self._same_calls = 0
        self._lengths, self._overlaps, self._divergences = SizeHistogram(), ShareHistogram(), ShareHistogram()

    def add(self, primary: Sequence[str], shadow: Sequence[str]) -> BoolArray:
        """Takes texts.

        Args:
            primary: one text a row.
            shadow: likewise.

        Returns:
            Shape (rows,): where they disagree.
        """
        pairs = [compare_texts(ours, theirs) for ours, theirs in zip(primary, shadow, strict=True)]
        ratios = [math.nan if pair.length_ratio is None else pair.length_ratio for pair in pairs]
        self._rows += len(pairs)
        self._same += sum(pair.same for pair in pairs)
        self._lengths.add(np.array(ratios))
        self._overlaps.add(np.array([pair.overlap for pair in pairs]))
        self._divergences.add(np.array([pair.first_divergence_ratio for pair in pairs]))
        return np.array([not pair.same for pair in pairs], dtype=np.bool_)

    def add_tool_calls(self, primary: Any, shadow: Any) -> bool:
        """Takes the tool calls of one answer.

        Args:
            primary: the `tool_calls` of a chat completion.
            shadow: likewise.

        Returns:
            Whether they disagree; answers without calls on both sides are not counted.
        """
        ours, theirs = canonical_tool_calls(primary), canonical_tool_calls(shadow)
        if not ours and not theirs:
            return False
        self._calls += 1
        self._same_calls += ours == theirs
        return ours != theirs

    def to_state(self) -> TextState:
        """The meter for a checkpoint; no texts are in it."""
        lengths, overlaps, divergences = (
            pack_cells(each.counts) for each in (self._lengths, self._overlaps, self._divergences)
        )
        counts = self._rows, self._same, self._calls, self._same_calls
        return TextState(*counts, lengths, overlaps, divergences)

    @classmethod
    def from_state(cls, state: TextState) -> TextMeter:
        """Goes on from a checkpoint.

        Args:
            state: from `to_state`.

        Raises:
            ValueError: it is damaged.
        """
        meter = cls()
        meter._rows, meter._same = state.rows, state.same
        meter._calls, meter._same_calls = state.calls, state.same_calls
        fill_cells(state.lengths, meter._lengths.counts)
        fill_cells(state.overlaps, meter._overlaps.counts)
        fill_cells(state.divergences, meter._divergences.counts)
        return meter

    def to_json(self) -> dict[str, Any]:
        """`same`, `overlap`, `first_divergence` as a share of the text, `length_ratio`, `tool_calls`."""
        return {
            "rows": self._rows,
            "same": self._same / self._rows if self._rows else None,
            "overlap": likeness(self._overlaps),
            "first_divergence": likeness(self._divergences),
            "length_ratio": error_quantiles(self._lengths),
            "tool_calls": {
                "answers": self._calls,
                "same": self._same_calls / self._calls if self._calls else None,
            },
        }
