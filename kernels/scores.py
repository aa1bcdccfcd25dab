"""Scores of a classifier: histograms by predicted class, primary beside shadow, and agreement of classes.

Bins divide [0, 1] evenly. Their number is a power of two, so that `score * bins` is exact and bin b holds
exactly the scores with b / bins <= score < (b + 1) / bins; 1 belongs to the last. The lanes of a histogram of
B bins are 0 (below 0), 1 + b, B + 1 (above 1) and B + 2 (NaN): B + 3 of them. All counts merge by addition.
"""

from __future__ import annotations

import math

from kernels.binning import F64, I64
from kernels.jit import kernel

EXTRA_LANES = 3  # under, over, NaN
JOINT_BINS = 32
AGREEMENT = 0
EXPECTED = 1
KAPPA = 2
KAPPA_DEVIATION = 3


@kernel(inline=True)
def _lane(score: float, bins: int) -> int:
    if math.isnan(score):
        return bins + 2
    if score < 0.0:
        return 0
    if score > 1.0:
        return bins + 1
    return 1 + min(int(score * bins), bins - 1)


@kernel("void(i8[::1], f8[::1], i8[:,::1])")
def fill_scores(classes: I64, scores: F64, counts: I64) -> None:
    """Counts scores by predicted class.

    Args:
        classes: predicted class of each row, shape (n,), int64.
        scores: shape (n,), float64.
        counts: shape (K + 1, B + 3), int64, B a power of two (256 to 1024 is usual), added to; row K holds
            every class that is not one of 0 to K - 1.

    Cost: about 1.5 ns a row.
    """
    last = counts.shape[0] - 1
    bins = counts.shape[1] - EXTRA_LANES
    for i in range(classes.shape[0]):
        row = classes[i] if 0 <= classes[i] < last else last
        counts[row, _lane(scores[i], bins)] += 1


@kernel("void(f8[::1], f8[::1], i8[:,::1])")
def fill_joint(primary: F64, shadow: F64, counts: I64) -> None:
    """Counts pairs of scores for the same request.

    Args:
        primary: shape (n,), float64.
        shadow: shape (n,), float64.
        counts: shape (B + 3, B + 3), int64, B = 32 usually, added to; the primary's lane first.

    Cost: about 2 ns a pair.
    """
    bins = counts.shape[0] - EXTRA_LANES
    for i in range(primary.shape[0]):
        counts[_lane(primary[i], bins), _lane(shadow[i], bins)] += 1


@kernel("void(i8[::1], i8[::1], i8[:,::1])")
def fill_confusion(primary: I64, shadow: I64, counts: I64) -> None:
    """Counts pairs of classes for the same request.

    Args:
        primary: shape (n,), int64.
        shadow: shape (n,), int64.
        counts: shape (K + 1, K + 1), int64, added to, the primary's class first; row and column K hold every
            class that is not one of 0 to K - 1.
    """
    last = counts.shape[0] - 1
    for i in range(primary.shape[0]):
        row = primary[i] if 0 <= primary[i] < last else last
        column = shadow[i] if 0 <= shadow[i] < last else last
        counts[row, column] += 1


@kernel()
def _kappa_spread(counts: I64, margins: I64, n: int, kappa: float) -> float:
    spread = 0.0
    for i in range(counts.shape[0]):
        for j in range(counts.shape[0]):
            both = (margins[1, i] + margins[0, j]) / n
            weight = 1.0 - both * (1.0 - kappa) if i == j else both * (1.0 - kappa)
            spread += counts[i, j] / n * weight * weight
    return spread


@kernel("void(i8[:,::1], i8[:,::1], f8[::1])")
def fill_agreement(counts: I64, margins: I64, agreement: F64) -> None:
    """Agreement of two raters from the table of their pairs.

    Args:
        counts: shape (K, K), int64, the first rater's class first.
        margins: scratch, shape (2, K), int64, overwritten: the pairs of each class, by rater.
        agreement: shape (4,), float64, overwritten: share of equal pairs; the share that chance alone gives
            with the same margins; Cohen's kappa; and its standard deviation. NaN where it has no value: all
            four without pairs, the last two when chance alone agrees always.

    Source: Cohen (1960); deviation by Fleiss, Cohen and Everitt (1969), not under the null of no agreement.
    Cost: O(K^2). Worked example: 45, 15 / 25, 15 give 0.6, 0.54 and 0.1304.
    """
    agreement[:] = math.nan
    margins[:] = 0
    n = 0
    for i in range(counts.shape[0]):
        for j in range(counts.shape[0]):
            margins[0, i] += counts[i, j]
            margins[1, j] += counts[i, j]
            n += counts[i, j]
    if n == 0:
        return
    observed = 0.0
    expected = 0.0
    for k in range(counts.shape[0]):
        observed += counts[k, k] / n
        expected += (margins[0, k] / n) * (margins[1, k] / n)
    agreement[AGREEMENT] = observed
    agreement[EXPECTED] = expected
    if expected < 1.0:
        kappa = (observed - expected) / (1.0 - expected)
        agreement[KAPPA] = kappa
        spread = _kappa_spread(counts, margins, n, kappa) - (kappa - expected * (1.0 - kappa)) ** 2
        agreement[KAPPA_DEVIATION] = math.sqrt(max(spread, 0.0) / n) / (1.0 - expected)


@kernel("f8(i8[:,::1], i8[:,::1], f8)")
def weighted_kappa(counts: I64, margins: I64, power: float) -> float:
    """Cohen's kappa with weights for how far apart two classes in an order are.

    1 - (sum of w observed) / (sum of w expected by chance), w = |i - j|^power.

    Args:
        counts: shape (K, K), int64, the first rater's class first; bins of a score will do.
        margins: as `fill_agreement` left them for these counts, shape (2, K), int64.
        power: 1 for linear weights, 2 for quadratic ones.

    Returns:
        At most 1; NaN without pairs, or when both raters know one class only.

    Source: Cohen (1968).
    """
    n = 0
    for i in range(counts.shape[0]):
        n += margins[0, i]
    observed = 0.0
    expected = 0.0
    for i in range(counts.shape[0]):
        for j in range(counts.shape[0]):
            weight = float(abs(i - j)) ** power
            observed += weight * counts[i, j]
            expected += weight * margins[0, i] * margins[1, j]
    return 1.0 - observed * n / expected if expected > 0.0 else math.nan
