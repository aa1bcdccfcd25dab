from __future__ import annotations

import json

import numpy as np

from sidecar.config.shadow import ShadowConfig
from sidecar.mirror.choice import key_hash
from sidecar.mirror.explanation import Explanation
from sidecar.payload.columns import Columns, intern_schema

OUTPUT = intern_schema(("y",), ("numeric",))


def answer(*values):
    matrix = np.array(values, dtype=np.float64).reshape(-1, 1)
    return Columns("v2", "response", "m", None, None, len(values), OUTPUT, matrix, (), ())


def asked(job, *rows):
    tensor = {
        "name": "x",
        "datatype": "FP64",
        "shape": [len(rows), 2],
        "data": [v for row in rows for v in row],
    }
    return job(body=json.dumps({"inputs": [tensor]}).encode()).inputs(1 << 20).columns


def explanation(**settings):
    return Explanation(ShadowConfig(name="s", url="http://127.0.0.1:1", **settings))


def test_where_the_shadow_differs_is_told_with_examples(job):
    rng = np.random.default_rng(1)
    found = explanation(exemplars=5)
    for number in range(3000):
        values = rng.random(2)
        apart = bool(values[1] > 0.86)
        pair = answer(0.0), answer(float(apart))
        inputs = asked(job, values.tolist())
        found.add(number, key_hash(str(number)), inputs, *pair, np.array([apart]))
    told = found.to_json()
    first = told["segments"][0]
    assert [part["feature"] for part in first["where"]] == ["x[1]"]
    assert first["where"][0]["cell"].startswith(">= 0.8")
    assert first["rate"] > 0.9 > 0.1 > first["rate_elsewhere"]
    assert len(told["exemplars"]) == 5
    assert all(pair["inputs"]["x[1]"] > 0.86 for pair in told["exemplars"])


def test_one_row_of_a_request_counts(job):
    found = explanation()
    rows = [[float(row), 0.0] for row in range(100)]
    for number in range(300):
        pair = answer(*[0.0] * 100), answer(*[1.0] * 100)
        found.add(number, number, asked(job, *rows), *pair, np.ones(100, dtype=bool))
    assert found._segments.total == 300


def test_requests_that_cannot_be_read_have_examples_yet_no_place():
    found = explanation()
    found.add(1, 1, None, answer(0.0), answer(1.0), np.array([True]))
    told = found.to_json()
    assert (told["segments"], told["exemplars"][0]["inputs"]) == ([], {})


def test_answers_of_another_shape_are_no_example(job):
    found = explanation()
    found.add(1, 1, asked(job, [1.0, 2.0]), answer(0.0), answer(1.0, 2.0), np.array([True]))
    assert found.to_json()["exemplars"] == []
