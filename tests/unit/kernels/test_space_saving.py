from __future__ import annotations

import numpy as np
import pytest

from kernels.space_saving import COUNTERS, COUNTS, ERRORS, FREE, KEYS, empty_table, fill_table, merge_tables


def table_of(keys, counters=COUNTERS):
    table = empty_table(counters)
    fill_table(np.asarray(keys, dtype=np.int64), table)
    return table


def held(table):
    return {key: (count, error) for key, count, error in table.T.tolist() if key != FREE}


def assert_bounds_hold(table, keys):
    """Every count is within its error, and what is not held is no more frequent than the least count."""
    true = dict(zip(*(part.tolist() for part in np.unique(keys, return_counts=True)), strict=True))
    least = int(table[COUNTS].min())
    assert least <= len(keys) / table.shape[1]
    found = held(table)
    for key, (count, error) in found.items():
        assert count - error <= true.get(key, 0) <= count
    assert all(n <= least for key, n in true.items() if key not in found)


def test_fewer_keys_than_counters_are_counted_exactly():
    assert held(table_of([5, 3, 5, 0, 5, 3], 3)) == {5: (3, 0), 3: (2, 0), 0: (1, 0)}


def test_a_new_key_takes_over_the_least_count_as_its_error():
    assert held(table_of([1, 1, 1, 2, 2, 3], 2)) == {1: (3, 0), 3: (3, 2)}


@pytest.mark.parametrize("counters", [1, 8, 64])
@pytest.mark.parametrize("exponent", [1.05, 1.3, 2.0])
def test_bounds_on_skewed_streams(exponent, counters):
    keys = np.random.default_rng(7).zipf(exponent, size=5000).astype(np.int64) % 10_000
    assert_bounds_hold(table_of(keys, counters), keys)


def test_bounds_on_the_worst_stream():
    """Keys that never come again, with one among them that does."""
    keys = np.arange(3000)
    keys[::40] = 5000
    table = table_of(keys, 64)
    assert_bounds_hold(table, keys)
    assert held(table)[5000][0] >= 75  # 1 in 40 is more than 1 in 64


@pytest.mark.parametrize("seed", range(5))
def test_bounds_after_any_tree_of_merges(seed):
    rng = np.random.default_rng(seed)
    keys = rng.zipf(1.2, size=4000).astype(np.int64) % 3000
    parts = np.array_split(keys, 13)
    tables = [table_of(part, 16) for part in parts]
    assert_bounds_hold(merge_tables(tables, 16), keys)
    while len(tables) > 1:  # a random tree
        first, second = (tables.pop(int(rng.integers(len(tables)))) for _ in range(2))
        tables.append(merge_tables([first, second], 16))
    assert_bounds_hold(tables[0], keys)


def test_a_set_of_tables_gives_the_same_bytes_in_any_order():
    rng = np.random.default_rng(3)
    tables = [table_of(rng.zipf(1.2, size=500) % 900, 8) for _ in range(6)]
    expected = merge_tables(tables, 8).tobytes()
    for _ in range(20):
        assert merge_tables([tables[at] for at in rng.permutation(6)], 8).tobytes() == expected


def test_merging_nothing_and_empty_tables():
    assert held(merge_tables([])) == {}
    table = table_of([4, 4, 9])
    assert held(merge_tables([empty_table(), table, empty_table()])) == held(table)


def test_the_greatest_come_first():
    merged = merge_tables([table_of([9, 9, 1, 5, 5, 7, 7, 7])])
    assert merged[KEYS, :4].tolist() == [7, 5, 9, 1]
    assert merged[COUNTS, :5].tolist() == [3, 2, 2, 1, 0]
    assert merged[ERRORS].sum() == 0
