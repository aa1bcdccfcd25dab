"""Where a shadow differs: the inputs with more disagreement than elsewhere, and examples.

One row a request counts, chosen without a look at its values: the rows of one request are often alike, and a
thousand like rows are no more evidence than one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sidecar.compare.redaction import Redaction
from sidecar.compare.segments import Part, Segments
from sidecar.compare.vectors import BoolArray
from sidecar.config.shadow import ShadowConfig
from sidecar.mirror.axes import LEARN_REQUESTS, Features, InputAxes, Row
from sidecar.mirror.exemplars import Exemplars
from sidecar.mirror.state import ExplanationState
from sidecar.payload.columns import Columns, Schema, intern_schema


class Explanation:
    """What is known of where one shadow differs.

    Args:
        config: the shadow's.
    """

    def __init__(self, config: ShadowConfig) -> None:
        self._redaction = Redaction(config.redact)
        self._exemplars = Exemplars(config.exemplars, self._redaction)
        self._learning: list[tuple[Row, float]] = []
        self._schema: Schema | None = None
        self._features = Features((), [], (), [])
        self._axes: InputAxes | None = None
        self._segments = Segments(())

    def add(
        self,
        number: int,
        priority: int,
        inputs: Columns | None,
        primary: Columns,
        shadow: Columns,
        apart: BoolArray,
    ) -> None:
        """Takes a pair of answers.

        Args:
            number: the exchange's.
            priority: 64-bit hash of the request.
            inputs: what was asked, where it could be read.
            primary: the primary's answer.
            shadow: the shadow's answer.
            apart: which rows disagree, shape (the primary's rows,) and at least one.
        """
        if np.count_nonzero(apart) and primary.rows == shadow.rows > 0:
            row = int(apart.argmax())
            self._exemplars.add(priority, number, inputs, primary, shadow, row)
        if inputs is None or inputs.rows != apart.size:
            return
        row = priority % inputs.rows
        self._count(inputs, row, float(apart[row]))

    def to_state(self) -> ExplanationState:
        """The explanation for a checkpoint, hidden values left out."""
        schema = self._schema
        return ExplanationState(
            schema=None if schema is None else (list(schema.names), list(schema.kinds)),
            learning=[(list(row[0]), list(row[1]), found) for row, found in self._learning],
            axes=None if self._axes is None else self._axes.to_state(),
            segments=self._segments.to_state(),
            exemplars=self._exemplars.to_state(),
        )

    def restore(self, state: ExplanationState) -> None:
        """Goes on from a checkpoint.

        Args:
            state: from `to_state`, under the same redaction.

        Raises:
            ValueError: it is damaged.
        """
        self._exemplars.restore(state.exemplars)
        if state.schema is None:
            return
        names, kinds = state.schema
        self._look_at(intern_schema(tuple(names), tuple(kinds)))
        self._learning = [((tuple(numbers), tuple(texts)), found) for numbers, texts, found in state.learning]
        if any(self._is_odd(row) for row, _ in self._learning):
            raise ValueError("rows of other features")
        if state.axes is not None:
            self._axes = InputAxes.from_state(state.axes, self._features)
            self._segments = Segments.from_state(state.segments, self._axes.axes)

    def to_json(self) -> dict[str, Any]:
        """`segments` and `exemplars`."""
        return {
            "segments": [_part(part) for part in self._segments.top()],
            "exemplars": self._exemplars.to_json(),
        }

    def _look_at(self, schema: Schema) -> None:
        self._schema = schema
        self._features = Features.of(schema, self._redaction)

    def _is_odd(self, row: Row) -> bool:
        return tuple(map(len, row)) != (len(self._features.numeric), len(self._features.texts))

    def _count(self, inputs: Columns, place: int, disagreement: float) -> None:
        if self._schema is None:
            self._look_at(inputs.schema)
        if inputs.schema is not self._schema:
            return  # another form of request has other features
        row = self._features.row(inputs, place)
        if self._axes is not None:
            self._segments.add(self._axes.cells(row), disagreement)
            return
        self._learning.append((row, disagreement))
        if len(self._learning) < LEARN_REQUESTS:
            return
        self._axes = InputAxes.learn(self._features, [seen for seen, _ in self._learning])
        self._segments = Segments(self._axes.axes)
        for seen, found in self._learning:
            self._segments.add(self._axes.cells(seen), found)
        self._learning.clear()


def _part(part: Part) -> dict[str, Any]:
    return {
        "where": [{"feature": feature, "cell": cell} for feature, cell in part.where],
        "requests": part.requests,
        "rate": part.rate,
        "rate_elsewhere": part.rate_elsewhere,
        "excess_low": part.excess_low,
        "p_value": part.p_value,
    }
