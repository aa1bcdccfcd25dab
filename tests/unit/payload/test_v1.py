from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from sidecar.errors import Malformed, TooManyColumns, UnknownProtocol
from sidecar.payload.columns import Direction
from sidecar.payload.message import Message
from sidecar.payload.registry import decode
from sidecar.payload.v1 import V1Decoder
from tests.support.capture import read_exchange, read_meta

PATH = "/v1/models/m:predict"


def message(body: Any, direction: Direction = "request", path: str = PATH, **headers: str) -> Message:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Message(
        direction, "POST", path, {name.replace("_", "-"): value for name, value in headers.items()}, raw
    )


def test_rows_of_a_request() -> None:
    path = "/v1/models/m/versions/2:predict"
    columns = V1Decoder().decode(
        message({"signature_name": "s", "instances": [[1, 2], [3, 4]]}, path=path, ce_id="e")
    )
    assert columns.schema.names == ("instances[0]", "instances[1]")
    assert columns.numeric.tolist() == [[1, 2], [3, 4]]
    assert (columns.protocol, columns.direction, columns.rows) == ("v1", "request", 2)
    assert (columns.model, columns.version, columns.request_id, columns.faults) == ("m", "2", "e", ())


def test_tensors_of_a_request() -> None:
    columns = V1Decoder().decode(message({"inputs": {"a": [1, 2], "s": ["t", "u"]}}))
    assert (columns.schema.names, columns.schema.kinds) == (("a", "s"), ("numeric", "categorical"))
    assert (columns.numeric.tolist(), columns.texts) == ([[1], [2]], (["t", "u"],))
    assert V1Decoder().decode(message({"inputs": [[1], [2]]})).schema.names == ("inputs",)


def test_both_forms_of_a_response() -> None:
    rows = V1Decoder().decode(message({"predictions": [{"label": "a", "score": 0.5}]}, "response"))
    assert (rows.schema.names, rows.texts, rows.numeric.tolist()) == (("label", "score"), (["a"],), [[0.5]])
    tensors = V1Decoder().decode(message({"outputs": [[0.1, 0.9]]}, "response"))
    assert (tensors.schema.names, tensors.direction) == (("outputs[0]", "outputs[1]"), "response")


def test_tokens_that_only_tensorflow_calls_json() -> None:
    columns = V1Decoder().decode(message(b'{"instances": [[NaN, Infinity], [-Infinity, 1]]}'))
    np.testing.assert_array_equal(columns.numeric, [[math.nan, math.inf], [-math.inf, 1]])
    assert columns.faults == ()


@pytest.mark.parametrize(
    ("direction", "body", "reason"),
    [
        ("request", {"instances": [1], "inputs": [1]}, "body: expected either instances or inputs, got both"),
        ("request", {"predictions": [1]}, "body: expected either instances or inputs, got neither"),
        ("response", {"error": "secret"}, "body: expected either predictions or outputs, got neither"),
        ("request", {"instances": {"secret": 1}}, "instances: expected array, got dict"),
        ("response", {"predictions": None}, "predictions: expected array, got NoneType"),
        ("request", [1], "body: expected object, got array"),
    ],
)
def test_complaints(direction: Direction, body: Any, reason: str) -> None:
    with pytest.raises(Malformed) as caught:
        V1Decoder().decode(message(body, direction))
    assert str(caught.value) == f"v1: {reason}"


def test_column_limit() -> None:
    with pytest.raises(TooManyColumns) as caught:
        V1Decoder(column_limit=2).decode(message({"instances": [[1, 2, 3]]}))
    assert str(caught.value) == "v1: columns: expected at most 2, got 3"


@pytest.mark.parametrize(
    ("verb", "direction", "is_read"),
    [
        ("predict", "request", True),
        ("explain", "request", True),
        ("explain", "response", False),
        ("classify", "request", False),
        ("regress", "response", False),
    ],
)
def test_verbs(verb: str, direction: Direction, is_read: bool) -> None:
    body = {"instances": [1], "predictions": [1]}
    asked = message(body, direction, f"/v1/models/m:{verb}")
    assert V1Decoder().matches(asked)
    if is_read:
        assert V1Decoder().decode(asked).rows == 1
        return
    with pytest.raises(UnknownProtocol) as caught:
        V1Decoder().decode(asked)
    assert str(caught.value) == f"v1: a {direction} of :{verb} is not decoded"


@pytest.mark.parametrize(
    ("asked", "matches"),
    [
        (message(b""), True),
        (message(b"", "response"), True),
        (Message("request", "GET", PATH, {}, b""), False),
        (message(b'{"instances": [1]}', path="/predictions/m"), False),
        (message(b'{"instances": [1]}', path=""), True),
        (message(b'{"instances": [1]}', "response", path=""), False),
        (message(b'{"predictions": [1]}', "response", path=""), True),
    ],
)
def test_matches(asked: Message, matches: bool) -> None:
    assert V1Decoder().matches(asked) is matches


def test_without_a_path_there_is_no_model() -> None:
    columns = V1Decoder().decode(message({"predictions": [1]}, "response", path=""))
    assert (columns.model, columns.version) == (None, None)


IRIS = [[5.1, 3.5, 1.4, 0.2], [6.2, 2.9, 4.3, 1.3], [7.7, 3.0, 6.1, 2.3]]


@pytest.mark.parametrize(
    ("server", "case", "rows"),
    [
        ("kserve", "v1_predict", IRIS),
        ("kserve", "v1_explain", IRIS),
        ("kserve", "v1_kserve_rest_client", IRIS),
        ("kserve", "v1_cloudevent_binary", IRIS),
        ("torchserve", "v1_predict", IRIS[:2]),
    ],
)
def test_captured_requests(server: str, case: str, rows: list[list[float]]) -> None:
    columns = decode(read_exchange(server, case)[0])
    assert columns.schema.names == tuple(f"instances[{at}]" for at in range(4))
    assert columns.numeric.tolist() == rows
    assert columns.model == ("lin" if server == "torchserve" else "iris")
    assert columns.request_id == ("36077800-0c23" if case == "v1_cloudevent_binary" else None)


@pytest.mark.parametrize(
    ("server", "case"),
    [
        ("kserve", "v1_predict"),
        ("kserve", "v1_kserve_rest_client"),
        ("kserve", "v1_cloudevent_binary"),
        ("torchserve", "v1_predict"),
    ],
)
def test_captured_responses_hold_what_the_client_parsed(server: str, case: str) -> None:
    parsed = read_meta(server)[case]["parsed"]
    parsed = json.loads(parsed) if isinstance(parsed, str) else parsed
    columns = decode(read_exchange(server, case)[1])
    assert columns.schema.names == ("predictions",)
    assert columns.numeric[:, 0].tolist() == parsed["predictions"]


def test_captured_messages_of_another_form() -> None:
    with pytest.raises(UnknownProtocol):
        decode(read_exchange("kserve", "v1_explain")[1])
    with pytest.raises(Malformed):
        decode(read_exchange("kserve", "v1_cloudevent_structured")[0])
