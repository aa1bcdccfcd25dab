from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import kstwobign, norm

from kernels import effect
from kernels.empirical import SLOPE, dkw_band, lil_band, lil_constant
from sidecar.drift.area import AreaNoise
from sidecar.drift.chi_square import chi_square_quantile, detectable_noncentrality
from sidecar.drift.noise import NOISES, Noise, Window, psi_noise

ROWS, REFERENCE_ROWS = 500.0, 10_000.0
SCALE = 1 / 500 + 1 / 10_000


def noise(**changes):
    fields = {
        "ordered": True,
        "bins": 10,
        "cells": 24,
        "design_effect": 1.0,
        "least_binned": 200,
        "largest_variance": 0.2,
        "area": AreaNoise(0.3, 0.2),
        "kurtosis": 3.0,
        "moments": np.array([REFERENCE_ROWS, 0.5, 4.0]),
    }
    return Noise(**(fields | changes))


def window(of=None, **sizes):
    measured = np.zeros(effect.SIZES)
    measured[[effect.REFERENCE_ROWS, effect.CURRENT_ROWS]] = REFERENCE_ROWS, ROWS
    for name, value in sizes.items():
        measured[getattr(effect, name)] = value
    return Window(of or noise(), 1.0, measured, np.array([ROWS, 0.5, 4.0]))


def test_worked_example_of_psi():
    mean, critical = psi_noise(10, 10_000, 500)
    assert mean == pytest.approx(0.0189, abs=5e-5)
    assert critical == pytest.approx(0.0455, abs=5e-5)


def test_one_bin_has_no_noise():
    assert psi_noise(1, 100, 100) == (0.0, 0.0)


def test_psi_without_drift():
    critical, (low, high), detectable = NOISES["psi"](window(), 9 * SCALE)
    assert critical == pytest.approx(SCALE * 21.666, rel=1e-4)
    assert low == 0.0
    assert high == pytest.approx(1.96 * SCALE * math.sqrt(18), rel=1e-3)
    assert detectable == pytest.approx(SCALE * detectable_noncentrality(0.99, 0.8, 9), rel=1e-12)


def test_psi_far_from_the_null_has_the_variance_of_its_slopes():
    moved = window(PSI_CURRENT_VARIANCE=3.0, PSI_REFERENCE_VARIANCE=2.0)
    _, (low, high), _ = NOISES["psi"](moved, 0.8)
    variance = 3 / ROWS + 2 / REFERENCE_ROWS - 2 * 9 * SCALE**2
    assert high - low == pytest.approx(2 * 1.95996 * math.sqrt(variance), rel=1e-4)
    assert (low + high) / 2 == pytest.approx(0.8 - 9 * SCALE, rel=1e-9)


@pytest.mark.parametrize(("name", "unit"), [("js_distance", 8 * math.log(2)), ("hellinger", 8.0)])
def test_distances_are_roots_of_psi_in_other_units(name, unit):
    psi_critical, _, psi_detectable = NOISES["psi"](window(), 0.1)
    critical, (low, high), detectable = NOISES[name](window(), 0.5)
    assert critical == pytest.approx(math.sqrt(psi_critical / unit), rel=1e-12)
    assert detectable == pytest.approx(math.sqrt(psi_detectable / unit), rel=1e-12)
    half = math.sqrt(SCALE / unit * chi_square_quantile(0.95, 9))
    assert (low, high) == pytest.approx((0.5 - half, 0.5 + half))


def test_cramers_v_is_the_root_of_chi_square_over_all_rows():
    critical, _, _ = NOISES["cramers_v"](window(noise(ordered=False)), 0.1)
    assert critical == pytest.approx(math.sqrt(21.666 / 10_500), rel=1e-4)


def test_ks_has_a_band_for_all_times_and_smirnovs_quantile():
    critical, (low, high), detectable = NOISES["ks"](window(), 0.3)
    assert critical == pytest.approx(kstwobign.ppf(0.99) * math.sqrt(SCALE), rel=1e-3)
    half = lil_band(ROWS, 50.0, SLOPE, lil_constant(0.025, SLOPE)) + dkw_band(REFERENCE_ROWS, 0.025)
    assert (low, high) == pytest.approx((0.3 - half, 0.3 + half))
    assert detectable == pytest.approx(critical + norm.ppf(0.8) * 0.5 * math.sqrt(SCALE), rel=1e-6)


def test_wasserstein_of_a_shift():
    critical, (low, high), detectable = NOISES["wasserstein"](window(), 0.02)
    assert critical == pytest.approx(math.sqrt(SCALE) * AreaNoise(0.3, 0.2).quantile(0.99))
    assert low == 0.0
    assert high == pytest.approx(0.02 + math.sqrt(SCALE) * AreaNoise(0.3, 0.2).quantile(0.95))
    assert detectable == pytest.approx(critical + norm.ppf(0.8) * math.sqrt(0.2 * SCALE))


def test_mean_shift_takes_both_variances():
    here = window()
    here.moments[2] = 16.0  # the window's deviation is twice the reference's
    critical, (low, high), detectable = NOISES["mean_shift"](here, 0.1)
    assert critical == pytest.approx(2.5758 * math.sqrt(SCALE), rel=1e-4)
    assert high - low == pytest.approx(2 * 1.95996 * math.sqrt(4 / ROWS + 1 / REFERENCE_ROWS), rel=1e-5)
    assert detectable == pytest.approx((2.5758 + 0.8416) * math.sqrt(SCALE), rel=1e-4)


def test_deviation_is_the_less_certain_the_heavier_the_tails():
    normal, _, _ = NOISES["log_sd_ratio"](window(), 0.1)
    heavy, _, _ = NOISES["log_sd_ratio"](window(noise(kurtosis=9.0)), 0.1)
    assert normal == pytest.approx(2.5758 * math.sqrt(SCALE / 2), rel=1e-4)
    assert heavy == pytest.approx(2.0 * normal)


def test_largest_share_is_one_of_many():
    few, _, _ = NOISES["l_infinity"](window(noise(ordered=False, cells=2)), 0.1)
    many, _, _ = NOISES["l_infinity"](window(noise(ordered=False, cells=50)), 0.1)
    assert few == pytest.approx(norm.ppf(1 - 0.01 / 4) * math.sqrt(0.2 * SCALE))
    assert many == pytest.approx(norm.ppf(1 - 0.01 / 100) * math.sqrt(0.2 * SCALE))


@pytest.mark.parametrize("name", sorted(NOISES))
def test_four_rows_that_count_as_one_double_what_noise_can_do(name):
    plain = NOISES[name](window(), 0.3)
    clumped = NOISES[name](window(noise(design_effect=4.0)), 0.3)
    factor = 4.0 if name == "psi" else 2.0
    assert clumped[0] == pytest.approx(factor * plain[0], rel=1e-9)
    assert clumped[2] == pytest.approx(factor * plain[2], rel=1e-9)


def test_least_rows():
    assert noise().least_rows("psi") == noise().least_rows("cramers_v") == 200
    assert noise(least_binned=5).least_rows("js_distance") == 20
    assert noise().least_rows("mean_shift") == 30
    assert noise(design_effect=2.5).least_rows("ks") == 125
