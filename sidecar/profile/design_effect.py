"""Design effects: how much less a row says when rows come in runs or copies.

Panes of independent rows differ by sampling alone: the share of a rate in a pane of n rows has the variance
theta (1 - theta) / n. Rows that resemble their neighbours differ more, and the design effect is how many
times more (batch means, pooled over panes of unequal size as Pearson's dispersion statistic):

    phi_j = 1 / (T - G) sum_t n_t (theta_jt - theta_j)^2 / (theta_j (1 - theta_j))
    phi = max(1, mean_j phi_j)

over T panes and the rates j of a feature: its distribution function at every edge, or its categories'
shares. Panes in groups (hours of the week) are compared with the mean of their group, G groups, so that a
season is not taken for dependence. Only panes longer than the dependence show all of it; runs that outlast a
pane look like drift, which nothing but a longer pane can help.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from kernels.binning import F64, I64
from kernels.lanes import FIRST_CELL, FIRST_PRESENT, NEG_INF
from sidecar.errors import BadReference
from sidecar.profile.damage import decode_part, refusing
from sidecar.profile.feature import FeatureSpec

PART = "design_effects"
FORMAT = 1
LEAST_PANES = 30  # fewer say too little: with 30 a phi is known to about a quarter
LEAST_EXPECTED = 5.0  # successes and failures a pane; rarer rates have wild dispersions


@dataclass(frozen=True, slots=True)
class DesignEffects:
    """What a reference says about the dependence of its rows.

    Args:
        effects: phi >= 1 by feature name.
        panes: T, how many panes they were estimated from.
        pane_s: length of these panes.
    """

    effects: Mapping[str, float]
    panes: int
    pane_s: float

    def of(self, name: str) -> float:
        """The design effect of a feature.

        Args:
            name: its name.

        Returns:
            phi; 1 for a feature that is not known.
        """
        return self.effects.get(name, 1.0)


def design_effect(spec: FeatureSpec, lanes: I64, groups: Sequence[int] | None = None) -> float:
    """The design effect of one feature, by batch means.

    Args:
        spec: the feature.
        lanes: its lanes in every pane (kernels.lanes), shape (T, L), int64; padding allowed.
        groups: for each pane a number; only panes of one number are compared. All are when left out.

    Returns:
        phi >= 1; 1 when the panes hold no rate that can be judged.

    Source: the variance ratio of Kish (1965), by batch means (Glynn and Whitt 1991).
    Cost: O(T L).
    """
    if spec.kind == "numeric":
        successes = np.cumsum(lanes[:, NEG_INF:], axis=1)[:, :-1]
    else:
        successes = lanes[:, FIRST_CELL:]
    trials = lanes[:, FIRST_PRESENT:].sum(axis=1)
    number = np.zeros(len(lanes), dtype=np.int64) if groups is None else np.asarray(groups, dtype=np.int64)
    seen = trials > 0
    return _dispersion(successes[seen].astype(np.float64), trials[seen].astype(np.float64), number[seen])


def _dispersion(successes: F64, trials: F64, groups: I64) -> float:
    """max(1, mean over the rates of the pooled dispersion), successes (T, R), trials (T,), groups (T,)."""
    names, group = np.unique(groups, return_inverse=True)
    freedom = trials.size - names.size
    if freedom <= 0:
        return 1.0
    total, rows = np.zeros((names.size, successes.shape[1])), np.zeros(names.size)
    np.add.at(total, group, successes)
    np.add.at(rows, group, trials)
    share = (total / rows[:, None])[group]
    variance = share * (1.0 - share)
    shown = variance > 0.0
    terms = np.divide(
        (successes - trials[:, None] * share) ** 2,
        trials[:, None] * variance,
        where=shown,
        out=np.zeros_like(share),
    )
    known = (trials[:, None] * variance).mean(axis=0) >= LEAST_EXPECTED
    if not known.any():
        return 1.0
    return max(1.0, float(terms[:, known].sum(axis=0).mean() / freedom))


def pack(effects: DesignEffects) -> bytes:
    """The reference's part `design_effects`.

    Args:
        effects: estimated over at least one pane.

    Returns:
        msgpack: `{"format": 1, "panes": T, "pane_s": s, "effects": {name: phi}}`, names in order.
    """
    return msgspec.msgpack.encode(
        {
            "format": FORMAT,
            "panes": effects.panes,
            "pane_s": float(effects.pane_s),
            "effects": {name: float(effects.effects[name]) for name in sorted(effects.effects)},
        }
    )


def unpack(part: bytes) -> DesignEffects:
    """What `pack` packed.

    Args:
        part: of a reference.

    Returns:
        The effects.

    Raises:
        BadReference: "design_effects: expected format 1, got 2"; likewise for other damage.
    """
    with refusing(BadReference, PART, "effects by name"):
        fields = decode_part(part, PART, FORMAT)
        effects = {str(name): float(phi) for name, phi in fields["effects"].items()}
        panes, pane_s = int(fields["panes"]), float(fields["pane_s"])
    for name, phi in effects.items():
        if not 1.0 <= phi < np.inf:
            raise BadReference(f"{PART}: expected an effect of at least 1 for {name!r}, got {phi}")
    return DesignEffects(effects, panes, pane_s)
