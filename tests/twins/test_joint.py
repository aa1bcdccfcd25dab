"""What features do together, against plain twins."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import pdist

from kernels.fourier import (
    GRID,
    INFINITE,
    MISSING,
    TYPE_ERROR,
    WHOLE,
    add_cosines,
    cosine_table,
    grid_rows,
)
from kernels.lanes import TYPE_ERROR_NAN
from kernels.second_moments import add_gaps, round_rows
from sidecar.drift.chi_square import chi_square_quantile
from sidecar.drift.multivariate import JointComparison, mmd2
from sidecar.profile.directions import DIRECTIONS, FOURIER, SPREAD, direction_matrix, phase_offsets
from sidecar.profile.embedding import lay_out
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.fourier import FourierSums, build_fourier, make_phases
from sidecar.profile.joint import JointSums
from sidecar.profile.joint_reference import TURN_ROWS, build_joint, correlations
from sidecar.profile.learning import learn_reference
from sidecar.profile.principal import VARIANCE_SHARE, find_principal
from tests.twins import plain_joint

GOLD = Path(__file__).parents[1] / "corpus" / "gold" / "nannyml_reconstruction.json"


def rows_with_gaps(seed, n=200, width=4, missing=0.1):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, width)) @ rng.normal(size=(width, width)) + 3.0
    rows[rng.random(rows.shape) < missing] = np.nan
    rows[0, 0], rows[1, 1], rows[2, 2] = np.inf, -np.inf, 1e300
    return rows


def summed(rows, scales):
    rounded, absent = np.empty(rows.shape), np.zeros(rows.shape)
    columns = np.arange(rows.shape[1])
    n_absent = round_rows(rows, columns, np.column_stack([scales[:, 0], 1.0 / scales[:, 1]]), rounded, absent)
    sums = JointSums.empty(rows.shape[1])
    sums.add_rounded(rounded, absent, n_absent)
    return sums


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("readonly", [False, True])
def test_rows_are_rounded_as_python_rounds(seed, readonly):
    rows = rows_with_gaps(seed)
    rows.flags.writeable = not readonly
    scales = np.array([[3.0, 2.0**-13], [2.0, 2.0**-12], [0.0, 1.0]])
    columns = np.array([2, 0, 3])
    rounded, absent = np.empty((200, 3)), np.zeros((200, 3))
    n_absent = round_rows(rows, columns, np.column_stack([scales[:, 0], 1.0 / scales[:, 1]]), rounded, absent)
    for j, column in enumerate(columns):
        expected = plain_joint.whole_numbers(rows[:, column], *scales[j])
        assert rounded[:, j].tolist() == [0 if k is None else k for k in expected]
        assert absent[:, j].tolist() == [1.0 if k is None else 0.0 for k in expected]
    assert n_absent == absent.sum()


@pytest.mark.parametrize("seed", range(4))
def test_pairs_are_those_of_complete_rows(seed):
    rows = rows_with_gaps(seed)
    scales = np.tile([3.0, 2.0**-13], (4, 1))
    n, first, squares, products = summed(rows, scales).pairs()
    numbers = [plain_joint.whole_numbers(rows[:, j], 3.0, 2.0**-13) for j in range(4)]
    for i in range(4):
        for j in range(4):
            expected = plain_joint.pair_sums(list(zip(numbers[i], numbers[j], strict=True)))
            got = (n[i, j], first[i, j], first[j, i], squares[i, j], squares[j, i], products[i, j])
            assert tuple(map(int, got)) == expected


@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_correlations_are_those_of_scipy_over_complete_pairs(missing):
    """Rounding moves a correlation by about 2^-13 / sqrt(12 n), here 1.6e-6; five times that is allowed."""
    rng = np.random.default_rng(8)
    rows = np.clip(rng.normal(size=(500, 3)) @ rng.normal(size=(3, 3)), -7.9, 7.9)
    rows[rng.random(rows.shape) < missing] = np.nan
    n, found = correlations(summed(rows, np.tile([0.0, 2.0**-12], (3, 1))))
    for i, j in ((0, 1), (0, 2), (1, 2)):
        both = np.isfinite(rows[:, i]) & np.isfinite(rows[:, j])
        assert n[i, j] == both.sum()
        assert found[i, j] == pytest.approx(stats.pearsonr(rows[both, i], rows[both, j]).statistic, abs=8e-6)


def test_gaps_are_added_as_matrices_multiply():
    rng = np.random.default_rng(3)
    rounded = rng.integers(-100, 100, size=(50, 5)).astype(float)
    absent = (rng.random((50, 5)) < 0.3).astype(float)
    rounded[absent > 0] = 0.0
    both, lost, squares = (np.zeros((5, 5), dtype=np.int64) for _ in range(3))
    add_gaps(rounded, absent, both, lost, squares)
    assert both.tolist() == (absent.T @ absent).tolist()
    assert lost.tolist() == (absent.T @ rounded).tolist()
    assert squares.tolist() == (absent.T @ rounded**2).tolist()


def test_reconstruction_is_nannymls_formula_squared():
    """Sums of whole numbers of 2^-10 against rows in floating point: 2^-10 / sqrt(12 n) is 1.6e-5."""
    rng = np.random.default_rng(5)
    factors = rng.normal(size=(3, 8))
    train = rng.normal(size=(800, 3)) @ factors + 0.5 * rng.normal(size=(800, 8))
    rows = rng.normal(size=(300, 3)) @ factors + 0.6 * rng.normal(size=(300, 8))
    expected, components = plain_joint.reconstruction_errors(train, rows, VARIANCE_SHARE)
    scales = np.tile([0.0, 2.0**-10], (8, 1))
    principal = find_principal(summed(train, scales))
    assert principal.components == components
    assert principal.mean_error(summed(rows, scales)) == pytest.approx(expected.mean(), rel=5e-5)
    rounded = np.rint(rows / 2.0**-10)
    assert principal.row_errors(rounded) == pytest.approx(expected, abs=0.01)


def test_reconstruction_is_what_nannyml_prints():
    """Its number is the mean norm, ours the mean square; the errors are the same to the rounding of 2^-10."""
    (case,) = json.loads(GOLD.read_text())["cases"]
    reference, analysis = np.array(case["reference"]), np.array(case["analysis"])
    pivots = reference.mean(axis=0)
    scales = np.column_stack([pivots, np.full(5, 2.0**-10)])
    principal = find_principal(summed(reference, scales))
    assert principal.components == case["expected"]["n_components"]
    for rows, name in ((reference, "reference_errors"), (analysis, "analysis_errors")):
        norms = np.sqrt(principal.row_errors(np.rint((rows - pivots) / 2.0**-10)))
        found = norms.reshape(-1, 100).mean(axis=1)
        assert found == pytest.approx(case["expected"][name], rel=case["tolerance"])


def test_error_of_the_reference_is_that_of_its_second_half():
    rng = np.random.default_rng(6)
    rows = rng.normal(size=(640, 2)) @ rng.normal(size=(2, 5)) + rng.normal(size=(640, 5))
    specs = [FeatureSpec(f"f{k}", "input", "numeric") for k in range(5)]
    joint = build_joint(learn_reference(specs, rows, [()] * 5), rows, 128)
    first = np.arange(640) // TURN_ROWS % 2 == 0
    expected, components = plain_joint.reconstruction_errors(rows[first], rows[~first], VARIANCE_SHARE)
    assert joint.components == components
    assert joint.error_variance == pytest.approx(expected.var(ddof=1), rel=1e-4)
    found = JointComparison(joint, 100).reconstruction(joint.tested)
    assert found.error == found.reference == pytest.approx(expected.mean(), rel=5e-5)


def test_shape_of_a_correlation_is_that_of_its_influence_function():
    rng = np.random.default_rng(7)
    x = rng.exponential(size=3000)
    rows = np.column_stack([x, 0.5 * x + rng.exponential(size=3000)])
    specs = [FeatureSpec(name, "input", "numeric") for name in "xy"]
    features = learn_reference(specs, rows, [(), ()])
    joint = build_joint(features, rows, 128)
    k = np.column_stack([plain_joint.whole_numbers(rows[:, j], *joint.scales[j]) for j in (0, 1)])
    a, b = ((k - k.mean(axis=0)) / k.std(axis=0)).T
    r = float(np.mean(a * b))
    g = a * b - 0.5 * r * (a * a + b * b)
    variance, skew, kurtosis = joint.shapes[:, 0, 1]
    assert variance == pytest.approx(g.var() / (1 - r * r) ** 2, rel=1e-3)
    assert skew == pytest.approx(max(abs(stats.skew(g)), abs(stats.skew(a) * stats.skew(b))), rel=1e-3)
    independent = stats.kurtosis(a, fisher=False) * stats.kurtosis(b, fisher=False)
    assert kurtosis == pytest.approx(max(stats.kurtosis(g, fisher=False), independent), rel=1e-3)


def test_fishers_z():
    """Normal values: both of their correlations by scipy, z by hand."""
    rng = np.random.default_rng(9)
    before = rng.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], size=2000)
    after = rng.multivariate_normal([0, 0], [[1, 0.2], [0.2, 1]], size=400)
    specs = [FeatureSpec(name, "input", "numeric") for name in "xy"]
    joint = build_joint(learn_reference(specs, before, [(), ()]), before, 128)
    found = JointComparison(joint, 200).correlation_shift(summed(after, joint.scales))
    r, r_ref = stats.pearsonr(*after.T).statistic, stats.pearsonr(*before.T).statistic
    noise = math.sqrt(joint.shapes[0, 0, 1] * (1 / 397 + 1 / 1997))
    assert found.pair == ("x", "y")
    assert (found.current, found.reference) == (pytest.approx(r, abs=1e-3), pytest.approx(r_ref, abs=1e-3))
    assert found.z == pytest.approx((math.atanh(r) - math.atanh(r_ref)) / noise, abs=0.02)
    assert found.limit == pytest.approx(stats.norm.isf(0.005), rel=0.1)
    assert abs(found.z) > found.limit


def test_vectors_are_put_on_the_grid():
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(6, 9))
    rows[0, 3], rows[1, 4], rows[2, 5], rows[3, 2] = 1e6, np.nan, np.inf, TYPE_ERROR_NAN
    rows[4, 4], rows[4, 5] = np.inf, np.nan
    steps, norms, states = np.empty((6, 5)), np.empty(6), np.empty(6, dtype=np.int64)
    grid_rows(rows, 2, steps, norms, states)
    assert states.tolist() == [WHOLE, MISSING, INFINITE, TYPE_ERROR, MISSING, WHOLE]
    for i in (0, 5):
        expected = np.clip(rows[i, 2:7], -512, 512)
        assert steps[i] * GRID == pytest.approx(expected, abs=GRID)
        assert norms[i] == pytest.approx(np.linalg.norm(expected), rel=1e-7)
    assert np.isnan(norms[1:5]).all()
    assert not steps[1:5].any()


def test_directions_are_splitmix():
    matrix = direction_matrix(3)
    for place, direction in ((0, 0), (2, 255), (1, 17)):
        words = [plain_joint.splitmix64(place * 65536 + 4 * direction + at) for at in range(4)]
        assert matrix[place, direction] == sum(bin(word).count("1") for word in words) - 128
    sign = plain_joint.splitmix64(2 * 65536 + 1024 + 5) >> 63
    assert matrix[2, FOURIER + 5] == 2 * sign - 1
    assert phase_offsets()[9] == (plain_joint.splitmix64(2**40 + 9) >> 11) / 2**53


def test_cosines_are_those_of_numpy():
    """The table has 2,048 parts of a turn and steps of 1 / 4,096."""
    rng = np.random.default_rng(2)
    vectors = np.rint(rng.normal(size=(40, 12)) / GRID)
    products = np.ascontiguousarray(vectors @ direction_matrix(12))
    states = np.zeros(40, dtype=np.int64)
    states[3] = MISSING
    totals = np.zeros(FOURIER + 1, dtype=np.int64)
    phases = make_phases(1.7)
    assert add_cosines(products, states, phases, cosine_table(), totals) == 39
    angles = (vectors * GRID) @ direction_matrix(12)[:, :FOURIER] / SPREAD / 1.7 + 2 * np.pi * phase_offsets()
    cosines = np.cos(np.delete(angles, 3, axis=0))
    assert totals[:-1] / 4096 == pytest.approx(cosines.sum(axis=0), abs=39 * 0.002)
    assert totals[-1] / 4096**2 == pytest.approx((cosines**2).sum(), rel=1e-3)


def test_features_give_the_gaussian_kernel():
    """The scalar product of 256 features is off by 1 / sqrt(256) or so."""
    rng = np.random.default_rng(4)
    vectors = rng.normal(size=(60, 20))
    products = np.rint(vectors / GRID) @ direction_matrix(20)
    phases = make_phases(5.0)
    turns = products[:, :FOURIER] * phases[0] + phases[1:]
    features = math.sqrt(2.0 / FOURIER) * np.cos(2 * np.pi * turns)
    kernel = np.exp(-(pdist(vectors) ** 2) / 50.0)
    approximate = (features @ features.T)[np.triu_indices(60, 1)]
    assert np.abs(approximate - kernel).max() < 5.0 / math.sqrt(FOURIER)
    assert float(np.mean(approximate - kernel)) == pytest.approx(0.0, abs=0.02)


def test_mmd_is_the_double_sum():
    rng = np.random.default_rng(3)
    layout = lay_out(16, [("e", 0, 16)])
    phases = make_phases(5.0)
    sums, features = [], []
    for shift in (0.0, 0.4):
        rows = rng.normal(size=(50, 16)) + shift
        _, (vectors,) = layout.reduce(rows)
        made = FourierSums.empty()
        made.add(vectors.products, vectors.states, phases)
        sums.append(made)
        turns = vectors.products[:, :FOURIER] * phases[0] + phases[1:]
        places = ((turns - np.floor(turns)) * 2048).astype(int)
        features.append(math.sqrt(2.0 / FOURIER) * cosine_table()[places] / 4096)
    expected = plain_joint.mmd2_of_features(features[1], features[0])
    assert mmd2(sums[0], sums[1]) == pytest.approx(expected, rel=1e-9)


def test_bandwidth_is_the_median_distance():
    """By way of 256 directions: within 256^-1/2 or so."""
    rng = np.random.default_rng(5)
    rows = rng.normal(size=(400, 64)) * 0.1 + 2.0
    _, (vectors,) = lay_out(64, [("e", 0, 64)]).reduce(rows)
    found = build_fourier("e", 64, vectors.products, vectors.states)
    assert found.bandwidth == pytest.approx(float(np.median(pdist(rows))), rel=0.05)


def test_traces_are_without_the_bias_of_few_rows():
    """300 rows against 20,000 of the same vectors: what numpy finds with many."""
    rng = np.random.default_rng(6)
    rows = rng.normal(size=(20_000, 8))
    _, (vectors,) = lay_out(8, [("e", 0, 8)]).reduce(rows)
    few = build_fourier("e", 8, vectors.products[:300], vectors.states[:300])
    turns = vectors.products[:, :FOURIER] * few.phases()[0] + few.phases()[1:]
    covariance = np.cov(math.sqrt(2.0 / FOURIER) * np.cos(2 * np.pi * turns), rowvar=False)
    expected = [float(np.trace(np.linalg.matrix_power(covariance, power))) for power in (1, 2, 3)]
    assert list(few.traces) == pytest.approx(expected, rel=0.25)
    assert few.traces[1] == pytest.approx(expected[1], rel=0.05)


@pytest.mark.parametrize("freedom", [0.5, 1.7, 33.3, 250.4])
def test_chi_square_of_broken_freedom(freedom):
    assert chi_square_quantile(0.99, freedom) == pytest.approx(stats.chi2.ppf(0.99, freedom), rel=1e-9)


def test_projections_keep_distances():
    """Achlioptas: the mean over 16 signs of (x . s)^2 / d is |x|^2 / d on average."""
    rng = np.random.default_rng(7)
    rows = rng.normal(size=(500, 384))
    features, _ = lay_out(384, [("e", 0, 384)]).reduce(rows)
    assert features[:, 0] == pytest.approx(np.linalg.norm(rows, axis=1), rel=1e-6)
    signs = direction_matrix(384)[:, FOURIER:DIRECTIONS]
    assert features[:, 1:] == pytest.approx(rows @ signs / math.sqrt(384), abs=1e-6)
