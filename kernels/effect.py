"""All effect sizes of one feature in one pass over its lanes.

A feature's cells are read in a fixed order and joined into bins on the way: divergences, whose noise grows
with the number of cells, are taken over the bins; distances of distribution functions, whose noise does not,
over the cells. The infinities count in the outermost cells; missing values and type errors are not looked at.

Every formula is that of `kernels.divergence`, `kernels.distance` and `kernels.contingency`; here they share
the sums, the shares and, where they can, the logarithms. Differences of shares are kept as c m - r n, so that
one division at the end serves a whole sum.
"""

from __future__ import annotations

import math

from kernels.binning import F64, I64
from kernels.jit import kernel
from kernels.lanes import FIRST_CELL, NEG_INF, POS_INF

REFERENCE_ROWS = 0  # m: present values
CURRENT_ROWS = 1  # n
BINS = 2  # bins that either side has a value in
PSI = 3
PSI_REFERENCE_VARIANCE = 4  # PSI's variance is this over m and the next over n, to the first order
PSI_CURRENT_VARIANCE = 5
KL = 6  # nats, of the current about the reference, with pseudo counts as PSI
JS = 7  # bits
HELLINGER = 8
TOTAL_VARIATION = 9
CHI_SQUARE = 10
G = 11
CRAMERS_V = 12
KS = 13  # over the cells in their order
AREA = 14  # between the distribution functions
SIGNED_AREA = 15  # current mean less reference mean, of the values clipped to the widths' ends
LARGEST = 16  # largest difference of one cell's share
LARGEST_CELL = 17  # the cell where it is
PSI_REFERENCE_SLOPE = 18  # means whose squares the two variances of PSI are taken about
PSI_CURRENT_SLOPE = 19
SIZES = 20


@kernel(inline=True)
def mean_absolute(left: float, right: float) -> float:
    """Mean of |y| along a straight line.

    Args:
        left: y at its begin.
        right: y at its end.

    Returns:
        The mean, >= 0.
    """
    if left * right >= 0.0:
        return 0.5 * abs(left + right)
    return 0.5 * (left * left + right * right) / (abs(left) + abs(right))


@kernel(inline=True)
def _present(lanes: I64, cells: int) -> int:
    total = lanes[POS_INF] + lanes[NEG_INF]
    for b in range(cells):
        total += lanes[FIRST_CELL + b]
    return int(total)


@kernel(inline=True)
def _add_bin(r: float, c: float, sizes: F64) -> None:
    """Adds one bin's part of what is taken over plain shares."""
    if r + c <= 0.0:
        return
    m = sizes[REFERENCE_ROWS]
    n = sizes[CURRENT_ROWS]
    q = r / m
    p = c / n
    both = r + c
    sizes[BINS] += 1.0
    root = math.sqrt(p) - math.sqrt(q)
    sizes[HELLINGER] += root * root
    sizes[TOTAL_VARIATION] += abs(p - q)
    difference = c * m - r * n
    sizes[CHI_SQUARE] += difference * difference / both
    pooled = both / (n + m)
    middle = 0.5 * (p + q)
    if p > 0.0:
        sizes[JS] += p * math.log(p / middle)
        sizes[G] += c * math.log(p / pooled)
    if q > 0.0:
        sizes[JS] += q * math.log(q / middle)
        sizes[G] += r * math.log(q / pooled)


@kernel(inline=True)
def _add_smoothed(q: float, p: float, sizes: F64) -> None:
    """Adds one bin's part of what is taken over smoothed shares."""
    ratio = p / q
    log_ratio = math.log(ratio)
    sizes[PSI] += (p - q) * log_ratio
    sizes[KL] += p * log_ratio
    by_current = log_ratio + 1.0 - 1.0 / ratio  # how PSI changes with p, and below with q
    by_reference = 1.0 - log_ratio - ratio
    sizes[PSI_CURRENT_VARIANCE] += p * by_current * by_current
    sizes[PSI_REFERENCE_VARIANCE] += q * by_reference * by_reference
    sizes[PSI_CURRENT_SLOPE] += p * by_current
    sizes[PSI_REFERENCE_SLOPE] += q * by_reference


