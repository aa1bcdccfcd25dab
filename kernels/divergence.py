"""Divergences between two histograms over the same cells."""

from __future__ import annotations

import math

from kernels.binning import F64, I64
from kernels.jit import kernel
from kernels.totals import totals


@kernel("f8(i8[::1], i8[::1], f8)")
def psi(reference: I64, current: I64, pseudo_count: float) -> float:
    """Population stability index: sum of (p - q) ln(p / q).

    p = (c + a) / (n + a B) and q likewise, a being the pseudo count.

    Args:
        reference: counts, shape (B,), int64.
        current: counts, shape (B,), int64.
        pseudo_count: a >= 0; with 0 a cell empty on one side only gives +inf, empty on both nothing.

    Returns:
        PSI in nats, >= 0; NaN when either side is empty.
    """
    m, n = totals(reference, current)
    if m == 0 or n == 0:
        return math.nan
    bins = reference.shape[0]
    result = 0.0
    for b in range(bins):
        q = (reference[b] + pseudo_count) / (m + pseudo_count * bins)
        p = (current[b] + pseudo_count) / (n + pseudo_count * bins)
        if p > 0.0 and q > 0.0:
            result += (p - q) * math.log(p / q)
        elif p != q:
            return math.inf
    return result


@kernel("f8(i8[::1], i8[::1])")
def js_divergence(reference: I64, current: I64) -> float:
    """Jensen-Shannon divergence in bits.

    Args:
        reference: counts, shape (B,), int64.
        current: counts, shape (B,), int64.

    Returns:
        0 (equal) to 1 (nothing in common); NaN when either side is empty.
    """
    m, n = totals(reference, current)
    if m == 0 or n == 0:
        return math.nan
    result = 0.0
    for b in range(reference.shape[0]):
        q = reference[b] / m
        p = current[b] / n
        middle = 0.5 * (p + q)
        if p > 0.0:
            result += 0.5 * p * math.log2(p / middle)
        if q > 0.0:
            result += 0.5 * q * math.log2(q / middle)
    return min(max(result, 0.0), 1.0)


@kernel("f8(f8[::1], f8[::1], f8)")
def psi_of_shares(reference: F64, current: F64, floor_ratio: float) -> float:
    """PSI of two vectors of shares, with empty cells lifted to a floor.

    The form that other tools publish; the monitor uses `psi`, whose pseudo counts have a known null law.

    Args:
        reference: shares, shape (B,), float64, sum 1.
        current: shares, shape (B,), float64, sum 1.
        floor_ratio: share given to an empty cell, > 0.

    Returns:
        PSI in nats, >= 0.
    """
    result = 0.0
    for b in range(reference.shape[0]):
        q = max(reference[b], floor_ratio)
        p = max(current[b], floor_ratio)
        result += (p - q) * math.log(p / q)
    return result


@kernel("f8(i8[::1], i8[::1], f8)")
def kl_divergence(reference: I64, current: I64, pseudo_count: float) -> float:
    """Kullback-Leibler divergence of the current counts about the reference: sum of p ln(p / q).

    Args:
        reference: counts, shape (B,), int64; its shares are q.
        current: counts, shape (B,), int64; its shares are p.
        pseudo_count: added to every cell on both sides, >= 0; with 0 a cell that only the current fills gives
            +inf.

    Returns:
        Nats, >= 0; NaN when either side is empty.
    """
    m, n = totals(reference, current)
    if m == 0 or n == 0:
        return math.nan
    bins = reference.shape[0]
    result = 0.0
    for b in range(bins):
        q = (reference[b] + pseudo_count) / (m + pseudo_count * bins)
        p = (current[b] + pseudo_count) / (n + pseudo_count * bins)
        if p > 0.0:
            if q <= 0.0:
                return math.inf
            result += p * math.log(p / q)
    return max(result, 0.0)


@kernel("f8(i8[::1], i8[::1])")
def hellinger(reference: I64, current: I64) -> float:
    """Hellinger distance: sqrt of half the sum of (sqrt(p) - sqrt(q))^2.

    Args:
        reference: counts, shape (B,), int64.
        current: counts, shape (B,), int64.

    Returns:
        0 (equal) to 1 (nothing in common); NaN when either side is empty.
    """
    m, n = totals(reference, current)
    if m == 0 or n == 0:
        return math.nan
    result = 0.0
    for b in range(reference.shape[0]):
        root = math.sqrt(current[b] / n) - math.sqrt(reference[b] / m)
        result += root * root
    return math.sqrt(min(0.5 * result, 1.0))
