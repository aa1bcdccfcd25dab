"""Effect sizes of one feature: how far the current window lies from the reference.

None of them is an alarm: each comes with what noise alone would give. `Comparison` prepares what depends on
the reference only and then measures window after window.

PSI and JS use coarse bins. PSI's null law, (1/n + 1/m) times chi-square with B - 1 degrees of freedom
(Yurdakul 2018), holds from about 20 rows a bin on, so neighbouring cells are joined until each bin holds a
share of 20 / min_rows of the reference (deciles at 200 rows, never finer than 20 bins); an atom larger than
that is a bin of its own. KS and Wasserstein use the fine cells. Missing values are no bin: they have a ratio
of their own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from kernels import distance, divergence
from kernels.binning import F64, I64
from kernels.lanes import FIRST_CELL, MISSING, NEG_INF, POS_INF
from kernels.quantile import approx_quantile
from sidecar.drift.chi_square import chi_square_quantile
from sidecar.errors import ShapeMismatch
from sidecar.profile.reference import FeatureReference

PSEUDO_COUNT = 0.5
CRITICAL_SHARE = 0.99  # psi_critical is exceeded in one of a hundred windows without drift
ROWS_A_BIN = 20
FINEST_SHARE = 0.05
SMALL_BIN = (
    0.25  # what is left beside an atom or at the end may be a bin of this part of the rows: 5, Cochran's rule
)
CLIP = 0.01  # Wasserstein looks between these two quantiles of the reference, so outliers do not stretch it


@dataclass(frozen=True, slots=True)
class Effects:
    """Effect sizes of one window; None where there is too little to say.

    Args:
        psi: population stability index over the coarse bins, nats; None, as the next three, when there is
            only one bin.
        psi_debiased: psi less its mean without drift; about 0 without drift.
        psi_critical: psi exceeds this in 1 % of windows without drift.
        js_distance: square root of the Jensen-Shannon divergence (base 2) over the coarse bins, 0 to 1.
        ks: largest difference of the distribution functions, 0 to 1; None for categories.
        wasserstein: area between the distribution functions in reference interquartile ranges; None for
            categories.
    """

    psi: float | None = None
    psi_debiased: float | None = None
    psi_critical: float | None = None
    js_distance: float | None = None
    ks: float | None = None
    wasserstein: float | None = None


NO_EFFECTS = Effects()


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
    return (bins - 1) * scale, scale * chi_square_quantile(CRITICAL_SHARE, bins - 1)


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
        min_rows: fewest rows that a window must hold for its numbers to mean anything.
    """

    def __init__(self, feature: FeatureReference, min_rows: int) -> None:
        self._feature = feature
        self._min_rows = min_rows
        self._cells = present_cells(feature.counts)
        self._present = int(self._cells.sum())
        self._ordered = feature.spec.kind == "numeric"
        share = min(max(FINEST_SHARE, ROWS_A_BIN / min_rows), 0.5)
        self._order, self._starts = _coarse_bins(self._cells, self._ordered, share)
        self._bins = self._coarse(self._cells)
        self._clip = _clip_edges(self._cells) if self._ordered else (0, 0)
        self._spread = _spread(feature, self._clip) if self._ordered else 0.0

    @property
    def n_bins(self) -> int:
        return int(self._bins.size)

    def measure(self, lanes: I64) -> Effects:
        """Effect sizes of a window.

        Args:
            lanes: the feature's counts in the window, shape (at least the reference's lanes,), int64.

        Returns:
            All None when window or reference hold too few present values.
        """
        cells = present_cells(lanes[: self._feature.counts.size])
        present = int(cells.sum())
        if present < self._min_rows or self._present == 0:
            return NO_EFFECTS
        ordered = distance.ks(self._cells, cells) if self._ordered else None
        if self.n_bins < 2:
            return Effects(ks=ordered, wasserstein=self._area(cells))  # one bin cannot differ from itself
        coarse = self._coarse(cells)
        index = divergence.psi(self._bins, coarse, PSEUDO_COUNT)
        mean, critical = psi_noise(self.n_bins, self._present, present)
        return Effects(
            psi=index,
            psi_debiased=index - mean,
            psi_critical=critical,
            js_distance=math.sqrt(divergence.js_divergence(self._bins, coarse)),
            ks=ordered,
            wasserstein=self._area(cells),
        )

    def _area(self, cells: I64) -> float | None:
        if not self._ordered or self._spread <= 0.0:
            return None
        return distance.wasserstein(self._feature.edges, self._cells, cells, *self._clip) / self._spread

    def _coarse(self, cells: I64) -> I64:
        joined: I64 = np.add.reduceat(cells[self._order], self._starts)
        return joined


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


def _coarse_bins(cells: I64, ordered: bool, share: float) -> tuple[I64, I64]:
    """Order of the cells and where each coarse bin starts, so that each holds at least the share."""
    order = np.arange(cells.size) if ordered else np.argsort(-cells, kind="stable")
    least = max(share * float(cells.sum()) * (1.0 - 1e-9), 1.0)
    starts = [0]
    held = 0.0
    for place, count in enumerate(cells[order].tolist()):
        if held >= least or (count >= least and held >= least * SMALL_BIN):
            starts.append(place)
            held = 0.0
        held += count
    if held < least * SMALL_BIN and len(starts) > 1:
        starts.pop()  # the rest is too small for a bin of its own
    return order.astype(np.int64), np.array(starts, dtype=np.int64)


def _clip_edges(cells: I64) -> tuple[int, int]:
    """The edges nearest to the 1 % and the 99 % quantile from inside."""
    if cells.size < 2 or cells.sum() == 0:
        return 0, 0
    below = np.cumsum(cells)[:-1] / float(cells.sum())
    first = int(np.searchsorted(below, CLIP * 0.9))
    last = int(np.searchsorted(below, 1.0 - CLIP * 0.9, side="right")) - 1
    if first >= last:
        return 0, below.size - 1
    return first, last


def _spread(feature: FeatureReference, clip: tuple[int, int]) -> float:
    """The interquartile range, or the clipped range where half of the values are one."""
    if feature.edges.size == 0:
        return 0.0
    low, high = feature.extremes.tolist()
    quartiles = [approx_quantile(feature.edges, feature.cells, low, high, share) for share in (0.25, 0.75)]
    width = quartiles[1] - quartiles[0]
    whole = float(feature.edges[clip[1]]) - float(feature.edges[clip[0]])
    return width if width > 1e-9 * whole else whole


def _check(name: str, reference: I64, current: I64) -> None:
    if reference.shape != current.shape:
        raise ShapeMismatch(f"{name}: reference has {reference.size} bins, current has {current.size}")


def _counts(values: I64) -> I64:
    return np.ascontiguousarray(values, dtype=np.int64)
