from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.compare.rankings import rank_biased_overlap

rankings = st.lists(st.integers(0, 12), max_size=10, unique=True)


def plain(first, second, p):
    """Equation 32 of Webber, Moffat and Zobel, with sets cut anew at every depth."""
    short, long = sorted((first, second), key=len)
    s, depth = len(short), len(long)
    common = [len(set(short[:d]) & set(long[:d])) for d in range(depth + 1)]
    total = sum(common[d] / d * p**d for d in range(1, depth + 1))
    total += sum(common[s] * (d - s) / (s * d) * p**d for d in range(s + 1, depth + 1))
    return (1 - p) / p * total + ((common[depth] - common[s]) / depth + common[s] / s) * p**depth


def test_worked_example():
    assert rank_biased_overlap("abc", "acb", 0.9) == pytest.approx(0.955)


@given(rankings.filter(bool), rankings.filter(bool), st.floats(0.05, 0.95))
def test_twin(first, second, p):
    assert rank_biased_overlap(first, second, p) == pytest.approx(plain(first, second, p))


@given(rankings, rankings)
def test_order_of_the_two_does_not_matter(first, second):
    assert rank_biased_overlap(first, second) == pytest.approx(rank_biased_overlap(second, first))


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [("", "", 1.0), ("a", "", 0.0), ("abc", "abc", 1.0), ("abc", "xyz", 0.0), ("aab", "ab", 1.0)],
)
def test_ends(first, second, expected):
    assert rank_biased_overlap(first, second) == pytest.approx(expected)


def test_upper_places_count_most():
    assert rank_biased_overlap("abcdef", "bacdef") < rank_biased_overlap("abcdef", "abcdfe")
