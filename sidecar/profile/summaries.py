"""What a reference says of columns besides their lanes: the schema, free texts, arrays.

Three parts of a reference file, each msgpack of plain numbers and texts: `schema`, `texts`, `embeddings`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from kernels.distinct import N_NEG_INF, N_POS_INF
from sidecar.errors import BadReference
from sidecar.profile.damage import decode_part, refusing
from sidecar.profile.edges import SHARES
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.partial import PartialReference
from sidecar.profile.vocabulary import CATEGORY_LIMIT, TEXT_LIMIT

SCHEMA, TEXTS, EMBEDDINGS = "schema", "texts", "embeddings"
FORMAT = 1
FREE_TEXT_DISTINCT = 1024  # from so many different texts on, a column whose commonest 64 are few is free text
FREE_TEXT_SHARE = 0.5
FREE_TEXT_CHARACTERS = 64  # texts of this mean length are nobody's category


def is_categorical(partial: PartialReference, name: str) -> bool:
    """Whether a column is counted by its texts.

    Args:
        partial: with all rows.
        name: of the column.
    """
    return partial.tallies[name].n_texts > 0 or name in partial.plan.categorical


def is_free_text(partial: PartialReference, name: str, found: Mapping[str, int]) -> bool:
    """Whether a column of texts has no categories worth the name.

    Args:
        partial: with all rows.
        name: of the column.
        found: how often each text occurs.

    Returns:
        True if its texts are long, or so many that the commonest 64 are less than half of all.
    """
    tally = partial.tallies[name]
    if tally.written and mean_length(partial, name) >= FREE_TEXT_CHARACTERS:
        return True
    commonest = sum(sorted(found.values(), reverse=True)[:CATEGORY_LIMIT])
    return len(found) > FREE_TEXT_DISTINCT and commonest < FREE_TEXT_SHARE * sum(found.values())


def mean_length(partial: PartialReference, name: str) -> float:
    """Characters of a text on average.

    Args:
        partial: with all rows.
        name: of a column that has texts.
    """
    tally = partial.tallies[name]
    return int(tally.classes.sum()) / max(1, tally.written)


def schema_part(partial: PartialReference, specs: Sequence[FeatureSpec], counted: Mapping[str, int]) -> bytes:
    """What every column was.

    Args:
        partial: settled.
        specs: the features.
        counted: rows that each feature was counted in.

    Returns:
        The part `schema`.
    """
    features = {spec.name: spec for spec in specs}
    apart = {partial.plan.label: "label", partial.plan.time: "time", partial.plan.segment: "segment"}
    columns = []
    for name in sorted(partial.tallies, key=lambda name: (partial.tallies[name].position, name)):
        tally, spec = partial.tallies[name], features.get(name)
        kind = (
            "embedding" if tally.dimensions else "categorical" if is_categorical(partial, name) else "numeric"
        )
        low, high = tally.extremes.tolist()
        distinct, exact = _distinct(partial, name)
        columns.append(
            {
                "name": name,
                "role": spec.role if spec is not None else apart.get(name, "embedding"),
                "kind": kind,
                "present": tally.present,
                "missing": partial.rows - tally.present,
                "pos_inf": int(tally.kinds[N_POS_INF]),
                "neg_inf": int(tally.kinds[N_NEG_INF]),
                "min": low if low <= high and kind == "numeric" else None,
                "max": high if low <= high and kind == "numeric" else None,
                "distinct": None if tally.dimensions else distinct,
                "distinct_exact": exact,
                "counted_rows": counted.get(name, 0),
            }
        )
    return _packed(rows=partial.rows, sample_rows=partial.sample.size, columns=columns)


def texts_part(partial: PartialReference, free: Sequence[str]) -> bytes:
    """What texts looked like that are no categories.

    Args:
        partial: settled.
        free: names of such columns.

    Returns:
        The part `texts`.
    """
    columns = {}
    for name in free:
        tally = partial.tallies[name]
        distinct, exact = _distinct(partial, name)
        columns[name] = {
            "present": tally.present,
            "missing": partial.rows - tally.present,
            "empty": int(tally.lengths[0]),
            "lengths": tally.lengths.tolist(),
            "characters": tally.classes.tolist(),
            "distinct": distinct,
            "distinct_exact": exact,
        }
    return _packed(columns=columns)


def embeddings_part(partial: PartialReference) -> bytes | None:
    """What arrays looked like.

    Args:
        partial: settled.

    Returns:
        The part `embeddings`; None if no column holds arrays.
    """
    columns = {}
    for name, tally in sorted(partial.tallies.items()):
        if not tally.dimensions:
            continue
        norms = partial.sample.columns[name].numbers[: partial.sample.size]
        finite = norms[np.isfinite(norms)]
        columns[name] = {
            "dimensions": [list(pair) for pair in sorted(tally.dimensions.items())],
            "missing": partial.rows - sum(tally.dimensions.values()),
            "sample_rows": int(finite.size),
            "shares": list(SHARES),
            "norms": np.quantile(finite, SHARES, method="inverted_cdf").tolist() if finite.size else [],
        }
    return _packed(columns=columns) if columns else None


def unpack_summary(part: bytes, name: str) -> dict[str, Any]:
    """One of the three parts.

    Args:
        part: of a reference.
        name: of the part.

    Returns:
        Its fields but `format`.

    Raises:
        BadReference: "schema: expected format 1, got 2"; likewise for other damage.
    """
    with refusing(BadReference, name, "its fields"):
        fields = decode_part(part, name, FORMAT)
        return {key: value for key, value in fields.items() if key != "format"}


def _packed(**fields: Any) -> bytes:
    return msgspec.msgpack.encode({"format": FORMAT, **fields})


def _distinct(partial: PartialReference, name: str) -> tuple[int, bool]:
    """Different values, and whether that is exact.

    Numbers are counted as numbers, however they were written, and in the sample when it holds all rows, so
    that the format of a file makes no difference.
    """
    tally = partial.tallies[name]
    column = partial.sample.columns.get(name)
    if partial.is_complete and column is not None and not is_categorical(partial, name):
        numbers = column.numbers[: partial.sample.size]
        return int(np.unique(numbers[~np.isnan(numbers)]).size), True
    if not tally.distinct.complete:
        return round(tally.distinct.estimate()), False
    texts = {text for text, _ in tally.distinct.entries()}
    if is_categorical(partial, name):
        return len(texts), all(len(text) < TEXT_LIMIT for text in texts)
    return len(set(map(float, texts))), True
