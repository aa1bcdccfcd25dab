"""A reference from files, in memory that does not grow with them.

Two passes. The first decides each column's kind, draws a uniform sample of rows (a reservoir; whole tables up to its
size) for the quantile edges, and counts categories. The second counts every row exactly by the same kernel that
counts traffic. A column that looked numeric until some late text turned up becomes categorical, and the first pass is
taken once more, since the texts of its earlier rows are gone by then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from kernels.binning import F64
from sidecar.errors import BadReference
from sidecar.payload.columns import Kind
from sidecar.profile.codec import seal
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.lanes import lane_table
from sidecar.profile.learning import blank_references, counted_references
from sidecar.profile.pane import Pane
from sidecar.profile.reference import Reference
from sidecar.profile.source import Block, Column, as_texts, read_blocks
from sidecar.profile.vocabulary import CATEGORY_LIMIT, OTHER

SAMPLE_VALUES = 4_000_000  # values kept for the edges: 32 MB
DISTINCT_LIMIT = 100_000  # categories counted in the first pass; further ones are `other`
SAMPLE_SEED = 13  # fixed: the same files give the same reference

Progress = Callable[[float, int], None]


@dataclass(slots=True)
class _Survey:
    """What the first pass finds."""

    kinds: dict[str, Kind]
    forced: frozenset[str]
    rows: int = 0
    numbers: dict[str, F64] = field(default_factory=dict)
    categories: dict[str, Counter[str]] = field(default_factory=dict)
    contradicted: set[str] = field(default_factory=set)


def build_reference(
    paths: Sequence[Path],
    *,
    created_unix_s: float,
    columns: Sequence[str] | None = None,
    prediction: str | None = None,
    label: str | None = None,
    kinds: Mapping[str, Kind] | None = None,
    progress: Progress | None = None,
) -> Reference:
    """A reference from tables.

    Args:
        paths: CSV, JSON Lines or Parquet files with the same columns; each is read twice.
        created_unix_s: time of making.
        columns: the inputs; all columns but prediction and label if left out.
        prediction: the column that holds the model's output.
        label: the column that holds the truth; it is no feature and is left out.
        kinds: forces the kind of some columns; others are numeric when every present value is a number.
        progress: told from time to time the share done (0 to 1) and the rows counted.

    Returns:
        The reference, with counts of every row.

    Raises:
        BadReference: "data.csv: expected a column 'age', got none"; "expected at least one row, got none"; and what
            `read_blocks` raises.
    """
    tell = progress or (lambda _share, _rows: None)
    names = _feature_names(paths, columns, prediction, label)
    survey = _survey(paths, names, kinds or {}, lambda share: tell(share * 0.5, 0))
    specs = [
        FeatureSpec(name, "output" if name == prediction else "input", survey.kinds[name]) for name in names
    ]
    vocabularies = [_top(survey.categories.get(name, Counter())) for name in names]
    sample = np.column_stack([survey.numbers.get(name, np.full(1, np.nan)) for name in names]) if (
        survey.numbers.keys() >= set(names)
    ) else _stacked(survey, names)
    blanks = blank_references(specs, sample, vocabularies)
    table = lane_table(specs, blanks)
    codes = [{text: code for code, text in enumerate(texts, 1)} for texts in vocabularies]
    pane = Pane.empty(0, 0, table.width, table.lanes)
    for share, path, block in _blocks(paths):
        matrix = np.empty((block.rows, len(specs)))
        for place, spec in enumerate(specs):
            matrix[:, place] = _encoded(_column(path, block, spec.name), spec.kind, codes[place])
        pane.fill(table, matrix)
        tell(0.5 + share * 0.5, pane.rows)
    provenance = {"files": ", ".join(path.name for path in paths), "prediction": prediction or ""}
    provenance["label"] = label or ""
    provenance["edges"] = "all rows" if sample.shape[0] >= survey.rows else f"{sample.shape[0]} sampled rows"
    features = counted_references(blanks, pane.counts, pane.moments)
    return seal(pane.rows, features, created_unix_s=created_unix_s, provenance=provenance)
