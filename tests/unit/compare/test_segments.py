from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from sidecar.compare.segments import CELLS, Axis, Segments, highest_rate, lowest_rate, relative_entropy

AXES = [Axis(f"f{number}", tuple(f"cell {cell}" for cell in range(CELLS))) for number in range(5)]


def filled(seed, n, rate_of):
    rng = np.random.default_rng(seed)
    segments = Segments(AXES)
    for cells in rng.integers(0, CELLS, size=(n, len(AXES))):
        segments.add(cells, float(rng.random() < rate_of(cells)))
    return segments


def test_a_cell_with_more_disagreement_is_found_and_told_first():
    segments = filled(1, 4000, lambda cells: 0.3 if cells[2] == 5 else 0.02)
    first = segments.top()[0]
    assert first.where == (("f2", "cell 5"),)
    assert first.rate == pytest.approx(0.3, abs=0.07)
    assert first.rate_elsewhere == pytest.approx(0.02, abs=0.01)
    assert 0.0 < first.excess_low < 0.3 - 0.02


def test_two_features_together_are_found_when_neither_alone_would_do():
    segments = filled(2, 20_000, lambda cells: 0.5 if cells[0] == 1 and cells[3] == 7 else 0.02)
    assert (("f0", "cell 1"), ("f3", "cell 7")) in [part.where for part in segments.top()]


def test_a_pair_is_not_told_beside_the_cell_that_explains_it():
    parts = filled(3, 20_000, lambda cells: 0.4 if cells[1] == 0 else 0.01).top()
    assert [part.where for part in parts] == [(("f1", "cell 0"),)]


def test_without_any_difference_hardly_ever_a_part_is_told():
    """700 parts looked at in each of 40 runs: a rule by part at 5 % would tell of dozens in every run."""
    told = sum(bool(filled(seed, 1500, lambda cells: 0.1).top()) for seed in range(40))
    assert told <= 4


def test_disagreements_between_0_and_1_count():
    segments = Segments(AXES[:1])
    for number in range(2000):
        segments.add([number % CELLS], 0.5 if number % CELLS == 3 else 0.01)
    assert [part.where for part in segments.top()] == [(("f0", "cell 3"),)]


def test_too_few_requests_say_nothing():
    assert filled(4, 60, lambda cells: 1.0 if cells[0] == 0 else 0.0).top() == []
    assert Segments(AXES).top() == []
    assert Segments([]).top() == []


def test_merging_is_counting_both():
    one, other = filled(5, 300, lambda cells: 0.2), filled(6, 300, lambda cells: 0.2)
    total = one.total + other.total
    sums = one.requests + other.requests
    one.merge(other)
    assert one.total == total == one.requests[0].sum()
    assert np.array_equal(one.requests, sums)


def test_features_beyond_the_limit_are_passed_over():
    segments = Segments([Axis(str(number), ("a",)) for number in range(100)])
    segments.add([0] * 100, 1.0)
    assert len(segments.axes) == 24
    assert segments.requests.shape == (24 + 24 * 23 // 2, CELLS * CELLS)


@pytest.mark.parametrize(("rate", "trials"), [(0.0, 10), (0.1, 200), (0.5, 50), (1.0, 10), (0.01, 1000)])
def test_bounds_fail_at_most_as_often_as_they_say(rate, trials):
    """At the upper bound, a count as low as the one seen has a probability of at most exp(-L)."""
    for level in (1.0, 3.0):
        high, low = highest_rate(rate, trials, level), lowest_rate(rate, trials, level)
        assert low <= rate <= high
        if rate < 1.0:
            assert binom.cdf(round(rate * trials), trials, high) <= np.exp(-level) + 1e-9
        if rate > 0.0:
            assert binom.sf(round(rate * trials) - 1, trials, low) <= np.exp(-level) + 1e-9


def test_relative_entropy():
    assert relative_entropy(0.5, 0.25) == pytest.approx(0.5 * np.log(2) + 0.5 * np.log(0.5 / 0.75))
    assert relative_entropy(0.0, 0.5) == relative_entropy(1.0, 0.5) == pytest.approx(np.log(2))


def test_it_goes_on_from_a_checkpoint():
    rng = np.random.default_rng(5)
    axes = [Axis(f"f{k}", tuple("abcdefgh")) for k in range(3)]
    whole = Segments(axes)
    for cells in rng.integers(0, 8, size=(2000, 3)):
        whole.add(cells.tolist(), float(cells[0] == 3 and rng.random() < 0.9))
    resumed = Segments.from_state(whole.to_state(), axes)
    for segments in (whole, resumed):
        segments.add([3, 3, 3], 1.0)
    assert whole.top()
    assert resumed.top() == whole.top()
    with pytest.raises(ValueError, match="cells that are none"):
        Segments.from_state(whole.to_state(), axes[:1])
