from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.compare.texts import canonical_tool_calls, common_prefix, compare_texts, ngram_overlap


@given(st.text("ab"), st.text("ab"))
def test_common_prefix_is_the_longest(first, second):
    pairs = enumerate(zip(first, second, strict=False))
    first_apart = next((place for place, (a, b) in pairs if a != b), min(len(first), len(second)))
    assert common_prefix(first, second) == first_apart


def test_worked_example_of_the_overlap():
    assert ngram_overlap("the cat sat", "the cat ran", 2) == 0.5


@pytest.mark.parametrize(
    ("first", "second", "overlap"),
    [
        ("", "", 1.0),
        ("a", "", 0.0),
        ("Yes.", "yes.", 1.0),
        ("one two", "two one", 0.0),
        ("a b c d", "a b c d", 1.0),
        ("a a a a", "a a a", 2 / 3),
    ],
)
def test_overlap(first, second, overlap):
    assert ngram_overlap(first, second) == pytest.approx(overlap)


def test_two_texts():
    pair = compare_texts("The answer is 42.", "The answer is 7")
    assert (pair.same, pair.first_divergence) == (False, 14)
    assert pair.length_ratio == 15 / 17
    assert pair.first_divergence_ratio == 14 / 17
    assert pair.overlap == pytest.approx(2 * 1 / (3 + 2))


def test_a_difference_far_behind_the_limit_is_one():
    long = "x" * 70_000
    assert not compare_texts(long + "a", long + "b").same
    assert compare_texts("", "").first_divergence_ratio == 1.0
    assert compare_texts("", "a").length_ratio is None


def call(name, arguments):
    return {"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}}


def test_tool_calls_are_equal_by_what_they_say():
    ours = canonical_tool_calls([call("weather", '{"city": "Paris", "days": 2}')])
    assert ours == canonical_tool_calls([call("weather", '{"days":2,"city":"Paris"}')])
    assert ours == canonical_tool_calls([call("weather", {"days": 2, "city": "Paris"})])
    assert ours != canonical_tool_calls([call("weather", '{"city": "Rome", "days": 2}')])


@pytest.mark.parametrize("calls", [None, "x", [], [None], [{"function": 3}], {}])
def test_what_is_no_tool_call(calls):
    assert canonical_tool_calls(calls) == ()


def test_arguments_that_are_no_json_are_compared_as_they_are():
    assert canonical_tool_calls([call("f", "{broken")]) == (("f", "{broken"),)
