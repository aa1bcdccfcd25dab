"""How features move together, now and in the reference: effect sizes with the value that noise alone would
give.

Each is a test of one window at 1 %, over all pairs where there are pairs; none is an alarm, since a window
that is looked at again and again will go beyond the limit some time.

* Correlation shift: z = (atanh r - atanh r_ref) / sqrt(f v), v = 1 / (n - 3) + 1 / (m - 3), the pair with the
  largest |z| over its limit. The limit is the normal quantile u of 1 - 0.01 / 2 pairs (Bonferroni), widened
  for pairs whose sums are far from normal by Cornish and Fisher's terms, u + s sqrt(v) (u^2 - 1) / 6 + (k -
  3) v (u^3 - 3 u) / 24. f, s and k (variance, skewness, kurtosis of what a row adds):
  `sidecar.profile.joint_reference`.
* Reconstruction: mean error of the window against that of the reference's tested rows, by the latter's
  variance.
* Embeddings: MMD^2 = |mu_c - mu_r|^2 - (s_c - |mu_c|^2) / (n - 1) - (s_r - |mu_r|^2) / (m - 1), s being the
  mean of |z|^2: 0 on average without drift. Then it is a weighted sum of chi-squares less its mean; the limit
  is that of the chi-square with the same three moments (Pearson 1959), taken from the traces of the features'
  covariance.

Sources: Fisher (1921); Cornish and Fisher (1938); Gretton et al. (2012), section 3, for the unbiased estimate
and its null law.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from kernels.binning import F64
from sidecar.drift.chi_square import chi_square_quantile
from sidecar.profile.fourier import FourierReference, FourierSums
from sidecar.profile.joint import JointSums
from sidecar.profile.joint_reference import JointReference, correlations
from sidecar.profile.joint_window import JointPane
from sidecar.profile.principal import find_principal

RISK = 0.01  # share of windows beyond a limit without drift
HIGHEST_CORRELATION = 0.9999  # nearer to 1, Fisher's transform runs away


@dataclass(frozen=True, slots=True)
class CorrelationShift:
    """The pair of features whose correlation has changed most.

    Args:
        pair: their names.
        z: change in standard errors, with its sign.
        limit: of this pair; some pair's |z| exceeds its own in 1 % of windows without drift.
        reference: their correlation in the reference, -1 to 1.
        current: their correlation in the window.
        rows: of the window, in which both are present.
        pairs: that were compared.
        smallest_shift: the change from 0 that reaches the limit with as many rows.
    """

    pair: tuple[str, str]
    z: float
    limit: float
    reference: float
    current: float
    rows: int
    pairs: int
    smallest_shift: float


@dataclass(frozen=True, slots=True)
class Reconstruction:
    """The mean square of what principal components cannot rebuild.

    Args:
        error: of the window.
        reference: of the reference.
        z: change in standard errors.
        limit: |z| exceeds this in 1 % of windows without drift.
        components: k.
        smallest_shift: the change of the error that reaches the limit.
    """

    error: float
    reference: float
    z: float
    limit: float
    components: int
    smallest_shift: float


@dataclass(frozen=True, slots=True)
class EmbeddingShift:
    """How far the vectors of one embedding have moved.

    Args:
        name: of the embedding.
        dimension: d.
        rows: whole vectors in the window.
        reference_rows: in the reference.
        mmd2: squared maximum mean discrepancy; about 0 without drift, at most 4. None below the least rows.
        limit: mmd2 exceeds this in 1 % of windows without drift.
    """

    name: str
    dimension: int
    rows: int
    reference_rows: int
    mmd2: float | None
    limit: float | None

    def to_json(self) -> dict[str, Any]:
        """The entry of `GET /api/v1/drift`."""
        beyond = None if self.mmd2 is None or self.limit is None else self.mmd2 > self.limit
        return {
            "name": self.name,
            "dimension": self.dimension,
            "rows": self.rows,
            "reference_rows": self.reference_rows,
            "mmd2": self.mmd2,
            "limit": self.limit,
            "beyond_limit": beyond,
        }


@dataclass(frozen=True, slots=True)
class JointEffects:
    """What the features of one role do together.

    Args:
        features: J; 0 when none are joined.
        rows: of the window.
        reference_rows: of the reference.
        correlation: None where there is too little to say.
        reconstruction: likewise.
        embeddings: one for each.
    """

    features: int
    rows: int
    reference_rows: int
    correlation: CorrelationShift | None
    reconstruction: Reconstruction | None
    embeddings: tuple[EmbeddingShift, ...]

    def to_json(self) -> dict[str, Any]:
        """The value of `multivariate` in `GET /api/v1/drift`, for one role.

        Returns:
            Numbers, texts, lists and None only.
        """
        correlation, reconstruction = self.correlation, self.reconstruction
        return {
            "features": self.features,
            "rows": self.rows,
            "reference_rows": self.reference_rows,
            "correlation": None
            if correlation is None
            else {
                "pair": list(correlation.pair),
                "reference": correlation.reference,
                "current": correlation.current,
                "rows": correlation.rows,
                "z": correlation.z,
                "limit": correlation.limit,
                "beyond_limit": abs(correlation.z) > correlation.limit,
                "pairs": correlation.pairs,
                "smallest_shift": correlation.smallest_shift,
            },
            "reconstruction": None
            if reconstruction is None
            else {
                "error": reconstruction.error,
                "reference": reconstruction.reference,
                "z": reconstruction.z,
                "limit": reconstruction.limit,
                "beyond_limit": abs(reconstruction.z) > reconstruction.limit,
                "components": reconstruction.components,
                "smallest_shift": reconstruction.smallest_shift,
            },
            "embeddings": [embedding.to_json() for embedding in self.embeddings],
        }


class JointComparison:
    """Windows against one reference; what depends on that alone is worked out once.

    Args:
        reference: how features moved together.
        min_rows: a window with fewer says nothing.
    """

    def __init__(self, reference: JointReference, min_rows: int) -> None:
        self.reference = reference
        self._min_rows = max(min_rows, 10)
        self._rows, self._correlation = correlations(reference.total())
        self._principal = find_principal(reference.trained, reference.components or None)
        self._error = self._principal.mean_error(reference.tested)

    @property
    def reference_rows(self) -> int:
        return self.reference.trained.rows + self.reference.tested.rows

    def correlation_shift(self, sums: JointSums, design_effect: float = 1.0) -> CorrelationShift | None:
        """The pair that has changed most.

        Args:
            sums: of the window.
            design_effect: by how much rows that depend on each other widen the noise, >= 1.

        Returns:
            None when no pair has enough rows on both sides.
        """
        n, current = correlations(sums)
        enough = (n >= self._min_rows) & (self._rows >= self._min_rows)
        known = np.triu(enough & np.isfinite(current) & np.isfinite(self._correlation), 1)
        i, j = np.nonzero(known)
        if i.size == 0:
            return None
        noise = design_effect * (1.0 / (n[i, j] - 3.0) + 1.0 / (self._rows[i, j] - 3.0))
        variance, skew, kurtosis = self.reference.shapes[:, i, j]
        u = NormalDist().inv_cdf(1.0 - RISK / (2.0 * i.size))
        limits = u + skew * np.sqrt(noise) * (u * u - 1.0) / 6.0
        limits += (kurtosis - 3.0) * noise * (u**3 - 3.0 * u) / 24.0
        z = (_fisher(current[i, j]) - _fisher(self._correlation[i, j])) / np.sqrt(variance * noise)
        worst = int(np.argmax(np.abs(z) / limits))
        first, second, limit = int(i[worst]), int(j[worst]), float(limits[worst])
        return CorrelationShift(
            pair=(self.reference.names[first], self.reference.names[second]),
            z=float(z[worst]),
            limit=limit,
            reference=float(self._correlation[first, second]),
            current=float(current[first, second]),
            rows=int(n[first, second]),
            pairs=int(i.size),
            smallest_shift=math.tanh(limit * math.sqrt(float(variance[worst] * noise[worst]))),
        )

    def reconstruction(self, sums: JointSums, design_effect: float = 1.0) -> Reconstruction | None:
        """The mean error of the window.

        Args:
            sums: of the window.
            design_effect: as for `correlation_shift`.

        Returns:
            None with too few rows, fewer than two features that vary, or some of the reference's missing.
        """
        variance, tested = self.reference.error_variance, self.reference.tested.rows
        if sums.rows < self._min_rows or not variance > 0.0:
            return None
        error = self._principal.mean_error(sums)
        noise = math.sqrt(design_effect * variance * (1.0 / sums.rows + 1.0 / tested))
        limit = NormalDist().inv_cdf(1.0 - RISK / 2.0)
        return Reconstruction(
            error,
            self._error,
            (error - self._error) / noise,
            limit,
            self._principal.components,
            limit * noise,
        )


def mmd2(reference: FourierSums, current: FourierSums) -> float:
    """Squared maximum mean discrepancy, without bias.

    Args:
        reference: m >= 2 vectors.
        current: n >= 2 vectors.

    Returns:
        About 0 without drift, also below it.
    """
    mean, other = current.mean(), reference.mean()
    apart = mean - other
    noise = (current.mean_square() - float(mean @ mean)) / (current.rows - 1)
    noise += (reference.mean_square() - float(other @ other)) / (reference.rows - 1)
    return float(apart @ apart) - noise


def mmd2_limit(traces: tuple[float, float, float], reference_rows: int, current_rows: int) -> float:
    """What MMD^2 exceeds in 1 % of windows without drift.

    Args:
        traces: of the features' covariance and its powers.
        reference_rows: m.
        current_rows: n.

    Returns:
        The limit, >= 0.
    """
    _, second, third = traces
    if second <= 0.0 or third <= 0.0:
        return 0.0
    weight, freedom = third / second, second**3 / third**2
    spread = 1.0 / reference_rows + 1.0 / current_rows
    return spread * weight * (chi_square_quantile(1.0 - RISK, freedom) - freedom)


def embedding_shift(
    reference: FourierReference, current: FourierSums, min_rows: int, design_effect: float = 1.0
) -> EmbeddingShift:
    """How far an embedding has moved.

    Args:
        reference: of the embedding.
        current: of the window.
        min_rows: a window with fewer whole vectors says nothing.
        design_effect: as for `JointComparison.correlation_shift`.

    Returns:
        The shift; sizes None with too few vectors.
    """
    m, n = reference.sums.rows, current.rows
    known = n >= max(min_rows, 2) and m >= 2
    return EmbeddingShift(
        name=reference.name,
        dimension=reference.dimension,
        rows=n,
        reference_rows=m,
        mmd2=mmd2(reference.sums, current) if known else None,
        limit=design_effect * mmd2_limit(reference.traces, m, n) if known else None,
    )


def joint_effects(
    comparison: JointComparison | None,
    features: int,
    pane: JointPane,
    embeddings: Sequence[tuple[FourierReference | None, float]],
    min_rows: int,
    design_effect: float = 1.0,
) -> JointEffects:
    """Effect sizes of one window.

    Args:
        comparison: of numeric features, where there is something to compare with.
        features: how many are joined.
        pane: sums of the window.
        embeddings: for each what it was, and its design effect.
        min_rows: a window with fewer says nothing.
        design_effect: of the numeric features.

    Returns:
        All of them.
    """
    return JointEffects(
        features=features,
        rows=pane.rows,
        reference_rows=0 if comparison is None else comparison.reference_rows,
        correlation=None if comparison is None else comparison.correlation_shift(pane.joint, design_effect),
        reconstruction=None if comparison is None else comparison.reconstruction(pane.joint, design_effect),
        embeddings=tuple(
            embedding_shift(reference, sums, min_rows, phi)
            for (reference, phi), sums in zip(embeddings, pane.vectors, strict=True)
            if reference is not None
        ),
    )


def _fisher(r: F64) -> F64:
    transformed: F64 = np.arctanh(np.clip(r, -HIGHEST_CORRELATION, HIGHEST_CORRELATION))
    return transformed
