from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from kernels.lanes import type_errors
from sidecar.errors import Malformed, TooManyColumns, UnknownProtocol
from sidecar.payload.columns import NOT_A_TEXT, Columns
from sidecar.payload.message import Message
from sidecar.payload.registry import decode
from sidecar.payload.v2 import V2Decoder
from tests.support.capture import read_exchange, read_exchanges, read_meta

PATH = "/v2/models/m/infer"


def tensor(name: str, shape: list[int], data: Any, datatype: str = "FP32") -> dict[str, Any]:
    return {"name": name, "shape": shape, "datatype": datatype, "data": data}


def read(*tensors: dict[str, Any], decoder: V2Decoder | None = None, **more: Any) -> Columns:
    body = json.dumps({"inputs": tensors, **more}).encode()
    return (decoder or V2Decoder()).decode(Message("request", "POST", PATH, {}, body))


def read_response(body: dict[str, Any], path: str = PATH) -> Columns:
    return V2Decoder().decode(Message("response", "POST", path, {}, json.dumps(body).encode()))


def complaint(*tensors: dict[str, Any]) -> str:
    with pytest.raises(Malformed) as caught:
        read(*tensors)
    return str(caught.value)


def test_a_matrix_is_one_column_a_place() -> None:
    columns = read(tensor("x", [2, 3], [1, 2, 3, 4, 5, 6.5]), id="r")
    assert columns.schema.names == ("x[0]", "x[1]", "x[2]")
    assert columns.schema.kinds == ("numeric",) * 3
    assert columns.numeric.tolist() == [[1, 2, 3], [4, 5, 6.5]]
    assert (columns.protocol, columns.direction, columns.rows, columns.texts) == ("v2", "request", 2, ())
    assert (columns.model, columns.version, columns.request_id, columns.faults) == ("m", None, "r", ())


@pytest.mark.parametrize("shape", [[2], [2, 1], [2, 1, 1]])
@pytest.mark.parametrize("data", [[1, 2], [[1], [2]]])
def test_one_value_a_row_has_the_tensors_name(shape: list[int], data: list[Any]) -> None:
    columns = read(tensor("x", shape, data))
    assert (columns.schema.names, columns.numeric.tolist()) == (("x",), [[1], [2]])


def test_a_tensor_without_dimensions_is_one_row() -> None:
    columns = read(tensor("x", [], [4]))
    assert (columns.schema.names, columns.rows, columns.numeric.tolist()) == (("x",), 1, [[4]])


def test_higher_ranks_are_flattened_row_major_nested_or_flat() -> None:
    flat = read(tensor("x", [2, 2, 2], list(range(8))))
    nested = read(tensor("x", [2, 2, 2], np.arange(8).reshape(2, 2, 2).tolist()))
    assert flat.schema.names == ("x[0]", "x[1]", "x[2]", "x[3]")
    assert flat.numeric.tolist() == nested.numeric.tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]


@pytest.mark.parametrize("rows", [0, 1, 2, 7])
def test_data_frame_columns(rows: int) -> None:
    columns = read(
        tensor("a", [rows], [1.5] * rows),
        tensor("b", [rows, 1], list(range(rows)), "INT64"),
        tensor("c", [rows], [True] * rows, "BOOL"),
    )
    assert columns.schema.names == ("a", "b", "c")
    assert columns.numeric.tolist() == [[1.5, at, 1] for at in range(rows)]
    assert columns.numeric.shape == (rows, 3)
    assert columns.numeric.flags.c_contiguous


def test_texts_beside_numbers_of_several_widths() -> None:
    columns = read(
        tensor("s", [2, 2], ["a", "b", "c", None], "BYTES"),
        tensor("x", [2, 2], [[1, 2], [3, 4]]),
        tensor("t", [2], ["u", "v"], "BYTES"),
        tensor("y", [2], [5, 6]),
    )
    assert columns.schema.names == ("s[0]", "s[1]", "x[0]", "x[1]", "t", "y")
    assert columns.schema.kinds == ("categorical",) * 2 + ("numeric",) * 2 + ("categorical", "numeric")
    assert columns.texts == (["a", "c"], ["b", None], ["u", "v"])
    assert columns.numeric.tolist() == [[1, 2, 5], [3, 4, 6]]
    assert columns.faults == ()


def test_text_alone_gives_a_matrix_without_columns() -> None:
    columns = read({**tensor("s", [1, 1], ["aGk="], "BYTES"), "parameters": {"content_type": "base64"}})
    assert (columns.texts, columns.numeric.shape) == ((["aGk="],), (1, 0))


