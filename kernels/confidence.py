"""Boundaries that a sum crosses with at most a given probability, however long and often one looks.

S is a sum of what was observed less what the null expects, V its accumulated variance ("intrinsic time"). If
exp(lambda S - psi(lambda) V) is a supermartingale for every lambda, so is its mixture M over a distribution
of lambda, and P(M ever >= 1 / alpha) <= alpha (Ville). A boundary is the S at which M = 1 / alpha.

* normal mixture: S sub-Gaussian (bounded or normal observations); two-sided, or one-sided with a half normal;
* gamma-exponential: S sub-exponential with scale c (empirical Bernstein); one-sided;
* beta-binomial: S of binary observations between -g and h; the sharpest for shares;
* polynomial stitching: closed form, grows like sqrt(V ln ln V), a little wider than the mixtures.

A mixture is tuned by rho: `best_rho` makes it tightest at one intrinsic time; it is valid at all of them.

Source: Howard, Ramdas, McAuliffe and Sekhon, "Time-uniform, nonparametric, nonasymptotic confidence
sequences", Annals of Statistics 49 (2021), propositions 5 to 9 and theorem 1; for quantiles Howard and Ramdas
(2022), theorems 1 and 5. Their names are kept in the docstrings where ours differ.
"""

from __future__ import annotations

import math

from kernels.binning import F64
from kernels.jit import kernel
from kernels.special import log_beta, log_beta_i, log_gamma_p, normal_cdf, zeta

STITCH_POWER = 1.4  # s of the papers: how fast the weights of later epochs fall
STITCH_SPACING = 2.0  # eta: an epoch is this many times as long as the one before
STITCH_GRID = 0.5  # delta of the double stitching: how finely quantiles are stepped through
BISECTIONS = 80
GOLDEN = 0.5 * (math.sqrt(5.0) - 1.0)


@kernel("f8(f8, f8, b1)")
def best_rho(variance: float, alpha: float, one_sided: bool) -> float:
    """The rho that makes a mixture tightest at one intrinsic time.

    Args:
        variance: that time, > 0.
        alpha: the level at which it is to be tight; 0 < alpha < 1, for one-sided < 1/2.
        one_sided: whether the mixture is one-sided.

    Returns:
        rho > 0.
    """
    level = 2.0 * alpha if one_sided else alpha
    weight = -2.0 * math.log(level)
    return variance / (weight + math.log1p(weight))


@kernel("f8(f8, f8, f8, b1)")
def normal_log_mixture(total: float, variance: float, rho: float, one_sided: bool) -> float:
    """Ln M of the normal mixture.

    Args:
        total: S.
        variance: V >= 0.
        rho: > 0.
        one_sided: whether only large S count.

    Returns:
        ln M.
    """
    wide = variance + rho
    square = total * total / (2.0 * wide)
    if one_sided:
        return 0.5 * math.log(4.0 * rho / wide) + square + math.log(normal_cdf(total / math.sqrt(wide)))
    return 0.5 * math.log(rho / wide) + square


@kernel("f8(f8, f8, f8, b1)")
def normal_bound(variance: float, alpha: float, rho: float, one_sided: bool) -> float:
    """Boundary of the normal mixture.

    Args:
        variance: V >= 0.
        alpha: probability of ever crossing, 0 < alpha < 1.
        rho: > 0.
        one_sided: False: |S| stays below; True: S does.

    Returns:
        The S at which M = 1 / alpha.
    """
    wide = variance + rho
    two_sided = math.sqrt(wide * (math.log1p(variance / rho) - 2.0 * math.log(alpha)))
    if not one_sided:
        return two_sided
    low = 0.0
    high = two_sided + math.sqrt(wide)  # M of the half normal is at least half of twice the other for S > 0
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        if normal_log_mixture(middle, variance, rho, True) < -math.log(alpha):
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


@kernel("f8(f8, f8, f8, f8)")
def gamma_exponential_log_mixture(total: float, variance: float, rho: float, scale: float) -> float:
    """Ln M of the gamma-exponential mixture.

    Args:
        total: S >= 0.
        variance: V >= 0.
        rho: > 0.
        scale: c > 0.

    Returns:
        ln M.
    """
    square = scale * scale
    start = rho / square
    grown = (variance + rho) / square
    moved = (scale * total + variance) / square
    leading = start * math.log(start) - math.lgamma(start) - log_gamma_p(start, start)
    tail = math.lgamma(grown) + log_gamma_p(grown, moved + start)
    return leading + tail - grown * math.log(moved + start) + moved


