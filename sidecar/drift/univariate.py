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

from kernels import distance, divergence, effect
from kernels.binning import F64, I64
from kernels.effect import measure_lanes
from kernels.lanes import FIRST_CELL, MISSING, NEG_INF, POS_INF
from kernels.shift import limited_moments
from sidecar.drift.area import NO_AREA, area_noise
from sidecar.drift.bins import cell_widths, clip_edges, kurtosis, moment_scale, reading_plan, typical_spread
from sidecar.drift.chi_square import chi_square_quantile
from sidecar.drift.effects import STATISTICS, Effects
from sidecar.drift.intervals import RISK
from sidecar.drift.measured import Measured
from sidecar.drift.noise import Noise, Window
from sidecar.errors import ShapeMismatch
from sidecar.profile.reference import FeatureReference

PSEUDO_COUNT = 0.5


def psi(reference: I64, current: I64, *, pseudo_count: float = PSEUDO_COUNT) -> float:
    """Population stability index between two histograms over the same bins.

    Sum over bins of (p - q) ln(p / q), p and q being the shares of current and reference after the pseudo
    count.

    Args:
        reference: counts, shape (B,), int64, each >= 0.
        current: counts over the same bins.
        pseudo_count: added to every bin on both sides; with 0 a bin empty on one side only gives infinity.

    Returns:
        PSI in nats, >= 0; NaN when either side has no observation.

    Raises:
        ShapeMismatch: "psi: reference has 13 bins, current has 11".

    Source: divergence J of Kullback and Leibler (1951); the name PSI is from credit scoring.
    Worked example: counts 50/50 against 30/70 with pseudo_count=0 give 0.1695.
    """
    _check("psi", reference, current)
    return float(divergence.psi(_counts(reference), _counts(current), pseudo_count))


def psi_noise(bins: int, reference_rows: int, current_rows: int) -> tuple[float, float]:
    """What PSI is without drift: its mean and the value that it exceeds once in a hundred windows.

    Args:
        bins: B >= 1.
        reference_rows: m >= 1.
        current_rows: n >= 1.

    Returns:
        (B - 1) (1/n + 1/m), and (1/n + 1/m) times the 0.99 quantile of chi-square with B - 1 degrees of
        freedom.

    Source: Yurdakul (2018), Western Michigan University dissertation 3208.
    Worked example: 10 bins, 10,000 against 500 rows: mean 0.0189, critical 0.0455.
    """
    scale = 1.0 / reference_rows + 1.0 / current_rows
    if bins < 2:
        return 0.0, 0.0
    return (bins - 1) * scale, scale * chi_square_quantile(1.0 - RISK, bins - 1)


def js_distance(reference: I64, current: I64) -> float:
    """Jensen-Shannon distance, base 2, between two histograms over the same bins.

    Args:
        reference: counts, shape (B,), int64.
        current: counts over the same bins.

    Returns:
        0 (equal) to 1 (nothing in common); NaN when either side has no observation.

    Raises:
        ShapeMismatch: "js_distance: reference has 13 bins, current has 11".

    Source: Lin (1991), Endres and Schindelin (2003) for the square root.
    Worked example: counts 1/0/0 against 0/1/0 give 1.
    """
    _check("js_distance", reference, current)
    return math.sqrt(divergence.js_divergence(_counts(reference), _counts(current)))


def ks(reference: I64, current: I64) -> float:
    """Kolmogorov-Smirnov statistic between two histograms over the same ordered bins.

    Args:
        reference: counts in ascending order, shape (B,), int64.
        current: counts over the same bins.

    Returns:
        Largest difference of the distribution functions at the edges, 0 to 1; NaN when either side is empty.

    Raises:
        ShapeMismatch: "ks: reference has 13 bins, current has 11".

    Worked example: counts 50/50 against 30/70 give 0.2.
    """
    _check("ks", reference, current)
    return float(distance.ks(_counts(reference), _counts(current)))


def wasserstein(edges: F64, reference: I64, current: I64) -> float:
    """Wasserstein-1 distance between two histograms, in the feature's unit.

    Args:
        edges: ascending, shape (E,), float64, E >= 1.
        reference: counts, shape (E + 1,), int64, cells as in kernels.binning.
        current: counts over the same cells.

    Returns:
        The area between the two distribution functions from the first to the last edge, >= 0; NaN when either
        side is empty.

    Raises:
        ShapeMismatch: "wasserstein: reference has 13 bins, current has 11".

    Worked example: edges 0, 1, 2 and counts 0/1/0/0 against 0/0/1/0 give 1.
    """
    _check("wasserstein", reference, current)
    return float(distance.wasserstein(edges, _counts(reference), _counts(current), 0, edges.size - 1))


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
        self._widths = cell_widths(feature.edges, clip) if ordered else np.zeros(cells.size)
        self._spread = typical_spread(feature, clip) if ordered else 0.0
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
        """
        here = _counts(lanes[: self._reference.size])
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
            largest_variance=float((shares * (1.0 - shares)).max()),
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


def _check(name: str, reference: I64, current: I64) -> None:
    if reference.shape != current.shape:
        raise ShapeMismatch(f"{name}: reference has {reference.size} bins, current has {current.size}")


def _counts(values: I64) -> I64:
    return np.ascontiguousarray(values, dtype=np.int64)
