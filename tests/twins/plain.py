"""Slow plain twins of the kernels, written from the formulas with numpy and scipy, never from the kernels."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import rel_entr
from scipy.stats import wasserstein_distance


def lanes(values, edges):
    """Missing, type errors (none), +inf, -inf and then the cells of one numeric feature."""
    finite = values[np.isfinite(values)]
    cells = np.bincount(np.searchsorted(edges, finite, side="right"), minlength=len(edges) + 1)
    special = [np.isnan(values).sum(), 0, np.isposinf(values).sum(), np.isneginf(values).sum()]
    return np.array([*special, *cells])


def code_lanes(values, highest):
    """Missing, three times nothing and then other and the categories."""
    present = values[~np.isnan(values)].astype(int)
    present = np.where((present < 1) | (present > highest), 0, present)
    return np.array([np.isnan(values).sum(), 0, 0, 0, *np.bincount(present, minlength=highest + 1)])


def psi(reference, current, pseudo_count):
    q = (reference + pseudo_count) / (reference + pseudo_count).sum()
    p = (current + pseudo_count) / (current + pseudo_count).sum()
    return float(np.sum((p - q) * np.log(p / q)))


def js_divergence(reference, current):
    q, p = reference / reference.sum(), current / current.sum()
    middle = (p + q) / 2
    return float((rel_entr(p, middle).sum() + rel_entr(q, middle).sum()) / 2 / math.log(2))


def ks(reference, current):
    return float(np.abs(np.cumsum(reference) / reference.sum() - np.cumsum(current) / current.sum()).max())


def wasserstein_by_points(edges, reference, current, points):
    """An inner cell's count lies evenly on many points of the cell, an open cell's on its edge."""

    def spread(counts):
        values = [np.repeat(edges[0], 1), np.repeat(edges[-1], 1)]
        weights = [[counts[0]], [counts[-1]]]
        for low, high, count in zip(edges[:-1], edges[1:], counts[1:-1], strict=True):
            values.append(low + (high - low) * (np.arange(points) + 0.5) / points)
            weights.append(np.full(points, count / points))
        return np.concatenate(values), np.concatenate(weights)

    (u, wu), (v, wv) = spread(reference), spread(current)
    return wasserstein_distance(u, v, wu, wv)


def e_detector(panes, null, theta, cap=math.inf):
    """Shiryaev-Roberts value of one rate, in plain numbers: M <- (M + 1) exp(L)."""
    value = 0.0
    for successes, trials in panes:
        if trials:
            ratio = (theta / null) ** successes * ((1 - theta) / (1 - null)) ** (trials - successes)
            value = min((value + 1.0) * ratio, math.exp(cap))
    return value


def sketch(values, pivot, unit):
    """Cells of the finite values by logarithms, 32 equal parts an octave from 2^17 to 2^31 units."""
    cells = np.zeros(899, dtype=np.int64)
    for value in values[np.isfinite(values)]:
        distance = min(abs(value - pivot) / unit, 2.0**31)
        part = 0
        if distance >= 2.0**17:
            octave = math.floor(math.log2(distance))
            part = 1 + 32 * (octave - 17) + math.floor(32 * (distance / 2.0**octave - 1))
        cells[449 + (part if value > pivot else -part)] += 1
    return cells