@pytest.mark.parametrize("nested", [False, True])
def test_null_is_missing_and_no_fault(nested: bool) -> None:
    data = [[None, 1.0], [2.0, None]] if nested else [None, 1.0, 2.0, None]
    columns = read(tensor("x", [2, 2], data))
    np.testing.assert_array_equal(columns.numeric, [[math.nan, 1], [2, math.nan]])
    assert columns.faults == ()


def test_what_is_no_number_is_a_type_error_and_counted() -> None:
    columns = read(tensor("x", [3, 2], [1, "secret", "secret", "secret", 5, {"a": 1}]))
    np.testing.assert_array_equal(columns.numeric, [[1, math.nan], [math.nan, math.nan], [5, math.nan]])
    assert type_errors(columns.numeric).sum() == 4
    assert columns.faults == ("x[0]: 1 value is not a number", "x[1]: 3 values are not numbers")
    several = read(tensor("a", [2], [1, "2"]), tensor("b", [2], [3, 4]))
    assert several.faults == ("a: 1 value is not a number",)


def test_what_is_no_text_is_a_type_error_and_counted() -> None:
    columns = read(tensor("s", [2, 2], ["a", 1, "b", False], "BYTES"))
    assert columns.texts == (["a", "b"], [NOT_A_TEXT, NOT_A_TEXT])
    assert columns.faults == ("s[1]: 2 values are not text",)


def test_one_row_beside_more_is_repeated_and_other_lengths_left_out() -> None:
    columns = read(
        tensor("x", [3, 2], list(range(6))),
        tensor("threshold", [1, 2], [8, 9]),
        tensor("mode", [1], ["fast"], "BYTES"),
        tensor("offsets", [2], [0, 1]),
    )
    assert columns.schema.names == ("x[0]", "x[1]", "threshold[0]", "threshold[1]", "mode")
    assert columns.numeric.tolist() == [[0, 1, 8, 9], [2, 3, 8, 9], [4, 5, 8, 9]]
    assert columns.texts == (["fast"] * 3,)
    assert columns.faults == (
        "threshold: 1 row beside 3, repeated",
        "mode: 1 row beside 3, repeated",
        "offsets: 2 rows beside 3, left out",
    )


def test_repeated_traffic_shares_one_schema_whatever_its_batch_size() -> None:
    decoder = V2Decoder()
    schemas = [read(tensor("x", [rows, 2], [0] * 2 * rows), decoder=decoder).schema for rows in (1, 3, 1)]
    assert schemas[0] is schemas[1]
    assert schemas[0] is schemas[2]
    assert read(tensor("x", [1, 2], [0, 0], "INT8"), decoder=decoder).schema is schemas[0]
    assert read(tensor("x", [1, 3], [0, 0, 0]), decoder=decoder).schema is not schemas[0]


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ([], "v2: inputs: expected array of length >= 1"),
        ([tensor("x", [2], [1])], "v2: x: expected 2 values for its shape, got 1"),
        ([tensor("x", [2], [1, 2, 3])], "v2: x: expected 2 values for its shape, got 3"),
        ([tensor("x", [0, 2], [1])], "v2: x: expected 0 values for its shape, got 1"),
        ([tensor("x", [2, 2], [[1, 2], [3]])], "v2: x: expected rows of one length, got several"),
        ([tensor("x", [2, 2], [[1, 2], 3, 4])], "v2: x: expected rows of one length, got several"),
        ([tensor("x", [1], [])], "v2: x: expected data, got none"),
        ([tensor("x", [1, 0], [])], "v2: x: expected values in each row, got a dimension of 0"),
        ([tensor("x", [-1], [])], "v2: inputs[0].shape[0]: expected int >= 0"),
        ([tensor("x", [10**30], [])], "v2: inputs[0].shape[0]: expected int <= 1099511627776"),
        ([tensor("x", [1] * 33, [])], "v2: inputs[0].shape: expected array of length <= 32"),
        ([tensor("x", [1], [1], "secret")], "v2: x: expected a datatype of the protocol, got another"),
        ([tensor("x", [1], "secret")], "v2: inputs[0].data: expected array, got str"),
        ([tensor("x", [1], [1]), tensor("x", [1], [1])], "v2: x: expected one column of this name, got more"),
        (
            [tensor("x", [1, 2], [1, 2]), tensor("x[1]", [1], [1])],
            "v2: x[1]: expected one column of this name, got more",
        ),
        ([tensor("x" * 257, [1], [1])], "v2: inputs[0].name: expected str of length <= 256"),
        (
            [tensor("x", [10**12], [1])],
            f"v2: cells: expected at most 8388608, got {10**12} rows of 1 columns",
        ),
        ([tensor("a", [1], [1]), tensor("b", [1], [])], "v2: b: expected data, got none"),
        ([tensor("a", [1], [1, 2]), tensor("b", [1], [])], "v2: a: expected 1 values for its shape, got 2"),
    ],
)
def test_complaints(tensors: list[dict[str, Any]], message: str) -> None:
    assert complaint(*tensors) == message


