from __future__ import annotations

import json
from typing import Any

import pytest

from sidecar.inspect import Inspection, ShownColumn, inspect_bytes
from tests.support.capture import WIRE

SHAPE = "body: expected JSON with inputs, outputs, instances or predictions (V2, V1), got another"
PATH = "path: expected POST to /v2/models/NAME/infer or /v1/models/NAME:predict, got another"


def inspect(data: bytes, path: str | None = None, content_type: str | None = None) -> dict[str, Any]:
    shown = inspect_bytes(data, path=path, content_type=content_type).to_json()
    json.dumps(shown, allow_nan=False)
    assert list(shown) == ["protocol", "direction", "model", "version", "rows", "columns", "faults"]
    return shown


def capture(name: str) -> bytes:
    return (WIRE / name).read_bytes()


def refused(direction: str | None, *faults: str) -> dict[str, Any]:
    return {
        "protocol": None, "direction": direction, "model": None, "version": None, "rows": 0, "columns": [],
        "faults": list(faults),
    }  # fmt: skip


V1_BODY = b'{"instances": [[1, "a"], [NaN, "b"]]}'


def test_a_captured_request() -> None:
    assert inspect(capture("mlserver/rest_pandas_content_type.req")) == {
        "protocol": "v2",
        "direction": "request",
        "model": "iris",
        "version": None,
        "rows": 2,
        "columns": [{"name": name, "kind": "numeric", "values": [1.0, 2.0]} for name in "abcd"],
        "faults": [],
    }


@pytest.mark.parametrize(
    ("file", "direction", "names", "version"),
    [
        ("mlserver/chunked_request.req", "request", ["x[0]", "x[1]", "x[2]", "x[3]"], None),
        ("kserve/v2_gzip_request.req", "request", ["x[0]", "x[1]", "x[2]", "x[3]"], None),
        ("triton/chunked_request.resp", "response", ["y", "cls"], "1"),
        ("mlserver/infer_json.resp", "response", ["predict"], "v1"),
        ("torchserve/v1_predict.resp", "response", ["predictions"], None),
    ],
)
def test_captured_messages_tell_their_protocol(
    file: str, direction: str, names: list[str], version: str | None
) -> None:
    shown = inspect(capture(file))
    assert (shown["direction"], shown["version"], shown["faults"]) == (direction, version, [])
    assert [column["name"] for column in shown["columns"]] == names


def test_the_first_of_several_messages_counts() -> None:
    one, two = capture("mlserver/infer_json.req"), capture("mlserver/rest_predict_proba.req")
    assert inspect(one + two) == inspect(one)
    assert inspect(one + b"garbage") == inspect(one)
    answers = capture("mlserver/infer_json.resp"), capture("mlserver/rest_predict_proba.resp")
    assert inspect(b"".join(answers)) == inspect(answers[0])


def test_interim_responses_are_passed_over() -> None:
    answer = capture("mlserver/infer_json.resp")
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
    assert inspect(interim + answer) == inspect(answer)


def test_path_wins_and_its_query_is_cut() -> None:
    request = b"POST /predict?x=1 HTTP/1.1\r\nhost: h\r\ncontent-length: %d\r\n\r\n%b" % (
        len(V1_BODY),
        V1_BODY,
    )
    assert inspect(request)["protocol"] is None
    shown = inspect(request, "/v1/models/m/versions/2:predict?y=1")
    assert (shown["protocol"], shown["model"], shown["version"]) == ("v1", "m", "2")
    assert shown["columns"][0] == {"name": "instances[0]", "kind": "numeric", "values": [1.0, None]}
    assert shown["columns"][1] == {"name": "instances[1]", "kind": "categorical", "values": ["a", "b"]}


@pytest.mark.parametrize("path", [None, "/v1/models/m:predict"])
def test_a_bare_body(path: str | None) -> None:
    shown = inspect(V1_BODY, path, "application/json")
    assert (shown["protocol"], shown["direction"], shown["rows"]) == ("v1", "request", 2)
    assert shown["model"] == (None if path is None else "m")
    answer = inspect(b'{"predictions": [1]}', path)
    assert (answer["protocol"], answer["direction"]) == ("v1", "response")


