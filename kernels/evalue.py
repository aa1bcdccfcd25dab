"""Evidence against a null that may be read at any time: e-values.

E has mean at most 1 under the null whenever one stops, so P(E ever >= 1 / alpha) <= alpha. All of these
depend on totals only: order-free, additive over panes, workers and pods. They are for nulls that are known
exactly (a split of traffic, "as often this as that"); a null that is a band around a measured rate belongs to
`kernels.sequential`.

Every one is a likelihood ratio mixed over alternatives, in closed form. e-values of several hypotheses are
judged by e-BH, which controls the false discovery rate whatever the dependence between them.
"""

from __future__ import annotations

import math

from kernels.binning import F64, I64
from kernels.jit import kernel
from kernels.special import log_beta, log_beta_i


@kernel("f8(i8[::1], f8[::1], f8)")
def multinomial_log_e(counts: I64, shares: F64, concentration: float) -> float:
    """Ln E against the null that rows fall into categories with the given probabilities.

    ln B(k q + N) - ln B(k q) - sum N_i ln q_i, B being the multivariate beta function.

    Args:
        counts: totals N, shape (K,), int64.
        shares: null q, shape (K,), float64, sum 1; a category with share 0 must stay empty.
        concentration: k > 0: the larger, the smaller the changes it is sharp for (100: about a tenth).

    Returns:
        ln E; +inf when a category of share 0 has occurred.

    Source: Lindon and Malek, "Anytime-valid inference for multinomial count data" (2022).
    """
    rows = 0
    result = math.lgamma(concentration)
    for i in range(counts.shape[0]):
        if shares[i] <= 0.0:
            if counts[i] > 0:
                return math.inf
            continue
        prior = concentration * shares[i]
        rows += counts[i]
        result += math.lgamma(prior + counts[i]) - math.lgamma(prior) - counts[i] * math.log(shares[i])
    return result - math.lgamma(concentration + rows)


@kernel("f8(f8, f8)")
def mcnemar_log_e(first_only: float, second_only: float) -> float:
    """Ln E against the null that of two paired models either is as often right alone.

    B(b + 1/2, c + 1/2) 2^(b + c) / B(1/2, 1/2): pairs on which both are right or both wrong do not count.

    Args:
        first_only: b, pairs on which only the first is right, >= 0.
        second_only: c, the same for the second.

    Returns:
        ln E; two-sided.
    """
    pairs = first_only + second_only
    return log_beta(first_only + 0.5, second_only + 0.5) - math.log(math.pi) + pairs * math.log(2.0)


@kernel("f8(f8, f8, f8)")
def sign_log_e(successes: float, trials: float, null: float) -> float:
    """Ln E against the null that a success has at most the given probability.

    The alternatives are all larger probabilities, weighted by Jeffreys' prior cut off at the null. With null
    1/2 and success = "this one was slower" it is the sign test of pairs.

    Args:
        successes: 0 to trials.
        trials: >= 0.
        null: 0 < null < 1.

    Returns:
        ln E; one-sided.
    """
    failures = trials - successes
    a = successes + 0.5
    b = failures + 0.5
    mixed = log_beta(a, b) + log_beta_i(b, a, 1.0 - null)  # the part of the mixture above the null
    prior = math.log(math.pi) + log_beta_i(0.5, 0.5, 1.0 - null)
    return mixed - prior - successes * math.log(null) - failures * math.log1p(-null)


@kernel("i8(f8[::1], i8[::1], f8)")
def e_bh(log_e: F64, order: I64, alpha: float) -> int:
    """How many hypotheses e-BH rejects: the largest k whose k-th largest e-value is at least F / (k alpha).

    For a fixed comparison (one window, one candidate) at one moment. For running maxima it is wrong.

    Args:
        log_e: ln E of each hypothesis, shape (F,), float64.
        order: their places from the largest to the smallest, shape (F,), int64.
        alpha: false discovery rate, 0 < alpha < 1.

    Returns:
        k; the rejected ones are the first k of `order`.

    Source: Wang and Ramdas, JRSS B 84 (2022).
    """
    n = log_e.shape[0]
    for k in range(n, 0, -1):
        if log_e[order[k - 1]] >= math.log(n / (k * alpha)):
            return k
    return 0


@kernel("void(f8[::1], i8[::1], b1, f8[::1])")
def adjust_p_values(p_values: F64, order: I64, any_dependence: bool, adjusted: F64) -> None:
    """p-values adjusted for the false discovery rate: reject those that are at most alpha.

    Args:
        p_values: shape (F,), float64, 0 to 1.
        order: their places from the smallest to the largest, shape (F,), int64.
        any_dependence: False: Benjamini and Hochberg, for independent or positively dependent tests; True:
            Benjamini and Yekutieli, for any.
        adjusted: shape (F,), float64, overwritten.

    Source: Benjamini and Hochberg, JRSS B 57 (1995); Benjamini and Yekutieli, Annals of Statistics 29 (2001).
    """
    n = p_values.shape[0]
    factor = 1.0
    if any_dependence:
        factor = 0.0
        for k in range(1, n + 1):
            factor += 1.0 / k
    least = 1.0
    for k in range(n, 0, -1):
        place = order[k - 1]
        least = min(least, p_values[place] * factor * n / k)
        adjusted[place] = least


@kernel("f8(f8, f8, b1)")
def mcnemar_p(first_only: float, second_only: float, mid: bool) -> float:
    """p-value of McNemar's test for one sample size chosen before: binomial, two-sided.

    Args:
        first_only: b, whole, >= 0.
        second_only: c, whole, >= 0.
        mid: whether to count what was observed by half only (mid-p): closer to the level, and may be a
            little above it.

    Returns:
        0 to 1.
    """
    fewer = min(first_only, second_only)
    pairs = first_only + second_only
    if pairs <= 0.0:
        return 1.0
    tail = math.exp(log_beta_i(pairs - fewer, fewer + 1.0, 0.5))  # P(at most `fewer` of the pairs)
    chosen = math.lgamma(pairs + 1.0) - math.lgamma(fewer + 1.0) - math.lgamma(pairs - fewer + 1.0)
    observed = math.exp(chosen - pairs * math.log(2.0))
    if mid:
        return min(1.0, 2.0 * tail - observed)
    return min(1.0, 2.0 * tail)
