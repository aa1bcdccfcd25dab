"""Inputs of mirrored requests cut into a few cells each, so that it can be said where models differ.

The cells are learnt from the first requests compared: eighths of the values of a number, the most frequent
categories of a text. They then stay, so counts add up.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sidecar.compare.segments import CELLS, MOST_FEATURES, Axis
from sidecar.payload.columns import Columns, Schema

LEARN_REQUESTS = 200
TEXT_LIMIT = 200  # characters by which texts are told apart
MISSING = "missing"
OTHER = "other"

F64 = NDArray[np.float64]
Row = tuple[tuple[float, ...], tuple[str | None, ...]]


def row_of(columns: Columns, place: int) -> Row:
    """One row of a message.

    Args:
        columns: of a request.
        place: of the row.

    Returns:
        Its numbers and its texts, in schema order, no more of either than are looked at; texts cut to
        `TEXT_LIMIT`.
    """
    texts = [column[place] for column in columns.texts[:MOST_FEATURES]]
    numbers = columns.numeric[place, :MOST_FEATURES].tolist()
    return tuple(numbers), tuple(text and text[:TEXT_LIMIT] for text in texts)


class InputAxes:
    """How the inputs of one schema are cut.

    Args:
        schema: of the requests.
        rows: what the cells are learnt from, at least one.
    """

    def __init__(self, schema: Schema, rows: Sequence[Row]) -> None:
        names = list(zip(schema.names, schema.kinds, strict=True))
        numeric = [name for name, kind in names if kind == "numeric"][:MOST_FEATURES]
        texts = [name for name, kind in names if kind == "categorical"][: MOST_FEATURES - len(numeric)]
        matrix = np.array([row[0][: len(numeric)] for row in rows], dtype=np.float64).reshape(len(rows), -1)
        self._cuts = [_cuts(matrix[:, place]) for place in range(len(numeric))]
        self._codes = [_codes([row[1][place] for row in rows]) for place in range(len(texts))]
        self.schema = schema
        self.axes = (
            *(Axis(name, _ranges(cuts)) for name, cuts in zip(numeric, self._cuts, strict=True)),
            *(Axis(name, (*codes, OTHER, MISSING)) for name, codes in zip(texts, self._codes, strict=True)),
        )

    def cells(self, row: Row) -> list[int]:
        """The cell of a row on each axis.

        Args:
            row: of the same schema.

        Returns:
            0 to `CELLS` - 1 each.
        """
        numbers = [
            CELLS - 1 if value != value else bisect_right(cuts, value)
            for value, cuts in zip(row[0], self._cuts, strict=False)
        ]
        texts = [
            len(codes) + 1 if text is None else codes.get(text, len(codes))
            for text, codes in zip(row[1], self._codes, strict=False)
        ]
        return numbers + texts


def _cuts(values: F64) -> list[float]:
    """At most six borders, so that seven cells and the missing one make `CELLS`."""
    known = values[~np.isnan(values)]
    if known.size == 0:
        return []
    shares = np.arange(1, CELLS - 1) / (CELLS - 1)
    cuts: list[float] = np.unique(np.quantile(known, shares, method="inverted_cdf")).tolist()
    return cuts


def _ranges(cuts: Sequence[float]) -> tuple[str, ...]:
    """Names of the cells; the place of missing values is the last of `CELLS`, whatever lies between."""
    borders = [f"{cut:.6g}" for cut in cuts]
    if not borders:
        names = ["any"]
    else:
        inner = [f"[{low}, {high})" for low, high in itertools.pairwise(borders)]
        names = [f"< {borders[0]}", *inner, f">= {borders[-1]}"]
    return (*names, *[""] * (CELLS - 1 - len(names)), MISSING)


def _codes(texts: Sequence[str | None]) -> dict[str, int]:
    ranked = sorted(Counter(text for text in texts if text is not None).items(), key=lambda e: (-e[1], e[0]))
    return {text: code for code, (text, _) in enumerate(ranked[: CELLS - 2])}