@kernel("f8(f8, f8, f8, f8)")
def gamma_exponential_bound(variance: float, alpha: float, rho: float, scale: float) -> float:
    """Boundary of the gamma-exponential mixture.

    Args:
        variance: V >= 0.
        alpha: probability of ever crossing, 0 < alpha < 1.
        rho: > 0, from `best_rho` one-sided.
        scale: c > 0.

    Returns:
        The S at which M = 1 / alpha.
    """
    low = 0.0
    high = max(variance, scale)
    while gamma_exponential_log_mixture(high, variance, rho, scale) < -math.log(alpha):
        low = high
        high *= 2.0
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        if gamma_exponential_log_mixture(middle, variance, rho, scale) < -math.log(alpha):
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


@kernel("f8(f8, f8, f8, f8)")
def stitched_bound(variance: float, alpha: float, least_variance: float, scale: float) -> float:
    """Boundary by polynomial stitching; with scale 0 for sub-Gaussian S.

    Args:
        variance: V >= 0.
        alpha: probability of ever crossing, 0 < alpha < 1.
        least_variance: V from which the boundary falls off no further, > 0.
        scale: c >= 0.

    Returns:
        The boundary for S.
    """
    late = max(variance, least_variance)
    grow = (STITCH_SPACING**0.25 + STITCH_SPACING**-0.25) / math.sqrt(2.0)
    level = (
        STITCH_POWER * math.log(math.log(STITCH_SPACING * late / least_variance))
        + math.log(zeta(STITCH_POWER) / math.log(STITCH_SPACING) ** STITCH_POWER)
        - math.log(alpha)
    )
    linear = 0.5 * (math.sqrt(STITCH_SPACING) + 1.0) * scale * level
    return math.sqrt(grow * grow * late * level + linear * linear) + linear


@kernel("f8(f8, f8, f8, f8)")
def quantile_bound(share: float, rows: float, alpha: float, best_rows: float) -> float:
    """How far the number of rows at or below a quantile may lie from rows x share.

    The papers' `double_stitching_bound`: holds at all sample sizes and for all shares together.

    Args:
        share: p, 0 < p < 1.
        rows: t > 0.
        alpha: probability of ever crossing, 0 < alpha < 1.
        best_rows: where it is tight, >= 1.

    Returns:
        The bound in rows.
    """
    late = max(rows, best_rows)
    odds = math.log(share / (1.0 - share))
    near = share
    if share < 0.5:
        step = 2.0 * STITCH_GRID * math.sqrt(best_rows * STITCH_SPACING / late)
        near = min(0.5, 1.0 / (1.0 + math.exp(-odds - step)))
    variance = near * (1.0 - near)
    place = math.sqrt(late / best_rows) * abs(odds) / (2.0 * STITCH_GRID) + 1.0
    sum_of_weights = zeta(STITCH_POWER)
    level = STITCH_POWER * (
        math.log(math.log(STITCH_SPACING * late / best_rows)) + math.log(place)
    ) + math.log(
        2.0
        * sum_of_weights
        * (2.0 * sum_of_weights + 1.0)
        / (alpha * math.log(STITCH_SPACING) ** STITCH_POWER)
    )
    grow = (STITCH_SPACING**0.25 + STITCH_SPACING**-0.25) / math.sqrt(2.0)
    linear = 0.5 * (math.sqrt(STITCH_SPACING) + 1.0) * (1.0 - 2.0 * share) / 3.0 * level
    stepping = STITCH_GRID * math.sqrt(STITCH_SPACING * late * variance / best_rows)
    return stepping + math.sqrt(grow * grow * variance * late * level + linear * linear) + linear


@kernel("f8(f8, f8, f8, f8, b1)")
def beta_binomial_rho(variance: float, alpha: float, below: float, above: float, one_sided: bool) -> float:
    """The rho that makes the beta-binomial mixture tightest at one intrinsic time.

    Args:
        variance: that time, > 0.
        alpha: level at which it is to be tight.
        below: g > 0: how far an observation can lie below its expectation.
        above: h > 0: how far above.
        one_sided: whether the mixture is one-sided.

    Returns:
        rho > 0.
    """
    product = below * above
    return max(best_rho(variance, alpha, one_sided) - product, 1e-3 * product)


@kernel("f8(f8, f8, f8, f8, f8, b1)")
def beta_binomial_log_mixture(
    total: float, variance: float, below: float, above: float, rho: float, one_sided: bool
) -> float:
    """Ln M of the beta-binomial mixture.

    Args:
        total: S, -V / h <= S <= V / g.
        variance: V >= 0.
        below: g.
        above: h.
        rho: from `beta_binomial_rho`.
        one_sided: whether only large S count.

    Returns:
        ln M.
    """
    width = below + above
    a = rho / (below * width)
    b = rho / (above * width)
    a_late = (rho + variance - below * total) / (below * width)
    b_late = (rho + variance + above * total) / (above * width)
    result = variance / (below * above) * math.log(width)
    result -= (variance + above * total) / (above * width) * math.log(below)
    result -= (variance - below * total) / (below * width) * math.log(above)
    result += log_beta(a_late, b_late) - log_beta(a, b)
    if one_sided:
        result += log_beta_i(a_late, b_late, above / width) - log_beta_i(a, b, above / width)
    return result


