from __future__ import annotations

import numpy as np
import pytest

from kernels import fourier
from kernels.fourier import AMPLITUDE, GRID, INFINITE, MISSING, TABLE, TYPE_ERROR, WHOLE
from kernels.lanes import TYPE_ERROR_BITS, TYPE_ERROR_NAN


def on_grid(rows, first=0, width=None):
    rows = np.array(rows, dtype=float)
    steps = np.empty((len(rows), width or rows.shape[1]))
    norms, states = np.empty(len(rows)), np.empty(len(rows), dtype=np.int64)
    fourier.grid_rows(rows, first, steps, norms, states)
    return steps, norms.tolist(), states.tolist()


def cosines(products, scale=1.0, offset=0.0, states=None):
    products = np.array(products, dtype=float)[:, None]
    totals = np.zeros(2, dtype=np.int64)
    states = np.zeros(len(products), dtype=np.int64) if states is None else np.array(states)
    phases = np.array([scale, offset])
    n = fourier.add_cosines(products, states, phases, fourier.cosine_table(), totals)
    return n, totals.tolist()


def test_components_are_whole_numbers_of_steps():
    steps, norms, states = on_grid([[3.0, 4.0, 0.3 * GRID]])
    assert steps.tolist() == [[3.0 / GRID, 4.0 / GRID, 0.0]]
    assert (norms, states) == ([5.0], [WHOLE])


def test_large_components_are_cut():
    steps, norms, _ = on_grid([[1e300, 0.0], [-513.0, 0.0]])
    assert (steps[:, 0] * GRID).tolist() == [512.0, -512.0]
    assert norms == [512.0, 512.0]


@pytest.mark.parametrize(
    ("row", "state"),
    [
        ([1.0, np.nan], MISSING),
        ([np.nan, np.inf], MISSING),
        ([np.inf, np.nan], MISSING),
        ([np.inf, 1.0], INFINITE),
        ([1.0, -np.inf], INFINITE),
        ([TYPE_ERROR_NAN, np.nan], TYPE_ERROR),
        ([np.nan, TYPE_ERROR_NAN], TYPE_ERROR),
        ([np.inf, TYPE_ERROR_NAN], TYPE_ERROR),
    ],
)
def test_a_vector_is_whole_or_it_is_not(row, state):
    steps, norms, states = on_grid([row])
    assert states == [state]
    assert not steps.any()
    assert np.isnan(norms[0])


def test_other_columns_are_not_looked_at():
    steps, _, states = on_grid([[np.nan, 1.0, 2.0, np.inf]], first=1, width=2)
    assert (steps * GRID).tolist() == [[1.0, 2.0]]
    assert states == [WHOLE]


def test_type_error_is_that_of_the_lanes():
    assert fourier._TYPE_ERROR_BITS == TYPE_ERROR_BITS


def test_products_are_exact():
    assert fourier.COMPONENT_LIMIT / GRID * fourier.DIRECTION_LIMIT * fourier.MOST_COMPONENTS == 2.0**53


def test_table_is_a_turn_of_cosines():
    table = fourier.cosine_table()
    assert table.shape == (TABLE,)
    assert table.sum() == 0
    assert (table[0], table[TABLE // 2], table.max(), table.min()) == (AMPLITUDE, -AMPLITUDE, 4096, -4096)
    assert np.abs(table - 4096 * np.cos(2 * np.pi * (np.arange(TABLE) + 0.5) / TABLE)).max() <= 0.5


def test_cosine_of_turns():
    at = fourier.cosine_table()
    assert cosines([0.0]) == (1, [at[0], at[0] ** 2])
    assert cosines([0.25])[1][0] == at[TABLE // 4]
    assert cosines([7.25])[1] == cosines([0.25])[1] == cosines([-0.75])[1]
    assert cosines([1.0], scale=0.25, offset=0.25)[1] == cosines([0.5])[1]


def test_just_below_a_turn_is_the_last_part():
    assert cosines([-1e-18])[1][0] == fourier.cosine_table()[0]
    assert cosines([1.0 - 2.0**-53])[1][0] == fourier.cosine_table()[-1]


def test_only_whole_vectors_are_added():
    n, totals = cosines([0.0, 0.0, 0.0, 0.0], states=[WHOLE, MISSING, TYPE_ERROR, INFINITE])
    assert (n, totals) == (1, cosines([0.0])[1])


def test_totals_are_added_to():
    assert cosines([0.1, 0.2])[1] == (np.array(cosines([0.1])[1]) + np.array(cosines([0.2])[1])).tolist()
