from __future__ import annotations

import math

import numpy as np
import pytest

from kernels.divergence import hellinger, js_divergence, kl_divergence, psi, psi_of_shares


def counts(*values):
    return np.array(values, dtype=np.int64)


def test_psi_of_the_textbook():
    assert psi(counts(50, 50), counts(30, 70), 0.0) == pytest.approx(0.16945957, abs=1e-8)


def test_psi_is_symmetric():
    a, b = counts(10, 20, 70), counts(5, 40, 55)
    assert psi(a, b, 0.5) == pytest.approx(psi(b, a, 0.5), rel=0.02)
    assert psi(a, b, 0.0) == pytest.approx(psi(b, a, 0.0), rel=1e-14)


def test_psi_of_equal_shares_is_zero():
    assert psi(counts(1, 2, 3), counts(10, 20, 30), 0.0) == 0.0


def test_empty_cell_without_pseudo_count_is_infinite():
    assert psi(counts(5, 5), counts(10, 0), 0.0) == math.inf
    assert math.isfinite(psi(counts(5, 5), counts(10, 0), 0.5))


def test_cell_empty_on_both_sides_counts_for_nothing():
    assert psi(counts(5, 5, 0), counts(3, 7, 0), 0.0) == psi(counts(5, 5), counts(3, 7), 0.0)


def test_js_bounds():
    assert js_divergence(counts(1, 0, 0), counts(0, 1, 0)) == 1.0
    assert js_divergence(counts(2, 3), counts(20, 30)) == 0.0


@pytest.mark.parametrize(("a", "b"), [((0, 0), (1, 2)), ((1, 2), (0, 0)), ((0, 0), (0, 0))])
def test_empty_side_is_nan(a, b):
    assert math.isnan(psi(counts(*a), counts(*b), 0.5))
    assert math.isnan(js_divergence(counts(*a), counts(*b)))
    assert math.isnan(kl_divergence(counts(*a), counts(*b), 0.5))
    assert math.isnan(hellinger(counts(*a), counts(*b)))


def test_floor_stands_for_empty_cells():
    found = psi_of_shares(np.array([0.5, 0.5, 0.0]), np.array([0.5, 0.4, 0.1]), 1e-4)
    expected = (0.4 - 0.5) * math.log(0.4 / 0.5) + (0.1 - 1e-4) * math.log(0.1 / 1e-4)
    assert found == pytest.approx(expected, rel=1e-14)


def test_kl_by_hand():
    expected = 0.3 * math.log(0.6) + 0.7 * math.log(1.4)
    assert kl_divergence(counts(50, 50), counts(30, 70), 0.0) == pytest.approx(expected, rel=1e-14)


def test_kl_looks_one_way_only():
    assert kl_divergence(counts(5, 5), counts(10, 0), 0.0) == pytest.approx(math.log(2), rel=1e-14)
    assert kl_divergence(counts(10, 0), counts(5, 5), 0.0) == math.inf
    assert math.isfinite(kl_divergence(counts(10, 0), counts(5, 5), 0.5))


def test_psi_is_kl_both_ways():
    a, b = counts(20, 30, 50), counts(5, 40, 55)
    both = kl_divergence(a, b, 0.5) + kl_divergence(b, a, 0.5)
    assert psi(a, b, 0.5) == pytest.approx(both, rel=1e-13)


def test_hellinger_bounds():
    assert hellinger(counts(1, 0), counts(0, 4)) == 1.0
    assert hellinger(counts(2, 3), counts(20, 30)) == 0.0
    assert hellinger(counts(50, 50), counts(18, 82)) == pytest.approx(
        math.sqrt(1 - math.sqrt(0.09) - math.sqrt(0.41)), rel=1e-12
    )
