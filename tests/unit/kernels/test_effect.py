from __future__ import annotations

import math

import numpy as np
import pytest

from kernels import effect
from kernels.effect import measure_lanes
from kernels.lanes import FIRST_CELL, MISSING, NEG_INF, POS_INF, TYPE_ERROR


def lanes(cells, missing=0, type_error=0, pos_inf=0, neg_inf=0):
    found = np.zeros(FIRST_CELL + len(cells), dtype=np.int64)
    found[[MISSING, TYPE_ERROR, POS_INF, NEG_INF]] = missing, type_error, pos_inf, neg_inf
    found[FIRST_CELL:] = cells
    return found


def measure(reference, current, order=None, ends=None, widths=None, pseudo_count=0.5):
    cells = reference.size - FIRST_CELL
    plan = np.array([range(cells) if order is None else order, [1] * cells if ends is None else ends])
    sizes = np.full(effect.SIZES, 7.0)  # whatever was there is overwritten
    widths = np.zeros(cells) if widths is None else np.array(widths, dtype=np.float64)
    measure_lanes(reference, current, plan.astype(np.int64), widths, pseudo_count, sizes)
    return sizes


def test_two_cells_by_hand():
    sizes = measure(lanes([50, 50]), lanes([30, 70]), pseudo_count=1e-12)
    assert sizes[effect.PSI] == pytest.approx(0.16945957, abs=1e-8)
    assert sizes[effect.KL] == pytest.approx(0.3 * math.log(0.6) + 0.7 * math.log(1.4), abs=1e-10)
    assert sizes[effect.KS] == 0.2
    assert sizes[effect.TOTAL_VARIATION] == pytest.approx(0.2, abs=1e-15)
    assert sizes[effect.LARGEST] == 0.2
    assert sizes[effect.CHI_SQUARE] == pytest.approx(100 / 12, rel=1e-13)
    assert sizes[effect.CRAMERS_V] == pytest.approx(math.sqrt(100 / 12 / 200), rel=1e-13)
    assert sizes[effect.HELLINGER] == pytest.approx(
        math.sqrt(1 - math.sqrt(0.15) - math.sqrt(0.35)), rel=1e-10
    )
    assert sizes[effect.BINS] == 2


def test_infinities_are_in_the_outermost_cells_and_missing_ones_nowhere():
    plain = measure(lanes([50, 30, 20]), lanes([40, 30, 30]))
    odd = measure(
        lanes([48, 30, 15], missing=9, neg_inf=2, pos_inf=5),
        lanes([33, 30, 29], type_error=4, neg_inf=7, pos_inf=1),
    )
    assert odd.tolist() == plain.tolist()
    assert (odd[effect.REFERENCE_ROWS], odd[effect.CURRENT_ROWS]) == (100, 100)


def test_one_cell_takes_both_infinities():
    sizes = measure(lanes([5], neg_inf=1, pos_inf=2), lanes([3], pos_inf=1))
    assert (sizes[effect.REFERENCE_ROWS], sizes[effect.CURRENT_ROWS]) == (8, 4)
    assert sizes[effect.PSI] == 0.0


def test_bins_are_joined_in_the_order_given():
    reference, current = lanes([10, 60, 5, 25]), lanes([20, 30, 20, 30])
    joined = measure(reference, current, order=[1, 3, 0, 2], ends=[1, 1, 0, 1])
    assert joined[effect.PSI] == pytest.approx(measure(lanes([60, 25, 15]), lanes([30, 30, 40]))[effect.PSI])
    assert joined[effect.LARGEST] == pytest.approx(0.3)
    assert joined[effect.LARGEST_CELL] == 1


def test_areas_are_those_of_the_widths():
    sizes = measure(lanes([0, 1, 0, 0]), lanes([0, 0, 1, 0]), widths=[0, 1, 1, 0])
    assert (sizes[effect.AREA], sizes[effect.SIGNED_AREA]) == (1.0, 1.0)
    back = measure(lanes([0, 0, 1, 0]), lanes([0, 1, 0, 0]), widths=[0, 1, 1, 0])
    assert (back[effect.AREA], back[effect.SIGNED_AREA]) == (1.0, -1.0)
    crossing = measure(lanes([0, 2, 0, 0, 2, 0]), lanes([0, 0, 2, 2, 0, 0]), widths=[0, 1, 1, 1, 1, 0])
    assert crossing[effect.AREA] == pytest.approx(1.0, abs=1e-15)
    assert crossing[effect.SIGNED_AREA] == pytest.approx(0.0, abs=1e-15)


def test_lanes_behind_the_feature_are_not_read():
    wide = np.r_[lanes([3, 4]), [99, 99]]
    sizes, expected = np.empty(effect.SIZES), measure(lanes([5, 5]), lanes([3, 4]))
    measure_lanes(lanes([5, 5]), wide, np.array([[0, 1], [1, 1]]), np.zeros(2), 0.5, sizes)
    assert sizes.tolist() == expected.tolist()


@pytest.mark.parametrize(("a", "b"), [([0, 0], [1, 2]), ([1, 2], [0, 0]), ([0, 0], [0, 0])])
def test_empty_side_is_nan(a, b):
    sizes = measure(lanes(a, missing=5), lanes(b, missing=5))
    assert np.isnan(sizes[effect.BINS :]).all()
    assert sizes[: effect.BINS].tolist() == [sum(a), sum(b)]


def test_psi_variance_is_that_of_repeated_samples():
    """First-order variance over n and m against 4,000 draws far from the null."""
    rng = np.random.default_rng(6)
    q, p, m, n = np.array([0.2, 0.3, 0.5]), np.array([0.4, 0.35, 0.25]), 4000, 1500
    found = []
    for _ in range(4000):
        sides = lanes(rng.multinomial(m, q)), lanes(rng.multinomial(n, p))
        found.append(measure(*sides)[effect.PSI])
    exact = measure(lanes(q * 1e9), lanes(p * 1e9))
    expected = exact[effect.PSI_CURRENT_VARIANCE] / n + exact[effect.PSI_REFERENCE_VARIANCE] / m
    assert np.var(found) == pytest.approx(expected, rel=0.1)  # 4,000 draws: 2 % standard error