@pytest.mark.parametrize("data", [b"", b"\xff\x00", b"hello", b'{"secret": 1}', b"GET /", b"HTTP/1"])
def test_bytes_of_no_protocol(data: bytes) -> None:
    assert inspect(data) == refused(None, SHAPE)
    assert inspect(data, "/v1/models/m:predict")["protocol"] is None


def test_what_cannot_be_decoded_says_why() -> None:
    assert inspect(capture("kserve/v2_echo_binary_bool.resp")) == refused(
        "response", "v2: binary tensors are not decoded"
    )
    assert inspect(capture("torchserve/predictions_json.req")) == refused("request", f"unknown: {PATH}")
    assert inspect(capture("mlserver/error_404_model.resp")) == refused(
        "response", "status: expected 2xx, got 404"
    )


def test_a_broken_head() -> None:
    assert inspect(b"POST /v1/models/m:predict HTTP/1.1\r\nbad header\r\n\r\n") == refused(
        "request", "head: expected one of HTTP/1.1, got other bytes"
    )
    assert inspect(b"POST /v1/models/m:predict HTTP/1.1\r\nhost: h\r\n") == refused(
        "request", "head: expected one of HTTP/1.1, got its beginning"
    )


def test_a_body_that_was_cut_short() -> None:
    request = b"POST /v1/models/m:predict HTTP/1.1\r\nhost: h\r\ncontent-length: 99\r\n\r\n"
    whole = inspect(request + V1_BODY)
    assert whole["rows"] == 2
    assert whole["faults"] == ["body: expected all of it, got its beginning"]
    cut = inspect(request + V1_BODY[:9])
    assert cut["protocol"] is None
    assert cut["faults"][1:] == ["body: expected all of it, got its beginning"]


def test_a_chunked_body_that_breaks() -> None:
    head = b"POST /v1/models/m:predict HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n"
    broken = inspect(head + b"%x\r\n%b\r\nzz\r\n" % (len(V1_BODY), V1_BODY))
    assert (broken["rows"], broken["faults"]) == (2, ["body: expected all of it, got other bytes"])


def test_a_response_that_ends_with_its_connection() -> None:
    shown = inspect(b'HTTP/1.1 200 OK\r\nserver: s\r\n\r\n{"predictions": [1]}', "/v1/models/m:predict")
    assert (shown["model"], shown["rows"], shown["faults"]) == ("m", 1, [])


def test_an_upgrade_ends_the_message() -> None:
    shown = inspect(
        b"GET /v1/models/m HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n\x81\x00"
    )
    assert shown == refused("request", f"unknown: {PATH}")


def test_repeated_headers_are_joined() -> None:
    import gzip
    import zlib

    body = gzip.compress(zlib.compress(V1_BODY))
    head = b"POST /v1/models/m:predict HTTP/1.1\r\nContent-Encoding: deflate\r\ncontent-encoding: gzip\r\n"
    assert inspect(head + b"content-length: %d\r\n\r\n%b" % (len(body), body))["rows"] == 2


def test_at_most_twenty_values_and_no_infinities() -> None:
    body = b'{"instances": [%s]}' % b",".join([b"Infinity"] * 2 + [b"1"] * 30)
    shown = inspect(body)
    assert shown["rows"] == 32
    assert shown["columns"][0]["values"] == [None] * 2 + [1.0] * 18
    assert shown["faults"] == ["instances: 2 infinite values shown as null"]


def test_text_form() -> None:
    body = (
        b'{"instances": [{"age": 1.5, "what\\n": "a long text that does not fit the table"}, {"age": "t"}]}'
    )
    assert inspect_bytes(body, path="/v1/models/m:predict", content_type=None).to_text() == "\n".join(
        [
            "protocol   v1",
            "direction  request",
            "model      m",
            "version    -",
            "rows       2",
            "columns    2",
            "",
            "column    kind         values",
            "age       numeric      1.5 -",
            "'what\\n'  categorical  a long text that does... -",
            "",
            "fault: age: 1 value is not a number",
        ]
    )


def test_text_form_of_a_refusal() -> None:
    assert inspect_bytes(b"", path=None, content_type=None).to_text().splitlines()[-2:] == [
        "",
        f"fault: {SHAPE}",
    ]


def test_a_payload_cannot_drive_the_terminal() -> None:
    column = ShownColumn("x", "categorical", ("\x1b[2J",))
    text = Inspection("v1", "request", "\x1b", None, 1, (column,), ()).to_text()
    assert "\x1b" not in text
