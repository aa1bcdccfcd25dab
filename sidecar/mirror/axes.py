"""Inputs of mirrored requests cut into a few cells each, so that it can be said where models differ.

The cells are learnt from the first requests compared: eighths of the values of a number, the most frequent
categories of a text. They then stay, so counts add up.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sidecar.compare.redaction import Redaction
from sidecar.compare.segments import CELLS, MOST_FEATURES, Axis
from sidecar.mirror.state import AxesState
from sidecar.payload.columns import Columns, Schema

LEARN_REQUESTS = 200
TEXT_LIMIT = 200  # characters by which texts are told apart
MISSING = "missing"
OTHER = "other"

F64 = NDArray[np.float64]
Row = tuple[tuple[float, ...], tuple[str | None, ...]]


@dataclass(frozen=True, slots=True)
class Features:
    """The columns of a schema that are looked at: no more than `MOST_FEATURES`, numbers first, and none whose
    values are hidden, for a cell tells them.

    Args:
        numeric: names of the numbers.
        numeric_places: theirs among the numeric columns.
        texts: names of the texts.
        text_places: theirs among the text columns.
    """

    numeric: tuple[str, ...]
    numeric_places: slice | list[int]
    texts: tuple[str, ...]
    text_places: list[int]

    @classmethod
    def of(cls, schema: Schema, redaction: Redaction) -> Features:
        """Those of a schema.

        Args:
            schema: of the requests.
            redaction: whose values are hidden.
        """
        named = list(zip(schema.names, schema.kinds, strict=True))
        sides = ([name for name, kind in named if kind == side] for side in ("numeric", "categorical"))
        numbers, texts = (
            [(name, place) for place, name in enumerate(side) if not redaction.hides(name)] for side in sides
        )
        numbers, texts = numbers[:MOST_FEATURES], texts[: max(0, MOST_FEATURES - len(numbers))]
        return cls(
            tuple(name for name, _ in numbers),
            _selection([place for _, place in numbers]),
            tuple(name for name, _ in texts),
            [place for _, place in texts],
        )

    def row(self, columns: Columns, place: int) -> Row:
        """One row of a message.

        Args:
            columns: of a request of this schema.
            place: of the row.

        Returns:
            Its numbers and its texts, in schema order; texts cut to `TEXT_LIMIT`.
        """
        texts = [columns.texts[column][place] for column in self.text_places]
        numbers = columns.numeric[place, self.numeric_places].tolist()
        return tuple(numbers), tuple(text and text[:TEXT_LIMIT] for text in texts)


class InputAxes:
    """How inputs are cut.

    Args:
        features: what is looked at.
        cuts: borders of the cells of each number.
        codes: categories of each text, most frequent first.

    Attributes:
        axes: the features with the names of their cells.
    """

    def __init__(self, features: Features, cuts: list[list[float]], codes: list[list[str]]) -> None:
        self._cuts = cuts
        self._codes = [{text: code for code, text in enumerate(texts)} for texts in codes]
        self.axes = (
            *(Axis(name, _ranges(borders)) for name, borders in zip(features.numeric, cuts, strict=True)),
            *(
                Axis(name, (*texts, OTHER, MISSING))
                for name, texts in zip(features.texts, codes, strict=True)
            ),
        )

    @classmethod
    def learn(cls, features: Features, rows: Sequence[Row]) -> InputAxes:
        """Cuts inputs by what they are like.

        Args:
            features: what is looked at.
            rows: of `Features.row`, at least one.
        """
        matrix = np.array([row[0] for row in rows], dtype=np.float64).reshape(len(rows), -1)
        return cls(
            features,
            [_cuts(column) for column in matrix.T],
            [_codes([row[1][place] for row in rows]) for place in range(len(features.texts))],
        )

    def to_state(self) -> AxesState:
        """The cells for a checkpoint; they hold values."""
        return AxesState(self._cuts, [list(codes) for codes in self._codes])

    @classmethod
    def from_state(cls, state: AxesState, features: Features) -> InputAxes:
        """Goes on from a checkpoint.

        Args:
            state: from `to_state`.
            features: as before.

        Raises:
            ValueError: it is damaged.
        """
        sizes = [*map(len, state.cuts), *map(len, state.codes)]
        if max(sizes, default=0) > CELLS - 2:
            raise ValueError("more cells than are told apart")
        return cls(features, state.cuts, state.codes)

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


def _selection(places: list[int]) -> slice | list[int]:
    """A slice selects in a third of the time."""
    return slice(len(places)) if places == list(range(len(places))) else places


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


def _codes(texts: Sequence[str | None]) -> list[str]:
    ranked = sorted(Counter(text for text in texts if text is not None).items(), key=lambda e: (-e[1], e[0]))
    return [text for text, _ in ranked[: CELLS - 2]]
