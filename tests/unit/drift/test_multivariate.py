from __future__ import annotations

import json

import numpy as np
import pytest

from sidecar.drift.multivariate import (
    JointComparison,
    JointEffects,
    embedding_shift,
    mmd2,
    mmd2_limit,
)
from sidecar.profile.embedding import lay_out
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.fourier import FourierSums, build_fourier
from sidecar.profile.joint import JointFill, JointSums
from sidecar.profile.joint_reference import build_joint
from sidecar.profile.learning import learn_reference

WIDTH = 5
LOADS = np.array([[1.0, 0.9, 0.8, 0.1, 0.0]])


def rows_of(n, seed=1, loads=LOADS):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 1)) @ loads + 0.6 * rng.normal(size=(n, WIDTH))


def comparison_of(rows=None, min_rows=200, names="abcde"):
    rows = rows_of(4000) if rows is None else rows
    specs = [FeatureSpec(name, "input", "numeric") for name in "abcde"]
    joint = build_joint(learn_reference(specs, rows, [()] * WIDTH), rows, 128)
    joined, space = joint.among(list(names))
    return JointComparison(joined, min_rows), JointFill(space)


def sums_of(fill, rows):
    sums = JointSums.empty(fill.space.width)
    fill.add(np.ascontiguousarray(rows), sums)
    fill.flush(sums)
    return sums


def test_calm_window_is_below_its_limits():
    comparison, fill = comparison_of()
    sums = sums_of(fill, rows_of(1000, seed=2))
    shift, error = comparison.correlation_shift(sums), comparison.reconstruction(sums)
    assert abs(shift.z) < shift.limit
    assert (shift.pairs, shift.rows) == (10, 1000)
    assert abs(error.z) < error.limit == pytest.approx(2.5758, abs=1e-4)
    assert comparison.reference_rows == 4000


def test_flipped_correlation_is_found_and_named():
    """Every feature alone is distributed as before."""
    comparison, fill = comparison_of()
    flipped = rows_of(300, seed=2, loads=LOADS * np.array([1, -1, 1, 1, 1]))
    sums = sums_of(fill, flipped)
    shift = comparison.correlation_shift(sums)
    assert "b" in shift.pair
    assert shift.reference > 0.5 > -0.5 > shift.current
    assert shift.z < -shift.limit
    error = comparison.reconstruction(sums)
    assert error.error > error.reference + error.smallest_shift
    assert error.z > error.limit


def test_lost_correlation_is_found():
    comparison, fill = comparison_of()
    rng = np.random.default_rng(3)
    rows = rows_of(500, seed=4)
    rows[:, 0] = rng.permutation(rows[:, 0])
    shift = comparison.correlation_shift(sums_of(fill, rows))
    assert shift.pair[0] == "a"
    assert abs(shift.current) < 0.2 < shift.reference


def test_smallest_shift_is_what_reaches_the_limit():
    comparison, fill = comparison_of(rows=np.random.default_rng(5).normal(size=(4000, WIDTH)))
    shift = comparison.correlation_shift(sums_of(fill, rows_of(400, loads=0 * LOADS)))
    assert 0.1 < shift.smallest_shift < 0.35
    more = comparison.correlation_shift(sums_of(fill, rows_of(4000, loads=0 * LOADS)))
    assert more.smallest_shift < shift.smallest_shift


def test_few_rows_say_nothing():
    comparison, fill = comparison_of()
    sums = sums_of(fill, rows_of(199))
    assert comparison.correlation_shift(sums) is None
    assert comparison.reconstruction(sums) is None
    assert comparison.correlation_shift(JointSums.empty(WIDTH)) is None


def test_rows_that_depend_on_each_other_widen_the_noise():
    comparison, fill = comparison_of()
    sums = sums_of(fill, rows_of(1000, seed=2, loads=1.2 * LOADS))
    found = {
        phi: (comparison.correlation_shift(sums, phi), comparison.reconstruction(sums, phi))
        for phi in (1.0, 4.0)
    }
    assert found[4.0][0].z == pytest.approx(found[1.0][0].z / 2.0)
    assert found[4.0][1].z == pytest.approx(found[1.0][1].z / 2.0)


def test_gaps_are_left_out_pair_by_pair():
    comparison, fill = comparison_of()
    rows = rows_of(800, seed=6)
    rows[:500, 4] = np.nan
    shift = comparison.correlation_shift(sums_of(fill, rows))
    assert abs(shift.z) < shift.limit
    rows[:, 4] = np.nan
    assert comparison.correlation_shift(sums_of(fill, rows)).pairs == 6


def test_constant_features_have_no_correlation():
    comparison, fill = comparison_of()
    rows = rows_of(800, seed=6)
    rows[:, 2] = 1.0
    assert comparison.correlation_shift(sums_of(fill, rows)).pairs == 6


