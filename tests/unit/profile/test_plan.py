from __future__ import annotations

import msgspec
import pytest

from sidecar.errors import BadReference
from sidecar.profile.plan import Plan, plan_from_state


def test_named_columns_come_once_and_inputs_first():
    plan = Plan(columns=("a", "b"), prediction="p", score="p", label="y", time="t", segment="a")
    assert plan.named == ("a", "b", "p", "y", "t")
    assert plan.apart == {"y", "t"}
    assert plan.wanted().columns == {"a", "b", "p", "y", "t"}
    assert plan.wanted().time == "t"


def test_a_segment_is_a_feature_only_if_it_is_an_input():
    assert Plan(columns=("a",), segment="s").apart == {"s"}
    assert Plan(segment="s").apart == frozenset()


def test_all_columns_are_wanted_without_a_list():
    assert Plan(prediction="p").wanted().columns is None


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"hour_of_week": True}, "--hour-of-week: expected --time as well, got none"),
        ({"pane_s": 0.0}, "--pane-s: expected a number of seconds above 0, got 0"),
        ({"pane_s": float("nan")}, "--pane-s: expected a number of seconds above 0, got nan"),
        ({"label": "y", "prediction": "y"}, "--prediction: expected a column of its own, got 'y' twice"),
        ({"label": "y", "score": "y"}, "--score: expected a column of its own, got 'y' twice"),
        ({"label": "y", "time": "y"}, "--label: expected a column of its own, got 'y' twice"),
    ],
)
def test_what_cannot_be(fields, message):
    with pytest.raises(BadReference) as caught:
        Plan(**fields).check()
    assert str(caught.value) == message


def test_state_survives():
    plan = Plan(columns=("a",), categorical=("a",), time="t", hour_of_week=True, pane_s=30.0)
    assert plan_from_state(plan.to_state()) == plan
    with pytest.raises(msgspec.ValidationError):
        plan_from_state({"pane_s": "long"})
