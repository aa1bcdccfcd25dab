"""What is said of a shadow, at any time.

A shadow is `worse`, `better`, `equivalent` within a margin, or `undecided`, in agreement, errors, latency and
quality. All rest on confidence sequences: intervals that hold the truth at all times together with the stated
probability. So the verdict may be read after every request, and a pipeline may wait until it is decided,
without a wrong verdict becoming more likely than alpha. alpha is shared equally by what is judged.

* **Agreement.** d = share of requests on which shadow and primary disagree, s = share on which the primary
  disagrees with itself when asked twice. What counts is the excess d - s: a model that samples its answers
  differs from itself. Without a second asking s may be anything, so an excess is then never proven.
* **Errors, quality.** Difference of the shares of failures, or of wrong rows, from the pairs on which one of
  the two failed alone, by betting against each difference (`kernels.discordant`).
* **Latency.** Ratio of a quantile's values, each between the order statistics that hold the quantile at all
  times.

Source: Howard, Ramdas, McAuliffe and Sekhon (2021) for shares, Howard and Ramdas (2022) for quantiles,
intervals of excess and ratio by the union bound; Waudby-Smith and Ramdas (2024) for failures.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from kernels.confidence import quantile_bound, share_interval
from kernels.discordant import discordant_interval
from sidecar.compare.histogram import SizeHistogram

State = Literal["better", "equivalent", "worse", "undecided"]

ALPHA = 0.05
BEST_TRIALS = 1000.0  # requests at which the intervals are tightest; valid at all
BEST_ROWS = 100.0


@dataclass(frozen=True, slots=True)
class Interval:
    """Where the truth lies, at all times together.

    Args:
        low: lower end.
        high: upper end.
    """

    low: float
    high: float

    def minus(self, other: Interval) -> Interval:
        """Interval of the difference."""
        return Interval(self.low - other.high, self.high - other.low)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was judged.

    Args:
        name: `agreement`, `errors`, `latency_p50` ...
        state: what is known of it.
        estimate: the best single guess; None without data.
        interval: of what is compared with the margin.
        margin: up to which a difference does not matter.
    """

    name: str
    state: State
    estimate: float | None
    interval: Interval
    margin: float


ANY_SHARE = Interval(0.0, 1.0)
ANY_RATIO = Interval(0.0, math.inf)


def share_sequence(successes: float, trials: float, alpha: float) -> Interval:
    """Confidence sequence of a share.

    Args:
        successes: 0 to trials; a sum of values from 0 to 1.
        trials: >= 0.
        alpha: probability that it is ever left.

    Returns:
        [0, 1] without trials.
    """
    if trials <= 0.0:
        return ANY_SHARE
    bounds = np.empty(2)
    share_interval(successes, trials, alpha, BEST_TRIALS, alpha, bounds)
    return Interval(float(bounds[0]), float(bounds[1]))


def judge_agreement(
    disagreements: tuple[float, float], noise: tuple[float, float], margin: float, alpha: float
) -> Finding:
    """Whether the shadow disagrees more than the primary does with itself.

    Args:
        disagreements: sum of disagreements (each 0 to 1) with the primary, and requests.
        noise: the same of the primary with itself.
        margin: excess that does not matter, 0 to 1.
        alpha: error probability of this finding.

    Returns:
        `equivalent`, `worse` or `undecided`; disagreeing less than the noise is no virtue.
    """
    ours = share_sequence(*disagreements, alpha / 2.0)
    theirs = share_sequence(*noise, alpha / 2.0)
    excess = ours.minus(theirs)
    state: State = "undecided"
    if excess.high <= margin:
        state = "equivalent"
    elif excess.low > margin:
        state = "worse"
    share, own = _share(*disagreements), _share(*noise)
    estimate = None if share is None else share - (own or 0.0)
    return Finding("agreement", state, estimate, excess, margin)


