"""Effect sizes of one feature: how far the current window lies from the reference.

None of them is an alarm: each comes with what noise alone would give. `Comparison` prepares what depends on
the reference only and then measures window after window.

PSI, JS, Hellinger, chi-square and Cramer's V use coarse bins (sidecar.drift.bins); KS and Wasserstein, and
for categories the largest change of a share, the cells themselves. Missing values and type errors are no bin:
they have shares of their own.
"""

from __future__ import annotations

import math

import numpy as np

from kernels import effect
from kernels.binning import F64, I64
from kernels.effect import measure_lanes
from kernels.lanes import FIRST_CELL, MISSING, NEG_INF, POS_INF
from kernels.shift import limited_moments
from sidecar.drift.area import NO_AREA, area_noise
from sidecar.drift.bins import cell_widths, clip_edges, kurtosis, moment_scale, reading_plan, typical_spread
from sidecar.drift.effects import STATISTICS, Effects
from sidecar.drift.measured import Measured
from sidecar.drift.noise import Noise, Window
from sidecar.drift.noise import psi_noise as psi_noise  # re-exported
from sidecar.errors import ShapeMismatch
from sidecar.profile.reference import FeatureReference

PSEUDO_COUNT = 0.5


class Comparison:
    """One feature's reference, ready to be compared with windows.

    Args:
        feature: its reference.
        min_rows: fewest rows that a window must hold for numbers over bins to mean anything.
        design_effect: phi >= 1: rows that count as one where rows depend on each other.
    """

    def __init__(self, feature: FeatureReference, min_rows: int, design_effect: float = 1.0) -> None:
        ordered = feature.spec.kind == "numeric"
        cells = present_cells(feature.counts)
        clip = clip_edges(cells) if ordered else (0, 0)
        self._reference = _counts(feature.counts)
        self._plan = reading_plan(cells, ordered, min_rows)
        self._pseudo_count = PSEUDO_COUNT * design_effect  # half of a row that counts
        self._spread = typical_spread(feature, clip) if ordered else 0.0
        measurable = self._spread > 0.0
        self._widths = cell_widths(feature.edges, clip) if measurable else np.zeros(cells.size)
        self._scale = moment_scale(feature)
        self._noise = self._reference_noise(feature, cells, min_rows, design_effect)

    @property
    def n_bins(self) -> int:
        return self._noise.bins

    def measure(self, lanes: I64, sums: I64 | None = None, extremes: F64 | None = None) -> Effects:
        """Effect sizes of a window.

        Args:
            lanes: the feature's counts in the window, shape (at least the reference's lanes,), int64.
            sums: its sums about the reference's pivot, shape (4,), int64; without them mean and deviation are
                not compared.
            extremes: its smallest and largest value, shape (2,), float64; with `sums`.

        Returns:
            None for what window or reference hold too few present values for.

        Raises:
            ShapeMismatch: "comparison: expected at least 24 lanes, got 20".
        """
        here = _counts(lanes[: self._reference.size])
        if here.size < self._reference.size:
            raise ShapeMismatch(
                f"comparison: expected at least {self._reference.size} lanes, got {here.size}"
            )
        sizes, moments = np.empty(effect.SIZES), np.zeros(3)
        measure_lanes(self._reference, here, self._plan, self._widths, self._pseudo_count, sizes)
        if sums is not None and extremes is not None and self._noise.ordered:
            limited_moments(sums, extremes, self._scale, moments)
        window = Window(self._noise, self._spread, sizes, moments)
        found = Measured(window, here, self._reference)
        index = found.value("psi")
        mean, critical = (None, None) if index is None else window.psi_noise()
        return Effects(
            psi=index,
            psi_debiased=None if index is None or mean is None else index - mean,
            psi_critical=critical,
            basis=found,
            **{name: found.value(name) for name in STATISTICS[1:]},
        )

    def _reference_noise(
        self, feature: FeatureReference, cells: I64, min_rows: int, design_effect: float
    ) -> Noise:
        present = max(int(cells.sum()), 1)
        shares = cells / present
        smooth = (cells + PSEUDO_COUNT) / (present + 2.0 * PSEUDO_COUNT)  # no cell is without noise
        moments = np.zeros(3)
        area = NO_AREA
        spread_of_squares = math.nan
        if feature.spec.kind == "numeric":
            limited_moments(feature.sums, feature.extremes, self._scale, moments)
            low, high = self._scale[2:].tolist()
            spread_of_squares = kurtosis(feature, (low, high))
            if self._spread > 0.0:
                area = area_noise(np.cumsum(shares)[:-1], self._widths / self._spread)
        return Noise(
            ordered=feature.spec.kind == "numeric",
            bins=int(self._plan[1].sum()),
            cells=cells.size,
            design_effect=design_effect,
            least_binned=min_rows,
            largest_variance=float((smooth * (1.0 - smooth)).max()),
            area=area,
            kurtosis=spread_of_squares,
            moments=moments,
        )


def present_cells(lanes: I64) -> I64:
    """Counts of the present values in order, the infinities being in the outermost cells.

    Args:
        lanes: one feature's lanes (kernels.lanes), int64.

    Returns:
        Shape (lanes - FIRST_CELL,), a copy.
    """
    cells = lanes[FIRST_CELL:].copy()
    cells[0] += lanes[NEG_INF]
    cells[-1] += lanes[POS_INF]
    return cells


def missing_ratio(lanes: I64) -> float | None:
    """Share of missing values.

    Args:
        lanes: one feature's lanes, int64.

    Returns:
        0 to 1; None without rows.
    """
    rows = int(lanes.sum())
    return int(lanes[MISSING]) / rows if rows else None


def _counts(values: I64) -> I64:
    return np.ascontiguousarray(values, dtype=np.int64)
