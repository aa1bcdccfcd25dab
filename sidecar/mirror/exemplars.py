"""Pairs of answers that differ, to be looked at: bounded, chosen evenly, values redacted by name."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from sidecar.compare.redaction import Redaction
from sidecar.compare.sample import Sample
from sidecar.mirror.state import Exemplar
from sidecar.payload.columns import Columns

TEXT_LIMIT = 200  # characters of a value
MOST_VALUES = 32  # of one side
REDACTED = "[redacted]"


class Exemplars:
    """An even sample of the pairs that differ.

    Args:
        most: pairs kept; 0 keeps none.
        redaction: whose values are not shown.
    """

    def __init__(self, most: int, redaction: Redaction) -> None:
        self._redaction = redaction
        self._sample: Sample[Exemplar] | None = Sample(most) if most > 0 else None

    def add(
        self, priority: int, number: int, inputs: Columns | None, primary: Columns, shadow: Columns, row: int
    ) -> None:
        """Takes a row on which two answers differ.

        Args:
            priority: 64-bit hash of the request.
            number: the exchange's.
            inputs: of the request, if they could be read.
            primary: the primary's answer.
            shadow: the shadow's answer, with as many rows.
            row: place of the row.
        """
        if self._sample is None or not self._sample.wants(priority):
            return
        known = {} if inputs is None or row >= inputs.rows else self._values(inputs, row)
        pair = Exemplar(
            exchange_id=f"{number:016x}",
            inputs=known,
            primary=self._values(primary, row),
            shadow=self._values(shadow, row),
        )
        self._sample.offer(priority, pair)

    def to_json(self) -> list[Exemplar]:
        """The pairs: `exchange_id`, and by name the values of `inputs`, `primary` and `shadow`."""
        return [] if self._sample is None else self._sample.items()

    def to_state(self) -> list[tuple[int, Exemplar]]:
        """The pairs for a checkpoint, as they are shown, each with its priority."""
        return [] if self._sample is None else self._sample.entries()

    def restore(self, state: Sequence[tuple[int, Exemplar]]) -> None:
        """Goes on from a checkpoint.

        Args:
            state: from `to_state`, under the same redaction.
        """
        if self._sample is not None:
            self._sample.merge(state)

    def _values(self, columns: Columns, row: int) -> dict[str, Any]:
        shown: dict[str, Any] = {}
        numbers, texts = iter(columns.numeric[row].tolist()), iter(columns.texts)
        for name, kind in zip(columns.schema.names, columns.schema.kinds, strict=True):
            value: Any = next(numbers) if kind == "numeric" else next(texts)[row]
            if len(shown) < MOST_VALUES:
                shown[name] = REDACTED if self._redaction.hides(name) else _shown(value)
        return shown


def _shown(value: Any) -> Any:
    if isinstance(value, str):
        return value[:TEXT_LIMIT]
    return value if value is None or math.isfinite(value) else None