@kernel("f8(f8, f8, f8, f8, f8)")
def share_log_mixture(
    successes: float, trials: float, share: float, best_trials: float, alpha: float
) -> float:
    """Ln M against the null that a success has the given probability; two-sided.

    Args:
        successes: 0 to trials; need not be whole.
        trials: > 0.
        share: null, 0 < share < 1.
        best_trials: where the mixture is tightest, > 0.
        alpha: level at which it is tightest.

    Returns:
        ln M; 1 / M is a p-value that is valid at all times.
    """
    variance = share * (1.0 - share)
    rho = beta_binomial_rho(best_trials * variance, alpha, share, 1.0 - share, False)
    total = successes - share * trials
    return beta_binomial_log_mixture(total, variance * trials, share, 1.0 - share, rho, False)


@kernel("void(f8, f8, f8, f8, f8, f8[::1])")
def share_interval(
    successes: float, trials: float, alpha: float, best_trials: float, best_alpha: float, bounds: F64
) -> None:
    """Confidence sequence of a share: the interval holds the true share at all times together.

    The papers' `bernoulli_confidence_interval`.

    Args:
        successes: 0 to trials.
        trials: > 0.
        alpha: probability that it is ever left, 0 < alpha < 1.
        best_trials: where it is tightest, > 0.
        best_alpha: level at which it is tightest.
        bounds: low and high, shape (2,), float64, overwritten.
    """
    middle = successes / trials
    for side in range(2):
        inside = middle
        outside = float(side)
        if inside == outside:
            bounds[side] = outside
            continue
        for _ in range(BISECTIONS):
            share = 0.5 * (inside + outside)
            if share <= 0.0 or share >= 1.0:
                break
            if share_log_mixture(successes, trials, share, best_trials, best_alpha) < -math.log(alpha):
                inside = share
            else:
                outside = share
        bounds[side] = 0.5 * (inside + outside)


@kernel()
def _least_evidence_share(rows: float, share: float, best_rows: float, best_alpha: float) -> float:
    """The share of rows below a value that speaks least against its being the quantile."""
    left = 0.0
    right = 1.0
    for _ in range(70):
        width = GOLDEN * (right - left)
        low = share_log_mixture((right - width) * rows, rows, share, best_rows, best_alpha)
        high = share_log_mixture((left + width) * rows, rows, share, best_rows, best_alpha)
        if low < high:
            right = left + width
        else:
            left = right - width
    return 0.5 * (left + right)


@kernel("f8(f8[::1], f8[::1], f8, f8, f8)")
def quantile_difference_p(a: F64, b: F64, share: float, best_rows: float, best_alpha: float) -> float:
    """Always-valid p-value that two samples have the same quantile.

    For every value x, each sample has ln M against "x is my quantile"; the least sum over x is the evidence
    against any common quantile. The papers' `QuantileABTest`.

    Args:
        a: ascending, shape (n,), float64, n >= 1.
        b: ascending, shape (m,), float64, m >= 1.
        share: of the quantile, 0 < share < 1.
        best_rows: sample size at which the test is tightest.
        best_alpha: level at which it is tightest.

    Returns:
        0 to 1; small whenever one looks, it may be believed.
    """
    n = float(a.shape[0])
    m = float(b.shape[0])
    best_a = _least_evidence_share(n, share, best_rows, best_alpha)
    best_b = _least_evidence_share(m, share, best_rows, best_alpha)
    least = math.inf
    i = 0
    j = 0
    while i < a.shape[0] or j < b.shape[0]:
        below_a = i
        below_b = j
        value = min(a[i] if i < a.shape[0] else math.inf, b[j] if j < b.shape[0] else math.inf)
        while i < a.shape[0] and a[i] <= value:
            i += 1
        while j < b.shape[0] and b[j] <= value:
            j += 1
        part_a = min(max(best_a, below_a / n), i / n)
        part_b = min(max(best_b, below_b / m), j / m)
        evidence = share_log_mixture(part_a * n, n, share, best_rows, best_alpha) + share_log_mixture(
            part_b * m, m, share, best_rows, best_alpha
        )
        least = min(least, evidence)
    return min(1.0, math.exp(-least))
