from __future__ import annotations

import numpy as np
import pytest

from kernels.moments import unit_for
from kernels.second_moments import BLOCK_ROWS, LIMIT, MOST_ROWS, STEP_BITS, add_gaps, round_rows, step_of


def rounded(values, pivot=0.0, step=1.0):
    rows = np.array(values, dtype=float)[:, None]
    out, absent = np.empty_like(rows), np.zeros_like(rows)
    n_absent = round_rows(rows, np.array([0]), np.array([[pivot, 1.0 / step]]), out, absent)
    return out[:, 0].tolist(), absent[:, 0].tolist(), n_absent


def test_halves_go_to_even_numbers():
    assert rounded([0.5, 1.5, -0.5, -1.5, 2.4])[0] == [0, 2, 0, -2, 2]


def test_far_values_count_as_those_at_the_rim():
    assert rounded([1e300, -1e300, LIMIT + 0.4, 1e6])[0] == [LIMIT, -LIMIT, LIMIT, LIMIT]


def test_what_is_not_finite_is_absent_and_zero():
    assert rounded([np.nan, np.inf, -np.inf, 3.0]) == ([0, 0, 0, 3], [1, 1, 1, 0], 3)


def test_no_rows():
    assert rounded([]) == ([], [], 0)


def test_columns_may_be_left_out_and_taken_in_any_order():
    rows = np.arange(12.0).reshape(3, 4)
    out, absent = np.empty((3, 2)), np.zeros((3, 2))
    round_rows(rows, np.array([3, 1]), np.tile([0.0, 1.0], (2, 1)), out, absent)
    assert out.tolist() == [[3, 1], [7, 5], [11, 9]]


@pytest.mark.parametrize("spread", [1.0, 3.7, 1e-9, 1e12])
def test_step_is_a_small_part_of_the_deviation_and_the_rim_far_out(spread):
    step = step_of(unit_for(spread, 0.0))
    assert 2.0**-STEP_BITS <= step / spread < 2.0 ** (1 - STEP_BITS)
    assert 4.0 <= step * LIMIT / spread < 8.0


def test_products_of_a_block_are_exact_in_float64_and_of_all_rows_in_int64():
    assert LIMIT**2 * BLOCK_ROWS == 2.0**53
    assert LIMIT**2 * MOST_ROWS == 2.0**63


def test_worst_rows_are_multiplied_exactly_whatever_blas_does():
    """Numbers at the rim with odd ones between: any rounding on the way would show."""
    rng = np.random.default_rng(1)
    block = np.where(rng.random((50_000, 7)) < 0.5, LIMIT, -LIMIT) + rng.integers(0, 2, size=(50_000, 7))
    whole = block.astype(np.int64)
    assert (block.T @ block).astype(np.int64).tolist() == (whole.T @ whole).tolist()


def test_gaps():
    rows, absent = (
        np.array([[0.0, 5.0], [2.0, 0.0], [0.0, 0.0]]),
        np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]),
    )
    both, lost, squares = (np.zeros((2, 2), dtype=np.int64) for _ in range(3))
    add_gaps(rows, absent, both, lost, squares)
    assert both.tolist() == [[2, 1], [1, 2]]
    assert lost.tolist() == [[0, 5], [2, 0]]
    assert squares.tolist() == [[0, 25], [4, 0]]
