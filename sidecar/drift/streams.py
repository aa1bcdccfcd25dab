"""The detector's streams: for each end of a rate's band the alternatives beyond it.

Alternatives are odds ratios beyond the band, theta = R u / (1 - u + R u): 1.05 finds small lasting changes, 4
a jump within one pane; of what is rare a few rows say little about small ratios, and larger ones take their
place. A share that falls is watched as its complement that rises. Where a design effect phi says that n rows
are worth n / phi, successes and failures are divided by it, which the gains take in:
S / phi ln(theta / u) + (n - S) / phi ln((1 - theta) / (1 - u)).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kernels.binning import F64, I64
from sidecar.drift.position import position_gains
from sidecar.drift.rates import Rates

ODDS = (4.0, 2.0, 1.4, 1.2, 1.1, 1.05)
RARE_ODDS, RARE = (8.0, 4.0, 2.0, 1.6, 1.3, 1.15), 0.02  # what is rarer
LEAST_RATE = 1e-12
POSITION_WEIGHT, SPREAD_WEIGHT = 0.4, 0.1
RAREST = 0.001  # rarer rates have no more weight


@dataclass(frozen=True, slots=True, eq=False)
class Sides:
    """What the streams watch; D sides of K alternatives, those of one feature side by side.

    Args:
        rate_of: the rate of a side, shape (D,), int64.
        rises: whether it asks for a higher rate, shape (D,), bool.
        starts: first side of each feature and D at the end, shape (G + 1,), int64.
    """

    rate_of: I64
    rises: NDArray[np.bool_]
    starts: I64

    def gains(self, rates: Rates, phi: F64) -> F64:
        """What a success and a failure add to the log likelihood ratio of every stream.

        Args:
            rates: with the bands in force.
            phi: design effect of each rate, shape (R,), >= 1.

        Returns:
            Shape (D, K, 2), float64; 0 where the band reaches the end.
        """
        bound = np.where(self.rises, rates.upper[self.rate_of], 1.0 - rates.lower[self.rate_of])
        null = np.clip(bound, LEAST_RATE, None)[:, None]
        vacuous = bound >= 1.0
        null[vacuous] = 0.5
        odds = np.where(null < RARE, np.array(RARE_ODDS), np.array(ODDS))
        theta = odds * null / (1.0 - null + odds * null)
        gains = np.stack([np.log(theta / null), np.log((1.0 - theta) / (1.0 - null))], axis=2)
        gains[~self.rises] = gains[~self.rises][:, :, ::-1]
        self._fill_positions(rates, gains)
        gains /= phi[self.rate_of][:, None, None]
        gains[vacuous] = 0.0
        return gains

    def weights(self, rates: Rates) -> F64:
        """Shares of the streams in the mean of their feature.

        Args:
            rates: R rates.

        Returns:
            Shape (D,), float64; the sum over a feature's sides is 1. A mean position has two fifths and
            the share between two quantiles a tenth; the other rates have weights in proportion to
            (q (1 - q))^(-3/4), since the many edges in the middle move together, while a sentinel shows at
            one edge of the tail alone.
        """
        is_position = np.isin(self.rate_of, rates.positions.at)
        is_spread = np.isin(self.rate_of, rates.spreads)
        group = rates.groups[self.rate_of]
        weights = np.zeros(self.rate_of.size)
        rest = 1.0 - POSITION_WEIGHT - SPREAD_WEIGHT
        others = ~is_position & ~is_spread
        for mine, part in ((is_position, POSITION_WEIGHT), (is_spread, SPREAD_WEIGHT), (others, rest)):
            share = np.clip(rates.shares[self.rate_of[mine]], RAREST, 1.0 - RAREST)
            wanted = (share * (1.0 - share)) ** -0.75
            total = np.bincount(group[mine], weights=wanted, minlength=rates.n_groups)
            weights[mine] = part * wanted / total[group[mine]]
        return weights / np.bincount(group, weights=weights, minlength=rates.n_groups)[group]

    def _fill_positions(self, rates: Rates, gains: F64) -> None:
        positions = rates.positions
        row_of = {int(rate): row for row, rate in enumerate(positions.at.tolist())}
        sides = np.flatnonzero(np.isin(self.rate_of, positions.at))
        if not sides.size:
            return
        rows = np.array([row_of[int(rate)] for rate in self.rate_of[sides]], dtype=np.int64)
        rises = self.rises[sides]
        limit = np.where(rises, rates.upper[self.rate_of[sides]], rates.lower[self.rate_of[sides]])
        lower, upper = positions.below(rates.lower)[rows], positions.below(rates.upper)[rows]
        gains[sides] = position_gains(positions.cells[rows], lower, upper, limit, rises)


def make_sides(rates: Rates, *, all_of_them: bool) -> Sides:
    """The sides that are watched.

    Args:
        rates: R rates.
        all_of_them: keep those whose band reaches the end now, since other bands will come.

    Returns:
        The sides, of a rate the upper one first.
    """
    within = np.column_stack([rates.upper < 1.0, rates.lower > 0.0])
    rate_of, side = np.nonzero(within | all_of_them)
    groups = rates.groups[rate_of]
    return Sides(
        rate_of=rate_of.astype(np.int64),
        rises=side == 0,
        starts=np.searchsorted(groups, np.arange(rates.n_groups + 1)).astype(np.int64),
    )
