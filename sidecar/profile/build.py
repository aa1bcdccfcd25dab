"""A reference from files, in memory that does not grow with them.

Two passes. The first (`sidecar.profile.survey`) finds each column's kind, its categories and a uniform sample
of its values for the quantile edges (all of them up to some hundred thousand rows). The second counts every
row exactly, by the same kernel that counts traffic.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from math import nan
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
from sidecar.profile.reference import FeatureReference, Reference
from sidecar.profile.source import Block, as_texts
from sidecar.profile.survey import Survey, survey_tables, table_blocks
from sidecar.profile.vocabulary import CATEGORY_LIMIT, OTHER

Progress = Callable[[float, int], None]


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
        progress: told now and then the share done (0 to 1) and the rows counted so far.

    Returns:
        The reference, with counts of every row.

    Raises:
        BadReference: "data.csv: expected a column 'age', got none"; "data.csv: expected at least one row, got
        none";
            and what `sidecar.profile.source.read_blocks` raises.
    """
    tell = progress or _tell_nobody
    wanted = None if columns is None else [*columns, *([prediction] if prediction else [])]
    survey = survey_tables(paths, wanted, kinds or {}, lambda share: tell(share / 2, 0))
    if survey.rows == 0:
        raise BadReference(f"{', '.join(map(str, paths))}: expected at least one row, got none")
    for name in (prediction, label):
        if name is not None and wanted is None and name not in survey.names:
            raise BadReference(f"{paths[0]}: expected a column {name!r}, got none")
    specs = _specs(survey, prediction, label)
    blanks = _blanks(survey, specs)
    pane = _count(paths, survey, blanks, lambda share, rows: tell(0.5 + share / 2, rows))
    features = counted_references(blanks, pane)
    provenance = {
        "files": ", ".join(path.name for path in paths),
        "prediction": prediction or "",
        "label": label or "",
    }
    return seal(pane.rows, features, created_unix_s=created_unix_s, provenance=provenance)


def _tell_nobody(_share: float, _rows: int) -> None:
    return


def _specs(survey: Survey, prediction: str | None, label: str | None) -> tuple[FeatureSpec, ...]:
    return tuple(
        FeatureSpec(
            name,
            "output" if name == prediction else "input",
            "categorical" if name in survey.categorical else "numeric",
        )
        for name in survey.names
        if name != label
    )


def _blanks(survey: Survey, specs: Sequence[FeatureSpec]) -> tuple[FeatureReference, ...]:
    nothing = np.full(1, nan)
    blanks: list[FeatureReference] = []
    for spec in specs:
        sample = survey.samples.get(spec.name, nothing) if spec.kind == "numeric" else nothing
        texts = _top(survey.categories.get(spec.name, Counter()))
        blanks += blank_references([spec], sample[:, None], [texts])
    return tuple(blanks)


def _top(texts: Counter[str]) -> tuple[str, ...]:
    """The most frequent texts; equals in the order of the alphabet, whatever the order of the rows."""
    ranked = sorted(texts.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple(text for text, _ in ranked[:CATEGORY_LIMIT])


def _count(
    paths: Sequence[Path],
    survey: Survey,
    blanks: Sequence[FeatureReference],
    tell: Progress,
) -> Pane:
    specs = [blank.spec for blank in blanks]
    codes = [{text: float(code) for code, text in enumerate(blank.categories, 1)} for blank in blanks]
    table = lane_table(specs, blanks)
    pane = Pane.empty(0, 0, table.width, table.lanes)
    for _, block in table_blocks(paths, survey.categorical, lambda share: tell(share, pane.rows)):
        pane.fill(table, _encoded(block, specs, codes))
    tell(1.0, pane.rows)
    return pane


def _encoded(block: Block, specs: Sequence[FeatureSpec], codes: Sequence[Mapping[str, float]]) -> F64:
    matrix = np.full((block.rows, len(specs)), nan)
    for place, spec in enumerate(specs):
        column = block.columns.get(spec.name)
        if column is None:
            continue  # JSON Lines: no row of this block has it
        if spec.kind == "categorical":
            code = codes[place].get
            matrix[:, place] = [
                nan if text is None else code(text, float(OTHER)) for text in as_texts(column)
            ]
        elif not isinstance(column, list):
            matrix[:, place] = column
    return matrix
