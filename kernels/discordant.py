"""Confidence sequence for how much more often one of two fails, from paired observations.

Of a pair only the first failed (-1), only the second (+1), or both or neither (0). For each candidate m of
the mean a gambler bets on "the mean is above m", with a stake that is fixed beforehand:

    K <- K (1 + stake (y - m)),    stake = part / (1 + m),    0 < part < 1

The capital depends on the counts alone, so it merges and does not depend on the order. Gamblers with parts
from almost all to almost nothing share the first stake of 1; where their common capital has reached
1 / alpha, m is refuted, and with it all that is below. The other end comes from the same bets with the sides
changed. A pair that counts for a part only (rows of one request) is allowed: ln(1 + stake (y - m)) is concave
in y, so the capital reckoned from the sums is never larger than that of the pair's own mean.

Without a single failure, or with failures of one side only, the boldest gambler wins all he can; so it has
the largest share. A difference of all or nothing is found within ten or so pairs.

Source: Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", JRSS B 86 (2024),
section 4.1 (fixed bets) and their mixture, here on [-1, 1]; what counts: McNemar (1947).
"""

from __future__ import annotations

import math

from kernels.binning import F64
from kernels.jit import kernel

BOLDEST = 0.99
BOLDEST_SHARE = 0.5  # of the first stake; the others share the rest equally
N_HALVINGS = 14  # further gamblers stake 2^-0.5, 2^-1.5 ... of what could ruin them
BISECTIONS = 48


@kernel("f8(f8, f8, f8, f8)")
def discordant_log_capital(first: float, second: float, pairs: float, mean: float) -> float:
    """Ln of the capital that has been won against "the mean is at most m".

    Args:
        first: pairs on which only the first failed, >= 0.
        second: pairs on which only the second failed, >= 0; first + second <= pairs.
        pairs: all pairs.
        mean: m, -1 < m < 1.
    """
    neither = max(pairs - first - second, 0.0)
    scaled = mean / (1.0 + mean)
    gain = (1.0 - mean) / (1.0 + mean)
    largest = -math.inf
    total = 0.0
    for k in range(N_HALVINGS + 1):
        part = BOLDEST if k == 0 else 2.0 ** (0.5 - k)
        share = BOLDEST_SHARE if k == 0 else (1.0 - BOLDEST_SHARE) / N_HALVINGS
        capital = math.log(share) + second * math.log1p(part * gain)
        capital += first * math.log1p(-part) + neither * math.log1p(-part * scaled)
        if capital > largest:
            total = total * math.exp(largest - capital) + 1.0
            largest = capital
        else:
            total += math.exp(capital - largest)
    return largest + math.log(total)


@kernel("f8(f8, f8, f8, f8)")
def _low_end(first: float, second: float, pairs: float, limit: float) -> float:
    low = -1.0
    high = 1.0
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        if discordant_log_capital(first, second, pairs, middle) >= limit:
            low = middle
        else:
            high = middle
    return low


@kernel("void(f8, f8, f8, f8, f8[::1])")
def discordant_interval(first: float, second: float, pairs: float, alpha: float, bounds: F64) -> None:
    """The interval of the share of failures of the second less that of the first.

    Args:
        first: pairs on which only the first failed, >= 0; a sum of parts of pairs is allowed.
        second: likewise of the second; first + second <= pairs.
        pairs: all pairs, >= 0.
        alpha: probability that the sequence ever misses the difference, 0 < alpha < 1.
        bounds: low and high, shape (2,), float64, overwritten; -1 and 1 without pairs.
    """
    limit = -math.log(0.5 * alpha)
    bounds[0] = _low_end(first, second, pairs, limit)
    bounds[1] = -_low_end(second, first, pairs, limit)
