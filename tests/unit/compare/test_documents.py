from __future__ import annotations

import json
import math
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.compare.documents import (
    MOST_DIFFERENCES,
    Difference,
    DocumentRules,
    Tolerance,
    differences,
    matches,
    path_text,
)

EXACT = DocumentRules()
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


def apart(primary, shadow, rules=EXACT):
    return [(path_text(found.path), found.reason) for found in differences(primary, shadow, rules)]


@pytest.mark.parametrize(
    ("primary", "shadow", "expected"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, []),
        ({"a": 1}, {"a": 1.0}, []),
        ({"a": 1}, {"a": 2}, [("a", "value")]),
        ({"a": 1}, {"a": "1"}, [("a", "type")]),
        ({"a": 1}, {"a": True}, [("a", "type")]),
        ({"a": 1}, {"a": None}, [("a", "type")]),
        ({"a": 1}, {}, [("a", "missing")]),
        ({}, {"a": 1}, [("a", "extra")]),
        ([1, 2], [1, 3], [("[1]", "value")]),
        ([1, 2], [1], [("$", "length")]),
        ([1, 2], [2, 1], [("[0]", "value"), ("[1]", "value")]),
        ({"a": [{"b": "x"}]}, {"a": [{"b": "y"}]}, [("a[0].b", "value")]),
        ("x", "x", []),
        ("x", "y", [("$", "value")]),
        (10**400, 10**400 + 1, []),  # both lie beyond every float64
        (10**400, 1.0, [("$", "value")]),
    ],
)
def test_where_two_documents_differ(primary, shadow, expected):
    assert apart(primary, shadow) == expected


def test_numbers_within_the_tolerance_are_the_same():
    rules = DocumentRules(
        tolerance=Tolerance(absolute=0.1), tolerances={"scores[*]": Tolerance(relative=0.01)}
    )
    primary = {"time": 1.0, "scores": [100.0, 0.0]}
    assert apart(primary, {"time": 1.05, "scores": [101.0, 0.0]}, rules) == []
    assert apart(primary, {"time": 1.2, "scores": [101.5, 0.05]}, rules) == [
        ("time", "value"),
        ("scores[0]", "value"),
        ("scores[1]", "value"),
    ]


def test_ignored_paths_are_passed_over_with_all_below():
    rules = DocumentRules(ignored=("id", "usage", "choices[*].finished", "**.seed"))
    primary = {"id": 1, "usage": {"a": 1}, "choices": [{"finished": 1, "seed": 1, "text": "x"}]}
    shadow = {"usage": {"b": [2]}, "choices": [{"finished": 2, "seed": 2, "text": "y"}], "seed": 9}
    assert apart(primary, shadow, rules) == [("choices[0].text", "value")]


def test_the_list_of_differences_ends():
    assert len(differences(list(range(1000)), list(range(1, 1001)), EXACT)) == MOST_DIFFERENCES


def test_depth_costs_no_stack():
    deep: object = 1
    other: object = 2
    for _ in range(50_000):
        deep, other = [deep], [other]
    (found,) = differences(deep, other, EXACT)
    assert len(found.path) == 50_000


def test_like_differences_have_one_name():
    assert Difference(("choices", 3, "text"), "value").to_text() == "choices[*].text"
    assert Difference((), "type").to_text() == "$"


@given(documents)
def test_a_document_is_the_same_as_its_copy(document):
    assert differences(document, json.loads(json.dumps(document)), EXACT) == []


@given(documents, documents)
def test_who_is_primary_changes_what_is_missing_and_what_extra_only(one, other):
    turned = {"missing": "extra", "extra": "missing"}
    there = {(found.path, turned.get(found.reason, found.reason)) for found in differences(one, other, EXACT)}
    back = {(found.path, found.reason) for found in differences(other, one, EXACT)}
    assert there == back


@pytest.mark.parametrize(
    ("primary", "shadow", "allowed"),
    [
        (math.nan, math.nan, True),
        (math.inf, math.inf, True),
        (math.inf, -math.inf, False),
        (1.0, math.nan, False),
        (math.inf, 1.0, False),
        (100.0, 110.0, True),
        (100.0, 111.5, False),
        (-100.0, -110.0, True),
    ],
)
def test_tolerance_is_absolute_plus_relative(primary, shadow, allowed):
    assert Tolerance(absolute=1.0, relative=0.1).allows(primary, shadow) is allowed


@pytest.mark.parametrize(
    ("pattern", "path", "named"),
    [
        ("a.b", ("a", "b"), True),
        ("a.b", ("a",), False),
        ("a", ("a", "b"), False),
        ("a[*].b", ("a", 3, "b"), True),
        ("a[3].b", ("a", 3, "b"), True),
        ("a[4].b", ("a", 3, "b"), False),
        ("**", (), True),
        ("**.b", ("b",), True),
        ("**.b", ("a", 3, "b"), True),
        ("a.**", ("a",), True),
        ("a.**.c.d", ("a", "c", "x", "c", "d"), True),
        ("a.**.c", ("a", "c", "x"), False),
        ("**.a.**.b", ("x", "a", "y", "b"), True),
    ],
)
def test_patterns(pattern, path, named):
    assert matches(pattern, path) is named


@pytest.mark.parametrize(
    ("primary", "shadow"),
    [([0] * 200_000, [0] * 200_000), ({str(k): 0 for k in range(100_000)}, {})],
    ids=["long arrays", "keys of one side"],
)
def test_memory_does_not_grow_with_the_length_of_a_document(primary, shadow):
    tracemalloc.start()
    try:
        differences(primary, shadow, DocumentRules())
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 100_000
