"""Special functions that the boundaries need, in plain arithmetic: scipy is not there at run time.

Incomplete gamma and beta functions by series and by Lentz's continued fraction, as in Numerical Recipes, 3rd
edition, sections 6.2 and 6.4; Riemann's zeta by Euler and Maclaurin. Relative error about 1e-13.
"""

from __future__ import annotations

import math

from kernels.jit import kernel

EPSILON = 1e-16
TINY = 1e-300
STEPS = 100_000  # the continued fractions end after about the root of their largest argument


@kernel("f8(f8)")
def normal_cdf(value: float) -> float:
    """Probability that a standard normal variable is at most the value.

    Args:
        value: any.

    Returns:
        0 to 1, exact to the last digits also far below 0.
    """
    return 0.5 * math.erfc(-value / math.sqrt(2.0))


@kernel("f8(f8, f8)")
def log_beta(a: float, b: float) -> float:
    """Logarithm of Euler's beta function.

    Args:
        a: > 0.
        b: > 0.

    Returns:
        ln B(a, b).
    """
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


@kernel()
def _gamma_series(shape: float, value: float) -> float:
    term = 1.0 / shape
    total = term
    for n in range(1, STEPS):
        term *= value / (shape + n)
        total += term
        if term < total * EPSILON:
            break
    return total


@kernel()
def _gamma_fraction(shape: float, value: float) -> float:
    b = value + 1.0 - shape
    c = 1.0 / TINY
    d = 1.0 / b
    result = d
    for n in range(1, STEPS):
        a = -n * (n - shape)
        b += 2.0
        d = a * d + b
        if abs(d) < TINY:
            d = TINY
        c = b + a / c
        if abs(c) < TINY:
            c = TINY
        d = 1.0 / d
        result *= d * c
        if abs(d * c - 1.0) < 3e-16:
            break
    return result


@kernel("f8(f8, f8)")
def log_gamma_p(shape: float, value: float) -> float:
    """Logarithm of the lower regularised incomplete gamma function.

    Args:
        shape: > 0.
        value: >= 0.

    Returns:
        ln P(shape, value); -inf at 0.
    """
    if value <= 0.0:
        return -math.inf
    log_scale = shape * math.log(value) - value - math.lgamma(shape)
    if value < shape + 1.0:
        return log_scale + math.log(_gamma_series(shape, value))
    return math.log1p(-math.exp(log_scale) * _gamma_fraction(shape, value))


@kernel()
def _beta_fraction(a: float, b: float, x: float) -> float:
    c = 1.0
    d = 1.0 - (a + b) * x / (a + 1.0)
    if abs(d) < TINY:
        d = TINY
    d = 1.0 / d
    result = d
    for n in range(1, STEPS):
        even = n * (b - n) * x / ((a + 2 * n - 1.0) * (a + 2 * n))
        odd = -(a + n) * (a + b + n) * x / ((a + 2 * n) * (a + 2 * n + 1.0))
        change = 1.0
        for step in (even, odd):
            d = 1.0 + step * d
            if abs(d) < TINY:
                d = TINY
            c = 1.0 + step / c
            if abs(c) < TINY:
                c = TINY
            d = 1.0 / d
            change = d * c
            result *= change
        if abs(change - 1.0) < 3e-16:
            break
    return result


@kernel("f8(f8, f8, f8)")
def log_beta_i(a: float, b: float, x: float) -> float:
    """Logarithm of the regularised incomplete beta function.

    Args:
        a: > 0.
        b: > 0.
        x: 0 to 1.

    Returns:
        ln I_x(a, b); -inf at 0, 0 at 1.
    """
    if x <= 0.0:
        return -math.inf
    if x >= 1.0:
        return 0.0
    log_scale = a * math.log(x) + b * math.log1p(-x) - log_beta(a, b)
    if x < (a + 1.0) / (a + b + 2.0):
        return log_scale + math.log(_beta_fraction(a, b, x) / a)
    return math.log1p(-math.exp(log_scale) * _beta_fraction(b, a, 1.0 - x) / b)


@kernel("f8(f8)")
def zeta(s: float) -> float:
    """Riemann's zeta function.

    Args:
        s: > 1.

    Returns:
        Sum over k >= 1 of k^-s, by 20 terms and Euler's and Maclaurin's formula for the rest.
    """
    cut = 20.0
    total = 0.0
    for k in range(1, 20):
        total += float(k) ** -s
    total += cut ** (1.0 - s) / (s - 1.0) + 0.5 * cut**-s
    total += s * cut ** (-s - 1.0) / 12.0
    total -= s * (s + 1.0) * (s + 2.0) * cut ** (-s - 3.0) / 720.0
    total += s * (s + 1.0) * (s + 2.0) * (s + 3.0) * (s + 4.0) * cut ** (-s - 5.0) / 30240.0
    return float(total)