def test_nested_data_among_columns() -> None:
    columns = read(tensor("a", [2], [[1], [2]]), tensor("b", [2], [3, 4]))
    assert (columns.numeric.tolist(), columns.faults) == ([[1, 3], [2, 4]], ())


def test_column_limit_counts_all_tensors() -> None:
    decoder = V2Decoder(column_limit=4)
    assert len(read(tensor("x", [1, 3], [1] * 3), tensor("y", [1], [1]), decoder=decoder).schema.names) == 4
    with pytest.raises(TooManyColumns) as caught:
        read(tensor("x", [1, 3], [1] * 3), tensor("y", [1, 2], [1] * 2), decoder=decoder)
    assert str(caught.value) == "v2: columns: expected at most 4, got 5"
    with pytest.raises(TooManyColumns):
        read(tensor("x", [0, 10**12], []))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"binary_data_size": 4}, "v2: binary tensors are not decoded"),
        ({"shared_memory_region": "r"}, "v2: tensors in shared memory are not decoded"),
    ],
)
def test_data_elsewhere_is_another_protocol(parameters: dict[str, Any], message: str) -> None:
    without = {"name": "x", "shape": [1], "datatype": "FP32", "parameters": parameters}
    with pytest.raises(UnknownProtocol) as caught:
        read(without)
    assert str(caught.value) == message


def test_header_length_of_the_whole_body_is_plain_json() -> None:
    body = json.dumps({"inputs": [tensor("x", [1], [1])]}).encode()
    headers = {"inference-header-content-length": f" {len(body)}"}
    assert V2Decoder().decode(Message("request", "POST", PATH, headers, body)).rows == 1
    for length in ("0", "secret", str(len(body) - 1)):
        headers = {"inference-header-content-length": length}
        with pytest.raises(UnknownProtocol) as caught:
            V2Decoder().decode(Message("request", "POST", PATH, headers, body))
        assert str(caught.value) == "v2: binary tensors are not decoded"


def test_identity_of_a_response() -> None:
    outputs = [tensor("y", [1], [1])]
    given = read_response({"model_name": "other", "model_version": "7", "id": "r", "outputs": outputs})
    assert (given.model, given.version, given.request_id) == ("m", "7", "r")
    versioned = "/v2/models/m/versions/3/infer"
    assert read_response({"model_version": 7, "id": 5, "outputs": outputs}, versioned).version == "7"
    assert read_response({"id": 5, "outputs": outputs}).request_id == "5"
    for empty in (None, ""):
        body = {"model_name": empty, "model_version": empty, "id": empty, "outputs": outputs}
        found = read_response(body, versioned)
        assert (found.model, found.version, found.request_id) == ("m", "3", None)
    assert read_response({"model_name": "other", "outputs": outputs}, "").model == "other"
    assert read_response({"model_name": "", "outputs": outputs}, "").model is None


def test_id_of_the_headers_when_the_body_has_none() -> None:
    body = json.dumps({"inputs": [tensor("x", [1], [1])]}).encode()
    message = Message("request", "POST", PATH, {"x-request-id": "h"}, body)
    assert V2Decoder().decode(message).request_id == "h"


@pytest.mark.parametrize(
    ("message", "matches"),
    [
        (Message("request", "POST", PATH, {}, b""), True),
        (Message("response", "POST", "/prefix" + PATH, {}, b""), True),
        (Message("request", "GET", PATH, {}, b""), False),
        (Message("request", "POST", "/v2/models/m", {}, b'{"inputs": [{"datatype": "FP32"}]}'), False),
        (Message("request", "POST", "", {}, b'{"inputs": [{"datatype": "FP32"}]}'), True),
        (Message("response", "POST", "", {}, b'{"inputs": [{"datatype": "FP32"}]}'), False),
        (Message("response", "POST", "", {"inference-header-content-length": "3"}, b""), True),
        (Message("request", "POST", "", {}, b'{"inputs": [1]}'), False),
    ],
)
def test_matches(message: Message, matches: bool) -> None:
    assert V2Decoder().matches(message) is matches


IRIS = [[5.1, 3.5, 1.4, 0.2], [6.2, 2.9, 4.3, 1.3], [7.7, 3.0, 6.1, 2.3]]
IRIS_FP32 = np.array(IRIS, dtype=np.float32).astype(np.float64).tolist()


