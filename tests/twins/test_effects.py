"""Kernels for effect sizes, boundaries and e-values against their plain twins on random inputs."""

from __future__ import annotations

import math

import numpy as np
import pytest

from kernels import (
    betting,
    confidence,
    contingency,
    discordant,
    distance,
    divergence,
    effect,
    empirical,
    moments,
    shift,
)
from kernels.lanes import FIRST_CELL, NEG_INF, POS_INF
from tests.twins import effects as plain


def counts_of(seed, cells, rows=500):
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.full(cells, 0.7))
    other = 0.7 * shares + 0.3 * rng.dirichlet(np.full(cells, 0.7))
    return rng.multinomial(rows, shares).astype(np.int64), rng.multinomial(rows // 3, other).astype(np.int64)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("cells", [1, 2, 7, 32])
@pytest.mark.parametrize("ordered", [True, False])
def test_all_effect_sizes_at_once(seed, cells, ordered):
    rng = np.random.default_rng(100 + seed)
    reference, current = counts_of(seed, cells)
    order = np.arange(cells) if ordered else rng.permutation(cells)
    ends = (rng.random(cells) < 0.6).astype(np.int64)
    ends[-1] = 1
    widths = rng.exponential(size=cells) * (rng.random(cells) < 0.8)
    lanes = []
    for counted in (reference, current):
        side = np.r_[rng.integers(0, 9, size=FIRST_CELL), counted, 77]
        side[NEG_INF], side[POS_INF] = counted[0] // 3, 0 if cells == 1 else counted[-1] // 4
        side[FIRST_CELL] -= side[NEG_INF]
        side[FIRST_CELL + cells - 1] -= side[POS_INF]
        lanes.append(side)
    sizes = np.empty(effect.SIZES)
    effect.measure_lanes(*lanes, np.array([order, ends]), widths, 0.5, sizes)
    read = slice(None) if ordered else order  # the distribution function is taken in the order of reading
    expected = plain.effect_sizes(reference, current, order, ends, widths, 0.5)
    if not ordered:
        gaps = np.cumsum(current[read]) / current.sum() - np.cumsum(reference[read]) / reference.sum()
        expected["KS"] = np.abs(gaps).max()
        del expected["AREA"], expected["SIGNED_AREA"]
    for name, value in expected.items():
        found = sizes[getattr(effect, name)]
        # the twin's 2,000 points a cell are exact to half a point where the functions cross
        bound = widths.sum() / 2000 if name == "AREA" else 1e-12 * max(1.0, abs(value))
        assert found == pytest.approx(value, abs=bound), name


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("cells", [2, 7, 31])
def test_single_statistics(seed, cells):
    reference, current = counts_of(seed, cells)
    every = plain.effect_sizes(reference, current, range(cells), [1] * cells, [0.0] * cells, 0.5)
    assert divergence.kl_divergence(reference, current, 0.5) == pytest.approx(every["KL"], abs=1e-14)
    assert divergence.hellinger(reference, current) == pytest.approx(every["HELLINGER"], abs=1e-14)
    assert distance.total_variation(reference, current) == pytest.approx(every["TOTAL_VARIATION"], abs=1e-14)
    assert contingency.chi_square(reference, current) == pytest.approx(every["CHI_SQUARE"], rel=1e-12)
    assert contingency.likelihood_ratio(reference, current) == pytest.approx(every["G"], rel=1e-11)
    assert contingency.cramers_v(reference, current) == pytest.approx(every["CRAMERS_V"], rel=1e-12)
    assert contingency.freedom(reference, current) == max(every["BINS"] - 1, 0)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("wild", [0.0, 20.0, 1e9])
def test_limited_moments(seed, wild):
    values = np.random.default_rng(seed).normal(size=300)
    values[7] += wild
    unit, sums, found = moments.unit_for(1.0, 0.1), np.zeros(4, dtype=np.int64), np.empty(3)
    moments.fill_sums(values, 0.1, unit, sums)
    shift.limited_moments(
        sums, np.array([values.min(), values.max()]), np.array([0.1, unit, -5.0, 5.0]), found
    )
    found *= [1.0, unit, unit * unit]
    mean, variance = plain.limited_moments(values, -5.0, 5.0)
    # rounded to 2^-26; a value of 32 scales that is taken out again leaves 1e-16 of its square behind
    assert found[shift.MEAN] + 0.1 == pytest.approx(mean, abs=1e-8)
    assert found[shift.VARIANCE] == pytest.approx(variance, rel=1e-7)


@pytest.mark.parametrize("one_sided", [False, True])
@pytest.mark.parametrize(
    ("total", "variance", "rho"), [(-3.0, 5.0, 2.0), (4.0, 10.0, 30.0), (40.0, 100.0, 7.0)]
)
def test_normal_mixture(one_sided, total, variance, rho):
    found = math.exp(confidence.normal_log_mixture(total, variance, rho, one_sided))
    assert found == pytest.approx(plain.normal_mixture(total, variance, rho, one_sided), rel=1e-6)


@pytest.mark.parametrize(
    ("total", "variance", "rho", "scale"), [(4.0, 10.0, 8.0, 1.0), (30.0, 90.0, 20.0, 2.0)]
)
def test_gamma_exponential_mixture(total, variance, rho, scale):
    found = math.exp(confidence.gamma_exponential_log_mixture(total, variance, rho, scale))
    expected = plain.gamma_exponential_mixture(total, variance, rho, scale)
    assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("successes", "trials", "share"), [(3.0, 40.0, 0.2), (0.0, 9.0, 0.01), (70.5, 90.0, 0.6)]
)
def test_share_mixture(successes, trials, share):
    known = share * (1 - share)
    rho = max(confidence.best_rho(50.0 * known, 0.05, False) - known, 1e-3 * known)
    found = confidence.share_log_mixture(successes, trials, share, 50.0, 0.05)
    assert found == pytest.approx(plain.share_mixture(successes, trials, share, rho), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("variance", [3.0, 100.0, 1e6])
@pytest.mark.parametrize("scale", [0.0, 0.5])
def test_stitched_bound(variance, scale):
    found = confidence.stitched_bound(variance, 0.01, 10.0, scale)
    assert found == pytest.approx(plain.stitched(variance, 0.01, 10.0, scale), rel=1e-12)


@pytest.mark.parametrize(("alpha", "slope"), [(0.05, 0.85), (0.001, 0.85), (0.2, 1.0)])
def test_constant_of_the_empirical_band(alpha, slope):
    assert empirical.lil_constant(alpha, slope) == pytest.approx(plain.lil_constant(alpha, slope), rel=1e-5)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_quantile_difference(seed, share):
    rng = np.random.default_rng(seed)
    a, b = np.sort(rng.integers(0, 40, size=80) / 8.0), np.sort(rng.integers(5, 60, size=50) / 8.0)
    known = share * (1 - share)
    rho = max(confidence.best_rho(50.0 * known, 0.05, False) - known, 1e-3 * known)
    found = confidence.quantile_difference_p(a, b, share, 50.0, 0.05)
    # the twin looks at 200 points of what lies below a value
    assert math.log(found) == pytest.approx(math.log(plain.quantile_difference(a, b, share, rho)), abs=2e-2)


@pytest.mark.parametrize("seed", range(3))
def test_betting(seed):
    values = np.random.default_rng(seed).beta(2.0, 5.0, size=60)
    means = np.array([0.1, 0.3, 0.7])
    capitals = np.zeros((2, 3))
    betting.bet(values, means, 0.1, capitals, np.zeros(betting.STATE))
    for k, mean in enumerate(means):
        assert capitals[:, k] == pytest.approx(plain.hedged_capitals(values, mean, 0.1), rel=1e-10)


@pytest.mark.parametrize("mean", [-0.6, -0.01, 0.0, 0.01, 0.4])
@pytest.mark.parametrize("seed", range(3))
def test_discordant_pairs(seed, mean):
    values = np.random.default_rng(seed).choice([-1.0, 0.0, 1.0], p=[0.1, 0.6, 0.3], size=80)
    first, second = float((values < 0).sum()), float((values > 0).sum())
    found = discordant.discordant_log_capital(first, second, 80.0, mean)
    assert found == pytest.approx(math.log(plain.discordant_capital(values, mean)), rel=1e-10)


@pytest.mark.parametrize("seed", range(3))
def test_pairs_that_count_in_part_never_win_more(seed):
    """Sums of parts stand in for each pair's own mean, by concavity."""
    parts = np.random.default_rng(seed).dirichlet([1.0, 2.0, 3.0], size=60)  # first, second, neither
    for mean in (-0.3, 0.0, 0.05, 0.3):
        found = discordant.discordant_log_capital(parts[:, 0].sum(), parts[:, 1].sum(), 60.0, mean)
        assert found <= math.log(plain.discordant_capital(parts[:, 1] - parts[:, 0], mean)) + 1e-9
