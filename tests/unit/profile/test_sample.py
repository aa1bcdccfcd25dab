from __future__ import annotations

import numpy as np
import pytest

from sidecar.profile.cells import Cells, join_texts
from sidecar.profile.priority import row_priorities
from sidecar.profile.sample import RowSample

N = 5000
NUMBERS = np.arange(N, dtype=np.float64)
TEXTS = [None if row % 11 == 0 else f"t{row % 700}" for row in range(N)]
PRIORITIES = row_priorities(9, 0, N)


def sample_of(rows, limit=300):
    made = RowSample(limit)
    for start in range(0, len(rows), 450):
        some = rows[start : start + 450]
        cells = {
            "n": Cells(NUMBERS[some]),
            "t": Cells(np.full(some.size, np.nan), join_texts([TEXTS[row] for row in some])),
        }
        made.add(PRIORITIES[some], cells)
    made.settle(limit)
    return made


def state(sample):
    sample.sort()
    return sample.to_state()


def test_rows_of_smallest_priority_are_kept_whole():
    sample = sample_of(np.arange(N))
    sample.sort()
    kept = np.argsort(PRIORITIES)[:300]
    assert sample.size == 300
    assert sample.columns["n"].numbers[:300].tolist() == NUMBERS[kept].tolist()
    column = sample.columns["t"]
    texts = [None if code < 0 else column.texts[code] for code in column.codes[:300].tolist()]
    assert texts == [TEXTS[row] for row in kept]


def test_all_rows_are_kept_up_to_the_limit():
    assert sample_of(np.arange(300)).size == 300
    assert sample_of(np.arange(301)).size == 300


def test_any_order_and_grouping_gives_the_same_state():
    whole = state(sample_of(np.arange(N)))
    order = np.random.default_rng(5).permutation(N)
    assert state(sample_of(order)) == whole
    parts = [sample_of(order[start : start + 1000]) for start in range(0, N, 1000)]
    left, right = parts[0], parts[4]
    for part in parts[1:3]:
        left.merge(part)
    right.merge(parts[3])
    right.merge(left)
    assert state(right) == whole


def test_ties_are_never_broken():
    made = RowSample(10)
    made.add(np.repeat(np.array([5, 3], dtype=np.uint64), 8), {"n": Cells(np.arange(16.0))})
    made.settle(10)
    assert made.size == 16  # the tenth smallest priority is that of eight rows
    made.settle(8)
    assert made.columns["n"].numbers[: made.size].tolist() == list(range(8, 16))


def test_a_column_that_comes_later_is_missing_before():
    made = RowSample(10)
    made.add(np.array([1, 2], dtype=np.uint64), {"a": Cells(np.array([1.0, 2.0]))})
    made.add(np.array([3], dtype=np.uint64), {"b": Cells(np.array([9.0]))})
    assert made.columns["a"].numbers[:3] == pytest.approx([1.0, 2.0, np.nan], nan_ok=True)
    assert made.columns["b"].numbers[:3] == pytest.approx([np.nan, np.nan, 9.0], nan_ok=True)


def test_every_row_is_equally_likely_to_be_kept():
    hits = np.zeros(50)
    for seed in range(400):
        made = RowSample(10)
        made.add(row_priorities(seed * 7919 + 1, 0, 50), {"n": Cells(np.arange(50.0))})
        made.settle(10)
        hits[made.columns["n"].numbers[:10].astype(int)] += 1
    # 400 draws of 10 from 50: 80 expected each, sd 8; five sd
    assert np.abs(hits - 80).max() < 40


def test_room_is_bounded_and_texts_are_let_go():
    made = RowSample(500)
    for start in range(0, 100_000, 5000):
        texts = join_texts([f"row {start + row}" for row in range(5000)])
        made.add(row_priorities(1, start, 5000), {"t": Cells(np.full(5000, np.nan), texts)})
    made.settle(500)
    assert made.columns["t"].numbers.size <= 1024
    assert len(made.columns["t"].texts) == 500


def test_occurrences_and_codes():
    made = RowSample(10)
    numbers = np.array([1.0, np.nan, np.nan, 1.0, np.nan, 2.5])
    texts = join_texts([None, "1", "x", None, None, None])
    made.add(np.arange(6, dtype=np.uint64), {"c": Cells(numbers, texts)})
    column = made.columns["c"]
    assert column.occurrences(6) == {"1": 3, "2.5": 1, "x": 1}
    assert column.coded(6, {"1": 4, "x": 5}, 0).tolist() == [4, 4, 5, 4, -1, 0]


def test_state_survives():
    made = sample_of(np.arange(N))
    packed = state(made)
    again = RowSample.from_state(packed)
    assert again.to_state() == packed
    again.merge(sample_of(np.arange(0)))
    assert state(again) == packed


@pytest.mark.parametrize("change", [{"numbers": b""}, {"codes": b"\x09\x00\x00\x00" * 300}, {"hashes": b""}])
def test_state_that_does_not_fit_together(change):
    packed = state(sample_of(np.arange(N)))
    packed["columns"]["t"] = {**packed["columns"]["t"], "texts": ["x"], **change}
    with pytest.raises(ValueError, match="a column that does not fit its sample"):
        RowSample.from_state(packed)
