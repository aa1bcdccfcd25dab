from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sidecar.compare.sample import Sample

priorities = st.lists(st.integers(0, 60), max_size=40)


def sample_of(numbers, limit=5):
    sample: Sample[str] = Sample(limit)
    for number in numbers:
        sample.offer(number, f"item {number}")
    return sample


@given(priorities)
def test_the_smallest_priorities_are_kept_whatever_the_order(numbers):
    expected = [(number, f"item {number}") for number in sorted(set(numbers))[:5]]
    assert sample_of(numbers).entries() == sample_of(numbers[::-1]).entries() == expected


@given(priorities, priorities)
def test_merging_gives_the_sample_of_both(one, other):
    merged = sample_of(one)
    merged.merge(sample_of(other).entries())
    assert merged.entries() == sample_of(one + other).entries()


@given(priorities, st.integers(0, 60))
def test_it_says_beforehand_what_it_wants(numbers, number):
    sample = sample_of(numbers)
    before = sample.entries()
    wanted = sample.wants(number)
    sample.offer(number, f"item {number}")
    assert (sample.entries() != before) == wanted
    assert len(sample) == len(sample.items()) <= 5
