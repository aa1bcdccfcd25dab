from __future__ import annotations

import json

import pytest

from sidecar.mirror.answer import Answer
from sidecar.mirror.job import Job

PATH = "/v2/models/m/infer"


def v2(*values):
    """A V2 response with one output `y`."""
    output = {"name": "y", "datatype": "FP64", "shape": [len(values)], "data": list(values)}
    return json.dumps({"model_name": "m", "outputs": [output]}).encode()


@pytest.fixture
def answer():
    def make(*values, status=200, latency_s=0.01, failure=None, body=None):
        return Answer(status, {}, v2(*values) if body is None else body, latency_s, failure)

    return make


@pytest.fixture
def job(answer):
    def make(number=1, primary=None, path=PATH, headers=None, body=b'{"inputs": []}'):
        return Job(
            number,
            number.to_bytes(8, "big"),
            "POST",
            path,
            path,
            headers or {},
            body,
            answer(1.0) if primary is None else primary,
        )

    return make
