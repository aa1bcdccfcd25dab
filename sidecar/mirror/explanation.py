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
from sidecar.mirror.axes import LEARN_REQUESTS, InputAxes, Row, row_of
from sidecar.mirror.exemplars import Exemplars
from sidecar.payload.columns import Columns, Schema


class Explanation:
    """What is known of where one shadow differs.

    Args:
        config: the shadow's.
    """

    def __init__(self, config: ShadowConfig) -> None:
        self._exemplars = Exemplars(config.exemplars, Redaction(config.redact))
        self._learning: list[tuple[Row, float]] = []
        self._schema: Schema | None = None
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
        self._count(inputs.schema, row_of(inputs, row), float(apart[row]))

    def to_json(self) -> dict[str, Any]:
        """`segments` and `exemplars`."""
        return {
            "segments": [_part(part) for part in self._segments.top()],
            "exemplars": self._exemplars.to_json(),
        }

    def _count(self, schema: Schema, row: Row, disagreement: float) -> None:
        if self._schema is None:
            self._schema = schema
        if schema is not self._schema:
            return  # another form of request has other features
        if self._axes is not None:
            self._segments.add(self._axes.cells(row), disagreement)
            return
        self._learning.append((row, disagreement))
        if len(self._learning) < LEARN_REQUESTS:
            return
        self._axes = InputAxes(schema, [seen for seen, _ in self._learning])
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
