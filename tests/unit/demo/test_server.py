from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from sidecar.demo.flights import FEATURES, Flights
from sidecar.demo.model import LateModel
from sidecar.demo.server import BadInput, infer
from sidecar.demo.traffic import encode_request


@pytest.fixture
def document(flights: Flights) -> dict[str, Any]:
    rows = np.array([0, 1, 2])
    return dict(json.loads(encode_request(flights.take(rows).cells(), rows)))


def _answer(model: LateModel, document: Any) -> dict[str, Any]:
    return infer(model, json.dumps(document).encode())


def _input(document: dict[str, Any], name: str) -> dict[str, Any]:
    return next(column for column in document["inputs"] if column["name"] == name)


def test_answers_with_a_probability_and_a_decision_for_every_row(
    flights: Flights, model: LateModel, document: dict[str, Any]
) -> None:
    rows = flights.take(np.array([0, 1, 2]))
    expected = model.predict(rows.numeric, rows.texts)
    assert _answer(model, document) == {
        "model_name": "late",
        "model_version": "1",
        "outputs": [
            {"name": "late_probability", "datatype": "FP64", "shape": [3], "data": expected.tolist()},
            {
                "name": "late",
                "datatype": "INT64",
                "shape": [3],
                "data": (expected >= model.threshold).astype(int).tolist(),
            },
        ],
    }


def test_gives_back_the_id_of_the_request(model: LateModel, document: dict[str, Any]) -> None:
    assert _answer(model, document | {"id": "a-1"})["id"] == "a-1"


def test_null_is_imputed(model: LateModel, document: dict[str, Any]) -> None:
    present = _answer(model, document)["outputs"][0]["data"]
    _input(document, "temp")["data"][1] = None
    with_null = _answer(model, document)["outputs"][0]["data"]
    assert with_null[0] == present[0]
    assert with_null[1] != present[1]
    assert 0.0 < with_null[1] < 1.0


@pytest.mark.parametrize("nested", [False, True])
def test_a_column_may_have_the_shape_of_a_matrix(
    model: LateModel, document: dict[str, Any], nested: bool
) -> None:
    plain = _answer(model, document)
    for column in document["inputs"]:
        column["shape"] = [3, 1]
        if nested:
            column["data"] = [[value] for value in column["data"]]
    assert _answer(model, document) == plain


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("temp", {"datatype": "FP32"}, "temp.datatype: expected FP64, got 'FP32'"),
        ("temp", {"shape": [2]}, "temp.shape: expected 3 rows, got 2"),
        ("temp", {"shape": [3, 2]}, "temp.shape: expected [B] or [B, 1] with B >= 1, got [3, 2]"),
        ("temp", {"data": [1.0, 2.0]}, "temp.data: expected 3 values, got 2"),
        ("temp", {"data": [1.0, "2", 3.0]}, "temp.data: expected numbers or null"),
        ("temp", {"data": [1.0, True, 3.0]}, "temp.data: expected numbers or null"),
        ("origin", {"data": ["JFK", 1, None]}, "origin.data: expected texts or null"),
        ("hour", {"shape": [0], "data": []}, "hour.shape: expected [B] or [B, 1] with B >= 1, got [0]"),
    ],
)
def test_a_column_that_is_not_the_models_is_refused(
    model: LateModel, document: dict[str, Any], name: str, change: dict[str, Any], message: str
) -> None:
    _input(document, name).update(change)
    with pytest.raises(BadInput) as caught:
        _answer(model, document)
    assert str(caught.value) == message


def test_a_missing_an_unknown_and_a_doubled_input_are_refused(
    model: LateModel, document: dict[str, Any]
) -> None:
    names = ", ".join(FEATURES)
    columns = document["inputs"]
    for inputs, got in [
        (columns[1:], ", ".join(FEATURES[1:])),
        ([*columns, columns[0] | {"name": "age"}], f"{names}, age"),
        ([*columns, columns[0]], f"{names}, hour"),
        ([], ""),
    ]:
        with pytest.raises(BadInput) as caught:
            _answer(model, {"inputs": inputs})
        assert str(caught.value) == f"inputs: expected {names}, got {got}"


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"{}", b'{"inputs": [{"name": "hour"}]}', b'{"inputs": "\xff"}']
)
def test_a_body_that_is_no_request_is_refused(model: LateModel, body: bytes) -> None:
    with pytest.raises(BadInput, match=r"^body: expected an inference request, got "):
        infer(model, body)
