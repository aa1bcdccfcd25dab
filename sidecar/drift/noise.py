"""What chance alone does to a feature's effect sizes, and how small a change could still be seen.

With n values in the window, m in the reference and phi rows that count as one (the design effect), everything
here goes with s = phi (1/n + 1/m).

* PSI without drift is s times chi-square with B - 1 degrees of freedom (Yurdakul 2018). JS, Hellinger and
  Cramer's V are the same quadratic form in other units for small changes: PSI = 8 ln 2 JS = 8 H^2, and
  X^2 = PSI / s. So one quantile gives the critical value of all four, and the noncentral distribution what
  80 % of windows would show.
* The two distribution functions differ by a Brownian bridge of variance s F (1 - F): Smirnov's law for the
  largest difference; for the area see sidecar.drift.area.
* Means: s in reference variances. Logarithms of deviations: s (kurtosis - 1) / 4.

The smallest true size that exceeds its critical value in 80 % of windows: for PSI s lambda, lambda being the
noncentrality that does it (sidecar.drift.chi_square), and its root in their units for the others;
for means and deviations (z(0.995) + z(0.8)) standard errors; for KS, Wasserstein and shares of categories the
critical value and z(0.8) standard errors of what stands at its place.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

from kernels import effect, shift
from kernels.binning import F64
from kernels.empirical import SLOPE, dkw_band, lil_band, lil_constant
from sidecar.drift.area import AreaNoise
from sidecar.drift.chi_square import chi_square_quantile, detectable_noncentrality
from sidecar.drift.intervals import CONFIDENCE, POWER, RISK, Z_CRITICAL, Z_INTERVAL, Z_POWER

SMIRNOV = math.sqrt(-0.5 * math.log(RISK / 2.0))  # 1.628: the quantile of Kolmogorov's distribution
LEAST_ROWS = {"ks": 50, "wasserstein": 100, "mean_shift": 30, "log_sd_ratio": 50, "l_infinity": 50}
LEAST_BINNED = 20  # with min_rows below this two bins would hold fewer than ten rows each
JS_UNIT = 8.0 * math.log(2.0)


@dataclass(frozen=True, slots=True, eq=False)
class Noise:
    """What the reference alone says about the noise of one feature.

    Args:
        ordered: whether the feature is a number.
        bins: B.
        cells: single cells.
        design_effect: phi >= 1.
        least_binned: values that the statistics over bins need, before phi.
        largest_variance: the largest q (1 - q) of one cell, > 0.
        area: noise of Wasserstein in reference interquartile ranges.
        kurtosis: of the reference; NaN for a constant.
        moments: of the reference: rows, mean and variance in units (kernels.shift), shape (3,).
    """

    ordered: bool
    bins: int
    cells: int
    design_effect: float
    least_binned: int
    largest_variance: float
    area: AreaNoise
    kurtosis: float
    moments: F64

    def least_rows(self, statistic: str) -> int:
        """Present values that a window must hold for a statistic.

        Args:
            statistic: one of `sidecar.drift.effects.STATISTICS`.

        Returns:
            >= 1.
        """
        least = LEAST_ROWS.get(statistic, max(self.least_binned, LEAST_BINNED))
        return math.ceil(least * self.design_effect)

    def scale(self, rows: float, reference_rows: float) -> float:
        """S = phi (1/n + 1/m).

        Args:
            rows: n > 0.
            reference_rows: m > 0.

        Returns:
            s > 0.
        """
        return self.design_effect * (1.0 / rows + 1.0 / reference_rows)


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """The numbers of one window that its noise follows from.

    Args:
        noise: of the feature.
        spread: a reference interquartile range in the feature's unit; 0 for categories and constants.
        sizes: from `kernels.effect.measure_lanes`, shape (SIZES,).
        moments: rows, mean and variance in units (kernels.shift), shape (3,); 0 rows when not given.
    """

    noise: Noise
    spread: float
    sizes: F64
    moments: F64

    @property
    def rows(self) -> float:
        return float(self.sizes[effect.CURRENT_ROWS])

    @property
    def reference_rows(self) -> float:
        return float(self.sizes[effect.REFERENCE_ROWS])

    def scale(self) -> float:
        """S of the present values.

        Returns:
            phi (1/n + 1/m) > 0.
        """
        return self.noise.scale(self.rows, self.reference_rows)

    def moment_scale(self) -> float:
        """S of the finite values.

        Returns:
            phi (1/n + 1/m) > 0.
        """
        return self.noise.scale(float(self.moments[shift.ROWS]), float(self.noise.moments[shift.ROWS]))

    def psi_noise(self) -> tuple[float, float]:
        """PSI's mean without drift, and its critical value.

        Returns:
            Two numbers in nats.
        """
        return psi_noise(self.noise.bins, self.reference_rows, self.rows, self.noise.design_effect)


def psi_noise(
    bins: int, reference_rows: float, current_rows: float, design_effect: float = 1.0
) -> tuple[float, float]:
    """What PSI is without drift: its mean and the value that it exceeds once in a hundred windows.

    Args:
        bins: B >= 1.
        reference_rows: m > 0.
        current_rows: n > 0.
        design_effect: phi >= 1: rows that count as one.

    Returns:
        (B - 1) s, and s times the 0.99 quantile of chi-square with B - 1 degrees of freedom.

    Source: Yurdakul (2018), Western Michigan University dissertation 3208.
    Worked example: 10 bins, 10,000 against 500 rows: mean 0.0189, critical 0.0455.
    """
    scale = design_effect * (1.0 / reference_rows + 1.0 / current_rows)
    if bins < 2:
        return 0.0, 0.0
    return (bins - 1) * scale, scale * chi_square_quantile(1.0 - RISK, bins - 1)


Explained = tuple[float, tuple[float, float], float]


def _psi(window: Window, value: float) -> Explained:
    noise, sizes, scale = window.noise, window.sizes, window.scale()
    freedom = noise.bins - 1
    mean, critical = window.psi_noise()
    slopes = float(sizes[effect.PSI_CURRENT_VARIANCE]) / window.rows
    slopes += float(sizes[effect.PSI_REFERENCE_VARIANCE]) / window.reference_rows
    least = 2.0 * freedom * scale**2  # of PSI without drift; it has raised the slopes by twice as much
    half = Z_INTERVAL * math.sqrt(max(noise.design_effect * slopes - least, least))
    return (
        critical,
        (max(value - mean - half, 0.0), max(value - mean + half, 0.0)),
        scale * _noncentrality(freedom),
    )


def _distance(unit: float) -> Callable[[Window, float], Explained]:
    """Noise of a distance whose square is PSI over `unit` for small changes."""

    def explain(window: Window, value: float) -> Explained:
        freedom = window.noise.bins - 1
        scale = window.scale() / unit
        half = math.sqrt(scale * chi_square_quantile(CONFIDENCE, freedom))
        critical = math.sqrt(scale * chi_square_quantile(1.0 - RISK, freedom))
        return critical, _around(value, half, 1.0), math.sqrt(scale * _noncentrality(freedom))

    return explain


def _cramers_v(window: Window, value: float) -> Explained:
    freedom = window.noise.bins - 1
    scale = window.noise.design_effect / (window.rows + window.reference_rows)
    half = math.sqrt(scale * chi_square_quantile(CONFIDENCE, freedom))
    critical = math.sqrt(scale * chi_square_quantile(1.0 - RISK, freedom))
    return critical, _around(value, half, 1.0), math.sqrt(scale * _noncentrality(freedom))


def _ks(window: Window, value: float) -> Explained:
    """The band holds at all times of a growing window, at each of a sliding one; both sides share the 5 %."""
    phi, risk = window.noise.design_effect, (1.0 - CONFIDENCE) / 2.0
    least = max(1.0, window.noise.least_rows("ks") / phi)
    now = lil_band(max(window.rows / phi, least), least, SLOPE, _lil_constant(risk))
    half = now + dkw_band(window.reference_rows / phi, risk)
    root = math.sqrt(window.scale())
    return SMIRNOV * root, _around(value, half, 1.0), min((SMIRNOV + 0.5 * Z_POWER) * root, 1.0)


def _wasserstein(window: Window, value: float) -> Explained:
    area, root = window.noise.area, math.sqrt(window.scale())
    critical = root * area.quantile(1.0 - RISK)
    half = root * area.quantile(CONFIDENCE)
    detectable = critical + Z_POWER * root * math.sqrt(area.signed_square)
    return critical, _around(value, half, math.inf), detectable


def _mean_shift(window: Window, value: float) -> Explained:
    known, phi = window.noise.moments, window.noise.design_effect
    ratio = float(window.moments[shift.VARIANCE] / known[shift.VARIANCE])
    error = math.sqrt(phi * (ratio / window.moments[shift.ROWS] + 1.0 / known[shift.ROWS]))
    root = math.sqrt(window.moment_scale())
    half = Z_INTERVAL * error
    return Z_CRITICAL * root, (value - half, value + half), (Z_CRITICAL + Z_POWER) * root


def _log_sd_ratio(window: Window, value: float) -> Explained:
    root = math.sqrt(window.moment_scale() * max(window.noise.kurtosis - 1.0, 0.0)) / 2.0
    half = Z_INTERVAL * root
    return Z_CRITICAL * root, (value - half, value + half), (Z_CRITICAL + Z_POWER) * root


def _l_infinity(window: Window, value: float) -> Explained:
    """Bonferroni over the categories; the window's own variances are taken as large as they can be."""
    noise = window.noise
    root = math.sqrt(noise.largest_variance * window.scale())
    wide = noise.design_effect * (0.25 / window.rows + noise.largest_variance / window.reference_rows)
    half = _two_sided((1.0 - CONFIDENCE) / noise.cells) * math.sqrt(wide)
    critical = _two_sided(RISK / noise.cells) * root
    return critical, _around(value, half, 1.0), min(critical + Z_POWER * root, 1.0)


def _around(value: float, half: float, most: float) -> tuple[float, float]:
    return max(value - half, 0.0), min(value + half, most)


@lru_cache(maxsize=1024)
def _two_sided(risk: float) -> float:
    return NormalDist().inv_cdf(1.0 - risk / 2.0)


@lru_cache(maxsize=8)
def _lil_constant(risk: float) -> float:
    return lil_constant(risk, SLOPE)


def _noncentrality(freedom: int) -> float:
    return detectable_noncentrality(1.0 - RISK, POWER, freedom)


NOISES: dict[str, Callable[[Window, float], Explained]] = {
    "psi": _psi,
    "js_distance": _distance(JS_UNIT),
    "hellinger": _distance(8.0),
    "ks": _ks,
    "wasserstein": _wasserstein,
    "mean_shift": _mean_shift,
    "log_sd_ratio": _log_sd_ratio,
    "l_infinity": _l_infinity,
    "cramers_v": _cramers_v,
}
