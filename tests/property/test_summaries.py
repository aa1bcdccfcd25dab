"""Merging: any order and grouping gives what filling at once gives, or what is promised of it."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from kernels import exponential, hashing, hyperloglog, runs, space_saving
from kernels.lanes import TYPE_ERROR_NAN
from sidecar.profile.unseen import UnseenTexts, key_of
from tests.twins import plain_summaries as plain

SCRATCH = np.empty(exponential.BUCKETS, dtype=np.int64)
floats = st.floats(width=64)
values = arrays(np.float64, st.integers(0, 50), elements=floats)
hash_words = arrays(np.uint64, st.integers(0, 30), elements=st.integers(0, 2**64 - 1))
keys = arrays(np.int64, st.integers(0, 80), elements=st.integers(0, 12))


def exponential_of(numbers):
    frame, buckets = exponential.empty_frame(), exponential.empty_buckets()
    exponential.fill_exponential(numbers, frame, buckets, SCRATCH)
    return frame, buckets


def merged(parts, orders):
    """Histograms merged pairwise, two at a time as the drawn numbers say."""
    left = [exponential_of(part) for part in parts]
    while len(left) > 1:
        first = left.pop(orders.draw(st.integers(0, len(left) - 1)))
        second = left.pop(orders.draw(st.integers(0, len(left) - 1)))
        exponential.merge_exponential(*first, *second, SCRATCH)
        left.append(first)
    return left[0]


@given(st.lists(values, min_size=1, max_size=5), st.data())
@settings(deadline=None)
def test_exponential_histograms_merge_to_the_bit(parts, data):
    frame, buckets = merged(parts, data)
    expected_frame, expected_buckets = exponential_of(np.concatenate(parts))
    assert frame.tolist() == expected_frame.tolist()
    assert buckets.tolist() == expected_buckets.tolist()


@given(values)
@settings(deadline=None)
def test_every_finite_value_lies_in_its_bucket(numbers):
    frame, buckets = exponential_of(numbers)
    finite = numbers[np.isfinite(numbers)]
    assert buckets.sum() + frame[exponential.ZEROS] == finite.size
    for side, sign in enumerate((1.0, -1.0)):
        sizes = finite[finite * sign > 0] * sign
        expected = Counter(plain.exponential_index(size, int(frame[exponential.SCALE])) for size in sizes)
        assert buckets[side].sum() == sizes.size
        for index, count in expected.items():
            assert buckets[side, index % exponential.BUCKETS] == count


@given(st.lists(keys, min_size=1, max_size=6), st.integers(1, 6), st.data())
@settings(deadline=None)
def test_frequent_keys_keep_their_bounds_through_any_tree_of_merges(streams, counters, data):
    tables = []
    for stream in streams:
        tables.append(space_saving.empty_table(counters))
        space_saving.fill_table(stream, tables[-1])
    shuffled = data.draw(st.permutations(tables))
    at_once = space_saving.merge_tables(tables, counters)
    assert space_saving.merge_tables(shuffled, counters).tobytes() == at_once.tobytes()
    while len(shuffled) > 1:
        size = data.draw(st.integers(2, len(shuffled)))
        shuffled = [*shuffled[size:], space_saving.merge_tables(shuffled[:size], counters)]
    true = Counter(np.concatenate(streams).tolist())
    for table in (at_once, shuffled[0]):
        held = {key: (count, error) for key, count, error in table.T.tolist() if key != space_saving.FREE}
        least = int(table[space_saving.COUNTS].min())
        assert least * counters <= true.total()
        for key, (count, error) in held.items():
            assert count - error <= true[key] <= count
        assert all(true[key] <= least for key in true.keys() - held.keys())


@given(
    st.lists(arrays(np.uint64, st.integers(0, 30), elements=st.integers(0, 2**64 - 1)), max_size=5), st.data()
)
@settings(deadline=None)
def test_registers_are_free_of_order_grouping_and_repetition(parts, data):
    at_once = hyperloglog.empty_registers()
    for part in parts:
        hyperloglog.fill_registers(part, at_once)
    total = hyperloglog.empty_registers()
    for part in data.draw(st.permutations([*parts, *parts])):
        one = hyperloglog.empty_registers()
        hyperloglog.fill_registers(part, one)
        hyperloglog.merge_registers(total, one)
    assert total.tobytes() == at_once.tobytes()


@given(arrays(np.float64, st.tuples(st.integers(1, 8), st.integers(1, 9)), elements=floats))
@settings(deadline=None)
def test_rows_have_one_hash_if_they_read_alike(rows):
    hashes = np.empty(len(rows), dtype=np.uint64)
    hashing.fill_row_hashes(rows, hashes)
    read = [tuple("nan" if np.isnan(value) else float(value) + 0.0 for value in row) for row in rows]
    assert len(set(hashes.tolist())) == len(set(read))


@given(st.binary(max_size=100), st.integers(0, 2**64 - 1))
@settings(deadline=None)
def test_hash_is_the_specification_s(octets, seed):
    found = hashing.hash_octets(np.frombuffer(octets, dtype=np.uint8), np.uint64(seed))
    assert int(found) == plain.xxh64(octets, seed)


@given(st.text(max_size=80))
@settings(deadline=None)
def test_codes_of_unseen_texts_lead_back(text):
    texts = UnseenTexts()
    code = texts.code(text)
    assert code <= -1.0
    assert -1 - int(code) == key_of(text)
    assert (texts.text(key_of(text)) or "") == text[:64]


@given(
    arrays(
        np.float64,
        st.tuples(st.integers(0, 40), st.integers(1, 3)),
        elements=st.sampled_from([0.0, 1.0, np.nan, np.inf, -2.0, TYPE_ERROR_NAN]),
    ),
    st.data(),
)
@settings(deadline=None)
def test_runs_do_not_depend_on_the_cut(rows, data):
    def watched(blocks):
        width = rows.shape[1]
        latest, lengths = np.full(width, np.nan), np.zeros(width, dtype=np.int64)
        tallies = np.zeros((width, runs.TALLIES), dtype=np.int64)
        for block in blocks:
            runs.fill_runs(block, np.tile([0.0, 1.0], (width, 1)), latest, lengths, tallies)
        return latest.tobytes(), lengths.tolist(), tallies.tolist()

    cuts = sorted(data.draw(st.lists(st.integers(0, len(rows)), max_size=4)))
    assert watched(np.split(rows, cuts)) == watched([rows])
