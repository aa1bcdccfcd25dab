"""Slow plain twins of the kernels for effect sizes, boundaries and e-values, written from the formulas."""

from __future__ import annotations

import math

import numpy as np
from scipy.integrate import quad
from scipy.optimize import brentq, minimize_scalar
from scipy.special import betaln, rel_entr, zeta
from scipy.stats import chi2_contingency, norm

from tests.twins.plain import js_divergence, psi


def joined(cells, order, ends):
    """Cells added up into bins, read in an order."""
    bins = [0]
    for place, (cell, last) in enumerate(zip(order, ends, strict=True), 1):
        bins[-1] += cells[cell]
        if last and place < len(order):
            bins.append(0)
    return np.array(bins)


def table_statistic(r, c, which):
    """scipy's statistic of the 2 x B table, without the cells that neither side has filled."""
    filled = r + c > 0
    if filled.sum() < 2:
        return 0.0
    return chi2_contingency(np.array([r[filled], c[filled]]), correction=False, lambda_=which)[0]


def effect_sizes(reference, current, order, ends, widths, pseudo_count):
    """All of kernels.effect from two vectors of cells."""
    r, c = joined(reference, order, ends), joined(current, order, ends)
    q, p = r / r.sum(), c / c.sum()
    smooth_q = (r + pseudo_count) / (r + pseudo_count).sum()
    smooth_p = (c + pseudo_count) / (c + pseudo_count).sum()
    chi_square = table_statistic(r, c, "pearson")
    gaps = np.cumsum(current) / current.sum() - np.cumsum(reference) / reference.sum()
    area, signed = 0.0, 0.0
    for left, right, width in zip(np.r_[0.0, gaps[:-1]], gaps, widths, strict=True):
        points = left + (right - left) * (np.arange(2000) + 0.5) / 2000
        area += width * np.abs(points).mean()
        signed -= width * points.mean()
    return {
        "PSI": psi(r, c, pseudo_count),
        "KL": float(np.sum(rel_entr(smooth_p, smooth_q))),
        "JS": js_divergence(r, c),
        "HELLINGER": math.sqrt(np.sum((np.sqrt(p) - np.sqrt(q)) ** 2) / 2),
        "TOTAL_VARIATION": float(np.abs(p - q).sum() / 2),
        "CHI_SQUARE": chi_square,
        "G": table_statistic(r, c, "log-likelihood"),
        "CRAMERS_V": math.sqrt(chi_square / (r.sum() + c.sum())),
        "KS": float(np.abs(gaps).max()),
        "AREA": area,
        "SIGNED_AREA": signed,
        "LARGEST": float(np.abs(current / current.sum() - reference / reference.sum()).max()),
        "BINS": float((r + c > 0).sum()),
    }


def hedged_capitals(values, mean, alpha):
    """ln K+ and ln K- of one candidate mean (Waudby-Smith and Ramdas, section 4)."""
    up = down = 0.0
    for t in range(1, len(values) + 1):
        before = values[: t - 1]
        middles = np.array([(0.5 + before[: i + 1].sum()) / (i + 2) for i in range(t - 1)])
        variance = (0.25 + np.sum((before - middles) ** 2)) / t
        stake = math.sqrt(2 * math.log(2 / alpha) / (variance * t * math.log(1 + t)))
        gain = values[t - 1] - mean
        up += math.log(1 + min(stake, 0.5 / mean) * gain)
        down += math.log(1 - min(stake, 0.5 / (1 - mean)) * gain)
    return up, down


def limited_moments(values, low, high):
    """Mean and variance with the smallest and the largest value held to the limits."""
    held = np.sort(values)
    smallest, largest = held[0], held[-1]
    held[0] = min(max(smallest, low), largest)
    held[-1] = max(min(largest, high), smallest)
    return held.mean(), held.var(ddof=1)


def normal_mixture(total, variance, rho, one_sided):
    """Integral of exp(lambda S - lambda^2 V / 2) over lambda normal with variance 1 / rho, or half normal."""

    def weighted(x):
        return math.exp(x * total - x * x * variance / 2) * norm.pdf(x, scale=1 / math.sqrt(rho))

    middle, reach = total / (variance + rho), 12 / math.sqrt(variance + rho)
    if not one_sided:
        return quad(weighted, middle - reach, middle + reach)[0]
    return 2 * quad(weighted, max(0.0, middle - reach), max(0.0, middle) + reach)[0]


def gamma_exponential_mixture(total, variance, rho, c):
    """Integral over u = 1 - c lambda in [0, 1], gamma weighted, of the sub-exponential supermartingale."""
    shape = rho / c**2

    def weight(u):
        return u ** (shape - 1) * math.exp(-shape * u)

    def weighted(u):
        x = (1 - u) / c
        psi_e = (-math.log(u) - c * x) / c**2 if u > 0 else math.inf
        return math.exp(x * total - psi_e * variance) * weight(u)

    return quad(weighted, 0, 1, limit=200)[0] / quad(weight, 0, 1)[0]


def share_mixture(successes, trials, share, rho):
    """ln of beta-binomial over binomial likelihood, the beta's mean being the null."""
    failures = trials - successes
    a, b = rho / (1 - share), rho / share
    null = successes * math.log(share) + failures * math.log1p(-share)
    return betaln(a + successes, b + failures) - betaln(a, b) - null


def stitched(variance, alpha, least, scale, s=1.4, eta=2.0):
    late = max(variance, least)
    level = s * math.log(math.log(eta * late / least)) + math.log(zeta(s) / (alpha * math.log(eta) ** s))
    k1, k2 = (eta**0.25 + eta**-0.25) / math.sqrt(2), (math.sqrt(eta) + 1) / 2
    return math.sqrt(k1**2 * late * level + (k2 * scale * level) ** 2) + k2 * scale * level


def lil_constant(alpha, slope):
    """C whose crossing probability, at the best spacing of epochs, is alpha."""

    def crossing(eta, constant):
        power = 2 / eta * max(slope - math.sqrt(2 * (eta - 1) / constant), 0.0) ** 2
        if power <= 1:
            return math.inf
        return 4 * math.exp(-power * constant) * (1 + 1 / ((power - 1) * math.log(eta)))

    def best(constant):
        grid = np.linspace(1.001, 2 * slope**2, 2000)
        start = grid[np.argmin([crossing(eta, constant) for eta in grid])]
        bounds = (start - 1e-3, start + 1e-3)
        return minimize_scalar(crossing, bounds=bounds, args=(constant,), method="bounded").fun

    return brentq(lambda constant: best(constant) - alpha, 3.0, 30.0, xtol=1e-7)


def quantile_difference(a, b, share, rho):
    """p-value from the least evidence against any common quantile, over a grid of what lies below it."""

    def evidence(sample, value):
        parts = np.linspace(np.mean(sample < value), np.mean(sample <= value), 200)
        return min(share_mixture(part * len(sample), len(sample), share, rho) for part in parts)

    least = min(evidence(a, value) + evidence(b, value) for value in np.union1d(a, b))
    return min(1.0, math.exp(-least))


def discordant_capital(values, mean):
    """What the gamblers of `kernels.discordant` have won against `mean`, pair by pair."""
    parts = [0.99, *(2.0 ** (0.5 - k) for k in range(1, 15))]
    shares = [0.5, *[0.5 / 14] * 14]
    won = 0.0
    for part, share in zip(parts, shares, strict=True):
        stake = part / (1.0 + mean)
        won += share * math.prod(1.0 + stake * (value - mean) for value in values)
    return won