def test_exact_copies_may_part():
    """Correlation 1 in the reference: the transform is held at 0.9999."""
    rows = rows_of(2000)
    rows[:, 1] = rows[:, 0]
    comparison, fill = comparison_of(rows)
    together = rows_of(500, seed=2)
    together[:, 1] = together[:, 0]
    calm = comparison.correlation_shift(sums_of(fill, together))
    assert abs(calm.z) < calm.limit
    apart = comparison.correlation_shift(sums_of(fill, rows_of(500, seed=2)))
    assert apart.pair == ("a", "b")
    assert apart.z < -apart.limit


@pytest.mark.parametrize("n", [300, 3000])
def test_one_wild_row_is_no_shift(n):
    comparison, fill = comparison_of()
    calm = rows_of(n, seed=2)
    wild = calm.copy()
    wild[7] = 1e6
    before, after = (comparison.correlation_shift(sums_of(fill, rows)) for rows in (calm, wild))
    assert abs(after.z) < after.limit
    i, j = ("abcde".index(name) for name in after.pair)
    assert abs(after.current - np.corrcoef(calm[:, i], calm[:, j])[0, 1]) < 64.0 / n
    assert abs(before.z) < before.limit
    before, after = (comparison.reconstruction(sums_of(fill, rows)) for rows in (calm, wild))
    assert abs(after.error - before.error) < 64.0 * WIDTH / n


def test_traffic_without_some_features_has_no_reconstruction():
    comparison, fill = comparison_of(names="eca")
    sums = sums_of(fill, rows_of(500, seed=2)[:, :3])
    assert comparison.reconstruction(sums) is None
    assert comparison.correlation_shift(sums).pairs == 3


# --- embeddings

DIMENSION = 64


def vectors_of(n, seed=1, shift=0.0):
    rows = np.random.default_rng(seed).normal(size=(n, DIMENSION)) + shift
    return lay_out(DIMENSION, [("e", 0, DIMENSION)]).reduce(rows)[1][0]


def embedding_of(n=1000):
    vectors = vectors_of(n)
    return build_fourier("e", DIMENSION, vectors.products, vectors.states)


def fourier_sums_of(reference, vectors):
    sums = FourierSums.empty()
    sums.add(vectors.products, vectors.states, reference.phases())
    return sums


def test_calm_and_moved_vectors():
    reference = embedding_of()
    calm = embedding_shift(reference, fourier_sums_of(reference, vectors_of(500, seed=2)), 200)
    assert calm.mmd2 < calm.limit
    assert (calm.rows, calm.reference_rows, calm.dimension) == (500, 1000, DIMENSION)
    moved = embedding_shift(reference, fourier_sums_of(reference, vectors_of(500, seed=2, shift=0.1)), 200)
    assert moved.mmd2 > moved.limit == calm.limit


def test_few_vectors_say_nothing():
    reference = embedding_of()
    found = embedding_shift(reference, fourier_sums_of(reference, vectors_of(199)), 200)
    assert (found.mmd2, found.limit, found.rows) == (None, None, 199)
    assert found.to_json()["beyond_limit"] is None
    assert embedding_shift(reference, FourierSums.empty(), 0).mmd2 is None


def test_mmd_of_a_sample_with_itself_is_below_zero():
    """What is taken off for noise is all that is there."""
    reference = embedding_of()
    assert mmd2(reference.sums, reference.sums) < 0.0


def test_limit_shrinks_with_the_rows_and_grows_with_dependence():
    reference = embedding_of()
    assert mmd2_limit(reference.traces, 1000, 1000) == pytest.approx(
        mmd2_limit(reference.traces, 500, 500) / 2.0
    )
    sums = fourier_sums_of(reference, vectors_of(300))
    plain, wide = (embedding_shift(reference, sums, 200, phi).limit for phi in (1.0, 3.0))
    assert wide == pytest.approx(3.0 * plain)


def test_vectors_that_were_all_the_same_have_no_noise():
    assert mmd2_limit((0.0, 0.0, 0.0), 100, 100) == 0.0


def test_limit_of_one_direction_is_that_of_a_square():
    """One eigenvalue of 1: chi-square with 1 degree of freedom, whose 0.99 quantile is 6.635, less 1."""
    assert mmd2_limit((1.0, 1.0, 1.0), 100, 100) == pytest.approx((6.6349 - 1.0) / 50.0, rel=1e-4)


def test_json_is_plain():
    comparison, fill = comparison_of()
    sums = sums_of(fill, rows_of(500, seed=2))
    reference = embedding_of()
    effects = JointEffects(
        features=WIDTH,
        rows=500,
        reference_rows=4000,
        correlation=comparison.correlation_shift(sums),
        reconstruction=comparison.reconstruction(sums),
        embeddings=(embedding_shift(reference, fourier_sums_of(reference, vectors_of(500)), 200),),
    )
    body = json.loads(json.dumps(effects.to_json(), allow_nan=False))
    assert list(body) == ["features", "rows", "reference_rows", "correlation", "reconstruction", "embeddings"]
    assert body["correlation"]["beyond_limit"] is False
    assert body["reconstruction"]["beyond_limit"] is False
    assert body["embeddings"][0]["name"] == "e"
    nothing = JointEffects(0, 10, 0, None, None, ()).to_json()
    assert (nothing["correlation"], nothing["reconstruction"], nothing["embeddings"]) == (None, None, [])
