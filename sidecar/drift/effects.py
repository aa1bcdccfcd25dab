"""An effect size is shown with what it is worth: noise, interval, and what could not have been seen."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from sidecar.drift.intervals import Share
from sidecar.profile.table import finite

STATISTICS = (
    "psi",
    "js_distance",
    "hellinger",
    "ks",
    "wasserstein",
    "mean_shift",
    "log_sd_ratio",
    "l_infinity",
    "cramers_v",
)


@dataclass(frozen=True, slots=True)
class Effect:
    """One effect size of one window.

    Args:
        least_rows: present values that a window must hold for it to mean anything; with fewer everything else
            is None.
        value: the size.
        critical: without drift the size exceeds this in 1 % of windows.
        interval: holds the true size with 95 %; PSI's lies about the debiased value.
        detectable: a true change of this size exceeds `critical` in 80 % of such windows; a smaller one is
            easily missed.
    """

    least_rows: int
    value: float | None = None
    critical: float | None = None
    interval: tuple[float, float] | None = None
    detectable: float | None = None

    def to_json(self) -> dict[str, Any]:
        """The effect as JSON.

        Returns:
            Numbers, None and a list of two.
        """
        return {
            "value": self.value,
            "critical": _number(self.critical),
            "interval": None if self.interval is None else [_number(end) for end in self.interval],
            "detectable": _number(self.detectable),
            "least_rows": self.least_rows,
        }


@dataclass(frozen=True, slots=True)
class ChiSquare:
    """A test of one window against the reference, both as samples; for one look, not for watching.

    Args:
        statistic: two-sample chi-square over the coarse bins, divided by the design effect.
        freedom: degrees of freedom.
        p: probability of a larger one without drift.
    """

    statistic: float
    freedom: int
    p: float

    def to_json(self) -> dict[str, Any]:
        """The test as JSON.

        Returns:
            Numbers.
        """
        return {"statistic": self.statistic, "freedom": self.freedom, "p": self.p}


class Basis(Protocol):
    """What a window's effect sizes follow from."""

    def details(self) -> Mapping[str, Effect]:
        """Each statistic that applies to the feature, with its noise."""
        ...

    def chi_square(self) -> ChiSquare | None:
        """The test over the coarse bins; None with one bin or too few values."""
        ...

    def shares(self) -> Mapping[str, Share]:
        """Shares of what is missing, of a wrong type, new or out of range."""
        ...


@dataclass(frozen=True, slots=True)
class Effects:
    """Effect sizes of one window; None where there is too little to say.

    Args:
        psi: population stability index over the coarse bins, nats; None, as the others over bins, when there
            is only one bin.
        psi_debiased: psi less its mean without drift; about 0 without drift.
        psi_critical: psi exceeds this in 1 % of windows without drift.
        js_distance: square root of the Jensen-Shannon divergence (base 2) over the coarse bins, 0 to 1.
        ks: largest difference of the distribution functions, 0 to 1; None for categories.
        wasserstein: area between the distribution functions in reference interquartile ranges; None for
            categories.
        hellinger: Hellinger distance over the coarse bins, 0 to 1.
        mean_shift: difference of the means in reference deviations; None for categories.
        log_sd_ratio: ln of current over reference deviation; None for categories.
        l_infinity: largest change of one category's share, 0 to 1; None for numbers.
        cramers_v: of the table of side and bin, 0 to 1; None for numbers.
        basis: what the noise, the intervals and the shares follow from; worked out when they are asked for.
    """

    psi: float | None = None
    psi_debiased: float | None = None
    psi_critical: float | None = None
    js_distance: float | None = None
    ks: float | None = None
    wasserstein: float | None = None
    hellinger: float | None = None
    mean_shift: float | None = None
    log_sd_ratio: float | None = None
    l_infinity: float | None = None
    cramers_v: float | None = None
    basis: Basis | None = field(default=None, compare=False, repr=False)

    def details(self) -> Mapping[str, Effect]:
        """Each statistic that applies to the feature, with its noise.

        Returns:
            By name, in the order of `STATISTICS`; empty while the reference is being learnt.
        """
        return {} if self.basis is None else self.basis.details()

    def to_json(self) -> dict[str, Any]:
        """The six sizes by name, then `effects`, `chi_square` and `rates`.

        Returns:
            Numbers, None, lists and dictionaries.
        """
        basis = self.basis
        test = None if basis is None else basis.chi_square()
        shares = {} if basis is None else basis.shares()
        return {
            "psi": self.psi,
            "psi_debiased": self.psi_debiased,
            "psi_critical": self.psi_critical,
            "js_distance": self.js_distance,
            "ks": self.ks,
            "wasserstein": self.wasserstein,
            "effects": {name: effect.to_json() for name, effect in self.details().items()},
            "chi_square": None if test is None else test.to_json(),
            "rates": {name: share.to_json() for name, share in shares.items()},
        }


NO_EFFECTS = Effects()


def _number(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else finite(value)
