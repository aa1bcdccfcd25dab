"""Columns of one message to a row matrix in the order of the features.

Runs once an exchange on the decoding thread, mostly for a handful of rows, so the plan for a schema is made
once and kept by the schema's identity. A message whose columns are the features, all numeric and in order, is
passed on as it is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kernels.binning import F64
from kernels.lanes import TYPE_ERROR_NAN, type_errors
from sidecar.payload.columns import NOT_A_TEXT, Columns, Schema
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.unseen import UnseenTexts
from sidecar.profile.vocabulary import Vocabulary

PLAN_LIMIT = 64  # schemas kept; traffic that invents a new one with every request starts over

Pairs = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class _Plan:
    schema: Schema  # held, so that its identity is not given to another
    as_is: bool
    permuted: bool  # all features are there and numeric: one gather
    complete: bool  # every feature is there
    sources: NDArray[np.intp]
    targets: NDArray[np.intp] | slice
    texts: Pairs  # text column -> categorical feature
    numbers_as_text: Pairs  # numeric column -> categorical feature
    texts_as_numbers: Pairs  # text column -> numeric feature
    n_unknown: int


class RowEncoder:
    """Turns Columns into rows of float64.

    Args:
        specs: the features, one matrix column each.
        vocabularies: for each feature its vocabulary, None for numeric ones.
        names: payload column name to feature name, where they differ.
    """

    def __init__(
        self,
        specs: Sequence[FeatureSpec],
        vocabularies: Sequence[Vocabulary | None],
        names: Mapping[str, str] | None = None,
    ) -> None:
        self.specs = tuple(specs)
        self.width = len(self.specs)
        self.n_unknown_columns = 0
        self._vocabularies = tuple(vocabularies)
        self.names = dict(names or {})
        self._plans: dict[int, _Plan] = {}

    @property
    def unseen_texts(self) -> tuple[UnseenTexts | None, ...]:
        """For each feature who knows its unseen texts."""
        return tuple(None if v is None else v.unseen for v in self._vocabularies)

    def encode(self, columns: Columns) -> F64:
        """The rows of one message.

        Args:
            columns: from any decoder; columns that are no feature are passed over and counted.

        Returns:
            Shape (rows, F), float64, C order: numbers as they are, categories as codes, NaN where missing,
            the type error's NaN where the payload has another kind of value. May be `columns.numeric` itself.
        """
        schema = columns.schema
        plan = self._plans.get(id(schema))
        if plan is None:
            plan = self._keep_plan(schema)
        if plan.as_is:
            return columns.numeric
        self.n_unknown_columns += plan.n_unknown
        if plan.permuted:
            return columns.numeric.take(plan.sources, axis=1)
        shape = (columns.rows, self.width)
        matrix = np.empty(shape) if plan.complete else np.full(shape, np.nan)
        if plan.sources.size:
            matrix[:, plan.targets] = columns.numeric.take(plan.sources, axis=1)
        for source, target in plan.texts:
            matrix[:, target] = self._codes(target, columns.texts[source])
        for source, target in plan.numbers_as_text:
            matrix[:, target] = self._codes(target, _texts_of_numbers(columns.numeric[:, source]))
        for source, target in plan.texts_as_numbers:
            matrix[:, target] = [_number(text) for text in columns.texts[source]]
        return matrix

    def _codes(self, target: int, texts: Sequence[str | None]) -> list[float]:
        vocabulary = self._vocabularies[target]
        assert vocabulary is not None  # a categorical feature always has one
        return vocabulary.codes(texts)

    def _keep_plan(self, schema: Schema) -> _Plan:
        if len(self._plans) >= PLAN_LIMIT:
            self._plans.clear()
        plan = self._plans[id(schema)] = self._plan(schema)
        return plan

    def _plan(self, schema: Schema) -> _Plan:
        places = {spec.name: place for place, spec in enumerate(self.specs)}
        plain: list[tuple[int, int]] = []
        crossed: dict[tuple[str, str], list[tuple[int, int]]] = {}
        seen = {"numeric": 0, "categorical": 0}
        n_unknown = 0
        for name, kind in zip(schema.names, schema.kinds, strict=True):
            source = seen[kind]
            seen[kind] += 1
            place = places.get(self.names.get(name, name))
            if place is None:
                n_unknown += 1
            elif kind == "numeric" == self.specs[place].kind:
                plain.append((source, place))
            else:
                crossed.setdefault((kind, self.specs[place].kind), []).append((source, place))
        filled = {place for _, place in plain}.union(*({p for _, p in pairs} for pairs in crossed.values()))
        identity = [(place, place) for place in range(self.width)]
        by_place = sorted(plain, key=lambda pair: pair[1])
        targets = [place for _, place in by_place]
        return _Plan(
            schema=schema,
            as_is=plain == identity and not crossed and n_unknown == 0,
            permuted=targets == list(range(self.width)) and not crossed,
            complete=len(filled) == self.width,
            sources=np.array([source for source, _ in by_place], dtype=np.intp),
            targets=_places(targets),
            texts=tuple(crossed.get(("categorical", "categorical"), ())),
            numbers_as_text=tuple(crossed.get(("numeric", "categorical"), ())),
            texts_as_numbers=tuple(crossed.get(("categorical", "numeric"), ())),
            n_unknown=n_unknown,
        )


def _places(targets: list[int]) -> NDArray[np.intp] | slice:
    """A slice where the places are side by side: numpy writes to it three times faster."""
    if targets == list(range(targets[0], targets[0] + len(targets)) if targets else []):
        return slice(targets[0], targets[0] + len(targets)) if targets else slice(0, 0)
    return np.array(targets, dtype=np.intp)


def number_text(value: float) -> str:
    """Text of a number that is used as a category.

    Args:
        value: not NaN.

    Returns:
        `3` for 3.0, the shortest exact form otherwise.
    """
    return str(int(value)) if value.is_integer() else repr(value)


def _texts_of_numbers(values: F64) -> list[str | None]:
    texts = [None if math.isnan(value) else number_text(value) for value in values.tolist()]
    for place in np.flatnonzero(type_errors(np.ascontiguousarray(values))).tolist():
        texts[place] = NOT_A_TEXT
    return texts


def _number(text: str | None) -> float:
    """A number that was sent as a text is one still; any other text is a type error."""
    if text is None:
        return math.nan
    try:
        return float(text)
    except ValueError:
        return TYPE_ERROR_NAN
