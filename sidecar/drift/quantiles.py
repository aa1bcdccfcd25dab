"""Quantiles of a window: by the cells of the reference within its edges, by the sketch beyond them.

Within the outermost edges the cells are the finer of the two, and exact at the edges. Beyond them a cell ends
only with the window's extreme, which one wild value sets; there the sketch tells where the values lie.
"""

from __future__ import annotations

from collections.abc import Sequence

from kernels.binning import F64, I64
from kernels.quantile import approx_quantile
from kernels.sketch import sketch_quantile
from sidecar.profile.pane import Pane
from sidecar.profile.reference import FeatureReference
from sidecar.profile.table import finite

REACH = (0.001, 0.999)
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


def quantiles_of(
    feature: FeatureReference, cells: I64, extremes: F64, sketch: I64
) -> dict[str, float | None]:
    """Quantiles of one feature.

    Args:
        feature: numeric; its edges, pivot and unit.
        cells: counts, shape (E + 1,), int64, C order.
        extremes: smallest and largest value counted, shape (2,), float64.
        sketch: of the same values, shape (CELLS,), int64; (0,) where there is none.

    Returns:
        `{"0.01": ..., "0.5": ...}` for each of `QUANTILES`; None without values.
    """
    return {f"{share:g}": finite(_quantile(feature, cells, extremes, sketch, share)) for share in QUANTILES}


def reach_of(window: Pane, features: Sequence[FeatureReference | None]) -> F64:
    """Between which values a window's rows lie, but for one in a thousand on either side.

    Args:
        window: sums of F features.
        features: for each its reference; None while that is being learnt.

    Returns:
        Shape (F, 2), float64: by the sketch where there is one, else the extremes.
    """
    reach = window.extremes.copy()
    for place, feature in enumerate(features):
        if feature is None or feature.spec.kind != "numeric" or not window.sketches[place].any():
            continue
        low, high = reach[place]
        sketch = window.sketches[place]
        for side, share in enumerate(REACH):
            value = sketch_quantile(sketch, feature.pivot, feature.unit, share)
            reach[place, side] = min(max(value, low), high)
    return reach


def _quantile(feature: FeatureReference, cells: I64, extremes: F64, sketch: I64, share: float) -> float:
    low, high = extremes.tolist()
    value = approx_quantile(feature.edges, cells, low, high, share)
    inside = feature.edges.size > 0 and feature.edges[0] <= value <= feature.edges[-1]
    if inside or not sketch.any():
        return value
    return float(min(max(sketch_quantile(sketch, feature.pivot, feature.unit, share), low), high))
