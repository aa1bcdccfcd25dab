"""Noise of Wasserstein's distance: the area between two samples' functions of one distribution."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from kernels.binning import F64


@dataclass(frozen=True, slots=True)
class AreaNoise:
    """The area between two empirical distribution functions of one distribution, for s = 1.

    Args:
        square: mean of its square.
        signed_square: mean of the square of the area with its sign, which is the difference of the clipped
            means; at most `square`.
    """

    square: float
    signed_square: float

    def quantile(self, share: float) -> float:
        """Quantile of the area in its upper half.

        The area is large when the functions lie apart on one side: it is then the signed area, which is
        normal, and the rest of its square is nearly constant. Within 2.5 % of the 95 % and the 99 % quantile
        of simulated bridges, mostly above, for normal, uniform, exponential and heavy-tailed features.

        Args:
            share: 0.5 < share < 1.

        Returns:
            >= 0.
        """
        normal = NormalDist().inv_cdf(0.5 + 0.5 * share)
        return math.sqrt(self.signed_square * (normal * normal - 1.0) + self.square)


NO_AREA = AreaNoise(0.0, 0.0)


def area_noise(below: F64, widths: F64) -> AreaNoise:
    """Noise of the area.

    Args:
        below: reference share below each edge, shape (E,), float64.
        widths: of the cells (sidecar.drift.bins), in any unit, shape (E + 1,), float64.

    Returns:
        In that unit.

    Source: the difference of the functions is a Brownian bridge at the edges; mean of |X| |Y| of two normal
    variables of correlation rho: (2 / pi) (sqrt(1 - rho^2) + rho asin rho). The area is taken as the sum over
    edges of half the widths beside them times |difference|.
    """
    weights = 0.5 * (widths[1:] + widths[:-1])
    shares = np.minimum(below, 1.0)
    lower, upper = np.minimum.outer(shares, shares), np.maximum.outer(shares, shares)
    covariance = lower * (1.0 - upper)
    deviations = np.sqrt(np.diag(covariance))
    product = np.outer(deviations, deviations)
    with np.errstate(divide="ignore", invalid="ignore"):
        rho = np.clip(np.nan_to_num(covariance / product), -1.0, 1.0)
    absolute = 2.0 / math.pi * (np.sqrt(1.0 - rho**2) + rho * np.arcsin(rho))
    square = float(weights @ (product * absolute) @ weights)
    signed = float(weights @ covariance @ weights)
    return AreaNoise(square=max(square, signed), signed_square=signed)
