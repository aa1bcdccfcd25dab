"""Every kernel against its plain twin on random inputs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from kernels import distance, divergence, moments, quantile, sequential
from kernels.binning import EDGES
from kernels.histogram import fill_block
from kernels.lanes import NUMERIC, UNCOUNTED
from kernels.sketch import CELLS
from tests.twins import plain

CASES = [(seed, bins) for seed in range(4) for bins in (1, 2, 7, 31)]


def counts_of(seed, bins, rows=500):
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.full(bins, 0.7))
    return rng.multinomial(rows, shares).astype(np.int64), rng.multinomial(rows // 3, shares).astype(np.int64)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("readonly", [False, True])
def test_block_is_counted_as_searchsorted_counts(seed, readonly):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(257, 5))
    rows[:, 3] = rng.integers(0, 9, size=257)
    rows[rng.random(rows.shape) < 0.1] = np.nan
    rows[0, 0], rows[1, 0], rows[2, 1] = np.inf, -np.inf, -np.inf
    edges = np.full((5, EDGES), np.inf)
    used = [int(rng.integers(0, EDGES + 1)) for _ in range(5)]
    for f, n in enumerate(used):
        edges[f, :n] = np.sort(rng.choice(rows[np.isfinite(rows)], size=n, replace=False))
    codes = np.array([NUMERIC, NUMERIC, NUMERIC, 6, UNCOUNTED])
    scales = np.column_stack([rng.normal(size=5), np.full(5, moments.unit_for(1.0, 0.0))])
    counts = np.zeros((5, 36), dtype=np.int64)
    sums, sketches = moments.empty_sums(5), np.zeros((5, CELLS), dtype=np.int64)
    extremes = moments.empty_extremes(5)
    rows.setflags(write=not readonly)
    fill_block(rows, edges, codes, scales, (counts, sums, sketches), extremes)
    for f in range(3):
        expected = plain.lanes(rows[:, f], edges[f, : used[f]])
        assert counts[f, : expected.size].tolist() == expected.tolist()
        assert counts[f, expected.size :].sum() == 0
        finite = rows[np.isfinite(rows[:, f]), f]
        assert sums[f, 0] == finite.size
        pivot, unit = scales[f]
        assert moments.mean(sums[f], pivot, unit) == pytest.approx(finite.mean(), abs=unit)
        assert moments.deviation(sums[f], unit) == pytest.approx(finite.std(ddof=1), rel=1e-8)
        assert extremes[f].tolist() == [finite.min(), finite.max()]
        assert sketches[f].tolist() == plain.sketch(finite, pivot, unit).tolist()
    assert counts[3, :11].tolist() == plain.code_lanes(rows[:, 3], 6).tolist()
    assert counts[4].sum() == 0
    assert sums[4, 0] == 0


@pytest.mark.parametrize(("seed", "bins"), CASES)
def test_divergences(seed, bins):
    reference, current = counts_of(seed, bins)
    assert divergence.psi(reference, current, 0.5) == pytest.approx(
        plain.psi(reference, current, 0.5), abs=1e-14
    )
    expected = plain.js_divergence(reference, current)
    assert divergence.js_divergence(reference, current) == pytest.approx(expected, abs=1e-14)
    # scipy takes the square root of a difference near 0, hence 1e-7
    assert math.sqrt(divergence.js_divergence(reference, current)) == pytest.approx(
        jensenshannon(reference, current, 2), abs=1e-7
    )


@pytest.mark.parametrize(("seed", "bins"), CASES)
def test_distances(seed, bins):
    reference, current = counts_of(seed, bins + 1)
    edges = np.cumsum(np.random.default_rng(seed).exponential(size=bins))
    assert distance.ks(reference, current) == pytest.approx(plain.ks(reference, current), abs=1e-15)
    found = distance.wasserstein(edges, reference, current, 0, bins - 1)
    # the twin's points are 1/400 of a cell apart, so it is off by at most half of that over the whole range
    width = edges[-1] - edges[0]
    expected = plain.wasserstein_by_points(edges, reference, current, 400)
    assert found == pytest.approx(expected, abs=width / 800 + 1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_quantiles_are_those_of_the_values_at_the_edges(seed):
    rng = np.random.default_rng(seed)
    values = np.sort(rng.normal(size=1000))
    edges = np.quantile(values, np.arange(1, 20) / 20)
    cells = plain.lanes(values, edges)[4:].astype(np.int64)
    for share in (0.05, 0.3, 0.5, 0.95):
        found = quantile.approx_quantile(edges, cells, values[0], values[-1], share)
        assert found == pytest.approx(np.quantile(values, share), abs=0.01)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("log_cap", [math.inf, 2.0])
def test_detector_is_the_plain_recursion(seed, log_cap):
    rng = np.random.default_rng(seed)
    null, theta = 0.2, 0.3
    panes = [(int(rng.binomial(n, 0.22)), n) for n in rng.integers(0, 30, size=40).tolist()]
    gains = np.array([[[math.log(theta / null), math.log((1 - theta) / (1 - null))]]])
    layout = (np.zeros(1, dtype=np.int64), np.array([0, 1]), np.ones(1))
    values, found = np.zeros((1, 1)), np.empty((1, 2))
    for successes, trials in panes:
        tallies = np.array([[float(successes), float(trials)]])
        sequential.advance_streams(tallies, layout, gains, min(log_cap, 500.0), values, found)
    assert values[0, 0] == pytest.approx(plain.e_detector(panes, null, theta, log_cap), rel=1e-10)
