"""The optional parts of a reference, made from a partial one and its features."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from kernels.binning import F64, I64
from sidecar.errors import BadReference
from sidecar.profile import calibration, design_effect, seasons, segments
from sidecar.profile.joint_reference import joint_parts
from sidecar.profile.partial import PartialReference
from sidecar.profile.placing import codes_of, grouped_lanes, lanes_of
from sidecar.profile.priority import row_order
from sidecar.profile.reference import FeatureReference
from sidecar.profile.summaries import (
    EMBEDDINGS,
    SCHEMA,
    TEXTS,
    embeddings_part,
    schema_part,
    texts_part,
)

PANE_ROWS = 200  # sampled rows a pane on average; below, panes are made longer
SEASON_WEEKS = 3  # from so many weeks on, panes are compared with panes of the same hour


def make_parts(partial: PartialReference, features: Sequence[FeatureReference]) -> dict[str, bytes]:
    """All parts that the plan asks for and the columns call for.

    Args:
        partial: settled.
        features: with their edges and categories.

    Returns:
        Packed, by name.

    Raises:
        BadReference: what the plan asks for cannot be had from the rows.
    """
    specs = [feature.spec for feature in features]
    counted = {feature.spec.name: feature.rows for feature in features}
    parts = {SCHEMA: schema_part(partial, specs, counted)}
    free = [
        feature.spec.name
        for feature in features
        if feature.spec.kind == "categorical" and not feature.categories and feature.present
    ]
    if free:
        parts[TEXTS] = texts_part(partial, free)
    arrays = embeddings_part(partial)
    if arrays is not None:
        parts[EMBEDDINGS] = arrays
    parts |= joint_parts(features, sampled_matrix(partial, features))
    plan = partial.plan
    if plan.time is not None:
        parts |= _time_parts(partial, features, _times(partial, plan.time))
    if plan.segment is not None:
        parts[segments.PART] = segments.pack_segments(_segments(partial, features, plan.segment))
    if plan.score is not None and plan.label is not None:
        made = _calibration(partial, plan.score, plan.label)
        parts[calibration.PART] = calibration.pack_calibration(made)
    return parts


def sampled_matrix(partial: PartialReference, features: Sequence[FeatureReference]) -> F64:
    """The sampled rows as the kernels take them, in an order that depends on what they hold alone.

    Args:
        partial: settled.
        features: F of them, with their categories.

    Returns:
        Shape (rows, F), float64, C order.
    """
    size = partial.sample.size
    matrix = np.empty((size, len(features)))
    for place, feature in enumerate(features):
        matrix[:, place] = codes_of(feature, partial.sample.columns.get(feature.spec.name), size)
    return np.ascontiguousarray(matrix[row_order(matrix)])


def _times(partial: PartialReference, name: str) -> F64:
    column = partial.sample.columns.get(name)
    times = np.empty(0) if column is None else column.numbers[: partial.sample.size]
    if not np.isfinite(times).any():
        raise BadReference(f"time {name!r}: expected times, got none")
    return times


def _time_parts(
    partial: PartialReference, features: Sequence[FeatureReference], times: F64
) -> dict[str, bytes]:
    known = np.isfinite(times)
    hours = np.full(times.size, -1, dtype=np.int64)
    hours[known] = (times[known] // seasons.HOUR_S + seasons.EPOCH_HOUR).astype(np.int64) % seasons.HOURS
    pane_s, panes, n_panes = _panes(times, known, partial.plan.pane_s)
    weeks = float(np.ptp(times[known])) / (seasons.HOUR_S * seasons.HOURS)
    by_hour = _first_of(panes, hours, n_panes) if weeks >= SEASON_WEEKS and pane_s <= seasons.HOUR_S else None
    thinning = partial.rows / max(1, partial.sample.size)
    effects: dict[str, float] = {}
    lanes_by_hour: list[I64] = []
    for feature in features:
        width = feature.counts.size
        lanes = lanes_of(feature, partial.sample.columns.get(feature.spec.name), times.size)
        if n_panes >= design_effect.LEAST_PANES:
            counts = grouped_lanes(lanes, width, panes, n_panes)
            seen = design_effect.design_effect(feature.spec, counts, by_hour)
            # of all n rows of a pane the excess is n c, c being their covariance; of a sampled share s, n s c
            effects[feature.spec.name] = 1.0 + (seen - 1.0) * thinning
        if partial.plan.hour_of_week:
            lanes_by_hour.append(grouped_lanes(lanes, width, hours, seasons.HOURS))
    parts: dict[str, bytes] = {}
    if effects:
        made = design_effect.DesignEffects(effects, n_panes, pane_s)
        parts[design_effect.PART] = design_effect.pack(made)
    if partial.plan.hour_of_week:
        widths = {feature.spec.name: feature.counts.size for feature in features}
        tally = seasons.SeasonTally(widths, np.concatenate(lanes_by_hour, axis=1))
        parts[seasons.PART] = seasons.pack(tally.seasons())
    return parts


def _panes(times: F64, known: NDArray[np.bool_], pane_s: float) -> tuple[float, I64, int]:
    """Length of the panes, the pane of each row (-1 without a time) and how many panes hold rows.

    Panes are doubled until they hold 200 sampled rows on average or only twice as many as needed are left.
    """
    while True:
        started = np.floor(times[known] / pane_s)
        different, places = np.unique(started, return_inverse=True)
        enough = places.size >= PANE_ROWS * different.size
        if enough or different.size < 4 * design_effect.LEAST_PANES:
            break
        pane_s *= 2.0
    panes = np.full(times.size, -1, dtype=np.int64)
    panes[known] = places
    return pane_s, panes, int(different.size)


def _first_of(panes: I64, hours: I64, n_panes: int) -> list[int]:
    """The hour of the week of each pane; panes are no longer than an hour."""
    hour = np.zeros(n_panes, dtype=np.int64)
    kept = panes >= 0
    np.maximum.at(hour, panes[kept], hours[kept])
    return [int(value) for value in hour]


def _segments(
    partial: PartialReference, features: Sequence[FeatureReference], name: str
) -> segments.Segments:
    size = partial.sample.size
    column = partial.sample.columns.get(name)
    found = {} if column is None else column.occurrences(size)
    if column is None or not found:
        raise BadReference(f"segment {name!r}: expected values, got none")
    ranked = sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))[: segments.SEGMENTS]
    values = tuple(text for text, _ in ranked)
    groups = column.coded(size, {text: place for place, text in enumerate(values)}, -1)
    lanes = {
        feature.spec.name: grouped_lanes(
            lanes_of(feature, partial.sample.columns.get(feature.spec.name), size),
            feature.counts.size,
            groups,
            len(values),
        )
        for feature in features
    }
    rows = np.array([count for _, count in ranked], dtype=np.int64)
    return segments.Segments(name, values, rows, lanes)


def _calibration(partial: PartialReference, score: str, label: str) -> calibration.ScoreCalibration:
    size = partial.sample.size
    scores, labels = partial.sample.columns.get(score), partial.sample.columns.get(label)
    if scores is None or scores.codes is not None:
        raise BadReference(f"score {score!r}: expected numbers, got {'none' if scores is None else 'text'}")
    if labels is None:
        raise BadReference(f"label {label!r}: expected two classes, got 0")
    classes = sorted(labels.occurrences(size))
    positive = calibration.positive_label(label, classes)
    coded = labels.coded(size, {positive: 1}, 0)
    truths = np.where(coded < 0, np.nan, coded.astype(np.float64))
    return calibration.calibrate(score, label, positive, scores.numbers[:size], truths)
