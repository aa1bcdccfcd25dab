from __future__ import annotations

import json

import numpy as np
import pytest

from sidecar.compare.outputs import MOST_OUTPUTS, OutputComparison, outputs_of
from sidecar.config.shadow import FieldConfig
from sidecar.payload.columns import Columns, intern_schema


def answer(**columns):
    """Columns of numbers or texts; a list of lists is a tensor."""
    names, kinds, numbers, texts = [], [], [], []
    for name, values in columns.items():
        if isinstance(values[0], list):
            for place, element in enumerate(zip(*values, strict=True)):
                names.append(f"{name}[{place}]")
                kinds.append("numeric")
                numbers.append(element)
        elif isinstance(values[0], str):
            names.append(name)
            kinds.append("categorical")
            texts.append(list(values))
        else:
            names.append(name)
            kinds.append("numeric")
            numbers.append(values)
    rows = len(next(iter(columns.values())))
    matrix = np.array(numbers, dtype=np.float64).reshape(-1, rows).T
    schema = intern_schema(tuple(names), tuple(kinds))
    return Columns(
        "v2", "response", "m", None, None, rows, schema, np.ascontiguousarray(matrix), tuple(texts), ()
    )


def rule(name, **settings):
    return FieldConfig(name=name, **settings)


def share(apart):
    return float(apart.mean()) if apart.size else 0.0


def figures(comparison):
    return {entry["name"]: entry for entry in comparison.to_json()}


def test_without_rules_numbers_are_values_and_texts_classes():
    comparison = OutputComparison()
    primary = answer(score=[1.0, 2.0, 3.0, 4.0], label=["a", "b", "c", "d"])
    shadow = answer(score=[1.0, 2.0, 3.1, 4.0], label=["a", "x", "c", "d"])
    assert share(comparison.compare(primary, shadow, 1)) == 0.5
    found = figures(comparison)
    assert (found["score"]["kind"], found["score"]["within"]) == ("value", 0.75)
    assert (found["label"]["kind"], found["label"]["agreement"]) == ("class", 0.75)
    json.dumps(comparison.to_json(), allow_nan=False)


def test_answers_of_another_shape_disagree():
    comparison = OutputComparison()
    assert share(comparison.compare(answer(a=[1.0]), answer(a=[1.0, 2.0]), 1)) == 1.0
    assert share(comparison.compare(answer(a=[1.0]), answer(b=[1.0]), 2)) == 1.0
    assert comparison.shapes_apart == 2


def test_a_tensor_as_a_class_is_the_place_of_its_largest_element():
    comparison = OutputComparison([rule("probs", kind="class")])
    primary = answer(probs=[[0.1, 0.9], [0.6, 0.4]])
    assert share(comparison.compare(primary, answer(probs=[[0.4, 0.6], [0.45, 0.55]]), 1)) == 0.5
    assert figures(comparison)["probs"]["confusion"] == [{"primary": "0", "shadow": "1", "count": 1}]


def test_a_tensor_as_a_ranking_is_the_order_of_its_elements():
    comparison = OutputComparison([rule("scores", kind="ranking", least=0.99)])
    primary = answer(scores=[[3.0, 2.0, 1.0], [3.0, 2.0, 1.0]])
    assert share(comparison.compare(primary, answer(scores=[[30.0, 20.0, 10.0], [2.0, 3.0, 1.0]]), 1)) == 0.5


def test_a_tensor_as_an_embedding_is_its_direction():
    comparison = OutputComparison([rule("vector", kind="embedding")])
    assert share(comparison.compare(answer(vector=[[1.0, 2.0]]), answer(vector=[[2.0, 4.0]]), 1)) == 0.0
    assert share(comparison.compare(answer(vector=[[1.0, 2.0]]), answer(vector=[[2.0, 1.0]]), 2)) == 1.0


def test_a_tensor_of_values_disagrees_where_any_element_does():
    comparison = OutputComparison([rule("x", relative=0.1)])
    assert (
        share(comparison.compare(answer(x=[[1.0, 1.0], [1.0, 1.0]]), answer(x=[[1.05, 1.0], [1.0, 2.0]]), 1))
        == 0.5
    )


def test_with_a_threshold_only_decisions_count():
    comparison = OutputComparison([rule("*", kind="score", threshold=0.5)])
    assert share(comparison.compare(answer(p=[0.1, 0.9]), answer(p=[0.4, 0.4]), 1)) == 0.5


def test_what_is_ignored_is_not_compared():
    comparison = OutputComparison([rule("latency", kind="ignored")])
    assert share(comparison.compare(answer(latency=[1.0], y=[1.0]), answer(latency=[2.0], y=[1.0]), 1)) == 0.0
    assert list(figures(comparison)) == ["y"]


def test_texts():
    comparison = OutputComparison([rule("text", kind="text")])
    assert share(comparison.compare(answer(text=["a b", "c"]), answer(text=["a b", "d"]), 1)) == 0.5
    assert figures(comparison)["text"]["same"] == 0.5


def test_documents_are_compared_by_path():
    comparison = OutputComparison(
        [rule("id", kind="ignored"), rule("usage.**", absolute=5.0), rule("$", relative=0.01)]
    )
    primary = {"id": 1, "usage": {"tokens": 10}, "score": 1.0}
    assert not comparison.compare_documents(primary, {"id": 2, "usage": {"tokens": 14}, "score": 1.005})
    assert comparison.compare_documents(primary, {"id": 2, "usage": {"tokens": 16}, "score": 1.0})
    assert figures(comparison)["$"]["paths"] == [{"path": "usage.tokens", "reason": "value", "documents": 1}]


def test_an_answer_without_rows_disagrees_in_nothing():
    empty = Columns(
        "v2", "response", "m", None, None, 0, intern_schema(("a",), ("numeric",)), np.empty((0, 1)), (), ()
    )
    assert share(OutputComparison().compare(empty, empty, 1)) == 0.0


def test_outputs_are_bounded():
    comparison = OutputComparison()
    for number in range(3 * MOST_OUTPUTS):
        side = answer(**{f"output {number}": [1.0]})
        assert share(comparison.compare(side, side, number)) == 0.0
    assert len(comparison.to_json()) == MOST_OUTPUTS + 1


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e308])
def test_odd_numbers_are_the_same_as_themselves(value):
    for kind in ("class", "score", "value", "ranking"):
        comparison = OutputComparison([rule("x", kind=kind)])
        assert share(comparison.compare(answer(x=[value]), answer(x=[value]), 1)) == 0.0
        json.dumps(comparison.to_json(), allow_nan=False)


def test_elements_of_a_tensor_are_one_output():
    schema = intern_schema(("a[0]", "t", "a[1]", "b"), ("numeric", "categorical", "numeric", "numeric"))
    assert [(output.name, output.numeric, output.text) for output in outputs_of(schema)] == [
        ("a", slice(0, 2), None),
        ("b", slice(2, 3), None),
        ("t", [], 0),
    ]


def test_numbers_as_classes_are_told_apart_to_the_last_digit():
    comparison = OutputComparison([rule("token", kind="class")])
    apart = comparison.compare(answer(token=[1234567.0, 3.0]), answer(token=[1234568.0, 3.0]), 1)
    assert apart.tolist() == [True, False]


def test_elements_of_two_tensors_by_turns():
    schema = intern_schema(("a[0]", "b[0]", "a[1]"), ("numeric", "numeric", "numeric"))
    assert [(output.name, output.numeric) for output in outputs_of(schema)] == [
        ("a", [0, 2]),
        ("b", slice(1, 2)),
    ]
