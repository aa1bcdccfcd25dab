from __future__ import annotations

import json
import math

import numpy as np
import pytest

from sidecar.admin.answers import encode_json, json_answer, problem_answer


def test_what_json_has_no_word_for_is_null() -> None:
    document = {"a": math.nan, "b": [math.inf, -math.inf, 1.5], "c": np.float64("nan"), "d": None}
    assert encode_json(document) == b'{"a":null,"b":[null,null,1.5],"c":null,"d":null}\n'


def test_numpy_numbers_are_numbers() -> None:
    document = {"f": np.float64(0.25), "i": np.int64(3), "a": np.array([1, 2]), "t": (1, "x")}
    assert json.loads(encode_json(document)) == {"f": 0.25, "i": 3, "a": [1, 2], "t": [1, "x"]}


def test_anything_else_is_a_programming_fault() -> None:
    with pytest.raises(TypeError) as caught:
        encode_json({"a": object()})
    assert str(caught.value) == "admin: expected a JSON value, got object"


def test_a_problem_says_what_and_why() -> None:
    answer = problem_answer(404, "no such thing")
    assert (answer.status, answer.content_type) == (404, "application/problem+json")
    assert isinstance(answer.body, bytes)
    assert json.loads(answer.body) == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "no such thing",
    }


def test_a_document_is_json() -> None:
    answer = json_answer({"a": 1})
    assert (answer.status, answer.content_type, answer.body) == (200, "application/json", b'{"a":1}\n')