@kernel("void(i8[::1], i8[::1], i8[:,::1], f8[::1], f8, f8[::1])")
def measure_lanes(
    reference: I64, current: I64, plan: I64, widths: F64, pseudo_count: float, sizes: F64
) -> None:
    """Every effect size of one feature.

    Args:
        reference: lanes (kernels.lanes), shape (at least B + 4,), int64.
        current: lanes over the same cells.
        plan: shape (2, B), int64: the order in which the B cells are read, ascending for numbers; and whether
            the cell read at a place is the last of its bin, 1 at the end.
        widths: of each cell, for the areas; 0 for a cell that they pass over; shape (B,), float64.
        pseudo_count: added to every bin on both sides for PSI and KL, > 0.
        sizes: shape (SIZES,), float64, overwritten; NaN from BINS on when either side has no value.

    Cost: about 1 us for 32 cells in 20 bins.
    """
    cells = plan.shape[1]
    for k in range(SIZES):
        sizes[k] = 0.0
    m = float(_present(reference, cells))
    n = float(_present(current, cells))
    sizes[REFERENCE_ROWS] = m
    sizes[CURRENT_ROWS] = n
    if m == 0.0 or n == 0.0:
        for k in range(BINS, SIZES):
            sizes[k] = math.nan
        return
    bins = 0
    for i in range(cells):
        bins += plan[1, i]
    smooth_m = m + pseudo_count * bins
    smooth_n = n + pseudo_count * bins
    r = 0.0
    c = 0.0
    gap = 0.0  # current less reference below the cell, times m n
    area = 0.0
    signed = 0.0
    for i in range(cells):
        b = plan[0, i]
        here_r = float(reference[FIRST_CELL + b])
        here_c = float(current[FIRST_CELL + b])
        if b == 0:
            here_r += float(reference[NEG_INF])
            here_c += float(current[NEG_INF])
        if b == cells - 1:
            here_r += float(reference[POS_INF])
            here_c += float(current[POS_INF])
        difference = here_c * m - here_r * n
        if abs(difference) > sizes[LARGEST]:
            sizes[LARGEST] = abs(difference)
            sizes[LARGEST_CELL] = float(b)
        area += widths[b] * mean_absolute(gap, gap + difference)
        signed -= widths[b] * (gap + 0.5 * difference)
        gap += difference
        sizes[KS] = max(sizes[KS], abs(gap))
        r += here_r
        c += here_c
        if plan[1, i] != 0:
            _add_bin(r, c, sizes)
            _add_smoothed((r + pseudo_count) / smooth_m, (c + pseudo_count) / smooth_n, sizes)
            r = 0.0
            c = 0.0
    sizes[PSI_CURRENT_VARIANCE] -= sizes[PSI_CURRENT_SLOPE] * sizes[PSI_CURRENT_SLOPE]
    sizes[PSI_REFERENCE_VARIANCE] -= sizes[PSI_REFERENCE_SLOPE] * sizes[PSI_REFERENCE_SLOPE]
    sizes[JS] = min(max(0.5 * sizes[JS] / math.log(2.0), 0.0), 1.0)
    sizes[HELLINGER] = math.sqrt(min(0.5 * sizes[HELLINGER], 1.0))
    sizes[TOTAL_VARIATION] *= 0.5
    sizes[CHI_SQUARE] /= n * m
    sizes[G] = max(2.0 * sizes[G], 0.0)
    sizes[CRAMERS_V] = math.sqrt(sizes[CHI_SQUARE] / (n + m))
    sizes[KS] /= n * m
    sizes[LARGEST] /= n * m
    sizes[AREA] = area / (n * m)
    sizes[SIGNED_AREA] = signed / (n * m)
