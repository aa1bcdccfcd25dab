"""The rates' bands by hour of the week, made when an hour comes.

Nothing here changes with the hour: a detector and its forks are in different hours when one looks into an
open pane while the other has closed none of that hour yet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kernels.binning import F64
from sidecar.drift.rates import Rates
from sidecar.profile.reference import FeatureReference
from sidecar.profile.seasons import HOURS, Seasons, shrink


class SeasonalRates:
    """The rates as they are in each hour of the week.

    Args:
        rates: those of the whole reference.
        phi: design effect of each rate, shape (R,), >= 1.
        features: F references; None for a feature that is not watched yet.
        seasons: their lanes by hour.

    """

    def __init__(
        self, rates: Rates, phi: F64, features: Sequence[FeatureReference | None], seasons: Seasons
    ) -> None:
        self._whole = rates
        self._phi = phi
        self._names = [None if feature is None else feature.spec.name for feature in features]
        self._seasons = seasons

    def at(self, hour: int) -> Rates:
        """The rates in one hour of the week.

        Args:
            hour: 0 to 167.

        Returns:
            With its shares and bands.
        """
        lanes = self._seasons.lanes(hour)
        rows = [lanes.get(name) if name is not None else None for name in self._names]
        counts = np.zeros(
            (len(rows), max((row.size for row in rows if row is not None), default=1)), np.int64
        )
        known = np.zeros(self._whole.n_groups, dtype=bool)
        for place, row in enumerate(rows):
            if row is not None:
                counts[place, : row.size] = row
                known[place] = True
        tallies = self._whole.tally(counts)
        shares, trials = shrink(tallies[:, 0], tallies[:, 1], self._whole.shares)
        seen = known[self._whole.groups]
        return self._whole.at(
            np.where(seen, shares, self._whole.shares),
            np.where(seen, trials / self._phi, self._whole.rows),
            HOURS,
        )
