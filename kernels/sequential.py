"""The Shiryaev-Roberts e-detector: one float a stream, updated once a pane from sums.

A stream watches one rate (a share of rows) for one alternative: its null says that the rate is at most u (or
at least l), its alternative that it is theta. With S successes in n trials of a pane the log likelihood ratio
is

    L = S ln(theta / u) + (n - S) ln((1 - theta) / (1 - u))

and the stream's value follows M <- (M + 1) exp(L). Under any rate that the null allows, exp(L) has mean <=
1, so E[M] grows by at most one a pane and E[panes until M >= A] >= A (Shin, Ramdas and Rinaldo 2024). L
depends on sums only: order-free, additive over processes. Averages of e-detectors are e-detectors, whatever
the dependence between them, so a feature's value is the mean over its streams.

**The cap.** After every pane the streams of a feature are scaled down together, so that their mean is at most
`cap`. Let M be the plain and M' the scaled recursion on the same rows. The recursion is monotone in M and
scaling only lowers it, so M' <= M always, and whenever M' raises an alarm M would have raised one then or
before: the bound of M holds for M'. What the cap buys is recovery: after a long drift M would need as long to
fall as it took to rise. Cutting each stream by itself would do as well for the bound, but then the slow
alternatives catch up with the quick ones at the cap, and take their time to fall.

**Looking into the open pane.** Within a pane the partial value (M + 1) exp(L of the rows so far) is a
supermartingale from row to row that starts at M + 1 when the pane starts. So at any stopping time, also
inside a pane, its mean is at most the number of panes *started*: judging the open pane provisionally costs at
most one pane of the promise, not more for looking oftener.

A rate without trials in a pane leaves its streams as they are (no + 1): whether there were trials does not
depend on their outcome, and an idle night must not add up to evidence.
"""

from __future__ import annotations

import math

from kernels.binning import F64, I64
from kernels.jit import kernel


@kernel("void(f8[::1], f8[::1], i8[::1], f8[:,::1], f8[::1])")
def advance_streams(successes: F64, trials: F64, rate_of: I64, gains: F64, log_m: F64) -> None:
    """Let every stream take in one pane.

    Args:
        successes: S of each rate, shape (R,), float64, 0 <= S <= n.
        trials: n of each rate, shape (R,), float64.
        rate_of: the rate that a stream watches, shape (S,), int64.
        gains: what a success and a failure add to L, shape (S, 2), float64.
        log_m: ln M, shape (S,), float64, -inf at the start; changed in place.
    """
    for s in range(log_m.shape[0]):
        rate = rate_of[s]
        n = trials[rate]
        if n > 0.0:
            hits = successes[rate]
            ratio = hits * gains[s, 0] + (n - hits) * gains[s, 1]
            before = log_m[s]
            grown = max(before, 0.0) + math.log1p(math.exp(-abs(before)))  # ln(1 + M), without overflow
            log_m[s] = grown + ratio


@kernel("void(f8[::1], i8[::1], f8[::1])")
def fill_log_means(log_m: F64, starts: I64, log_means: F64) -> None:
    """Logarithm of the mean of M over each feature's streams.

    Args:
        log_m: ln M, shape (S,), float64.
        starts: first stream of each feature and S at the end, shape (F + 1,), int64.
        log_means: shape (F,), float64, overwritten; -inf for a feature without streams or evidence.
    """
    for f in range(log_means.shape[0]):
        start = starts[f]
        end = starts[f + 1]
        highest = -math.inf
        for s in range(start, end):
            highest = max(highest, log_m[s])
        if highest == -math.inf:
            log_means[f] = -math.inf
            continue
        total = 0.0
        for s in range(start, end):
            total += math.exp(log_m[s] - highest)
        log_means[f] = highest + math.log(total / (end - start))


@kernel("void(f8[::1], i8[::1], f8, f8[::1])")
def lower_to_cap(log_m: F64, starts: I64, log_cap: float, log_means: F64) -> None:
    """Scale down the streams of every feature whose mean lies above the cap.

    Args:
        log_m: ln M, shape (S,), float64, changed in place.
        starts: as in `fill_log_means`.
        log_cap: highest logarithm of a mean.
        log_means: from `fill_log_means`, shape (F,), float64, changed in place.
    """
    for f in range(log_means.shape[0]):
        excess = log_means[f] - log_cap
        if excess > 0.0:
            log_means[f] = log_cap
            for s in range(starts[f], starts[f + 1]):
                log_m[s] -= excess
