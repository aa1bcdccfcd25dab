"""The Shiryaev-Roberts e-detector: one float a stream, updated once a pane from sums.

A stream watches one rate (a share of rows, or the mean of a number in [0, 1]) for one alternative: its null
says that the rate is at most u (or at least l), its alternative that it is theta. With S successes in n
trials of a pane the log likelihood ratio is

    L = S ln(theta / u) + (n - S) ln((1 - theta) / (1 - u))

or any other sum of a gain for each success and one for each failure whose exponential has mean <= 1, and the
stream's value follows M <- (M + 1) exp(L). Under any rate that the null allows, exp(L) has mean <= 1, so E[M]
grows by at most one a pane and E[panes until M >= A] >= A (Shin, Ramdas and Rinaldo 2024). L
depends on sums only: order-free, additive over processes. Weighted averages of e-detectors are e-detectors,
whatever the dependence between them, so a feature's value is the mean over its streams.

**M itself is kept, not its logarithm**: one exponential a stream instead of three and two logarithms. Below,
nothing is lost, since M enters as M + 1; what would fall under 1e-300 stays there, so that 0 means "no
trials yet". Above, exp(L) overflows where a pane of many rows is far off. There all streams of the feature
are scaled down together first, which is what the cap would have done after.

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
depend on their outcome, and an idle night must not add up to evidence. The same goes for a side whose gains
are 0, a band that reaches the end for as long as that is known before the pane.
"""

from __future__ import annotations

import math

from kernels.binning import F64, I64
from kernels.jit import kernel

LEAST = 1e-300  # a stream's value once there were trials; far below what M + 1 can tell from 1
SHALLOWEST = -690.0  # about ln 1e-300; the exponential is slow where its result is denormal
STEEPEST = 600.0  # nats that a stream may gain in one pane before all of its feature are scaled down
HIGHEST_CAP = 500.0  # below STEEPEST less the logarithm of any number of streams: scaling ends at the cap


@kernel("void(i8[:,::1], i8[:,::1], i8[::1], f8[:,::1])")
def count_rates(counts: I64, runs: I64, scratch: I64, tallies: F64) -> None:
    """Successes and trials of every rate that is a run of lanes over another.

    Args:
        counts: lanes of each feature, shape (F, L), int64.
        runs: feature, first lane and end of the successes, first lane of the trials (which go to the last
            lane), shape (R, 4), int64, those of one feature side by side; feature -1 where the rate is
            counted elsewhere.
        scratch: shape (L + 1,), int64, overwritten.
        tallies: successes and trials, shape (R, 2), float64, overwritten; left alone where the feature is -1.
    """
    summed = -1
    lanes = counts.shape[1]
    for r in range(runs.shape[0]):
        f = runs[r, 0]
        if f < 0:
            continue
        if f != summed:
            summed = f
            scratch[0] = 0
            for lane in range(lanes):
                scratch[lane + 1] = scratch[lane] + counts[f, lane]
        tallies[r, 0] = scratch[runs[r, 2]] - scratch[runs[r, 1]]
        tallies[r, 1] = scratch[lanes] - scratch[runs[r, 3]]


@kernel(inline=True)
def _steepest(tallies: F64, rate_of: I64, gains: F64, start: int, end: int) -> float:
    """The largest L of a feature's streams."""
    most = -math.inf
    for d in range(start, end):
        hits = tallies[rate_of[d], 0]
        misses = tallies[rate_of[d], 1] - hits
        for k in range(gains.shape[1]):
            most = max(most, hits * gains[d, k, 0] + misses * gains[d, k, 1])
    return most


@kernel(inline=True)
def _moved_on(before: float, ratio: float) -> float:
    """(M + 1) exp(L), but not below LEAST."""
    value = (1.0 + before) * math.exp(ratio) if ratio > SHALLOWEST else 0.0
    return max(value, LEAST)


@kernel(inline=True)
def _lower(values: F64, start: int, end: int, scale: float) -> None:
    for d in range(start, end):
        for k in range(values.shape[1]):
            values[d, k] *= scale


@kernel("void(f8[:,::1], Tuple((i8[::1], i8[::1], f8[::1])), f8[:,:,::1], f8, f8[:,::1], f8[:,::1])")
def advance_streams(
    tallies: F64, layout: tuple[I64, I64, F64], gains: F64, log_cap: float, values: F64, found: F64
) -> None:
    """Let every stream take in one pane, and give the value of each feature.

    The streams are K alternatives on each of D sides, a side being one end of the band of one rate.

    Args:
        tallies: S and n of each rate, shape (R, 2), float64, 0 <= S <= n.
        layout: the rate of each side, shape (D,), int64; the first side of each feature and D at the end,
            shape (F + 1,), int64; the weight of each side, shape (D,), float64, > 0, with a sum of 1 over the
            sides of a feature.
        gains: what a success and a failure add to L, shape (D, K, 2), float64; both 0 for a stream at rest.
        log_cap: highest ln of a feature's mean, at most `HIGHEST_CAP`.
        values: M, shape (D, K), float64, 0 at the start; changed in place.
        found: ln of the weighted mean of M (-inf without streams or trials yet) and what the strongest
            stream, of equals the first, was before this pane, shape (F, 2), float64, overwritten.

    Cost: about 6 ns a stream: 270 streams of a feature with 23 edges take 1.6 us.
    """
    rate_of, starts, weights = layout
    alternatives = gains.shape[1]
    for f in range(found.shape[0]):
        start = starts[f]
        end = starts[f + 1]
        shift = max(_steepest(tallies, rate_of, gains, start, end) - STEEPEST, 0.0)
        total, most, most_before = 0.0, 0.0, 0.0
        for d in range(start, end):
            hits = tallies[rate_of[d], 0]
            trials = tallies[rate_of[d], 1]
            moving = trials > 0.0 and gains[d, 0, 0] != gains[d, 0, 1]
            for k in range(alternatives):
                before = values[d, k]
                value = before
                if moving:
                    ratio = hits * gains[d, k, 0] + (trials - hits) * gains[d, k, 1] - shift
                    value = _moved_on(before, ratio)
                elif shift > 0.0:
                    value = before * math.exp(-shift)
                values[d, k] = value
                total += weights[d] * value
                if value > most:
                    most = value
                    most_before = before
        found[f, 1] = most_before
        if total <= 0.0:
            found[f, 0] = -math.inf
            continue
        log_mean = math.log(total / alternatives) + shift
        if log_mean > log_cap:
            _lower(values, start, end, math.exp(log_cap - log_mean + shift))
            log_mean = log_cap
        found[f, 0] = log_mean
