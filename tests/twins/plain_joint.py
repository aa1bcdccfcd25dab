"""Slow plain twins of what features do together, written from the formulas with numpy and scipy."""

from __future__ import annotations

import itertools
import math

import numpy as np
from scipy import linalg


def whole_numbers(values, pivot, step, limit=2**15):
    """k of every value by Python's own numbers; None where the value is not finite."""
    found = []
    for value in values:
        if not math.isfinite(value):
            found.append(None)
            continue
        distance = max(-limit, min(limit, (value - pivot) / step))
        found.append(round(distance))  # halves to even, as rint
    return found


def pair_sums(rows):
    """n, sum x, sum y, sum x^2, sum y^2, sum x y over complete pairs, as Python integers."""
    complete = [(x, y) for x, y in rows if x is not None and y is not None]
    return (
        len(complete),
        sum(x for x, _ in complete),
        sum(y for _, y in complete),
        sum(x * x for x, _ in complete),
        sum(y * y for _, y in complete),
        sum(x * y for x, y in complete),
    )


def reconstruction_errors(train, rows, share):
    """Squared norm of what the principal components of `train` leave of each row.

    NannyML's formula but for the square: standardise, project on the components that hold `share` of the
    variance, go back, take the distance.
    """
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    standard = (train - mean) / deviation
    _, singular, directions = linalg.svd(standard, full_matrices=False)
    held = np.cumsum(singular**2) / np.sum(singular**2)
    components = int(np.argmax(held >= share)) + 1
    kept = directions[:components]
    scores = (rows - mean) / deviation
    rebuilt = (scores @ kept.T) @ kept
    return ((scores - rebuilt) ** 2).sum(axis=1), components


def mmd2_of_features(x, y):
    """Unbiased MMD^2 with the kernel k(x, y) = z(x) . z(y), by the double sums of Gretton et al. (2012)."""
    within_x = sum(float(a @ b) for a, b in itertools.permutations(x, 2)) / (len(x) * (len(x) - 1))
    within_y = sum(float(a @ b) for a, b in itertools.permutations(y, 2)) / (len(y) * (len(y) - 1))
    return within_x + within_y - 2.0 * float(np.mean(x @ y.T))


def splitmix64(counter):
    """The n-th output of SplitMix64 with seed 0, by Python's integers."""
    mask = (1 << 64) - 1
    z = (counter + 1) * 0x9E3779B97F4A7C15 & mask
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & mask
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & mask
    return z ^ (z >> 31)
