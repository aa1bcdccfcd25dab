"""The chi-square distribution, central and not, so that scipy is not needed at run time."""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

EPSILON = 1e-15
STEPS = 1000  # more terms than any argument here needs


def chi_square_cdf(value: float, freedom: float) -> float:
    """Probability that a chi-square variable is at most the value.

    Args:
        value: >= 0.
        freedom: degrees of freedom, > 0, not necessarily whole.

    Returns:
        The regularised incomplete gamma function P(freedom / 2, value / 2).

    Source: series and continued fraction as in Numerical Recipes, 3rd edition, section 6.2.
    """
    shape, half = freedom / 2.0, value / 2.0
    if half <= 0.0:
        return 0.0
    scale = math.exp(-half + shape * math.log(half) - math.lgamma(shape))
    return scale * _series(shape, half) if half < shape + 1.0 else 1.0 - scale * _fraction(shape, half)


def chi_square_tail(value: float, freedom: float) -> float:
    """Probability that a chi-square variable exceeds the value: the p-value of such a statistic.

    Args:
        value: >= 0.
        freedom: degrees of freedom, > 0, not necessarily whole.

    Returns:
        0 to 1, to about 1e-13 relative however small.
    """
    shape, half = freedom / 2.0, value / 2.0
    if half < shape + 1.0:
        return 1.0 - chi_square_cdf(value, freedom)
    return math.exp(-half + shape * math.log(half) - math.lgamma(shape)) * _fraction(shape, half)


@lru_cache(maxsize=256)
def detectable_noncentrality(share: float, power: float, freedom: int) -> float:
    """How far from the null a chi-square statistic must lie to be noticed.

    Args:
        share: the test rejects beyond this quantile of the central distribution, as 0.99.
        power: probability with which it is to reject, as 0.8.
        freedom: degrees of freedom, >= 1.

    Returns:
        lambda > 0 with P(noncentral chi-square(freedom, lambda) > quantile) = power.

    Source: the noncentral distribution as a Poisson mixture of central ones.
    Worked example: 0.99, 0.8 and 9 degrees of freedom give 21.4.
    """
    quantile = chi_square_quantile(share, freedom)
    low, high = 0.0, 10.0
    while _noncentral_tail(quantile, freedom, high) < power:
        high *= 2.0
    for _ in range(50):
        middle = 0.5 * (low + high)
        if _noncentral_tail(quantile, freedom, middle) < power:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


@lru_cache(maxsize=1024)
def chi_square_quantile(share: float, freedom: float) -> float:
    """Value that a chi-square variable stays below with the given probability.

    Args:
        share: probability, 0 < share < 1.
        freedom: degrees of freedom, > 0, not necessarily whole.

    Returns:
        The quantile, to about 1e-12 relative.

    Source: Wilson and Hilferty (1931) as the start, then Newton on the distribution function.
    Worked example: the 0.99 quantile at 9 degrees of freedom is 21.666.
    """
    ninth = 2.0 / (9.0 * freedom)
    cube = 1.0 - ninth + NormalDist().inv_cdf(share) * math.sqrt(ninth)
    value = max(freedom * cube**3, 1e-8)
    for _ in range(100):
        step = (chi_square_cdf(value, freedom) - share) / _density(value, freedom)
        following = max(value - step, value / 4.0)  # Newton may not leave the positive half
        if abs(following - value) <= 1e-13 * value:
            return following
        value = following
    return value


def _noncentral_tail(value: float, freedom: int, noncentrality: float) -> float:
    rate = noncentrality / 2.0
    total = 0.0
    for j in range(math.ceil(rate + 12.0 * math.sqrt(rate) + 30.0)):
        weight = math.exp(j * math.log(rate) - rate - math.lgamma(j + 1.0)) if rate > 0.0 else float(j == 0)
        total += weight * chi_square_tail(value, freedom + 2 * j)
    return total


def _density(value: float, freedom: float) -> float:
    shape = freedom / 2.0
    return 0.5 * math.exp((shape - 1.0) * math.log(value / 2.0) - value / 2.0 - math.lgamma(shape))


def _series(shape: float, half: float) -> float:
    term = total = 1.0 / shape
    for n in range(1, STEPS):
        term *= half / (shape + n)
        total += term
        if term < total * EPSILON:
            break
    return total


def _fraction(shape: float, half: float) -> float:
    """Lentz's evaluation of the continued fraction."""
    tiny = 1e-300
    b = half + 1.0 - shape
    c = 1.0 / tiny
    d = 1.0 / b
    result = d
    for n in range(1, STEPS):
        a = -n * (n - shape)
        b += 2.0
        d = a * d + b
        d = 1.0 / (d if abs(d) > tiny else tiny)
        c = b + a / c
        c = c if abs(c) > tiny else tiny
        result *= d * c
        if abs(d * c - 1.0) < EPSILON:
            break
    return result
