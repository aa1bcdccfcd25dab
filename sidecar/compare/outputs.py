"""Two answers to one request, output by output.

What the payload rooms read as columns is compared column by column, by the kind that the configuration gives
it or, without one, by its type: numbers are values, texts are classes. The elements of a tensor, `NAME[0]`,
`NAME[1]` ..., are one output `NAME`: as a class the place of the largest element, as a ranking the places in
order, as an embedding the whole row. Whatever is no table is compared as JSON, path by path.

The disagreement of a request is the share of its rows in which any output disagrees: one number from 0 to 1,
so that a request of a thousand rows counts no more than one of a single row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, assert_never

import numpy as np

from sidecar.compare.class_meter import ClassMeter
from sidecar.compare.document_meter import DocumentMeter
from sidecar.compare.documents import Difference, DocumentRules, Tolerance, differences
from sidecar.compare.histogram import F64
from sidecar.compare.likeness_meters import EmbeddingMeter, RankingMeter
from sidecar.compare.number_meter import NumberMeter
from sidecar.compare.redaction import NOTHING_HIDDEN, Redaction
from sidecar.compare.state import (
    ClassState,
    DocumentState,
    EmbeddingState,
    MeterState,
    NumberState,
    OutputsState,
    OutputState,
    RankingState,
    TextState,
    without_values,
)
from sidecar.compare.text_meter import TextMeter
from sidecar.compare.vectors import BoolArray
from sidecar.config.shadow import FieldConfig
from sidecar.payload.columns import Columns, Schema

MOST_OUTPUTS = 64  # told apart; further ones are compared with the rules of `__other__`
DOCUMENT = "$"  # the name of an answer that is no table
OTHER = "__other__"
DEFAULT_TOLERANCE = Tolerance(relative=1e-6)
EMBEDDING_LEAST = 0.99
RANKING_LEAST = 0.9

_ELEMENT = re.compile(r"(.+)\[\d+\]")
_ANY = "*"

Meter = ClassMeter | NumberMeter | RankingMeter | EmbeddingMeter | TextMeter | DocumentMeter

METERS: dict[str, type[Meter]] = {
    "class": ClassMeter,
    "value": NumberMeter,
    "score": NumberMeter,
    "ranking": RankingMeter,
    "embedding": EmbeddingMeter,
    "text": TextMeter,
    "json": DocumentMeter,
}
"""What takes an output of a kind."""


@dataclass(frozen=True, slots=True)
class Output:
    """One output of a schema.

    Args:
        name: of the column, or of the tensor whose elements are columns.
        numeric: places among the numeric columns: a slice where they are next to each other, as of a tensor;
            empty for a text column.
        text: place among the text columns; None for numbers.
        columns: names of its columns.
    """

    name: str
    numeric: slice | list[int]
    text: int | None
    columns: tuple[str, ...]


Rules = tuple[tuple[Output, FieldConfig], ...]


class OutputComparison:
    """All that is known of how the outputs of two models differ.

    Args:
        fields: how outputs are compared.
        redaction: whose values no checkpoint may hold.
    """

    def __init__(self, fields: Sequence[FieldConfig] = (), redaction: Redaction = NOTHING_HIDDEN) -> None:
        self._rules = {field.name: field for field in fields}
        self._redaction = redaction
        self._to_hide: set[str] = set()  # outputs of the schema
        self._hidden: set[str] = set()  # meters that have seen such
        self._meters: dict[str, tuple[str, Meter]] = {}
        self._known: tuple[Schema, Rules] | None = None  # a model has one schema
        self.shapes_apart = 0

    def compare(self, primary: Columns, shadow: Columns, priority: int) -> BoolArray:
        """Takes the answers to one request.

        Args:
            primary: what the primary answered.
            shadow: what the shadow answered.
            priority: 64-bit hash of the request.

        Returns:
            Shape (the primary's rows,): which rows disagree; all, and at least one, when rows or columns
            differ. Their mean is the request's disagreement.
        """
        if primary.rows != shadow.rows or primary.schema is not shadow.schema:
            self.shapes_apart += 1
            return np.ones(max(1, primary.rows), dtype=np.bool_)
        apart: BoolArray | None = None
        for output, rule in self._rules_of(primary.schema):
            found = self._compare_output(output, rule, primary, shadow, priority)
            apart = found if apart is None else apart | found
        return np.zeros(primary.rows, dtype=np.bool_) if apart is None else apart

    def compare_documents(self, primary: Any, shadow: Any) -> bool:
        """Takes answers that are JSON but no table.

        Args:
            primary: decoded JSON.
            shadow: decoded JSON.

        Returns:
            Whether they disagree.
        """
        return self.count_differences(self.differences(primary, shadow))

    def differences(self, primary: Any, shadow: Any) -> list[Difference]:
        """Where two documents differ; nothing is counted. As `compare_documents`."""
        return differences(primary, shadow, self._document_rules)

    def count_differences(self, found: Sequence[Difference]) -> bool:
        """Takes what a pair of documents differs in; as `compare_documents`.

        Args:
            found: by `differences`.
        """
        meter = self._meter(DOCUMENT, "json", lambda: DocumentMeter(self._document_rules))
        assert isinstance(meter, DocumentMeter)  # the kind is part of what meters are kept by
        return meter.count(found)

    @cached_property
    def _document_rules(self) -> DocumentRules:
        rule = self._rules.get(DOCUMENT, FieldConfig(name=DOCUMENT))
        return DocumentRules(
            tolerance=_tolerance(rule),
            tolerances={name: _tolerance(field) for name, field in self._rules.items() if name != DOCUMENT},
            ignored=tuple(name for name, field in self._rules.items() if field.kind == "ignored"),
        )

    def to_state(self) -> OutputsState:
        """The comparison for a checkpoint, hidden values left out."""
        told = [
            (name, OutputState(name, kind, meter.to_state())) for name, (kind, meter) in self._meters.items()
        ]
        kept = [without_values(state) if name in self._hidden else state for name, state in told]
        return OutputsState([state for state in kept if state is not None], self.shapes_apart)

    def restore(self, state: OutputsState) -> None:
        """Goes on from a checkpoint.

        Args:
            state: from `to_state`, of the same fields.

        Raises:
            LookupError, ValueError: it is damaged.
        """
        self.shapes_apart = state.shapes_apart
        for output in state.outputs:
            meter = _meter_of(output.meter, self._document_rules)
            if not isinstance(meter, METERS[output.kind]):
                raise ValueError("an output of another kind")
            self._meters[output.name] = output.kind, meter

    def to_json(self) -> list[dict[str, Any]]:
        """Figures of every output, in the order in which they came."""
        return [
            {"name": name, "kind": kind, **meter.to_json()} for name, (kind, meter) in self._meters.items()
        ]

    def _rules_of(self, schema: Schema) -> Rules:
        """The outputs of a schema that are compared, each with how."""
        if self._known is None or self._known[0] is not schema:
            outputs = outputs_of(schema)
            self._to_hide = {
                output.name for output in outputs if any(map(self._redaction.hides, output.columns))
            }
            rules = [(output, self._rule_of(output.name)) for output in outputs]
            self._known = schema, tuple((output, rule) for output, rule in rules if rule.kind != "ignored")
        return self._known[1]

    def _rule_of(self, name: str) -> FieldConfig:
        return self._rules.get(name) or self._rules.get(_ANY) or FieldConfig(name=name)

    def _compare_output(
        self, output: Output, rule: FieldConfig, primary: Columns, shadow: Columns, priority: int
    ) -> BoolArray:
        if output.text is not None:
            return self._compare_texts(output, rule, primary.texts[output.text], shadow.texts[output.text])
        ours, theirs = primary.numeric[:, output.numeric], shadow.numeric[:, output.numeric]
        return self._compare_numbers(output.name, rule, ours, theirs, priority)

    def _compare_texts(
        self, output: Output, rule: FieldConfig, ours: list[str | None], theirs: list[str | None]
    ) -> BoolArray:
        if rule.kind == "text":
            meter = self._meter(output.name, "text", TextMeter)
            assert isinstance(meter, TextMeter)
            return meter.add([text or "" for text in ours], [text or "" for text in theirs])
        return self._classes(output.name).add(ours, theirs)

    def _compare_numbers(
        self, name: str, rule: FieldConfig, ours: F64, theirs: F64, priority: int
    ) -> BoolArray:
        width = ours.shape[1]
        if rule.kind == "class":
            return self._classes(name).add(_labels(ours), _labels(theirs))
        if rule.kind == "ranking":
            meter = self._meter(
                name, "ranking", lambda: RankingMeter(rule.least or RANKING_LEAST, rule.top_k)
            )
            assert isinstance(meter, RankingMeter)
            return meter.add(_order(ours), _order(theirs))
        if rule.kind == "embedding":
            vectors = self._meter(name, "embedding", lambda: EmbeddingMeter(rule.least or EMBEDDING_LEAST))
            assert isinstance(vectors, EmbeddingMeter)
            return vectors.add(ours, theirs)
        kind = "score" if rule.kind == "score" else "value"
        numbers = self._meter(name, kind, lambda: NumberMeter(_tolerance(rule), rule.threshold))
        assert isinstance(numbers, NumberMeter)
        apart = numbers.add(ours.ravel(), theirs.ravel(), priority)
        return apart if width == 1 else np.array(apart.reshape(-1, max(1, width)).any(axis=1))

    def _classes(self, name: str) -> ClassMeter:
        meter = self._meter(name, "class", ClassMeter)
        assert isinstance(meter, ClassMeter)
        return meter

    def _meter(self, name: str, kind: str, make: Callable[[], Meter]) -> Meter:
        """The meter of an output; one whose type has changed starts anew."""
        is_hidden = name in self._to_hide
        if name not in self._meters and len(self._meters) >= MOST_OUTPUTS:
            name = f"{OTHER}{kind}"
        if is_hidden:
            self._hidden.add(name)
        known = self._meters.get(name)
        if known is None or known[0] != kind:
            known = self._meters[name] = (kind, make())
        return known[1]


def outputs_of(schema: Schema) -> tuple[Output, ...]:
    """The outputs that the columns of a schema make.

    Args:
        schema: of an answer.

    Returns:
        In the order of the columns.
    """
    numeric: dict[str, list[int]] = {}
    columns: dict[str, list[str]] = {}
    texts: dict[str, int] = {}
    n_numeric = n_texts = 0
    for name, kind in zip(schema.names, schema.kinds, strict=True):
        if kind == "categorical":
            texts[name] = n_texts
            n_texts += 1
            continue
        element = _ELEMENT.fullmatch(name)
        output = element[1] if element else name
        numeric.setdefault(output, []).append(n_numeric)
        columns.setdefault(output, []).append(name)
        n_numeric += 1
    numbers = [
        Output(name, _selection(places), None, tuple(columns[name])) for name, places in numeric.items()
    ]
    return (*numbers, *(Output(name, [], place, (name,)) for name, place in texts.items()))


def _meter_of(state: MeterState, rules: DocumentRules) -> Meter:
    match state:
        case ClassState():
            return ClassMeter.from_state(state)
        case NumberState():
            return NumberMeter.from_state(state)
        case RankingState():
            return RankingMeter.from_state(state)
        case EmbeddingState():
            return EmbeddingMeter.from_state(state)
        case TextState():
            return TextMeter.from_state(state)
        case DocumentState():
            return DocumentMeter.from_state(state, rules)
        case _:
            assert_never(state)


def _selection(places: list[int]) -> slice | list[int]:
    """A slice selects without a copy."""
    first, behind = places[0], places[-1] + 1
    return slice(first, behind) if places == list(range(first, behind)) else places


def _tolerance(rule: FieldConfig) -> Tolerance:
    return Tolerance(rule.absolute, rule.relative)


def _labels(values: F64) -> list[str | None]:
    """A number is its own label; of a row of several the place of the largest is."""
    if values.shape[1] == 1:
        return [None if np.isnan(value) else _label(value) for value in values[:, 0].tolist()]
    known = np.where(np.isnan(values), -np.inf, values)
    return [str(place) for place in known.argmax(axis=1).tolist()]


def _label(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(value)


def _order(values: F64) -> list[list[int]]:
    """Places of the elements, largest first; of equals the first."""
    orders: list[list[int]] = np.argsort(-values, axis=1, kind="stable").tolist()
    return orders