@pytest.mark.parametrize(
    ("server", "case", "names", "rows", "request_id"),
    [
        ("mlserver", "infer_json", "predict", IRIS, "req-json-1"),
        ("mlserver", "infer_version_path", "predict", IRIS, None),
        ("mlserver", "infer_accept_gzip", "predict", IRIS, None),
        ("mlserver", "chunked_request", "x", IRIS[:1], None),
        ("mlserver", "rest_predict_proba", "x", IRIS[:1], None),
        ("kserve", "v2_infer_json", "x", IRIS, "j1"),
        ("kserve", "v2_rest_json", "x", IRIS, "r1"),
        ("kserve", "v2_gzip_request", "x", IRIS, None),
        ("kserve", "v2_rest_binary_out", "x", [[1.5, 2.5, 3.5, 4.5]], "r2"),
        ("triton", "chunked_request", "x", IRIS[:1], None),
        ("triton", "infer_json_in_binary_out", "x", IRIS_FP32, None),
        ("triton", "error_wrong_dtype", "x", [[1, 2, 3, 4]], None),
        ("triton", "error_batch_too_large", "x", [[0.5] * 4] * 17, None),
    ],
)
def test_captured_matrices(
    server: str, case: str, names: str, rows: list[Any], request_id: str | None
) -> None:
    columns = decode(read_exchange(server, case)[0])
    assert columns.schema.names == tuple(f"{names}[{at}]" for at in range(4))
    assert columns.numeric.tolist() == rows
    assert (columns.request_id, columns.faults) == (request_id, ())
    assert columns.model == ("linear" if server == "triton" else "echo" if "binary" in case else "iris")
    assert columns.version == ("v1" if case == "infer_version_path" else None)


def test_captured_data_frame() -> None:
    columns = decode(read_exchange("mlserver", "rest_pandas_content_type")[0])
    assert columns.schema.names == ("a", "b", "c", "d")
    assert columns.numeric.tolist() == [[1, 1, 1, 1], [2, 2, 2, 2]]


RESPONSES = {
    "mlserver": "chunked_request infer_accept_gzip infer_json infer_version_path rest_pandas_content_type "
    "rest_predict_proba",
    "kserve": "v2_echo_mixed_two_inputs v2_infer_binary_in_json_out v2_rest_json",
    "triton": "chunked_request infer_gzip_response",
}


@pytest.mark.parametrize(
    ("server", "case"), [(server, case) for server, cases in RESPONSES.items() for case in cases.split()]
)
def test_captured_responses_hold_what_the_client_parsed(server: str, case: str) -> None:
    parsed = read_meta(server)[case]["parsed"]
    parsed = json.loads(parsed) if isinstance(parsed, str) else parsed
    columns = decode(read_exchange(server, case)[1])
    assert columns.model == parsed["model_name"]
    assert columns.version == parsed["model_version"]
    assert columns.request_id == parsed.get("id")
    at = 0
    for output in parsed["outputs"]:
        rows = output["shape"][0]
        expected = np.array(output["data"], dtype=np.float64).reshape(rows, -1)
        found = columns.numeric[:rows, at : at + expected.shape[1]]
        np.testing.assert_array_equal(found, expected)
        at += expected.shape[1]
    assert at == len(columns.schema.names)


def test_captured_tensor_of_one_row_beside_two() -> None:
    columns = decode(read_exchange("kserve", "v2_echo_mixed_two_inputs")[1])
    assert columns.schema.names == ("echo_a[0]", "echo_a[1]", "echo_a[2]", "echo_b[0]", "echo_b[1]")
    assert columns.numeric.tolist() == [[1, 1, 1, 1, 2], [1, 1, 1, 1, 2]]
    assert columns.faults == ("echo_b: 1 row beside 2, repeated",)


def test_captured_answer_of_kserves_own_client() -> None:
    predict, proba = read_meta("kserve")["v2_kserve_rest_client"]["parsed"]
    columns = decode(read_exchange("kserve", "v2_kserve_rest_client")[1])
    np.testing.assert_array_equal(columns.numeric, np.column_stack([predict, proba]))


@pytest.mark.parametrize("server", ["mlserver", "kserve", "triton"])
def test_captured_binary_tensors_are_another_protocol(server: str) -> None:
    n_binary = 0
    for case in read_meta(server):
        for request, response, status in read_exchanges(server, case):
            for message in (request, response) if status == 200 else (request,):
                if "inference-header-content-length" in message.headers:
                    n_binary += 1
                    with pytest.raises(UnknownProtocol, match=r"v2: binary tensors are not decoded"):
                        decode(message)
    assert n_binary >= 6
