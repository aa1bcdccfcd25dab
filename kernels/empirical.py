"""How far a sample's distribution function can lie from the true one, at all sample sizes at once.

With probability 1 - alpha, for every t >= t_min together,

    sup_x |F_t(x) - F(x)| <= A sqrt((ln(1 + ln(t / t_min)) + C) / t)

where C follows from alpha and A. So one may look after every row and stop whenever one likes; a band of fixed
size (Dvoretzky, Kiefer, Wolfowitz and Massart) is about a third narrower and holds at one size chosen before.

Source: Howard and Ramdas, "Sequential estimation of quantiles with applications to A/B testing and best-arm
identification", Bernoulli 28 (2022), theorem 2.
"""

from __future__ import annotations

import math

from kernels.jit import kernel

SLOPE = 0.85  # A of the paper; must exceed sqrt(1/2)
GOLDEN = 0.5 * (math.sqrt(5.0) - 1.0)


@kernel()
def _crossing_bound(constant: float, slope: float, eta: float) -> float:
    """Bound of the probability that the band is ever left, for one spacing eta of the epochs."""
    root = slope - math.sqrt(2.0 * (eta - 1.0) / constant)
    power = 2.0 / eta * root * root
    if root <= 0.0 or power <= 1.0:
        return math.inf
    return 4.0 * math.exp(-power * constant) * (1.0 + 1.0 / ((power - 1.0) * math.log(eta)))


@kernel()
def _least_crossing_bound(constant: float, slope: float) -> float:
    """The same for the best eta, found by golden section."""
    low = 1.0
    high = 2.0 * slope * slope
    for _ in range(60):  # the largest eta for which the bound is finite
        middle = 0.5 * (low + high)
        if math.sqrt(0.5 * middle) + math.sqrt(2.0 * (middle - 1.0) / constant) < slope:
            low = middle
        else:
            high = middle
    right = low
    left = 1.0
    for _ in range(60):
        width = GOLDEN * (right - left)
        if _crossing_bound(constant, slope, right - width) < _crossing_bound(constant, slope, left + width):
            right = left + width
        else:
            left = right - width
    return _crossing_bound(constant, slope, 0.5 * (left + right))


@kernel("f8(f8, f8)")
def lil_constant(alpha: float, slope: float) -> float:
    """C of the band.

    Args:
        alpha: probability that the band is ever left, 0 < alpha < 1.
        slope: A > sqrt(1/2).

    Returns:
        C > 0; about 100 us.
    """
    low = 1e-3
    high = 1.0
    while _least_crossing_bound(high, slope) > alpha:
        low = high
        high *= 2.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        if _least_crossing_bound(middle, slope) > alpha:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


@kernel("f8(f8, f8, f8, f8)")
def lil_band(rows: float, least_rows: float, slope: float, constant: float) -> float:
    """Half width of the band after so many rows.

    Args:
        rows: t > 0.
        least_rows: t_min >= 1, from where on the band is to hold.
        slope: A.
        constant: C, from `lil_constant` for the same A.

    Returns:
        The half width; infinite below t_min.

    Worked example: t = 1,000, t_min = 100, alpha = 0.05, A = 0.85 give 0.0820.
    """
    if rows < least_rows:
        return math.inf
    return slope * math.sqrt((math.log1p(math.log(rows / least_rows)) + constant) / rows)


@kernel("f8(f8, f8)")
def dkw_band(rows: float, alpha: float) -> float:
    """Half width of the band for one sample size chosen before.

    Args:
        rows: m > 0.
        alpha: probability that the band is left, 0 < alpha < 1.

    Returns:
        sqrt(ln(2 / alpha) / (2 m)).

    Source: Massart, Annals of Probability 18 (1990).
    """
    return math.sqrt(math.log(2.0 / alpha) / (2.0 * rows))
