"""Principal components of a reference, and how badly other rows are put together again from them.

Rows are standardised by the reference's mean and deviation. With U the first k eigenvectors of the
correlation matrix, a row z is rebuilt as U U' z, and its error is the square of what is left, |R z|^2 with R
= I - U U'. The mean error of any set of rows is the trace of R C, C being their second moments about the
reference's mean: no rows are needed, only sums.

Source: the reconstruction error of NannyML's multivariate drift detection, which takes the mean of |R z|
instead of its square and so needs the rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kernels.binning import F64
from sidecar.profile.joint import JointSums

VARIANCE_SHARE = 0.65  # of the variance that the components hold together; NannyML's default


@dataclass(frozen=True, slots=True, eq=False)
class Principal:
    """What is needed to measure errors.

    Args:
        mean: in steps, shape (J,).
        deviation: in steps, shape (J,); 0 for a constant feature.
        residual: R, shape (J, J); rows and columns of constant features are 0.
        components: k; 0 when fewer than two features vary.
    """

    mean: F64
    deviation: F64
    residual: F64
    components: int

    def row_errors(self, rounded: F64) -> F64:
        """Error of each row.

        Args:
            rounded: whole numbers, shape (n, J), float64; 0 where absent.

        Returns:
            Shape (n,), >= 0.
        """
        left = self._standard(rounded - self.mean) @ self.residual
        errors: F64 = np.einsum("ij,ij->i", left, left)
        return errors

    def mean_error(self, sums: JointSums) -> float:
        """Mean error of the rows that were summed.

        Args:
            sums: of at least one row.

        Returns:
            tr(R C), >= 0 but for rounding.
        """
        centre = sums.sums / sums.rows
        second = sums.products / sums.rows - np.outer(centre, self.mean) - np.outer(self.mean, centre)
        second += np.outer(self.mean, self.mean)
        return float(np.sum(self.residual * self._standard(self._standard(second).T)))

    def _standard(self, numbers: F64) -> F64:
        varies = self.deviation > 0.0
        return np.where(varies, numbers / np.where(varies, self.deviation, 1.0), 0.0)


def find_principal(sums: JointSums, components: int | None = None) -> Principal:
    """Principal components of the rows that were summed.

    Args:
        sums: of at least one row.
        components: k; when left out the smallest k whose components hold 65 % of the variance.

    Returns:
        The components; at least one direction is always left out.
    """
    mean = sums.sums / sums.rows
    covariance = sums.products / sums.rows - np.outer(mean, mean)
    deviation = np.sqrt(np.maximum(np.diagonal(covariance), 0.0))
    varies = np.flatnonzero(deviation > 0.0)
    residual = np.zeros_like(covariance)
    if varies.size < 2:
        return Principal(mean, deviation, residual, 0)
    correlation = covariance[np.ix_(varies, varies)] / np.outer(deviation[varies], deviation[varies])
    values, vectors = np.linalg.eigh(correlation)
    if components is None:
        shares = np.cumsum(values[::-1]) / np.sum(values)
        components = int(np.searchsorted(shares, VARIANCE_SHARE)) + 1
    components = min(components, varies.size - 1)
    rest = vectors[:, : varies.size - components]
    residual[np.ix_(varies, varies)] = rest @ rest.T
    return Principal(mean, deviation, residual, components)
