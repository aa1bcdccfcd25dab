"""Confidence sequence for the mean of bounded observations, by betting against every candidate mean.

For each candidate m a gambler bets on "the mean is above m" and one on "below m"; their capitals are

    K+ <- K+ (1 + bet+ (y - m))        K- <- K- (1 - bet- (y - m))

with a bet chosen before y is seen. If m is the mean, the larger of K+ / 2 and K- / 2 ever reaches
1 / alpha with probability at most alpha; the candidates for which it has not are the sequence. The bet is the
plug-in of the empirical Bernstein boundary: sqrt(2 ln(2 / alpha) / (variance so far x t ln(1 + t))), cut to
half of what could ruin the gambler.

It is the sharpest interval known for a mean that may be anything in [0, 1], and adapts to a small variance.
The bets depend on what came before, so unlike everything else here it depends on the order and does not
merge: use it for one stream in one process.

Source: Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", JRSS B 86 (2024),
theorem 3 and section 4.
"""

from __future__ import annotations

import math

from kernels.binning import F64
from kernels.jit import kernel

STATE = 3  # observations, their sum, sum of squared deviations from the running mean
CUT = 0.5  # part of the ruinous bet that is staked at most


@kernel("void(f8[::1], f8[::1], f8, f8[:,::1], f8[::1])")
def bet(values: F64, means: F64, alpha: float, log_capitals: F64, state: F64) -> None:
    """Let the gamblers see some observations.

    Args:
        values: shape (n,), float64, each in [0, 1]; in the order in which they came.
        means: candidates, shape (M,), float64, in [0, 1].
        alpha: probability that the sequence ever misses the mean, 0 < alpha < 1.
        log_capitals: ln K+ and ln K-, shape (2, M), float64, 0 at the start; changed in place.
        state: shape (3,), float64, 0 at the start; changed in place.
    """
    for value in values:
        seen = state[0]
        variance = (0.25 + state[2]) / (seen + 1.0)
        now = seen + 1.0
        stake = math.sqrt(-2.0 * math.log(0.5 * alpha) / (now * math.log1p(now) * variance))
        for k in range(means.shape[0]):
            mean = means[k]
            gain = value - mean
            up = min(stake, CUT / mean) if mean > 0.0 else stake
            down = min(stake, CUT / (1.0 - mean)) if mean < 1.0 else stake
            log_capitals[0, k] += math.log1p(up * gain)
            log_capitals[1, k] += math.log1p(-down * gain)
        state[0] = now
        state[1] += value
        middle = min((0.5 + state[1]) / (now + 1.0), 1.0)
        state[2] += (value - middle) * (value - middle)


@kernel("void(f8[::1], f8[:,::1], f8, f8[::1])")
def betting_interval(means: F64, log_capitals: F64, alpha: float, bounds: F64) -> None:
    """The interval of the candidates that are not refuted.

    Args:
        means: candidates, ascending, shape (M,), float64, M >= 2.
        log_capitals: from `bet`.
        alpha: as in `bet`.
        bounds: low and high, shape (2,), float64, overwritten; one step of the candidates wider on either
            side, since the true mean may lie between two of them; 0 and 1 when all are refuted.
    """
    limit = -math.log(0.5 * alpha)
    first = -1
    last = -1
    for k in range(means.shape[0]):
        if max(log_capitals[0, k], log_capitals[1, k]) < limit:
            if first < 0:
                first = k
            last = k
    bounds[0] = 0.0
    bounds[1] = 1.0
    if first >= 0:
        bounds[0] = means[max(first - 1, 0)]
        bounds[1] = means[min(last + 1, means.shape[0] - 1)]