def judge_errors(primary_only: int, shadow_only: int, pairs: int, margin: float, alpha: float) -> Finding:
    """Whether the shadow fails more often.

    Args:
        primary_only: pairs on which only the primary failed.
        shadow_only: pairs on which only the shadow failed.
        pairs: all pairs.
        margin: difference of the error shares that does not matter, 0 to 1.
        alpha: error probability of this finding.

    Returns:
        The finding; its interval is that of the shadow's error share less the primary's.
    """
    return judge_discordant("errors", (float(primary_only), float(shadow_only)), pairs, margin, alpha)


def judge_discordant(
    name: str, failed_alone: tuple[float, float], pairs: int, margin: float, alpha: float
) -> Finding:
    """Whether the shadow fails more often, from the pairs on which one of the two failed alone.

    Args:
        name: of the finding.
        failed_alone: the primary's and the shadow's, each a sum of values from 0 to 1 over the pairs.
        pairs: all pairs.
        margin: difference of the shares that does not matter, 0 to 1.
        alpha: error probability of this finding.

    Returns:
        The finding; its interval is that of the shadow's share less the primary's.
    """
    bounds = np.empty(2)
    discordant_interval(*failed_alone, float(pairs), alpha, bounds)
    difference = Interval(float(bounds[0]), float(bounds[1]))
    estimate = (failed_alone[1] - failed_alone[0]) / pairs if pairs else None
    return Finding(name, _state(difference, -margin, margin), estimate, difference, margin)


def judge_latency(
    primary: SizeHistogram, shadow: SizeHistogram, share: float, margin: float, alpha: float
) -> Finding:
    """Whether a quantile of the shadow's latency is higher.

    Args:
        primary: latencies in seconds.
        shadow: latencies in seconds.
        share: of the quantile, 0 < share < 1.
        margin: relative difference that does not matter, > 0: with 0.1 ratios from 1 / 1.1 to 1.1.
        alpha: error probability of this finding.

    Returns:
        The finding; its interval is that of the ratio, shadow over primary.
    """
    ours, theirs = (quantile_sequence(side, share, alpha / 2.0) for side in (primary, shadow))
    ratio = Interval(_ratio(theirs.low, ours.high, 0.0), _ratio(theirs.high, ours.low, math.inf))
    middle = [side.quantile(share) for side in (primary, shadow)]
    estimate = None
    if middle[0] is not None and middle[1] is not None:
        estimate = _ratio(middle[1], middle[0], math.inf)
    state = _state(ratio, 1.0 / (1.0 + margin), 1.0 + margin)
    return Finding(f"latency_p{100.0 * share:g}", state, estimate, ratio, margin)


def quantile_sequence(sizes: SizeHistogram, share: float, alpha: float) -> Interval:
    """Confidence sequence of a quantile.

    Args:
        sizes: the values.
        share: of the quantile, 0 < share < 1.
        alpha: probability that it is ever left.

    Returns:
        Borders of cells; [0, inf] while there are too few values.
    """
    rows = int(sizes.counts.sum())
    if rows == 0:
        return ANY_RATIO
    above = quantile_bound(share, float(rows), alpha / 2.0, BEST_ROWS) / rows
    below = quantile_bound(1.0 - share, float(rows), alpha / 2.0, BEST_ROWS) / rows
    low = sizes.border_below(share - below) if share > below else 0.0
    high = sizes.quantile(share + above) if share + above < 1.0 else math.inf
    return Interval(low or 0.0, math.inf if high is None else high)


def overall(findings: Iterable[Finding]) -> State:
    """The verdict.

    Args:
        findings: all that is judged.

    Returns:
        `worse` when anything is; `undecided` when anything is that; `better` when something is; else
        `equivalent`.
    """
    states = {finding.state for finding in findings}
    if "worse" in states:
        return "worse"
    if not states or "undecided" in states:
        return "undecided"
    return "better" if "better" in states else "equivalent"


def _state(difference: Interval, low: float, high: float) -> State:
    if difference.low > high:
        return "worse"
    if difference.high < low:
        return "better"
    return "equivalent" if low <= difference.low and difference.high <= high else "undecided"


def _share(successes: float, trials: float) -> float | None:
    return successes / trials if trials else None


def _ratio(above: float, below: float, otherwise: float) -> float:
    return above / below if below > 0.0 and math.isfinite(below) else otherwise
