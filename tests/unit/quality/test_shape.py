from __future__ import annotations

import pytest

from sidecar.payload.columns import Schema, intern_schema
from sidecar.profile.feature import FeatureSpec
from sidecar.quality.shape import CHANGED, FIRST_CHANGE, MESSAGES, SCHEMAS_KEPT, ShapeCounter, shape_changes

NAMES = {"x[0]": "age", "x[1]": "dist", "c": "carrier"}
EXPECTED = Schema(("x[0]", "x[1]", "c"), ("numeric", "numeric", "categorical"))
FEATURES = (
    FeatureSpec("age", "input", "numeric"),
    FeatureSpec("dist", "input", "numeric"),
    FeatureSpec("carrier", "input", "categorical"),
)


def changes(**kinds):
    return shape_changes(EXPECTED, FEATURES, NAMES, Schema(tuple(kinds), tuple(kinds.values())))


def schema(*names):
    return Schema(names, tuple("categorical" if name == "c" else "numeric" for name in names))


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("x[0]", "x[1]", "c"), ()),
        (("age", "dist", "carrier"), ("kind",)),  # a carrier that is a number here
        (("x[0]", "x[1]"), ("absent",)),
        (("x[0]", "x[1]", "c", "new"), ("unknown",)),
        (("c", "x[0]", "x[1]"), ("order",)),
        (("c", "new", "x[0]"), ("absent", "unknown", "order")),
        (("x", "c"), ("absent", "unknown")),  # another rank: `x` instead of `x[0]` and `x[1]`
    ],
)
def test_changes(names, expected):
    assert shape_changes(EXPECTED, FEATURES, NAMES, schema(*names)) == expected


def test_a_text_where_a_number_was():
    assert changes(**{"x[0]": "categorical", "x[1]": "numeric", "c": "categorical"}) == ("kind",)


def test_messages_are_counted_by_what_has_changed():
    counter = ShapeCounter(EXPECTED, FEATURES, NAMES)
    for names in (("x[0]", "x[1]", "c"), ("x[0]", "c"), ("c", "new", "x[0]")):
        for _ in range(2):
            counter.note(schema(*names))
    assert counter.counts[MESSAGES] == 6
    assert counter.counts[CHANGED] == 4
    assert counter.counts[FIRST_CHANGE:].tolist() == [4, 2, 0, 2]


def test_ever_new_schemas_are_counted_in_bounded_memory():
    counter = ShapeCounter(EXPECTED, FEATURES, NAMES)
    for at in range(3 * SCHEMAS_KEPT):
        counter.note(intern_schema((f"y{at}",), ("numeric",)))
    assert counter.counts.tolist()[: FIRST_CHANGE + 2] == [3 * SCHEMAS_KEPT] * 4
    assert len(counter._known) <= SCHEMAS_KEPT
