"""Slow plain twins of the summaries' kernels, written from the papers and the specification."""

from __future__ import annotations

import math
from collections import Counter
from decimal import Decimal, localcontext

import numpy as np

M64 = (1 << 64) - 1
P1, P2, P3 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9
P4, P5 = 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5


def rotated(word, bits):
    return ((word << bits) | (word >> (64 - bits))) & M64


def xxh64(octets, seed=0):
    """XXH64 step by step as in its specification, in whole numbers."""

    def rounded(lane, word):
        return rotated((lane + word * P2) & M64, 31) * P1 & M64

    at, size = 0, len(octets)
    word = lambda width: int.from_bytes(octets[at : at + width], "little")  # noqa: E731
    if size >= 32:
        lanes = [(seed + P1 + P2) & M64, (seed + P2) & M64, seed, (seed - P1) & M64]
        while size - at >= 32:
            for lane in range(4):
                lanes[lane] = rounded(lanes[lane], word(8))
                at += 8
        state = sum(rotated(lane, bits) for lane, bits in zip(lanes, (1, 7, 12, 18), strict=True)) & M64
        for lane in lanes:
            state = ((state ^ rounded(0, lane)) * P1 + P4) & M64
    else:
        state = (seed + P5) & M64
    state = (state + size) & M64
    while size - at >= 8:
        state = (rotated(state ^ rounded(0, word(8)), 27) * P1 + P4) & M64
        at += 8
    if size - at >= 4:
        state = (rotated(state ^ (word(4) * P1 & M64), 23) * P2 + P3) & M64
        at += 4
    while at < size:
        state = rotated(state ^ (octets[at] * P5 & M64), 11) * P1 & M64
        at += 1
    state = (state ^ (state >> 33)) * P2 & M64
    state = (state ^ (state >> 29)) * P3 & M64
    return state ^ (state >> 32)


def registers(hashes, precision=12):
    """Place and rank of every hash from its binary text."""
    ranks = [0] * (1 << precision)
    for word in hashes:
        text = f"{int(word):064b}"
        rank = (text[precision:] + "1").index("1") + 1
        place = int(text[:precision], 2)
        ranks[place] = max(ranks[place], rank)
    return np.array(ranks, dtype=np.uint8)


def distinct(ranks, precision=12):
    """Ertl's algorithm 6 by its text: a histogram of the ranks, halved from the top down."""
    m, q = 1 << precision, 64 - precision
    multiplicity = Counter(ranks.tolist())
    tau = _series_tau(1 - multiplicity[q + 1] / m)
    z = m * tau
    for rank in range(q, 0, -1):
        z = 0.5 * (z + multiplicity[rank])
    untouched = multiplicity[0] / m
    if untouched == 1.0:
        return 0.0
    z += m * (untouched + sum(untouched ** (2**k) * 2 ** (k - 1) for k in range(1, 40)))
    return m * m / (2 * math.log(2) * z)


def _series_tau(x):
    return (1 - x - sum((1 - x ** (2**-k)) ** 2 * 2**-k for k in range(1, 60))) / 3


def space_saving(keys, counters):
    """The paper's algorithm on a list of [key, count, error]; of several least ones the first gives way."""
    held = []
    for key in keys:
        entry = next((entry for entry in held if entry[0] == key), None)
        if entry is not None:
            entry[1] += 1
        elif len(held) < counters:
            held.append([key, 1, 0])
        else:
            least = min(entry[1] for entry in held)
            entry = next(entry for entry in held if entry[1] == least)
            entry[:] = [key, least + 1, least]
    return held


def exponential_index(value, scale):
    """ceil(2^scale log2 value) - 1, to 60 digits."""
    value = max(value, 2.0**-1022)
    mantissa, exponent = math.frexp(value)
    if mantissa == 0.5:  # a power of two: exact, and the only case in which a border is hit
        power = exponent - 1
        return -(-power * 2**scale // 1) - 1 if scale >= 0 else -(-power // 2**-scale) - 1
    with localcontext() as context:
        context.prec = 60
        place = Decimal(value).ln() / Decimal(2).ln() * Decimal(2) ** scale
        return math.ceil(place) - 1


def score_lanes(scores, bins):
    """Under, bins, over, NaN."""
    inside = scores[(scores >= 0) & (scores <= 1)]
    counts = np.histogram(inside, bins=bins, range=(0.0, 1.0))[0]
    return [int((scores < 0).sum()), *counts.tolist(), int((scores > 1).sum()), int(np.isnan(scores).sum())]


def kappa(table):
    """Cohen's kappa and its deviation by the delta method, derivatives taken numerically."""

    def of(shares):
        expected = float(shares.sum(axis=1) @ shares.sum(axis=0))
        return (float(np.trace(shares)) - expected) / (1 - expected)

    shares = table / table.sum()
    step = 1e-6
    slopes = np.empty(shares.shape)
    for at in np.ndindex(shares.shape):
        moved = np.zeros(shares.shape)
        moved[at] = step
        slopes[at] = (of(shares + moved) - of(shares - moved)) / (2 * step)
    variance = (shares * slopes**2).sum() - (shares * slopes).sum() ** 2
    return of(shares), math.sqrt(variance / table.sum())


def weighted_kappa(table, power):
    """One minus the ratio of disagreement seen to disagreement of shuffled pairs."""
    shares = table / table.sum()
    places = np.arange(len(table))
    weights = np.abs(places[:, None] - places[None, :]).astype(float) ** power
    chance = np.outer(shares.sum(axis=1), shares.sum(axis=0))
    return 1 - (weights * shares).sum() / (weights * chance).sum()


def runs(column):
    """Value and length of the run at the end of a column, missing values left out."""
    present = [value for value in column.tolist() if not math.isnan(value)]
    length = 0
    for value in reversed(present):
        if value != present[-1]:
            break
        length += 1
    return (present[-1] if present else math.nan), length
