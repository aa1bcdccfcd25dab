from __future__ import annotations

import numpy as np
import pytest

from kernels.distinct import N_FINITE, N_NEG_INF, N_POS_INF
from sidecar.profile.cells import Cells, join_arrays, join_texts
from sidecar.profile.tally import ColumnTally

MOST = 1000


def tally_of(*columns):
    made = ColumnTally(3)
    for cells in columns:
        made.add(cells, MOST)
    made.distinct.settle(MOST)
    return made


BARE = Cells(np.array([1.0, np.inf, np.nan, -2.0, -np.inf]))
WRITTEN = Cells(np.array([7.0, np.nan, np.nan, np.inf]), join_texts(["07", "x", None, "inf"]))
ARRAYS = join_arrays(np.array([3.0, 4.0, 1.0]), np.array([2, 0, 1]))


def test_bare_numbers():
    made = tally_of(BARE)
    assert made.kinds[[N_FINITE, N_POS_INF, N_NEG_INF]].tolist() == [2, 1, 1]
    assert (made.present, made.n_texts, made.written) == (4, 0, 0)
    assert made.extremes.tolist() == [-2.0, 1.0]


def test_numbers_in_a_file_of_text_count_by_how_they_were_written():
    made = tally_of(WRITTEN)
    assert (made.present, made.n_texts, made.written) == (3, 1, 3)
    assert made.extremes.tolist() == [7.0, 7.0]
    assert sorted(made.distinct.entries()) == [("07", 1), ("inf", 1), ("x", 1)]


def test_arrays_count_by_dimension():
    made = tally_of(ARRAYS)
    assert dict(made.dimensions) == {2: 1, 1: 1}
    assert (made.present, made.distinct.used) == (2, 0)


def test_any_order_gives_the_same():
    whole = tally_of(BARE, WRITTEN).to_state()
    left, right = tally_of(WRITTEN), tally_of(BARE)
    left.merge(right, MOST)
    assert left.to_state() == whole
    assert ColumnTally.from_state(whole).to_state() == whole


def test_the_first_position_counts():
    first, second = ColumnTally(5), ColumnTally(2)
    first.merge(second, MOST)
    assert first.position == 2


def test_state_that_does_not_fit():
    state = tally_of(BARE).to_state()
    with pytest.raises(ValueError, match=r"\w"):
        ColumnTally.from_state({**state, "lengths": [1, 2]})
