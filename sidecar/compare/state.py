"""What a checkpoint holds of a comparison of outputs: the layout, part by part.

Every part is written and read as MessagePack by `sidecar.mirror.state`, which also tells one version of the
layout from another. Reading checks types and ranges, so whoever goes on from a part need only see to it that
its parts fit each other. Texts, numbers and labels of answers are in it where nothing forbids it
(`sidecar.compare.redaction`).
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

from msgspec import Meta, Struct
from msgspec.structs import replace

Whole = Annotated[int, Meta(ge=0)]
Cells: TypeAlias = tuple[bytes, bytes]
"""From `sidecar.compare.cells`: places, and what is there."""


class ClassState(Struct, frozen=True, tag="class"):
    """Of a `ClassMeter`.

    Args:
        labels: those told apart, in the order in which they came.
        pairs: place of the primary's and the shadow's label, and how often; the places behind the last label
            stand for `__other__` and `__another__`.
    """

    labels: list[str]
    pairs: list[tuple[Whole, Whole, Whole]]


class NumberState(Struct, frozen=True, tag="number"):
    """Of a `NumberMeter`.

    Args:
        tolerance: absolute and relative.
        threshold: of a decision.
        rows, within, flips: counts.
        signed: exact sum of the errors, as floats that do not overlap.
        sizes: of errors, absolute, relative and in units in the last place.
        priorities: of the sample's pairs, unsigned, eight bytes each.
        pairs: the primary's and the shadow's number, float64, of each.
    """

    tolerance: tuple[float, float]
    threshold: float | None
    rows: Whole
    within: Whole
    flips: Whole
    signed: list[float]
    sizes: Cells
    priorities: bytes
    pairs: bytes


class RankingState(Struct, frozen=True, tag="ranking"):
    """Of a `RankingMeter`."""

    least: float
    top_k: Whole
    overlaps: Cells
    shared: Cells


class EmbeddingState(Struct, frozen=True, tag="embedding"):
    """Of an `EmbeddingMeter`."""

    least: float
    angles: Cells


class TextState(Struct, frozen=True, tag="text"):
    """Of a `TextMeter`."""

    rows: Whole
    same: Whole
    calls: Whole
    same_calls: Whole
    lengths: Cells
    overlaps: Cells
    divergences: Cells


class DocumentState(Struct, frozen=True, tag="document"):
    """Of a `DocumentMeter`.

    Args:
        documents, same: counts.
        places: path, reason, documents.
    """

    documents: Whole
    same: Whole
    places: list[tuple[str, str, Whole]]


MeterState: TypeAlias = ClassState | NumberState | RankingState | EmbeddingState | TextState | DocumentState


class OutputState(Struct, frozen=True):
    """Of one output: its name, its kind as it is told, and its meter."""

    name: str
    kind: str
    meter: MeterState


class OutputsState(Struct, frozen=True):
    """Of an `OutputComparison`."""

    outputs: list[OutputState]
    shapes_apart: Whole


class SegmentsState(Struct, frozen=True):
    """Of `Segments`, without their axes."""

    requests: Cells
    disagreements: Cells
    total: Whole
    total_disagreement: float


def hide_values(state: OutputsState) -> OutputsState:
    """What may be kept when all values are hidden."""
    kept = [without_values(output) for output in state.outputs]
    return OutputsState([output for output in kept if output is not None], state.shapes_apart)


def without_values(output: OutputState) -> OutputState | None:
    """What of an output may be kept whose values are hidden.

    Args:
        output: any.

    Returns:
        Numbers without their sample, so that their rank correlation begins anew; None of classes, which are
        values; all else as it is.
    """
    match output.meter:
        case ClassState():
            return None
        case NumberState():
            return replace(output, meter=replace(output.meter, priorities=b"", pairs=b""))
        case _:
            return output
