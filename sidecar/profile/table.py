"""A reference as a table, for people and for `--json`."""

from __future__ import annotations

import math
from typing import Any

from kernels.lanes import MISSING
from kernels.moments import deviation, mean
from kernels.quantile import approx_quantile
from sidecar.profile.reference import FeatureReference, Reference

COLUMNS = ("feature", "role", "kind", "rows", "missing", "mean", "sd", "min", "median", "max", "categories")


def reference_rows(reference: Reference) -> list[tuple[str, ...]]:
    """One row of text for each feature, under `COLUMNS`.

    Args:
        reference: any.

    Returns:
        Rows of as many texts as `COLUMNS`; "" where a column does not apply.
    """
    return [_row(feature) for feature in reference.features]


def reference_json(reference: Reference) -> dict[str, Any]:
    """All of a reference that is worth reading, as JSON.

    Args:
        reference: any.

    Returns:
        Numbers, texts, lists and None only; never NaN or an infinity.
    """
    return {
        "id": reference.id,
        "rows": reference.rows,
        "created_unix_s": reference.created_unix_s,
        "provenance": dict(reference.provenance),
        "features": [_feature(feature) for feature in reference.features],
    }


def summary(feature: FeatureReference) -> dict[str, float | None]:
    """Mean, deviation, extremes and median of a numeric feature.

    Args:
        feature: numeric.

    Returns:
        `mean`, `sd`, `min`, `median`, `max`; None where there are no values or a sum has overflowed.
    """
    low, high = feature.extremes.tolist()
    return {
        "mean": finite(mean(feature.sums, feature.pivot, feature.unit)),
        "sd": finite(deviation(feature.sums, feature.unit)),
        "min": finite(low),
        "median": finite(approx_quantile(feature.edges, feature.cells, low, high, 0.5)),
        "max": finite(high),
    }


def finite(value: float) -> float | None:
    """A number that JSON can hold.

    Args:
        value: any.

    Returns:
        The value, None instead of NaN and the infinities.
    """
    return float(value) if math.isfinite(value) else None


def _row(feature: FeatureReference) -> tuple[str, ...]:
    missing = f"{_missing_ratio(feature):.2%}"
    head = (feature.spec.name, feature.spec.role, feature.spec.kind, f"{feature.rows:,}", missing)
    if feature.spec.kind == "categorical":
        ranked = sorted(zip(feature.cells[1:].tolist(), feature.categories, strict=True), reverse=True)
        top = ", ".join(f"{text} {count / max(1, feature.present):.0%}" for count, text in ranked[:3])
        return (*head, "", "", "", "", "", f"{len(feature.categories)}: {top}")
    texts = ["" if value is None else f"{value:.4g}" for value in summary(feature).values()]
    return (*head, *texts, "")


def _missing_ratio(feature: FeatureReference) -> float:
    return int(feature.counts[MISSING]) / feature.rows if feature.rows else 0.0


def _feature(feature: FeatureReference) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "name": feature.spec.name,
        "role": feature.spec.role,
        "kind": feature.spec.kind,
        "rows": feature.rows,
        "missing_ratio": _missing_ratio(feature),
        "cells": feature.cells.tolist(),
    }
    if feature.spec.kind == "categorical":
        return {**fields, "categories": list(feature.categories)}
    return {**fields, "edges": feature.edges.tolist(), **summary(feature)}
