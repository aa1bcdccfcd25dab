"""A partial reference made into a reference.

What is counted of what:

* Categories are counted in all rows, as long as a column has no more different values than are kept of it. A
  column with more is counted in the sample, where whatever is frequent is found.
* Numbers are counted in the sampled rows, and so are missing values beside them: all rows, if the sample
holds
  all. A feature's `counts` add up to the rows they were counted in, which is the m that bands are made with.
* Smallest and largest are of all rows always.
* What needs edges, time or labels (design effects, hours, segments, calibration) is made from the sampled
rows.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kernels.binning import I64
from kernels.lanes import FIRST_CELL, MISSING
from kernels.moments import SUMS, fill_sums
from sidecar.errors import BadReference
from sidecar.payload.columns import Kind
from sidecar.profile.codec import seal
from sidecar.profile.feature import FeatureSpec, Role
from sidecar.profile.finish_parts import make_parts
from sidecar.profile.learning import blank_references
from sidecar.profile.partial import PartialReference, check_sources
from sidecar.profile.placing import lanes_of
from sidecar.profile.provenance import provenance_of
from sidecar.profile.reference import FeatureReference, Reference
from sidecar.profile.summaries import is_categorical, is_free_text
from sidecar.profile.vocabulary import CATEGORY_LIMIT


def finish(partial: PartialReference, *, created_unix_s: float) -> Reference:
    """The reference of all rows taken in.

    Args:
        partial: of all of them; settled.
        created_unix_s: time of making; not part of the id.

    Returns:
        The reference.

    Raises:
        BadReference: "b.csv: expected a column 'age', got none"; "a.csv: expected at least one row, got
            none"; and what the parts that were asked for refuse.
    """
    partial.settle()
    _check(partial)
    features = tuple(_feature(partial, spec) for spec in feature_specs(partial))
    return seal(
        partial.rows,
        features,
        created_unix_s=created_unix_s,
        provenance=provenance_of(partial),
        parts=make_parts(partial, features),
    )


def feature_specs(partial: PartialReference) -> list[FeatureSpec]:
    """Which columns are features, and of what kind, in the order asked for or else in that of the files.

    Args:
        partial: with all rows.

    Returns:
        One for each column that is neither label nor time nor holds arrays.
    """
    plan, tallies = partial.plan, partial.tallies
    by_place = sorted(tallies, key=lambda name: (tallies[name].position, name))
    order = by_place if plan.columns is None else list(dict.fromkeys([*plan.named]))
    outputs = {plan.prediction, plan.score}
    specs: list[FeatureSpec] = []
    for name in order:
        if name in plan.apart or tallies[name].dimensions:
            continue
        kind: Kind = "categorical" if is_categorical(partial, name) else "numeric"
        role: Role = "output" if name in outputs else "input"
        specs.append(FeatureSpec(name, role, kind))
    return specs


def _check(partial: PartialReference) -> None:
    """Every file has every column, and no row is there twice."""
    check_sources(partial.sources)
    sources = [source for source in partial.sources if source.rows]
    if not sources:
        names = ", ".join(source.name for source in partial.sources)
        raise BadReference(f"{names or 'merge'}: expected at least one row, got none")
    wanted = list(partial.plan.named)
    if partial.plan.columns is None:
        wanted = list(dict.fromkeys([*wanted, *sorted(partial.tallies)]))
    for name in partial.plan.categorical:
        if name not in wanted:
            raise BadReference(f"--categorical: expected columns that are taken, got {name!r}")
    for source in sources:
        for name in wanted:
            if name not in source.columns:
                raise BadReference(f"{source.name}: expected a column {name!r}, got none")
    for name, tally in partial.tallies.items():
        if tally.dimensions and tally.present > sum(tally.dimensions.values()):
            raise BadReference(f"{name!r}: expected arrays in all files, got other values too")


def _feature(partial: PartialReference, spec: FeatureSpec) -> FeatureReference:
    if spec.kind == "categorical":
        return _categorical(partial, spec)
    column = partial.sample.columns.get(spec.name)
    size = partial.sample.size
    values = column.numbers[:size] if column is not None else np.full(1, np.nan)
    (blank,) = blank_references([spec], values[:, None], [()])
    lanes = lanes_of(blank, column, size)
    sums = np.zeros(SUMS, dtype=np.int64)
    fill_sums(np.ascontiguousarray(values), blank.pivot, blank.unit, sums)
    return replace(
        blank,
        counts=np.bincount(lanes, minlength=blank.counts.size).astype(np.int64),
        sums=sums,
        extremes=partial.tallies[spec.name].extremes.copy(),
    )


def _categorical(partial: PartialReference, spec: FeatureSpec) -> FeatureReference:
    found, rows = category_counts(partial, spec.name)
    present = sum(found.values())
    texts = () if is_free_text(partial, spec.name, found) else _top(found)
    (blank,) = blank_references([spec], np.full((1, 1), np.nan), [texts])
    counts: I64 = blank.counts.copy()
    counts[MISSING] = rows - present
    counts[FIRST_CELL + 1 :] = [found[text] for text in texts]
    counts[FIRST_CELL] = present - int(counts[FIRST_CELL + 1 :].sum())
    sums = np.zeros(SUMS, dtype=np.int64)
    sums[0] = present
    return replace(blank, counts=counts, sums=sums)


def category_counts(partial: PartialReference, name: str) -> tuple[dict[str, int], int]:
    """How often each text of a column occurs.

    Args:
        partial: settled.
        name: of the column.

    Returns:
        The counts, and the rows they were counted in: all, or those of the sample.
    """
    tally = partial.tallies[name]
    if tally.distinct.complete:
        found: dict[str, int] = {}
        for text, count in tally.distinct.entries():
            found[text] = found.get(text, 0) + count
        return found, partial.rows
    column = partial.sample.columns.get(name)
    return ({} if column is None else column.occurrences(partial.sample.size)), partial.sample.size


def _top(found: dict[str, int]) -> tuple[str, ...]:
    """The most frequent texts; equals in the order of the alphabet, whatever the order of the rows."""
    ranked = sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple(text for text, _ in ranked[:CATEGORY_LIMIT])
