"""Values of attributes that say why, or how; `docs/metrics.md` lists them."""

from __future__ import annotations

from dataclasses import dataclass

from sidecar.ring.counters import COUNTERS


@dataclass(frozen=True, slots=True)
class Reason:
    """One value of an attribute that says why, or how."""

    value: str
    description: str


STATISTICS = (
    Reason("psi", "population stability index, in nats"),
    Reason("psi_debiased", "PSI less what sampling alone is expected to give"),
    Reason("js_distance", "Jensen-Shannon distance, 0 to 1"),
    Reason("ks", "Kolmogorov-Smirnov distance, 0 to 1"),
    Reason(
        "wasserstein", "earth mover's distance between the 1 % and the 99 % quantile, in interquartile ranges"
    ),
    Reason("mean_shift", "difference of the means, in standard deviations of the reference"),
    Reason("log_sd_ratio", "natural logarithm of the standard deviation over the reference's"),
    Reason("log_e", "evidence against no change, natural logarithm of the e-value"),
)

# Why sidecar.records.dropped counts an exchange. Each was forwarded: a loss of monitoring is never a loss of
# traffic. The ring's table is the one truth, as its counters are what is exported.
DROP_REASONS = tuple(
    Reason(counter.name, counter.meaning) for counter in COUNTERS if counter.role == "dropped"
)

LATE_ROWS = (
    Reason("behind", "came more than window.lateness_s behind a newer row; counts in the oldest open pane"),
    Reason("stale", "is older than the judged window; left out"),
    Reason("ahead", "lies further ahead of the clock than window.lateness_s; counts as of now"),
)

OUTCOMES = (
    Reason("ok", "answered whole, whatever the status"),
    Reason("upstream_connect", "no connection to the model server"),
    Reason("upstream_timeout", "no connection or no answer in time"),
    Reason("upstream_broke", "the answer did not become whole"),
    Reason("caller_gone", "the caller closed before the end"),
    Reason("rejected", "the caller's body broke the rules"),
    Reason("overloaded", "too many waited for a connection already"),
)

ACCESS_LOG_LOSSES = (
    Reason("full", "the disk or quota is full"),
    Reason("denied", "the file may not be opened or written"),
    Reason("missing", "the folder is not there"),
    Reason("closed", "nobody reads the pipe any more"),
    Reason("busy", "the reader of the pipe does not keep up"),
    Reason("failed", "any other error of the file"),
)
