from __future__ import annotations

import numpy as np
import pytest

from kernels.second_moments import MOST_ROWS
from sidecar.errors import ShapeMismatch
from sidecar.profile.joint import STAGE_ROWS, JointFill, JointSpace, JointSums


def space_of(width, step=2.0**-13):
    names = tuple(f"f{k}" for k in range(width))
    return JointSpace(names, np.arange(width), np.tile([0.0, step], (width, 1)))


def rows_of(n, width=3, missing=0.0, seed=1):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, width))
    rows[rng.random(rows.shape) < missing] = np.nan
    return rows


def sums_of(rows, sizes=None):
    fill = JointFill(space_of(rows.shape[1]))
    sums = JointSums.empty(rows.shape[1])
    start = 0
    for size in sizes or [len(rows)]:
        fill.add(rows[start : start + size], sums)
        start += size
    fill.flush(sums)
    return sums


def test_no_rows():
    sums = sums_of(np.empty((0, 3)))
    assert sums.rows == 0
    assert sums.to_state() == JointSums.empty(3).to_state()


def test_sums_are_those_of_whole_numbers():
    space = space_of(2, step=0.5)
    sums = JointSums.empty(2)
    fill = JointFill(space)
    fill.add(np.array([[1.0, -2.0], [0.5, np.nan]]), sums)
    fill.flush(sums)
    assert (sums.rows, sums.sums.tolist()) == (2, [3, -4])
    assert sums.products.tolist() == [[5, -8], [-8, 16]]
    assert sums.gaps.tolist() == [[[0, 0], [0, 1]], [[0, 0], [1, 0]], [[0, 0], [1, 0]]]


@pytest.mark.parametrize("missing", [0.0, 0.1])
@pytest.mark.parametrize("sizes", [[1] * 50, [STAGE_ROWS - 1, 1, 1, 2 * STAGE_ROWS, 3], [STAGE_ROWS] * 2])
def test_blocks_do_not_matter(sizes, missing):
    rows = rows_of(sum(sizes), missing=missing)
    assert sums_of(rows, sizes).to_state() == sums_of(rows).to_state()


def test_gaps_of_one_stage_are_not_those_of_the_next():
    rows = rows_of(2 * STAGE_ROWS)
    rows[: STAGE_ROWS // 2, 1] = np.nan
    assert sums_of(rows).gaps[0, 1, 1] == STAGE_ROWS // 2


def test_one_wild_value_weighs_as_one_at_the_rim():
    rows = rows_of(1000)
    wild, rim = rows.copy(), rows.copy()
    wild[5, 0], rim[5, 0] = 1e6, 4.0
    assert sums_of(wild).to_state() == sums_of(rim).to_state()


def test_merging_is_addition():
    rows = rows_of(900, missing=0.05)
    merged = sums_of(rows[:200])
    merged.merge(sums_of(rows[200:]))
    assert merged.to_state() == sums_of(rows).to_state()


def test_copies_do_not_change():
    sums = sums_of(rows_of(10))
    before = sums.copy().to_state()
    copy = sums.copy()
    sums.merge(sums_of(rows_of(10, missing=0.5)))
    assert copy.to_state() == before


def test_other_features_are_refused():
    with pytest.raises(ShapeMismatch) as refused:
        JointSums.empty(20).merge(JointSums.empty(19))
    assert str(refused.value) == "joint sums: expected 20 features, got 19"


def test_more_rows_than_int64_holds_are_refused():
    full = JointSums.empty(2)
    full.rows = MOST_ROWS
    with pytest.raises(ShapeMismatch) as refused:
        full.merge(sums_of(rows_of(1, width=2)))
    assert str(refused.value) == "joint sums: expected at most 8589934592 rows, got 8589934593"


@pytest.mark.parametrize("missing", [0.0, 0.1])
def test_state_is_whole(missing):
    sums = sums_of(rows_of(300, missing=missing))
    again = JointSums.from_state(sums.to_state(), 3)
    assert again.to_state() == sums.to_state()
    assert again.products.tolist() == sums.products.tolist()
    assert again.gaps.tolist() == sums.gaps.tolist()


def test_gaps_that_are_not_there_take_no_room():
    assert sums_of(rows_of(300)).to_state()["gaps"] == b""
    assert sums_of(rows_of(300)).gaps.nbytes == 0


def test_state_of_another_width_is_refused():
    with pytest.raises(ValueError, match="joint sums of 2 numbers, got 3"):
        JointSums.from_state(sums_of(rows_of(10)).to_state(), 2)
